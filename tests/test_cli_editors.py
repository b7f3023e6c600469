"""`tributary editor` and `tributary editors`: who may use the desk, as the operator says it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator import cli
from aggregator.desk import accounts
from aggregator.model import Role
from aggregator.store import open_store
from tests.desk_world import CHEAP
from tests.values import NOW

SECRET = "correct horse"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "hasher", CHEAP)


def told(folder: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    runner = CliRunner(env={"TRIBUTARY_DATABASE": str(folder / "t.db")})
    found = runner.invoke(cli.main, arguments, input=typed)
    return found.exit_code, found.output


def test_the_first_editor_is_made_on_the_command_line(tmp_path: Path) -> None:
    code, said = told(tmp_path, "editor", "  Jeanne  Petit ", "--role", "admin", typed=f"{SECRET}\n{SECRET}\n")
    assert code == 0 and "Jeanne Petit may use the desk as admin" in said and SECRET not in said
    store = open_store(str(tmp_path / "t.db"))
    assert accounts.log_in(store, "jeanne petit", SECRET, "here", NOW).login.editor.role is Role.ADMIN
    store.close()


def test_a_role_a_password_and_whether_somebody_may_at_all_are_changed_and_listed(tmp_path: Path) -> None:
    assert told(tmp_path, "editors") == (0, "")
    told(tmp_path, "editor", "Jeanne", typed=f"{SECRET}\n{SECRET}\n")
    assert "Jeanne: admin since" in told(tmp_path, "editor", "JEANNE", "--role", "admin")[1]
    other = "quite another"
    assert told(tmp_path, "editor", "Jeanne", "--password", typed=f"{other}\n{other}\n")[0] == 0
    store = open_store(str(tmp_path / "t.db"))
    assert accounts.log_in(store, "Jeanne", other, "here", NOW)
    store.close()
    assert "closed since" in told(tmp_path, "editor", "Jeanne", "--close")[1]
    assert "Jeanne: admin since" in told(tmp_path, "editors")[1] and "closed" in told(tmp_path, "editors")[1]
    assert "closed" not in told(tmp_path, "editor", "Jeanne", "--open")[1]


def test_a_password_that_is_too_short_is_refused_and_nobody_let_in(tmp_path: Path) -> None:
    code, said = told(tmp_path, "editor", "Jeanne", typed="short\nshort\n")
    assert code == 1 and "a password has 10 to 200 characters" in said
    assert told(tmp_path, "editors")[1] == ""
