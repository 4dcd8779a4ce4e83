"""What the launch hears of a checkout."""

import socket
from itertools import pairwise

import pytest
from waiting import wait_until


@pytest.fixture
def reported(project, portal):
    """The JSON of a project whose launch wants to hear of it."""

    def build(**fields):
        address = {"progress_url": "/launches/1/progress", "launcher_url": portal.url}
        return project(**{**address, "launch": "launch-1", **fields})

    return build


def test_the_launch_hears_of_the_progress_and_of_the_end(start, reported, repository, portal):
    start(reported(commit=repository.tip()))
    message = "projects/p is ready."
    expected = {"message": message, "progress": 100, "state": "done", "launch": "launch-1"}
    assert portal.last() == expected
    times, bodies = zip(*portal.reports, strict=True)
    assert bodies[0] == {
        "message": f"Fetching {repository.url}",
        "progress": 5,
        "launch": "launch-1",
    }
    assert all(later - earlier > 0.9 for earlier, later in pairwise(times))
    assert portal.strangers == 0


def test_the_launch_hears_the_reason_of_a_failure(start, reported, portal):
    start(reported(commit="ab" * 20))
    body = portal.last()
    assert (body["state"], body["message"]) == ("failed", body["reason"])
    assert body["reason"].startswith("The commit ababababab is not in the repository.")


def test_the_launch_hears_of_a_field_that_is_wrong(start, reported, portal):
    start(reported(branch="-x"))
    reason = "branch must be a name that git allows for a branch."
    assert portal.last()["reason"] == reason


def test_a_launcher_that_is_away_for_a_moment_hears_the_end(start, reported, repository, portal):
    portal.statuses = [503, 503]
    start(reported(commit=repository.tip()))
    assert portal.last()["state"] == "done"


@pytest.mark.parametrize("status", [302, 403, 404])
def test_a_launcher_that_wants_no_reports_is_left_in_peace(
    status, start, reported, repository, portal
):
    portal.statuses = [status] * 100
    server = start(reported(commit=repository.tip()))
    assert server.end()[0] == "done"
    wait_until(lambda: not server.others(), "the end of the process")
    # the last report is not sent again
    assert [body["state"] for body in portal.refused if "state" in body] == ["done"]
    assert portal.reports == []


def test_a_launcher_that_hangs_holds_nothing_up(outcome, reported, repository):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert outcome(reported(commit=repository.tip(), launcher_url=url))[0] == "done"


def test_the_address_of_the_launcher_may_come_from_the_environment(
    start, reported, repository, portal
):
    fields = reported(commit=repository.tip(), launcher_url=None)
    start(fields, launcher_url=portal.url)
    assert portal.last()["state"] == "done"
