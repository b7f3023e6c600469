"""Settings: where they come from, and what is refused."""

from pathlib import Path

import pytest

from aggregator.config import Settings, load
from aggregator.errors import ConfigError


def written(folder: Path, text: str) -> str:
    file = folder / "tributary.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_without_anything_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environ={}) == Settings()


def test_the_file_in_the_working_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "port = 9000")
    assert load(environ={}).port == 9000


def test_the_environment_comes_before_the_file_and_the_command_line_before_both(tmp_path: Path) -> None:
    file = written(tmp_path, 'title = "file"\nport = 1\nhost = "file"')
    environ = {"TRIBUTARY_TITLE": "environment", "TRIBUTARY_PORT": "2", "PATH": "/bin"}
    settings = load(file, environ, {"title": "command line", "host": None})
    assert (settings.title, settings.port, settings.host) == ("command line", 2, "file")


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    assert load(environ={"TRIBUTARY_CONFIG": written(tmp_path, "port = 7")}).port == 7


def test_a_list_in_the_environment_is_separated_by_spaces_or_commas() -> None:
    settings = load(environ={"TRIBUTARY_ALLOW_PRIVATE": "127.0.0.1:1, [::1]:2 127.0.0.1:3"})
    assert settings.allow_private == ("127.0.0.1:1", "[::1]:2", "127.0.0.1:3")
    assert load(environ={"TRIBUTARY_ONE_PER_EVENT": "all sport"}).one_per_event == ("all", "sport")
    assert load(environ={"TRIBUTARY_RENAMED": "a=b, c=b"}).renamings == {"a": "b", "c": "b"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("prot = 1", "unknown setting 'prot'.*tributary.toml"),
        ("port = 'x'", "port"),
        ("port =", "tributary.toml"),
        ("port = 70000", "port must be between 0 and 65535"),
        ("port = -1", "port"),
        ("concurrency = 0", "concurrency must be more than 0"),
        ("timeout_seconds = -1", "timeout_seconds"),
        ("timezone = 'Europe/Besançon'", "timezone"),
        ("timezone = '../etc/passwd'", "timezone"),
        ("base_url = 'ftp://x'", "base_url"),
        ("hub_url = 'ftp://x'", "hub_url"),
        ("renamed = ['eco']", "old=new"),
        ("renamed = ['eco=economie?x=1']", "old=new"),
        ("renamed = ['../a=b']", "old=new"),
        ("renamed = ['a=b', 'b=c']", "the one of today"),
        ("renamed = ['a=b', 'a=c']", "the one of today"),
        ("renamed = ['a=a']", "the one of today"),
        ("allow_private = ['127.0.0.0/8']", "exact host:port"),
        ("allow_private = ['127.0.0.1:*']", "exact host:port"),
        ("allow_private = [':80']", "exact host:port"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load(written(tmp_path, text), {})


def test_an_unknown_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'prot' in the environment"):
        load(environ={"TRIBUTARY_PROT": "1"})


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load(str(tmp_path / "nowhere.toml"), {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"t\.toml"):
        load(str(tmp_path / "t.toml"), {})


def test_publishers_can_reach_a_person_through_the_user_agent() -> None:
    assert "https://news.example/contact" in Settings(contact="https://news.example/contact").user_agent
    assert "http://127.0.0.1:8000" in Settings().user_agent
    assert "https://news.example" in Settings(base_url="https://news.example/").user_agent
