"""Launches onto named servers of a real hub, with four workers.

A user's name says what happens when their server starts: see realhub_config.py.
"""

import os
import signal
from urllib.parse import quote

import jupyterhub
import pytest
from callers import Caller, notebooks, workers
from realhub import problem
from waiting import wait_until

pytestmark = pytest.mark.slow

NAMED_SERVERS = """
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 2
"""
SERVERS = ("", "gpu", "cpu")


@pytest.fixture(scope="module")
def named_hub(make_shared_hub):
    """A hub on which each user may have two named servers beside the default one."""
    return make_shared_hub(extra=NAMED_SERVERS)


@pytest.fixture(scope="module")
def launcher(named_hub, make_shared_launcher):
    """Four workers beside it; earlier starts do not hold back later ones."""
    config = "c.Launcher.breaker_seconds = 0\nc.Launcher.start_cooldown = 0\n"
    launcher = make_shared_launcher(named_hub, config=config)
    first = Caller(launcher, named_hub.token_of("first"))
    assert first.ended(first.launch())["state"] == "done"
    return launcher


@pytest.fixture
def caller(named_hub, launcher):
    """Makes callers out of names of users."""
    return lambda name: Caller(launcher, named_hub.token_of(name))


def begin_all(hub, caller, user):
    """One launch onto each server of the user, when all three starts are under way."""
    slow = caller(user)
    launches = {server: slow.launch(server=server) for server in SERVERS}
    wait_until(lambda: set(hub.servers(user) or {}) == set(SERVERS), what="three starts")
    return slow, launches


def check_all_done(hub, caller, launches, user, servers=SERVERS):
    """Each launch ended on its own server, with one notebook each in the home they share."""
    ends = {server: caller.ended(launches[server]) for server in servers}
    assert {end["state"] for end in ends.values()} == {"done"}, ends
    for server, end in ends.items():
        assert (end["server"], end["server_user"], end["user"]) == (server, user, user)
        there = f"/user/{user}/{server}/lab" if server else f"/user/{user}/lab"
        assert there in end["location"]
        assert hub.is_ready(user, server)
    assert len({end["path"] for end in ends.values()}) == len(servers)
    assert len(notebooks(hub, user)) == len(servers)


def test_one_user_launches_onto_three_servers_at_once(named_hub, caller):
    slow, launches = begin_all(named_hub, caller, "slow-three")
    check_all_done(named_hub, slow, launches, "slow-three")
    again = {server: slow.launch("again", server=server) for server in SERVERS}
    assert {slow.ended(launch)["state"] for launch in again.values()} == {"done"}
    assert len(notebooks(named_hub, "slow-three", "again")) == 3


def test_a_cancelled_launch_stops_the_start_of_its_own_server_alone(named_hub, caller):
    slow, launches = begin_all(named_hub, caller, "slow-cancel")
    path = f"/launches/{launches['gpu']['id']}"
    assert slow.call("DELETE", path).json()["state"] == "cancelled"
    check_all_done(named_hub, slow, launches, "slow-cancel", ["", "cpu"])
    wait_until(lambda: not named_hub.servers("slow-cancel").get("gpu", {}).get("pending"))
    assert not named_hub.is_ready("slow-cancel", "gpu")


def test_the_starts_of_three_servers_survive_killed_workers(named_hub, caller, launcher):
    slow, launches = begin_all(named_hub, caller, "slow-killed")
    for pid in workers(launcher):
        os.kill(pid, signal.SIGKILL)
    check_all_done(named_hub, slow, launches, "slow-killed")


def test_the_starts_of_three_servers_survive_a_hub_that_restarts(named_hub, caller):
    slow, launches = begin_all(named_hub, caller, "slow-restart")
    named_hub.stop_hub()
    named_hub.start_hub()
    check_all_done(named_hub, slow, launches, "slow-restart")


def test_a_named_server_is_started_while_the_default_one_runs(named_hub, caller):
    """Without a route of its own, the proxy sends its requests to the default server."""
    gina = caller("gina")
    assert gina.ended(gina.launch())["state"] == "done"
    headers = {"Prefer": "respond-async"}
    started = gina.call("POST", "/launches", headers, json={"server": "gpu"})
    assert gina.ended(started.json())["state"] == "done"
    assert named_hub.is_ready("gina", "gpu")
    assert gina.call("PATCH", "/servers/gpu", json={"state": "stopped"}).status_code in (202, 204)
    wait_until(lambda: gina.get("/servers/gpu")["state"] == "stopped", what="the stop")
    changed = gina.call("PATCH", "/servers/gpu", json={"state": "running"})
    assert gina.ended(changed.json())["state"] == "done"
    assert named_hub.is_ready("gina", "gpu")


