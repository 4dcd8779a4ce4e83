"""A server that is stopped or removed takes the launches on it along, and nobody's start failed."""

import asyncio
import threading

import pytest
from application import problem_of
from fakehub import LOST, Start
from launching import begin, see, start_lines, wait_for
from start_queue import people, status
from stored_launches import has_queued
from waiting import in_background, wait_until


@pytest.fixture(params=["the same process", "another process"])
def apps(request, start_app):
    """Where launches are made, and where their servers are stopped."""

    def start(**settings):
        app = start_app(**settings)
        return app, app if request.param == "the same process" else start_app(**settings)

    return start


def stop(client, user, path="/server"):
    """PATCH stopped; the server is stopped in the end."""
    answer = client.patch(path, json={"state": "stopped"}, headers=user.auth)
    assert answer.status_code in (202, 204), answer.text
    wait_until(lambda: user.server == "stopped", "the stop")


def cancelled(client, user, launch):
    launch = wait_for(client, user, launch, "cancelled")
    assert launch["problem"]["type"].endswith(":server-stopped")
    return launch


def starts_of(fakehub, user):
    return fakehub.lines(f"POST /hub/api/users/{user.name}/server")


def nobody_failed(client, fakehub, user):
    """No start is left, and none counts as a failure."""
    wait_until(lambda: status(client, fakehub)["in_flight"] == 0, "the end of the start")
    now = status(client, fakehub)
    assert (now["breaker"], now["failed_in_a_row"], now["cooling_down"]) == ("closed", 0, 0)
    assert client.launch(user, filename="later.ipynb").status_code == 200


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
def test_a_server_that_is_stopped_leaves_the_queue(apps, fakehub, method):
    app, other = apps(max_starts=1)
    first, user = people(fakehub, 2, outcome="never")
    wait_for(app, first, begin(app, first), "starting")
    launch = begin(app, user)
    wait_until(lambda: has_queued(app, user), "the queue")
    body = {"json": {"state": "stopped"}} if method == "PATCH" else {}
    answer = other.request(method, "/server", headers=user.auth, **body)
    assert answer.status_code == 204, answer.text
    cancelled(app, user, launch)
    assert status(app, fakehub)["queued"] == 0
    stop(other, first)
    wait_until(lambda: status(app, fakehub)["in_flight"] == 0, "an empty queue")
    assert start_lines(fakehub, user) == []


def test_a_named_server_that_waits_for_its_first_start_can_be_removed(apps, fakehub):
    app, other = apps(max_starts=1)
    first, user = people(fakehub, 2, outcome="never")
    wait_for(app, first, begin(app, first), "starting")
    launch = begin(app, user, server="gpu")
    wait_for(app, user, launch, "queued")
    wait_until(lambda: status(app, fakehub)["queued"] == 1, "the queue")
    assert other.delete("/servers/gpu", headers=user.auth).status_code == 204
    cancelled(app, user, launch)
    problem_of(other.delete("/servers/gpu", headers=user.auth), 404)
    assert starts_of(fakehub, user) == []


@pytest.mark.parametrize("says", ["ready", "Spawn cancelled"])
@pytest.mark.parametrize("seconds", [0, 0.3])
def test_a_start_that_is_stopped_is_no_failure(apps, fakehub, says, seconds):
    app, other = apps(start_cooldown=60)
    fakehub.interrupted_says, fakehub.stop_seconds = says, seconds
    user = fakehub.add_user(starts=[Start(202, "never")])
    launch = begin(app, user)
    wait_until(lambda: user.server == "spawning", "the start")
    stop(other, user)
    cancelled(app, user, launch)
    nobody_failed(app, fakehub, user)
    assert len(start_lines(fakehub, user)) == 2


def test_a_start_that_is_stopped_while_the_hub_answers_its_request_is_no_failure(apps, fakehub):
    app, other = apps(start_cooldown=60)
    user = fakehub.add_user(starts=[Start(202, "never", answers_after=9)])
    launch = begin(app, user)
    wait_until(lambda: user.server == "spawning", "the start")
    stop(other, user)
    cancelled(app, user, launch)
    nobody_failed(app, fakehub, user)


