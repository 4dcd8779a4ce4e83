"""Clients that are slow, silent or many do not keep others from being served."""

import asyncio
import json
import logging
import os
import signal
import socket
from contextlib import ExitStack

import psutil
import pytest
import requests
from edge import HASTY, answers, ended, serving
from fakehub import Start
from waiting import in_background, wait_until

from launcher import logs, worker

HALF_A_HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Half: "
FILES = 256


@pytest.fixture(scope="module")
def hasty(_fakehub, tmp_path_factory):
    """One worker that may open few files, with short time-outs."""
    few = ("sh", "-c", f'ulimit -n {FILES}; exec "$0" "$@"')
    with serving(_fakehub, tmp_path_factory.mktemp("hasty"), *HASTY, before=few) as served:
        yield served


def connect(served):
    return socket.create_connection(("127.0.0.1", served.port), timeout=20)


def worker_of(served):
    [process] = psutil.Process(served.pid).children()
    return process


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD], ids=["silent", "half a head"])
def test_a_connection_without_a_whole_head_is_closed(fakehub, hasty, sent):
    with connect(hasty) as wire:
        wire.sendall(sent)
        wait_until(lambda: ended(wire), "the end of the connection")


def test_half_a_head_on_a_connection_that_was_used_is_closed(fakehub, hasty):
    with connect(hasty) as wire:
        wire.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        wire.sendall(HALF_A_HEAD)
        wait_until(lambda: ended(wire), "the end of the connection")


def test_an_idle_connection_is_kept_for_the_next_request(fakehub, hasty):
    """Longer than a head may take."""
    with connect(hasty) as idle, connect(hasty) as silent:
        for _ in range(2):
            idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(65536).startswith(b"HTTP/1.1 200")
            wait_until(lambda: ended(silent), "the end of the other one")


def test_a_body_that_does_not_come_is_408(fakehub, hasty, alice):
    head = (
        f"POST /hello HTTP/1.1\r\nHost: x\r\nAuthorization: token {alice.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    status, answer, body = hasty.raw(head.encode() + b'{"notebook"')
    assert status == 408
    assert "application/problem+json" in answer
    assert json.loads(body)["type"] == "urn:problem-type:launcher:request-timeout"


def test_a_client_that_does_not_read_is_given_up(fakehub, hasty):
    page = b"GET /ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", hasty.port))
        wire.sendall(page * 8)
        mine = wire.getsockname()[1]

        def given_up():
            connections = worker_of(hasty).net_connections("tcp")
            return not any(c.raddr and c.raddr.port == mine for c in connections)

        wait_until(given_up, "an end")


def test_more_half_heads_than_files_keep_nobody_out(fakehub, hasty, alice):
    before = hasty.log.stat().st_size
    with ExitStack() as wires:
        for number in range(3 * FILES):
            wires.enter_context(connect(hasty)).sendall(HALF_A_HEAD)
            if number % 64 == 0:
                answer = requests.get(f"{hasty.url}/user", headers=alice.auth, timeout=20)
                assert answer.status_code == 200
        assert worker_of(hasty).num_fds() < FILES
    assert answers(hasty)
    lines = hasty.log.read_text()[before:].splitlines()
    assert len(lines) < 100
    assert not any("Traceback" in line for line in lines)


def test_a_worker_full_of_requests_refuses_the_next_one_in_words():
    class Busy:
        is_idle = False

    class Cfg:
        worker_connections = 1

    full = worker.Worker.__new__(worker.Worker)
    full.connections, full.most = {Busy(): None}, 1
    assert not full.admit(Busy())
    head, _, body = worker._REFUSAL.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head


def test_a_low_limit_on_files_is_told_at_the_start(fakehub, hasty):
    said = hasty.log.read_text()
    assert f"it may open {FILES} files. Raise the limit" in said


def test_a_message_of_asyncio_that_comes_again_and_again_is_one_line_a_minute(mocker):
    heard = []
    sparing = logs.OncePerMinute()
    clock = mocker.patch("launcher.logs.time.monotonic", return_value=1000.0)

    def say(message, error):
        record = logging.LogRecord(
            "asyncio", logging.ERROR, "", 0, message, None, (type(error), error, None)
        )
        if sparing.filter(record):
            heard.append(record)

    accept = "socket.accept() out of system resource\nsocket: <asyncio.TransportSocket fd={}>"
    for number in range(1000):
        say(accept.format(number), OSError(24, "Too many open files"))
    say("Task exception was never retrieved\nfuture: x", KeyError("a bug"))
    assert [record.getMessage().split()[0] for record in heard] == ["socket.accept()", "Task"]
    clock.return_value += logs.REPEATED_SECONDS
    say(accept.format(0), OSError(24, "Too many open files"))
    assert heard[-1].left_out == 999


async def test_asyncio_is_heard_through_that_filter():
    logs.setup()
    logs.setup()
    filters = logging.getLogger("asyncio").filters
    assert [type(known) for known in filters].count(logs.OncePerMinute) == 1
    await asyncio.sleep(0)


# a process that has to end


def test_a_connection_that_is_kept_open_does_not_delay_the_end(fakehub, tmp_path):
    user = fakehub.add_user(starts=[Start(202, seconds=2)])
    with serving(fakehub, tmp_path) as served:

        def launch():
            body = {"notebook": {"directory": "lab", "filename": "hello.ipynb"}}
            return requests.post(f"{served.url}/hello", json=body, headers=user.auth, timeout=60)

        with connect(served) as idle, in_background(launch) as replies:
            idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(65536).startswith(b"HTTP/1.1 200")
            wait_until(lambda: user.server == "spawning", "the start")
            os.kill(served.pid, signal.SIGTERM)
            wait_until(lambda: ended(idle), "the end of the connection")
        # the request under way is answered: another process goes on with its launch
        assert [reply.status_code for reply in replies] == [202]


@pytest.mark.slow
def test_a_process_that_ends_itself_is_replaced(fakehub, tmp_path):
    with serving(fakehub, tmp_path, *HASTY, workers=1) as served:
        before = worker_of(served).pid
        requests.get(f"{served.url}/end", timeout=20)
        wait_until(lambda: not psutil.pid_exists(before), "the end of the process", 40)
        wait_until(lambda: answers(served), "an answer", 40)
        assert worker_of(served).pid != before
        assert "this process ends" in served.log.read_text()


@pytest.mark.slow
def test_a_process_that_does_not_end_in_order_is_ended(fakehub, tmp_path):
    """A request that never ends, or an event loop that hangs, does not keep it."""
    with serving(fakehub, tmp_path, *HASTY, "--graceful-timeout", "3600") as served:
        before = worker_of(served).pid
        user = fakehub.add_user()
        fakehub.password_gate.clear()
        try:
            with connect(served) as waiting:
                head = (
                    f"GET /user HTTP/1.1\r\nHost: x\r\nAuthorization: {user.basic['Authorization']}"
                )
                waiting.sendall(f"{head}\r\n\r\n".encode())
                wait_until(lambda: fakehub.lines("POST /hub/login"), "a request under way")
                requests.get(f"{served.url}/end", timeout=20)
                wait_until(lambda: not psutil.pid_exists(before), "the end of the process", 40)
        finally:
            fakehub.password_gate.set()
        wait_until(lambda: answers(served), "an answer", 40)
