"""The hub is protected: a fair queue over all processes, and a limit that gives way."""

import asyncio
import json
import time
from contextlib import contextmanager

import pytest
import requests
import sqlalchemy as sa
from application import application, problem_of
from fakehub import Start, hub_page, json_answer, page_answer
from launching import begin, cancel, path_of, see, start_lines, stream_lines, wait_for
from start_queue import all_done, begun, people, status
from stored_launches import has_queued, write
from waiting import at_once, wait_until

from launcher import outage, store
from launcher.launches.feed import Feed
from launcher.launches.starter import Starter
from launcher.server_ref import ServerRef
from launcher.store import start_queue
from launcher.store.tables import start_limit, starts

# the queue


def test_no_more_starts_are_in_flight_than_the_site_allows(start_app, fakehub):
    client = start_app(max_starts=3)
    users = people(fakehub, 12, seconds=0.4)
    all_done(client, users, [begin(client, user) for user in users])
    assert fakehub.most_at_once == 3
    assert all(user.notebooks == ["lab/hello.ipynb"] for user in users)


def test_all_processes_share_one_limit(start_app, fakehub):
    apps = [start_app(max_starts=3) for _ in range(2)]
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
    client = start_app(max_starts=8)
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
    client = start_app(max_starts=4)
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
    one, another = start_app(), start_app()
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
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        until = connection.execute(start_limit.select()).one().paused_until
    engine.dispose()
    return until - time.time()


@pytest.mark.parametrize("answer", [page_answer(404), page_answer(503), hub_page(403)])
def test_a_server_that_runs_and_answers_strangely_does_not_raise_the_limit(
    start_app, fakehub, alice, answer
):
    """The hub's 400 "already running" is no start that it bore."""
    client = start_app(max_starts=20)
    client.launch(alice)
    write(client, start_limit.update().values(starts=1))
    alice.answers += [("PUT", answer)] * 3
    assert client.launch(alice).status_code == 200
    assert len(start_lines(fakehub, alice)) == 3
    assert status(client, fakehub)["limit"] == 1


def test_a_start_of_somebody_else_does_not_raise_the_limit(start_app, fakehub):
    client = start_app(max_starts=20)
    client.launch(fakehub.add_user())
    write(client, start_limit.update().values(starts=1))
    user = fakehub.add_user(server="stopping", polls_until_stopped=2)
    user.starts.append(Start(500, "ready", seconds=0.1))  # begun, and the answer says nothing
    assert client.launch(user).status_code == 200
    assert status(client, fakehub)["limit"] == 2
    user.answers += [("PUT", page_answer(503))]
    fakehub.hub_answers.append(("POST", f"/{user.name}/server", json_answer({}, 500)))
    assert client.launch(user).status_code == 200
    assert status(client, fakehub)["limit"] == 2


# a database that is away


@contextmanager
def without(client, table):
    """The database cannot do anything with that table."""
    write(client, sa.text(f"ALTER TABLE {table} RENAME TO gone"))
    yield
    write(client, sa.text(f"ALTER TABLE gone RENAME TO {table}"))


SAYS = ("Looking for room", "Pulling the image")


def heard(client, user, launch):
    """The messages of the spawner that the launch's events tell."""
    answer = client.get(f"/launches/{launch['id']}/events", headers=user.auth)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line[:6] == "data: "]
    return [event["message"] for event in events if "progress" in event and "message" in event]


@pytest.mark.parametrize("table", ["launch_events", "starts", "start_limit"])
def test_what_a_spawner_says_while_the_database_is_away_is_told(start_app, fakehub, table):
    client = start_app()
    [user] = people(fakehub, 1, seconds=3, messages=SAYS)
    launch = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    with without(client, table):
        wait_until(lambda: user.server == "ready", "the server")
    wait_for(client, user, launch, "done")
    assert [said for said in heard(client, user, launch) if said in SAYS] == [*SAYS]


@pytest.mark.parametrize("outcome", ["ready", "fails"])
@pytest.mark.parametrize("table", ["starts", "start_limit", "failed_starts", "launches"])
def test_a_start_that_ends_while_the_database_is_away_ends_as_it_did(
    start_app, fakehub, monkeypatch, table, outcome
):
    tries, finish = [], start_queue.finish

    def count(*args):
        tries.append(args)
        return finish(*args)

    monkeypatch.setattr(start_queue, "finish", count)
    client = start_app()
    [user] = people(fakehub, 1, outcome=outcome, seconds=1.5)
    launch = begin(client, user)
    wait_for(client, user, launch, "starting")
    wait_until(lambda: stream_lines(fakehub, user), "the stream")
    with without(client, table):
        wait_until(lambda: user.server != "spawning", "the end of the start")
        wait_until(lambda: len(tries) > 1, "several tries to write that down")
    wait_for(client, user, launch, "done" if outcome == "ready" else "failed")
    if outcome == "fails":
        assert see(client, user, launch)["problem"]["type"].endswith(":spawn-failed")
    assert len(start_lines(fakehub, user)) == 1


