"""Launches as resources, on a real hub with four workers: seen, repeated, cancelled, and survived.

A user's name says what happens when their server starts: see realhub_config.py.
"""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from callers import Caller, notebooks, workers
from fake_user_servers import fake_user_servers
from waiting import wait_until

PORTAL = "portal-" + 24 * "x"
# as in docs/portal.md
ON_BEHALF = f"""
c.JupyterHub.custom_scopes = {{
    "custom:launcher:on-behalf": {{"description": "Launch experiments for any user"}}
}}
c.JupyterHub.services += [{{"name": "portal", "api_token": {PORTAL!r}}}]
c.JupyterHub.load_roles += [
    {{"name": "portal", "services": ["portal"], "scopes": ["custom:launcher:on-behalf"]}}
]
"""


@pytest.fixture(scope="module")
def portal_hub(make_shared_hub):
    """A hub with a portal, whose service may launch for others."""
    return make_shared_hub(extra=ON_BEHALF)


@pytest.fixture(scope="module")
def launcher(portal_hub, make_shared_launcher):
    """Four workers beside it."""
    return make_shared_launcher(portal_hub)


@pytest.fixture
def caller(portal_hub, launcher):
    """Makes callers out of names of users."""
    return lambda name: Caller(launcher, portal_hub.token_of(name))


def test_a_launch_is_accepted_at_once_and_watched_from_any_worker(portal_hub, caller):
    slow = caller("slow-watched")
    launch = slow.launch()
    assert launch["state"] in ("queued", "starting")

    def watch(_):
        seen, while_starting = [], False
        for number, event, data in slow.events(launch):
            if event == "progress" and data["message"] == "Looking for room":
                while_starting = slow.now(launch)["state"] == "starting"
            seen.append((number, event, data))
        return seen, while_starting

    with ThreadPoolExecutor(12) as pool:
        watched = list(pool.map(watch, range(12)))
    first, _ = watched[0]
    numbers = [number for number, _, _ in first]
    assert numbers == sorted(numbers)
    for seen, while_starting in watched:
        assert while_starting
        states = [data["state"] for _, event, data in seen if event == "state"]
        assert states == ["queued", "starting", "uploading"]
        _, event, last = seen[-1]
        assert (event, last["state"], last["path"]) == ("end", "done", "d/experiment.ipynb")
    messages = [data["message"] for _, event, data in first if event == "progress"]
    assert messages.count("Looking for room") == 1
    # somebody whose connection broke goes on behind what they saw
    last = next(number for number, event, _ in first if event == "progress")
    later = [number for number, event, _ in slow.events(launch, last=last) if event != "queue"]
    assert later == [n for n, event, _ in first if n > last and event != "queue"]
    assert notebooks(portal_hub, "slow-watched") == ["experiment.ipynb"]


def test_a_key_is_one_launch_however_simultaneous(portal_hub, caller):
    alice = caller("slow-twice")
    with ThreadPoolExecutor(10) as pool:
        headers = {"Idempotency-Key": "a-double-click"}
        launches = list(pool.map(lambda _: alice.launch(**headers), range(10)))
    assert len({launch["id"] for launch in launches}) == 1
    assert alice.ended(launches[0])["state"] == "done"
    assert notebooks(portal_hub, "slow-twice") == ["experiment.ipynb"]
    body = {"notebook": {"directory": "elsewhere"}}
    other = alice.call("POST", "/hello", headers, json=body)
    assert other.status_code == 422, other.text


def test_a_launch_is_seen_by_its_user_and_by_administrators(portal_hub, caller):
    alice, bob = caller("alice"), caller("bob")
    launch = alice.launch()
    assert alice.ended(launch)["state"] == "done"
    for method in ("GET", "DELETE"):
        assert bob.call(method, f"/launches/{launch['id']}").status_code == 404
    assert bob.call("GET", f"/launches/{launch['id']}/events").status_code == 404
    assert bob.get("/launches")["launches"] == []
    assert bob.call("GET", "/launches", params={"user": "alice"}).status_code == 403
    admin = administrator(portal_hub, alice.launcher)
    assert admin.get("/launches", user="alice")["launches"] == alice.get("/launches")["launches"]
    assert admin.get("/launches")["launches"] == []
    servers = alice.get("/servers")["servers"]
    assert (servers[""]["name"], servers[""]["state"]) == ("", "running")
    assert bob.get("/servers")["servers"][""]["state"] == "stopped"


