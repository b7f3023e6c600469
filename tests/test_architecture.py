"""The structure that the documents promise."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from importlinter import cli as importlinter

import aggregator

ROOT = Path(__file__).parent.parent
LINES_LIMIT = 400
CODE = sorted([*ROOT.glob("aggregator/**/*.py"), *ROOT.glob("web/**/*.py"), ROOT / "scheduler.py"])


def test_the_map_in_the_docstring_lists_every_module() -> None:
    listed = re.findall(r"^    (\w+)  ", aggregator.__doc__ or "", re.MULTILINE)
    there = [module.name for module in pkgutil.iter_modules(aggregator.__path__)]
    assert sorted(listed) == sorted(there)


def test_imports_keep_to_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert importlinter.lint_imports(config_filename="setup.cfg", no_cache=True) == importlinter.EXIT_STATUS_SUCCESS


def test_apscheduler_is_used_in_the_scheduler_alone() -> None:
    users = [path.name for path in CODE if re.search(r"^(from|import) apscheduler", path.read_text(), re.MULTILINE)]
    assert users == ["scheduler.py"]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LINES_LIMIT
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    if not name.endswith("__main__"):
        assert (importlib.import_module(name).__doc__ or "").strip()


def test_the_five_packages_and_the_top_level_are_there() -> None:
    for name in ("aggregator", "web", "feeds.opml", "scheduler.py", "tests", "setup.cfg"):
        assert (ROOT / name).exists()
    for package in ("feedparser", "feedgen", "apscheduler", "sqlite_utils", "flask"):
        assert any(re.search(rf"^(from|import) {package}\b", path.read_text(), re.MULTILINE) for path in CODE), package
