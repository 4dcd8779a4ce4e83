"""Launches that ask for an environment, on a fake hub whose spawn hook asks the launcher."""

import asyncio
import threading

import pytest
from application import problem_of
from environments import (
    SITE,
    add,
    ask,
    install_hook,
    install_patient_hook,
    other_environment,
    select,
)
from fakehub import Start
from launching import ASYNC, begin, cancel, path_of, see, start_lines, wait_for
from waiting import wait_until

from launcher.entrypoints.model import HostReport, Validator


@pytest.fixture
def site(start_app, fakehub):
    client = start_app(**SITE)
    install_hook(fakehub, client)
    return client


def running(user, server=""):
    """The environment in which the user's server was started, as the hook was told."""
    return user.servers[server].environment


@pytest.fixture
def carol(fakehub, site):
    """Somebody with two environments, whose server does not run."""
    user = fakehub.add_user()
    for name in ("climate", "hydrology"):
        add(site, user, name)
    return user


def test_a_launch_starts_the_server_in_its_environment(site, fakehub, carol):
    answer = site.launch(carol, entrypoint="climate")
    assert path_of(answer) == "lab/hello.ipynb"
    assert running(carol) == "climate"
    launch = site.get("/launches", headers=carol.auth).json()["launches"][0]
    assert launch["environment"]["name"] == "climate"
    assert launch["environment"]["system"] == "desk"


def test_an_environment_can_be_named_by_its_id_and_for_a_server_alone(site, carol):
    made = add(site, carol, "third")
    body = {"entrypoint": made["id"], "system": "desk"}
    answer = site.post("/launches", json=body, headers=carol.auth)
    assert answer.status_code == 200, answer.text
    assert running(carol) == "third"


def test_what_a_launch_asks_for_comes_before_the_selection_once(site, carol):
    select(site, carol, name="hydrology")
    site.launch(carol, entrypoint="climate")
    assert running(carol) == "climate"
    site.delete("/server", headers=carol.auth)
    site.launch(carol)
    assert running(carol) == "hydrology"


def test_a_launch_without_an_environment_opens_wherever_the_server_runs(site, carol):
    site.launch(carol, entrypoint="climate")
    assert path_of(site.launch(carol)) == "lab/hello-1.ipynb"
    assert running(carol) == "climate"


def test_the_same_environment_opens_at_once(site, fakehub, carol):
    site.launch(carol, entrypoint="climate")
    assert path_of(site.launch(carol, entrypoint="climate")) == "lab/hello-1.ipynb"
    assert len(start_lines(fakehub, carol)) == 1


def test_another_environment_is_refused_with_the_ways_out(site, carol):
    site.launch(carol, entrypoint="climate")
    problem = other_environment(site.launch(carol, entrypoint="hydrology"))
    assert problem["running"] == "climate"
    assert "'climate'" in problem["detail"]
    assert "'hydrology'" in problem["detail"]
    assert [way["action"] for way in problem["ways_out"]] == ["restart", "open"]
    assert list(carol.files) == ["lab/hello.ipynb"]
    site.delete("/server", headers=carol.auth)
    site.launch(carol, entrypoint="hydrology")
    assert running(carol) == "hydrology"


def test_an_environment_that_was_edited_is_another_one(site, carol):
    made = add(site, carol, "third")
    site.launch(carol, entrypoint="third")
    changed = {"data": {"path": "/opt/elsewhere"}}
    path = f"/users/{carol.name}/entrypoints/{made['id']}"
    assert site.patch(path, json=changed, headers=carol.auth).status_code == 200
    problem = other_environment(site.launch(carol, entrypoint="third"))
    assert "runs in 'third', which was changed between" in problem["detail"]