def administrator(hub, launcher):
    """A user who is an administrator of the hub."""
    hub.api("POST", "users", "boss", json={"admin": True})
    return Caller(launcher, hub.token_of("boss"))


def test_a_portal_launches_on_behalf_of_a_user(portal_hub, launcher, caller):
    portal = Caller(launcher, PORTAL)
    portal_hub.add_user("carol")
    launch = portal.launch(user="carol")
    assert (launch["user"], launch["requested_by"]) == (
        "carol",
        {"kind": "service", "name": "portal"},
    )
    assert portal.ended(launch)["state"] == "done"
    assert notebooks(portal_hub, "carol") == ["experiment.ipynb"]
    carol = caller("carol")
    assert carol.now(launch)["requested_by"]["name"] == "portal"
    audited = [line for line in launcher.log.splitlines() if "launch_on_behalf" in line]
    assert any("carol" in line and "portal" in line and launch["id"] in line for line in audited)

    body = {"notebook": {"directory": "d"}}
    for other in (carol, Caller(launcher, portal_hub.admin_token)):
        answer = other.call("POST", "/hello", json=body, params={"user": "alice"})
        assert answer.status_code == 403, answer.text
        assert "custom:launcher:on-behalf" in answer.json()["detail"]
    assert portal.call("POST", "/hello", json=body).status_code == 400
    answer = portal.call("POST", "/hello", json=body, params={"user": "nobody-knows"})
    assert answer.status_code == 409


@pytest.mark.parametrize("answered", [False, True])
def test_a_cancelled_launch_stops_the_start_that_it_alone_waited_for(portal_hub, caller, answered):
    user = f"slow-cancelled-{answered:d}"
    slow = caller(user)
    launch = slow.launch()
    wait_until(lambda: portal_hub.servers(user), what="the start")
    if answered:  # the hub follows up: its answer to the request to start is there
        next(event for _, event, _ in slow.events(launch) if event == "progress")
    answer = slow.call("DELETE", f"/launches/{launch['id']}")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    wait_until(lambda: not portal_hub.servers(user), what="the end of the server")
    assert slow.now(launch)["state"] == "cancelled"
    assert notebooks(portal_hub, user) == []


def test_a_cancelled_launch_leaves_the_start_that_another_waits_for(portal_hub, caller):
    slow = caller("slow-shared")
    one, other = slow.launch("one"), slow.launch("other")
    wait_until(lambda: portal_hub.servers("slow-shared"), what="the start")
    assert slow.call("DELETE", f"/launches/{one['id']}").status_code == 200
    assert slow.ended(other)["state"] == "done"
    assert slow.now(one)["state"] == "cancelled"
    assert notebooks(portal_hub, "slow-shared", "one") == []
    assert notebooks(portal_hub, "slow-shared", "other") == ["experiment.ipynb"]


def test_a_cancelled_launch_leaves_a_server_that_ran_before(portal_hub, caller):
    portal_hub.start_server("ran")
    ran = caller("ran")
    (pid,) = [p for p in portal_hub.server_pids() if b"=ran\x00" in _environ(p)]
    os.kill(pid, signal.SIGSTOP)
    try:
        launch = ran.launch()
        assert ran.call("DELETE", f"/launches/{launch['id']}").status_code == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ran.ended(ran.launch("again"))["state"] == "done"
    wait_until(lambda: notebooks(portal_hub, "ran") == [], what="tidying")
    assert portal_hub.is_ready("ran")
    assert pid in portal_hub.server_pids()


def _environ(pid):
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.fixture
def slow_starts(portal_hub, make_launcher, request):
    """A launcher with six slow starts under way, and a check that all end as they must."""
    launcher = make_launcher(portal_hub)
    name = request.node.name.rpartition("_")[2]
    # until a start succeeded, few are tried at the same moment
    first = Caller(launcher, portal_hub.token_of(f"first-{name}"))
    assert first.ended(first.launch())["state"] == "done"
    users = [f"slow-{name}-{n}" for n in range(1, 7)]
    with ThreadPoolExecutor(len(users)) as pool:
        callers = [Caller(launcher, token) for token in pool.map(portal_hub.token_of, users)]
        launches = list(pool.map(Caller.launch, callers))
    wait_until(lambda: all(portal_hub.servers(user) for user in users), what="six starts")
    assert not any(portal_hub.is_ready(user) for user in users)

    def all_done():
        ends = [caller.ended(launch) for caller, launch in zip(callers, launches, strict=True)]
        assert [end["state"] for end in ends] == ["done"] * 6, ends
        assert [notebooks(portal_hub, user) for user in users] == [["experiment.ipynb"]] * 6
        return True

    yield launcher, all_done
    launcher.stop()


