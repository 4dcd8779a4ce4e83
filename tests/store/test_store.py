"""The database: what all processes of a launcher count together."""

import asyncio
import dataclasses
import json
import multiprocessing
import os
import re
import stat
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
import store_processes
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from stored_launches import a_launch

from launcher import outbound, store
from launcher.errors import ConfigError, StoreUnavailable, TooManyLaunches
from launcher.server_ref import ServerRef
from launcher.store import (
    breaker,
    idempotency,
    launch_events,
    launches,
    leases,
    limit,
    login_attempts,
    pruning,
    starts,
    tables,
    workers,
)
from launcher.store.limit import StartLimits
from launcher.store.starts import OwnStart


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own."""
    engine = store.connect(database_url)

    def run(work, *args, **kwargs):
        with engine.begin() as connection:
            return work(connection, *args, **kwargs)

    yield run
    engine.dispose()


# leases


def test_a_lease_is_held_by_one_launch(do):
    assert do(leases.acquire, "alice", "a/x.ipynb", "one")
    assert not do(leases.acquire, "alice", "a/x.ipynb", "two")
    assert do(leases.acquire, "alice", "a/x.ipynb", "one")
    assert do(leases.is_held, "alice", "a/x.ipynb")


def test_users_and_paths_do_not_get_in_each_others_way(do):
    assert do(leases.acquire, "alice", "a/x.ipynb", "one")
    assert do(leases.acquire, "bob", "a/x.ipynb", "two")
    assert do(leases.acquire, "alice", "a/X.ipynb", "three")
    assert do(leases.paths, "one") == ["a/x.ipynb"]


def test_a_lease_that_is_let_go_can_be_taken(do):
    for path in ("a", "b"):
        assert do(leases.acquire, "alice", path, "one")
    do(leases.release_path, "one", "a")
    assert do(leases.acquire, "alice", "a", "two")
    assert not do(leases.acquire, "alice", "b", "two")
    do(leases.release, "one")
    assert do(leases.acquire, "alice", "b", "two")
    assert do(leases.is_held, "alice", "a")


def test_nobody_lets_go_of_another_launchs_lease(do):
    do(leases.acquire, "alice", "a", "one")
    do(leases.release_path, "two", "a")
    do(leases.release, "two")
    assert do(leases.is_held, "alice", "a")


def test_a_lease_that_nobody_renewed_runs_out(do, mocker):
    do(leases.acquire, "alice", "a", "one")
    later = time.time() + leases.LEASE_SECONDS + 1
    mocker.patch("time.time", return_value=later)
    assert not do(leases.is_held, "alice", "a")
    assert do(leases.acquire, "alice", "a", "two")
    assert do(leases.paths, "one") == []


def test_a_lease_outlives_any_single_call(do, mocker):
    now = time.time()
    assert do(leases.acquire, "alice", "a", "one")
    mocker.patch("time.time", return_value=now + outbound.WHOLE_SECONDS)
    assert not do(leases.acquire, "alice", "a", "two")
    assert do(leases.is_held, "alice", "a")


def test_one_of_many_threads_gets_a_lease(do):
    with ThreadPoolExecutor(16) as threads:
        got = threads.map(lambda n: do(leases.acquire, "alice", "a", f"launch {n}"), range(16))
        assert sum(got) == 1


@pytest.fixture(scope="module")
def eight():
    with ProcessPoolExecutor(8, multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_one_of_eight_processes_gets_each_lease(database_url, eight):
    futures = [eight.submit(store_processes.take, database_url, number, 25) for number in range(8)]
    assert sum(future.result() for future in futures) == 25


def test_eight_processes_that_write_lose_nothing(database_url, do, eight):
    for future in [
        eight.submit(store_processes.write, database_url, number, 25) for number in range(8)
    ]:
        future.result()
    count = sa.select(sa.func.count()).where(tables.launches.c.state == "done")
    assert do(lambda connection: connection.execute(count).scalar()) == 200


# launches


def test_a_launch_is_read_as_it_was_written(do):
    launch = do(launches.insert, a_launch(workspace="w", content="ünï 😀 \u2028"))
    assert do(launches.find, launch.id) == launch
    assert abs(launch.created_at - time.time()) < 5
    assert do(launches.find, "nobody's") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "done", "path": "lab/x.ipynb"},
        {"state": "failed", "problem": {"type": "x", "detail": "y"}},
        {"state": "cancelled"},
    ],
    ids=str,
)
def test_a_launch_that_ends_lets_go_of_its_notebook(do, changes):
    launch = do(launches.insert, a_launch(content="secret"))
    ended = do(launches.end, launch, **changes)
    assert ended.ended
    assert do(launches.find, launch.id) == ended
    assert ended.notebook.content == ""


@pytest.mark.parametrize("state", ["starting", "uploading"])
def test_a_launch_under_way_keeps_its_notebook(do, state):
    launch = do(launches.insert, a_launch(content="notebook"))
    do(launches.move, launch, state=state, attempts=1)
    kept = do(launches.find, launch.id)
    assert (kept.notebook.content, kept.attempts, kept.ended) == ("notebook", 1, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "elsewhere"},
        {"if_exists": "overwrite"},
        {"state": "done"},
        {"state": "queued", "path": "lab/x.ipynb"},
        {"state": "failed"},
        {"user": None},
        {"content": None},
        {"directory": None},
        {"experiment": None},
        {"filename": None},
        {"if_exists": None},
        {"spec": {}},
        {"spec_hash": "0"},
    ],
    ids=str,
)
def test_the_database_refuses_a_launch_that_makes_no_sense(do, fields):
    launch = do(launches.insert, a_launch())
    change = tables.launches.update().where(tables.launches.c.id == launch.id).values(fields)
    with pytest.raises(sa.exc.IntegrityError):
        do(lambda connection: connection.execute(change))


def test_two_launches_do_not_share_an_id(do):
    launch = a_launch()
    do(launches.insert, launch)
    with pytest.raises(sa.exc.IntegrityError):
        do(launches.insert, launch)


def test_a_nul_in_a_notebook_or_a_reason_is_kept(do):
    """PostgreSQL takes none in text; JSON holds it escaped."""
    launch = do(launches.insert, a_launch(content=json.dumps({"source": "a\x00b"})))
    assert do(launches.find, launch.id) == launch
    ended = do(launches.end, launch, state="failed", problem={"detail": "a\x00b"})
    assert do(launches.find, launch.id) == ended
    assert ended.problem == {"detail": "a\x00b"}


def at(seconds):
    """A unit of work that dates a launch."""

    def date(connection, launch):
        here = tables.launches.c.id == launch.id
        values = {"created_at": seconds, "updated_at": seconds}
        connection.execute(tables.launches.update().where(here).values(values))

    return date


def test_pages_are_newest_first_and_without_notebooks(do):
    made = [do(launches.insert, a_launch(content="notebook")) for _ in range(5)]
    for launch in made:
        do(at(1.5), launch)  # all in the same moment
    newest = do(launches.insert, a_launch())
    do(launches.insert, a_launch(user="bob"))
    mine, seen, before = {"user": "alice"}, [], None
    while found := do(launches.page, mine, before=before, limit=2):
        seen += found
        before = (found[-1].created_at, found[-1].id)
    assert seen[0].id == newest.id
    assert [launch.id for launch in seen[1:]] == sorted((m.id for m in made), reverse=True)
    assert {launch.notebook.content for launch in seen} == {""}


def test_pages_hold_what_was_asked_for(do):
    held = {"worker_id": "p", "experiment": "bmi", "requested_by": "portal"}
    launch = do(launches.insert, a_launch(**held))
    do(launches.insert, a_launch())
    for where in ({"experiment": "bmi"}, {"requested_by": "portal"}):
        assert [found.id for found in do(launches.page, where, before=None, limit=9)] == [launch.id]
    do(launches.cancel, launch.id)
    where = {"user": "alice", "state": "cancelled"}
    assert len(do(launches.page, where, before=None, limit=9)) == 1


STEPS = {
    "move": lambda c, launch: launches.move(c, launch, state="starting"),
    "end": lambda c, launch: launches.end(c, launch, state="cancelled"),
    "done": lambda c, launch: launches.done(c, launch, "lab/x.ipynb"),
}


@pytest.mark.parametrize("step", STEPS)
def test_only_its_holder_goes_on_with_a_launch_and_only_while_it_is_under_way(do, step):
    launch = do(launches.insert, a_launch(worker_id="one"))
    thief = dataclasses.replace(launch, worker_id="two")
    assert do(STEPS[step], thief) is None
    assert not do(launches.is_mine, thief)
    assert do(launches.is_mine, launch)
    assert do(launches.cancel, launch.id)
    assert not do(launches.is_mine, launch)
    assert do(STEPS[step], launch) is None
    assert do(launches.find, launch.id).state == "cancelled"


def test_every_change_has_a_number_and_a_new_state_is_an_event(do):
    launch = do(launches.insert, a_launch(worker_id="one"))
    launch = do(launches.move, launch, state="starting", attempts=1)
    launch = do(launches.move, launch, attempts=2)
    launch = do(launches.move, launch, state="uploading")
    assert launch.seq == 3
    assert do(launches.seqs, [launch.id, "nobody's"]) == {launch.id: 3}
    told = do(launch_events.since, launch.id, 0)
    assert [(e.seq, e.event, e.data) for e in told] == [
        (1, "state", {"state": "starting"}), (3, "state", {"state": "uploading"}),
    ]  # fmt: skip
    assert [e.seq for e in do(launch_events.since, launch.id, 1)] == [3]
    done = do(launches.done, launch, "lab/x.ipynb")
    assert done == do(launches.find, launch.id)
    assert (done.seq, done.notebook.content, done.worker_id) == (4, "", None)


@pytest.mark.parametrize("step", ["end", "done"])
def test_a_launch_that_ends_lets_go_of_its_names(do, step):
    launch = do(launches.insert, a_launch(worker_id="one"))
    do(leases.acquire, "alice", "lab/x.ipynb", launch.id)
    do(STEPS[step], launch)
    assert not do(leases.is_held, "alice", "lab/x.ipynb")


def test_a_launch_is_cancelled_once_and_keeps_its_holder_until_it_is_tidied_up(do):
    launch = do(launches.insert, a_launch(worker_id="one"))
    do(leases.acquire, "alice", "lab/x.ipynb", launch.id)
    assert [do(launches.cancel, launch.id) for _ in range(2)] == [True, False]
    assert do(launches.find, launch.id).worker_id == "one"
    assert do(leases.is_held, "alice", "lab/x.ipynb")
    do(launches.release, launch)
    gone = do(launches.find, launch.id)
    assert (gone.state, gone.worker_id, gone.notebook.content) == ("cancelled", None, "")
    assert not do(leases.is_held, "alice", "lab/x.ipynb")


def test_what_has_ended_is_not_cancelled(do):
    launch = do(launches.insert, a_launch(worker_id="one"))
    do(launches.done, launch, "lab/x.ipynb")
    assert not do(launches.cancel, launch.id)
    assert do(launches.find, launch.id).state == "done"


def test_what_a_dead_process_held_is_taken_over_once(do):
    do(workers.heartbeat, "alive")
    do(workers.heartbeat, "me")
    orphan = do(launches.insert, a_launch(worker_id="dead"))
    do(launches.insert, a_launch(worker_id="alive"))
    do(launches.insert, a_launch(worker_id=None, state="cancelled"))
    [adopted] = do(launches.adopt, "me")
    assert (adopted.id, adopted.worker_id, adopted.attempts) == (orphan.id, "me", 1)
    assert do(launches.adopt, "alive") == []
    assert not do(launches.is_mine, orphan)
    do(workers.deregister, "me")
    assert [launch.id for launch in do(launches.adopt, "alive")] == [orphan.id]


def test_only_a_death_at_work_is_held_against_a_launch(do):
    do(workers.heartbeat, "me")
    at_work, waits, left = (
        do(launches.insert, a_launch(user=user, worker_id=worker_id))
        for user, worker_id in (("a", "dead"), ("b", "dead"), ("c", "ends"))
    )
    do(starts.enqueue, ServerRef("b"))
    do(launches.release_all, "ends")
    taken = {launch.id: launch for launch in do(launches.adopt, "me")}
    assert [taken[x.id].crashes for x in (at_work, waits, left)] == [1, 0, 0]
    assert {launch.takeovers for launch in taken.values()} == {1}
    assert sorted(do(launches.owned_by, "me")) == sorted(taken)


def test_one_user_has_so_many_launches_under_way_and_so_many_in_a_minute(do, mocker):
    bounds = launches.Bounds(under_way=2, per_minute=3)
    clock = mocker.patch("time.time", return_value=time.time())
    first, _ = (do(launches.insert, a_launch(worker_id="one")) for _ in range(2))
    with pytest.raises(TooManyLaunches):
        do(launches.check_bounds, "alice", bounds)
    do(launches.check_bounds, "bob", bounds)
    do(launches.done, first, "lab/x.ipynb")
    do(launches.check_bounds, "alice", bounds)
    clock.return_value += 20
    do(launches.done, do(launches.insert, a_launch(worker_id="one")), "lab/x.ipynb")
    with pytest.raises(TooManyLaunches) as refused:
        do(launches.check_bounds, "alice", bounds)
    assert refused.value.retry_after == 40
    clock.return_value += 41
    do(launches.check_bounds, "alice", bounds)


def test_who_says_nothing_for_long_is_dead(do, mocker):
    do(workers.heartbeat, "one")
    launch = do(launches.insert, a_launch(worker_id="one"))
    mocker.patch("time.time", return_value=time.time() + workers.ALIVE_SECONDS + 1)
    do(workers.heartbeat, "two")
    assert [adopted.id for adopted in do(launches.adopt, "two")] == [launch.id]


def test_the_launches_of_the_dead_are_shared_among_the_living(do):
    for name in ("a", "b", "c"):
        do(workers.heartbeat, name)
    made = [do(launches.insert, a_launch(worker_id="dead")).id for _ in range(45)]
    with ThreadPoolExecutor(3) as threads:
        shares = list(threads.map(lambda name: do(launches.adopt, name), "abc"))
    taken = [launch.id for share in shares for launch in share]
    assert len(taken) == len(set(taken))
    assert all(len(share) <= launches.MOST_AT_ONCE for share in shares)
    while share := do(launches.adopt, "a"):
        taken += [launch.id for launch in share]
    assert sorted(taken) == sorted(made)


def test_launches_under_way_are_counted_by_state(do):
    for state in ("queued", "queued", "uploading", "cancelled"):
        do(launches.insert, a_launch(state=state))
    assert do(launches.count_by_state) == {"queued": 2, "starting": 0, "uploading": 1}


# starts

LIMITS = StartLimits(max_starts=4, max_queued=9)
HUB_EXITS_AT_4 = StartLimits(max_starts=4, max_queued=9, hub_failure_limit=4)
PROBLEM = {"type": "urn:problem-type:launcher:spawn-failed", "detail": "no"}


def room(do, limits=LIMITS):
    return do(limit.status, limits).allowed()


def begin(do, user):
    """A start of the user's server, in flight."""
    do(starts.enqueue, ServerRef(user))
    do(starts.claim, "one", 9)