def test_a_server_of_its_own_is_offered_if_the_site_wants_it(start_app, fakehub):
    site = start_app(**{**SITE, "environment_servers": True})
    install_hook(fakehub, site)
    user = fakehub.add_user()
    for name in ("climate", "hydrology"):
        add(site, user, name)
    site.launch(user, entrypoint="climate")
    problems = [other_environment(site.launch(user, entrypoint="hydrology")) for _ in range(2)]
    names = {problem["ways_out"][-1]["server"] for problem in problems}
    assert len(names) == 1, "the same name each time"
    (name,) = names
    path_of(site.launch(user, entrypoint="hydrology", server=name))
    assert running(user, name) == "hydrology"
    assert running(user) == "climate"


def test_two_environments_never_share_a_start(site, fakehub, carol):
    carol.next_starts = Start(202, seconds=1.0)
    first = begin(site, carol, entrypoint="climate")
    second = begin(site, carol, entrypoint="hydrology", filename="second.ipynb")
    ended = wait_for(site, carol, second, "done", "failed")
    assert ended["state"] == "failed"
    assert ended["problem"]["type"].endswith(":other-environment")
    assert wait_for(site, carol, first, "done", "failed")["state"] == "done"
    assert running(carol) == "climate"
    assert len(start_lines(fakehub, carol)) == 1


def test_a_cancelled_wish_is_not_granted_later(site, fakehub, carol):
    carol.next_starts = Start(202, "never")
    launch = begin(site, carol, entrypoint="climate")
    wait_until(lambda: carol.server == "spawning", "the start")
    cancel(site, carol, launch)
    wait_until(lambda: carol.server == "stopped", "the stop")
    carol.next_starts = Start()
    site.launch(carol)
    assert running(carol) is None


def test_a_cancelled_wish_is_not_granted_to_a_launch_that_waits_as_well(site, carol):
    select(site, carol, name="hydrology")
    carol.next_starts = Start(202, begins_after=1.0)
    wish = begin(site, carol, entrypoint="climate")
    other = begin(site, carol, filename="other.ipynb")
    cancel(site, carol, wish)
    assert wait_for(site, carol, other, "done", "failed")["state"] == "done"
    assert running(carol) == "hydrology"


@pytest.mark.parametrize(
    ("named", "environment"), [({}, None), ({"entrypoint": "hydrology"}, "hydrology")]
)
def test_a_launch_after_a_cancelled_one_starts_in_its_own_environment(
    site, fakehub, carol, named, environment
):
    carol.next_starts = Start(202, "never")
    fakehub.stop_seconds = 1.0
    wish = begin(site, carol, entrypoint="climate")
    wait_until(lambda: carol.server == "spawning", "the start")
    carol.next_starts = Start()
    cancel(site, carol, wish)
    wait_until(lambda: carol.servers[""].interrupted, "the stop")
    other = begin(site, carol, **named)
    assert wait_for(site, carol, other, "done", "failed")["state"] == "done"
    assert running(carol) == environment


def test_a_start_that_the_hub_puts_off_begins_in_the_environment_that_is_asked_for_meanwhile(
    site, fakehub, carol
):
    busy = Start(429, begins_after=1.0, headers=(("Retry-After", "1"),))
    carol.servers[""].starts = [busy]
    first = begin(site, carol)
    wait_until(lambda: start_lines(fakehub, carol), "the request to start")
    second = begin(site, carol, entrypoint="climate", filename="second.ipynb")
    for launch in (first, second):
        assert wait_for(site, carol, launch, "done", "failed")["state"] == "done"
    assert running(carol) == "climate"


class Slow(Validator):
    """A validator of the site's own, which takes its time."""

    seconds = 0.0

    async def check(self, user, system, expected):
        await asyncio.sleep(Slow.seconds)
        return HostReport("", expected.path, True, "It is there.")


@pytest.fixture
def slow_site(start_app, fakehub):
    Slow.seconds = 0.0
    return start_app(**SITE, validator=Slow)


def test_a_check_that_takes_longer_than_the_hook_waits_refuses_the_start(slow_site, fakehub):
    user = fakehub.add_user()
    add(slow_site, user, "climate")
    select(slow_site, user, name="climate")
    Slow.seconds = 5.0
    answer = ask(slow_site, user, seconds=0.5)
    assert "could not be checked within 0.4 seconds" in problem_of(answer, 409)["detail"]


