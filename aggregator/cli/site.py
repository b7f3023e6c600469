"""The site on a thread of this process, served by waitress and ended cleanly."""

import threading
from types import TracebackType
from typing import Self

import waitress
from waitress import wasyncore

import web
from aggregator.config import Settings
from aggregator.errors import ConfigError

THREADS = 8
TURN_SECONDS = 0.2  # how long the loop waits at most before it looks whether it shall end


class Site:
    """Serves while its context lasts; requests under way are answered before it ends."""

    def __init__(self, settings: Settings) -> None:
        self._sockets: dict[int, object] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="site", daemon=True)
        try:
            self._server = waitress.create_server(
                web.create_app(settings), map=self._sockets, host=settings.host, port=settings.port, threads=THREADS
            )
        except (OSError, ValueError) as error:  # ValueError: no such host
            wasyncore.close_all(self._sockets)
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"cannot serve at {settings.host}:{settings.port}: {reason}") from error

    @property
    def port(self) -> int:
        """Where it listens: the port of the settings, or the one that was free if that is 0."""
        return int(self._server.effective_port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        # waitress has no way to be stopped from another thread, so its loop is turned here.
        while not self._ended.is_set():
            wasyncore.loop(TURN_SECONDS, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)
