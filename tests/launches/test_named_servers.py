"""Launches onto named servers: the same as onto the default one, and apart from it."""

import json
from urllib.parse import quote

import pytest
from application import problem_of
from fakehub import Start
from fakehub.users_api import url_of
from launching import begin, cancel, path_of, stop_lines, stream_lines, wait_for
from start_queue import status
from waiting import at_once, wait_until


def gpu_starts(fakehub, user):
    return fakehub.lines(f"POST /hub/api/users/{user.name}/servers/")


def create(client, user, headers=None, **body):
    """POST /launches as the user."""
    return client.post("/launches", json=body, headers=user.auth | (headers or {}))


def location_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["location"]


# where a launch goes


def test_a_launch_onto_a_named_server_starts_that_server_alone(client, fakehub):
    user = fakehub.add_user()
    location = location_of(client.launch(user, server="gpu"))
    assert f"/user/{user.name}/gpu/lab/workspaces/" in location
    assert location.endswith("/tree/lab/hello.ipynb?reset=1")
    assert user.notebooks == ["lab/hello.ipynb"]
    assert (user.server, user.servers["gpu"].state) == ("stopped", "ready")
    assert len(gpu_starts(fakehub, user)) == 1
    assert stream_lines(fakehub, user) == []


def test_a_launch_says_on_which_server_it_is(client, fakehub):
    user = fakehub.add_user()
    launch = wait_for(client, user, begin(client, user, server="gpu"), "done")
    assert (launch["server"], launch["server_user"]) == ("gpu", user.name)
    assert launch["path"] == "lab/hello.ipynb"


def test_without_a_name_it_is_the_default_server(client, alice):
    alice.add_server("gpu", "ready")
    location = location_of(client.launch(alice, server=""))
    assert f"/user/{alice.name}/lab/" in location


def test_a_launch_without_an_experiment_starts_a_server_and_opens_nothing(client, fakehub):
    user = fakehub.add_user()
    assert location_of(create(client, user)).endswith(f"/user/{user.name}/")
    assert location_of(create(client, user, server="gpu")).endswith(f"/user/{user.name}/gpu/")
    assert {name: server.state for name, server in user.servers.items()} == {
        "": "ready",
        "gpu": "ready",
    }
    assert user.files == {}
    assert not [line for line in fakehub.lines() if "/api/contents" in line]


@pytest.mark.parametrize("how", ["POST", "PATCH"])
def test_a_named_server_is_started_while_the_default_one_runs(client, fakehub, alice, how):
    """Without a route of its own, its requests reach the default server."""
    alice.add_server("gpu")
    if how == "POST":
        assert location_of(create(client, alice, server="gpu")).endswith("/gpu/")
    else:
        answer = client.patch("/servers/gpu", json={"state": "running"}, headers=alice.auth)
        wait_for(client, alice, answer.json(), "done")
    assert alice.servers["gpu"].state == "ready"
    assert len(gpu_starts(fakehub, alice)) == 1


def test_a_server_that_runs_is_opened_without_a_start(client, fakehub, alice):
    assert location_of(create(client, alice)).endswith(f"/user/{alice.name}/")
    launch = client.get("/launches", headers=alice.auth).json()["launches"][0]
    assert (launch["experiment"], launch["path"]) == (None, None)


def test_a_launch_may_name_its_experiment_in_the_body(client, fakehub):
    user = fakehub.add_user()
    body = {"experiment": "hello", "notebook": {"directory": "a", "filename": "x.ipynb"}}
    location = location_of(create(client, user, **body, server="gpu"))
    assert f"/user/{user.name}/gpu/lab/" in location
    assert user.notebooks == ["a/x.ipynb"]


