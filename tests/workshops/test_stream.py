"""Streams of events: whichever worker records them, and in the order of their changes."""

import asyncio
import itertools
import json
from contextlib import aclosing

import pytest
import requests
from application import problem_of
from waiting import MAX_SECONDS

from launcher import store
from launcher.store import Store, events
from launcher.store.events import StoredEvent
from launcher.workshops.stream import EventFeed


@pytest.fixture
def database(tmp_path):
    """A new database, as two workers use it."""
    url = f"sqlite:///{tmp_path}/launcher.sqlite"
    store.migrate(url)
    workers = Store(url), Store(url)
    yield workers
    for worker in workers:
        worker.close()


def put(connection, user="ann", path="x.ipynb", at=1):
    return events.put(
        connection, type="t", user=user, filename="x.ipynb", path=path, at=at, most=1000
    )


async def first(count, feed, where, after=None, then=None):
    """The first events of a stream; `then` is awaited once it has begun."""
    found = []
    async with asyncio.timeout(MAX_SECONDS), aclosing(feed.events(where, after)) as stream:
        async for event in stream:
            if isinstance(event, StoredEvent):
                found.append(event)
            elif then:
                await then()
                then = None
            if len(found) == count:
                return found


async def test_what_another_worker_records_arrives(database):
    here, there = database

    async def record():
        for at in (1, 2):
            await there.run(put, at=at, path=f"{at}.ipynb")

    found = await first(2, EventFeed(here, lambda: False), {}, then=record)
    assert [each.path for each in found] == ["1.ipynb", "2.ipynb"]
    assert [each.seq for each in found] == sorted({each.seq for each in found})


async def test_a_stream_goes_on_after_the_last_event_that_was_received(database):
    here, _ = database
    made = [await here.run(put, path=f"{number}.ipynb") for number in range(5)]
    feed = EventFeed(here, lambda: False)
    assert await first(3, feed, {}, after=made[1].seq) == made[2:]
    moved = await here.run(put, path="0.ipynb", at=2)
    assert moved.id == made[0].id
    assert await first(1, feed, {}, after=made[-1].seq) == [moved]


async def test_a_stream_begins_with_the_number_to_go_on_from(database):
    here, there = database
    feed = EventFeed(here, lambda: False)
    known = await here.run(put)
    assert await first(1, feed, {}, after=0) == [known]
    # the feed looked a moment ago; what happened since then is not sent again
    last = await there.run(put, at=2)
    async with aclosing(feed.events({"user": "ben"}, None)) as stream:
        begun = await anext(stream)
    assert begun == last.seq
    moved = await there.run(put, at=3)
    assert await first(1, feed, {}, after=begun) == [moved]


async def test_a_stream_has_only_what_matches(database):
    here, _ = database
    mine = [await here.run(put, user=user) for user in ("ann", "ben", "ann")]
    feed = EventFeed(here, lambda: False)
    assert await first(1, feed, {"user": "ann"}, after=0) == [mine[2]]


async def test_more_events_than_are_read_at_once_all_arrive(database, mocker):
    mocker.patch("launcher.workshops.stream.MOST_AT_ONCE", 3)
    here, _ = database
    made = [await here.run(put, path=f"{number}.ipynb") for number in range(10)]
    assert await first(10, EventFeed(here, lambda: False), {}, after=0) == made


async def test_a_stream_of_a_worker_that_stops_ends(database):
    feed = EventFeed(database[0], lambda: True)
    assert [each async for each in feed.events({}, None)] == []


async def test_a_stream_ends_after_a_while_and_its_client_connects_again(database, mocker):
    mocker.patch("launcher.workshops.stream.STREAM_SECONDS", 0.0)
    feed = EventFeed(database[0], lambda: False)
    assert [each async for each in feed.events({}, None)] == []


def data_in(answer):
    """The data of the events of a stream."""
    for line in answer.iter_lines(chunk_size=1):
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def test_a_stream_over_http(gunicorn, fakehub):
    user = fakehub.add_user()
    body = {"type": "t", "filename": "x.ipynb", "path": "x.ipynb"}
    url, patience = f"{gunicorn.url}/events", {"timeout": MAX_SECONDS}
    requests.post(url, json=body, headers=user.auth, **patience).raise_for_status()
    headers = {**user.auth, "Last-Event-ID": "0"}
    with requests.get(f"{url}/stream", headers=headers, stream=True, **patience) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        happened = data_in(answer)
        assert next(happened) == requests.get(url, headers=user.auth, **patience).json()[0]
        again = requests.post(url, json=body, headers=user.auth, **patience).json()
        assert next(happened) == again
    with requests.get(f"{url}/stream", headers=user.auth, stream=True, **patience) as answer:
        comment, number = itertools.islice(answer.iter_lines(chunk_size=1), 2)
        assert (comment[:2], number[:4]) == (b": ", b"id: ")


def test_a_filter_that_is_wrong_is_refused(client, alice):
    problem_of(client.get("/events/stream?timestamp=x", headers=alice.auth), 400)
