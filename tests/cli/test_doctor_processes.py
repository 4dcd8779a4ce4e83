"""launcher doctor in the environment of a launcher that runs (--environment-of)."""

import os
import subprocess
import sys

import pytest
from application import environment

NOBODY = 65534
LAUNCHERS = [
    ["/opt/launcher/bin/launcher", "serve"],
    ["-m", "launcher", "serve", "--workers", "1"],
    ["gunicorn", "-c", "python:launcher.gunicorn", "launcher.serve:app"],
]


@pytest.fixture
def start():
    """Starts processes that wait, with a command line and an environment."""
    begun = []

    def run(words, env, folder, **options):
        # the shell itself waits
        command = ["/bin/sh", "-c", "read line", *words]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=env, cwd=folder, **options)
        begun.append(process)
        return process.pid

    yield run
    for process in begun:
        process.communicate(timeout=30)


@pytest.mark.parametrize("words", LAUNCHERS, ids=["script", "module", "gunicorn"])
def test_the_doctor_takes_the_environment_and_the_folder(
    doctor_process, start, fakehub, tmp_path, words
):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    site.mkdir()
    elsewhere.mkdir()
    (site / "site.py").write_text("c.Launcher.max_starts = 3")
    env = {**environment(fakehub, site), "LAUNCHER_CONFIG": "site.py"}
    pid = start(words, env, site)
    # of another launcher
    own = {"JUPYTERHUB_URL": "http://127.0.0.1:1", "BASE_PATH": "/other"}
    report = doctor_process("--json", "--environment-of", str(pid), env=own, folder=elsewhere)
    assert report.status == 0, report.output + report.error
    said = report.detail("configuration", "ok")
    assert said == f"{site}/site.py and the environment."
    assert fakehub.url in report.detail("hub", "ok")
    assert "/other" not in report.output
    assert fakehub.token not in report.output + report.error


def test_what_is_not_a_launcher(doctor_process, start, tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    removed = tmp_path / "removed"
    removed.mkdir()
    sentences = {
        ended.pid: f"there is no process {ended.pid}.",
        os.getpid(): "is not a launcher: its command line has neither `launcher serve` nor",
        start(LAUNCHERS[0], {}, tmp_path): "shows no environment.",
        start(LAUNCHERS[0], {"A": "b"}, removed): "the working directory of process",
    }
    removed.rmdir()
    for pid, sentence in sentences.items():
        report = doctor_process("--environment-of", str(pid))
        assert report.status == 2
        assert sentence in report.error
        assert "'--environment-of'" in report.error


def entered(pid, before=""):
    """The user after the environment of a process was taken, and the message if there is one."""
    script = f"""
import os
import click
from launcher.cli.doctor import processes
{before}
try:
    processes.enter({pid})
except click.BadParameter as error:
    print(error.message)
print(os.getresuid(), os.getresgid(), os.getgroups())
"""
    return subprocess.check_output([sys.executable, "-c", script], text=True, timeout=60)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone starts processes of others")


@as_root
def test_root_runs_the_configuration_as_the_user_of_the_process(start):
    pid = start(LAUNCHERS[0], {"A": "b"}, "/", user=NOBODY, group=NOBODY, extra_groups=[7])
    ids = 3 * (NOBODY,)
    assert entered(pid).splitlines()[-1] == f"{ids} {ids} [7]"


@as_root
def test_another_user_is_told_whom_to_be(start):
    pid = start(LAUNCHERS[0], {"A": "b"}, "/")
    said = entered(pid, before=f"os.setresuid({NOBODY}, {NOBODY}, {NOBODY})")
    assert (
        "cannot be read. Run the doctor as the user that the launcher runs as, or as root" in said
    )
