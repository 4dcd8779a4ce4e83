"""Runs `launcher doctor` as an administrator does, and other commands as users do."""

import sys

import pytest
from application import environment
from click.testing import CliRunner
from command_line import User
from doctoring import DOCTOR, Report, run_doctor
from fake_launcher import served

from launcher.cli import main


@pytest.fixture
def doctor(fakehub, tmp_path, monkeypatch):
    """Runs the command in this process, with the configuration of the fake hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])

    def run(*words, config="", **environ):
        (tmp_path / "launcher_config.py").write_text(config)
        env = {**environment(fakehub, tmp_path), **environ}
        done = CliRunner().invoke(main, ["doctor", *(words or ["--json"])], env=env)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return Report(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def doctor_process(tmp_path):
    """Runs the command in a process of its own; `before` is a command that runs the rest."""

    def run(*words, before=(), env=None, folder=tmp_path):
        return run_doctor([*before, *DOCTOR, *words], folder=folder, env=env)

    return run


@pytest.fixture
def service():
    """A launcher that answers what it is told."""
    with served() as service:
        yield service


@pytest.fixture
def user(service):
    """A user of that launcher."""
    return User(service.url, "secret-of-alice")
