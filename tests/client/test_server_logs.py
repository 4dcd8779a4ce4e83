"""The Python client and the logs of servers."""

import itertools

import pytest
from fake_launcher import PROBLEM

from launcher.client import LauncherProblem, UnexpectedAnswer, server_logs


def at(position):
    """The header that says where the next lines are."""
    path = f"/services/launcher/log?max_lines=2&after={position}"
    return {"Link": f'<{path}>; rel="next"'}


@pytest.mark.parametrize(("name", "path"), [("", "log"), ("gpu", "logs/gpu")])
def test_the_last_lines_of_a_server(service, launcher, name, path):
    service.answers(["one", "two"], **at("0123456789ab-8"))
    assert launcher.logs(name, max_lines=2) == ["one", "two"]
    assert service.last[1] == f"/services/launcher/{path}?max_lines=2"


def test_lines_are_followed_as_they_come_also_over_a_lost_connection(
    service, launcher, monkeypatch
):
    monkeypatch.setattr(server_logs, "POLL_SECONDS", 0.01)
    service.answers_first(["one", "two"], **at("0123456789ab-8"))
    service.loses()
    service.answers_first(["three"], **at("0123456789ab-14"))
    service.answers_first([], **at("0123456789ab-14"))
    service.answers(["four"], **at("0123456789ab-19"))
    lines = list(itertools.islice(launcher.follow_logs(max_lines=2), 4))
    assert lines == ["one", "two", "three", "four"]
    asked = [path.partition("after=")[2] for _, path, _, _ in service.seen]
    assert asked == ["", *["0123456789ab-8"] * 2, *["0123456789ab-14"] * 2]


def test_a_hub_that_keeps_no_output_is_a_problem(service, launcher):
    problem = {"detail": "The output is not kept.", "status": 501}
    service.answers(problem, 501, PROBLEM)
    with pytest.raises(LauncherProblem, match="not kept") as caught:
        launcher.logs()
    assert caught.value.status == 501
    with pytest.raises(LauncherProblem):
        next(launcher.follow_logs())


@pytest.mark.parametrize("body", [b"{}", b"[", b"null"])
def test_what_is_no_array_is_unexpected(service, launcher, body):
    service.answers(body)
    with pytest.raises(UnexpectedAnswer):
        launcher.logs()
