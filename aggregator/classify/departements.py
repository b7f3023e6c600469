"""The names of the French départements; codes of elsewhere stand for themselves."""

from functools import cache
from importlib.resources import files


@cache
def _names() -> dict[str, str]:
    text = (files("aggregator.classify") / "departements.tsv").read_text(encoding="utf-8")
    return dict(line.split("\t") for line in text.splitlines()[1:])


def departement_name(code: str) -> str:
    """ "25" → "Doubs"."""
    return _names().get(code, code)
