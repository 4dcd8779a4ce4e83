"""A key stands for what a launch did, not for a failure before it began anything."""

import pytest
from application import problem_of
from fakehub import Start, page_answer
from launching import ASYNC, begin, cancel, keyed, linked, path_of, wait_for
from start_queue import people
from stored_launches import has_queued
from waiting import wait_until


def test_a_full_queue_is_not_replayed_once_it_has_room(start_app, fakehub):
    client = start_app(max_starts=1, max_queued=1)
    users = people(fakehub, 3, outcome="never")
    launched = [begin(client, users[0])]
    wait_for(client, users[0], launched[0], "starting")
    launched.append(begin(client, users[1]))
    wait_until(lambda: has_queued(client, users[1]), "the queue")
    problem = problem_of(client.launch(users[2], headers=keyed(users[2], "k")), 429)
    assert problem["type"].endswith(":queue-full")
    for user, launch in zip(users[1::-1], launched[::-1], strict=True):
        cancel(client, user, launch)
    wait_until(lambda: users[0].server == "stopped", "a stop")
    users[2].starts.clear()
    assert path_of(client.launch(users[2], headers=keyed(users[2], "k"))) == "lab/hello.ipynb"
    again = client.launch(users[2], headers=keyed(users[2], "k"))
    assert path_of(again) == "lab/hello.ipynb"  # a success is
    assert users[2].notebooks == ["lab/hello.ipynb"]


REFUSALS = {
    "no room": (Start(429), "server-limit"),
    "a hook": (Start(403, message="You have no quota left"), "spawn-refused"),
}


@pytest.mark.parametrize("which", REFUSALS)
def test_a_start_that_the_hub_refused_is_not_replayed(client, fakehub, which):
    start, slug = REFUSALS[which]
    user = fakehub.add_user(starts=[start])
    answer = client.launch(user, headers=keyed(user, "k"))
    assert problem_of(answer, answer.status_code)["type"].endswith(f":{slug}")
    assert path_of(client.launch(user, headers=keyed(user, "k"))) == "lab/hello.ipynb"


def test_a_user_who_signs_in_to_the_hub_is_known_under_the_same_key(client, fakehub):
    user = fakehub.add_user(known=False)
    problem_of(client.launch(user, headers=keyed(user, "k")), 409)
    user.known = True
    assert path_of(client.launch(user, headers=keyed(user, "k"))) == "lab/hello.ipynb"


def test_a_hub_that_was_away_is_not_replayed(start_app, fakehub):
    client = start_app(hub_patience=1)
    user = fakehub.add_user()
    client.launch(fakehub.add_user(server="ready"))
    client.get("/user", headers=user.auth)
    fakehub.away = "proxy"
    problem_of(client.launch(user, headers=keyed(user, "k")), 503)
    fakehub.away = ""
    assert path_of(client.launch(user, headers=keyed(user, "k"))) == "lab/hello.ipynb"


@pytest.mark.parametrize("if_exists", ["rename", "fail", "replace"])
def test_a_token_that_could_not_be_had_is_not_replayed(client, fakehub, if_exists):
    user = fakehub.add_user(server="ready", may_be_opened=False)
    headers = keyed(user, "k")
    problem_of(client.launch(user, headers=headers, if_exists=if_exists), 503)
    user.may_be_opened = True
    assert path_of(client.launch(user, headers=headers, if_exists=if_exists)) == "lab/hello.ipynb"


def test_a_cooldown_is_not_replayed(start_app, fakehub):
    client = start_app(start_cooldown=1)
    user = fakehub.add_user(starts=[Start(202, "fails")])
    problem_of(client.launch(user), 502)
    problem = problem_of(client.launch(user, headers=keyed(user, "k")), 429)
    assert problem["type"].endswith(":start-cooldown")

    def done():
        return client.launch(user, headers=keyed(user, "k")).status_code == 200

    wait_until(done, "the end of the cool-down")
    assert user.notebooks == ["lab/hello.ipynb"]


def test_too_many_launches_are_not_replayed(start_app, fakehub):
    client = start_app(max_launches_per_user=1)
    [user] = people(fakehub, 1, outcome="never")
    launch = begin(client, user)
    wait_for(client, user, launch, "starting")
    problem_of(client.launch(user, headers=keyed(user, "k")), 429)
    cancel(client, user, launch)
    wait_until(lambda: user.server == "stopped", "a stop")
    user.starts.clear()
    wait_until(lambda: client.launch(user, headers=keyed(user, "k")).status_code == 200)


def test_who_did_not_wait_may_repeat_it_too(start_app, fakehub):
    client = start_app()
    user = fakehub.add_user(starts=[Start(429)])
    first = client.launch(user, headers=keyed(user, "k") | ASYNC)
    wait_for(client, user, {"id": linked(first).rpartition("/")[2]}, "failed")
    assert path_of(client.launch(user, headers=keyed(user, "k"))) == "lab/hello.ipynb"


def test_a_start_that_failed_is_replayed(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "fails")])
    first, second = (client.launch(user, headers=keyed(user, "k")) for _ in range(2))
    assert problem_of(first, 502)["type"].endswith(":spawn-failed")
    assert linked(first) == linked(second)


def test_a_failure_is_replayed_where_a_notebook_may_have_been_left(start_app, fakehub):
    """The rename got no answer, the server is gone, and there is no room to start it again."""
    client = start_app()
    user = fakehub.add_user(server="ready", starts=[Start(429)])
    user.answers += [("PATCH", "carry out"), ("PATCH", lambda: gone(user))]
    first = client.launch(user, headers=keyed(user, "k"))
    assert problem_of(first, 503)["type"].endswith(":server-limit")
    assert user.notebooks == ["lab/hello.ipynb"]
    second = client.launch(user, headers=keyed(user, "k"))
    assert linked(first) == linked(second)
    assert user.notebooks == ["lab/hello.ipynb"]


def gone(user):
    """The proxy's answer from the moment on at which the server stops."""
    user.server = "stopped"
    return page_answer(503)()