def test_a_named_server_that_is_removed_while_it_starts_stays_removed(apps, fakehub):
    app, other = apps(start_cooldown=60)
    user = fakehub.add_user()
    user.add_server("gpu", starts=[Start(202, "never")])
    launch = begin(app, user, server="gpu")
    wait_until(lambda: user.servers["gpu"].state == "spawning", "the start")
    assert other.delete("/servers/gpu", headers=user.auth).status_code == 204
    cancelled(app, user, launch)
    nobody_failed(app, fakehub, user)
    assert set(user.servers) == {""}
    assert len(starts_of(fakehub, user)) == 2


def test_starts_that_three_users_stop_open_no_breaker(start_app, fakehub):
    client = start_app(start_cooldown=60)
    fakehub.interrupted_says = "Spawn cancelled"
    users = people(fakehub, 3, outcome="never")
    for user in users:
        wait_for(client, user, begin(client, user), "starting")
    for user in users:
        wait_until(lambda u=user: u.server == "spawning", "the start")
        stop(client, user)
    nobody_failed(client, fakehub, fakehub.add_user())


def test_a_server_that_is_removed_during_an_upload_is_not_made_again(apps, fakehub):
    app, other = apps()
    user = fakehub.add_user()
    user.add_server("gpu", "ready")
    reached, gone = threading.Event(), threading.Event()

    async def wait(method, _path, _body):
        if method == "PUT":
            reached.set()
            await asyncio.to_thread(gone.wait)

    user.before = wait
    launch = begin(app, user, server="gpu")
    wait_until(reached.is_set, "the upload")
    assert other.delete("/servers/gpu", headers=user.auth).status_code == 204
    gone.set()
    cancelled(app, user, launch)
    nobody_failed(app, fakehub, user)
    assert set(user.servers) == {""}
    assert starts_of(fakehub, user) == [f"POST /hub/api/users/{user.name}/server"]


def test_who_waits_for_a_launch_is_told_that_the_server_was_stopped(apps, fakehub):
    app, other = apps()
    user = fakehub.add_user(starts=[Start(202, "never")])
    with in_background(lambda: app.launch(user)) as answers:
        wait_until(lambda: user.server == "spawning", "the start")
        stop(other, user)
    assert problem_of(answers[0], 409)["type"].endswith(":server-stopped")


def test_launches_on_another_server_and_of_another_user_go_on(start_app, fakehub):
    client = start_app()
    user, another = people(fakehub, 2, seconds=1)
    user.add_server("gpu", starts=[Start(202, "never")])
    launches = [begin(client, user), begin(client, another)]
    stopped = begin(client, user, server="gpu")
    wait_until(lambda: user.servers["gpu"].state == "spawning", "the start")
    answer = client.patch("/servers/gpu", json={"state": "stopped"}, headers=user.auth)
    assert answer.status_code == 204, answer.text
    cancelled(client, user, stopped)
    for owner, launch in zip((user, another), launches, strict=True):
        wait_for(client, owner, launch, "done")


def test_a_hub_that_is_away_cancels_nothing(start_app, fakehub):
    client = start_app()
    user = fakehub.add_user(starts=[Start(202, seconds=2)])
    launch = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    fakehub.hub_answers += [("GET", f"/users/{user.name}", LOST)] * 3
    problem_of(client.delete("/server", headers=user.auth), 503)
    fakehub.hub_answers.clear()
    assert see(client, user, launch)["state"] == "starting"
    wait_for(client, user, launch, "done")


def test_a_start_that_somebody_stops_at_the_hub_is_no_failure_either(start_app, fakehub):
    client = start_app(start_cooldown=60)
    fakehub.interrupted_says = "Spawn cancelled"
    user = fakehub.add_user(starts=[Start(202, "never")])
    launch = begin(client, user)
    wait_until(lambda: fakehub.lines(f"GET /hub/api/users/{user.name}/server/progress"), "it")
    fakehub.stop_at_the_hub(user)
    problem = wait_for(client, user, launch, "failed")["problem"]
    assert (problem["type"].rpartition(":")[2], problem["status"]) == ("server-stopped", 409)
    nobody_failed(client, fakehub, user)
