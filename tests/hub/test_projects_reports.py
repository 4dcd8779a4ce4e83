"""Reports of checkouts: only the server's own, only of its present start, and bounded."""

import pytest
import requests
from hooked_hub import SECRET
from realhub import problem
from waiting import at_once

OLD = "0" * 32
NASTY = "\x1b[31m<script>alert(1)</script>\r\nSet-Cookie: a=b\u202e\x00"


@pytest.fixture(scope="module")
def wendy(projects):
    return projects.user("wendy")


def hanging(user, path):
    """A launch whose checkout does not end, and the own token of its server."""
    launch = user.fetching(path, "hang")
    user.site.git.misbehaves = ""
    return launch, user.process(launch["server"])[1]["JUPYTERHUB_API_TOKEN"]


@pytest.fixture(scope="module")
def begun(projects, wendy):
    projects.add("report/slow").commit({"a.md": "a\n"})
    return hanging(wendy, "report/slow")


@pytest.fixture(scope="module")
def preparing(begun):
    """A launch whose checkout does not end."""
    return begun[0]


@pytest.fixture(scope="module")
def token(begun):
    """The own token of its server."""
    return begun[1]


@pytest.fixture(scope="module")
def start_id(projects, wendy, preparing):
    """The id of the server's start, as its checkout was given it."""
    return projects.start_id(wendy.name, preparing["server"])


def report(projects, token, launch, message="Receiving 40 %", progress=40, **more):
    return requests.post(
        f"{projects.launcher.url}/project-server/progress",
        json={"launch": launch, "message": message, "progress": progress, **more},
        headers={"Authorization": f"token {token}"},
        timeout=30,
    )


def test_the_server_itself_reports(projects, wendy, preparing, token, start_id):
    answer = report(projects, token, start_id, "Half of it", 50)
    assert (answer.status_code, answer.json()) == (200, {})
    events = wendy.call("GET", f"/launches/{preparing['id']}/events", stream=True)
    with events:
        seen = (line for line in events.iter_lines(chunk_size=1, decode_unicode=True))
        assert any("Half of it" in line for line in seen)


@pytest.mark.parametrize("whose", ["user", "hook", "launcher", "nobody"])
def test_nobody_else_does(projects, wendy, start_id, whose):
    given = {
        "user": wendy.token,
        "hook": SECRET,
        "launcher": projects.hub.launcher_token,
        "nobody": "x" * 32,
    }[whose]
    answer = report(projects, given, start_id, state="done")
    assert answer.status_code in (401, 403), answer.text


def test_the_server_of_another_user_does_not(projects, wendy, preparing, start_id):
    xena = projects.user("xena")
    projects.hub.start_server("xena", preparing["server"])
    theirs = xena.process(preparing["server"])[1]["JUPYTERHUB_API_TOKEN"]
    answer = report(projects, theirs, start_id, state="done")
    assert problem(answer, 409, "ended")
    projects.hub.start_server("wendy")
    another = wendy.process("")[1]["JUPYTERHUB_API_TOKEN"]
    assert problem(report(projects, another, start_id, state="done"), 409, "ended")
    assert wendy.server(preparing["server"])["project"]["checkout"] == "preparing"


def test_an_earlier_start_does_not(projects, wendy, preparing, token):
    for launch in (OLD, preparing["id"]):
        answer = report(projects, token, launch, state="done")
        assert problem(answer, 409, "ended")
    assert wendy.server(preparing["server"])["project"]["checkout"] == "preparing"


@pytest.mark.parametrize(
    "wrong",
    [
        {"launch": "../x"},
        {"message": ""},
        {"message": "x" * 4001},
        {"progress": 101},
        {"progress": -1},
        {"progress": "40"},
        {"state": "cancelled"},
    ],
)
def test_what_is_no_report_is_refused(projects, token, start_id, wrong):
    body = {"launch": start_id, "message": "m", "progress": 1, **wrong}
    answer = report(projects, token, **body)
    assert problem(answer, 400, "bad-request")


def test_a_message_is_text_whatever_is_in_it(projects, wendy, preparing, token, start_id):
    assert report(projects, token, start_id, NASTY).status_code in (200, 400)
    assert report(projects, token, start_id, "<b>bold</b> & more").status_code == 200
    raw = wendy.call("GET", f"/launches/{preparing['id']}/events", stream=True)
    seen = b""
    with raw:
        for chunk in raw.iter_content(1):
            seen += chunk
            if b"more" in seen:
                break
    for line in seen.decode().splitlines():
        assert line.partition(":")[0] in ("id", "event", "data", "retry", ""), line
    assert b"\x1b" not in seen
    assert b"\x00" not in seen
    assert "\x1b" not in projects.launcher.log


def test_the_end_is_reported_once(projects, wendy, preparing, token, start_id):
    assert report(projects, token, start_id, "Ready", 100, state="done").status_code == 200
    assert wendy.done(preparing)["project"]["detail"] == "Ready"
    for state in ("done", "failed"):
        late = report(projects, token, start_id, "Late", 100, state=state, reason="late")
        assert problem(late, 409, "ended")
    assert wendy.server(preparing["server"])["project"]["detail"] == "Ready"


@pytest.mark.slow
def test_a_flood_of_reports_is_bounded(projects):
    yuri = projects.user("yuri")
    projects.add("report/flood").commit({"a.md": "a\n"})
    launch, token = hanging(yuri, "report/flood")
    start_id = projects.start_id("yuri", launch["server"])
    answers = at_once(4, lambda _: [report(projects, token, start_id) for _ in range(300)])
    assert {each.status_code for part in answers for each in part} == {200}
    assert report(projects, token, start_id, "Ready", 100, state="done").status_code == 200
    yuri.done(launch)
    said = yuri.messages(launch)
    assert 900 < len(said) < 1010
    assert said[-1] == "Ready"
