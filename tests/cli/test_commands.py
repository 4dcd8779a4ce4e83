"""The command line itself: its help, what it imports, and how it ends."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import launcher
from launcher import config
from launcher.cli import main
from launcher.config import Launcher

# each takes tenths of a second to import, or seconds
SLOW = {"aiohttp", "alembic", "connexion", "gunicorn", "jsonschema", "jupyterhub", "requests"}
SLOW |= {"rfc3987_syntax", "rich", "sqlalchemy", "starlette", "yaml"}
RUN = """
import sys
from launcher.cli import main
try:
    main(sys.argv[1:])
finally:
    print("imported:", *sys.modules)
"""


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["--version"], ["config"], ["serve", "--help"], ["doctor", "--help"]),
        *(["project", "--help"], ["logs", "--help"], ["servers", "--help"]),
    ],
    ids=" ".join,
)
def test_a_command_imports_what_it_needs_and_no_more(words):
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words], capture_output=True, text=True, timeout=60, check=True
    )
    imported = done.stdout.rpartition("imported:")[2].split()
    assert "click" in imported
    assert not SLOW & set(imported)


def test_help_lists_the_commands():
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    users = ("project", "servers", "logs", "stop", "resume", "remove")
    for name in ("config", "doctor", "serve", *users):
        assert f"\n  {name} " in done.output
    assert "\n  _" not in done.output
    assert all(len(line) <= 80 for line in done.output.splitlines())


def test_the_version_is_the_only_word():
    assert CliRunner().invoke(main, ["--version"]).output == f"{launcher.__version__}\n"


def test_an_unknown_command_is_an_error():
    done = CliRunner().invoke(main, ["nothing"])
    assert done.exit_code == 2
    assert "No such command 'nothing'" in done.output


def test_config_prints_the_launchers_settings_and_no_others():
    printed = CliRunner().invoke(main, ["config"]).output
    names = re.findall(r"^# c\.(\w+\.\w+) = ", printed, re.MULTILINE)
    assert names == [f"Launcher.{name}" for name in sorted(Launcher.settings())]


def test_what_config_prints_can_be_used_as_a_configuration_file(tmp_path):
    printed = CliRunner().invoke(main, ["config"]).output
    file = tmp_path / "launcher_config.py"
    file.write_text(re.sub(r"^# (c\.Launcher\.\w+ =)", r"\1", printed, flags=re.MULTILINE))
    assert config.read({"LAUNCHER_CONFIG": str(file)}).wait_timeout == 300


@pytest.mark.parametrize("word", ["--bind", "--workers"])
def test_serve_keeps_its_options(word):
    assert word in CliRunner().invoke(main, ["serve", "--help"]).output