def fail(do, user, *, counts=True, limits=LIMITS):
    """A start of the user's server that failed; the ids of the launches that failed with it."""
    if not do(starts.is_wanted, ServerRef(user)):
        begin(do, user)
    return do(starts.failed, ServerRef(user), "one", PROBLEM, limits, counts=counts, lost=False)


def succeed(do, user, *, at=None, ours=True, limits=LIMITS):
    """A start of the user's server that was a success."""
    if not do(starts.is_wanted, ServerRef(user)):
        begin(do, user)
    return do(starts.succeeded, ServerRef(user), "one", at or time.time(), ours, limits)


def test_a_server_waits_once_and_is_taken_once_in_turn(do):
    order = ("bob", "alice", "bob")
    assert [do(starts.enqueue, ServerRef(user)) for user in order] == [False] * 3
    assert do(starts.positions) == {ServerRef("bob"): 1, ServerRef("alice"): 2}
    assert do(starts.is_wanted, ServerRef("bob"))
    [taken], moved = do(starts.claim, "one", 1)
    assert (taken.server.user, taken.begun_at, moved) == ("bob", None, [])
    assert 0 <= taken.waited < 5
    assert do(starts.positions) == {ServerRef("alice"): 1}
    assert do(starts.enqueue, ServerRef("bob"))
    assert [taken.server.user for taken in do(starts.claim, "two", 9)[0]] == ["alice"]
    assert do(starts.claim, "two", 9) == ([], [])
    assert do(starts.owned_by, "one") == [OwnStart(ServerRef("bob"), unwanted=False)]
    now = do(limit.status, LIMITS)
    assert (now.in_flight, now.queued) == (2, 0)


