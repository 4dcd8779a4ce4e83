"""The Python client and git projects, with answers as openapi.yaml describes them."""

import json

import pytest
from fake_launcher import PROBLEM

from launcher.client import LauncherProblem, UnexpectedAnswer, Unfinished, launching

LAUNCH_ID = "0123456789abcdef" * 2
URL = "https://gitlab.example.org/climate/course.git"
PROJECT = {"repository": URL, "commit_sha": "ab" * 20, "branch": "main", "folder": "projects/c-1"}
OTHER = {"type": "other_options", "detail": "The server runs with other options."}
OPENED = {
    "name": "c-1",
    "state": "running",
    "project": PROJECT,
    "location": "http://hub/user/alice/c-1/lab",
    "launch": LAUNCH_ID,
    "warnings": [OTHER],
}
STREAM = "text/event-stream"


def launch(state="queued", **fields):
    """A launch of the project."""
    empty = {"location": None, "problem": None}
    return {"id": LAUNCH_ID, "state": state, "server": "c-1", "project": PROJECT, **empty, **fields}


DONE = launch("done", location=OPENED["location"])
FAILED = launch("failed", problem={"type": "urn:x:checkout-failed", "status": 502, "detail": "No."})


def stream(*events):
    """The bytes of a stream of events."""
    lines = [
        f"id: {number}\nevent: {name}\ndata: {data}\n\n"
        for number, (name, data) in enumerate(events)
    ]
    return "".join(lines).encode()


def state(name):
    return "state", f'{{"state": "{name}"}}'


MESSAGE = ("progress", '{"message": "Fetching", "progress": 10}')


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(launching, "POLL_SECONDS", 0.01)


def test_a_project_is_opened_with_what_was_asked_for(service, launcher):
    service.answers(OPENED, 201)
    opened = launcher.open_project(
        URL, ref="main", notebook="a.ipynb", server_options={"cpu_request": 2}, replace=True
    )
    method, path, _, body = service.last
    assert (method, path) == ("POST", "/services/launcher/servers?replace=true")
    asked = {"repository": URL, "ref": "main", "notebook": "a.ipynb"}
    assert body == {**asked, "serverOptions": {"cpu_request": 2}}
    assert (opened.location, opened.server) == (OPENED["location"], "c-1")
    assert (opened.launch_id, opened.project, opened.warnings) == (LAUNCH_ID, PROJECT, [OTHER])


def test_a_project_of_the_first_host_is_named_without_its_url(service, launcher):
    service.answers(OPENED)
    names = {"namespace": "climate", "project": "course", "commit_sha": "abcdef0"}
    launcher.open_project(**names, branch="main", user="alice")
    assert service.last[1] == "/services/launcher/servers?user=alice"
    assert service.last[3] == {**names, "branch": "main"}


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, {"ref": "HEAD"}),
        ({"ref": "v1"}, {"ref": "v1"}),
        ({"follow": "branch", "branch": "topic"}, {"follow": "branch", "branch": "topic"}),
    ],
)
def test_a_project_of_the_first_host_may_be_given_in_place_of_a_url(
    service, launcher, given, asked
):
    service.answers(OPENED)
    launcher.open_project("climate/sub/course", **given)
    assert service.last[3] == {"namespace": "climate/sub", "project": "course", **asked}
    service.answers(launch(), 202)
    launcher.start_project("climate/course", **given)
    assert service.last[3] == {"namespace": "climate", "project": "course", **asked}


def test_a_lost_answer_opens_no_second_project(service, launcher):
    service.loses(2)
    service.answers(OPENED, 201)
    assert launcher.open_project(URL).server == "c-1"
    assert len(set(service.sent("Idempotency-Key"))) == 1
    assert len(service.seen) == 3
    launcher.open_project(URL, idempotency_key="mine")
    assert service.sent("Idempotency-Key")[-1] == "mine"


def test_a_launch_is_polled_until_the_project_is_there(service, launcher):
    service.answers_first(launch(), 202)
    service.answers_first(launch("uploading"))
    service.answers(DONE)
    opened = launcher.open_project(URL)
    assert (opened.server, opened.launch_id, opened.warnings) == ("c-1", LAUNCH_ID, [])
    assert opened.project == PROJECT
    assert service.last[1] == f"/services/launcher/launches/{LAUNCH_ID}"


def test_events_are_reported_as_they_come(service, launcher):
    service.answers_first(launch(), 202)
    events = [state("starting"), MESSAGE, ("end", json.dumps(DONE))]
    service.answers_first(stream(*events), kind=STREAM)
    seen = []
    opened = launcher.open_project(URL, on_event=seen.append)
    assert [event.name for event in seen] == ["launch", "state", "progress", "end"]
    assert seen[0].data["server"] == "c-1"
    assert seen[2].data["message"] == "Fetching"
    assert opened.location == OPENED["location"]
    assert len(service.seen) == 2


def test_a_launch_whose_events_cannot_be_had_is_polled(service, launcher):
    service.answers_first(launch(), 202)
    problem = {"detail": "Too many open streams.", "status": 429}
    service.answers_first(problem, 429, PROBLEM)
    service.answers(DONE)
    seen = []
    assert launcher.open_project(URL, on_event=seen.append).server == "c-1"
    assert [event.name for event in seen] == ["launch"]


