"""What fails makes one line, with its reason, the request's id and the launch's."""

import json
import socket
import uuid

import pytest
import requests
from application import problem_of
from edge import serving
from fakehub import Start, page_answer
from launching import ASYNC, linked, wait_for
from start_queue import people, status
from stored_launches import left_by_a_dead_process
from waiting import at_once, wait_until

from launcher import store

BODY = {"notebook": {"directory": "lab", "filename": "hello.ipynb"}}


def lines(text, *events):
    """The lines with those events, all but those of the access log without an argument."""
    found = [json.loads(line) for line in text.splitlines()]
    return [
        line
        for line in found
        if (line["event"] in events if events else line["logger"] != "launcher.access")
    ]


def identified(user):
    """The headers of a request with an id of its own, and that id."""
    request_id = uuid.uuid4().hex
    return user.auth | {"X-Request-ID": request_id}, request_id


def test_a_launch_that_failed_makes_one_line(start_app, fakehub, written):
    client = start_app()
    reason = "no such image; token=s3cret"
    user = fakehub.add_user(starts=[Start(202, "fails", reason=reason)])
    headers, request_id = identified(user)
    answer = client.launch(user, headers=headers)
    problem = problem_of(answer, 502)
    [line] = [line for line in lines(written.getvalue()) if line.get("request_id") == request_id]
    line.pop("ts")
    assert line == {
        "level": "WARNING",
        "logger": "launcher",
        "event": "a launch failed",
        "type": "spawn-failed",
        "reason": problem["detail"],
        "launch_id": linked(answer).rpartition("/")[2],
        "user": user.name,
        "server": "",
        "experiment": "hello",
        "request_id": request_id,
    }
    assert "no such image" in line["reason"]
    assert "s3cret" not in written.getvalue()


def test_each_launch_that_waited_for_a_failed_start_makes_a_line(start_app, fakehub, written):
    client = start_app()
    user = fakehub.add_user(starts=[Start(202, "fails", seconds=0.6)])
    at_once(4, lambda n: client.launch(user, filename=f"{n}.ipynb"))
    failed = lines(written.getvalue(), "a launch failed")
    assert len({line["launch_id"] for line in failed}) == len(failed) == 4


def test_a_failed_launch_that_nobody_waits_for_makes_a_line_too(start_app, fakehub, written):
    client = start_app()
    user = fakehub.add_user(starts=[Start(202, "fails", seconds=0.3)])
    headers, request_id = identified(user)
    launch = client.launch(user, headers=headers | ASYNC).json()
    wait_for(client, user, launch, "failed")
    [line] = wait_until(lambda: lines(written.getvalue(), "a launch failed"), "a line")
    assert (line["launch_id"], line["request_id"]) == (launch["id"], request_id)


@pytest.mark.parametrize("crashes", [0, 3])
def test_a_launch_that_another_process_took_over_keeps_its_request_id(
    start_app, fakehub, written, crashes
):
    client = start_app()
    user = fakehub.add_user(starts=[Start(202, "fails")])
    launch = left_by_a_dead_process(
        client.settings, user, state="queued", crashes=crashes, request_id="of-that-time"
    )

    def told():
        return [line for line in lines(written.getvalue()) if line.get("launch_id") == launch.id]

    wait_until(lambda: len(told()) == 2, "both lines")
    assert [line["event"] for line in told()] == ["a launch is taken over", "a launch failed"]
    assert {line["request_id"] for line in told()} == {"of-that-time"}


def test_a_launch_that_succeeds_or_is_cancelled_makes_none(start_app, fakehub, alice, written):
    client = start_app()
    assert client.launch(alice).status_code == 200
    user = fakehub.add_user(starts=[Start(202, "never")])
    launch = client.launch(user, headers=user.auth | ASYNC).json()
    wait_for(client, user, launch, "starting")
    client.delete(f"/launches/{launch['id']}", headers=user.auth)
    wait_until(lambda: user.server == "stopped", "a stop")
    assert lines(written.getvalue(), "a launch failed", "a request failed") == []


def test_a_database_that_is_lost_makes_a_line_for_each_request_and_one_for_itself(
    start_app, fakehub, alice, written
):
    client = start_app()
    assert client.launch(alice).status_code == 200
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE launches RENAME TO gone")
    ids = []
    for _ in range(3):
        headers, request_id = identified(alice)
        ids.append(request_id)
        problem = problem_of(client.launch(alice, headers=headers), 503)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO launches")
    engine.dispose()
    text = written.getvalue()
    [away] = lines(text, "the database cannot be used")
    assert "no such table: launches" in away["reason"]
    failed = lines(text, "a request failed")
    assert [line["request_id"] for line in failed] == ids
    assert {line["type"] for line in failed} == {"store-unavailable"}
    assert {line["reason"] for line in failed} == {problem["detail"]}


