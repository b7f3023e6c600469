"""The commands that run for a while: poller, site, demo."""

import asyncio
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import click
from msgspec.structs import replace
from rich.logging import RichHandler

from aggregator.cli.console import console
from aggregator.cli.first_round import FirstRound
from aggregator.cli.options import with_address, with_settings
from aggregator.cli.site import Site
from aggregator.config import Settings
from aggregator.demo.origin import Origin
from aggregator.demo.script import play
from aggregator.desk import accounts
from aggregator.model import Role
from aggregator.pipeline import read_sources, utc_now
from aggregator.store import Store, open_store
from scheduler import Poller, publisher, run_until_stopped

DEMO_INTERVAL_MINUTES = 0.08
DEMO_EDITOR = "demo"
SOURCES_LIMIT = 1_000_000


@click.command()
@with_address
@with_settings
def run(settings: Settings) -> None:
    """Poll and serve, in one process, until Ctrl-C."""
    _log(settings.log_level)
    asyncio.run(_run(settings))


@click.command()
@with_address
@with_settings
def serve(settings: Settings) -> None:
    """Serve the site alone, on data that another process polls."""
    _log(settings.log_level)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, for process managers
    with suppress(KeyboardInterrupt), Site(settings) as site:
        _greet(settings, "")
        site.wait()


@click.command()
@click.option("--pause", default=8.0, help="Seconds between two events.", show_default=True)
@with_address
@with_settings
def demo(settings: Settings, pause: float) -> None:
    """Run on a made-up region, without any network."""
    _log("WARNING")
    with tempfile.TemporaryDirectory(prefix="tributary-demo-") as folder, Origin(utc_now()) as origin:
        settings = demo_settings(settings, origin, folder)
        asyncio.run(_run(settings, origin, pause))


def demo_settings(settings: Settings, origin: Origin, folder: str) -> Settings:
    """Settings under which the demo's outlets can be polled; writes their feeds.opml into the folder."""
    Path(folder, "feeds.opml").write_bytes(origin.opml())
    return replace(
        settings,
        database=str(Path(folder, "demo.db")),
        opml=str(Path(folder, "feeds.opml")),
        allow_private=(f"127.0.0.1:{origin.port}",),
        interval_minutes=DEMO_INTERVAL_MINUTES,
        publish_to="",  # invented news do not belong among real ones
    )


async def _run(settings: Settings, origin: Origin | None = None, pause_seconds: float = 0) -> None:
    first_round = FirstRound()
    read_sources(settings)  # before the database is made: a broken list leaves no file behind
    with closing(open_store(settings.database, settings.authority)) as store:
        poller = Poller(settings, store, first_round.done, publish=publisher(settings))
        who = _first_editor(store, is_demo=origin is not None)
        with Site(settings), first_round.shown(len(store.due(utc_now(), SOURCES_LIMIT))):
            _greet(settings, who)
            async with _playing(origin, pause_seconds):
                await run_until_stopped(poller)
    console.print("Stopped.")


def _greet(settings: Settings, who: str) -> None:
    console.print(f"Reading at {settings.public_url} (Ctrl-C ends it)")
    console.print(f"Editing at {settings.public_url}/desk/{who}")


def _first_editor(store: Store, *, is_demo: bool) -> str:
    """Who may edit, where nobody was let in yet: in the demo somebody is, elsewhere the command that does it."""
    if is_demo:
        password = secrets.token_urlsafe(9)
        accounts.add(store, DEMO_EDITOR, Role.ADMIN, password, utc_now())
        return f" as {DEMO_EDITOR}, with the password {password}"
    if store.editors():
        return ""
    command = "tributary" if shutil.which("tributary") else os.path.relpath(Path(sys.executable).with_name("tributary"))
    return f", once somebody may: {command} editor NAME --role admin"


@asynccontextmanager
async def _playing(origin: Origin | None, pause_seconds: float) -> AsyncIterator[None]:
    if origin is None:
        yield
        return
    console.print(f"The outlets are at {origin.base}")
    task = asyncio.create_task(play(origin, utc_now, pause_seconds, console.print))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _log(level: str) -> None:
    """On a terminal, what needs attention, beside what the command prints; else every line, as a service wants it."""
    if console.is_terminal:
        handler: logging.Handler = RichHandler(console=console, show_path=False)
        logging.basicConfig(
            level=max(logging.getLevelName(level), logging.WARNING), format="%(message)s", handlers=[handler]
        )
    else:
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it has to say, the poller says
