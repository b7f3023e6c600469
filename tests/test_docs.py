"""What is not documented is not there; what is documented is."""

import re
from pathlib import Path

import click
import pytest
from msgspec.structs import fields

import web
from aggregator.classify import load_taxonomy
from aggregator.cli import main
from aggregator.config import Settings
from aggregator.errors import ErrorClass

ROOT = Path(__file__).parent.parent
OPERATORS = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
ADDRESSES = (ROOT / "docs" / "addresses.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


def test_every_setting_is_explained_with_its_default() -> None:
    rows = re.findall(r"^\| (`.+?) \| (.+?) \|", OPERATORS.partition("## Settings")[2], re.MULTILINE)
    explained = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(explained) == {each.name for each in fields(Settings)}
    for each in fields(Settings):
        if isinstance(each.default, int | float):
            assert str(each.default).removesuffix(".0").lower() in explained[each.name], each.name


def test_every_command_and_option_is_explained() -> None:
    context = click.Context(main)
    explained = dict(re.findall(r"^\| `tributary ([\w-]+).*?` \| (.+?) \|$", OPERATORS, re.MULTILINE))
    assert set(explained) == set(main.list_commands(context))
    for name in explained:
        command = main.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert option in explained[name] or option in OPERATORS.partition("| command |")[0], (name, option)


def test_every_address_is_explained(tmp_path: Path) -> None:
    app = web.create_app(Settings(database=str(tmp_path / "t.db")))
    explained = set(re.findall(r"^\| `(.+?)` \|", ADDRESSES, re.MULTILINE))
    assert explained == {re.sub(r"<(?:[^<>]+:)?(\w+)>", r"<\1>", rule.rule) for rule in app.url_map.iter_rules()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_category_is_explained() -> None:
    chapter = (ROOT / "docs" / "source-list.md").read_text(encoding="utf-8").partition("## The categories")[2]
    explained = dict(re.findall(r"^\| `([\w-]+)` \| ([^:|]+?)(?::.*)? \|$", chapter, re.MULTILINE))
    taxonomy = load_taxonomy()
    assert explained == {slug: taxonomy.label(slug, "fr") for slug in taxonomy.slugs}


def test_every_error_class_is_explained() -> None:
    editors = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", editors, re.MULTILINE)) == set(ErrorClass)
