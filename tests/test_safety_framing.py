"""Pages can be framed by nobody, embeds by all; nothing stands in a page that its policy would have to allow."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from msgspec.structs import replace
from playwright.sync_api import Browser, Error, Frame

import web
from aggregator.model import Image, Republish
from tests.browser_world import CHROMIUM, chromium
from tests.serving import served
from tests.test_web_headers import paths
from tests.web_world import INFO, MATIN, PRESSE, World, a_world, an_item, fail, tell

TEMPLATES = sorted(Path(web.__file__).parent.glob("templates/*.html"))
MISSING = (
    "/nothing",
    "/embed/nothing",
    "/embed/nothing.fragment",
    "/feeds/nothing.atom",
    "/story/99",
    "/static/nothing",
)
SAFE = {"item.html"}  # what templates show as it is: it was sanitised before it was stored
# Of Chromium, in place of a page that it may not show in a frame.
REFUSED = "chrome-error://chromewebdata/"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    info = replace(INFO, departements=("25",), republish=Republish.FULL)
    world = a_world(tmp_path_factory.mktemp("site"), [info, MATIN, PRESSE])
    image = Image("https://info.example/pont.jpg", alt="Le pont", credit="© H. Lanoix", width=600, height=400)
    tell(world.store, [an_item(f"n{n}", image=image, html="<p>Tout</p>", departements=("25",)) for n in range(12)])
    fail(world.store, PRESSE)
    yield world
    world.store.close()


@pytest.fixture(scope="module")
def pages(world: World) -> dict[str, Any]:
    """Every page that there is, with its headers, by path."""
    found = {}
    for path in (*paths(world), *MISSING):
        with world.client.get(path) as answer:
            if answer.mimetype == "text/html":
                found[path] = (answer.headers, html.document_fromstring(answer.get_data(as_text=True) or "<p>"))
    assert len(found) > 15
    return found


def test_no_policy_allows_what_stands_inline(pages: dict[str, Any]) -> None:
    for path, (headers, _) in pages.items():
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy, path
        assert "default-src 'none'" in policy, path
        assert "base-uri 'none'" in policy, path
        assert not re.search(r"script-src[^;]*(?:\*|https?:|data:|blob:)", policy), path


def test_nothing_stands_inline_but_what_the_policy_of_an_embed_names_by_its_hash(pages: dict[str, Any]) -> None:
    for path, (headers, page) in pages.items():
        policy = headers["Content-Security-Policy"]
        for element in page.iter():
            if not isinstance(element.tag, str):
                continue
            assert not any(name.startswith("on") or name == "style" for name in element.attrib), (path, element.tag)
            for name in ("href", "src", "action", "formaction"):
                assert not re.match(r"\s*(?:javascript|data|vbscript):", element.get(name, ""), re.IGNORECASE), path
            if element.tag == "style" or (element.tag == "script" and not element.get("src")):
                assert path.startswith("/embed/"), (path, element.tag)
                digest = base64.b64encode(hashlib.sha256((element.text or "").encode()).digest()).decode()
                assert f"{element.tag}-src 'sha256-{digest}'" in policy, path


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_escapes_all_that_it_shows(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not re.search(r"\son[a-z]+=|\sstyle=|=[\"']?\s*javascript:", text, re.IGNORECASE)
    assert not re.search(r"<script(?![^>]*\ssrc=)(?!>\{\{ script \}\}</script>)", text)
    assert not re.search(r"<style(?!>\{\{ style \}\}</style>)", text)
    assert "autoescape" not in text
    assert {found.strip() for found in re.findall(r"\{\{-?([^{}|]*)\|[^{}]*\bsafe\b", text)} <= SAFE
    # Without quotation marks a space would end the value, and begin another attribute.
    assert not re.search(r"<[a-z][^<>]*=\{\{", text)


def test_pages_refuse_frames_and_embeds_take_them(pages: dict[str, Any]) -> None:
    for path, (headers, _) in pages.items():
        policy = headers["Content-Security-Policy"]
        if path.startswith("/embed/") and not path.partition("?")[0].endswith(".fragment"):
            assert "frame-ancestors *" in policy, path
            assert "X-Frame-Options" not in headers, path
        else:
            assert "frame-ancestors 'none'" in policy, path
            assert headers["X-Frame-Options"] == "DENY", path
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path


class Framing:
    """A site of somebody else, with a frame of each page that it is asked for."""

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        framed = environ["QUERY_STRING"].split("&")
        return [
            "".join(
                f'<iframe src="{address}"></iframe><object data="{address}"></object>' for address in framed
            ).encode()
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def framed(browser: Browser, world: World, framed_paths: Iterable[str]) -> list[str]:
    """The addresses that the frames of a page of somebody else end up at."""
    context = browser.new_context()
    page = context.new_page()
    with served(world.app) as ours, served(Framing()) as other:
        page.goto(f"{other}/?{'&'.join(ours + path for path in framed_paths)}")
        for frame in page.frames:
            wait_for(frame)
        found = [frame.url.removeprefix(ours) for frame in page.frames[1:]]
    context.close()
    return found


def wait_for(frame: Frame) -> None:
    """Wait until a frame has loaded, or was taken out: an object that is refused gives way to what stands within it."""
    try:
        frame.wait_for_load_state()
    except Error:
        if not frame.is_detached():
            raise


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Chromium's own pipes outlive the test that opened them
def test_no_page_is_shown_in_a_frame_of_others(browser: Browser, world: World, pages: dict[str, Any]) -> None:
    usual = [path.partition("?")[0] for path in pages if not path.startswith(("/embed/", "/feeds", "/static"))]
    assert len(usual) > 8
    assert set(framed(browser, world, usual)) == {REFUSED}


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_every_embed_is_shown_in_a_frame_of_others(browser: Browser, world: World) -> None:
    embeds = ["/embed/all", "/embed/economie", "/embed/dep/25", "/embed/source/comtois-info"]
    assert set(framed(browser, world, embeds)) >= set(embeds)
