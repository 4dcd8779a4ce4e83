"""A parameter that is wrong is named, and its value is not repeated."""

import pytest
from application import problem_of


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/launches", {"canary": "1"}, "cursor, experiment, limit, state, user"),
        ("/launches", {"User": "x"}, "user"),
        ("/servers", {"user": "canary"}, "branch, commit_sha, namespace, project, state"),
        ("/server", {"user": "canary"}, "has none"),
        ("/user", {"x": ""}, "has none"),
        ("/launches", {"limit": "0"}, "limit must be at least 1"),
        ("/launches", {"limit": "-1"}, "limit must be at least 1"),
        ("/launches", {"limit": "201"}, "limit may be at most 200"),
        ("/launches", {"limit": "canary"}, "limit must be a whole number"),
        ("/launches", {"limit": "1.5"}, "limit must be a whole number"),
        ("/launches", {"limit": "1e2"}, "limit must be a whole number"),
        ("/launches", {"limit": ""}, "limit must be a whole number"),
        ("/launches", {"limit": "9" * 5000}, "limit"),
        ("/launches", {"user": ""}, "user must be at least 1"),
        ("/launches", {"user": "x" * 256}, "user may be at most 255"),
        ("/launches", {"user": "a\nb"}, "user must match"),
        ("/launches", {"user": "a\x00"}, "user must match"),
        ("/launches", {"state": "canary"}, "state must be one of: queued"),
        ("/launches", {"state": "Done"}, "state must be one of"),
        ("/launches", {"experiment": "../canary"}, "experiment must match"),
        ("/launches", {"experiment": ""}, "experiment must be"),
        ("/launches", {"cursor": ""}, "cursor must be"),
        ("/launches", {"cursor": "x" * 201}, "cursor may be"),
    ],
)
def test_a_query_parameter_that_is_wrong_is_named(client, alice, path, query, named):
    problem = problem_of(client.get(path, params=query, headers=alice.auth), 400)
    assert named in problem["detail"]
    assert "canary" not in problem["detail"]
    assert "query" in problem["detail"]


def test_a_parameter_that_comes_twice_is_one(client, alice):
    answer = client.get("/launches?limit=1&limit=canary", headers=alice.auth)
    assert answer.status_code in (200, 400)
    answer = client.get(f"/launches?user={alice.name}&user=canary", headers=alice.auth)
    assert answer.status_code in (400, 403)


def test_a_path_parameter_that_is_wrong_is_named(client, alice):
    answer = client.get(f"/launches/{'x' * 65}", headers=alice.auth)
    assert "launch_id may be at most 64" in problem_of(answer, 400)["detail"]


@pytest.mark.parametrize(
    ("header", "value"), [("Prefer", "x" * 501), ("Idempotency-Key", "x" * 256)]
)
def test_a_header_that_is_wrong_is_named(client, alice, header, value):
    problem = problem_of(client.launch(alice, headers=alice.auth | {header: value}), 400)
    assert f"The header {header} may be at most" in problem["detail"]
    assert alice.files == {}


@pytest.mark.parametrize("query", ["user=%ff", "user=%", "%00=1", "=", "&&", "user", ";"])
def test_a_query_that_is_none_is_no_fault(client, alice, query):
    assert client.get(f"/launches?{query}", headers=alice.auth).status_code in (200, 400, 403)