@pytest.mark.slow
def test_six_starts_survive_the_death_of_every_worker(slow_starts):
    launcher, all_done = slow_starts
    for pid in workers(launcher):
        os.kill(pid, signal.SIGKILL)
    assert all_done()
    assert launcher.log.count("a launch is taken over") >= 6


@pytest.mark.slow
def test_six_starts_survive_the_death_of_the_launcher(slow_starts):
    launcher, all_done = slow_starts
    os.killpg(launcher.gunicorn.process.pid, signal.SIGKILL)
    launcher.gunicorn.process.wait()
    launcher.start()
    assert all_done()


@pytest.mark.slow
def test_six_starts_survive_that_the_launcher_restarts(slow_starts):
    launcher, all_done = slow_starts
    launcher.stop()
    launcher.start()
    assert all_done()


BREAKABLE = ON_BEHALF + "c.Spawner.consecutive_failure_limit = 5\n"


@pytest.mark.slow
def test_a_hub_stays_up_whatever_fails(make_hub, make_launcher):
    hub = make_hub(extra=BREAKABLE)
    launcher = make_launcher(hub, config="c.Launcher.hub_failure_limit = 5\n")
    portal = Caller(launcher, PORTAL)
    users = [f"bad-{n}" for n in range(300)]
    assert hub.api("POST", "users", json={"usernames": users}).status_code == 201
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda user: portal.launch(user=user), users))
    wait_until(lambda: len(_all_of(portal, state="failed")) == 300, what="300 failures")
    problems = [launch["problem"] for launch in _all_of(portal, state="failed")]
    kinds = [problem["type"].rpartition(":")[2] for problem in problems]
    assert 1 <= kinds.count("spawn-failed") <= 4
    assert kinds.count("spawn-failed") + kinds.count("starts-failing") == 300
    for kind, problem in zip(kinds, problems, strict=True):
        assert ("image pull failed" in problem["detail"]) == (kind == "spawn-failed")
    assert hub.hub.log.read_text().count("Unhandled error starting") == kinds.count("spawn-failed")
    assert hub.hub.process.poll() is None
    assert hub.api("GET", "info").status_code == 200

    # an administrator's word, and servers start again
    fine = Caller(launcher, hub.token_of("fine"))
    refused = fine.ended(fine.launch())
    assert refused["problem"]["type"].endswith(":starts-failing")
    assert fine.call("DELETE", "/starts/failures").status_code == 403
    admin = administrator(hub, launcher)
    assert admin.get("/starts")["breaker"] == "open"
    assert admin.call("DELETE", "/starts/failures").json()["breaker"] == "closed"
    assert fine.ended(fine.launch())["state"] == "done"


@pytest.mark.slow
def test_a_crowd_gets_a_notebook_each_and_the_hub_one_start_each(make_hub, make_launcher):
    users = [f"crowd-{n}" for n in range(60)]
    with fake_user_servers(token="") as servers:
        hub = make_hub(extra=ON_BEHALF + servers.config)
        servers.token = hub.launcher_token
        launcher = make_launcher(hub)
        portal = Caller(launcher, PORTAL)
        assert hub.api("POST", "users", json={"usernames": users}).status_code == 201
        with ThreadPoolExecutor(60) as pool:
            list(pool.map(lambda user: portal.launch(user=user), users))
        wait_until(lambda: len(_all_of(portal, state="done")) == 60, what="60 launches")
        assert {name: user.notebooks for name, user in servers.users.items()} == {
            user: ["d/experiment.ipynb"] for user in users
        }
        assert [user.name for user in servers.users.values() if user.leftovers] == []
    log = hub.hub.log.read_text()
    for user in users:
        assert log.count(f" POST /hub/api/users/{user}/server (") == 1
        # a second time where the first look came before the hub had begun
        assert log.count(f" GET /hub/api/users/{user}/server/progress (") <= 3


def _all_of(caller, **query):
    """Every launch that the caller sees, page by page."""
    found, cursor = [], {}
    while cursor is not None:
        page = caller.get("/launches", limit=200, **query, **cursor)
        found += page["launches"]
        cursor = {"cursor": page["next"]} if page["next"] else None
    return found
