"""Every answer of a real hub to a start is seen through, or told with its reason."""

import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from realhub import problem


def test_a_slow_server_is_waited_for(hub, beside):
    answer = beside.hello("slow-1", hub=hub)
    assert answer.status_code == 200, answer.text
    assert (hub.home("slow-1") / "somedirectory/experiment.ipynb").is_file()


def test_simultaneous_launches_share_one_slow_start(hub, beside):
    token = hub.token_of("slow-2")
    body = {"notebook": {"directory": "d"}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: beside.post("/hello", body, token=token), range(8)))
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert len(list((hub.home("slow-2") / "d").glob("*.ipynb"))) == 8


def test_a_failed_start_tells_the_spawners_reason(hub, beside):
    answer = beside.hello("bad-1", hub=hub)
    assert problem(answer, 502, "spawn-failed") == "image pull failed: no such image foo:1"
    assert hub.hub.log.read_text().count("Unhandled error starting bad-1's server") == 1


def test_a_start_that_failed_is_repeated_by_the_user_alone(hub, beside):
    answer = beside.hello("once-1", hub=hub)
    assert problem(answer, 502, "spawn-failed") == "image pull failed: no such image foo:1"
    again = beside.hello("once-1", hub=hub)
    assert again.status_code == 200, again.text


def test_a_start_that_never_ends_is_a_timeout(hub, beside):
    detail = problem(beside.hello("never-1", hub=hub), 504, "start-timeout")
    assert "not ready within the hub's start_timeout" in detail


def test_a_server_that_exits_at_once_is_told(hub, beside):
    detail = problem(beside.hello("exits-1", hub=hub), 502, "server-exited")
    assert "ended before it was ready" in detail


def test_a_hook_that_refuses_is_quoted_and_not_asked_again(hub, beside):
    answer = beside.hello("refused-1", hub=hub)
    assert problem(answer, 502, "spawn-refused") == "You have no quota left"
    assert hub.hub.log.read_text().count("refused-1 You have no quota left") <= 1


MAY_MOUNT = subprocess.run(
    ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
    check=False,
    capture_output=True,
)


@pytest.mark.skipif(MAY_MOUNT.returncode, reason="a file system that is full cannot be mounted")
def test_a_home_without_space_is_told_and_nothing_is_left_in_it(hub, beside):
    answer = beside.hello("full-1", "full", hub=hub)
    assert "no space left" in problem(answer, 507, "insufficient-storage")
    (pid,) = [p for p in hub.server_pids() if b"=full-1\x00" in _environ(p)]
    there = os.listdir(f"/proc/{pid}/root{hub.home('full-1')}/full")
    assert set(there) - {".ipynb_checkpoints"} == {"filler"}


def test_a_name_that_the_file_system_does_not_take_is_told(hub, beside):
    deep = hub.home("deep-1").with_name("deep").joinpath(*["d" * 250] * 8)
    deep.mkdir(parents=True)
    hub.home("deep-1").symlink_to(deep)
    # else it is the look for a hidden directory that fails, which the server answers without words
    (deep / ".jupyter").mkdir()
    (deep / ".jupyter/jupyter_server_config.py").write_text("c.ContentsManager.allow_hidden = True")
    answer = beside.hello("deep-1", "/".join(["e" * 250] * 9), hub=hub)
    assert "of that length" in problem(answer, 502, "name-too-long")


def test_a_user_that_the_hub_forgot_is_told_to_sign_in(hub, make_launcher):
    launcher = make_launcher(hub, workers=1)
    token = hub.token_of("forgotten")
    headers = {"Authorization": f"token {token}"}
    assert requests.get(f"{launcher.url}/user", headers=headers, timeout=10).status_code == 200
    hub.api("DELETE", "users", "forgotten")
    answer = launcher.post("/hello", {"notebook": {"directory": "d"}}, token=token)
    assert "Sign in to the hub once" in problem(answer, 409, "unknown-user")


def test_a_killed_server_is_started_again(hub, beside):
    hub.start_server("killed")
    hub.kill_server("killed")
    answer = beside.hello("killed", hub=hub)
    assert answer.status_code == 200, answer.text
    assert (hub.home("killed") / "somedirectory/experiment.ipynb").is_file()


def test_a_server_that_is_stopping_is_started_after(hub, beside):
    hub.start_server("stopping")
    token = hub.token_of("stopping")
    threading.Thread(target=hub.api, args=("DELETE", "users", "stopping", "server")).start()
    answer = beside.post("/hello", {"notebook": {"directory": "d"}}, token=token)
    assert answer.status_code == 200, answer.text


def test_a_server_that_hangs_gets_one_notebook_when_it_goes_on(hub, beside):
    hub.start_server("hung")
    token = hub.token_of("hung")
    (pid,) = [p for p in hub.server_pids() if b"=hung\x00" in _environ(p)]
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(3, os.kill, (pid, signal.SIGCONT)).start()
    answer = beside.post("/hello", {"notebook": {"directory": "d"}}, token=token)
    assert answer.status_code == 200, answer.text
    there = {path.name for path in (hub.home("hung") / "d").iterdir()}
    assert there - {".ipynb_checkpoints"} == {"experiment.ipynb"}


def _environ(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()