def test_no_start_is_given_to_two_processes(do):
    for number in range(20):
        do(starts.enqueue, ServerRef(f"user {number}"))

    def take_some(name):
        def work(connection):
            limit.status(connection, LIMITS)
            return starts.claim(connection, name, 3)[0]

        return [taken.server.user for _ in range(3) for taken in do(work)]

    with ThreadPoolExecutor(4) as threads:
        taken = [user for users in threads.map(take_some, "abcd") for user in users]
    assert sorted(taken) == sorted(f"user {number}" for number in range(20))


def waiting(do, user="alice", **fields):
    do(starts.enqueue, ServerRef(user))
    return do(launches.insert, a_launch(user=user, worker_id="one", **fields))


def test_launches_go_with_the_start_of_their_server(do):
    mine, bobs = waiting(do), waiting(do, "bob")
    late = do(launches.insert, a_launch(worker_id="two"))
    assert sorted(do(starts.claim, "one", 1)[1]) == sorted([mine.id, late.id])
    assert do(launches.find, mine.id).state == do(launches.find, late.id).state == "starting"
    told = do(
        launches.record_progress, ServerRef("alice"), [{"message": "hello"}, {"message": "there"}]
    )
    assert sorted(told) == sorted([mine.id, late.id])
    heard = [(e.seq, e.data["message"]) for e in do(launch_events.since, mine.id, 1)]
    assert heard == [(2, "hello"), (3, "there")]
    assert sorted(succeed(do, "alice")) == sorted([mine.id, late.id])
    assert do(launches.find, late.id).state == "uploading"
    assert do(launches.find, bobs.id).state == "queued"
    assert not do(starts.is_wanted, ServerRef("alice"))


