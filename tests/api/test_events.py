"""Events over HTTP: who may report and see which, and what is refused."""

import base64
import gzip
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from application import problem_of

from launcher.workshops import rate

TEACHERS = {"teacher_groups": ["teachers"]}
# the examples of the README of PipalHub
ALICE = {
    "type": "test-event",
    "user": "alice",
    "filename": "module1-day1.ipynb",
    "path": "/home/alice/module1-day1.ipynb",
    "timestamp": "2022-11-14T16:00:00.511Z",
}
BOB = {
    **ALICE,
    "user": "bob",
    "path": "/home/bob/module1-day1.ipynb",
    "timestamp": "2022-11-15T16:00:00.511Z",
}
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def site(start_app):
    return start_app(**TEACHERS)


@pytest.fixture
def teacher(fakehub):
    return fakehub.add_user("tina", groups=["teachers"])


@pytest.fixture
def bob(fakehub):
    return fakehub.add_user("bob")


@pytest.fixture
def alice(fakehub):
    return fakehub.add_user("alice")


def event(**fields):
    return {"type": "t", "filename": "x.ipynb", "path": "x.ipynb", **fields}


def post(site, caller, /, **fields):
    return site.post("/events", json=event(**fields), headers=caller.auth)


def created(site, caller, /, **fields):
    answer = post(site, caller, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(site, user, query=""):
    answer = site.get(f"/events{query}", headers=user.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def packed(content=b""):
    return base64.b64encode(gzip.compress(content or json.dumps(NOTEBOOK).encode())).decode()


def test_private_notebooks_are_not_kept(start_app, fakehub):
    app, ann = start_app(), fakehub.add_user("ann")
    for name, kind, status in (
        ("private-x.ipynb", "save-notebook", 400),
        ("Private.ipynb", "save-notebook", 400),
        ("private-x.ipynb", "other", 201),
        ("my-private.ipynb", "save-notebook", 201),
    ):
        body = {"type": kind, "filename": name, "path": name}
        assert app.post("/events", json=body, headers=ann.auth).status_code == status


def test_a_participant_sends_so_many_bytes_in_a_minute(start_app, fakehub, mocker):
    mocker.patch.object(rate, "MOST_BYTES", 100)
    app, ann = start_app(), fakehub.add_user("ann")
    body = {"type": "save-notebook", "filename": "x.ipynb", "path": "x.ipynb"}
    body["notebook"] = base64.b64encode(gzip.compress(b"{}")).decode()
    answers = [app.post("/events", json=body, headers=ann.auth) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert "within a minute" in answers[3].json()["detail"]


def test_a_participant_reports_so_many_events_in_a_minute(start_app, fakehub):
    app = start_app(max_events_per_minute=2, teacher_groups=["teachers"])
    ann, teacher = fakehub.add_user("ann"), fakehub.add_user("tina", groups=["teachers"])
    body = {"type": "t", "filename": "x.ipynb", "path": "x.ipynb"}
    answers = [app.post("/events", json=body, headers=ann.auth) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert app.post("/events", json=body, headers=fakehub.add_user("ben").auth).status_code == 201
    for _ in range(3):
        named = {**body, "user": "ann"}
        assert app.post("/events", json=named, headers=teacher.auth).status_code == 201


def test_the_examples_of_the_ancestor(site, teacher):
    first = site.post("/events", json=ALICE, headers=teacher.auth)
    assert first.status_code == 201
    shown = {**ALICE, "id": 1, "timestamp": "2022-11-14T16:00:00.511000+00:00"}
    assert first.json() == shown
    site.post("/events", json=BOB, headers=teacher.auth)
    other = {**BOB, "id": 2, "timestamp": "2022-11-15T16:00:00.511000+00:00"}
    assert listed(site, teacher) == [shown, other]
    assert listed(site, teacher, "?user=alice") == [shown]
    assert site.get("/events/2", headers=teacher.auth).json() == other


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=test-event", [1, 2]),
        ("type=other", []),
        ("user=bob", [2]),
        ("filename=module1-day1.ipynb", [1, 2]),
        ("path=/home/bob/module1-day1.ipynb", [2]),
        ("id=1", [1]),
        ("id=3", []),
        ("timestamp=2022-11-15T16:00:00.511Z", [2]),
        ("timestamp=2022-11-15T17:00:00.511000%2B01:00", [2]),
        ("timestamp=2022-11-14T16:00:00.511000+00:00", [1]),
        ("since=2022-11-14T16:00:00.511Z", [2]),
        ("since=2022-11-14T16:00:00.510Z", [1, 2]),
        ("user=alice&since=2022-11-14T16:00:00.511Z", []),
        ("limit=1", [1]),
        ("after=1", [2]),
    ],
)
def test_events_are_filtered_by_any_field(site, teacher, query, expected):
    for each in (ALICE, BOB):
        site.post("/events", json=each, headers=teacher.auth)
    assert [each["id"] for each in listed(site, teacher, f"?{query}")] == expected


def test_a_page_has_a_link_to_the_next_one(site, teacher):
    for number in range(5):
        created(site, teacher, path=f"{number}/x.ipynb")
    seen, place = [], "/events?limit=2&type=t"
    while place:
        answer = site.get(place, headers=teacher.auth)
        seen += [each["path"] for each in answer.json()]
        place = answer.links.get("next", {}).get("url")
    assert seen == [f"{number}/x.ipynb" for number in range(5)]


def test_the_same_type_user_and_path_is_one_event_that_keeps_its_id(site, alice):
    first = created(site, alice, timestamp="2026-01-01T00:00:00Z")
    created(site, alice, type="u")
    again = created(site, alice, timestamp="2026-01-02T00:00:00Z")
    assert again == {**first, "timestamp": "2026-01-02T00:00:00.000000+00:00"}
    assert [each["id"] for each in listed(site, alice)] == [1, 2]


def test_a_report_that_is_late_changes_nothing(site, alice):
    last = created(site, alice, timestamp="2026-01-02T00:00:00Z")
    assert created(site, alice, timestamp="2026-01-01T00:00:00Z") == last


def test_an_event_without_a_time_is_of_now(site, alice):
    moment = datetime.fromisoformat(created(site, alice)["timestamp"])
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)


def test_participants_see_and_report_their_own(site, alice, bob, teacher):
    mine, theirs = created(site, alice), created(site, bob, user="bob")
    assert mine["user"] == "alice"
    assert listed(site, alice) == [mine]
    assert listed(site, teacher) == [mine, theirs]
    assert site.get(f"/events/{mine['id']}", headers=teacher.auth).json() == mine
    problem_of(site.get(f"/events/{mine['id']}", headers=bob.auth), 404)
    problem_of(site.get("/events?user=alice", headers=bob.auth), 403)
    problem_of(site.get("/events/stream?user=alice", headers=bob.auth), 403)
    problem_of(post(site, bob, user="alice"), 403)
    assert listed(site, alice) == [mine]


def test_a_teachers_own_token_may_have_the_scope_of_servers(site, fakehub, alice):
    mine = created(site, alice)
    scopes = ("self", "access:services!service=launcher", "custom:launcher:server")
    teacher = fakehub.add_user("tom", groups=["teachers"], scopes=scopes)
    assert listed(site, teacher) == [mine]


def test_an_administrator_sees_all(site, fakehub, alice):
    mine = created(site, alice)
    admin = fakehub.add_user("root", scopes=("self", "admin:servers", "access:services"))
    assert listed(site, admin) == [mine]


@pytest.mark.parametrize(("scopes", "status"), [(["custom:launcher:events"], 200), ([], 403)])
def test_a_service_needs_the_scope(site, fakehub, alice, scopes, status):
    created(site, alice)
    headers = {"Authorization": f"token {fakehub.add_service(*scopes, name='portal')}"}
    assert site.get("/events", headers=headers).status_code == status
    answer = site.post("/events", json=event(user="alice", type="u"), headers=headers)
    assert answer.status_code == (201 if status == 200 else 403)
    # and launches need another one
    problem_of(site.get("/launches", headers=headers), 403)


def test_code_in_a_server_acts_for_its_user_alone(site, fakehub, alice, teacher):
    created(site, alice)
    own = {"Authorization": f"token {fakehub.server_token(teacher)}"}
    answer = site.post("/events", json=event(type="u"), headers=own)
    assert (answer.status_code, answer.json()["user"]) == (201, "tina")
    assert [each["user"] for each in site.get("/events", headers=own).json()] == ["tina"]
    problem_of(site.post("/events", json=event(user="alice"), headers=own), 403)
    problem_of(site.get("/launches", headers=own), 403)


@pytest.mark.parametrize(
    "fields",
    [
        {"filename": "../x.ipynb", "path": "../x.ipynb"},
        {"filename": "../../etc/x", "path": "../../etc/x"},
        {"filename": "x", "path": "../../etc/x"},
        {"filename": "..", "path": ".."},
        {"filename": "/etc/x", "path": "/etc/x"},
        {"filename": "*.ipynb", "path": "*.ipynb"},
        {"filename": "?.ipynb", "path": "?.ipynb"},
        {"filename": "[a-z].ipynb", "path": "[a-z].ipynb"},
        {"filename": "a\\b.ipynb", "path": "a\\b.ipynb"},
        {"filename": "a\nb.ipynb", "path": "a\nb.ipynb"},
        {"filename": "a\u202eb.ipynb", "path": "a\u202eb.ipynb"},
        {"filename": ""},
        {"filename": "x" * 256, "path": "x" * 256},
        {"filename": "x" * 2**20, "path": "x" * 2**20},
        {"filename": "x.ipynb", "path": "a/../x.ipynb"},
        {"filename": "x.ipynb", "path": "y.ipynb"},
        {"filename": "x.ipynb", "path": "x" * 5000 + "/x.ipynb"},
        {"type": ""},
        {"type": "a b"},
        {"type": 1},
        {"type": ["t"]},
        {"type": "x" * 2**20},
        {"user": None},
        {"user": "x" * 2**19},
        {"timestamp": "0000-01-01T00:00:00Z"},
        {"timestamp": "0001-01-01T00:00:00Z"},
        {"timestamp": "0001-01-01T00:00:00+23:59"},
        {"timestamp": "9999-12-31T23:59:59-23:59"},
        {"timestamp": "1969-12-31T23:59:59Z"},
        {"timestamp": "2026-02-30T00:00:00Z"},
        {"timestamp": "2026-01-01T23:59:60Z"},
        {"timestamp": "2026-01-01T00:00:00"},
        {"timestamp": "yesterday"},
        {"timestamp": 1668441600},
        {"size": -1},
        {"unknown": 1},
        {"notebook": packed()},
        {"type": "save-notebook", "notebook": "no base64"},
        {"type": "save-notebook", "notebook": "AAAA"},
        {"type": "save-notebook", "notebook": {"cells": []}},
    ],
)
def test_what_is_wrong_is_refused_with_a_sentence_and_nothing_is_stored(site, alice, fields):
    answer = post(site, alice, **fields)
    assert answer.status_code in (400, 413), answer.text
    assert problem_of(answer, answer.status_code)["detail"].endswith(".")
    assert listed(site, alice) == []


@pytest.mark.parametrize(
    "query",
    ["bogus=1", "id=x", "id=0", "since=x", "timestamp=0000-01-01T00:00:00Z", "limit=0", "type="],
)
def test_a_filter_that_is_wrong_is_refused(site, alice, query):
    problem_of(site.get(f"/events?{query}", headers=alice.auth), 400)


@pytest.mark.parametrize("query", ["bogus=1", "id=x", "timestamp=yesterday", "type="])
def test_a_filter_of_a_stream_that_is_wrong_is_refused(site, alice, query):
    problem_of(site.get(f"/events/stream?{query}", headers=alice.auth), 400)


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", "2147483648", "9" * 5000])
def test_an_id_that_is_none_is_refused(site, alice, number):
    answer = site.get(f"/events/{number}", headers=alice.auth)
    problem_of(answer, answer.status_code)
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], {"path": ""}, {"path": None}, {"path": ["x.ipynb"]}, {"path": "x" * 2**20}),
        {"path": "x.ipynb", "user": "bob"},
    ],
)
def test_a_withdrawal_that_is_wrong_is_refused(site, alice, bob, body):
    for user in (alice, bob):
        created(site, user)
    answer = site.post("/events/withdraw", json=body, headers=alice.auth)
    problem_of(answer, answer.status_code)
    assert answer.status_code in (400, 413)
    assert (len(listed(site, alice)), len(listed(site, bob))) == (1, 1)