@pytest.mark.parametrize(
    "body",
    [
        {"experiment": "hello"},
        {"notebook": {"directory": "a"}},
        {"parameters": {}},
        {"server": "a", "experiment": "hello", "notebook": {"directory": "a", "server": "b"}},
        {"server": "../another"},
        {"server": "a/b"},
        {"server": "."},
        {"server": "a\u202eb"},
        {"server": "a%E2%80%AEb"},
        {"server": "%2e%2e%2fbob"},
        {"server": "..%5Cbob"},
        {"server": "%252e%252e"},
        {"server": " gpu"},
        {"server": "api"},
        {"server": "lab"},
        {"server": None},
        {"servers": "gpu"},
    ],
    ids=json.dumps,
)
def test_a_launch_that_contradicts_itself_is_400(client, fakehub, alice, body):
    problem_of(create(client, alice, **body), 400)
    assert fakehub.beyond_identification == []


@pytest.mark.parametrize("pointer", ["/server", "/notebook/server"])
def test_a_name_that_is_none_is_pointed_at_where_it_was(client, alice, pointer):
    body = {"experiment": "hello", "notebook": {"directory": "a"}}
    (body if pointer == "/server" else body["notebook"])["server"] = "a/b"
    problem = problem_of(create(client, alice, **body), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_key_of_one_server_is_422_for_another(client, fakehub):
    user, key = fakehub.add_user(), {"Idempotency-Key": "k"}
    first = location_of(create(client, user, key, server="gpu"))
    assert location_of(create(client, user, key, server="gpu")) == first
    for other in ({}, {"server": "cpu"}):
        problem_of(create(client, user, key, **other), 422)
    assert set(user.servers) == {"", "gpu"}


@pytest.mark.parametrize("name", ["my server", "Größe?#%", "a.b@c~d", "100%", "server"])
def test_a_name_that_jupyterhub_5_takes_is_quoted_everywhere(start_app, fakehub, name):
    fakehub.version = "5.4.3"
    client, user = start_app(), fakehub.add_user()
    location = location_of(client.launch(user, server=name))
    server = user.servers[name]
    assert f"{url_of(user, server)}lab/workspaces/" in location
    assert user.notebooks == ["lab/hello.ipynb"]
    answer = client.get(f"/servers/{quote(name, safe='')}", headers=user.auth)
    assert answer.json()["url"] == url_of(user, server)
    removed = client.delete(f"/servers/{quote(name, safe='')}", headers=user.auth)
    assert removed.status_code == 204, removed.text
    assert set(user.servers) == {""}


# servers apart


def test_each_server_gets_a_token_that_opens_it_alone(client, fakehub):
    user = fakehub.add_user()
    client.launch(user)
    client.launch(user, server="gpu")
    sent = {}
    for call in fakehub.calls:
        if call.path.startswith(f"/user/{user.name}/") and "/api/contents" in call.path:
            sent.setdefault(call.path.split("/")[3] == "gpu", set()).add(call.token)
    assert {user.server_tokens[token] for token in sent[True]} == {"gpu"}
    assert {user.server_tokens[token] for token in sent[False]} == {""}


def test_one_name_in_one_home_is_one_notebook_whichever_server_writes_it(client, fakehub, alice):
    fakehub.rename_seconds = 0.02
    alice.add_server("gpu", "ready")
    answers = at_once(12, lambda n: client.launch(alice, server=("", "gpu")[n % 2]))
    assert {answer.status_code for answer in answers} == {200}
    assert len(alice.notebooks) == len({path_of(answer) for answer in answers}) == 12


def test_simultaneous_launches_share_one_start_for_each_server(client, fakehub):
    user = fakehub.add_user()
    names = ("", "gpu", "cpu")
    answers = at_once(12, lambda n: client.launch(user, server=names[n % 3]))
    assert {answer.status_code for answer in answers} == {200}
    for server in ("server", "servers/gpu", "servers/cpu"):
        path = f"/hub/api/users/{user.name}/{server}"
        assert fakehub.lines().count(f"POST {path}") == 1
        assert len(fakehub.lines(f"GET {path}/progress")) <= 1
    assert len(user.notebooks) == 12


def test_what_one_spawner_says_is_told_to_the_launches_of_that_server(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=1, messages=("of the default",))])
    user.add_server("gpu", starts=[Start(202, seconds=1, messages=("of gpu",))])
    begun = {name: begin(client, user, server=name) for name in user.servers}
    for name, launch in begun.items():
        text = client.get(f"/launches/{launch['id']}/events", headers=user.auth).text
        assert ("of gpu" in text, "of the default" in text) == (name == "gpu", name == "")