def test_launches_fail_with_the_start_of_their_server(do):
    mine, bobs = waiting(do), waiting(do, "bob")
    do(leases.acquire, "alice", "lab/x.ipynb", mine.id)
    do(starts.claim, "one", 1)
    assert fail(do, "alice") == [mine.id]
    row = do(launches.find, mine.id)
    assert (row.state, row.problem, row.worker_id, row.notebook.content) == (
        "failed",
        PROBLEM,
        None,
        "",
    )
    assert not do(leases.is_held, "alice", "lab/x.ipynb")
    assert do(launches.find, bobs.id).state == "queued"
    now = do(limit.status, LIMITS)
    assert (now.failed, now.kind, now.in_flight) == (1, "spawn-failed", 0)


def test_failures_in_a_row_and_starts_in_flight_stay_below_the_hubs_limit(do):
    limits = HUB_EXITS_AT_4
    assert room(do, limits) == 2  # three may fail; the last one is a probe
    begin(do, "a")
    assert room(do, limits) == 1
    fail(do, "a", counts=False, limits=limits)  # as a refusal, which no hub of version 6 counts
    assert room(do, limits) == 2
    fail(do, "a", limits=limits)
    assert room(do, limits) == 1
    fail(do, "a", limits=limits)
    now = do(limit.status, limits)
    assert (now.is_last, now.only_unfailed, now.state) == (True, True, "closed")
    fail(do, "b", limits=limits)
    now = do(limit.status, limits)
    assert (now.is_exhausted, now.state, now.retry_after, now.allowed()) == (True, "open", None, 0)
    assert do(breaker.forget_failures, time.time()) == 3
    assert do(limit.status, limits).state == "closed"


def test_without_a_limit_of_the_hub_nothing_but_max_starts_bounds_what_is_in_flight(do):
    assert room(do) == 4
    for user in "abc":
        begin(do, user)
    assert room(do) == 1


def test_the_breaker_opens_for_different_users_and_goes_half_open_by_itself(do, mocker):
    for _ in range(5):
        fail(do, "a")
    fail(do, "b")
    assert do(limit.status, LIMITS).state == "closed"
    fail(do, "c")
    now = do(limit.status, LIMITS)
    assert (now.state, now.allowed()) == ("open", 0)
    assert 55 <= now.retry_after <= 60
    later = mocker.patch("time.time", return_value=time.time() + 61)
    now = do(limit.status, LIMITS)
    assert (now.state, now.allowed(), now.only_unfailed) == ("half-open", 1, True)
    do(starts.enqueue, ServerRef("a"))
    do(starts.enqueue, ServerRef("d"))
    [probe], _ = do(starts.claim, "one", 1, only_unfailed=True)
    assert probe.server.user == "d"
    assert room(do) == 0  # never two probes
    fail(do, "d")
    assert do(limit.status, LIMITS).retry_after == 90
    later.return_value += 91
    succeed(do, "e", at=later.return_value)
    now = do(limit.status, LIMITS)
    assert (now.state, now.failed) == ("closed", 0)


def test_a_user_whose_starts_fail_waits_longer_each_time_and_alone(do, mocker):
    clock = mocker.patch("time.time", return_value=time.time())
    for seconds in (10, 20, 40, 80, 160, 320, 600, 600):
        fail(do, "a")
        assert do(breaker.cooldown, ServerRef("a")) == (seconds, "spawn-failed")
        assert do(breaker.cooldown, ServerRef("b")) == (0.0, "")
        clock.return_value += seconds
    assert do(breaker.cooldown, ServerRef("a")) == (0.0, "spawn-failed")
    fail(do, "a")
    succeed(do, "a")
    assert do(breaker.cooldown, ServerRef("a")) == (0.0, "")


def test_a_success_forgets_the_failures_before_it_and_no_others(do):
    fail(do, "a")
    between = time.time()
    fail(do, "a")
    assert do(breaker.forget_failures, between) == 1
    assert do(limit.status, LIMITS).failed == 1
    succeed(do, "a")
    now = do(limit.status, LIMITS)
    assert (now.failed, now.kind, now.proven) == (0, "", True)
    assert room(do) == 4


def test_a_success_of_long_ago_proves_nothing(do):
    succeed(do, "a", at=time.time() - limit.PROOF_SECONDS - 1)
    assert not do(limit.status, LIMITS).proven
    succeed(do, "a")
    succeed(do, "a", at=5.0)
    assert do(limit.status, LIMITS).proven


def test_a_server_that_ran_already_raises_no_limit(do):
    begin(do, "a")
    do(starts.throttled, ServerRef("a"), "one", 0, LIMITS)
    low = do(limit.status, LIMITS).limit
    begin(do, "a")
    succeed(do, "a", ours=False)
    assert do(limit.status, LIMITS).limit == low
    succeed(do, "a")
    assert do(limit.status, LIMITS).limit == low + 1


def test_a_hub_that_is_busy_halves_the_limit_and_is_left_alone(do):
    succeed(do, "a")
    launch = waiting(do)
    for user in "bcd":
        do(starts.enqueue, ServerRef(user))
    do(starts.claim, "one", 4)
    assert do(starts.throttled, ServerRef("alice"), "one", 30, LIMITS) == [launch.id]
    now = do(limit.status, LIMITS)
    assert (now.limit, now.queued, now.in_flight) == (2, 1, 3)
    assert 25 < now.paused_until - time.time() <= 30
    assert room(do) == 0
    do(starts.throttled, ServerRef("b"), "one", 1, LIMITS)
    assert do(limit.status, LIMITS).paused_until == now.paused_until
    for _ in range(9):
        begin(do, "c")
        do(starts.throttled, ServerRef("c"), "one", 0, LIMITS)
    assert do(limit.status, LIMITS).limit == 1


