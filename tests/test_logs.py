"""The log: a line for each request, with an id that the answer has too, and nothing secret."""

import base64
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from application import problem_of
from sample_requests import SAMPLE_REQUESTS
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from waiting import at_once, wait_until

from launcher import logs

MADE_HERE = re.compile(r"[0-9a-f]{32}")
CANARY = "canary7f3a"
FORGED = '{"event":"forged"}'


def new_id():
    return uuid.uuid4().hex


def lines_of(text, request_id):
    """The lines about one request; each line of the text has to be an object of JSON."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if line.get("request_id") == request_id]


def told(gunicorn, request_id):
    """The lines of gunicorn about a request that has been answered, when they are there."""
    wait_until(lambda: request_id in gunicorn.log.read_text(), "a line")
    return lines_of(gunicorn.log.read_text(), request_id)


def requests_told(gunicorn, request_id):
    """The lines of the access log among them, which are not the first of a request."""
    lines = told(gunicorn, request_id)
    return [line for line in lines if line["logger"] == "launcher.access"]


def get(target, *headers):
    """A request as bytes, with the target as it is."""
    lines = [f"GET {target} HTTP/1.1", "Host: x", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


# the id


@pytest.mark.parametrize("given", ["abcdefgh", "A-_9" * 16, "-" * 8])
def test_an_id_that_is_given_is_taken(client, given):
    assert client.get("/health", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given",
    [
        b"", b"short67", b"x" * 65, b"x" * 9000, b"abcdefgh\n", b"abcdefgh\r\nX-Evil: 1",
        b"\nabcdefgh", b"abcdefgh ", b"abc defgh", "abcdefgé".encode(), "абвгдежз".encode(),
        "１２３４５６７８".encode(), b"abcdefgh\x1b[31m", b"abcdefgh\x00", b"abcdefgh\xff",
        b"../../../x", b"<script>x", b'abcdefgh","x":"', b"abcdefgh, abcdefgh",
    ],
    ids=lambda given: ascii(given)[:40],
)  # fmt: skip
def test_any_other_id_is_replaced(client, written, given):
    headers = client.get("/health", headers={b"X-Request-ID": given}).headers
    assert MADE_HERE.fullmatch(headers["x-request-id"])
    assert "x-evil" not in headers
    [line] = lines_of(written.getvalue(), headers["x-request-id"])
    assert line["event"] == "request"


def test_of_two_ids_none_is_taken(client):
    answer = client.get("/health", headers=[("X-Request-ID", "abcdefgh")] * 2)
    assert MADE_HERE.fullmatch(answer.headers["x-request-id"])


@pytest.mark.parametrize("given", ["", "é" * 8, "abc\x0bdefgh", "x" * 65])
def test_an_id_is_replaced_on_the_wire_too(gunicorn, given):
    status, head, _ = gunicorn.raw(get("/health", f"X-Request-ID: {given}"))
    if status == 200:  # gunicorn refuses some headers itself
        assert re.findall(r"(?i)^x-request-id: (.*)\r$", head, re.M)[0] != given
    assert head.lower().count("x-request-id") == (status == 200)


@pytest.mark.parametrize(("method", "path"), SAMPLE_REQUESTS)
def test_every_answer_carries_an_id_of_its_own(client, method, path):
    ids = {client.request(method, path).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(MADE_HERE.fullmatch(each) for each in ids)


def test_an_answer_to_another_origin_carries_one(start_app):
    client = start_app(allowed_origins=["https://portal.example.org"])
    headers = {
        "Origin": "https://portal.example.org",
        "Access-Control-Request-Method": "POST",
        "X-Request-ID": "abcdefgh",
    }
    assert client.options("/hello", headers=headers).headers["x-request-id"] == "abcdefgh"


@pytest.mark.parametrize("path", ["/nothing", "/user", "/ui/nothing"])
def test_header_problem_and_log_have_the_same_id(client, written, path):
    answer = client.get(path)
    problem = problem_of(answer, answer.status_code)
    [line] = lines_of(written.getvalue(), problem["request_id"])
    assert line["status"] == problem["status"]


def test_a_request_without_an_answer_makes_a_line_without_a_status(written):
    async def gone(scope, receive, send):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        TestClient(logs.RequestId(gone)).get("/", headers={"X-Request-ID": "abcdefgh"})
    [line] = lines_of(written.getvalue(), "abcdefgh")
    assert line["status"] is None


def test_the_line_of_a_stream_comes_at_its_end(written):
    seen = []

    async def parts():
        yield b"one"
        seen.append(written.getvalue())
        yield b"two"

    client = TestClient(logs.RequestId(StreamingResponse(parts())))
    answer = client.get("/", headers={"X-Request-ID": "abcdefgh"})
    assert answer.text == "onetwo"
    assert answer.headers["x-request-id"] == "abcdefgh"
    assert seen == [""]
    assert len(lines_of(written.getvalue(), "abcdefgh")) == 1


# the lines


def test_a_request_makes_one_line(gunicorn, alice):
    chosen = new_id()
    headers = [f"Authorization: token {alice.token}", f"X-Request-ID: {chosen}"]
    status, _, _ = gunicorn.raw(get(f"/user?{CANARY}=1", *headers))
    assert status == 400
    [line] = told(gunicorn, chosen)
    age = datetime.now(UTC) - datetime.fromisoformat(line.pop("ts"))
    assert timedelta() <= age < timedelta(minutes=1)
    assert 0 <= line.pop("seconds") < 60
    assert line == {
        "level": "INFO",
        "logger": "launcher.access",
        "event": "request",
        "method": "GET",
        "path": "/user",
        "status": 400,
        "request_id": chosen,
    }


def test_the_time_is_that_of_rfc_3339_in_utc(client, written):
    client.get("/health")
    line = json.loads(written.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])


def test_many_requests_at_once_make_a_line_each(gunicorn):
    ids = [new_id() for _ in range(40)]
    at_once(8, lambda n: [gunicorn.raw(get("/health", f"X-Request-ID: {i}")) for i in ids[n::8]])
    assert [len(told(gunicorn, each)) for each in ids] == [1] * len(ids)


@pytest.mark.parametrize(
    "path",
    [
        f"/%0d%0a{FORGED}%0d%0a", f"/%0a{FORGED}", "/%1b[31mred", "/%1b]0;title%07", "/%00",
        f"/%e2%80%a8{FORGED}", f"/%c2%85{FORGED}", "/%c2%9b31m", "/%e2%80%ae", "/%ff%fe",
        '/"%22', "/%5c", "/" + "%f0%9f%98%80" * 300, "/" + "x" * 3000,
    ],
    ids=lambda path: path[:30],
)  # fmt: skip
def test_no_path_makes_a_second_line_or_colours_a_terminal(gunicorn, path):
    chosen = new_id()
    gunicorn.raw(get(path, f"X-Request-ID: {chosen}"))
    assert len(told(gunicorn, chosen)) == 1
    raw = gunicorn.log.read_bytes()
    assert raw.isascii()
    assert b"\x1b" not in raw
    assert b"\r" not in raw
    assert max(map(len, raw.splitlines())) < 4096  # PIPE_BUF
    assert all(json.loads(line)["event"] != "forged" for line in raw.splitlines())


@pytest.mark.parametrize("path", ["/\r\n" + FORGED, "/\x1b[31m", "/\ud800", "/\x85\u2028x"])
@pytest.mark.parametrize("formatter", [logs.JSONLines(), logs.Text()], ids=["json", "text"])
def test_no_line_holds_what_a_terminal_obeys(formatter, path):
    record = logging.makeLogRecord(
        {"name": f"launcher{path}", "msg": f"at {path}", "path": path, "fields": {path: path}}
    )
    line = formatter.format(record)
    assert line.isprintable()
    line.encode()


def test_a_path_that_came_decoded_makes_one_line(client, written):
    client.get(f"/%0a{FORGED}%1b[31m", headers={"X-Request-ID": "abcdefgh"})
    [line] = written.getvalue().splitlines()
    assert json.loads(line)["path"] == f"/\n{FORGED}\x1b[31m"


def test_no_credential_and_no_query_is_logged(gunicorn, fakehub):
    password = base64.b64encode(f"bob:{CANARY}".encode()).decode()
    basic = [f"Basic {password}", f"Basic {CANARY}"]
    for credential in (*basic, f"token {CANARY}", f"Bearer {CANARY}", CANARY):
        chosen = new_id()
        headers = [f"Authorization: {credential}", f"X-Request-ID: {chosen}"]
        headers += [f"Cookie: _xsrf={CANARY}", f"User-Agent: {CANARY}", f"Referer: /{CANARY}"]
        status, _, _ = gunicorn.raw(get(f"/user?token={CANARY}", *headers))
        assert status in (400, 401)
        assert len(wait_until(partial(requests_told, gunicorn, chosen), "a line")) == 1
    text = gunicorn.log.read_text()
    assert CANARY not in text
    assert password not in text


def break_sign_in(path):
    """Have the database refuse something of the launcher's own, which nothing expects."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON login_attempts"
            " BEGIN SELECT RAISE(ABORT, 'no more'); END"
        )


