"""What the launcher relies on in the hub's REST API, asserted of the fake hub and a real one.

JupyterHub 5 and 6 run this (`make test-hubs`); what only one of them answers says so.
"""

import json

import jupyterhub
import pytest
from contract import path_of
from waiting import wait_until

MAJOR = int(jupyterhub.__version__.partition(".")[0])
FIELDS = {"name", "full_name", "last_activity", "started", "pending", "ready", "stopped", "url",
          "user_options", "progress_url"}  # fmt: skip


def message(answer, status):
    """The sentence in one of the hub's errors."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["status"] == status
    return answer.json()["message"]


# who is who


def test_the_hub_says_its_version_to_everybody(side):
    answer = side.api("GET", token="nobody's")
    assert answer.json() == {"version": jupyterhub.__version__}


def test_a_token_says_whose_it_is(side):
    user = side.add_user()
    scopes = ("access:services!service=launcher", f"read:users:name!user={user}")
    model = side.api("GET", "user", token=side.token_of(user, *scopes)).json()
    assert (model["kind"], model["name"]) == ("user", user)
    assert set(scopes) <= set(model["scopes"])
    model = side.api("GET", "user").json()
    assert (model["kind"], model["name"]) == ("service", "launcher")
    assert {"servers", "tokens", "read:servers", "read:users:name"} <= set(model["scopes"])


def test_a_token_that_is_none_is_403(side):
    user, none = side.add_user(), "0" * 32
    for method, *segments in (("GET", "user"), ("GET", "users", user), ("POST", *path_of(user))):
        message(side.api(method, *segments, token=none), 403)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ()), ("POST", ("server",)), ("DELETE", ("server",)), ("GET", ("server", "progress"))],
)
def test_a_user_who_does_not_exist_is_404(side, method, path):
    answer = side.api(method, "users", "nobody", *path)
    if method == "DELETE" and jupyterhub.version_info < (5, 5, 4):
        assert answer.status_code in (404, 500)  # JupyterHub 5.2.1 fails
    else:
        message(answer, 404)


def test_the_owner_of_a_token_is_told_with_the_session_that_made_it(side):
    """None for tokens that were not made by signing in; with OAuth see test_sign_in_pages.py."""
    user = side.add_user()
    answer = side.api("GET", "user", token=side.token_of(user))
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["session_id"]) == (user, None)


# starts


def test_a_server_starts_and_is_in_the_model_when_it_is_ready(side):
    user = side.add_user()
    assert side.model(user) == {}
    answer = side.start(user)
    assert answer.status_code in (201, 202)
    assert answer.headers["content-type"].startswith("text/plain")
    wait_until(lambda: side.model(user)[""]["ready"], "the start", 30)
    server = side.model(user)[""]
    assert server.keys() >= FIELDS
    assert (server["name"], server["full_name"]) == ("", f"{user}/")
    assert (server["pending"], server["ready"], server["stopped"]) == (None, True, False)
    assert server["url"] == f"/user/{user}/"
    assert server["progress_url"] == f"/hub/api/users/{user}/server/progress"
    assert server["started"][:2] == "20"


def test_a_server_that_runs_is_not_started_again(side):
    user = side.add_user()
    side.run(user)
    assert message(side.start(user), 400) == f"{user} is already running"
    answer, events = side.progress(user)
    assert answer.headers["content-type"].startswith("text/event-stream")
    [event] = events
    assert (event["progress"], event["ready"], event["url"]) == (100, True, f"/user/{user}/")


def test_a_start_that_takes_its_time_is_202_and_its_stream_ends_with_ready(side):
    user = side.add_user("slow")
    assert side.start(user).status_code == 202
    assert side.start(user).status_code == 202
    server = side.model(user)[""]
    assert (server["pending"], server["ready"], server["stopped"]) == ("spawn", False, False)
    _, events = side.progress(user)
    assert events[0] == {"progress": 0, "message": "Server requested"}
    assert "Looking for room" in [event["message"] for event in events]
    assert [event for event in events if event.get("ready")] == events[-1:]
    assert side.model(user)[""]["ready"]


def test_a_start_that_fails_is_500_and_its_reason_is_in_the_stream(side):
    user = side.add_user("bad")
    message(side.start(user), 500)
    assert side.model(user) == {}
    _, events = side.progress(user)
    [event] = events
    assert event["failed"] is True
    assert event["message"] == "Spawn failed: image pull failed: no such image foo:1"


# stops


def test_a_server_that_is_stopped_is_gone_from_the_model(side):
    user = side.add_user()
    side.run(user)
    assert side.stop(user).status_code in (202, 204)
    side.has_stopped(user)
    assert side.stop(user).status_code == 204
    assert side.progress(user)[0].status_code in (400, 404)
    stopped = side.model(user, include_stopped_servers="1")[""]
    assert (stopped["ready"], stopped["pending"], stopped["stopped"]) == (False, None, True)


def test_a_start_can_be_stopped(side):
    user = side.add_user("never")
    assert side.start(user).status_code == 202
    with side.api("GET", *path_of(user), "progress", stream=True) as stream:
        lines = filter(None, stream.iter_lines())
        assert b"Server requested" in next(lines)
        assert side.stop(user).status_code in (202, 204)
        last = json.loads(list(lines)[-1].removeprefix(b"data:"))
    # no failure, and not the truth either: the hub takes it for ready in the second until it stops
    assert last.get("ready") or last["message"] == "Spawn cancelled"
    side.has_stopped(user)
    assert side.progress(user)[0].status_code in (400, 404)


def test_a_server_that_never_started_is_stopped(side):
    user = side.add_user()
    assert side.stop(user).status_code == 204
    assert side.progress(user)[0].status_code in (400, 404)


def test_the_default_server_is_never_removed(side):
    user = side.add_user()
    assert message(side.stop(user, remove=True), 400) == "Cannot delete the default server"


# named servers


def test_a_named_server_starts_beside_the_default_one(side):
    user = side.add_user()
    side.run(user, "gpu")
    assert side.model(user).keys() == {"gpu"}
    server = side.model(user)["gpu"]
    assert server.keys() >= FIELDS
    assert (server["name"], server["full_name"]) == ("gpu", f"{user}/gpu")
    assert server["url"] == f"/user/{user}/gpu/"
    assert server["progress_url"] == f"/hub/api/users/{user}/servers/gpu/progress"
    assert message(side.start(user, "gpu"), 400) == f"{user}:gpu is already running"
    [event] = side.progress(user, "gpu")[1]
    assert event["url"] == f"/user/{user}/gpu/"
    assert side.progress(user)[0].status_code in (400, 404)


def test_a_named_server_that_is_stopped_stays_until_it_is_removed(side):
    user = side.add_user()
    side.run(user, "gpu")
    assert side.stop(user, "gpu").status_code in (202, 204)
    side.has_stopped(user, "gpu")
    assert side.model(user) == {}
    assert side.model(user, include_stopped_servers="1").keys() == {"", "gpu"}
    assert side.stop(user, "gpu").status_code == 204
    assert side.stop(user, "gpu", remove=True).status_code == 204
    assert side.model(user, include_stopped_servers="1").keys() == {""}


def test_a_named_server_that_runs_is_stopped_and_removed(side):
    user = side.add_user()
    side.run(user, "gpu")
    assert side.stop(user, "gpu", remove=True).status_code in (202, 204)
    wait_until(lambda: "gpu" not in side.model(user, include_stopped_servers="1"), "the end", 30)


def test_a_named_server_that_does_not_exist_is_404(side):
    user = side.add_user()
    assert message(side.stop(user, "gpu"), 404) == f"{user} has no server named 'gpu'"
    message(side.progress(user, "gpu")[0], 404)


def test_a_user_may_have_so_many_named_servers(side):
    user = side.add_user()
    for name in ("one", "two"):
        assert side.start(user, name).status_code in (201, 202)
    text = f"User {user} already has the maximum of 2 named servers."
    text += "  One must be deleted before a new server can be created"
    assert message(side.start(user, "three"), 400) == text
    assert side.start(user, "two").status_code in (202, 400)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("my server", "my%20server"),
        ("a.b@c~d", "a.b@c~d"),
        ("ü?#%", "%C3%BC%3F%23%25"),
        ("My-Server", "My-Server"),
        ("a--b", "a--b"),
        ("1st", "1st"),
        ("a" * 31, "a" * 31),
        ("a-", "a-"),
    ],
)
def test_jupyterhub_5_quotes_names_that_jupyterhub_6_refuses(side, name, quoted):
    user = side.add_user()
    if MAJOR > 5:
        assert message(side.start(user, name), 400).startswith("Invalid server_name: ")
        assert side.model(user, include_stopped_servers="1").keys() <= {""}
        return
    side.run(user, name)
    assert side.model(user)[name]["url"] == f"/user/{user}/{quoted}/"
    assert side.stop(user, name, remove=True).status_code in (202, 204)


def test_named_servers_may_be_switched_off(side_without_named_servers):
    side = side_without_named_servers
    user = side.add_user()
    for answer in (side.start(user, "gpu"), side.stop(user, "gpu")):
        assert message(answer, 400) == "Named servers are not enabled."


# tokens


def test_a_token_for_one_server_has_that_scope_and_no_more(side):
    user = side.add_user()
    answer = side.mint(user, "gpu")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert f"access:servers!server={user}/gpu" in made["scopes"]
    assert [
        scope for scope in made["scopes"] if not scope.endswith((f"!user={user}", "/gpu"))
    ] == []
    assert made["expires_at"][:2] == "20"
    model = side.api("GET", "user", token=made["token"]).json()
    assert (model["kind"], model["name"]) == ("user", user)
    assert set(model["scopes"]) == set(made["scopes"])


def test_there_is_no_token_for_a_user_who_does_not_exist(side):
    text = "not found or no permissions to generate tokens"
    assert text in message(side.mint("nobody"), 403)


# groups


def test_a_group_has_the_names_of_its_members(side):
    side.has_group("course", "carla", "cem")
    answer = side.api("GET", "groups", "course")
    assert (answer.status_code, answer.json()["users"]) == (200, ["carla", "cem"])


def test_other_groups_are_like_groups_that_do_not_exist(side):
    side.has_group("others", "otto")
    for name in ("others", "nobodys"):
        assert side.api("GET", "groups", name).status_code == 404
