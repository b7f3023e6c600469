"""A subscriber on loopback: confirms what it is asked and takes what it is sent, unless a test says otherwise."""

import ssl
from collections.abc import Callable
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.origin import Answer, Origin, Request, answer


def fields_of(request: Request) -> dict[str, str]:
    """What stands in the query."""
    return dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))


class Subscriber:
    """`says` answers in its place: what is asked of, or sent to, a path."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.says: dict[tuple[str, str], Callable[[Request], Answer]] = {}  # by method and path
        self.origin = Origin(self._answer, tls)

    def __enter__(self) -> Self:
        self.origin.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.origin.__exit__()

    def callback(self, target: str = "/callback") -> str:
        return self.origin.url(target)

    def asked(self, path: str = "/callback") -> list[dict[str, str]]:
        """The queries of what was asked, in order."""
        return [fields_of(each) for each in self.origin.requests if (each.method, each.path) == ("GET", path)]

    def got(self, path: str = "/callback") -> list[Request]:
        """The documents that were sent, in order."""
        return [each for each in self.origin.requests if (each.method, each.path) == ("POST", path)]

    def _answer(self, request: Request) -> Answer:
        said = self.says.get((request.method, request.path))
        if said:
            return said(request)
        return answer(body=fields_of(request).get("hub.challenge", "").encode())