def test_a_fault_of_ours_is_logged_with_the_id_and_nothing_secret(start_app, tmp_path, written):
    client = start_app()
    break_sign_in(tmp_path / "launcher.sqlite")
    problem = problem_of(client.get("/user", auth=("bob", CANARY)), 500)
    fault, access = lines_of(written.getvalue(), problem["request_id"])
    assert (fault["level"], fault["logger"]) == ("ERROR", "launcher")
    assert fault["event"] == "unexpected error"
    assert fault["exception"].startswith("Traceback")
    assert "no more" in fault["exception"]
    assert "[parameters: " not in fault["exception"]
    assert (access["event"], access["status"]) == ("request", 500)
    assert CANARY not in written.getvalue()


def test_a_fault_outside_of_the_api_is_told_and_logged_too(start_app, written):
    async def faulty(request):
        raise RuntimeError("no more")

    client = start_app()
    starlette = client.app._app._app
    starlette.router.routes.insert(0, Route("/faulty", faulty))
    problem = problem_of(client.get("/faulty"), 500)
    fault, access = lines_of(written.getvalue(), problem["request_id"])
    assert "no more" in fault["exception"]
    assert access["status"] == 500


def test_what_gunicorn_says_has_the_same_format(gunicorn):
    lines = [json.loads(line) for line in gunicorn.log.read_text().splitlines()]
    said = [line["event"] for line in lines if line["logger"] == "gunicorn.error"]
    assert any("Listening at" in event for event in said)
    assert not any(line["logger"] == "gunicorn.access" for line in lines)