def test_what_waits_again_keeps_its_place(do):
    for user in ("alice", "bob"):
        do(starts.enqueue, ServerRef(user))
    do(starts.claim, "one", 1)
    assert do(starts.requeue, ServerRef("alice"), "another") == []
    assert do(starts.positions) == {ServerRef("bob"): 1}
    do(starts.requeue, ServerRef("alice"), "one")
    assert do(starts.positions) == {ServerRef("alice"): 1, ServerRef("bob"): 2}


def test_what_waits_too_long_is_taken_out(do):
    launch = waiting(do)
    assert do(starts.refuse_queued, PROBLEM, before=time.time() - 60) == []
    assert do(starts.refuse_queued, PROBLEM, before=time.time() + 60) == [launch.id]
    assert do(starts.positions) == {}
    assert do(launches.find, launch.id).problem == PROBLEM


def test_what_is_being_started_is_not_taken_out(do):
    launch = waiting(do)
    do(starts.claim, "one", 1)
    assert do(starts.refuse_queued, PROBLEM) == []
    assert do(launches.find, launch.id).state == "starting"


def test_a_start_that_nobody_waits_for_is_given_up(do):
    first, second = waiting(do), waiting(do)
    do(starts.claim, "one", 1)
    do(launches.cancel, first.id)
    do(starts.drop_unwanted, ServerRef("alice"))
    assert not do(starts.is_unwanted, ServerRef("alice"))
    assert not do(starts.give_up, ServerRef("alice"), "one")
    do(launches.cancel, second.id)
    do(starts.drop_unwanted, ServerRef("alice"))
    assert do(starts.owned_by, "one") == [OwnStart(ServerRef("alice"), unwanted=True)]
    assert do(starts.is_unwanted, ServerRef("alice"))
    do(starts.enqueue, ServerRef("alice"))  # somebody wants it again
    assert not do(starts.give_up, ServerRef("alice"), "one")
    do(starts.drop_unwanted, ServerRef("alice"))
    assert not do(starts.give_up, ServerRef("alice"), "another")
    assert do(starts.give_up, ServerRef("alice"), "one")
    assert not do(starts.is_wanted, ServerRef("alice"))


def test_nobody_waits_in_the_queue_for_a_launch_that_was_cancelled(do):
    launch = waiting(do)
    do(launches.cancel, launch.id)
    do(starts.drop_unwanted, ServerRef("alice"))
    assert do(starts.positions) == {}


def test_the_starts_of_a_dead_process_are_taken_over_as_they_are(do):
    do(workers.heartbeat, "alive")
    for user, worker_id in (("a", "dead"), ("b", "alive")):
        do(starts.enqueue, ServerRef(user))
        do(starts.claim, worker_id, 1)
    do(starts.release_orphans)
    assert do(starts.positions) == {}  # the hub may be starting it
    assert do(limit.status, LIMITS).unattended == 1
    [taken] = do(starts.take_over, "alive")
    assert taken.server.user == "a"
    assert taken.begun_at
    own = do(starts.owned_by, "alive")
    assert sorted((start.server.user, start.unwanted) for start in own) == [
        ("a", False),
        ("b", False),
    ]


# idempotency keys


def test_a_key_stands_for_what_came_with_it_first(do, mocker):
    assert do(idempotency.remember, "key", "body", "one") == ("body", "one")
    assert do(idempotency.remember, "key", "other", "two") == ("body", "one")
    assert do(idempotency.remember, "another", "body", "three") == ("body", "three")
    later = time.time() + idempotency.KEPT_SECONDS + 1
    mocker.patch("time.time", return_value=later)
    assert do(idempotency.remember, "key", "other", "two") == ("other", "two")


def test_one_of_many_with_the_same_key_is_the_launch(do):
    with ThreadPoolExecutor(16) as threads:
        known = set(
            threads.map(lambda n: do(idempotency.remember, "key", "body", str(n)), range(16))
        )
    assert len(known) == 1


# what is old


def test_what_ended_long_ago_is_forgotten_with_all_that_belongs_to_it(do, mocker):
    old, held, recent, running = (do(launches.insert, a_launch(worker_id="one")) for _ in range(4))
    for launch in (old, held, recent):
        do(launches.move, launch, state="starting")
    do(launches.done, old, "lab/x.ipynb")
    do(launches.cancel, held.id)  # and nobody has tidied up after it
    do(launches.done, recent, "lab/x.ipynb")
    for launch in (old, held, running):
        do(at(time.time() - 100), launch)
    do(idempotency.remember, "key", "body", old.id)
    assert do(pruning.prune, 50) == 1
    assert do(launches.find, old.id) is None
    assert do(launch_events.since, old.id, 0) == []
    assert all(do(launches.find, launch.id) for launch in (held, recent, running))
    assert do(launch_events.since, recent.id, 0)
    assert do(idempotency.remember, "key", "other", "two") == ("body", old.id)
    mocker.patch("time.time", return_value=time.time() + idempotency.KEPT_SECONDS + 1)
    do(pruning.prune, 1e9)
    count = sa.select(sa.func.count()).select_from(tables.idempotency_keys)
    assert do(lambda connection: connection.execute(count).scalar()) == 0


def test_launches_that_failed_at_once_are_forgotten_after_an_hour(do, mocker):
    at_once, keyed, slow = (do(launches.insert, a_launch(worker_id="one")) for _ in range(3))
    do(idempotency.remember, "key", "body", keyed.id)
    for launch in (at_once, keyed):
        do(launches.end, launch, state="failed", problem=PROBLEM)
    clock = mocker.patch("time.time", return_value=time.time() + 60)
    do(launches.end, slow, state="failed", problem=PROBLEM)
    assert do(pruning.prune, 1e6) == 0
    clock.return_value += pruning.KEPT_AT_ONCE_SECONDS
    assert do(pruning.prune, 1e6) == 1
    assert [bool(do(launches.find, x.id)) for x in (at_once, keyed, slow)] == [False, True, True]


def test_a_name_that_a_launch_under_way_holds_is_not_forgotten(do, mocker):
    running = do(launches.insert, a_launch(worker_id="one"))
    do(leases.acquire, "alice", "a", running.id)
    do(leases.acquire, "alice", "b", "0" * 32)
    mocker.patch("time.time", return_value=time.time() + leases.LEASE_SECONDS + 1)
    do(pruning.prune, 50)
    assert do(leases.paths, running.id) == ["a"]
    assert do(leases.paths, "0" * 32) == []