def test_a_launchers_token_that_is_refused_makes_a_line(start_app, fakehub, written):
    client = start_app()
    wait_until(lambda: client.get("/ready").status_code == 200, "the first check")
    user = fakehub.add_user()
    assert client.get("/user", headers=user.auth).status_code == 200
    fakehub.token_refused = True
    headers, request_id = identified(user)
    problem = problem_of(client.launch(user, headers=headers), 503)
    assert problem["type"].endswith(":hub-refused")
    [line] = lines(written.getvalue(), "a launch failed", "a request failed")
    assert (line["type"], line["request_id"]) == ("hub-refused", request_id)
    assert line["reason"] == problem["detail"]
    away, *_ = wait_until(lambda: lines(written.getvalue(), "the launcher's token cannot be used"))
    assert away["reason"] == problem["detail"]
    fakehub.token_refused = False
    wait_until(lambda: lines(written.getvalue(), "the launcher's token can be used again"))


def test_a_callers_token_that_is_refused_makes_a_line(client, fakehub, written):
    for token in (fakehub.add_service("self"), "unknown", fakehub.add_user(scopes=("self",)).token):
        request_id = uuid.uuid4().hex
        headers = {"Authorization": f"token {token}", "X-Request-ID": request_id}
        problem = problem_of(client.get("/user", headers=headers), 401 if "un" in token else 403)
        [line] = [x for x in lines(written.getvalue(), "token_refused")
                  if x["request_id"] == request_id]  # fmt: skip
        assert line["logger"] == "launcher.audit"
        assert line["reason"] == problem["detail"]
        assert token not in written.getvalue()


def test_the_states_of_the_breaker_make_a_line_each_over_all_processes(fakehub, start_app, written):
    apps = [start_app(breaker_seconds=2, start_cooldown=0) for _ in range(2)]
    for user in people(fakehub, 3, outcome="fails"):
        problem_of(apps[0].launch(user), 502)
    wait_until(lambda: lines(written.getvalue(), "the breaker is half-open"), "half-open")
    assert apps[0].launch(fakehub.add_user()).status_code == 200
    wait_until(lambda: lines(written.getvalue(), "the breaker is closed"), "closed")
    assert status(apps[0], fakehub)["breaker"] == "closed"
    opened = lines(written.getvalue(), "the breaker is open")
    assert opened[0]["last_failure"] == "spawn-failed"
    assert opened[0]["failed_in_a_row"] == 3


@pytest.mark.slow
def test_several_workers_make_one_line_for_each_change(fakehub, tmp_path):
    """Away, back, and the breaker open: one line each, though every worker notices."""
    settings = "c.Launcher.start_cooldown = 0\nc.Launcher.breaker_seconds = 600\n"
    (tmp_path / "launcher_config.py").write_text(settings)
    log = tmp_path / "log"

    def count(event):
        return len(lines(log.read_text(), event))

    with serving(
        fakehub,
        tmp_path,
        workers=3,
        environ={"LAUNCHER_CONFIG": str(tmp_path / "launcher_config.py")},
    ) as launcher:
        wait_until(lambda: requests.get(f"{launcher.url}/ready", timeout=9).ok, "ready")
        for user in people(fakehub, 3, outcome="fails"):
            answer = requests.post(
                f"{launcher.url}/hello", json=BODY, headers=user.auth, timeout=60
            )
            assert answer.status_code == 502, answer.text
        fakehub.away = "proxy"
        wait_until(lambda: count("the hub cannot be used"), "a line")
        # every worker checks at least once meanwhile
        wait_until(lambda: len(fakehub.checks) > 8, "checks of every worker")
        fakehub.away = ""
        wait_until(lambda: count("the hub can be used again"), "a line")
        wait_until(lambda: count("the breaker is open"), "a line")
        checked = len(fakehub.checks)
        wait_until(lambda: len(fakehub.checks) > checked + 3, "more checks")
    assert count("the hub cannot be used") == 1
    assert count("the hub can be used again") == 1
    assert count("the breaker is open") == 1


def test_a_call_to_a_users_server_without_an_answer_makes_a_line_a_minute(
    start_app, fakehub, alice, written
):
    client = start_app()
    assert client.launch(alice).status_code == 200
    for _ in range(3):
        fakehub.drop_next("PATCH", user=alice, times=1)
        assert client.launch(alice).status_code == 200
    told = lines(written.getvalue(), "a request got no response")
    assert len(told) <= 1
    for line in told:
        assert line["reason"] == "it closed the connection without a response"
        assert line["kind"] == "contents.rename"


@pytest.mark.parametrize("what", ["nobody", "redirect"])
def test_a_proxy_that_cannot_be_used_is_a_check_of_its_own(start_app, fakehub, written, what):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    proxy = (
        f"http://127.0.0.1:{port}"
        if what == "nobody"
        else fakehub.url.replace("127.0.0.1", "localhost")
    )
    fakehub.proxy_answer = page_answer(301, location="https://elsewhere.example/")
    client = start_app(proxy_url=proxy, hub_api_url=f"{fakehub.url}/hub/api")

    def check():
        checks = client.get("/ready").json()["checks"]
        return next((c for c in checks if c["name"] == "proxy"), None)

    found = wait_until(check, "a check of the proxy")
    assert not found["ok"]
    expected = {"nobody": "the connection was refused", "redirect": "it redirects (301)"}[what]
    assert expected in found["detail"]
    [line] = lines(written.getvalue(), "the proxy cannot be used")
    assert expected in line["reason"]
    fakehub.proxy_answer = None
    if what == "redirect":
        wait_until(lambda: client.get("/ready").status_code == 200, "ready")
