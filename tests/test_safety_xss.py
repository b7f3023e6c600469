"""Nothing that a source writes runs in a reader's browser, and nothing tells a third party: every payload in every
field, through the whole pipeline, on every page, every element touched. Our policy holds nothing back: it only reports
what it would refuse, which must be nothing either; what scripts bring into a page is seen with it in force too.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qs, quote

import pytest
from flask import Flask
from msgspec import Struct, field
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.hostile import CATEGORY, DEPARTEMENT, NOW, Payload, Region
from tests.serving import served
from tests.test_web_browser import CHROMIUM
from web import create_app

TOGETHER = 100  # pages that are looked at as one
STORIES = 200  # on a page of a river
LONGEST = 200_000  # characters of an address; the server takes some more
ENOUGH = 0.6  # of the payloads must be told by what stands beside them; some cut off what follows

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

# In every document before anything else: what runs is told, and `touch` does to each element all that a reader might.
WATCH = """(() => {
  const told = (what, ...given) => { window.tell(`${what} ${given.join(" ")} @ ${location.href}`); };
  for (const name of ["xss", "alert", "confirm", "prompt", "print", "open", "msgbox"])
    Object.defineProperty(window, name, {value: (...given) => told(name, ...given)});
  addEventListener("securitypolicyviolation", event => told("refused", event.violatedDirective, event.blockedURI));
  const RUNS = /^(?:javascript|data|vbscript|blob|filesystem|livescript|view-source|jar):/i;
  const LEADS = /^(?:https?|mailto|tel|feed):/i;
  const PLACES = "href src action formaction data poster background cite longdesc xlink:href".split(" ");
  const FORBIDDEN = new Set(`object embed applet frame frameset math portal fencedframe video audio track area xmp plaintext
    noembed noframes keygen isindex marquee`.split(/\\s+/));
  const EVENTS = {
    MouseEvent: "mouseover",
    PointerEvent: "pointerdown",
    FocusEvent: "focus",
    AnimationEvent: "animationend",
    SubmitEvent: "submit",
    KeyboardEvent: "keydown",
    Event: "error load toggle",
  };
  const MORE = { // for whatever has an attribute that is none of the usual ones
    MouseEvent: "mouseenter mousemove mousedown mouseup mouseout dblclick contextmenu auxclick",
    PointerEvent: "pointerover pointerenter pointermove pointerup pointerout pointercancel gotpointercapture",
    KeyboardEvent: "keypress keyup",
    FocusEvent: "focusin blur focusout",
    WheelEvent: "wheel",
    AnimationEvent: "animationstart animationiteration",
    TransitionEvent: "transitionrun transitionstart transitionend",
    DragEvent: "dragstart drag dragenter dragover drop dragend",
    ClipboardEvent: "copy cut paste",
    Event: `abort beforetoggle input beforeinput change select invalid reset scroll scrollend resize cancel close play
      playing pause ended canplay loadstart loadeddata loadedmetadata start finish bounce begin end repeat hashchange
      pageshow message contentvisibilityautostatechange activate show search`,
  };
  const USUAL = new RegExp(`^(?:(?:data|aria)-.*|class|id|href|rel|lang|dir|datetime|src|alt|width|height|loading|decoding|role|
    hreflang|type|name|value|title|colspan|rowspan|scope|start|reversed|open|for|part|content|hidden|tabindex|viewBox|d|
    defer|async|charset|media|label|selected|checked|action|maxlength|placeholder)$`.replace(/\\s+/g, ""));
  const made = table => Object.entries(table).flatMap(([kind, names]) => names.split(/\\s+/).map(
    name => new window[kind](name, {cancelable: true, ...(kind === "KeyboardEvent" ? {key: "F24"} : {})})));
  const [events, more] = [made(EVENTS), made(MORE)];
  const all = root => [...root.querySelectorAll("*")].flatMap(element => [
    element, ...(element.shadowRoot ? all(element.shadowRoot) : []), ...(element.localName === "template" ? all(element.content) : []),
  ]);
  const isEmbed = /(?:\\/|%2F)embed(?:\\/|%2F)/.test(location.href), isHost = location.pathname === "/host";
  const ours = address => new URL(address, location.href).origin === location.origin;
  // What could not stand in a page if all that sources say were text, or safe.
  const odd = element => {
    const name = element.localName, found = [], isFrame = name === "iframe" && location.pathname === "/subscribe";
    for (const {name: each, value} of element.attributes) {
      if (/^on/i.test(each)) found.push(each);
      if (/^(?:style|srcset|srcdoc|ping|target|form|attributionsrc|http-equiv)$/.test(each)) found.push(each);
      if (/^(?:data-)?hx-(?!boost|target|select|swap|push-url|replace-url|trigger|indicator|sync|disable)/.test(each)) found.push(each);
      if (PLACES.includes(each) && value && !LEADS.test(new URL(value, document.baseURI).href)) found.push(`${each}=${value}`);
    }
    if (name === "script" && (element.src ? !ours(element.src) : !isEmbed)) found.push("from elsewhere");
    if (name === "link" && /stylesheet|icon|manifest|pre|import/.test(element.rel) && !ours(element.href)) found.push("from elsewhere");
    if (name === "base" && (element.hasAttribute("href") || !isEmbed)) found.push("here");
    if (name === "style" && !isEmbed) found.push("here");
    if (name === "form" && !ours(element.action)) found.push("to elsewhere");
    if (name === "iframe" && !(isFrame && ours(element.src))) found.push("here");
    if (name === "tributary-feed" && !(isHost || location.pathname === "/subscribe")) found.push("here");
    if (FORBIDDEN.has(name)) found.push("here");
    if (element.namespaceURI !== "http://www.w3.org/1999/xhtml" && !element.closest("button, header, footer, nav")) found.push("of another kind");
    return found.filter(what => !(what === "style" && isFrame) && !(what === "target" && name === "base" && isEmbed))
      .map(what => `${name}: ${what} @ ${location.pathname}`);
  };
  for (const kind of ["click", "auxclick", "submit"]) addEventListener(kind, event => {
    const link = event.composedPath().find(each => each.localName === "a" || each.localName === "area");
    if (kind === "submit" || (link && !RUNS.test(link.href))) event.preventDefault();
    // What htmx asks for would come while the next page is opened.
    if ((link || event.target).matches?.("main > form[data-hx-boost], .pages > a[data-hx-boost]") && !window.bring)
      event.stopImmediatePropagation();
  }, true);
  window.touch = async starring => {
    for (const details of document.querySelectorAll("details, dialog")) details.open = true;
    for (const element of all(document)) {
      for (const event of events) element.dispatchEvent(event);
      if (![...element.attributes].every(each => USUAL.test(each.name))) {
        for (const event of more) element.dispatchEvent(event);
        element.focus?.();
      }
      // What listens at the document remembers each story that is clicked, which takes its time.
      const bubbles = starring ? element.matches("[data-star]") : !element.closest(".teaser");
      element.dispatchEvent(new MouseEvent("click", {bubbles, cancelable: true, composed: true}));
    }
    for (const details of document.querySelectorAll("details, dialog")) details.open = true;
    await new Promise(requestAnimationFrame);
    const elements = all(document);
    return {
      elements: elements.length,
      text: document.body.innerText,
      odd: elements.flatMap(odd),
      changes: document.querySelectorAll(".versions ins, .versions del").length,
      images: elements.filter(each => each.localName === "img").map(each => each.src),
    };
  };
})();"""

USUAL_COMPLAINTS = (
    "Failed to load resource",  # a picture that is not there
    "Service Worker registration blocked",  # by us
    "File chooser dialog can only be shown",  # to people
)
# Elements show their stories.
ALL_SHOWN = (
    """() => [...document.querySelectorAll("tributary-feed")].every(each => each.shadowRoot?.querySelector("li"))"""
)
# The same in every frame, but for those that have gone elsewhere.
TOUCH_FRAMES = """() => Promise.all([...document.querySelectorAll("iframe")].map(async frame => {
  try { return await frame.contentWindow.touch(); } catch { return {odd: []}; }
}))"""


class Layer(Struct, frozen=True):
    """The application with its policy in force, or reporting only. `/many?path=…` is its answers to these paths as one
    page: what stands around the pages of the site comes once, everything else byte for byte. `/host?path=…` is a page of
    somebody else that shows feeds of ours.
    """

    app: Any
    is_in_force: bool = False

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start(status, headers if self.is_in_force else [*map(_reporting, headers)], *more)

        if environ["PATH_INFO"] not in {"/many", "/host"}:
            return cast(Iterable[bytes], self.app(environ, started))
        paths = parse_qs(environ["QUERY_STRING"])["path"]
        first = self.app.test_client().get(paths[0] if environ["PATH_INFO"] == "/many" else "/nothing")
        started("200 OK", [(name, text) for name, text in first.headers if name != "Content-Length"])
        if environ["PATH_INFO"] == "/many":
            return [first.get_data(), *(_own_part(self.app, path) for path in paths[1:])]
        elements = "".join(f'<tributary-feed src="/feeds/{slug}.json" limit="20"></tributary-feed>' for slug in paths)
        fragments = b"".join(_own_part(self.app, f"/embed/{slug}.fragment") for slug in paths)
        return [b"<!doctype html><title>Mairie</title><script src=/embed.js></script>", elements.encode(), fragments]


def _reporting(header: tuple[str, str]) -> tuple[str, str]:
    name, value = header
    return (f"{name}-Report-Only", f"{value}; report-uri /reports") if name == "Content-Security-Policy" else header


@cache
def _own_part(app: Any, path: str) -> bytes:
    """A page without the lines before and after its own part that every page has."""
    answer = app.test_client().get(path)
    assert answer.status_code in {200, 404}, (path, answer.status_code)
    page = answer.get_data(as_text=True)
    if "<main " not in page:  # an embed
        return page.encode()
    around = _around(app)
    usual = {*around.partition("<main ")[0].splitlines(), *around.rpartition("</main>")[2].splitlines()}
    # An option for every source, and our scripts: once is enough.
    page = re.sub(r'<option value="[^"<>]*">[^<>]*</option>\n|<script src="/static/[^"<>]*"[^<>]*></script>', "", page)
    (before, _, rest), (_, _, after) = page.partition("<main "), page.rpartition("</main>")
    kept = ["\n".join(line for line in part.splitlines() if line not in usual) for part in (before, after)]
    return f"{kept[0]}<main {rest.removesuffix(after)}{kept[1]}".encode()


@cache
def _around(app: Any) -> str:
    text: str = app.test_client().get("/nothing").get_data(as_text=True)
    return text


class Visit(Struct, dict=True, weakref=True):
    """A reader in a browser, and all that pages did meanwhile."""

    context: BrowserContext
    base: str
    payloads: Sequence[Payload]
    ran: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)  # kind and address, of all but our own
    images: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    elements: int = 0
    changes: int = 0  # that were shown between versions
    text: str = ""

    def __post_init__(self) -> None:
        self.context.expose_binding("tell", lambda _, what: self.ran.append(what))
        self.context.add_init_script(WATCH)
        self.context.on("request", lambda request: self._asked(request.resource_type, request.url))
        self.context.on("console", lambda message: self._said(message.text))
        self.context.on("weberror", lambda error: self.ran.append(f"threw {error.error}"))
        self.context.on("dialog", lambda dialog: (self.ran.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.context.on("page", self._opened)
        self.page = self.context.new_page()
        self.page.on("download", lambda download: self._loaded(download.url))

    def see(self, *paths: str) -> None:
        """Open pages one after the other, and touch all that is there."""
        for path in paths:
            self.page.goto(self.base + path)
            self.touch()
            assert self.page.url.startswith(f"{self.base}/")

    def see_many(self, paths: Sequence[str]) -> None:
        """The same with many pages as one."""
        for some in _groups(paths):
            self.see(f"/many?{_query(some)}")
            assert self.page.locator("main").count() == len(some)  # none swallowed those that follow

    def see_on_a_host(self, slugs: Sequence[str]) -> None:
        """Feeds as elements and fragments on a page of somebody else."""
        for some in _groups(slugs):
            self.page.set_viewport_size({"width": 1280, "height": 200 * TOGETHER})  # elements wait until they are near
            self.page.goto(f"{self.base}/host?{_query(some)}")
            self.page.wait_for_function(ALL_SHOWN)
            self.touch()
            assert self.page.locator("div.tributary").count() == len(some)

    def touch(self, starring: bool = False) -> None:
        """Touch all that stands in the page that is open; stars only where they are wanted."""
        seen = self.page.evaluate("touch", starring)
        self.elements += seen["elements"]
        self.changes += seen["changes"]
        self.images |= {image.partition("#")[0] for image in seen["images"]}
        self.odd += seen["odd"]
        self.text += seen["text"]

    def _opened(self, page: Page) -> None:
        if len(self.context.pages) > 1:
            self.ran.append(f"opened {page.url}")

    def _loaded(self, url: str) -> None:
        if not url.startswith(f"blob:{self.base}/"):  # the stars of the reader
            self.ran.append(f"download {url}")

    def _asked(self, kind: str, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.requests.append((kind, url.partition("#")[0]))

    def _said(self, text: str) -> None:
        if not text.startswith(USUAL_COMPLAINTS):
            self.ran.append(f"console {text}")

    def shows(self, pattern: str) -> float:
        """How many different things were read that match, for each payload that there is."""
        return len(set(re.findall(pattern, self.text))) / len(self.payloads)

    @property
    def leaks(self) -> list[tuple[str, str]]:
        """Requests to others that are no plain pictures of the pages."""
        return [(kind, url) for kind, url in self.requests if kind != "image" or url not in self.images]


def _groups(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as an address can name."""
    longest = max(map(len, paths))
    size = max(1, min(TOGETHER, LONGEST // (3 * longest)))
    return (paths[first : first + size] for first in range(0, len(paths), size))


def _query(paths: Iterable[str]) -> str:
    return "&".join(f"path={quote(path, safe='')}" for path in paths)


@pytest.fixture(scope="module")
def app(hostile: Region) -> Iterator[Flask]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("web.reader.STORIES_PER_PAGE", STORIES)
        yield create_app(hostile.settings, clock=lambda: NOW)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def base(app: Flask) -> Iterator[str]:
    with served(Layer(app)) as place:
        yield place


@pytest.fixture
def visit(base: str, browser: Browser, hostile: Region) -> Iterator[Visit]:
    with visited(base, browser, hostile) as visit:
        yield visit


@pytest.fixture(params=["our policy in force", "our policy reporting"])
def either(request: pytest.FixtureRequest, app: Flask, browser: Browser, hostile: Region) -> Iterator[Visit]:
    layer = Layer(app, is_in_force=request.param == "our policy in force")
    with served(layer) as base, visited(base, browser, hostile) as visit:
        yield visit


@contextmanager
def visited(base: str, browser: Browser, hostile: Region) -> Iterator[Visit]:
    context = browser.new_context(service_workers="block")
    visit = Visit(context, base, hostile.payloads)
    hostile.canary.requests.clear()
    yield visit
    context.close()
    assert visit.elements > 500
    assert visit.ran == []
    assert visit.odd == []
    assert visit.leaks == []
    assert {f"http://{hostile.canary.authority}{each.target}" for each in hostile.canary.requests} <= visit.images


def test_nothing_runs_in_rivers(visit: Visit) -> None:
    path = "/"
    while path:
        visit.page.goto(visit.base + path)
        older = visit.page.locator("a[rel=next]")
        path = str(older.get_attribute("href")) if older.count() else ""
        visit.touch()
    visit.see(f"/{CATEGORY}", f"/dep/{DEPARTEMENT}", f"/{CATEGORY}/dep/{DEPARTEMENT}")
    assert visit.shows(r"Article (\d+)") > ENOUGH
    assert visit.shows(r"Journal (\d+)") > ENOUGH


def test_nothing_runs_in_older_stories_that_are_brought_into_the_page(either: Visit) -> None:
    either.page.goto(f"{either.base}/")
    before = either.page.locator(".teaser").count()
    either.page.locator("a[rel=next]").evaluate("link => { window.bring = true; link.click(); }")
    either.page.wait_for_function("before => document.querySelectorAll('.teaser').length > before", arg=before)
    either.touch()


def test_nothing_runs_among_stars(either: Visit) -> None:
    either.page.goto(f"{either.base}/")
    either.touch(starring=True)
    either.page.goto(f"{either.base}/stars")
    assert either.page.locator("#stars article").count() > STORIES / 2
    either.touch()


def test_nothing_runs_in_lists_and_messages(visit: Visit, hostile: Region) -> None:
    visit.see("/sources", "/status", "/search")
    breaking = [view for view, payload in zip(hostile.views(), hostile.payloads, strict=True) if "</" in payload.text]
    for way, view in zip(("frame", "element"), breaking[::10], strict=False):
        visit.see(f"/subscribe?feed=source/{view.slug}&as={way}")
    assert "a JSON object with the keys <script>xss(1)</script>" in visit.text
    assert visit.shows(r"Journal (\d+)") > ENOUGH


def test_nothing_runs_on_stories_with_their_whole_text_and_earlier_versions(visit: Visit, hostile: Region) -> None:
    stories = hostile.stories()
    visit.see_many([f"/story/{story_id}" for story_id in stories])
    assert visit.text.count("plus long que son chapeau.") > ENOUGH * len(stories)
    assert visit.text.count("La suite, qui manquait jusque-là.") > ENOUGH * len(stories)
    assert visit.changes > ENOUGH * len(stories)


def test_nothing_runs_on_pages_of_sources(visit: Visit, hostile: Region) -> None:
    visit.see_many([f"/source/{view.slug}" for view in hostile.views()[::2]])
    visit.see_many([f"/feed/source/{view.slug}" for view in hostile.views()[::3]])


def test_nothing_runs_in_embeds(visit: Visit, hostile: Region) -> None:
    visit.see_many([f"/embed/source/{view.slug}" for view in hostile.views()[1::2]])


def test_nothing_runs_in_elements_and_fragments_on_pages_of_others(visit: Visit, hostile: Region) -> None:
    visit.see_on_a_host([f"source/{view.slug}" for view in hostile.views()[1::2]])


def test_nothing_runs_where_an_address_is_repeated(visit: Visit, hostile: Region) -> None:
    texts = [quote(text, safe="") for text in together((each.text for each in hostile.payloads), 290)]
    visit.see_many([f"/search?q={text}" for text in texts[::2]])
    visit.see_many([f"/feed/search?q={text}" for text in texts[1::2]])
    visit.see_many(["/", *(f"/{text}?q={text}&{text}={text}&lang={text}&before={text}" for text in texts)])
    visit.see(f"/subscribe?feed={texts[0]}&as={texts[1]}&words={texts[2]}&accent={texts[3]}&{texts[4]}={texts[5]}")


def test_nothing_runs_in_what_is_found(visit: Visit) -> None:
    visit.see_many([f"/search?q=article&page={page}" for page in range(1, 20)])


def together(texts: Iterable[str], limit: int) -> list[str]:
    """Texts one after the other, as many as fit."""
    found = [""]
    for text in texts:
        text = text.encode("utf-8", "replace").decode()
        if len(found[-1]) + len(text) > limit:
            found.append("")
        found[-1] = f"{found[-1]} {text}".strip()
    return found


# ── what the watch is worth


class Careless(Struct, frozen=True):
    """A site that shows what it is told as it is: `/17` the payload 17 in all sorts of places, `/frames/0` the first
    ones in frames.
    """

    payloads: Sequence[Payload]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        folder, _, number = environ["PATH_INFO"].strip("/").rpartition("/")
        if folder == "frames":
            some = self.payloads[int(number) :][:TOGETHER]
            return ["".join(f'<iframe src="/{each.number}"></iframe>' for each in some).encode()]
        if not number.isdigit():
            return [b""]
        payload = next(each.text for each in self.payloads if each.number == int(number))
        text = PLACES_OF_THE_CARELESS.format(payload=payload, decoded=html.unescape(html.unescape(payload)))
        return [text.encode("utf-8", "replace")]


PLACES_OF_THE_CARELESS = """<!doctype html><title>x</title><main id=main><p title="{payload}"><a href="{payload}">x</a>
<b title='{payload}'>x</b><p>{payload}</p>{decoded}</main>"""


def test_a_site_that_is_careless_does_not_pass(browser: Browser, hostile: Region) -> None:
    some = hostile.payloads[::3]
    with served(Careless(some)) as base:
        context = browser.new_context(service_workers="block")
        visit = Visit(context, base, some)
        odd: list[str] = []
        for first in range(0, len(some), TOGETHER):
            visit.page.goto(f"{base}/frames/{first}")
            for seen in visit.page.evaluate(TOUCH_FRAMES):
                odd += seen["odd"]
        context.close()
    ran = {int(found[1]) for each in visit.ran if (found := re.search(rf"{base}/(\d+)\Z", each))}
    told = {int(found[1]) for _, url in visit.leaks if (found := re.search(rf"{hostile.canary.authority}/(\d+)/", url))}
    suspect = {int(found[1]) for each in odd if (found := re.search(r"@ /(\d+)\Z", each))}
    number = len(some)
    assert len(ran) > 0.4 * number
    assert len(told) > 0.05 * number
    assert len(suspect) > 0.6 * number
    assert len(ran | told | suspect) > 0.7 * number


def test_what_the_policy_would_refuse_is_told(browser: Browser, hostile: Region) -> None:
    def inline(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/html"), ("Content-Security-Policy", "script-src 'self'")])
        return [b"<!doctype html><title>x</title><script>document.title = 'ran'</script>"]

    with served(Layer(inline)) as base:
        context = browser.new_context(service_workers="block")
        visit = Visit(context, base, hostile.payloads)
        visit.page.goto(base)
        title = visit.page.title()
        context.close()
    assert title == "ran" and any(each.startswith("refused script-src") for each in visit.ran)