def test_an_answer_that_the_hook_did_not_wait_for_is_not_what_the_server_runs_in(
    slow_site, fakehub
):
    user = fakehub.add_user()
    add(slow_site, user, "climate")
    asked = []

    def hook(_user, server):
        """Start the default environment at once, as if the launcher did not answer."""
        Slow.seconds = 1.0
        question = {"token": server.own_token, "seconds": 0.5}
        asked.append(threading.Thread(target=ask, args=(slow_site, user), kwargs=question))
        asked[0].start()

    fakehub.spawn_hook = hook
    user.next_starts = Start(202, seconds=2.0)
    problem = problem_of(slow_site.launch(user, entrypoint="climate"), 501)
    asked[0].join()
    assert problem["type"].endswith(":hook-missing")
    assert user.files == {}


def test_a_selection_starts_nothing_else_when_all_systems_left_the_configuration(
    site, start_app, carol
):
    select(site, carol, name="climate")
    emptied = start_app(**{**SITE, "systems": []})
    problem = problem_of(ask(emptied, carol), 409)
    assert problem["type"].endswith(":entrypoint-retired")
    assert ask(emptied, carol, "cluster").status_code == 200, "nothing is selected there"


def test_a_server_that_was_started_without_the_launcher_is_another_environment(
    site, fakehub, carol
):
    site.launch(carol, entrypoint="climate")
    server = carol.servers[""]
    site.delete("/server", headers=carol.auth)
    server.state = "ready"  # on the hub's page, while the launcher was away
    problem = other_environment(site.launch(carol, entrypoint="climate"))
    assert "without the launcher" in problem["detail"]
    assert problem["running"] is None


def test_a_hub_that_does_not_ask_is_told_to_the_user(site, fakehub, carol):
    fakehub.spawn_hook = None
    problem = problem_of(site.launch(carol, entrypoint="climate"), 501)
    assert problem["type"].endswith(":hook-missing")
    assert "configure(c, system=" in problem["detail"]
    assert carol.files == {}


def test_an_environment_that_is_removed_meanwhile_starts_nothing_else(site, carol):
    made = add(site, carol, "third")
    carol.next_starts = Start(begins_after=1.0)
    launch = begin(site, carol, entrypoint="third")
    path = f"/users/{carol.name}/systems/desk"
    removed = site.request("DELETE", path, json={"id": made["id"]}, headers=carol.auth)
    assert removed.status_code == 204
    problem = wait_for(site, carol, launch, "failed")["problem"]
    assert "There is no entrypoint" in problem["detail"]
    assert carol.server == "stopped"


@pytest.mark.parametrize(
    ("named", "status", "words"),
    [
        ({"entrypoint": "nothing"}, 400, "nothing"),
        ({"entrypoint": "climate", "system": "nowhere"}, 400, "nowhere"),
        ({"entrypoint": "climate", "system": "cluster"}, 409, "not on the system"),
        ({"system": "desk"}, 400, "nothing is selected"),
    ],
)
def test_a_wrong_environment_starts_nothing(site, fakehub, carol, named, status, words):
    answer = site.launch(carol, **named)
    assert words in problem_of(answer, status)["detail"]
    assert start_lines(fakehub, carol) == []


def test_an_environment_that_the_spawner_cannot_apply_starts_nothing(site, fakehub, carol):
    ask(site, carol, fields=["image"])
    answer = site.launch(carol, entrypoint="climate")
    assert "cannot set command" in problem_of(answer, 409)["detail"]
    assert start_lines(fakehub, carol) == []


def test_the_system_decides_the_options_of_the_start(site, fakehub, carol):
    add(site, carol, "far", system="cluster")
    site.launch(carol, entrypoint="far")
    assert carol.servers[""].user_options == {"user_options": {"profile": "cluster"}}
    assert running(carol) == "far"
    site.delete("/server", headers=carol.auth)
    site.launch(carol)
    assert carol.servers[""].user_options == {"user_options": {}}


