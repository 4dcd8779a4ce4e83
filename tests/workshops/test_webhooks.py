"""Webhooks: what a receiver gets, and when it gets it again."""

import base64
import hashlib
import hmac
import json
import threading
import time
from datetime import datetime
from email.utils import formatdate

import pytest
from application import application
from event_reports import change, report, rows, wait_for_all
from waiting import wait_until
from webhook_server import webhook_server

from launcher.errors import StoreUnavailable
from launcher.store import Store, event_deliveries
from launcher.workshops import deliveries, webhooks

KEY = b"a key of 32 bytes, only for this"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def receiver():
    with webhook_server() as server:
        yield server


@pytest.fixture
def soon(mocker):
    """The pauses between attempts are short."""
    mocker.patch.object(webhooks, "PAUSES", (0.01, 0.05))
    mocker.patch.object(deliveries, "LOOK_SECONDS", 0.1)


def hook(receiver, **more):
    return {"url": receiver.url, "secret": SECRET, **more}


def lines(written, event):
    found = (json.loads(line) for line in written.getvalue().splitlines())
    return [line for line in found if line["event"] == event]


def ids(receiver):
    return [each.headers["webhook-id"] for each in receiver.received]


def next_at(site):
    """When the only delivery is attempted again, in seconds from now."""
    query = "SELECT next_at FROM event_deliveries WHERE attempts = 1 AND worker_id IS NULL"
    ((moment,),) = wait_until(lambda: rows(site, query), "the end of the attempt")
    return moment - time.time()


def test_an_event_is_sent_with_a_signature(start_app, alice, receiver):
    site = start_app(webhooks=[hook(receiver)])
    event = report(site, alice)
    wait_for_all(site)
    (request,) = receiver.received
    assert json.loads(request.body) == {
        "type": "save-notebook",
        "timestamp": event["timestamp"],
        "data": event,
    }
    assert datetime.fromisoformat(event["timestamp"])
    message_id, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    assert message_id.startswith("msg_")
    assert abs(int(timestamp) - time.time()) < 60
    text = message_id.encode() + b"." + timestamp.encode() + b"." + request.body
    expected = base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert request.headers["content-type"] == "application/json"


def test_a_signature_of_another_implementation():
    # the example of the libraries of Standard Webhooks
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    found = webhooks.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_types_of_events_may_be_chosen(start_app, alice, receiver):
    with webhook_server() as other:
        site = start_app(webhooks=[hook(receiver, types=["save-notebook"]), hook(other)])
        for kind in ("save-notebook", "exercise-done"):
            report(site, alice, type=kind)
        wait_for_all(site)
        assert [json.loads(each.body)["type"] for each in receiver.received] == ["save-notebook"]
        assert len(other.received) == 2


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("status", [500, 503, 408, 425, 429, 302, 307])
def test_what_fails_for_now_is_sent_again_with_the_same_id(start_app, alice, receiver, status):
    receiver.answers = [(status, {"Location": f"{receiver.url}/elsewhere"}), 500, 200]
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    wait_for_all(site)
    assert len(receiver.received) == 3
    assert len(set(ids(receiver))) == 1
    # no redirect is followed
    assert {each.path for each in receiver.received} == {"/hook"}
    assert len({each.body for each in receiver.received}) == 1


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 422])
def test_what_a_receiver_refuses_is_not_sent_again(start_app, alice, receiver, written, status):
    receiver.answers = [status]
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    wait_for_all(site)
    (line,) = lines(written, "an event is not sent any more")
    assert line["reason"] == f"it answered {status}"
    # it gets the next ones all the same
    report(site, alice, path="y/x.ipynb")
    wait_for_all(site)
    assert len(set(ids(receiver))) == len(receiver.received) == 2


@pytest.mark.usefixtures("soon")
def test_a_receiver_that_is_slow_gets_the_event_again(start_app, alice, receiver, mocker):
    mocker.patch.object(webhooks, "SECONDS", 0.5)
    go = threading.Event()
    receiver.answers = [go]
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    wait_for_all(site)
    go.set()
    assert len(receiver.received) == 2
    assert len(set(ids(receiver))) == 1


@pytest.mark.usefixtures("soon")
def test_a_receiver_that_is_slow_keeps_no_other_one_waiting(start_app, alice, receiver):
    go = threading.Event()
    receiver.answers = [go] * 10
    with webhook_server() as other:
        site = start_app(webhooks=[hook(receiver), hook(other)])
        for number in range(8):
            report(site, alice, path=f"{number}/x.ipynb")
        wait_until(lambda: len(other.received) == 8, "the events at the other receiver")
        assert len(receiver.received) <= 4
        go.set()
        wait_for_all(site)


@pytest.mark.usefixtures("soon")
def test_a_receiver_that_is_away_gets_the_event_later(start_app, alice, written):
    with webhook_server() as server:
        url = server.url
    site = start_app(webhooks=[{"url": url, "secret": SECRET}])
    report(site, alice)
    wait_until(lambda: rows(site)[0][1] > 2, "some attempts")
    (line,) = lines(written, "a webhook failed")
    assert line["reason"] == "the connection was refused"
    assert line["kind"] == "webhook 127.0.0.1"


def test_the_first_pause_is_some_seconds(start_app, alice, receiver):
    receiver.answers = [500] * 9
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    assert 1 < next_at(site) < 7


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("600", 500, 601), ("1", 1, 7), ("soon", 1, 7), ("-5", 1, 7), ("", 1, 7)],
)
def test_retry_after_is_honoured(start_app, alice, receiver, text, least, most):
    receiver.answers = [(503, {"Retry-After": text})]
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    assert least < next_at(site) < most


