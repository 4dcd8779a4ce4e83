"""The Python client and servers, with the real launcher; the default server runs beside them."""

import pytest
from fakehub import Start
from waiting import wait_until

from launcher.client import LauncherClient, LauncherProblem

NAMES = pytest.mark.parametrize("name", ["", "gpu"])


@pytest.fixture
def launcher(gunicorn, both):
    """The client of that user."""
    with LauncherClient(gunicorn.url, token=both.token) as launcher:
        yield launcher


def states(launcher):
    return {name: server["state"] for name, server in launcher.servers().items()}


def test_a_server_that_does_not_exist_is_started_beside_the_default_one(launcher, both):
    assert launcher.start_server("new").endswith(f"/user/{both.name}/new/")
    assert states(launcher) == {"": "running", "gpu": "running", "new": "running"}
    assert launcher.server("new")["name"] == "new"


@NAMES
def test_a_server_is_stopped_and_started_again(launcher, both, name):
    launcher.stop_server(name)
    assert states(launcher) == {"": "running", "gpu": "running", name: "stopped"}
    launcher.stop_server(name)
    assert launcher.start_server(name).endswith(f"/user/{both.name}/{name and name + '/'}")
    assert states(launcher) == {"": "running", "gpu": "running"}


@NAMES
def test_a_server_is_resumed_and_one_that_runs_is_left_alone(launcher, both, name, fakehub):
    location = launcher.resume_server(name)
    assert location.endswith(f"/user/{both.name}/{name and name + '/'}")
    assert fakehub.lines("POST", f"/users/{both.name}/server") == []
    launcher.stop_server(name)
    events = []
    assert launcher.resume_server(name, on_event=events.append) == location
    assert states(launcher) == {"": "running", "gpu": "running"}


@NAMES
def test_a_stop_that_takes_its_time_is_not_waited_for(launcher, both, name):
    both.servers[name].polls_until_stopped = 3
    launcher.stop_server(name)
    wait_until(lambda: launcher.server(name)["state"] == "stopped", "the stop")


def test_a_server_is_removed_and_the_default_one_stays(launcher, both):
    launcher.remove_server("gpu")
    assert states(launcher) == {"": "running"}
    for call in (launcher.remove_server, launcher.stop_server, launcher.server):
        with pytest.raises(LauncherProblem) as caught:
            call("gpu")
        assert caught.value.status == 404
    assert both.server == "ready"


def test_the_default_server_is_no_server_to_remove(launcher, both, fakehub):
    with pytest.raises(ValueError, match="segment"):
        launcher.remove_server("")
    assert states(launcher) == {"": "running", "gpu": "running"}
    assert fakehub.lines("DELETE") == []


def test_a_launch_whose_server_is_stopped_says_so(launcher, both, fakehub):
    both.add_server("slow", starts=[Start(202, "never")])
    launch = launcher.start("hello", directory="lab", server="slow")
    wait_until(lambda: both.servers["slow"].state == "spawning", "the start")
    launcher.stop_server("slow")
    wait_until(lambda: launcher.find(launch["id"])["state"] == "cancelled", "the end")
    assert launcher.find(launch["id"])["problem"]["type"].endswith(":server-stopped")