def test_the_old_are_forgotten_some_at_a_time(do, mocker):
    mocker.patch.object(pruning, "MOST_AT_ONCE", 3)
    for _ in range(5):
        do(at(1.5), do(launches.insert, a_launch(state="cancelled", worker_id=None)))
    assert [do(pruning.prune, 50) for _ in range(3)] == [3, 2, 0]


# login attempts


def try_to_sign_in(do, who, limit, address="home", address_limit=99):
    """Count a try; the seconds to wait, 0 when it may be made."""
    refusal = do(login_attempts.begin, who, limit, address=address, address_limit=address_limit)
    return refusal.seconds if refusal else 0


def test_tries_are_counted_and_forgotten_after_the_window(do, mocker):
    began = time.time()
    clock = mocker.patch("time.time", return_value=began)
    assert [try_to_sign_in(do, "a", 2) for _ in range(3)] == [0, 0, 60]
    clock.return_value = began + 20
    assert try_to_sign_in(do, "a", 2) == 40
    assert try_to_sign_in(do, "b", 2) == 0
    clock.return_value = began + login_attempts.WINDOW_SECONDS + 1
    assert try_to_sign_in(do, "a", 2) == 0


def test_failures_of_an_address_keep_its_other_names_out_and_no_other_address(do):
    assert [do(login_attempts.fail, "home", 3) for _ in range(4)] == [0, 0, 60, 60]
    assert try_to_sign_in(do, "b", 9, address_limit=3) == 60
    assert try_to_sign_in(do, "b", 9, address="elsewhere", address_limit=3) == 0


def test_who_knows_the_password_has_all_tries_again(do):
    for _ in range(2):
        try_to_sign_in(do, "a", 2)
    do(login_attempts.succeeded, "a")
    assert try_to_sign_in(do, "a", 2) == 0


def test_a_try_that_nobody_could_judge_is_taken_back(do):
    try_to_sign_in(do, "a", 2)
    try_to_sign_in(do, "b", 2)
    do(login_attempts.retract, "a")
    first, second, third = [try_to_sign_in(do, "a", 2) for _ in range(3)]
    assert (first, second) == (0, 0)
    assert 0 < third <= 60
    do(login_attempts.retract, "nobody")


def test_tries_at_the_same_moment_do_not_slip_through_together(do):
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: try_to_sign_in(do, "a", 3), range(8)))
    assert waits.count(0) == 3


# the tables


@pytest.fixture
def engine(database_url):
    engine = store.connect(database_url)
    yield engine
    engine.dispose()


def described(engine):
    """What the database says of its tables, by table and kind of thing."""
    inspector = sa.inspect(engine)
    kinds = ("columns", "indexes", "check_constraints", "unique_constraints", "foreign_keys")
    tables = {name: {} for name in inspector.get_table_names() if name != "alembic_version"}
    for name, table in tables.items():
        table["pk"] = inspector.get_pk_constraint(name)["constrained_columns"]
        for kind in kinds:
            table[kind] = sorted(_text(thing) for thing in getattr(inspector, f"get_{kind}")(name))
    return tables


def _text(thing):
    """What the inspector says; a condition of an index has no text of its own."""
    return re.sub(r"<sqlalchemy\S+ object at \w+>", "condition", str(thing))


def test_the_migrations_make_the_tables(engine):
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_the_migrations_make_the_constraints_and_indexes_of_the_tables(engine, new_database):
    made = store.connect(new_database(migrated=False))
    tables.metadata.create_all(made)
    assert described(engine) == described(made)
    made.dispose()


def test_migrations_go_down_and_up_again(database_url, engine):
    before = described(engine)
    command.downgrade(store.alembic(engine), "base")
    assert described(engine) == {}
    store.migrate(database_url)
    store.check_version(database_url)
    assert described(engine) == before


def test_migrating_twice_changes_nothing(database_url, do):
    launch = do(launches.insert, a_launch())
    store.migrate(database_url)
    assert do(launches.find, launch.id) == launch


def test_processes_that_migrate_at_the_same_moment_all_go_on(new_database, eight):
    for _ in range(3):
        url = new_database(migrated=False)
        for future in [eight.submit(store.migrate, url) for _ in range(4)]:
            future.result()
        store.check_version(url)


OLD_LAUNCH = {
    "user": "alice",
    "experiment": "hello",
    "directory": "lab",
    "filename": "x.ipynb",
    "workspace": "w",
    "if_exists": "rename",
    "content": "",
    "rounds": 0,
    "created_at": 1.5,
    "updated_at": 2.5,
}
ROWS_OF_0001 = {
    "launches": [
        {**OLD_LAUNCH, "id": "1", "state": "done", "path": "lab/x.ipynb"},
        {**OLD_LAUNCH, "id": "2", "state": "failed", "problem": {"type": "x", "detail": "ü"}},
        {**OLD_LAUNCH, "id": "3", "state": "uploading", "content": '{"cells": []}', "rounds": 2},
    ],
    "leases": [
        {"user": "alice", "path_hash": "0", "path": "a", "launch_id": "3", "expires_at": 3.5}
    ],
    "login_attempts": [{"who": "0", "at": 1.5}, {"who": "1", "at": 2.5}],
}
UNDER_WAY = {"state": "starting", "holder": "w1", "seq": 3, "takeovers": 1, "crashes": 2}
UNDER_WAY |= {"requested_by": "portal", "request_id": "r", "content": "{}"}
ROWS_OF_0006 = {
    **ROWS_OF_0001,
    "launches": [*ROWS_OF_0001["launches"], {**OLD_LAUNCH, **UNDER_WAY, "id": "4"}],
    "events": [
        {"launch_id": "4", "seq": 1, "event": "state", "data": {"state": "starting"}, "at": 2.0}
    ],
    "processes": [{"id": "w1", "alive_until": 9.5}],
    "start_cooldowns": [{"user": "carol", "failures": 2, "kind": "spawn-failed", "ends_at": 9.5}],
    "starts": [
        {"user": "alice", "queued_at": 1.0, "holder": "w1", "asked_at": 2.0, "unwanted": False},
        {"user": "bob", "queued_at": 3.0, "holder": None, "asked_at": None, "unwanted": True},
    ],
}
NEW_TABLES = {"events": "launch_events", "processes": "workers"}
NEW_COLUMNS = {"rounds": "attempts", "holder": "worker_id"}


