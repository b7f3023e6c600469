"""The site in a process of its own, so that readers do not wait for what the poller is at; ended cleanly."""

import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from types import TracebackType
from typing import Self

import msgspec

from aggregator.config import Settings
from aggregator.errors import ConfigError
from web.serving import END_SECONDS, Place

START_SECONDS = 30.0
LOOK_SECONDS = 0.02  # between two looks whether it is up
COMMAND = (sys.executable, "-m", "web.serving")


class Site:
    """Serves while its context lasts; requests under way are answered before it ends. It ends with this process too,
    whatever kills that.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            self._place = _place(settings)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"cannot serve at {settings.host}:{settings.port}: {reason}") from error

    @property
    def port(self) -> int:
        """Where it listens: the port of the settings, or one that was free if that is 0."""
        return self._place.port

    def wait(self) -> None:
        """Return when it has ended by itself, which it should not."""
        self._process.wait()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE)  # noqa: S603 - our own words
        told = self._process.stdin
        assert told is not None
        with suppress(BrokenPipeError):  # it is gone already, which shows at once
            told.write(msgspec.json.encode(self._place) + b"\n")
            told.flush()
        try:
            if not self._comes_up():
                raise ConfigError(f"cannot serve at {self._place.host}:{self.port}: the site did not start")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _comes_up(self) -> bool:
        ends_at = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < ends_at:
            try:
                socket.create_connection((self._place.host, self.port), timeout=1).close()
            except OSError:
                time.sleep(LOOK_SECONDS)
            else:
                return True
        return False

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


def _place(settings: Settings) -> Place:
    """The address that a host name means, with a port that is free. OSError where it cannot be served at."""
    kind, _, _, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with closing(socket.socket(kind)) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(address)
        host, port = tried.getsockname()[:2]
    return Place(settings, host, port)
