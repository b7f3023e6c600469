"""The terminal, with colours where it has some."""

from rich.console import Console
from rich.markup import escape

from aggregator.cli.printing import plain

console = Console(highlight=False, soft_wrap=True)


def said(text: str) -> str:
    """Text of others for the console, which reads markup."""
    return escape(plain(text))