def test_two_users_have_servers_of_one_name(named_hub, caller):
    users = {name: caller(name) for name in ("ann", "bea")}
    launches = {name: user.launch(server="gpu") for name, user in users.items()}
    for name, user in users.items():
        check_all_done(named_hub, user, {"gpu": launches[name]}, name, ["gpu"])
        others = next(other for other in users if other != name)
        assert user.call("GET", f"/launches/{launches[others]['id']}").status_code == 404
    assert users["ann"].call("DELETE", "/servers/gpu").status_code in (202, 204)
    wait_until(lambda: "gpu" not in named_hub.servers("ann"), what="the end of ann's server")
    assert named_hub.is_ready("bea", "gpu")


def test_a_server_is_stopped_and_started_and_removed(named_hub, caller):
    carol = caller("carol")

    def state():
        return carol.get("/servers")["servers"].get("gpu", {}).get("state")

    assert carol.ended(carol.launch(server="gpu"))["state"] == "done"
    assert state() == "running"
    assert carol.call("PATCH", "/servers/gpu", json={"state": "stopped"}).status_code in (202, 204)
    wait_until(lambda: state() == "stopped", what="stopped and still listed")
    assert carol.ended(carol.launch(server="gpu"))["state"] == "done"
    assert carol.call("DELETE", "/servers/gpu").status_code in (202, 204)
    wait_until(lambda: state() is None, what="no longer listed")
    assert carol.call("GET", "/servers/gpu").status_code == 404
    assert len(notebooks(named_hub, "carol")) == 2


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_server_that_is_stopped_while_it_starts_is_nobodys_failure(named_hub, caller, method):
    user = f"slow-{method.lower()}"
    slow = caller(user)
    launch = slow.launch(server="gpu")
    wait_until(lambda: named_hub.servers(user).get("gpu", {}).get("pending") == "spawn")
    body = {"json": {"state": "stopped"}} if method == "PATCH" else {}
    assert slow.call(method, "/servers/gpu", **body).status_code in (202, 204)
    end = slow.ended(launch)
    assert (end["state"], end["problem"]["type"].rpartition(":")[2]) == (
        "cancelled",
        "server-stopped",
    )
    # a failed start would be followed by a cool-down
    assert slow.ended(slow.launch(server="gpu"))["state"] == "done"


def test_the_hubs_limit_of_servers_is_told(named_hub, caller):
    dave = caller("dave")
    for server in ("one", "two"):
        assert dave.ended(dave.launch(server=server))["state"] == "done"
    end = dave.ended(dave.launch(server="three"))
    assert end["state"] == "failed"
    assert end["problem"]["type"].endswith(":named-server-refused")
    assert "maximum of 2 named servers" in end["problem"]["detail"]
    assert dave.ended(dave.launch())["state"] == "done"


@pytest.mark.parametrize("name", ["my server", "Größe?#%", "100%"])
def test_a_name_that_needs_quoting_opens_where_the_hub_takes_it(named_hub, caller, name):
    user = f"quoted-{len(name.encode())}"
    erin = caller(user)
    end = erin.ended(erin.launch(server=name))
    if jupyterhub.version_info >= (6,):  # JupyterHub 6 takes lower-case letters, digits and -
        assert end["problem"]["type"].endswith(":named-server-refused")
        assert named_hub.servers(user) == {}
        return
    assert end["state"] == "done", end
    assert f"/user/{user}/{quote(name)}/lab" in end["location"]
    page = erin.call("GET", "/servers/" + quote(name, safe=""))
    assert page.json()["state"] == "running"
    assert notebooks(named_hub, user) == ["experiment.ipynb"]
    assert erin.call("DELETE", "/servers/" + quote(name, safe="")).status_code in (202, 204)


def test_a_hub_without_named_servers_says_so(hub, beside):
    answer = beside.hello("frank", hub=hub, server="gpu")
    detail = problem(answer, answer.status_code, "named-server-refused")
    assert "c.JupyterHub.allow_named_servers is False" in detail
