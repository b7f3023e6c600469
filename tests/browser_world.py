"""What tests in a browser share: a region with everything that a page can show, and a server for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from playwright.sync_api import Browser, Page, sync_playwright

from aggregator.errors import ErrorClass
from aggregator.model import Category, Date, DecisionKind, Genre, Image, Item, Republish, Source
from tests.desk_world import PASSWORD
from tests.web_world import INFO, MATIN, NOW, PRESSE, World, a_world, about, an_item, fail, same_event, same_story, tell

SHELL = Path("/usr/bin/chromium-headless-shell")
CHROMIUM = SHELL if SHELL.exists() else Path("/usr/bin/chromium")  # the shell draws the same pages at half the cost
PHONE, DESKTOP = 320, 1280
PICTURE = "https://info.example/pont.svg"
BROKEN_PICTURE = "https://info.example/perdue.jpg"
TALL_PICTURE = {
    "content_type": "image/svg+xml",
    "body": '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="900"/>',
}
LONG_WORD = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
LEAD = "Un chapeau assez long pour courir sur plusieurs lignes, même à l’écran d’un ordinateur. " * 3
DOUBS = replace(INFO, republish=Republish.FULL, departements=("25",))
BOTH = replace(MATIN, departements=("25", "39"))
PAGES = (
    "/",
    "/economie",
    "/dep/25",
    "/economie/dep/25",
    "/story/1",
    "/story/3",
    "/search?q=titre",
    "/sources",
    "/source/comtois-info",
    "/source/presse-example",
    "/feed/economie",
    "/subscribe",
    "/status",
)


def a_region(folder: Path) -> World:
    """Story 1 has two sources, an earlier version and an event with story 2; then come oddities, then 40 older ones."""
    world = a_world(folder, [DOUBS, BOTH, PRESSE])
    image = Image(PICTURE, alt="Le pont de Battant", credit="© H. Lanoix", width=600, height=400)
    html = "<p>Tout</p><table><tr><td>" + "x" * 400 + "</td></tr></table>"
    one = _local("a", image=image, lead=LEAD, genre=Genre.COMMUNIQUE, html=html)
    copy = _local("b", MATIN, title=LONG_WORD * 2, language="de")
    other = _local("c", MATIN, title="Le pont vu d’ailleurs", genre=Genre.COMMUNIQUE, labels=("Vidéo •", "Exclusif •"))
    tell(world.store, [one])
    tell(world.store, [copy], links=[same_story(copy, one)])
    tell(world.store, [other])
    tell(world.store, [replace(one, title="Titre bis")], kind=DecisionKind.CHANGED, changed_at=NOW)
    same_event(world.store, [one, other], [about(other, one, "pont", "Battant")])
    tell(world.store, oddities())
    tell(world.store, [_local(f"n{n}", published=Date("", NOW - timedelta(hours=n))) for n in range(1, 41)])
    fail(world.store, PRESSE, ErrorClass.TLS, error="while connecting: " + "x" * 300)
    return world


def oddities() -> list[Item]:
    """What sources write and pages must bear."""
    lost = Image(BROKEN_PICTURE, alt="Une rue sous la neige", credit="© Perdue", width=40, height=900)
    sport = (Category("sport", "aliases", "Sport"),)
    return [
        _local("cris", title="DERMATOSE BOVINE : LEVÉE DES RESTRICTIONS EN HAUTE-SAÔNE ET DANS LE DOUBS", image=lost),
        _local("arabe", title="أخبار المنطقة: الجسر مغلق", lead="يُغلق الجسر غدًا.", language="ar"),
        _local("nu", title="Sans chapeau", lead="", categories=sport),
        _local("long", title="https://www.example.org/" + "un-tres-long-chemin/" * 8, labels=("Édito •", "Infos pratiques •")),
        _local("vide", image=Image(BROKEN_PICTURE, alt="")),
    ]  # fmt: skip


def a_busy_river(folder: Path) -> World:
    """A hundred sources, and a picture with every other story."""
    sources = [
        Source(url=f"https://s{n}.example/feed", title=f"Source numéro {n}", departements=(f"{n % 8 + 21}",))
        for n in range(100)
    ]
    world = a_world(folder, sources)
    tell(world.store, [_of(source, n) for n, source in enumerate(sources)])
    return world


def _of(source: Source, number: int) -> Item:
    at = NOW - timedelta(minutes=20 * number)
    image = Image(f"{source.url}.svg", alt=f"Vue {number}", credit="© Agence", width=600, height=400)
    return an_item(
        f"s{number}",
        source,
        title=f"Une nouvelle de la région, la {number}e de la journée, avec un titre de longueur usuelle",
        lead=LEAD,
        published=Date("", at),
        departements=source.departements,
        image=image if number % 2 == 0 else None,
    )


def _local(guid: str, source: Source = DOUBS, **changes: object) -> Item:
    values: dict[str, object] = {"published": Date("", NOW), "departements": ("25",)}
    return an_item(guid, source, **values | changes)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, for the tests of one module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def logged_in(browser: Browser, base: str, width: int, language: str = "fr", **more: Any) -> Page:
    """A page of Jeanne, who has come to the desk, in a browser of her own; `more` is in the words of Playwright."""
    page = browser.new_context(viewport={"width": width, "height": 800}, locale=language, **more).new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{base}/desk/login")
    page.fill("#name", "Jeanne")
    page.fill("#password", PASSWORD)
    page.click("main button")
    return page


def is_narrow(page: Page) -> bool:
    """Whether nothing runs over the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