def test_cancelling_a_start_leaves_the_other_server_alone(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=1)])
    user.add_server("gpu", starts=[Start(202, "never")])
    other = begin(client, user)
    launch = begin(client, user, server="gpu")
    wait_until(lambda: user.servers["gpu"].state == "spawning", "the start")
    assert cancel(client, user, launch).json()["state"] == "cancelled"
    wait_until(lambda: user.servers["gpu"].state == "stopped", "the stop")
    wait_for(client, user, other, "done")
    assert stop_lines(fakehub, user) == [f"DELETE /hub/api/users/{user.name}/servers/gpu"]


def test_a_start_that_fails_does_not_hold_back_the_other_server(start_app, fakehub):
    client, user = start_app(start_cooldown=600), fakehub.add_user()
    user.add_server("gpu", starts=[Start(202, "fails", reason="no such image")] * 2)
    problem = problem_of(client.launch(user, server="gpu"), 502)
    assert problem["detail"] == "no such image"
    assert location_of(client.launch(user))
    again = problem_of(client.launch(user, server="gpu"), 429)
    assert again["type"].endswith(":start-cooldown"), "the other server's success does not end it"


@pytest.mark.parametrize("state", ["stopped", "dead"])
def test_a_named_server_that_is_gone_is_started_while_the_default_one_runs(client, alice, state):
    """Without a route of its own, its requests reach the default server."""
    alice.add_server("gpu", "ready")
    client.launch(alice, server="gpu")
    alice.servers["gpu"].state = state
    assert f"/{alice.name}/gpu/lab/" in location_of(client.launch(alice, server="gpu"))
    assert alice.servers["gpu"].state == "ready"
    assert len(alice.notebooks) == 2


def test_two_users_have_servers_of_the_same_name(client, fakehub):
    users = [fakehub.add_user() for _ in range(2)]
    answers = at_once(2, lambda n: client.launch(users[n], server="gpu"))
    for user, answer in zip(users, answers, strict=True):
        assert f"/user/{user.name}/gpu/lab/" in location_of(answer)
        assert user.notebooks == ["lab/hello.ipynb"]
        assert set(user.server_tokens.values()) == {"gpu"}
        assert len(gpu_starts(fakehub, user)) == 1


# refused


@pytest.fixture
def refused(client, fakehub):
    """Launches onto a server, and returns the detail of the refusal, after which none is there."""

    def launch(name, user=None):
        user = user or fakehub.add_user()
        before = set(user.servers)
        problem = problem_of(client.launch(user, server=name), 409)
        assert problem["type"].endswith(":named-server-refused")
        assert set(user.servers) == before
        assert user.files == {}
        assert len(gpu_starts(fakehub, user)) == 1
        return problem["detail"]

    return launch


def test_a_hub_without_named_servers_says_so(fakehub, refused):
    fakehub.allow_named_servers = False
    assert "allow_named_servers" in refused("gpu")


def test_a_user_at_the_hubs_limit_is_told_so(client, fakehub, refused):
    fakehub.named_server_limit_per_user = 2
    user = fakehub.add_user()
    user.add_server("one")
    user.add_server("two")
    assert "maximum of 2 named servers" in refused("three", user)
    assert location_of(client.launch(user, server="two"))


@pytest.mark.parametrize("name", ["My-Server", "a--b", "1st", "a" * 31, "a_b"])
def test_a_name_that_jupyterhub_6_does_not_take_is_told_so(refused, name):
    assert f"Invalid server_name: {name!r}" in refused(name)


def test_a_refusal_is_no_failed_start(start_app, fakehub):
    fakehub.allow_named_servers = False
    client, user = start_app(), fakehub.add_user()
    for _ in range(6):
        problem_of(client.launch(user, server="gpu"), 409)
    assert status(client, fakehub)["failed_in_a_row"] == 0
    assert location_of(client.launch(user))
