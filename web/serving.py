"""The site as a process of its own, under granian: takes settings from its standard input, serves until that ends.

`python -m web.serving` is started by the commands; it reads one line of JSON, and ends when whoever started it is gone.
"""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from aggregator.config import Settings
from web import create_app
from web.gallery import WAITING_LIMIT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PROCESSES = min(2, os.cpu_count() or 1)  # one alone gave 10,000 to 13,000 feeds a second, two 14,000 to 17,000
THREADS = 4  # of each; every one has a connection to the data base
END_SECONDS = 5  # from the wish that it ends until it has, whatever it is at
REQUESTS_SECONDS = END_SECONDS - 1  # of these, for requests under way
GARBAGE = 20_000, 20, 100  # objects, and rounds: pages leave hardly any circles behind


class Place(msgspec.Struct, frozen=True):
    """What to serve, and where."""

    settings: Settings
    host: str  # an address, no name
    port: int


def main(given: BinaryIO) -> None:
    """Serve what the first line says until there is nothing more to read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until granian takes it as the wish to end
    place = msgspec.json.decode(given.readline(), type=Place)
    server = Granian(
        "web",
        place.host,
        place.port,
        interface=Interfaces.WSGI,
        workers=PROCESSES,
        blocking_threads=THREADS + (WAITING_LIMIT if place.settings.pictures == "proxy" else 0),
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=REQUESTS_SECONDS,
    )
    os.register_at_fork(after_in_child=_can_be_ended)
    _end_after(partial(os.read, given.fileno(), 1))  # not by `given`: the lock that it holds would be forked
    server.serve(target_loader=partial(_load, place.settings), wrap_loader=False)


def _can_be_ended() -> None:
    """Let this process, which is to answer, be ended from its first moment: until it is ready it would only note the
    wish, as the one does that it was forked from, and has passed on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _load(settings: Settings) -> "WSGIApplication":
    """The application, in the process that answers."""
    level = logging.getLevelName(settings.log_level)
    if sys.stderr.isatty():
        level = max(level, logging.WARNING)
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    parent = parent_process()
    if parent is not None:
        _end_after(partial(connection.wait, [parent.sentinel]))
    app = create_app(settings).wsgi_app
    gc.collect()
    gc.freeze()  # what is there now stays: looking through it again and again costs a page in twenty 50 ms
    gc.set_threshold(*GARBAGE)
    return app


def _end_after(wait: Callable[[], object]) -> None:
    """End this process once `wait` returns; requests under way are answered first."""

    def watch() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watch", daemon=True).start()


if __name__ == "__main__":
    main(sys.stdin.buffer)
