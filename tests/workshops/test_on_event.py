"""The command or function of a site that is run for each event."""

import asyncio
import json
import logging
import os
import signal
import sys
import threading

import psutil
import pytest
import requests
from application import application, problem_of
from edge import serving
from event_reports import report, rows, wait_for_all
from waiting import wait_until

from launcher import store
from launcher.workshops import functions


@pytest.fixture
def script(tmp_path):
    """Makes a command: a Python script in a folder of its own; `out` is where it may write."""

    def make(text):
        path = tmp_path / f"command-{len(list(tmp_path.iterdir()))}"
        out = f"out = {str(tmp_path / 'out')!r}\n"
        path.write_text(f"#!{sys.executable} -I\nimport json, os, sys, time\n{out}{text}\n")
        path.chmod(0o755)
        return [str(path), "--notebook"]

    return make


def failure(written):
    """The line about a command or function that failed."""
    lines = (json.loads(line) for line in written.getvalue().splitlines())
    return next((line for line in lines if line["event"] == "on_event failed"), None)


KEEP = """
with open(out, "a") as file:
    file.write(json.dumps([sys.argv[1:], sys.stdin.read(), dict(os.environ), os.getcwd()]) + "\\n")
"""


def test_a_command_gets_the_event_on_stdin_and_in_its_environment(
    start_app, alice, script, tmp_path, monkeypatch
):
    monkeypatch.setenv("SECRET_OF_THE_LAUNCHER", "s3cret")
    site = start_app(on_event=script(KEEP))
    event = report(site, alice, path="a/x.ipynb")
    wait_for_all(site)
    ((arguments, line, environment, folder),) = map(
        json.loads, (tmp_path / "out").read_text().splitlines()
    )
    assert (arguments, folder) == (["--notebook"], "/")
    assert line.endswith("\n")
    assert json.loads(line) == event
    assert environment.pop("PATH")
    environment.pop("LC_CTYPE", None)  # set by Python itself
    assert environment == {
        "LANG": "C.UTF-8",
        "HOME": "/",
        "LAUNCHER_EVENT_ID": str(event["id"]),
        "LAUNCHER_EVENT_TYPE": "save-notebook",
        "LAUNCHER_EVENT_USER": event["user"],
        "LAUNCHER_EVENT_FILENAME": "x.ipynb",
        "LAUNCHER_EVENT_PATH": "a/x.ipynb",
    }


@pytest.mark.parametrize("kind", ["save-notebook", "exercise-done"])
def test_every_type_of_event_runs_the_command(start_app, alice, script, tmp_path, kind):
    site = start_app(on_event=script("open(out, 'w').write(os.environ['LAUNCHER_EVENT_TYPE'])"))
    report(site, alice, type=kind)
    wait_for_all(site)
    assert (tmp_path / "out").read_text() == kind


@pytest.mark.parametrize(
    "name",
    ["$(touch x).ipynb", "`touch x`.ipynb", "; touch x.ipynb", "--help", "a'b\"c.ipynb",
     "ü 😀.ipynb", "%s.ipynb", "${PATH}.ipynb", "&& touch x", "=.ipynb"],
)  # fmt: skip
def test_the_characters_of_a_name_stay_data(start_app, alice, script, tmp_path, name):
    site = start_app(on_event=script(KEEP))
    event = report(site, alice, filename=name)
    wait_for_all(site)
    ((arguments, line, environment, _),) = map(
        json.loads, (tmp_path / "out").read_text().splitlines()
    )
    assert arguments == ["--notebook"]
    assert json.loads(line) == event
    assert line.count("\n") == 1
    assert environment["LAUNCHER_EVENT_FILENAME"] == name
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["a\nb.ipynb", "a\0b.ipynb", "\ud800.ipynb", "a\rb", "a\x1b[2J"])
def test_names_with_control_characters_are_refused_and_nothing_runs(
    start_app, alice, script, tmp_path, name
):
    site = start_app(on_event=script(KEEP))
    body = json.dumps({"type": "t", "filename": name, "path": name})
    headers = {**alice.auth, "Content-Type": "application/json"}
    problem_of(site.post("/events", content=body, headers=headers), 400)
    assert rows(site) == []
    assert not (tmp_path / "out").exists()


