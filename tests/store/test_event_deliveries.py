"""Deliveries of events, as rows, in both databases."""

import time

import pytest
import sqlalchemy as sa
from waiting import at_once

from launcher import store
from launcher.store import event_deliveries as rows
from launcher.store import pruning

TARGET = "on_event"


@pytest.fixture
def engine(database_url):
    engine = store.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def do(engine):
    """Runs a unit of work in a transaction of its own."""

    def run(work, *args, **more):
        with engine.begin() as connection:
            return work(connection, *args, **more)

    return run


def put(do, *targets, user="ann", path="x.ipynb", kind="t", number=1):
    event = {"id": number, "type": kind, "user": user, "filename": "x.ipynb", "path": path}
    return do(rows.put, targets or [TARGET], event)


def claim(do, most=10, worker="w", target=TARGET):
    return do(rows.claim, worker, {target: most})


def paths(deliveries):
    return [each.event["path"] for each in deliveries]


def test_an_event_is_delivered_to_each_target_once(do):
    put(do, "a", "b")
    (first,) = claim(do, target="a")
    assert (first.target, first.attempts, first.event["path"]) == ("a", 1, "x.ipynb")
    assert claim(do, target="a") == []
    (second,) = claim(do, target="b")
    assert second.id != first.id
    for each in (first, second):
        do(rows.remove, each.id)
    assert not do(rows.are_due, ["a", "b"])


def test_events_that_wait_for_their_first_attempt_become_one_with_the_last_event(do):
    for number in range(5):
        put(do, number=number)
    put(do, user="ben", number=7)
    put(do, kind="u", number=8)
    assert sorted(each.event["id"] for each in claim(do)) == [4, 7, 8]


def test_an_event_during_an_attempt_is_delivered_afterwards_as_another_one(do):
    put(do, number=1)
    (first,) = claim(do)
    put(do, number=2)
    assert claim(do) == []
    do(rows.remove, first.id)
    (second,) = claim(do)
    assert second.event["id"] == 2
    assert second.id != first.id


def test_a_delivery_that_is_tried_again_keeps_its_id_and_its_event(do):
    put(do, number=1)
    (first,) = claim(do)
    do(rows.retry, first.id, "w", time.time() + 60)
    put(do, number=2)
    (other,) = claim(do)
    assert other.event["id"] == 2
    do(rows.retry, first.id, "w", 0)  # not of this worker any more
    assert claim(do) == []
    do(rows.remove, other.id)
    do(lambda connection: connection.execute(sa.text("UPDATE event_deliveries SET next_at = 1")))
    (again,) = claim(do)
    assert (again.id, again.event, again.attempts) == (first.id, first.event, 2)


def test_the_newest_deliveries_of_a_user_are_kept(do, mocker):
    mocker.patch.object(rows, "MOST_WAITING", 3)
    dropped = [put(do, path=f"{number}/x.ipynb") for number in range(5)]
    put(do, user="ben")
    put(do, "other")
    assert dropped == [0, 0, 0, 1, 1]
    found = paths(claim(do))
    assert sorted(found) == ["2/x.ipynb", "3/x.ipynb", "4/x.ipynb", "x.ipynb"]
    assert len(claim(do, target="other")) == 1


def test_users_take_turns(do):
    for number in range(9):
        put(do, path=f"{number}/x.ipynb")
    put(do, user="ben")
    put(do, user="eve")
    assert {each.event["user"] for each in claim(do, 3)} == {"ann", "ben", "eve"}
    assert len(claim(do, 3)) == 3


def test_what_a_dead_worker_attempted_is_attempted_by_another_one_when_the_lease_ends(do, mocker):
    put(do)
    (mine,) = claim(do, worker="dead")
    assert claim(do) == []
    later = time.time() + rows.LEASE_SECONDS - 1
    mocker.patch("time.time", return_value=later)
    do(rows.renew, "dead")
    mocker.patch("time.time", return_value=later + 2)
    assert claim(do) == []
    mocker.patch("time.time", return_value=later + rows.LEASE_SECONDS + 1)
    (taken,) = claim(do, worker="alive")
    assert (taken.id, taken.attempts) == (mine.id, 2)
    do(rows.retry, mine.id, "dead", 0)
    assert claim(do) == []


def test_a_worker_that_stops_leaves_its_deliveries_to_others_at_once(do):
    put(do)
    claim(do, worker="stops")
    do(rows.release, "stops")
    (taken,) = claim(do)
    assert taken.attempts == 2


def test_of_many_workers_one_gets_each_delivery(do):
    for number in range(40):
        put(do, path=f"{number}/x.ipynb", user=f"user-{number % 3}")

    def work(number):
        found = []
        while claimed := claim(do, 2, worker=f"w{number}"):
            found += claimed
        return found

    found = [each.id for claimed in at_once(4, work) for each in claimed]
    assert len(found) == len(set(found)) == 40


def test_an_event_is_recorded_while_others_are_claimed_and_none_is_lost(do):
    def work(number):
        if number:
            return [put(do, number=each, path=f"{each % 3}/x.ipynb") for each in range(30)]
        found = []
        for _ in range(40):
            for delivery in claim(do):
                found.append(delivery.event)
                do(rows.remove, delivery.id)
        return found

    seen, _ = at_once(2, work)
    seen += [each.event for each in claim(do)]
    for rest in range(3):
        assert max(each["id"] for each in seen if each["path"] == f"{rest}/x.ipynb") == 27 + rest


def test_a_notebook_that_is_withdrawn_is_not_delivered(do):
    put(do)
    put(do, user="ben")
    put(do, path="y.ipynb")
    do(rows.withdraw, "ann", "x.ipynb")
    assert sorted(each.event["user"] for each in claim(do)) == ["ann", "ben"]


def test_what_nobody_attempts_is_deleted_after_days(do, mocker):
    put(do, "removed")
    do(pruning.prune_workshops, 60)
    assert do(rows.are_due, ["removed"])
    mocker.patch("time.time", return_value=time.time() + rows.KEPT_SECONDS + 1)
    do(pruning.prune_workshops, 60)
    assert not do(rows.are_due, ["removed"])
