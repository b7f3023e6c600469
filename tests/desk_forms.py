"""Forms of the desk as somebody without JavaScript fills them in: takes a page, sends what stands in a form of it."""

from html import unescape

from lxml.html import HtmlElement, InputElement, document_fromstring
from msgspec import Struct
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.desk_world import Browser


class Page(Struct):
    """A page that somebody looks at."""

    browser: Browser
    response: TestResponse
    path: str

    @property
    def text(self) -> str:
        """What it says, with the entities resolved."""
        return unescape(self.response.get_data(as_text=True))

    @property
    def status(self) -> int:
        """How it was answered."""
        return self.response.status_code

    @property
    def place(self) -> str:
        """Where it leads on to."""
        return self.response.headers.get("Location", "")

    @property
    def tree(self) -> HtmlElement:
        """Its elements."""
        return document_fromstring(self.response.get_data(as_text=True))

    def form(self, action: str, number: int = 0) -> HtmlElement:
        """The form that is sent there; of several the one of this number."""
        return [each for each in self.tree.forms if (each.get("action") or self.path) == action][number]

    def send(self, action: str, button: str = "", number: int = 0, tick: tuple[str, ...] = (), **typed: str) -> "Page":
        """Type into a form, tick boxes by their value, and press a button, by its name or name=value."""
        form = self.form(action, number)
        action = next(iter(form.xpath(".//button[@name=$name]/@formaction", name=button.partition("=")[0])), action)
        for each in form.inputs:
            if isinstance(each, InputElement) and each.checkable and each.get("value") in tick:
                each.checked = True
        values = MultiDict(form.form_values())
        for name, text in typed.items():
            assert name.replace("_", "-") in form.fields or name in form.fields, (action, name)
            values.setlist(name if name in form.fields else name.replace("_", "-"), [text])
        if button:
            name, _, value = button.partition("=")
            found = form.xpath(".//button[@name=$name]", name=name)
            assert any(value in ("", each.get("value")) for each in found), (action, button)
            values[name] = value or found[0].get("value")
        return visit(self.browser, action, values)


def visit(browser: Browser, path: str, form: "MultiDict[str, object] | None" = None) -> Page:
    """Open a page, or send a form."""
    headers = {"Accept-Language": "en"}
    if form is None:
        return Page(browser, browser.client.get(path, headers=headers), path)
    return Page(browser, browser.client.post(path, data=form, headers=headers), path)
