"""The hub is protected: a fair queue over all processes, a limit that gives way, and a breaker."""

import asyncio
import time

import pytest
import requests
from fakehub import Start, application, at_once, problem_of, wait_until
from test_api_launches import ADMIN, begin, cancel, see, wait_for
from test_launches import path_of, start_lines, stream_lines

from launcher import store
from launcher.feed import Feed
from launcher.store.tables import launches, start_limit, starts


def begun(fakehub):
    """The users whose servers the hub was asked to start, in that order."""
    lines = fakehub.lines("POST /hub/api/users/")
    return [line.removeprefix("POST /hub/api/users/").removesuffix("/server") for line in lines]


def people(fakehub, count, **start):
    """So many people; the start of each one's server goes so, however often."""
    return [fakehub.add_user(starts=[Start(202, **start)] * 9) for _ in range(count)]


def all_done(client, users, launched):
    for user, launch in zip(users, launched, strict=True):
        wait_for(client, user, launch, "done")


def status(client, fakehub):
    admin = fakehub.add_user(scopes=ADMIN)
    answer = client.get("/starts", headers=admin.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def close_by_hand(client, fakehub):
    admin = fakehub.add_user(scopes=ADMIN)
    return client.delete("/starts/failures", headers=admin.auth)


def write(client, *statements):
    """Change what is in the database, as time or another process would."""
    engine = store._connect(client.settings.database_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


def has_queued(client, user):
    """Whether a launch of the user has gone into the queue, and maybe on from there."""
    engine = store._connect(client.settings.database_url)
    with engine.begin() as connection:
        theirs = (launches.c.user == user.name) & (launches.c.rounds > 0)
        found = connection.execute(launches.select().where(theirs)).first()
    engine.dispose()
    return found is not None


# the queue


def test_no_more_starts_are_in_flight_than_the_site_allows(start_app, fakehub):
    client = start_app(max_starts=3, max_failed_starts=0)
    users = people(fakehub, 12, seconds=0.4)
    all_done(client, users, [begin(client, user) for user in users])
    assert fakehub.most_at_once == 3
    assert all(user.notebooks == ["lab/hello.ipynb"] for user in users)


def test_all_processes_share_one_limit(start_app, fakehub):
    apps = [start_app(max_starts=3, max_failed_starts=0) for _ in range(2)]
    users = people(fakehub, 12, seconds=0.4)
    answers = at_once(12, lambda n: apps[n % 2].launch(users[n]))
    assert [path_of(answer) for answer in answers] == ["lab/hello.ipynb"] * 12
    assert fakehub.most_at_once == 3
    assert sorted(begun(fakehub)) == sorted(user.name for user in users)


def test_who_comes_first_is_served_first(start_app, fakehub):
    client = start_app(max_starts=1)
    users = people(fakehub, 6, seconds=0.05)
    launched = []
    for user in users:
        launched.append(begin(client, user))
        wait_until(lambda u=user: has_queued(client, u), "the queue")
    all_done(client, users, launched)
    assert begun(fakehub) == [user.name for user in users]


def test_ten_launches_of_one_user_do_not_go_before_anothers_first(start_app, fakehub):
    client = start_app(max_starts=1)
    first, greedy, modest = people(fakehub, 3, seconds=0.3)
    wait_for(client, first, begin(client, first), "starting")
    many = [begin(client, greedy, filename=f"{n}.ipynb") for n in range(10)]
    wait_until(lambda: has_queued(client, greedy), "the queue")
    one = begin(client, modest)
    wait_for(client, modest, one, "done")
    all_done(client, [greedy] * 10, many)
    assert begun(fakehub) == [first.name, greedy.name, modest.name]
    assert len(greedy.notebooks) == 10
    assert len(stream_lines(fakehub, greedy)) == 1


def test_the_place_in_the_queue_is_told(start_app, fakehub):
    client = start_app(max_starts=1)
    users = people(fakehub, 4, outcome="never")
    launched = []
    for user in users:
        launched.append(begin(client, user))
        wait_until(lambda u=user: has_queued(client, u), "the queue")
    for place in (1, 2, 3):
        wait_until(
            lambda p=place: see(client, users[p], launched[p])["position"] == p, f"place {place}"
        )
    assert see(client, users[0], launched[0])["position"] is None
    now = status(client, fakehub)
    assert (now["in_flight"], now["queued"], now["limit"]) == (1, 3, 1)
    cancel(client, users[1], launched[1])
    wait_until(lambda: see(client, users[2], launched[2])["position"] == 1, "a step forward")


def test_a_server_that_runs_does_not_queue(start_app, fakehub, alice):
    client = start_app(max_starts=1, max_queued=1)
    users = people(fakehub, 2, outcome="never")
    wait_for(client, users[0], begin(client, users[0]), "starting")
    begin(client, users[1])
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"


def test_a_full_queue_is_429_with_retry_after(start_app, fakehub):
    client = start_app(max_starts=1, max_queued=2)
    users = people(fakehub, 4, outcome="never")
    wait_for(client, users[0], begin(client, users[0]), "starting")
    waiting = [begin(client, user) for user in users[1:3]]
    for user in users[1:3]:
        wait_until(lambda u=user: has_queued(client, u), "the queue")
    answer = client.launch(users[3])
    assert problem_of(answer, 429)["type"].endswith(":queue-full")
    assert int(answer.headers["retry-after"]) > 0
    again = begin(client, users[1], filename="x.ipynb")  # whose server is in the queue already
    assert see(client, users[1], again)["state"] == "queued"
    cancel(client, users[2], waiting[1])
    last = begin(client, users[3])
    wait_until(lambda: has_queued(client, users[3]), "the queue")
    assert see(client, users[3], last)["state"] == "queued"


def test_who_waits_too_long_for_their_turn_is_told_that_the_hub_is_busy(start_app, fakehub):
    client = start_app(max_starts=1, queue_timeout=1)
    first, second = people(fakehub, 2, outcome="never")
    wait_for(client, first, begin(client, first), "starting")
    answer = client.launch(second)
    assert problem_of(answer, 503)["type"].endswith(":hub-busy")
    assert int(answer.headers["retry-after"]) > 0
    assert start_lines(fakehub, second) == []


@pytest.mark.parametrize("apart", [False, True])
def test_launches_that_come_while_the_server_starts_make_no_second_start(start_app, fakehub, apart):
    one = start_app()
    another = start_app() if apart else one
    [user] = people(fakehub, 1, seconds=0.6)
    first = begin(one, user)
    wait_until(lambda: stream_lines(fakehub, user), "the stream")
    for number in range(5):
        begin(another, user, filename=f"{number}.ipynb")
    assert path_of(another.launch(user, filename="last.ipynb")) == "lab/last.ipynb"
    wait_for(one, user, first, "done")
    wait_until(lambda: len(user.notebooks) == 7, "seven notebooks")
    assert len(start_lines(fakehub, user)) == len(stream_lines(fakehub, user)) == 1


# a hub that is busy


def busy(seconds=1):
    return Start(429, headers=(("Retry-After", str(seconds)),))


def test_a_busy_hub_halves_the_limit_and_is_left_alone_as_long_as_it_says(start_app, fakehub):
    client = start_app(max_starts=8, max_failed_starts=0)
    users = people(fakehub, 4, seconds=0.1)
    users[0].starts.insert(0, busy(1))
    users[1].starts.insert(0, busy(1))
    slow = people(fakehub, 6, outcome="never")
    for user in slow:
        begin(client, user)
    wait_until(lambda: len(begun(fakehub)) == 6, "six starts")
    launch = begin(client, users[0])
    wait_for(client, users[0], launch, "queued")
    wait_until(lambda: status(client, fakehub)["limit"] == 3, "the limit")  # half of seven
    asked = len(begun(fakehub))
    waiting = begin(client, users[2])
    wait_until(lambda: has_queued(client, users[2]), "the queue")
    assert see(client, users[2], waiting)["state"] == "queued"
    assert len(begun(fakehub)) == asked


def test_every_success_raises_the_limit_by_one(start_app, fakehub):
    client = start_app(max_starts=4, max_failed_starts=0)
    client.launch(fakehub.add_user())
    write(client, start_limit.update().values(starts=1))
    for limit in (2, 3, 4, 4):
        assert path_of(client.launch(fakehub.add_user())) == "lab/hello.ipynb"
        assert status(client, fakehub)["limit"] == limit


def test_a_launch_that_the_hub_had_no_time_for_keeps_its_place(start_app, fakehub):
    client = start_app(max_starts=1)
    first, second = people(fakehub, 2, seconds=0.05)
    first.starts.insert(0, busy(1))
    one = begin(client, first)
    wait_until(lambda: start_lines(fakehub, first), "the first try")
    two = begin(client, second)
    all_done(client, [first, second], [one, two])
    assert begun(fakehub) == [first.name, first.name, second.name]


def test_what_the_hub_asked_for_is_obeyed_by_all_processes(start_app, fakehub):
    one, another = start_app(max_failed_starts=0), start_app(max_failed_starts=0)
    first, second = people(fakehub, 2, seconds=0.05)
    first.starts.insert(0, busy(3600))
    launch = begin(one, first)
    wait_for(one, first, launch, "queued")
    wait_until(lambda: start_lines(fakehub, first), "the first try")
    wait_until(lambda: pause(one) > 200, "the pause")
    assert pause(one) <= 300  # a longer one is a mistake, or a proxy's
    waiting = begin(another, second)
    wait_until(lambda: has_queued(another, second), "the queue")
    write(one, start_limit.update().values(paused_until=0))
    all_done(another, [first, second], [launch, waiting])
    assert len(start_lines(fakehub, second)) == 1


def pause(client):
    engine = store._connect(client.settings.database_url)
    with engine.begin() as connection:
        until = connection.execute(start_limit.select()).one().paused_until
    engine.dispose()
    return until - time.time()


# the breaker


FAILS = {"outcome": "fails", "reason": "no image of mallory", "seconds": 0.02}


@pytest.mark.parametrize("processes_", [1, 2])
@pytest.mark.parametrize("most", [2, 3, 5])
def test_a_hub_that_always_fails_is_asked_less_often_than_it_bears(
    start_app, fakehub, processes_, most
):
    apps = [start_app(max_failed_starts=most) for _ in range(processes_)]
    users = people(fakehub, 50, **FAILS)
    answers = at_once(50, lambda n: apps[n % processes_].launch(users[n]))
    assert len(begun(fakehub)) == most - 1
    told = [answer.json()["type"].rpartition(":")[2] for answer in answers]
    assert sorted(told) == ["spawn-failed"] * (most - 1) + ["starts-failing"] * (51 - most)
    for answer, kind in zip(answers, told, strict=True):
        assert ("mallory" in answer.text) == (kind == "spawn-failed")
        if kind == "starts-failing":
            problem = problem_of(answer, 503)
            assert "the server did not start" in problem["detail"]
            assert int(answer.headers["retry-after"]) > 0
    now = status(apps[0], fakehub)
    assert (now["open"], now["failed_in_a_row"], now["last_failure"]) == (
        False, most - 1, "spawn-failed",
    )  # fmt: skip


def break_it(client, fakehub, most=3):
    for user in people(fakehub, most - 1, **FAILS):
        problem_of(client.launch(user), 502)
    assert status(client, fakehub)["open"] is False


def test_starts_that_have_not_succeeded_yet_are_tried_with_care(start_app, fakehub):
    client = start_app(max_failed_starts=3)
    users = people(fakehub, 8, seconds=0.1)
    all_done(client, users[:4], [begin(client, user) for user in users[:4]])
    assert fakehub.most_at_once <= 4
    write(client, start_limit.update().values(succeeded_at=time.time() - 3600))
    fakehub.most_at_once = 0
    slow = people(fakehub, 4, outcome="never")
    for user in slow:
        begin(client, user)
    wait_until(lambda: status(client, fakehub)["queued"] == 2, "the queue")
    assert fakehub.most_at_once == 2


def test_once_a_start_succeeded_as_many_go_on_as_the_site_allows(start_app, fakehub):
    client = start_app(max_failed_starts=3)
    client.launch(fakehub.add_user())
    for user in people(fakehub, 6, outcome="never"):
        begin(client, user)
    wait_until(lambda: status(client, fakehub)["in_flight"] == 6, "six starts")


def test_a_success_in_between_begins_the_count_anew(start_app, fakehub):
    client = start_app(max_failed_starts=3)
    for _ in range(3):
        [unlucky] = people(fakehub, 1, **FAILS)
        problem_of(client.launch(unlucky), 502)
        assert client.launch(fakehub.add_user()).status_code == 200
    assert status(client, fakehub)["failed_in_a_row"] == 0


@pytest.mark.parametrize(
    "start",
    [Start(400, message="You have no quota left"), Start(403, message="no"),
     Start(429, message="Active server limit")],
)  # fmt: skip
def test_a_refusal_does_not_count_as_a_failure(start_app, fakehub, start):
    client = start_app(max_failed_starts=2)
    for _ in range(4):
        assert client.launch(fakehub.add_user(starts=[start])).status_code in (502, 503)
    assert status(client, fakehub)["failed_in_a_row"] == 0
    assert client.launch(fakehub.add_user()).status_code == 200


@pytest.mark.parametrize(
    "start",
    [Start(202, "fails", reason=""), Start(202, "vanishes"), Start(500, "fails"), Start(500)],
    ids=["timed out", "vanished", "500 with a reason", "500"],
)
def test_what_a_hub_counts_counts_here_too(start_app, fakehub, start):
    client = start_app(max_failed_starts=3)
    assert client.launch(fakehub.add_user(starts=[start])).status_code in (502, 504)
    assert status(client, fakehub)["failed_in_a_row"] == 1


def test_an_administrator_has_servers_started_again(start_app, fakehub):
    client = start_app()
    break_it(client, fakehub)
    user = fakehub.add_user()
    assert problem_of(client.launch(user), 503)["type"].endswith(":starts-failing")
    answer = close_by_hand(client, fakehub)
    assert (answer.json()["open"], answer.json()["failed_in_a_row"]) == (True, 0)
    assert path_of(client.launch(user)) == "lab/hello.ipynb"


def test_a_server_that_somebody_started_by_hand_shows_that_starts_work(start_app, fakehub):
    client = start_app()
    before = fakehub.add_user()
    assert client.launch(before).status_code == 200  # ran before anything failed
    break_it(client, fakehub)
    assert client.launch(before).status_code == 200
    assert status(client, fakehub)["open"] is False
    by_hand = fakehub.add_user()
    url = f"{fakehub.url}/hub/api/users/{by_hand.name}/server"
    requests.post(url, headers={"Authorization": f"token {fakehub.token}"}, timeout=5)
    wait_until(lambda: by_hand.server == "ready", "the server")

    def closed():
        assert client.launch(by_hand).status_code == 200
        return status(client, fakehub)["open"]

    wait_until(closed, "the breaker")
    assert client.launch(fakehub.add_user()).status_code == 200


def test_the_breaker_outlives_the_process(start_app, fakehub):
    break_it(start_app(), fakehub)
    again = start_app()
    user = fakehub.add_user()
    assert problem_of(again.launch(user), 503)["type"].endswith(":starts-failing")
    assert start_lines(fakehub, user) == []


def test_who_waited_in_the_queue_as_starts_began_to_fail_is_told(start_app, fakehub):
    client = start_app(max_failed_starts=3)
    users = people(fakehub, 3, outcome="fails", seconds=0.4)
    launched = [begin(client, user) for user in users]
    for user, launch in zip(users, launched, strict=True):
        wait_for(client, user, launch, "failed")
    types = [see(client, u, b)["problem"]["type"] for u, b in zip(users, launched, strict=True)]
    assert sorted(kind.rpartition(":")[2] for kind in types) == [
        "spawn-failed", "spawn-failed", "starts-failing",
    ]  # fmt: skip


def test_a_site_may_do_without_the_breaker(start_app, fakehub):
    client = start_app(max_failed_starts=0)
    for user in people(fakehub, 6, **FAILS):
        assert problem_of(client.launch(user), 502)["type"].endswith(":spawn-failed")


# processes that die


def test_the_starts_of_a_process_that_died_go_on_in_another(start_app, fakehub):
    client = start_app()
    [user] = people(fakehub, 1, seconds=0.1)
    dead = "0" * 32
    write(client, starts.insert().values(
        user=user.name, queued_at=time.time(), holder=dead, unwanted=False))  # fmt: skip
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert len(start_lines(fakehub, user)) == 1


def test_what_a_process_leaves_as_it_ends_another_finishes(fakehub, start_app, tmp_path):
    another = start_app()
    users = people(fakehub, 4, seconds=0.5)
    with application(fakehub, tmp_path) as one:
        left = [begin(one, user) for user in users]
        wait_until(lambda: begun(fakehub), "a start")
    all_done(another, users, left)
    assert all(user.notebooks == ["lab/hello.ipynb"] for user in users)
    assert all(user.leftovers == [] for user in users)


@pytest.mark.parametrize("moment", range(4))
async def test_who_waits_for_a_change_is_told_to_stop_also_as_it_comes(moment):
    """asyncio.wait_for loses a cancellation then (Python before 3.12): a process would not end."""
    feed = Feed(None)

    async def wait():
        while True:
            await feed.changed("a launch", 0, 0.05)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    feed.wake(["a launch"])
    for _ in range(moment):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    assert task.cancelled()
