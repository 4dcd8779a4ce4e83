"""The caller's servers: listed, described, stopped, started, removed; how starts are going."""

import pytest
from application import problem_of
from fakehub import Server, Start, json_answer
from launching import ADMIN, begin, cancel, keyed, linked, wait_for
from waiting import wait_until


def servers_of(client, user):
    answer = client.get("/servers", headers=user.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()["servers"]


def states(client, user):
    return {name: server["state"] for name, server in servers_of(client, user).items()}


def path_to(name):
    """The path of a server, by its name."""
    return f"/servers/{name}" if name else "/server"


NAMES = pytest.mark.parametrize("name", ["", "gpu"])


# listed


def test_everybody_sees_their_servers(client, fakehub, alice, portal):
    assert states(client, fakehub.add_user()) == {"": "stopped"}
    user = fakehub.add_user(starts=[Start(202, "never")])
    begun = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    server = servers_of(client, user)[""]
    assert (server["name"], server["state"]) == ("", "starting")
    assert server["started"]
    cancel(client, user, begun)
    server = servers_of(client, alice)[""]
    assert server["state"] == "running"
    assert server["url"] == f"/user/{alice.name}/"
    problem_of(client.get("/servers", headers=portal), 403)


def test_named_servers_are_listed_by_name_also_when_they_are_stopped(client, fakehub, both):
    both.add_server("old")
    fakehub.add_user(server="ready").add_server("another", "ready")
    found = servers_of(client, both)
    assert {name: server["name"] for name, server in found.items()} == {n: n for n in found}
    assert states(client, both) == {"": "running", "gpu": "running", "old": "stopped"}
    assert found["gpu"]["url"] == f"/user/{both.name}/gpu/"
    assert found["gpu"]["display_name"] == "gpu"


@NAMES
def test_one_server_is_what_the_list_says_of_it(client, both, name):
    answer = client.get(path_to(name), headers=both.auth)
    assert answer.status_code == 200, answer.text
    assert answer.json() == servers_of(client, both)[name]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_server_that_does_not_exist_is_404(client, fakehub, both, method):
    fakehub.add_user().add_server("theirs", "ready")
    body = {"json": {"state": "running"}} if method == "PATCH" else {}
    answer = client.request(method, "/servers/theirs", headers=both.auth, **body)
    assert "theirs" in problem_of(answer, 404)["detail"]
    assert fakehub.lines("POST /hub/api/users", "DELETE") == []


@NAMES
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_service_has_no_servers(client, fakehub, portal, name, method):
    body = {"json": {"state": "stopped"}} if method == "PATCH" else {}
    problem_of(client.request(method, path_to(name), headers=portal, **body), 403)
    assert fakehub.beyond_identification == []


def test_the_default_server_is_listed_also_where_the_hub_leaves_it_out(client, fakehub):
    user = fakehub.add_user()
    user.add_server("gpu", "ready")
    gpu = {"name": "gpu", "pending": None, "ready": True, "url": "/user/x/gpu/"}
    model = json_answer({"name": user.name, "servers": {"gpu": gpu}}, 200)
    fakehub.hub_answers.append(("GET", f"/users/{user.name}", model))
    assert states(client, user) == {"": "stopped", "gpu": "running"}


@NAMES
@pytest.mark.parametrize(
    ("was", "pending", "state"),
    [("ready", "check", "starting"), ("stopped", "rename", "stopped")],
)
def test_what_else_a_hub_may_be_doing_with_a_server(client, both, name, was, pending, state):
    """After its restart a hub checks the servers that ran; JupyterHub 6 renames stopped ones."""
    both.servers[name].state, both.servers[name].pending_besides = was, pending
    assert states(client, both)[name] == state


# stopped and started


@NAMES
def test_a_server_that_is_stopped_stays_listed(client, both, name):
    before = states(client, both)
    answer = client.patch(path_to(name), json={"state": "stopped"}, headers=both.auth)
    assert answer.status_code == 204, answer.text
    assert answer.content == b""
    assert states(client, both) == {**before, name: "stopped"}


@NAMES
def test_a_server_that_takes_its_time_to_stop_is_202_until_it_has(client, both, name):
    both.servers[name].polls_until_stopped = 3
    answer = client.patch(path_to(name), json={"state": "stopped"}, headers=both.auth)
    assert answer.status_code == 202, answer.text
    assert (answer.json()["name"], answer.json()["state"]) == (name, "stopping")
    assert answer.headers["location"] == path_to(name)
    assert int(answer.headers["retry-after"]) > 0
    wait_until(lambda: states(client, both)[name] == "stopped", "the stop")
    answer = client.patch(path_to(name), json={"state": "stopped"}, headers=both.auth)
    assert answer.status_code == 204, answer.text


@NAMES
def test_a_server_that_is_to_run_is_started_by_a_launch(client, fakehub, name):
    user = fakehub.add_user()
    user.servers.setdefault(name, Server(name))
    answer = client.patch(path_to(name), json={"state": "running"}, headers=user.auth)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == linked(answer)
    launch = wait_for(client, user, answer.json(), "done")
    assert (launch["server"], launch["experiment"], launch["path"]) == (name, None, None)
    assert states(client, user) == {n: "running" if n == name else "stopped" for n in user.servers}
    again = client.patch(path_to(name), json={"state": "running"}, headers=user.auth)
    assert again.status_code == 204, again.text


def test_a_start_takes_no_idempotency_key(client, fakehub):
    user = fakehub.add_user()
    key = keyed(user, "k")
    first = client.post("/launches", json={}, headers=key)
    assert first.status_code == 200, first.text
    user.server = "stopped"
    answer = client.patch("/server", json={"state": "running"}, headers=key)
    assert answer.status_code == 202, answer.text
    assert linked(answer) != linked(first)
    wait_for(client, user, answer.json(), "done")
    assert user.server == "ready"


@pytest.mark.parametrize("body", [{}, {"state": "removed"}, {"state": "running", "x": 1}, []])
def test_a_state_that_is_none_is_400(client, fakehub, both, body):
    for name in both.servers:
        problem_of(client.patch(path_to(name), json=body, headers=both.auth), 400)
    assert fakehub.beyond_identification == []


# removed


def test_a_named_server_that_is_removed_is_gone_and_the_files_stay(client, both):
    both.write("mine.ipynb", b"{}")
    answer = client.delete("/servers/gpu", headers=both.auth)
    assert answer.status_code == 204, answer.text
    assert states(client, both) == {"": "running"}
    assert both.notebooks == ["mine.ipynb"]
    problem_of(client.delete("/servers/gpu", headers=both.auth), 404)


def test_a_stopped_named_server_can_be_removed(client, both):
    both.servers["gpu"].state = "stopped"
    assert client.delete("/servers/gpu", headers=both.auth).status_code == 204
    assert "gpu" not in both.servers


def test_a_server_that_takes_its_time_is_removed_when_it_has_stopped(client, both):
    both.servers["gpu"].polls_until_stopped = 3
    answer = client.delete("/servers/gpu", headers=both.auth)
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "stopping"
    wait_until(lambda: "gpu" not in states(client, both), "the removal")


def test_a_server_that_is_gone_by_the_time_it_is_looked_for_is_removed(client, both):
    """The hub says 202, and has removed it when it is asked how far it is."""
    both.servers["gpu"].polls_until_stopped = 1
    answer = client.delete("/servers/gpu", headers=both.auth)
    assert answer.status_code == 204, answer.text


def test_the_default_server_is_only_stopped(client, both):
    answer = client.delete("/server", headers=both.auth)
    assert answer.status_code == 204, answer.text
    assert states(client, both) == {"": "stopped", "gpu": "running"}


@NAMES
def test_a_launcher_that_may_not_stop_servers_says_so(client, fakehub, both, name):
    fakehub.may_stop = False
    problem = problem_of(client.delete(path_to(name), headers=both.auth), 503)
    assert "delete:servers" in problem["detail"]
    assert both.servers[name].state == "ready"


def refuses(fakehub, name, status, message):
    """The hub answers so to the next request to stop the server."""
    answer = json_answer({"status": status, "message": message}, status)
    fakehub.hub_answers.append(("DELETE", path_to(name), answer))


def test_a_server_that_is_removed_twice_at_once_is_removed(client, fakehub, both):
    refuses(fakehub, "gpu", 404, f"{both.name} has no server named 'gpu'")
    assert client.delete("/servers/gpu", headers=both.auth).status_code == 204


def test_a_server_that_is_gone_when_it_is_to_be_stopped_is_404(client, fakehub, both):
    refuses(fakehub, "gpu", 404, f"{both.name} has no server named 'gpu'")
    answer = client.patch("/servers/gpu", json={"state": "stopped"}, headers=both.auth)
    assert "'gpu'" in problem_of(answer, 404)["detail"]


@pytest.mark.parametrize(
    ("status", "message", "problem", "ours"),
    [
        (400, "Named servers are not enabled.", "named-server-refused", 409),
        (400, "Cannot stop a server while it is being renamed", "named-server-refused", 409),
        (404, "Not Found", "unknown-user", 409),
        (401, "Missing or invalid credentials.", "hub-refused", 503),
        (403, "Missing or invalid credentials.", "hub-refused", 503),
        (500, "Internal Server Error", "hub-unavailable", 503),
        (503, "Service Unavailable", "hub-unavailable", 503),
    ],
)
def test_why_a_hub_did_not_stop_a_server(client, fakehub, both, status, message, problem, ours):
    refuses(fakehub, "gpu", status, message)
    found = problem_of(client.delete("/servers/gpu", headers=both.auth), ours)
    assert found["type"].endswith(f":{problem}")
    assert "delete:servers" not in found["detail"]


def test_of_two_requests_at_once_that_stop_a_start_none_fails(client, fakehub, both):
    """The hub's answer to one of them is a 500, while it stops the server for the other one."""
    both.servers["gpu"].state, both.servers["gpu"].polls_until_stopped = "stopping", 5
    refuses(fakehub, "gpu", 500, "Internal Server Error")
    answer = client.delete("/servers/gpu", headers=both.auth)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: "gpu" not in states(client, both), "the removal")


# the hub


def test_a_hub_that_is_away_is_told_to_who_asks_for_servers(client, fakehub, alice):
    client.get("/user", headers=alice.auth)
    fakehub.away = "proxy"
    answer = client.get("/servers", headers=alice.auth)
    assert problem_of(answer, 503)["type"].endswith(":hub-unavailable")


def test_only_administrators_see_how_starts_are_going(client, fakehub, alice, portal):
    for method, path in (("DELETE", "/starts/failures"), ("GET", "/starts")):
        for headers in (alice.auth, portal):
            problem_of(client.request(method, path, headers=headers), 403)
        answer = client.request(method, path, headers=fakehub.add_user(scopes=ADMIN).auth)
        assert answer.json()["breaker"] == "closed"
        assert answer.json()["failed_in_a_row"] == 0
