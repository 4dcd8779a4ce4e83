"""The Python client and launches, with the real launcher, and with answers that get lost."""

import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
import requests
from fake_launcher import PROBLEM
from fakehub import Start
from waiting import at_once, wait_until

from launcher.client import (
    LauncherClient,
    LauncherProblem,
    UnexpectedAnswer,
    Unfinished,
    Unreachable,
    launching,
    repeating,
)

PROBLEMS = "urn:problem-type:launcher:"
LAUNCH_ID = "0123456789abcdef" * 2
LINK = f'</launches/{LAUNCH_ID}>; rel="status"'
PLACE = {"directory": "lab", "filename": "hello.ipynb"}
DONE = {"location": "http://hub/user/alice/lab/tree/lab/hello.ipynb"}


def resource(state="done", **fields):
    return {"id": LAUNCH_ID, "state": state, "location": None, "problem": None, **fields}


def stream(*events):
    """The bytes of a stream: (id, name, data) or a comment."""
    text = "".join(
        f": {event}\n\n" if isinstance(event, str)
        else f"id: {event[0]}\nevent: {event[1]}\ndata: {event[2]}\n\n"
        for event in events
    )  # fmt: skip
    return text.encode()


@pytest.fixture
def ask(gunicorn):
    """Makes clients of the real launcher."""
    opened = []

    def make(user, url=gunicorn.url, **settings):
        opened.append(LauncherClient(url, token=user.token, **settings))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@contextmanager
