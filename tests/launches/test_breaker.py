"""A spawner that fails is left alone, and one user whose starts fail keeps nobody else waiting."""

import time

import pytest
import requests
import sqlalchemy as sa
from application import problem_of
from fakehub import Start
from launching import ADMIN, begin, cancel, path_of, see, start_lines, wait_for
from start_queue import all_done, begun, people, status
from stored_launches import has_queued, write
from waiting import at_once, wait_until

from launcher.store.tables import start_cooldowns, start_limit, starts

FAILS = {"outcome": "fails", "reason": "no image of mallory", "seconds": 0.02}


def kind_of(answer):
    """How the type of the problem ends, '' without one."""
    return answer.json().get("type", "").rpartition(":")[2]


def open_it(client, fakehub):
    """Let the starts of three users fail, one after the other."""
    users = people(fakehub, 3, **FAILS)
    for user in users:
        assert kind_of(client.launch(user)) == "spawn-failed"
    assert status(client, fakehub)["breaker"] == "open"
    return users


def let_pass(client, seconds=0.0):
    """Let the time pass for which the breaker stays open, and some seconds more."""
    write(client, start_limit.update().values(open_until=time.time() - seconds))


def end_cooldowns(client):
    write(client, start_cooldowns.update().values(ends_at=time.time() - 1))


def reset(client, fakehub):
    admin = fakehub.add_user(scopes=ADMIN)
    return client.delete("/starts/failures", headers=admin.auth)


# one user


