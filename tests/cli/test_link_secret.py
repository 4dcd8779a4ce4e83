"""launcher link signs with the launcher's own secret, and never makes one."""

from click.testing import CliRunner

from launcher import keys
from launcher.cli import main

WORDS = ["link", "hello", "--url", "https://hub.example.org/services/launcher"]


def test_without_the_launchers_secret_there_is_no_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, WORDS)
    assert result.exit_code != 0
    assert "no secret file" in f"{result.output}{result.exception}"
    assert list(tmp_path.iterdir()) == []


def test_with_it_the_link_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keys.secret(tmp_path / "launcher_secret")
    result = CliRunner().invoke(main, WORDS)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("https://hub.example.org/services/launcher/launch/hello?")


def test_a_link_can_name_an_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keys.secret(tmp_path / "launcher_secret")
    named = ["--entrypoint", "climate", "--system", "desk"]
    result = CliRunner().invoke(main, [*WORDS, *named])
    assert result.exit_code == 0, result.output
    assert "?entrypoint=climate&system=desk&signature=" in result.output