def test_an_older_hub_takes_the_options_without_an_envelope(site, fakehub, carol):
    fakehub.version = "5.4.0"
    add(site, carol, "far", system="cluster")
    path_of(site.launch(carol, entrypoint="far"))
    assert carol.servers[""].user_options == {"profile": "cluster"}


def test_the_same_key_is_the_same_environment(site, carol):
    headers = carol.auth | ASYNC | {"Idempotency-Key": "once"}
    first = site.launch(carol, headers=headers, entrypoint="climate")
    again = site.launch(carol, headers=headers, entrypoint="climate")
    assert first.headers["link"] == again.headers["link"]
    other = site.launch(carol, headers=headers, entrypoint="hydrology")
    assert problem_of(other, 422)["type"].endswith(":idempotency-key-reused")


# tokens


def test_with_the_hook_no_token_is_minted(site, fakehub, carol):
    fakehub.scopes = ("servers",)
    path_of(site.launch(carol))
    path_of(site.launch(carol))
    assert fakehub.lines(f"POST /hub/api/users/{carol.name}/tokens") == []


def test_the_token_is_stored_sealed_and_nowhere_else(site, fakehub, carol, tmp_path, caplog):
    site.launch(carol)
    token = carol.servers[""].own_token
    assert token
    for path in tmp_path.glob("launcher.sqlite*"):
        assert token.encode() not in path.read_bytes()
    assert token not in caplog.text


def test_a_restarted_server_is_opened_with_its_new_token(site, fakehub, carol):
    site.launch(carol)
    site.delete("/server", headers=carol.auth)
    site.launch(carol)
    assert path_of(site.launch(carol)) == "lab/hello-2.ipynb"
    assert fakehub.lines(f"POST /hub/api/users/{carol.name}/tokens") == []


def test_a_server_from_before_the_hook_is_opened_with_a_minted_token(site, fakehub, alice):
    path_of(site.launch(alice))
    assert len(fakehub.lines(f"POST /hub/api/users/{alice.name}/tokens")) == 1


def test_without_the_scope_tokens_such_a_server_has_to_be_started_again(site, alice):
    alice.may_be_opened = False
    problem = problem_of(site.launch(alice), 503)
    assert "Stop it and start it again" in problem["detail"]


def test_launches_of_a_site_without_systems_send_no_options(client, fakehub):
    user = fakehub.add_user()
    client.launch(user)
    assert user.servers[""].user_options is None
    assert see(client, user, client.get("/launches", headers=user.auth).json()["launches"][0])


def test_an_environment_may_stand_beside_the_experiment_too(site, carol):
    body = {"experiment": "hello", "notebook": {"directory": "lab"}, "entrypoint": "climate"}
    assert site.post("/launches", json=body, headers=carol.auth).status_code == 200
    assert running(carol) == "climate"
    body["notebook"] = {"directory": "lab", "entrypoint": "hydrology"}
    answer = site.post("/launches", json=body, headers=carol.auth)
    assert "is different from" in problem_of(answer, 400)["detail"]


def test_a_hook_that_may_go_on_without_an_answer_hands_the_token_over_later(site, fakehub, carol):
    install_patient_hook(fakehub, site)
    fakehub.scopes = ("servers",)
    assert path_of(site.launch(carol, entrypoint="climate")) == "lab/hello.ipynb"
    assert running(carol) == "climate"
    assert path_of(site.launch(carol)) == "lab/hello-1.ipynb"
    assert fakehub.lines(f"POST /hub/api/users/{carol.name}/tokens") == []


def test_an_answer_that_was_lost_opens_no_launch(site, fakehub, carol):
    """The launcher has recorded what the server should run in, and the hub started another one."""
    install_patient_hook(fakehub, site, loses={carol.name})
    problem = problem_of(site.launch(carol, entrypoint="climate"), 501)
    assert problem["type"].endswith(":hook-missing")
    assert carol.files == {}
    problem = other_environment(site.launch(carol, entrypoint="climate"))
    assert problem["running"] is None
