"""The command that publishes files for a web server."""

from contextlib import suppress
from pathlib import Path

import click

import web
from aggregator.cli.options import with_settings
from aggregator.cli.printing import plain
from aggregator.config import Settings
from aggregator.errors import StoreError
from web.export import export
from web.published import site_of
from web.servers import Server, configuration


@click.command()
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@click.option("--server", type=click.Choice(["nginx", "caddy"]), help="Print a configuration for it instead.")
@with_settings
def publish(settings: Settings, folder: Path, server: str | None) -> None:
    """Write the whole public output as files into a folder, for a web server or a CDN."""
    app = web.create_app(settings)
    try:
        if server:
            click.echo(configuration(app, Server(server), folder), nl=False)
        else:
            made = export(app, folder)
            click.echo(plain(f"{made.files} files in {folder}: {made.written} written, {made.removed} removed"))
    finally:
        with suppress(StoreError):  # there may be none yet
            site_of(app).store.close()