# audit, and programs that set the log up


def run(code, stderr=subprocess.PIPE):
    """What a program writes to stderr after `logs` and `logging` were imported."""
    code = f"import logging; from launcher import logs; {code}"
    return subprocess.run([sys.executable, "-c", code], stderr=stderr, check=True, text=True).stderr


def test_an_audit_line_says_who_did_what():
    [line] = run("logs.setup(); logs.audit('login', user='alice', filename='a\\nb')").splitlines()
    line = json.loads(line)
    assert line.pop("ts")
    assert line == {
        "level": "INFO",
        "logger": "launcher.audit",
        "event": "login",
        "user": "alice",
        "filename": "a\nb",
    }


def test_an_audit_line_has_the_id_of_the_request(written):
    async def app(scope, receive, send):
        logs.audit("login", user="alice", request_id="another", level="x")
        await StreamingResponse(iter([b""]))(scope, receive, send)

    TestClient(logs.RequestId(app)).get("/", headers={"X-Request-ID": "abcdefgh"})
    audit, _ = lines_of(written.getvalue(), "abcdefgh")
    assert (audit["level"], audit["event"], audit["user"]) == ("INFO", "login", "alice")


@pytest.mark.parametrize("level", ["WARNING", "CRITICAL"])
def test_an_audit_line_comes_at_every_level_of_the_others(level):
    said = run(
        f"logs.setup(logging.{level}); logging.getLogger('launcher').info('no');"
        "logging.getLogger('launcher.access').info('no'); logs.audit('yes')"
    )
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["yes"]


def test_nothing_is_written_twice_when_set_up_twice():
    said = run("logs.setup(); logs.setup(); logging.getLogger('launcher').info('once')")
    assert len(said.splitlines()) == 1


def test_others_are_heard_from_warnings_on():
    said = run(
        "logs.setup(); logging.getLogger('aiohttp').info('no');"
        "logging.getLogger('aiohttp').warning('yes');"
        "import warnings; warnings.warn('yes\\nindeed')"
    )
    assert [json.loads(line)["logger"] for line in said.splitlines()] == ["aiohttp", "py.warnings"]


def test_a_terminal_gets_text():
    ours, theirs = os.openpty()
    run("logs.setup(); logs.audit('login', user='al\\x1b[31mice', age=7)", stderr=theirs)
    os.close(theirs)
    line = os.read(ours, 4096).decode()
    os.close(ours)
    text = r'\S+Z INFO launcher\.audit: login user="al\\u001b\[31mice" age=7\r\n'
    assert re.fullmatch(text, line), line


def test_a_traceback_on_a_terminal_is_indented():
    try:
        raise ValueError("first\n2026-01-01T00:00:00.000Z INFO launcher.audit: forged\x1b[31m")
    except ValueError:
        record = logging.makeLogRecord({"msg": "broken", "exc_info": sys.exc_info()})
    _, *below = logs.Text().format(record).split("\n")
    assert any("forged" in line for line in below)
    assert all(line.startswith("    ") and line.isprintable() for line in below)
