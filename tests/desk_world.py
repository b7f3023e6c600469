"""The desk as tests use it: a site with a list of sources, and browsers of sorts that are logged in."""

import re
from collections.abc import Sequence
from datetime import datetime
from html import unescape
from pathlib import Path

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from msgspec import Struct, field
from msgspec.structs import replace
from werkzeug.test import TestResponse

from aggregator.config import Settings
from aggregator.desk import accounts
from aggregator.model import Role, Source
from aggregator.opml import Document
from aggregator.store import Store
from tests.web_world import INFO, MATIN, NOW, PRESSE, filled_store, settings_in
from web import create_app

PASSWORD = "correct horse"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # as it is delivered, a hash takes 0.1 s
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Desk(Struct):
    """A site, its store, and the clock that it goes by."""

    settings: Settings
    store: Store
    app: Flask
    clock: list[datetime] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """What the site takes for the time; may be set."""
        return self.clock[0]

    @now.setter
    def now(self, at: datetime) -> None:
        self.clock[0] = at

    @property
    def listed(self) -> bytes:
        """feeds.opml."""
        return Path(self.settings.opml).read_bytes()

    def stranger(self) -> "Browser":
        """Somebody who is not logged in."""
        return Browser(self.app.test_client())

    def editor(self, name: str = "Jeanne", role: Role = Role.EDITOR) -> "Browser":
        """Somebody who is; the account is made where there is none."""
        if not any(each.name == name for each in self.store.editors()):
            accounts.add(self.store, name, role, PASSWORD, self.now)
        browser = self.stranger()
        assert browser.log_in(name).status_code == 303
        return browser


class Browser(Struct):
    """A client that keeps cookies and sends the tokens of forms, as a browser without JavaScript does."""

    client: FlaskClient

    def get(self, path: str, status: int = 200) -> str:
        """A page."""
        response = self.client.get(path, headers={"Accept-Language": "en"})
        assert response.status_code == status, (path, response.status_code)
        return unescape(response.get_data(as_text=True))

    def post(self, path: str, on: str = "/desk/", **form: object) -> TestResponse:
        """A form, with the token of the page that it stands on."""
        return self.client.post(path, data={"csrf": self.token(on), **form}, headers={"Accept-Language": "en"})

    def token(self, on: str = "/desk/") -> str:
        """The token of the forms on a page."""
        found = CSRF.search(self.client.get(on).get_data(as_text=True))
        assert found, on
        return found[1]

    def log_in(self, name: str, password: str = PASSWORD, then: str = "") -> TestResponse:
        """Send the form of the login."""
        return self.post("/desk/login", on="/desk/login", name=name, password=password, then=then)


def a_desk(folder: Path, sources: Sequence[Source] = (INFO, MATIN, PRESSE), **changes: object) -> Desk:
    """A site whose feeds.opml holds these sources."""
    accounts.hasher = CHEAP
    settings = replace(settings_in(folder), opml=str(folder / "feeds.opml"), **changes)  # type: ignore[arg-type]
    document = Document.new("Sources")
    for source in sources:
        document.add(source)
    document.write(settings.opml)
    clock = [NOW]
    return Desk(settings, filled_store(settings, sources), create_app(settings, clock=lambda: clock[0]), clock)