@pytest.mark.parametrize("outcome", ["ready", "fails"])
@pytest.mark.parametrize("lost", ["enqueue", "update", "finish"])
def test_a_commit_whose_acknowledgement_is_lost_is_not_done_twice(
    start_app, fakehub, monkeypatch, lost, outcome
):
    client = start_app(max_starts=20)
    client.launch(fakehub.add_user(server="ready"))
    write(client, start_limit.update().values(starts=5))
    [user] = people(fakehub, 1, outcome=outcome, seconds=0.3)
    real, work, left = store._transact, getattr(start_queue, lost), [1]

    def lose(connection, *args):
        value = work(connection, *args)
        if left and (lost != "update" or value.claimed):
            left.append("now")
        return value

    def transact(engine, unit, tries):
        value = real(engine, unit, tries)
        if left[1:]:
            left.clear()
            raise sa.exc.OperationalError("COMMIT", {}, Exception("the connection was closed"))
        return value

    monkeypatch.setattr(start_queue, lost, lose)
    monkeypatch.setattr(store, "_transact", transact)
    answer = client.launch(user)
    assert not left
    assert answer.status_code == (200 if outcome == "ready" else 502)
    now = status(client, fakehub)
    counted = (6, 0) if outcome == "ready" else (5, 1)
    assert (now["limit"], now["failed_in_a_row"]) == counted
    assert (now["in_flight"], now["queued"]) == (0, 0)
    assert len(start_lines(fakehub, user)) == 1


async def test_starts_that_break_one_after_the_other_are_each_told(mocker):
    """The second one breaks while the first one is being written down."""
    told = []

    async def run(_work, server, *_args):
        told.append(server)
        if len(told) == 1:
            starter._crashed.append(ServerRef("second"))
        return []

    starter = Starter(
        mocker.Mock(run=run), None, Feed(None), None,
        worker_id="one", logged=outage.SharedMemory().allocate(), limits=None,
        timeout=1, patience=1, queue_timeout=1, user_options=lambda _wish: None,
    )  # fmt: skip
    starter._crashed.append(ServerRef("first"))
    await starter._check_own([])
    assert told == [ServerRef("first"), ServerRef("second")]
    assert starter._crashed == []


# processes that die


def left_in_flight(client, user):
    """A start that a process took which is gone."""
    now = time.time()
    write(client, starts.insert().values(user=user.name, server="", queued_at=now, asked_at=now - 1,
                                         worker_id="0" * 32, unwanted=False))  # fmt: skip


def test_a_start_that_a_dead_process_did_not_begin_begins(start_app, fakehub):
    client = start_app()
    [user] = people(fakehub, 1, seconds=0.1)
    left_in_flight(client, user)
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert len(start_lines(fakehub, user)) == 1
    assert status(client, fakehub)["in_flight"] == 0


@pytest.mark.parametrize("outcome", ["ready", "fails"])
@pytest.mark.parametrize("late", [False, True])
def test_a_start_that_a_dead_process_began_is_not_begun_again(start_app, fakehub, outcome, late):
    client = start_app(max_starts=20)
    client.launch(fakehub.add_user(server="ready"))
    write(client, start_limit.update().values(starts=5))
    [user] = people(fakehub, 1, outcome=outcome, seconds=0.1 if late else 1.5)
    left_in_flight(client, user)
    url = f"{fakehub.url}/hub/api/users/{user.name}/server"
    requests.post(url, headers={"Authorization": f"token {fakehub.token}"}, timeout=5)
    if late:
        wait_until(lambda: user.server != "spawning", "the end of the start")
    answer = client.launch(user)
    assert answer.status_code == (200 if outcome == "ready" else 502)
    assert len(start_lines(fakehub, user)) == 1
    # a launch to a server that runs already does not wait for the end of its start
    wait_until(lambda: status(client, fakehub)["in_flight"] == 0, "the end of the start")
    if outcome == "fails":
        assert "the process ended" in answer.json()["detail"]
        assert status(client, fakehub)["failed_in_a_row"] == 1


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