def test_retry_after_may_be_a_date(start_app, alice, receiver):
    receiver.answers = [(503, {"Retry-After": formatdate(time.time() + 600, usegmt=True)})]
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    assert 500 < next_at(site) < 601


def test_the_pauses_grow_and_reach_most_of_a_day():
    assert list(webhooks.PAUSES) == sorted(webhooks.PAUSES)
    assert 43_200 < sum(webhooks.PAUSES) < webhooks.DAY_SECONDS


@pytest.mark.usefixtures("soon")
def test_after_a_day_an_event_is_dropped_with_one_line(start_app, alice, receiver, written, mocker):
    mocker.patch.object(webhooks, "DAY_SECONDS", 0.3)
    receiver.answers = [521] * 1000  # no other test has it: a line is logged once a minute
    site = start_app(webhooks=[hook(receiver)])
    event = report(site, alice)
    wait_for_all(site)
    (line,) = lines(written, "an event is not sent any more")
    assert (line["reason"], line["event_id"]) == ("it answered 521", event["id"])
    assert len(lines(written, "a webhook failed")) == 1


def test_what_waits_is_sent_by_the_next_launcher_with_the_same_id(
    fakehub, alice, receiver, tmp_path, start_app
):
    go = threading.Event()
    receiver.answers = [go]
    with application(fakehub, tmp_path, webhooks=[hook(receiver)]) as site:
        report(site, alice)
        wait_until(lambda: receiver.received, "the first attempt")
    go.set()
    # another secret is the same webhook
    other = "whsec_" + base64.b64encode(b"another key of 32 bytes, for this").decode()
    wait_for_all(start_app(webhooks=[hook(receiver, secret=other)]))
    assert len(receiver.received) == 2
    assert len(set(ids(receiver))) == 1


@pytest.mark.usefixtures("soon")
def test_the_database_may_be_away_for_a_while(start_app, alice, receiver, mocker):
    site = start_app(webhooks=[hook(receiver)])
    away, read = threading.Event(), Store.read

    async def sometimes(self, *words, **more):
        if away.is_set():
            raise StoreUnavailable("The database is away.")
        return await read(self, *words, **more)

    mocker.patch.object(Store, "read", sometimes)
    away.set()
    threading.Event().wait(0.5)
    away.clear()
    report(site, alice)
    wait_for_all(site)
    assert len(receiver.received) == 1


@pytest.mark.usefixtures("soon")
def test_a_notebook_that_is_withdrawn_is_not_sent_again(start_app, alice, receiver):
    receiver.answers = [500] * 1000
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    wait_until(lambda: receiver.received, "the first attempt")
    site.post("/events/withdraw", json={"path": "x.ipynb"}, headers=alice.auth)
    assert rows(site) == []


@pytest.mark.usefixtures("soon")
def test_no_secret_is_in_the_log_or_in_what_python_shows(start_app, alice, receiver, written):
    receiver.answers = [522, 404]
    url = f"{receiver.url}?token=abcdefgh12345678"
    site = start_app(webhooks=[{"url": url, "secret": SECRET}])
    report(site, alice)
    wait_for_all(site)
    found = webhooks.Receiver.of({"url": url, "secret": SECRET})
    shown = written.getvalue() + repr(found) + repr(webhooks.Webhook(found, None))
    assert "a webhook failed" in shown
    for secret in (SECRET, SECRET[6:], repr(KEY), "abcdefgh12345678"):
        assert secret not in shown


@pytest.mark.usefixtures("soon")
def test_events_are_delivered_from_either_database(start_app, alice, receiver, database_url):
    receiver.answers = [500, 204]
    site = start_app({"LAUNCHER_DATABASE_URL": database_url}, webhooks=[hook(receiver)])
    event = report(site, alice)
    wait_for_all(site)
    assert [json.loads(each.body)["data"] for each in receiver.received] == [event, event]


def test_what_another_worker_recorded_is_sent(start_app, alice, receiver):
    recorder = start_app(webhooks=[hook(receiver)])
    start_app(webhooks=[hook(receiver)])
    for number in range(10):
        report(recorder, alice, path=f"{number}/x.ipynb")
    wait_for_all(recorder)
    assert len(set(ids(receiver))) == len(receiver.received) == 10


def test_a_delivery_that_ended_its_workers_many_times_is_given_up(
    start_app, alice, receiver, written
):
    receiver.answers = [500]
    site = start_app(webhooks=[hook(receiver)])
    report(site, alice)
    next_at(site)
    change(site, "UPDATE event_deliveries SET attempts = 50, next_at = 1")
    wait_for_all(site)
    assert len(receiver.received) == 1
    (line,) = lines(written, "an event is not delivered any more")
    assert line["reason"] == "too many attempts"


def test_of_a_user_so_many_events_wait_and_the_newest_are_sent(
    start_app, alice, receiver, written, mocker
):
    mocker.patch.object(event_deliveries, "MOST_WAITING", 3)
    go = threading.Event()
    receiver.answers = [go] * 4
    site = start_app(webhooks=[hook(receiver)])
    for number in range(12):
        report(site, alice, path=f"{number}/x.ipynb")
        if number == 3:
            wait_until(lambda: len(receiver.received) == 4, "four requests at once")
    go.set()
    wait_for_all(site)
    found = [json.loads(each.body)["data"]["path"] for each in receiver.received]
    assert sorted(found[4:]) == ["10/x.ipynb", "11/x.ipynb", "9/x.ipynb"]
    assert lines(written, "old events are not delivered")