def test_a_command_that_fails_is_logged_once_with_its_last_lines(
    start_app, alice, script, tmp_path, written
):
    text = """
open(out, "a").write("x")
for number in range(50):
    print("line", number, file=sys.stderr)
print("\\x1b[31mtoken=abcdefgh12345678\\x1b[0m", file=sys.stderr)
sys.exit(3)
"""
    site = start_app(on_event=script(text))
    event = report(site, alice)
    wait_for_all(site)
    line = failure(written)
    assert line["reason"] == "exit status 3"
    assert line["stderr"][-2:] == ["line 49", "token=[secret]"]
    assert len(line["stderr"]) == 10
    assert (line["user"], line["path"], line["event_id"]) == (event["user"], "x.ipynb", event["id"])
    assert (tmp_path / "out").read_text() == "x"
    assert written.getvalue().count("on_event failed") == 1


def test_a_command_that_prints_megabytes_is_read_to_its_end(
    start_app, alice, script, tmp_path, written
):
    text = """
for stream in (sys.stdout, sys.stderr):
    for _ in range(160):
        stream.write("x" * 2**16)
sys.stderr.write("\\nthe end")
sys.stderr.flush()
open(out, "w").close()
sys.exit(1)
"""
    site = start_app(on_event=script(text))
    report(site, alice)
    wait_for_all(site)
    assert (tmp_path / "out").exists()
    assert failure(written)["stderr"][-1] == "the end"
    assert len(written.getvalue()) < 10_000


def pids(path):
    """The ids of processes in a file."""
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def are_gone(numbers):
    return not any(
        psutil.pid_exists(each) and psutil.Process(each).status() != psutil.STATUS_ZOMBIE
        for each in numbers
    )


HANG = """
child = os.fork()
with open(out, "a") as file:
    file.write(f"{os.getpid()} ")
time.sleep(600)
"""


def test_a_command_that_hangs_is_killed_with_its_children(
    start_app, alice, script, tmp_path, written
):
    site = start_app(on_event=script(HANG), on_event_timeout=2)
    report(site, alice)
    wait_for_all(site)
    assert failure(written)["reason"] == "it took longer than 2 s"
    assert len(pids(tmp_path / "out")) == 2
    wait_until(lambda: are_gone(pids(tmp_path / "out")), "the end of the processes")


def test_a_child_that_stays_is_killed_when_the_command_ends(start_app, alice, script, tmp_path):
    text = """
if os.fork() == 0:
    open(out, "w").write(str(os.getpid()))
    time.sleep(600)
while not os.path.exists(out) or not os.path.getsize(out):
    time.sleep(0.01)
"""
    site = start_app(on_event=script(text))
    report(site, alice)
    wait_for_all(site)
    wait_until(lambda: are_gone(pids(tmp_path / "out")), "the end of the child")


def test_a_child_that_leaves_the_group_does_not_keep_the_launcher(
    start_app, alice, script, tmp_path
):
    text = """
if os.fork() == 0:
    os.setsid()
    open(out, "w").write(str(os.getpid()))
    time.sleep(60)
while not os.path.exists(out) or not os.path.getsize(out):
    time.sleep(0.01)
"""
    site = start_app(on_event=script(text))
    report(site, alice)
    wait_for_all(site)
    (stayed,) = pids(tmp_path / "out")
    os.kill(stayed, signal.SIGKILL)


def test_a_command_that_was_removed_is_logged_and_not_repeated(
    start_app, alice, script, tmp_path, written
):
    command = script("")
    site = start_app(on_event=command)
    os.unlink(command[0])
    report(site, alice)
    wait_for_all(site)
    assert failure(written)["reason"] == "it cannot be started (No such file or directory)"


COUNT = """
now = os.path.join(os.path.dirname(out), "now")
os.makedirs(now, exist_ok=True)
mine = os.path.join(now, str(os.getpid()))
open(mine, "w").close()
time.sleep(0.3)
with open(out, "a") as file:
    file.write(f"{len(os.listdir(now))} ")
os.unlink(mine)
"""


def test_two_commands_run_at_once(start_app, alice, script, tmp_path):
    site = start_app(on_event=script(COUNT))
    for number in range(6):
        report(site, alice, path=f"{number}/x.ipynb")
    wait_for_all(site)
    counts = pids(tmp_path / "out")
    assert len(counts) == 6
    assert max(counts) == 2


def test_a_user_who_saves_each_moment_builds_no_backlog(start_app, alice, script, tmp_path):
    go = tmp_path / "go"
    text = f"""
with open(out, "a") as file:
    file.write(json.load(sys.stdin)["timestamp"] + " ")
while not os.path.exists({str(go)!r}):
    time.sleep(0.01)
"""
    site = start_app(on_event=script(text))
    report(site, alice)
    wait_until((tmp_path / "out").exists, "the command")
    for _ in range(20):
        last = report(site, alice)
    assert len(rows(site)) == 2
    go.touch()
    wait_for_all(site)
    seen = (tmp_path / "out").read_text().split()
    assert len(seen) == 2
    assert seen[-1] == last["timestamp"]


