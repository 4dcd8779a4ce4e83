"""The example of a receiver of webhooks: it handles what the launcher sent, once."""

import base64
import hashlib
import hmac
import importlib.util
import json
import sys
import time
from pathlib import Path

import pytest
import requests
from event_reports import report, wait_for_all
from ports import free_port
from processes import Process
from waiting import wait_until

RECEIVER = Path(__file__).parents[2] / "examples/webhook_receiver.py"
KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def load():
    """The example, as a module."""
    specification = importlib.util.spec_from_file_location("webhook_receiver", RECEIVER)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def receiver(tmp_path):
    """The example as a process: its URL, and what it printed."""
    port = free_port()
    command = [sys.executable, "-W", "error", str(RECEIVER), str(port)]
    process = Process(command, tmp_path, "receiver", {"WEBHOOK_SECRET": SECRET})
    process.start()
    process.url = f"http://127.0.0.1:{port}/"
    process.wait_for(process.url)
    yield process
    process.stop()


def events(receiver):
    """The events that it printed."""
    lines = receiver.log.read_text().splitlines()
    return [json.loads(line)["data"] for line in lines if line.startswith("{")]


def signed(body=b"{}", *, message_id="msg_1", at=None, key=KEY):
    """The headers of a request."""
    timestamp = str(int(time.time() if at is None else at))
    text = f"{message_id}.{timestamp}.".encode() + body
    code = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{code}",
    }


def test_it_handles_what_the_launcher_sends(start_app, alice, receiver):
    site = start_app(webhooks=[{"url": receiver.url, "secret": SECRET}])
    event = report(site, alice)
    wait_for_all(site)
    assert events(receiver) == [event]


def test_a_request_is_handled_once(receiver):
    body = b'{"data": 1}'
    headers = signed(body)
    for status in (204, 409):
        answer = requests.post(receiver.url, data=body, headers=headers, timeout=30)
        assert answer.status_code == status
    again = requests.post(receiver.url, data=body, headers=signed(body), timeout=30)
    assert again.status_code == 409
    wait_until(lambda: events(receiver), "the event")
    assert events(receiver) == [1]


@pytest.mark.parametrize(
    "headers",
    [
        signed(at=time.time() - 3600),
        signed(at=time.time() + 3600),
        signed(key=b"x" * 32),
        signed(b"other"),
        {},
        {**signed(), "webhook-id": "msg_2"},
        {**signed(), "webhook-timestamp": "soon"},
        {**signed(), "webhook-signature": signed()["webhook-signature"].replace("v1", "v2")},
        {**signed(), "webhook-signature": ""},
        {**signed(), "webhook-signature": "v1,\u00e4".encode()},
    ],
)
def test_a_request_that_is_old_or_not_signed_is_refused(receiver, headers):
    answer = requests.post(receiver.url, data=b"{}", headers=headers, timeout=30)
    assert answer.status_code == 401
    assert events(receiver) == []


@pytest.mark.parametrize(
    ("at", "verified"), [(-299, True), (299, True), (-302, False), (302, False)]
)
def test_the_timestamp_may_differ_by_five_minutes(at, verified):
    now = 1_700_000_000
    assert load().verify(KEY, signed(at=now + at), b"{}", now) is verified


def test_one_of_several_signatures_is_enough():
    headers = signed()
    headers["webhook-signature"] = f"v1,AAAA v1a,x {headers['webhook-signature']}"
    assert load().verify(KEY, headers, b"{}", time.time())


def test_what_is_too_large_is_refused(receiver):
    body = b"x" * (128 * 1024 + 1)
    answer = requests.post(receiver.url, data=body, headers=signed(body), timeout=30)
    assert answer.status_code == 413


def test_so_many_ids_are_kept():
    seen = load().SeenIds(2)
    for message_id in "abc":
        seen.add(message_id)
    assert ["a" in seen, "b" in seen, "c" in seen] == [False, True, True]
