"""What a spawner says is told as it says it, also while the hub keeps its answer to the POST."""

import pytest
from application import problem_of
from fakehub import Start
from launching import begin, cancel, path_of, start_lines, stream_lines, wait_for
from waiting import wait_until

from launcher import store
from launcher.store import launch_events


def told(client, launch):
    """What the spawner said to the launch so far."""
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        happened = launch_events.since(connection, launch["id"], 0)
    engine.dispose()
    return [event.data["message"] for event in happened if event.event == "progress"]


def test_what_a_spawner_says_is_told_before_the_hub_answers(client, fakehub):
    words = ("pulling image", "mounting home")
    user = fakehub.add_user(starts=[Start(202, "never", messages=words, answers_after=20)])
    launch = begin(client, user)
    wait_until(lambda: told(client, launch)[-2:] == list(words), "the messages", seconds=10)
    assert user.server == "spawning"
    cancel(client, user, launch)


@pytest.mark.parametrize("status", [201, 202])
def test_the_same_stream_is_followed_after_the_answer(client, fakehub, status):
    start = Start(status, seconds=2.5, answers_after=1.5, messages=("pulling image",))
    user = fakehub.add_user(starts=[start])
    launch = begin(client, user)
    wait_for(client, user, launch, "done")
    assert told(client, launch) == ["Server requested", "pulling image"]
    assert len(stream_lines(fakehub, user)) == len(start_lines(fakehub, user)) == 1


def test_a_start_that_is_answered_at_once_is_followed_once(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=1.5)])
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert len(stream_lines(fakehub, user)) == 1


@pytest.mark.parametrize("status", [201, 500])
def test_a_reason_that_is_said_before_the_answer_is_told(client, fakehub, status):
    reason = "image pull failed"
    start = Start(status, "fails", seconds=1.2, answers_after=9, reason=reason, messages=("a",))
    user = fakehub.add_user(starts=[start])
    problem = problem_of(client.launch(user), 502)
    assert problem["detail"] == reason
    assert len(start_lines(fakehub, user)) == 1


def test_the_reason_of_an_earlier_start_is_not_taken_for_that_of_this_one(client, fakehub):
    """Until the hub begins, its stream says how the last start failed."""
    user = fakehub.add_user(
        starts=[
            Start(202, "fails", reason="no such image"),
            Start(202, begins_after=1.5, seconds=1.0, answers_after=0.5, messages=("pulling",)),
        ]
    )
    problem_of(client.launch(user), 502)
    launch = begin(client, user)
    wait_for(client, user, launch, "done")
    assert told(client, launch)[-1:] == ["pulling"]


def test_a_start_that_is_cancelled_before_the_answer_leaves_no_stream(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "never", answers_after=1.5, messages=("a",))])
    launch = begin(client, user)
    wait_until(lambda: "a" in told(client, launch), "the message", seconds=10)
    cancel(client, user, launch)
    wait_until(lambda: user.server == "stopped", "the end of the start")
    user.starts.clear()
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