def test_one_user_may_have_so_many_events(start_app, alice):
    site = start_app(max_events_per_user=2)
    for name in "ab":
        created(site, alice, path=f"{name}/x.ipynb")
    problem = problem_of(post(site, alice, path="c/x.ipynb"), 429)
    assert "2 events" in problem["detail"]
    created(site, alice, path="a/x.ipynb")


def test_a_saved_notebook_may_be_larger_than_other_bodies(site, alice):
    content = packed(os.urandom(2**20))
    assert post(site, alice, type="save-notebook", notebook=content).status_code == 201


def test_a_notebook_that_is_too_large_is_refused(start_app, alice):
    site = start_app(max_saved_notebook=10)
    problem = problem_of(post(site, alice, type="save-notebook", notebook=packed()), 413)
    assert "10 bytes" in problem["detail"]
    assert listed(site, alice) == []


def test_a_notebook_that_is_withdrawn_is_forgotten(site, alice, bob):
    for user in (alice, bob):
        created(site, user, type="save-notebook", notebook=packed())
    for _ in range(2):
        answer = site.post("/events/withdraw", json={"path": "x.ipynb"}, headers=alice.auth)
        assert answer.status_code == 204
    assert listed(site, alice) == []
    assert len(listed(site, bob)) == 1


def test_strangers_see_and_report_nothing(site):
    problem_of(site.get("/events"), 401)
    problem_of(site.get("/events", headers={"Authorization": "token nonsense"}), 401)
    problem_of(site.post("/events", json=event()), 401)