def test_who_fails_waits_alone(start_app, fakehub):
    one, another = start_app(), start_app()
    [unlucky] = people(fakehub, 1, **FAILS)
    assert kind_of(one.launch(unlucky)) == "spawn-failed"
    for client in (one, another):
        answer = client.launch(unlucky)
        problem = problem_of(answer, 429)
        assert problem["type"].endswith(":start-cooldown")
        assert "the server did not start" in problem["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert len(start_lines(fakehub, unlucky)) == 1
    assert path_of(another.launch(fakehub.add_user())) == "lab/hello.ipynb"
    assert problem_of(one.launch(unlucky), 429)  # whatever others do
    assert status(one, fakehub)["cooling_down"] == 1


def test_each_failure_in_a_row_doubles_the_wait_and_a_success_ends_it(start_app, fakehub):
    client = start_app()
    user = fakehub.add_user(starts=[Start(202, **FAILS)] * 3)
    for most in (10, 20, 40):
        assert kind_of(client.launch(user)) == "spawn-failed"
        assert most / 2 < int(client.launch(user).headers["retry-after"]) <= most
        end_cooldowns(client)
    assert client.launch(user).status_code == 200
    user.server, user.starts = "stopped", [Start(202, **FAILS)]
    assert kind_of(client.launch(user)) == "spawn-failed"
    assert int(client.launch(user).headers["retry-after"]) <= 10


def test_no_wait_is_longer_than_ten_minutes(start_app, fakehub):
    client = start_app(start_cooldown=200)
    user = fakehub.add_user(starts=[Start(202, **FAILS)] * 3)
    for most in (200, 400, 600):
        assert kind_of(client.launch(user)) == "spawn-failed"
        assert most - 10 < int(client.launch(user).headers["retry-after"]) <= most
        end_cooldowns(client)


def test_a_server_that_runs_needs_no_start_and_waits_for_none(start_app, fakehub):
    client = start_app()
    [user] = people(fakehub, 1, **FAILS)
    assert kind_of(client.launch(user)) == "spawn-failed"
    user.server = "ready"
    assert client.launch(user).status_code == 200


def test_one_user_does_not_open_the_breaker(start_app, fakehub):
    client = start_app(start_cooldown=0)
    [unlucky] = people(fakehub, 1, **FAILS)
    for _ in range(6):
        assert kind_of(client.launch(unlucky)) == "spawn-failed"
    now = status(client, fakehub)
    assert (now["breaker"], now["failed_in_a_row"]) == ("closed", 6)
    assert client.launch(fakehub.add_user()).status_code == 200


@pytest.mark.parametrize("most", [3, 5, 8])
def test_the_last_start_that_the_hub_bears_is_not_for_who_failed(start_app, fakehub, most):
    client = start_app(start_cooldown=0, hub_failure_limit=most)
    [unlucky] = people(fakehub, 1, **FAILS)
    told = [kind_of(client.launch(unlucky)) for _ in range(9)]
    assert told == ["spawn-failed"] * (most - 2) + ["starts-failing"] * (11 - most)
    assert "for users whose servers did not fail" in client.launch(unlucky).json()["detail"]
    assert client.launch(fakehub.add_user()).status_code == 200
    assert kind_of(client.launch(unlucky)) == "spawn-failed"  # it counts from zero again
    assert fakehub.most_at_risk < most


# different users


def test_three_users_open_the_breaker(start_app, fakehub, alice):
    one, another = start_app(), start_app()
    open_it(one, fakehub)
    user = fakehub.add_user()
    for client in (one, another):
        answer = client.launch(user)
        problem = problem_of(answer, 503)
        assert problem["type"].endswith(":starts-failing")
        assert "the server did not start" in problem["detail"]
        assert "mallory" not in answer.text
        assert 50 < int(answer.headers["retry-after"]) <= 60
    assert start_lines(fakehub, user) == []
    assert client.launch(alice).status_code == 200
    now = status(one, fakehub)
    assert (now["failed_in_a_row"], now["last_failure"]) == (3, "spawn-failed")
    assert 50 < now["retry_after"] <= 60


def test_a_success_in_between_begins_the_count_anew(start_app, fakehub):
    client = start_app()
    for _ in range(4):
        [unlucky] = people(fakehub, 1, **FAILS)
        assert kind_of(client.launch(unlucky)) == "spawn-failed"
        assert client.launch(fakehub.add_user()).status_code == 200
    now = status(client, fakehub)
    assert (now["breaker"], now["failed_in_a_row"]) == ("closed", 0)


def test_the_breaker_goes_half_open_and_a_success_closes_it(start_app, fakehub):
    client = start_app()
    open_it(client, fakehub)
    let_pass(client)
    assert status(client, fakehub)["breaker"] == "half-open"
    assert client.launch(fakehub.add_user()).status_code == 200
    now = status(client, fakehub)
    assert (now["breaker"], now["failed_in_a_row"], now["retry_after"]) == ("closed", 0, None)


def test_a_good_user_who_keeps_asking_is_served_without_help(start_app, fakehub):
    client = start_app(breaker_seconds=1)
    open_it(client, fakehub)
    good = fakehub.add_user()
    answers = []

    def served():
        answers.append(client.launch(good))
        return answers[-1].status_code == 200

    wait_until(served, "the notebook")
    assert {kind_of(answer) for answer in answers[:-1]} == {"starts-failing"}
    assert good.notebooks == ["lab/hello.ipynb"]


@pytest.mark.parametrize(("limit", "longest"), [(0, 90), (9, 120)])
def test_a_probe_that_fails_opens_it_again_for_longer(start_app, fakehub, limit, longest):
    client = start_app(hub_failure_limit=limit)
    open_it(client, fakehub)
    let_pass(client)
    [unlucky] = people(fakehub, 1, **FAILS)
    assert kind_of(client.launch(unlucky)) == "spawn-failed"
    now = status(client, fakehub)
    assert now["breaker"] == "open"
    assert longest - 10 < now["retry_after"] <= longest


def test_never_two_probes_at_the_same_time(start_app, fakehub):
    apps = [start_app(), start_app()]
    open_it(apps[0], fakehub)
    let_pass(apps[0])
    fakehub.most_at_once = 0
    users = people(fakehub, 6, outcome="never")
    launched = [begin(apps[n % 2], user) for n, user in enumerate(users)]
    wait_until(lambda: status(apps[0], fakehub)["queued"] == 5, "the queue")
    for user in users:
        user.starts.clear()
    [probe] = [user for user in users if user.server == "spawning"]
    cancel(apps[0], probe, launched[users.index(probe)])
    for user, launch in zip(users, launched, strict=True):
        if user is not probe:
            wait_for(apps[0], user, launch, "done")
    assert begun(fakehub)[3] == probe.name
    assert status(apps[1], fakehub)["breaker"] == "closed"


def test_probes_come_one_after_the_other(start_app, fakehub):
    apps = [start_app(), start_app()]
    open_it(apps[0], fakehub)
    let_pass(apps[0])
    fakehub.most_at_once = 0
    answers = at_once(8, lambda n: apps[n % 2].launch(people(fakehub, 1, **FAILS)[0]))
    told = sorted(kind_of(answer) for answer in answers)
    assert told == ["spawn-failed"] + ["starts-failing"] * 7
    assert fakehub.most_at_once == 1


def test_a_probe_that_hangs_does_not_keep_the_others_waiting(start_app, fakehub):
    client = start_app()
    open_it(client, fakehub)
    let_pass(client)
    [hanging] = people(fakehub, 1, outcome="never")
    wait_for(client, hanging, begin(client, hanging), "starting")
    good = fakehub.add_user()
    waiting = begin(client, good)
    wait_until(lambda: has_queued(client, good), "the queue")
    write(client, starts.update().where(starts.c.user == hanging.name).values(asked_at=1.0))
    wait_for(client, good, waiting, "done")
    assert status(client, fakehub)["breaker"] == "closed"


def test_the_probe_is_somebody_whose_start_did_not_fail(start_app, fakehub):
    client = start_app(start_cooldown=0)
    failed, *_ = open_it(client, fakehub)
    failed.starts.clear()
    let_pass(client)
    first = begin(client, failed)
    wait_until(lambda: has_queued(client, failed), "the queue")
    good = fakehub.add_user()
    second = begin(client, good)
    all_done(client, [good, failed], [second, first])
    assert begun(fakehub)[3:] == [good.name, failed.name]


def test_where_everybody_failed_one_of_them_probes(start_app, fakehub):
    client = start_app(start_cooldown=0)
    failed, *_ = open_it(client, fakehub)
    failed.starts.clear()
    let_pass(client, seconds=11)
    assert client.launch(failed).status_code == 200
    assert status(client, fakehub)["breaker"] == "closed"


def test_a_start_from_before_is_no_probe(start_app, fakehub):
    """A server that never gets ready may fail minutes after the breaker opened."""
    client = start_app()
    slow = fakehub.add_user(starts=[Start(202, "fails", seconds=2)])
    launch = begin(client, slow)
    wait_for(client, slow, launch, "starting")
    open_it(client, fakehub)
    let_pass(client)
    wait_for(client, slow, launch, "failed")
    assert status(client, fakehub)["breaker"] == "half-open"


def test_who_waited_in_the_queue_as_the_breaker_opened_is_told(start_app, fakehub):
    client = start_app(max_starts=3)
    users = people(fakehub, 9, outcome="fails", seconds=0.4)
    launched = [begin(client, user) for user in users]
    for user, launch in zip(users, launched, strict=True):
        wait_for(client, user, launch, "failed")
    types = [see(client, u, b)["problem"]["type"] for u, b in zip(users, launched, strict=True)]
    told = [kind.rpartition(":")[2] for kind in types]
    assert 3 <= told.count("spawn-failed") <= 5
    assert told.count("starts-failing") == 9 - told.count("spawn-failed")


def test_a_success_in_flight_closes_it_for_those_who_wait(start_app, fakehub):
    client = start_app(max_starts=4)
    [slow] = people(fakehub, 1, seconds=1.5)
    bad = people(fakehub, 3, outcome="fails", seconds=0.5)
    launched = [begin(client, user) for user in [slow, *bad]]
    wait_until(lambda: len(begun(fakehub)) == 4, "four starts")
    good = fakehub.add_user()
    waiting = begin(client, good)
    wait_until(lambda: has_queued(client, good), "the queue")
    all_done(client, [slow, good], [launched[0], waiting])


def test_an_administrator_closes_it_and_ends_all_cooldowns(start_app, fakehub):
    client = start_app()
    failed, *_ = open_it(client, fakehub)
    failed.starts.clear()
    answer = reset(client, fakehub)
    assert (answer.json()["breaker"], answer.json()["failed_in_a_row"]) == ("closed", 0)
    assert answer.json()["cooling_down"] == 0
    assert path_of(client.launch(failed)) == "lab/hello.ipynb"


def test_a_server_that_somebody_started_by_hand_shows_that_starts_work(start_app, fakehub):
    client = start_app()
    before = fakehub.add_user()
    assert client.launch(before).status_code == 200  # ran before anything failed
    open_it(client, fakehub)
    assert client.launch(before).status_code == 200
    assert status(client, fakehub)["breaker"] == "open"
    by_hand = fakehub.add_user()
    url = f"{fakehub.url}/hub/api/users/{by_hand.name}/server"
    requests.post(url, headers={"Authorization": f"token {fakehub.token}"}, timeout=5)
    wait_until(lambda: by_hand.server == "ready", "the server")

    def closed():
        assert client.launch(by_hand).status_code == 200
        return status(client, fakehub)["breaker"] == "closed"

    wait_until(closed, "the breaker")
    assert client.launch(fakehub.add_user()).status_code == 200


def test_the_breaker_outlives_the_process(start_app, fakehub):
    open_it(start_app(), fakehub)
    again = start_app()
    user = fakehub.add_user()
    assert problem_of(again.launch(user), 503)["type"].endswith(":starts-failing")
    assert start_lines(fakehub, user) == []


def test_a_site_may_do_without_breaker_and_cooldown(start_app, fakehub):
    client = start_app(breaker_seconds=0, start_cooldown=0)
    for user in people(fakehub, 4, **FAILS) * 2:
        assert problem_of(client.launch(user), 502)["type"].endswith(":spawn-failed")


# a hub that exits after some failures in a row


@pytest.mark.parametrize("processes_", [1, 2])
@pytest.mark.parametrize("most", [2, 3, 4, 5, 9])
def test_a_hub_that_always_fails_is_asked_less_often_than_it_bears(
    start_app, fakehub, processes_, most
):
    apps = [start_app(hub_failure_limit=most) for _ in range(processes_)]
    users = people(fakehub, 40, **FAILS)
    answers = at_once(40, lambda n: apps[n % processes_].launch(users[n]))
    told = sorted(kind_of(answer) for answer in answers)
    asked = len(begun(fakehub))
    assert 1 <= asked < most
    assert told == ["spawn-failed"] * asked + ["starts-failing"] * (40 - asked)
    assert fakehub.most_at_risk < most
    for _ in range(9):  # half-open, again and again
        let_pass(apps[0])
        apps[0].launch(people(fakehub, 1, **FAILS)[0])
    assert len(begun(fakehub)) == fakehub.most_at_risk == most - 1


def test_a_breaker_without_a_safe_probe_says_what_closes_it(start_app, fakehub):
    client = start_app(hub_failure_limit=5)
    open_it(client, fakehub)
    let_pass(client)
    assert kind_of(client.launch(people(fakehub, 1, **FAILS)[0])) == "spawn-failed"
    user = fakehub.add_user()
    let_pass(client)
    answer = client.launch(user)
    detail = problem_of(answer, 503)["detail"]
    for way in ("success", "hub's own page", "restart of the hub", "DELETE /starts/failures"):
        assert way in detail
    assert int(answer.headers["retry-after"]) > 0
    now = status(client, fakehub)
    assert (now["breaker"], now["retry_after"], now["failed_in_a_row"]) == ("open", None, 4)
    assert start_lines(fakehub, user) == []
    assert reset(client, fakehub).json()["breaker"] == "closed"
    assert client.launch(user).status_code == 200


def test_starts_that_have_not_succeeded_yet_are_tried_with_care(start_app, fakehub):
    client = start_app(hub_failure_limit=5)
    users = people(fakehub, 6, seconds=0.1)
    all_done(client, users, [begin(client, user) for user in users])
    write(client, start_limit.update().values(succeeded_at=time.time() - 3600))
    fakehub.most_at_once = 0
    for user in people(fakehub, 5, outcome="never"):
        begin(client, user)
    wait_until(lambda: status(client, fakehub)["queued"] == 2, "the queue")
    assert fakehub.most_at_once == 3


def test_once_a_start_succeeded_as_many_go_on_as_the_site_allows(start_app, fakehub):
    client = start_app(hub_failure_limit=3)
    client.launch(fakehub.add_user())
    for user in people(fakehub, 6, outcome="never"):
        begin(client, user)
    wait_until(lambda: status(client, fakehub)["in_flight"] == 6, "six starts")


def test_servers_that_never_get_ready_leave_room_for_somebody_else(start_app, fakehub):
    client = start_app(hub_failure_limit=5)
    for user in people(fakehub, 3, outcome="never"):
        wait_for(client, user, begin(client, user), "starting")
    good = fakehub.add_user()
    waiting = begin(client, good)
    wait_until(lambda: has_queued(client, good), "the queue")
    write(client, starts.update().where(starts.c.asked_at.is_not(None)).values(asked_at=1.0))
    wait_for(client, good, waiting, "done")


def test_without_such_a_hub_servers_that_never_get_ready_hold_nobody_up(start_app, fakehub):
    client = start_app()
    for user in people(fakehub, 4, outcome="never"):
        wait_for(client, user, begin(client, user), "starting")
    assert client.launch(fakehub.add_user()).status_code == 200


@pytest.mark.parametrize(("version", "counted"), [("6.1.1", 0), ("5.5.4", 1), ("5.2.1", 1)])
def test_a_refusal_counts_where_the_hub_counts_it(start_app, fakehub, version, counted):
    fakehub.version = version
    client = start_app(hub_failure_limit=5)
    user = fakehub.add_user(starts=[Start(403, message="You have no quota left")])
    assert kind_of(client.launch(user)) == "spawn-refused"
    assert status(client, fakehub)["failed_in_a_row"] == counted


@pytest.mark.parametrize(
    "start",
    [Start(400, message="You have no quota left"), Start(403, message="no"),
     Start(429, message="Active server limit")],
)  # fmt: skip
def test_a_refusal_is_no_failure(start_app, fakehub, start):
    client = start_app()
    user = fakehub.add_user(starts=[start] * 4)
    for _ in range(4):
        assert client.launch(user).status_code in (502, 503)
    assert status(client, fakehub)["failed_in_a_row"] == 0
    assert client.launch(user).status_code == 200


@pytest.mark.parametrize(
    "start",
    [Start(202, "fails", reason=""), Start(202, "vanishes"), Start(500, "fails"), Start(500)],
    ids=["timed out", "vanished", "500 with a reason", "500"],
)
def test_what_a_hub_counts_counts_here_too(start_app, fakehub, start):
    client = start_app()
    assert client.launch(fakehub.add_user(starts=[start])).status_code in (502, 504)
    assert status(client, fakehub)["failed_in_a_row"] == 1


def test_a_start_that_the_hub_does_not_stop_is_counted_when_it_fails(start_app, fakehub):
    fakehub.may_stop = False
    client = start_app()
    user = fakehub.add_user(starts=[Start(202, "fails", seconds=1)])
    launch = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    cancel(client, user, launch)
    wait_until(lambda: status(client, fakehub)["failed_in_a_row"] == 1, "the count")
    assert kind_of(client.launch(user)) == "start-cooldown"
    assert status(client, fakehub)["in_flight"] == 0


def test_a_hub_that_is_restarted_during_a_start_is_asked_again_and_nobody_failed(
    start_app, fakehub
):
    client = start_app(hub_failure_limit=5)
    [user] = people(fakehub, 1, outcome="never")
    launch = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    user.starts.clear()
    fakehub.away = "refused"
    fakehub.restart()
    # aiohttp asks twice on a kept connection: after a third look the launcher saw one fail
    look = f"GET /hub/api/users/{user.name}"
    wait_until(lambda: fakehub.lines(look).count(look) > 2, "a look")
    fakehub.away = ""
    wait_for(client, user, launch, "done")
    assert len(start_lines(fakehub, user)) == 2
    assert status(client, fakehub)["failed_in_a_row"] == 0


def test_the_state_of_the_breaker_is_a_metric(start_app, fakehub):
    client = start_app()
    reader = {"Authorization": f"token {fakehub.add_service('read:metrics')}"}

    def told():
        lines = client.get("/metrics", headers=reader).text.splitlines()
        told = [line.split('"') for line in lines if line.startswith("launcher_breaker_state{")]
        return {state: float(value.strip("} ")) for _, state, value in told}

    assert told() == {"closed": 1, "open": 0, "half-open": 0}
    open_it(client, fakehub)
    assert told() == {"closed": 0, "open": 1, "half-open": 0}
    let_pass(client)
    assert told() == {"closed": 0, "open": 0, "half-open": 1}


def test_rows_of_users_who_failed_long_ago_are_forgotten(start_app, fakehub):
    client = start_app()
    [long_ago, now] = people(fakehub, 2, **FAILS)
    client.launch(long_ago)
    write(client, start_cooldowns.update().values(ends_at=time.time() - 7200))
    client.launch(now)
    kept = []
    write(client, lambda c: kept.extend(c.execute(sa.select(start_cooldowns.c.user)).scalars()))
    assert kept == [now.name]