def stored(engine, rows_of, tables=NEW_TABLES, columns=NEW_COLUMNS):
    """What of those rows is in the database, under the names that tables and columns have now."""
    found, meta = {}, sa.MetaData()
    meta.reflect(engine, only=[tables.get(name, name) for name in rows_of])
    for name, rows in rows_of.items():
        table = meta.tables[tables.get(name, name)]
        with engine.connect() as connection:
            kept = connection.execute(table.select().order_by(*table.primary_key)).mappings()
            pairs = zip(kept, rows, strict=True)
            found[name] = [{key: new[columns.get(key, key)] for key in row} for new, row in pairs]
    return found


@pytest.mark.parametrize(("revision", "rows_of"), [("0001", ROWS_OF_0001), ("0006", ROWS_OF_0006)])
def test_rows_of_an_older_version_are_kept(new_database, revision, rows_of):
    url = new_database(migrated=False)
    engine = store.connect(url)
    command.upgrade(store.alembic(engine), revision)
    old = sa.MetaData()
    old.reflect(engine, only=list(rows_of))
    with engine.begin() as connection:
        for name, rows in rows_of.items():
            for row in rows:
                connection.execute(old.tables[name].insert().values(row))
    store.migrate(url)
    assert stored(engine, rows_of) == rows_of
    with engine.begin() as connection:
        assert launches.find(connection, "1").ended
        assert {launches.find(connection, row["id"]).server for row in rows_of["launches"]} == {
            ServerRef("alice")
        }
        launches.insert(connection, a_launch(server=ServerRef("alice", "named"), notebook=None))
        starts.enqueue(connection, ServerRef("alice", "named"))
        lost = {"launch_id": "no longer there", "seq": 1, "event": "state", "data": {}, "at": 1.0}
        connection.execute(tables.launch_events.insert().values(lost))
        cooldown = {"user": "carol", "server": "named", "failures": 1, "kind": "x", "ends_at": 1.0}
        connection.execute(tables.start_cooldowns.insert().values(cooldown))
    command.downgrade(store.alembic(engine), "0006")
    # what the older version has no place for is gone
    assert stored(engine, rows_of, {}, {}) == rows_of
    store.migrate(url)
    with engine.begin() as connection:
        tried = login_attempts.begin(connection, "2", 1, address="3", address_limit=1)
        assert tried is None
    engine.dispose()


def test_the_query_of_a_link_goes_and_the_launch_stays_when_migrating_down(
    database_url, engine, do
):
    query = "p.x=%C3%BC&directory=lab"
    launch = a_launch()
    launch = dataclasses.replace(
        launch, notebook=dataclasses.replace(launch.notebook, link_query=query)
    )
    do(launches.insert, launch)
    kept = do(launches.done, do(launches.find, launch.id), "lab/x.ipynb")
    assert kept.notebook.link_query == query
    command.downgrade(store.alembic(engine), "0008")
    store.migrate(database_url)
    assert do(launches.find, launch.id) == dataclasses.replace(
        kept, notebook=dataclasses.replace(kept.notebook, link_query=None)
    )


def test_only_a_launch_with_a_notebook_has_the_query_of_a_link(do):
    launch = do(launches.insert, a_launch(notebook=None))
    wrong = tables.launches.update().where(tables.launches.c.id == launch.id)
    with pytest.raises(sa.exc.IntegrityError):
        do(lambda connection: connection.execute(wrong.values(link_query="p.x=1")))


def test_a_launch_without_a_notebook_may_end_without_a_path(do):
    launch = do(launches.insert, a_launch(notebook=None))
    done = do(launches.done, launch, None)
    assert (done.state, done.notebook) == ("done", None)
    assert do(launches.find, launch.id) == done
    with pytest.raises(sa.exc.IntegrityError):
        do(launches.done, do(launches.insert, a_launch()), None)


def test_an_application_does_not_start_on_tables_that_are_not_ready(new_database):
    with pytest.raises(ConfigError, match="launcher serve"):
        store.check_version(new_database(migrated=False))


START = pytest.mark.parametrize("start", [store.migrate, store.check_version])


@START
def test_a_database_of_a_newer_version_stops_the_start_and_is_left_alone(
    database_url, engine, start
):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = described(engine)
    with pytest.raises(ConfigError, match=r"newer version .* 9999"):
        start(database_url)
    assert described(engine) == before


@START
@pytest.mark.parametrize("revision", ["", "833da8570507"])
def test_a_database_of_another_program_stops_the_start_and_is_left_alone(
    new_database, start, revision
):
    url = new_database(migrated=False)
    engine = store.connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE spawners (id INTEGER PRIMARY KEY)")
        if revision:  # as JupyterHub's own database has one
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{revision}')")
    with pytest.raises(ConfigError, match=r"another program.* spawners"):
        start(url)
    assert described(engine).keys() == {"spawners"}
    engine.dispose()


@START
def test_a_file_that_is_no_database_stops_the_start(tmp_path, start):
    (tmp_path / "x.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigError, match="not a database"):
        start(f"sqlite:///{tmp_path}/x.sqlite")
    assert (tmp_path / "x.sqlite").read_bytes() == b"not a database" * 1000


@START
def test_a_folder_in_place_of_a_database_stops_the_start(tmp_path, start):
    with pytest.raises(ConfigError, match="directory"):
        start(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysteriousdb://x/y",
        "",
        "sqlite:////nowhere/at/all.db",
        "postgresql://host:port/launcher",
        "postgresql:///launcher?host=/nowhere",
    ],
)
def test_a_database_that_cannot_be_used_stops_the_start_with_a_sentence(url):
    with pytest.raises(ConfigError):
        store.migrate(url)


