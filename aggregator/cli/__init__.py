"""The `tributary` command: reads options, calls the pipeline, the store and the site, prints for people.

Each command stands in a module that is loaded when it is called: a poll waits for neither the site nor the desk.
"""

import sys
from importlib import import_module
from io import TextIOWrapper

import click

from aggregator.memory import look_seldom

MODULES = {  # where the commands stand
    "backup": "backup",
    "demo": "running",
    "editor": "editors",
    "editors": "editors",
    "export": "lists",
    "health": "health",
    "hidden": "hiding",
    "hide": "hiding",
    "import": "lists",
    "merge": "stories",
    "pins": "stories",
    "poll": "once",
    "publish": "static",
    "review": "stories",
    "run": "running",
    "serve": "running",
    "show-again": "hiding",
    "sources": "lists",
    "split": "stories",
    "stories": "stories",
    "subscribers": "lists",
    "undo": "stories",
    "why": "stories",
    "withdraw": "hiding",
}
NAMES = {"import": "import_", "show-again": "show_again"}  # of functions, where they cannot be the same


class Commands(click.Group):
    """The commands, by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All of them."""
        return sorted(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """One of them; None where there is none of that name."""
        if cmd_name not in MODULES:
            return None
        look_seldom()  # what a module makes as it is loaded is no garbage: to look for some takes 50 ms
        module = import_module(f"{__name__}.{MODULES[cmd_name]}")
        command: click.Command = getattr(module, NAMES.get(cmd_name, cmd_name))
        return command


@click.group(cls=Commands)
@click.version_option(package_name="tributary")
def main() -> None:
    """Merge the feeds of a region into one river of news per category."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal or pipe that is not UTF-8 must not stop a poll
