"""A proxy that removes the launcher's prefix, or adds one, is told to be the cause of a 404."""

import pytest
from application import problem_of

PREFIX = "/services/launcher"


@pytest.mark.parametrize("path", ["/hello", "/experiments/hello", "/ready", "/"])
def test_a_request_without_the_prefix_is_told_what_is_missing(start_app, path):
    client = start_app({"BASE_PATH": PREFIX})
    detail = problem_of(client.get(path), 404)["detail"]
    assert f"below {PREFIX}/" in detail
    assert "proxy" in detail
    assert "nothing at this path" in problem_of(client.get(f"{PREFIX}/nothing"), 404)["detail"]


@pytest.mark.parametrize("path", ["/hello", "/launches", "/ready"])
def test_a_request_with_a_prefix_that_is_not_set_is_told_the_setting(client, path):
    detail = problem_of(client.get(PREFIX + path), 404)["detail"]
    assert "BASE_PATH" in detail
    assert "proxy" in detail


@pytest.mark.parametrize("path", ["/nothing", "/nothing/at/all", "/experiments/a/b/c"])
def test_any_other_path_is_just_nothing(client, path):
    assert "BASE_PATH" not in problem_of(client.get(path), 404)["detail"]