def losing_answers(url, asked):
    """A proxy in front of the launcher that loses two answers; `asked` is what came."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            answer = requests.request(self.command, url + self.path, data=body, headers=headers)
            asked.append(self.path)
            if len(asked) <= 2:
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Location", "Retry-After", "Link"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST

        def log_message(self, *_args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# the real launcher


def test_a_launch_is_followed_to_its_end(ask, fakehub, monkeypatch):
    monkeypatch.setattr(launching, "MOST_SECONDS_TO_WAIT", 0)  # so that the first answer is a 202
    user = fakehub.add_user(starts=[Start(202, seconds=0.3)])
    location = ask(user).launch("hello", **PLACE)
    assert location.endswith("/tree/lab/hello.ipynb?reset=1")
    assert user.notebooks == ["lab/hello.ipynb"]


def test_an_answer_that_is_lost_twice_makes_one_notebook(ask, gunicorn, alice, monkeypatch):
    monkeypatch.setattr(repeating, "PAUSES", (0.01, 0.01, 0.01))
    asked = []
    with losing_answers(gunicorn.url, asked) as url:
        assert ask(alice, url).launch("hello", **PLACE).endswith("/lab/hello.ipynb?reset=1")
    assert len(asked) == 3
    assert alice.notebooks == ["lab/hello.ipynb"]


def test_the_same_key_is_the_same_launch_and_another_call_another(ask, alice):
    client = ask(alice)
    locations = at_once(4, lambda _: client.launch("hello", **PLACE, idempotency_key="mine"))
    assert len(set(locations)) == 1
    assert client.launch("hello", **PLACE) not in locations
    assert alice.notebooks == ["lab/hello-1.ipynb", "lab/hello.ipynb"]


def test_a_launch_that_is_only_started_can_be_seen_and_watched(ask, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.3)])
    client = ask(user)
    launch = client.start("hello", **PLACE, idempotency_key="mine")
    assert launch["state"] in ("queued", "starting")
    events = list(client.events(launch["id"]))
    states = [event.data["state"] for event in events if event.name == "state"]
    assert states[-2:] == ["starting", "uploading"]
    assert (events[-1].name, events[-1].data["state"]) == ("end", "done")
    assert client.find(launch["id"]) == events[-1].data
    assert client.start("hello", **PLACE, idempotency_key="mine") == events[-1].data


def test_a_launch_is_cancelled_and_whoever_waits_is_told(ask, fakehub, monkeypatch):
    monkeypatch.setattr(launching, "MOST_SECONDS_TO_WAIT", 0)
    user = fakehub.add_user(starts=[Start(202, seconds=2)])
    client = ask(user)
    launch = client.start("hello", **PLACE, idempotency_key="mine")
    assert client.cancel(launch["id"])["state"] == "cancelled"
    with pytest.raises(LauncherProblem, match="was cancelled") as caught:
        client.launch("hello", **PLACE, idempotency_key="mine")
    assert caught.value.type == f"{PROBLEMS}cancelled"
    assert caught.value.launch_id == launch["id"]
    assert user.notebooks == []


@pytest.mark.parametrize("seconds_of_the_first_request", [0, 45])
def test_a_launch_that_fails_raises_its_problem(
    ask, fakehub, monkeypatch, seconds_of_the_first_request
):
    monkeypatch.setattr(launching, "MOST_SECONDS_TO_WAIT", seconds_of_the_first_request)
    user = fakehub.add_user(server="ready")
    user.write("lab/hello.ipynb", b"{}")
    client = ask(user)
    user.server = "stopped"
    user.starts.append(Start(202, seconds=0.2))
    with pytest.raises(LauncherProblem, match="if_exists is fail") as caught:
        client.launch("hello", **PLACE, if_exists="fail")
    assert (caught.value.status, caught.value.type) == (409, f"{PROBLEMS}file-exists")
    assert client.find(caught.value.launch_id)["state"] == "failed"


def test_a_launch_that_takes_longer_than_one_waits_goes_on(ask, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=2.5)])
    client = ask(user)
    with pytest.raises(Unfinished, match="It continues") as caught:
        client.launch("hello", **PLACE, wait=1)
    assert caught.value.state == "starting"
    wait_until(lambda: client.find(caught.value.launch_id)["state"] == "done", "the end")
    assert user.notebooks == ["lab/hello.ipynb"]


def test_my_launches_and_servers_are_listed(ask, alice):
    client = ask(alice)
    for _ in range(3):
        client.launch("hello", **PLACE)
    assert [launch["path"] for launch in client.launches(experiment="hello", state="done")] == [
        "lab/hello-2.ipynb",
        "lab/hello-1.ipynb",
        "lab/hello.ipynb",
    ]
    assert list(client.launches(state="failed")) == []
    assert {name: server["state"] for name, server in client.servers().items()} == {"": "running"}
    assert client.server()["state"] == "running"


def test_the_launch_of_somebody_else_is_not_found(ask, fakehub, alice):
    launch = ask(alice).start("hello", **PLACE)
    stranger = ask(fakehub.add_user())
    for call in (stranger.find, stranger.cancel, lambda name: next(stranger.events(name))):
        with pytest.raises(LauncherProblem, match="no such launch"):
            call(launch["id"])


# answers that do not come, or say to try again


def test_a_request_without_an_answer_is_repeated_with_the_same_key(service, launcher):
    service.loses(2)
    service.answers(DONE)
    assert launcher.launch("hello", directory="d") == DONE["location"]
    keys = service.sent("Idempotency-Key")
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_every_launch_has_a_key_of_its_own(service, launcher):
    service.answers(DONE)
    launcher.launch("hello", directory="d")
    launcher.launch("hello", directory="d")
    assert len(set(service.sent("Idempotency-Key"))) == 2


def test_a_launcher_that_does_not_come_back_is_not_asked_for_ever(service, launcher):
    service.loses(99)
    with pytest.raises(Unreachable, match="cannot be reached"):
        launcher.launch("hello", directory="d")
    assert len(service.seen) == 4


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_finds_no_launcher_is_asked_again(service, launcher, status):
    service.answers_first(b"<html>", status=status, kind="text/html")
    service.answers(DONE)
    assert launcher.launch("hello", directory="d") == DONE["location"]
    assert len(service.seen) == 2


def test_a_launcher_that_says_when_is_asked_again_then(service, launcher, monkeypatch):
    problem = {"type": f"{PROBLEMS}store-unavailable", "detail": "Later."}
    service.answers_first(problem, status=503, kind=PROBLEM, Retry_After="7")
    service.answers(DONE)
    pauses = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append)
    monkeypatch.setattr(repeating, "time", clock)
    assert launcher.launch("hello", directory="d") == DONE["location"]
    assert pauses == [7]
    assert len(set(service.sent("Idempotency-Key"))) == 1


def test_nobody_waits_longer_than_they_said(service):
    problem = {"type": f"{PROBLEMS}store-unavailable", "detail": "Later."}
    service.answers(problem, status=503, kind=PROBLEM, Retry_After="60")
    with (
        LauncherClient(service.url, token="secret", start_timeout=30) as launcher,
        pytest.raises(LauncherProblem, match="Later"),
    ):
        launcher.launch("hello", directory="d")
    assert len(service.seen) == 1


QUEUE_FULL = {"type": f"{PROBLEMS}queue-full", "detail": "The queue is full."}


def test_a_full_queue_is_asked_again_for_another_launch(service, launcher):
    service.answers_first(QUEUE_FULL, status=429, kind=PROBLEM, Retry_After="1", Link=LINK)
    service.answers(DONE)
    assert launcher.launch("hello", directory="d") == DONE["location"]
    # the same key would stand for the launch that failed
    assert len(set(service.sent("Idempotency-Key"))) == 2


def test_a_launch_that_found_the_queue_full_later_is_asked_for_again(service, launcher):
    full = {**QUEUE_FULL, "status": 429, "retry_after": 1}
    service.answers_first(resource("queued"), status=202, Retry_After="1", Link=LINK)
    service.answers_first(resource("failed", problem=full))
    service.answers(DONE)
    assert launcher.launch("hello", directory="d") == DONE["location"]
    assert [method for method, *_ in service.seen] == ["POST", "GET", "POST"]


def test_with_a_key_of_their_own_people_are_told_that_the_queue_is_full(service, launcher):
    service.answers(QUEUE_FULL, status=429, kind=PROBLEM, Retry_After="1", Link=LINK)
    with pytest.raises(LauncherProblem, match="queue is full") as caught:
        launcher.launch("hello", directory="d", idempotency_key="mine")
    assert caught.value.launch_id == LAUNCH_ID
    assert len(service.seen) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_launch_that_failed_is_told_at_once(service, launcher, status):
    problem = {"type": f"{PROBLEMS}starts-failing", "detail": "Starts are failing."}
    service.answers(problem, status=status, kind=PROBLEM, Retry_After="1", Link=LINK)
    with pytest.raises(LauncherProblem, match="Starts are failing"):
        launcher.launch("hello", directory="d")
    assert len(service.seen) == 1


def test_following_goes_on_when_the_launcher_restarts(service, launcher):
    service.answers_first(resource("queued"), status=202, Retry_After="1", Link=LINK)
    service.loses(2)
    service.answers(resource("done", **DONE))
    assert launcher.launch("hello", directory="d") == DONE["location"]


def test_what_is_launched_for_somebody_else_says_so(service, launcher):
    service.answers_first(resource("queued"), status=202, Retry_After="1", Link=LINK)
    service.answers(resource("done", **DONE))
    launcher.launch("hello", directory="d", user="a b")
    assert [path.partition("?")[2] for _, path, _, _ in service.seen] == ["user=a+b"] * 2


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "line\nbreak", "x" * 256])
def test_a_key_that_cannot_be_sent(service, launcher, key):
    with pytest.raises(ValueError, match="idempotency_key"):
        launcher.launch("hello", directory="d", idempotency_key=key)
    assert not service.seen


@pytest.mark.parametrize("location", [None, 1])
def test_a_launch_that_is_done_nowhere_is_no_launchers(service, launcher, location):
    service.answers(resource("done", location=location), status=202, Link=LINK)
    with pytest.raises(UnexpectedAnswer, match="location"):
        launcher.launch("hello", directory="d")


def test_pages_of_launches_are_fetched_as_they_are_wanted(service, launcher):
    service.answers_first({"launches": [{"id": "1"}, {"id": "2"}], "next": "more"})
    service.answers({"launches": [{"id": "3"}], "next": None})
    found = launcher.launches(state="done")
    assert not service.seen
    assert [launch["id"] for launch in found] == ["1", "2", "3"]
    assert [path.partition("?")[2] for _, path, _, _ in service.seen] == [
        "state=done&limit=200",
        "state=done&limit=200&cursor=more",
    ]


# events


def events_of(launcher):
    return [(event.name, event.data) for event in launcher.events(LAUNCH_ID)]


def test_events_go_on_where_the_stream_broke(service, launcher):
    kind = "text/event-stream; charset=utf-8"
    first = stream((1, "state", '{"state": "starting"}'), "heartbeat", (2, "progress", "{}"))
    service.answers_first(first + b"id: 3\nevent: progress\nda", kind=kind)
    service.loses(2)
    service.answers(stream((3, "progress", "{}"), (4, "end", '{"state": "done"}')), kind=kind)
    assert events_of(launcher) == [
        ("state", {"state": "starting"}),
        ("progress", {}),
        ("progress", {}),
        ("end", {"state": "done"}),
    ]
    assert service.sent("Last-Event-ID") == [None, "2", "2", "2"]


def test_a_launch_whose_end_was_told_has_no_more_events(service, launcher):
    service.answers(b"", status=204, kind="")
    assert events_of(launcher) == []
    assert len(service.seen) == 1


def test_a_stream_that_always_breaks_is_given_up(service, launcher):
    service.answers(b"", kind="text/event-stream")
    with pytest.raises(Unreachable, match="ended before the launch did"):
        events_of(launcher)
    assert len(service.seen) == 4


@pytest.mark.parametrize("data", ["", "null", "[]", "{", '"x"'])
def test_a_stream_of_somebody_else(service, launcher, data):
    service.answers(stream((1, "state", data)), kind="text/event-stream")
    with pytest.raises(UnexpectedAnswer, match="an event that is not valid"):
        events_of(launcher)
    service.answers(b"<html>", kind="text/html")
    with pytest.raises(UnexpectedAnswer, match="200 text/html"):
        events_of(launcher)


def test_an_event_without_end_is_not_read(service, launcher):
    service.answers(b"data: " + b"x" * 2**21, kind="text/event-stream")
    with pytest.raises(UnexpectedAnswer, match="bytes"):
        events_of(launcher)