def test_a_password_in_the_address_is_not_told():
    with pytest.raises(ConfigError) as stopped:
        store.migrate("postgresql+psycopg://launcher:canary@127.0.0.1:1/launcher?connect_timeout=1")
    assert "canary" not in str(stopped.value)


def test_a_driver_that_is_missing_is_named(mocker):
    mocker.patch.dict("sys.modules", {"psycopg": None})
    with pytest.raises(ConfigError, match=r"jupyterhub-experiment-launcher\[postgresql\]"):
        store.migrate("postgresql://launcher@host/launcher")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_found_by_the_address_that_people_paste(postgres_url, scheme):
    store.check_version(postgres_url.replace("postgresql", scheme, 1))


def test_a_postgresql_that_vanished_is_noticed(postgres_url):
    engine = store.connect(f"{postgres_url}&connect_timeout=3")
    with engine.connect() as connection:
        used = connection.connection.dbapi_connection.info.get_parameters()
    engine.dispose()
    assert (used["connect_timeout"], used["tcp_user_timeout"]) == ("3", "20000")


async def test_a_database_that_is_gone_is_unavailable(tmp_path):
    opened = store.Store(f"sqlite:///{tmp_path}/missing/launcher.sqlite")
    with pytest.raises(StoreUnavailable) as failed:
        await opened.run(leases.is_held, "alice", "a")
    opened.close()
    assert failed.value.retry_after
    assert str(tmp_path) not in failed.value.detail


async def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    (tmp_path / "broken.sqlite").write_bytes(b"not a database" * 1000)
    opened = store.Store(f"sqlite:///{tmp_path}/broken.sqlite")
    with pytest.raises(StoreUnavailable):
        await opened.run(leases.is_held, "alice", "a")
    opened.close()


@pytest.fixture
def postgres_store(postgres_url):
    opened = store.Store(postgres_url)
    yield opened
    opened.close()


async def test_a_postgresql_that_was_away_is_used_again(postgres, postgres_store):
    assert await postgres_store.run(leases.acquire, "alice", "a", "one")
    with postgres.away(), pytest.raises(StoreUnavailable):
        await postgres_store.run(leases.is_held, "alice", "a")
    assert await postgres_store.run(leases.is_held, "alice", "a")


async def test_a_restart_of_postgresql_between_two_units_of_work_is_not_felt(
    postgres, postgres_store
):
    assert await postgres_store.run(leases.acquire, "alice", "a", "one")
    with postgres.away():
        pass
    assert await postgres_store.run(leases.is_held, "alice", "a")


async def test_a_unit_of_work_under_which_postgresql_restarts_leaves_nothing(
    postgres, postgres_store
):
    def interrupted(connection):
        leases.acquire(connection, "alice", "a", "one")
        with postgres.away():
            pass
        leases.acquire(connection, "alice", "b", "one")

    with pytest.raises(StoreUnavailable):
        await postgres_store.run(interrupted)
    assert await postgres_store.run(leases.paths, "one") == []


async def test_units_of_work_that_lock_each_other_out_are_both_done(postgres_store):
    for path in ("a", "b"):
        await postgres_store.run(leases.acquire, "alice", path, "one")
    tries, both_hold_one = Counter(), threading.Barrier(2, timeout=10)

    def extend(connection, first, second):
        tries[first] += 1
        leases.acquire(connection, "alice", first, "one")
        if tries[first] == 1:
            both_hold_one.wait()
        return leases.acquire(connection, "alice", second, "one")

    units = (postgres_store.run(extend, *paths) for paths in (("a", "b"), ("b", "a")))
    assert await asyncio.gather(*units) == [True, True]
    assert tries.total() == 3


@pytest.mark.parametrize("sqlstate", store.CONFLICTS)
async def test_a_unit_of_work_that_never_gets_its_turn_is_given_up(postgres_store, sqlstate):
    tries = []

    def conflict(connection):
        leases.acquire(connection, "alice", "a", "one")
        tries.append(connection)
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$")

    with pytest.raises(StoreUnavailable):
        await postgres_store.run(conflict)
    assert len(tries) == store.TRIES
    assert not await postgres_store.run(leases.is_held, "alice", "a")


async def test_units_of_work_that_cannot_be_put_in_a_row_are_both_done(postgres_store):
    """What another isolation level of the site's would refuse is done anew."""
    tries, both_looked = Counter(), threading.Barrier(2, timeout=10)

    def take_unless_taken(connection, mine, other):
        tries[mine] += 1
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        if taken := leases.is_held(connection, "alice", other):
            return not taken
        if tries[mine] == 1:
            both_looked.wait()
        return leases.acquire(connection, "alice", mine, mine)

    units = (postgres_store.run(take_unless_taken, *paths) for paths in (("a", "b"), ("b", "a")))
    assert sorted(await asyncio.gather(*units)) == [False, True]
    assert tries.total() == 3


async def test_a_unit_of_work_that_fails_leaves_nothing(database_url, do):
    opened = store.Store(database_url)

    def half(connection):
        leases.acquire(connection, "alice", "a", "one")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await opened.run(half)
    opened.close()
    assert not do(leases.is_held, "alice", "a")


async def test_whoever_reads_waits_for_nobody_who_writes(database_url):
    opened, written, read = store.Store(database_url), threading.Event(), threading.Event()

    def write(connection):
        leases.acquire(connection, "alice", "a", "one")
        written.set()
        assert read.wait(10)

    writing = asyncio.create_task(opened.run(write))
    assert await asyncio.to_thread(written.wait, 10)
    assert not await opened.read(leases.is_held, "alice", "a")
    read.set()
    await writing
    assert await opened.read(leases.is_held, "alice", "a")
    opened.close()


def test_sqlite_takes_turns(new_sqlite):
    engine = store.connect(new_sqlite())
    with engine.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        wait = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    engine.dispose()
    assert (mode, wait >= 5000) == ("wal", True)


def test_the_database_is_for_its_owner_alone(tmp_path):
    """It holds everybody's notebooks while they are launched."""
    old = os.umask(0o022)
    try:
        store.migrate(f"sqlite:///{tmp_path}/launcher.sqlite")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "launcher.sqlite").stat().st_mode) & 0o077 == 0