def test_a_report_that_is_late_runs_nothing(start_app, alice, script, tmp_path):
    site = start_app(on_event=script("open(out, 'a').write('x')"))
    report(site, alice, timestamp="2026-01-02T00:00:00Z")
    wait_for_all(site)
    report(site, alice, timestamp="2026-01-01T00:00:00Z")
    assert rows(site) == []
    assert (tmp_path / "out").read_text() == "x"


def test_what_a_stopped_launcher_ran_is_run_again_by_the_next_one(
    fakehub, alice, tmp_path, start_app
):
    done, go = [], threading.Event()

    def hang(event):
        done.append(event)
        go.wait(60)

    with application(fakehub, tmp_path, on_event=hang) as site:
        report(site, alice)
        wait_until(lambda: done, "the call")
        # it has stopped, whatever the function does
    go.set()
    again = start_app(on_event=hang)
    wait_for_all(again)
    assert done[0] == done[1]


def test_what_a_killed_worker_ran_is_run_again(fakehub, alice, tmp_path, script):
    command = script("open(out, 'a').write(f'{os.getppid()} ')\ntime.sleep(2)")
    (tmp_path / "launcher_config.py").write_text(
        f"c.Launcher.on_event = {command!r}\n"
        "from launcher.store import event_deliveries\n"
        "event_deliveries.LEASE_SECONDS = 1.0\n"
    )
    store.migrate(f"sqlite:///{tmp_path}/launcher.sqlite")
    environ = {"LAUNCHER_CONFIG": str(tmp_path / "launcher_config.py")}
    with serving(fakehub, tmp_path, environ=environ) as served:
        body = {"type": "t", "filename": "x.ipynb", "path": "x.ipynb"}
        answer = requests.post(f"{served.url}/events", json=body, headers=alice.auth, timeout=30)
        assert answer.status_code == 201, answer.text
        first = wait_until(lambda: pids(tmp_path / "out"), "the command")
        os.kill(first[0], signal.SIGKILL)
        second = wait_until(lambda: pids(tmp_path / "out")[1:], "the second attempt")
        assert second != first


# functions


def test_a_function_is_called_with_the_event(start_app, alice):
    seen = []
    site = start_app(on_event=seen.append)
    event = report(site, alice)
    wait_for_all(site)
    assert seen == [event]


def test_a_coroutine_function_is_awaited(start_app, alice):
    seen = []

    async def keep(event):
        await asyncio.sleep(0.01)
        seen.append(event)

    site = start_app(on_event=keep)
    event = report(site, alice)
    wait_for_all(site)
    assert seen == [event]


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), asyncio.CancelledError()])
def test_what_a_function_raises_is_logged_once(start_app, alice, written, error):
    seen = []

    def fail(event):
        seen.append(event)
        raise error

    site = start_app(on_event=fail)
    report(site, alice)
    wait_for_all(site)
    line = failure(written)
    assert line["level"] == logging.getLevelName(logging.WARNING)
    assert line["reason"]
    assert len(seen) == 1
    report(site, alice)
    wait_for_all(site)
    assert len(seen) == 2


def test_functions_that_hang_stop_nothing_else(start_app, alice, written, mocker):
    mocker.patch.object(functions, "MOST_HANGING", 3)
    go, seen = threading.Event(), []

    def hang(event):
        seen.append(event["path"])
        if event["path"].startswith("hang"):
            go.wait(60)

    site = start_app(on_event=hang, on_event_timeout=1)
    for number in range(3):
        report(site, alice, path=f"hang-{number}/x.ipynb")
    wait_until(lambda: written.getvalue().count("it took longer than 1 s") == 3, "the timeouts")
    assert site.get("/health").status_code == 200
    # no thread is left for the next one until others end
    report(site, alice, path="waits/x.ipynb")
    threading.Event().wait(0.5)
    assert "waits/x.ipynb" not in seen
    go.set()
    wait_for_all(site)
    assert seen[-1] == "waits/x.ipynb"


def test_a_coroutine_that_takes_too_long_is_cancelled(start_app, alice, written):
    ended = threading.Event()

    async def hang(event):
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    site = start_app(on_event=hang, on_event_timeout=1)
    report(site, alice)
    wait_for_all(site)
    assert failure(written)["reason"] == "it took longer than 1 s"
    assert ended.wait(30)


def test_without_the_settings_there_is_nothing_to_deliver(start_app, alice):
    site = start_app()
    report(site, alice)
    assert rows(site) == []
