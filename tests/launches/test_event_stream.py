"""Streams of events are bounded, and cost nothing while nothing happens."""

import asyncio
import socket
from contextlib import ExitStack, contextmanager

import pytest
import requests
import sqlalchemy as sa
from application import problem_of
from edge import serving
from fakehub import Start
from launching import ASYNC, BODY
from stored_launches import a_launch
from waiting import at_once, wait_until

from launcher import store
from launcher.launches.event_stream import EventStreams
from launcher.launches.feed import Feed
from launcher.store import launches

MOST = 3
PATIENCE = 20


@pytest.fixture(scope="module")
def few(_fakehub, tmp_path_factory):
    """One worker that lets a user have few streams."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "launcher_config.py").write_text(f"c.Launcher.max_streams_per_user = {MOST}")
    with serving(_fakehub, folder) as served:
        yield served


def begin(served, user, **more):
    """The address of the events of a launch that nobody waits for."""
    headers = user.auth | ASYNC | more
    answer = requests.post(f"{served.url}/hello", json=BODY, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text
    return f"{served.url}/launches/{answer.json()['id']}/events"


@pytest.fixture
def begun(few, fakehub):
    """Begins launches to servers that are never ready, and cancels them after the test."""
    made = []

    def begin_slow():
        user = fakehub.add_user(starts=[Start(202, "never")])
        made.append((user, begin(few, user)))
        return made[-1]

    yield begin_slow
    for user, url in made:
        requests.delete(url.removesuffix("/events"), headers=user.auth, timeout=PATIENCE)
    wait_until(lambda: all(user.server == "stopped" for user, _ in made), "an end of the starts")


@contextmanager
def watching(url, headers):
    """A stream that has begun."""
    with requests.get(url, headers=headers, stream=True, timeout=PATIENCE) as answer:
        content = answer.iter_content(1)  # requests closes the connection with it
        if answer.status_code == 200:
            next(content)
        yield answer


def test_a_user_has_so_many_streams_and_the_next_one_is_told_to_come_again(few, begun):
    (alice, url), (bob, bobs) = begun(), begun()
    with ExitStack() as streams:
        for _ in range(MOST):
            assert streams.enter_context(watching(url, alice.auth)).status_code == 200
        with watching(url, alice.auth) as refused:
            problem = problem_of(refused, 429)
            assert f"{MOST} open event streams" in problem["detail"]
            assert int(refused.headers["retry-after"]) > 0
        # nobody else is kept out, nor is the same user from anything else
        with watching(bobs, bob.auth) as other:
            assert other.status_code == 200
        assert requests.get(url.removesuffix("/events"), headers=alice.auth, timeout=9).ok
    comes_back(few, url, alice)


def comes_back(served, url, user):
    """Wait until as many streams as ever can be open at once."""
    with ExitStack() as streams:

        def one_more():
            answer = requests.get(url, headers=user.auth, stream=True, timeout=PATIENCE)
            streams.enter_context(answer)
            return answer.status_code == 200

        for _ in range(MOST):
            wait_until(one_more, "room for a stream")


def test_clients_that_vanish_before_the_first_byte_leave_no_stream_behind(few, begun):
    alice, url = begun()
    path = url.removeprefix(few.url)
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: token {alice.token}\r\n\r\n"

    def vanish(_number):
        with socket.create_connection(("127.0.0.1", few.port), timeout=PATIENCE) as wire:
            wire.sendall(head.encode())

    at_once(5 * MOST, vanish)
    comes_back(few, url, alice)


def test_streams_that_end_by_themselves_make_room(few, fakehub):
    alice = fakehub.add_user(server="ready")
    url = begin(few, alice)
    for _ in range(2 * MOST):
        with requests.get(url, headers=alice.auth, timeout=PATIENCE) as answer:
            assert "event: end" in answer.text


def test_a_service_has_streams_for_each_of_those_it_acts_for(few, fakehub):
    token = fakehub.add_service("custom:launcher:on-behalf", name="portal")
    portal = {"Authorization": f"Bearer {token}"}
    people = [fakehub.add_user(starts=[Start(202, "never")]) for _ in range(2)]
    with ExitStack() as streams:
        for person in people:
            answer = requests.post(
                f"{few.url}/hello", params={"user": person.name}, json=BODY,
                headers=portal | ASYNC, timeout=PATIENCE,
            )  # fmt: skip
            launch = f"{few.url}/launches/{answer.json()['id']}"
            streams.callback(requests.delete, launch, headers=portal, timeout=PATIENCE)
            for _ in range(MOST):
                url = f"{launch}/events"
                assert streams.enter_context(watching(url, portal)).status_code == 200
    wait_until(lambda: all(person.server == "stopped" for person in people), "an end")


def test_head_of_a_stream_is_answered_at_once(few, begun):
    alice, url = begun()
    for _ in range(2 * MOST):
        answer = requests.head(url, headers=alice.auth, timeout=PATIENCE)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
    assert requests.head(url, timeout=PATIENCE).status_code == 401


@pytest.mark.parametrize("after", [5, 10**6])
async def test_an_id_from_the_future_is_the_last_one_and_makes_nobody_busy(new_sqlite, after):
    """In a process that does not see to the launch itself."""
    opened = store.Store(new_sqlite())
    feed, told, looks = Feed(opened), [], []
    launch = await opened.run(launches.insert, a_launch())

    async def follow():
        async for what in EventStreams(opened, feed, lambda: False, most_streams=1).events(
            launch, after
        ):
            told.append(what)

    def see(_connection, _cursor, statement, *_more):
        if " IN (" in statement:  # the feed, which looks for changes of all that are followed
            looks.append(statement)

    sa.event.listen(opened._engine, "before_cursor_execute", see)
    tasks = [asyncio.create_task(work) for work in (follow(), feed.run())]
    await asyncio.to_thread(wait_until, lambda: len(looks) >= 10, "ten looks")
    assert told == [None]
    # and it is not deaf
    await opened.run(launches.end, launch, state="cancelled")
    await tasks[0]
    assert told[-1].state == "cancelled"
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    opened.close()