def test_what_the_callers_own_function_raises_is_raised(service, launcher):
    service.answers_first(launch(), 202)
    service.answers(stream(MESSAGE), kind=STREAM)

    def fail(event):
        if event.name == "progress":
            raise LauncherProblem("of the callback", status=418)

    with pytest.raises(LauncherProblem, match="of the callback"):
        launcher.open_project(URL, on_event=fail)


def test_a_failed_checkout_is_raised_with_its_reason(service, launcher):
    service.answers_first(launch(), 202)
    service.answers(FAILED)
    with pytest.raises(LauncherProblem, match=r"No\.") as caught:
        launcher.open_project(URL)
    assert (caught.value.status, caught.value.launch_id) == (502, LAUNCH_ID)


def test_a_launch_that_takes_longer_continues(service, launcher):
    service.answers_first(launch(), 202)
    service.answers_first(stream(state("starting")), kind=STREAM)
    service.answers(launch("starting"))
    with pytest.raises(Unfinished) as caught:
        launcher.open_project(URL, wait=0.3, on_event=lambda event: None)
    assert (caught.value.launch_id, caught.value.state) == (LAUNCH_ID, "starting")


def test_a_project_that_is_only_started_is_a_launch(service, launcher):
    service.answers(launch(), 202)
    begun = launcher.start_project(URL, follow="branch")
    assert (begun["id"], begun["server"]) == (LAUNCH_ID, "c-1")
    assert service.sent("Prefer") == ["respond-async"]
    assert service.last[3] == {"repository": URL, "follow": "branch"}


@pytest.mark.parametrize("missing", ["name", "launch", "project", "location"])
def test_an_answer_without_the_project_is_unexpected(service, launcher, missing):
    service.answers({**OPENED, missing: None}, 201)
    with pytest.raises(UnexpectedAnswer):
        launcher.open_project(URL)


def test_a_stopped_server_is_resumed(service, launcher):
    service.answers_first(launch(), 202)
    service.answers(DONE)
    assert launcher.resume_server("c-1") == OPENED["location"]
    method, path, _, body = service.seen[0]
    assert (method, path) == ("PATCH", "/services/launcher/servers/c-1")
    assert body == {"state": "running"}


def test_servers_are_asked_for_by_their_projects(service, launcher):
    service.answers({"servers": {}})
    assert launcher.servers(namespace="a/b", branch="x&y", state="running") == {}
    path = "/services/launcher/servers?namespace=a%2Fb&branch=x%26y&state=running"
    assert service.last[1] == path


def test_a_ref_is_resolved(service, launcher):
    service.answers({"commit_sha": "ab" * 20, "kind": "branch", "branch": "main"})
    assert launcher.resolve(URL)["commit_sha"] == "ab" * 20
    assert service.last[3] == {"url": URL}
    launcher.resolve(URL, "main", user="alice")
    assert service.last[1] == "/services/launcher/repositories/resolve?user=alice"
    assert service.last[3] == {"url": URL, "ref": "main"}


def test_a_ref_of_a_project_on_the_first_host_is_resolved(service, launcher):
    service.answers_first({"git_hosts": [{"url": "https://one.example"}, {"url": "https://two"}]})
    service.answers({"commit_sha": "ab" * 20, "kind": "branch", "branch": "main"})
    launcher.resolve("climate/course", "main")
    assert service.last[3] == {"url": "https://one.example/climate/course", "ref": "main"}


def test_the_project_of_a_server_that_runs_is_opened_as_it_was_last(service, launcher):
    other = {"id": LAUNCH_ID, "server": "c-2", "project": PROJECT, "location": "http://hub/other"}
    plain = {**other, "server": "c-1", "project": None}
    for launches, location in (
        ([other, plain, DONE, {**DONE, "location": "http://hub/old"}], OPENED["location"]),
        ([other, plain], "http://hub/user/alice/c-1/"),
    ):
        service.answers_first(b"", 204)
        service.answers_first({"launches": launches})
        service.answers({"location": "http://hub/user/alice/c-1/"})
        assert launcher.resume_server("c-1") == location
    assert service.last[:2] == ("POST", "/services/launcher/launches")


def test_a_token_for_a_git_host_is_stored_and_removed(service, launcher):
    service.answers(b"", 204)
    launcher.store_git_token("gitlab.example.org:8443", "glpat-1", username="alice")
    assert service.last[:2] == (
        "PUT",
        "/services/launcher/git-hosts/gitlab.example.org%3A8443/token",
    )
    assert service.last[3] == {"token": "glpat-1", "username": "alice"}
    launcher.remove_git_token("gitlab.example.org")
    assert service.last[:2] == ("DELETE", "/services/launcher/git-hosts/gitlab.example.org/token")


def test_what_a_site_offers_is_listed(service, launcher):
    option = {"type": "int", "default": 1}
    service.answers({"cpu_request": option})
    assert launcher.server_options() == {"cpu_request": option}
    service.answers({"git_hosts": [{"host": "gitlab.example.org"}]})
    assert launcher.git_hosts() == [{"host": "gitlab.example.org"}]
