"""Published notebooks, and launches for all participants, as rows, in both databases."""

import time

import pytest
import sqlalchemy as sa
from stored_launches import a_launch
from waiting import at_once

from launcher import store
from launcher.errors import TooLarge, TooManyRequests
from launcher.store import launches, workers, workshop_launches, workshop_notebooks, workshops
from launcher.store.workshop_launches import WorkshopLaunch
from launcher.store.workshop_notebooks import PublishedNotebook
from launcher.store.workshops import Workshop

WORKSHOP = Workshop("w", "W", ("a.ipynb",), None, ("ann",), None, None, None, "tina")


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own, beside a workshop."""
    engine = store.connect(database_url)

    def run(work, *args, **more):
        with engine.begin() as connection:
            return work(connection, *args, **more)

    run(workshops.insert, WORKSHOP, 10)
    yield run
    engine.dispose()


def put(do, filename="a.ipynb", content="{}", most=100, most_bytes=10**6):
    notebook = PublishedNotebook("w", filename, "h", 1, "tina")
    return do(workshop_notebooks.put, notebook, content, most=most, most_bytes=most_bytes)


def test_a_notebook_is_replaced_and_its_content_kept_apart(do):
    put(do, content="old")
    made = put(do, content="ü2")
    assert do(workshop_notebooks.find_all, "w") == [made]
    assert do(workshop_notebooks.find, "w", "a.ipynb") == made
    assert do(workshop_notebooks.find, "w", "b.ipynb") is None
    assert do(workshop_notebooks.size, "w", "a.ipynb") == 2
    assert do(workshop_notebooks.remove, "w", "a.ipynb")
    assert not do(workshop_notebooks.remove, "w", "a.ipynb")


def test_a_workshop_has_so_many_notebooks_and_bytes(do):
    put(do, "a.ipynb", "x" * 60, most=2, most_bytes=100)
    with pytest.raises(TooLarge):
        put(do, "b.ipynb", "x" * 60, most=2, most_bytes=100)
    put(do, "b.ipynb", "x", most=2, most_bytes=100)
    with pytest.raises(TooManyRequests):
        put(do, "c.ipynb", "x", most=2, most_bytes=100)
    # one that is replaced does not count
    put(do, "a.ipynb", "x" * 99, most=2, most_bytes=100)


def class_launch(do, number=1, *, begins_in=-1.0, users=("ann", "ben")):
    """A launch for all that is due, with these participants; None: they are not known yet."""
    now = time.time()
    launch = WorkshopLaunch(
        id=f"{number:032x}",
        workshop="w",
        notebook=None,
        at=now,
        begins_at=now + begins_in,
        created_by="tina",
        created_at=now,
    )
    assert do(workshop_launches.insert, launch, 20)
    if users is not None:
        do(workshop_launches.begin, launch.id, users)
    return launch.id


def states(do, launch_id):
    return {each.user: each.state for each in do(workshop_launches.members, launch_id)}


def find(do, launch_id):
    return do(workshop_launches.find, "w", launch_id)


def test_all_goes_with_the_workshop(do):
    put(do)
    launch_id = class_launch(do)
    do(workshops.remove, "w")
    assert do(workshop_notebooks.find_all, "w") == []
    assert find(do, launch_id) is None
    assert do(workshop_launches.members, launch_id) == []


def test_one_worker_runs_what_is_due_until_it_dies(do, mocker):
    for worker in ("w1", "w2"):
        do(workers.heartbeat, worker)
    due, _ = class_launch(do, 1), class_launch(do, 2, begins_in=60)
    assert [each.id for each in do(workshop_launches.claim, "w1")] == [due]
    assert do(workshop_launches.claim, "w2") == []
    assert [each.id for each in do(workshop_launches.claim, "w1")] == [due]
    do(workers.deregister, "w1")
    assert [each.id for each in do(workshop_launches.claim, "w2")] == [due]
    assert do(workshop_launches.claim, "w3") == []


def test_one_of_many_workers_claims_it(do):
    names = [f"w{number}" for number in range(6)]
    for name in names:
        do(workers.heartbeat, name)
    class_launch(do)
    claimed = at_once(6, lambda number: do(workshop_launches.claim, names[number]))
    assert len([each for each in claimed if each]) == 1


def test_the_participants_are_stored_once(do):
    launch_id = class_launch(do)
    do(workshop_launches.begin, launch_id, ["carol"])
    assert states(do, launch_id) == {"ann": "waiting", "ben": "waiting"}


def test_a_participant_is_in_the_state_of_their_launch(do):
    launch_id = class_launch(do)
    begun = do(launches.insert, a_launch(user="ann"))
    assert do(workshop_launches.record_begun, launch_id, "ann", begun.id)
    assert states(do, launch_id) == {"ann": "queued", "ben": "waiting"}
    assert do(workshop_launches.under_way) == 1
    assert do(workshop_launches.ended, launch_id) == []
    problem = {"type": "x", "detail": "ü"}
    do(launches.end, begun, state="failed", problem=problem)
    [ended] = do(workshop_launches.ended, launch_id)
    assert (ended.user, ended.state, ended.problem) == ("ann", "failed", problem)
    assert do(workshop_launches.try_again, launch_id, "ann", problem, time.time() + 60)
    [ann, _] = do(workshop_launches.members, launch_id)
    assert (ann.state, ann.attempts, ann.problem) == ("waiting", 1, problem)
    assert [each.user for each in do(workshop_launches.waiting, launch_id, 9)] == ["ben"]


def test_it_ends_with_its_last_participant(do):
    launch_id = class_launch(do)
    for user, state in (("ann", "done"), ("ben", "cancelled")):
        do(workshop_launches.end_if_done, launch_id)
        assert find(do, launch_id).ended_at is None
        do(workshop_launches.record_end, launch_id, user, state)
    do(workshop_launches.end_if_done, launch_id)
    assert find(do, launch_id).ended_at
    assert not do(workshop_launches.has_due)


def test_what_is_cancelled_does_not_begin(do):
    launch_id = class_launch(do)
    begun = do(launches.insert, a_launch(user="ann"))
    do(workshop_launches.record_begun, launch_id, "ann", begun.id)
    assert do(workshop_launches.cancel, launch_id) == [begun.id]
    assert states(do, launch_id) == {"ann": "queued", "ben": "cancelled"}
    # the worker was about to begin it, or to try again
    assert not do(workshop_launches.record_begun, launch_id, "ben", begun.id)
    assert not do(workshop_launches.try_again, launch_id, "ann", {"type": "x"}, 0.0)
    assert find(do, launch_id).ended_at is None


def test_what_is_cancelled_before_it_begins_has_ended(do):
    launch_id = class_launch(do, users=None)
    assert do(workshop_launches.cancel, launch_id) == []
    do(workshop_launches.begin, launch_id, ["ann"])
    now = find(do, launch_id)
    assert now.cancelled_at
    assert now.ended_at
    assert states(do, launch_id) == {}


def test_the_database_refuses_a_participant_that_makes_no_sense(do):
    launch_id = class_launch(do)
    with pytest.raises(sa.exc.IntegrityError):
        do(workshop_launches.record_end, launch_id, "ann", "failed")


def test_old_reports_are_deleted(do, mocker):
    old, running = class_launch(do, 1), class_launch(do, 2)
    for user in ("ann", "ben"):
        do(workshop_launches.record_end, old, user, "done")
    do(workshop_launches.end_if_done, old)
    do(workshop_launches.prune, 3600)
    assert find(do, old)
    mocker.patch("time.time", return_value=time.time() + 7200)
    do(workshop_launches.prune, 3600)
    assert find(do, old) is None
    assert find(do, running)
