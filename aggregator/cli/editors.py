"""Who may use the desk, from the command line, where the first of them is made."""

from contextlib import closing

import click

from aggregator.cli.options import open_beside, open_own, with_settings
from aggregator.cli.printing import plain, when
from aggregator.config import Settings
from aggregator.desk import accounts
from aggregator.model import Editor, Role
from aggregator.pipeline import utc_now
from aggregator.store import Store


@click.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), help="What they may do: editor, unless it is said."
)
@click.option("--password", is_flag=True, help="Give them another password.")
@click.option("--close/--open", "closed", default=None, help="Let them in no longer, or again.")
@with_settings
def editor(settings: Settings, name: str, role: str | None, password: bool, closed: bool | None) -> None:
    """Let somebody use the desk, or change what they may: NAME as they log in."""
    with closing(open_beside(settings)) as store:
        change(store, name, role, closed, password=password)


@click.command()
@with_settings
def editors(settings: Settings) -> None:
    """List who may use the desk."""
    with closing(open_own(settings)) as store:
        show(store)


def change(store: Store, name: str, role: str | None, closed: bool | None, *, password: bool) -> None:
    """Let somebody in, or change what is known of them; asks for a password where there is none, or another is
    wanted.
    """
    now = utc_now()
    editor = _named(store, name)
    if editor is None:
        editor = accounts.add(store, name, Role(role or Role.EDITOR), _ask(), now)
        click.echo(plain(f"{editor.name} may use the desk as {editor.role}"))
        return
    hashed = accounts.hashed(_ask()) if password else ""
    store.change_editor(editor.id, now, role=Role(role) if role else None, password=hashed, closed=closed)
    click.echo(plain(f"{_line(_named(store, name) or editor)}"))


def show(store: Store) -> None:
    """Everybody, one in a line."""
    for editor in store.editors():
        click.echo(plain(_line(editor)))


def _line(editor: Editor) -> str:
    closed = f", closed since {when(editor.closed_at)}" if editor.closed_at else ""
    return f"{editor.name}: {editor.role} since {when(editor.made_at)}{closed}"


def _ask() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _named(store: Store, name: str) -> Editor | None:
    wanted = " ".join(name.split()).casefold()
    return next((each for each in store.editors() if each.name.casefold() == wanted), None)
