"""The Python client, against a launcher that answers what each test tells it to."""

import base64

import pytest
from fake_launcher import EXPERIMENT, JSON, PROBLEM

from launcher.client import (
    LauncherClient,
    LauncherProblem,
    UnexpectedAnswer,
    Unreachable,
    answers,
)


def test_a_launch_sends_what_was_given_and_returns_the_location(service, launcher):
    service.answers({"location": "http://hub/user/alice/lab/tree/d/x.ipynb"})
    location = launcher.launch("hello", directory="d", if_exists="fail", steps=3)
    assert location == "http://hub/user/alice/lab/tree/d/x.ipynb"
    method, path, headers, body = service.last
    assert (method, path) == ("POST", "/services/launcher/experiments/hello")
    assert headers["Authorization"] == "token secret"
    assert headers["Content-Type"] == JSON
    assert body == {
        "notebook": {"directory": "d", "if_exists": "fail"},
        "parameters": {"steps": 3},
    }


def test_everything_about_the_notebook_can_be_said(service, launcher):
    service.answers({"location": "http://hub/"})
    place = {"directory": "d", "filename": "x.ipynb", "workspace": "w", "if_exists": "replace"}
    launcher.launch("hello", **place)
    assert service.last[3] == {"notebook": place, "parameters": {}}


def test_a_parameter_may_be_named_name(service, launcher):
    service.answers({"cells": [], "metadata": {}})
    launcher.preview("hello", name="Ada", self=1)
    assert service.last[3]["parameters"] == {"name": "Ada", "self": 1}


def test_the_catalogue_and_the_user(service, launcher):
    service.answers({"experiments": [EXPERIMENT]})
    assert launcher.experiments() == [EXPERIMENT]
    service.answers(EXPERIMENT)
    assert launcher.experiment("hello") == EXPERIMENT
    service.answers({"name": "alice", "admin": False})
    assert launcher.user() == {"name": "alice", "admin": False}
    assert [path for _, path, _, _ in service.seen] == [
        "/services/launcher/experiments",
        "/services/launcher/experiments/hello",
        "/services/launcher/user",
    ]


def test_a_preview_is_the_notebook(service, launcher):
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    service.answers(notebook)
    assert launcher.preview("hello") == notebook
    assert service.last[1].endswith("/experiments/hello/preview")


def test_names_and_passwords_are_sent_in_utf_8(service):
    service.answers({"name": "jöe", "admin": False})
    with LauncherClient(service.url, user="jöe <'&\">", password="pässwort") as launcher:
        launcher.user()
    kind, _, value = service.last[2]["Authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(value).decode() == "jöe <'&\">:pässwort"


def test_a_problem_is_an_exception_with_its_sentence(service, launcher):
    problem = {
        "type": "urn:problem-type:launcher:bad-request",
        "title": "The request is not valid",
        "status": 400,
        "detail": "notebook.directory is missing.",
        "errors": [{"pointer": "/notebook/directory", "detail": "is missing"}],
    }
    service.answers(problem, status=400, kind=f"{PROBLEM}; charset=utf-8")
    with pytest.raises(LauncherProblem) as caught:
        launcher.launch("hello", directory="d")
    assert str(caught.value) == "notebook.directory is missing."
    assert (caught.value.status, caught.value.type) == (400, problem["type"])
    assert (caught.value.title, caught.value.errors) == (problem["title"], problem["errors"])
    assert caught.value.retry_after is None


def test_a_problem_says_which_request_it_was(service, launcher):
    service.answers({"detail": "No.", "request_id": "abcdef01"}, status=403, kind=PROBLEM)
    with pytest.raises(LauncherProblem) as caught:
        launcher.user()
    assert (caught.value.request_id, caught.value.launch_id) == ("abcdef01", "")
    service.answers({}, status=403, kind=PROBLEM, X_Request_ID="12345678")
    with pytest.raises(LauncherProblem) as caught:
        launcher.user()
    assert caught.value.request_id == "12345678"


def test_a_problem_says_when_to_try_again(service, launcher):
    service.answers({"detail": "The hub is busy."}, status=503, kind=PROBLEM, Retry_After="30")
    with pytest.raises(LauncherProblem) as caught:
        launcher.user()
    assert (caught.value.status, caught.value.retry_after) == (503, 30)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff", b"[" * 100_000, b'{"errors": 1}'])
def test_a_problem_that_is_none_has_a_status_all_the_same(service, launcher, body):
    service.answers(body, status=502, kind=PROBLEM)
    with pytest.raises(LauncherProblem, match="Bad Gateway") as caught:
        launcher.user()
    assert (caught.value.status, caught.value.errors) == (502, [])


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<html>Sign in</html>"),
        (200, JSON, b"<html>"),
        (200, JSON, b"[]"),
        (200, JSON, b"{}"),
        (200, JSON, b'{"location": null}'),
        (200, PROBLEM, b'{"location": "http://hub/"}'),
        (202, JSON, b'{"location": "http://hub/"}'),
        (404, "text/html", b"<html>404</html>"),
        (503, "", b""),
    ],
)
def test_what_is_no_launcher_is_told_so(service, launcher, status, kind, body):
    service.answers(body, status=status, kind=kind)
    with pytest.raises(UnexpectedAnswer, match=str(status)):
        launcher.launch("hello", directory="d")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_no_token_goes_elsewhere(service, launcher, status):
    service.answers(b"", status=status, Location=service.url + "/elsewhere")
    with pytest.raises(UnexpectedAnswer, match=r"redirects to .*/elsewhere"):
        launcher.launch("hello", directory="d")
    assert len(service.seen) == 1


def test_the_environment_changes_nothing(service, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    service.answers({"name": "alice", "admin": False})
    with LauncherClient(service.url, token="secret") as launcher:
        launcher.user()
    assert service.last[2]["Authorization"] == "token secret"


def test_a_service_that_is_away():
    with (
        LauncherClient("http://127.0.0.1:1/launcher", token="secret") as launcher,
        pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1/launcher cannot be reached"),
    ):
        launcher.user()


def test_an_answer_that_does_not_come(service):
    service.silent = True
    with (
        LauncherClient(service.url, token="secret", start_timeout=0.1) as launcher,
        pytest.raises(Unreachable, match=r"did not answer in 0\.1 seconds"),
    ):
        launcher.launch("hello", directory="d")


def test_an_answer_without_end_is_not_read(service, launcher, monkeypatch):
    monkeypatch.setattr(answers, "MAX_ANSWER_BYTES", 100)
    service.answers({"name": "a" * 200, "admin": False})
    with pytest.raises(UnexpectedAnswer, match="more than 100 bytes"):
        launcher.user()


@pytest.mark.parametrize("name", ["", ".", "..", "%2e%2e", "a/../../user"])
def test_a_name_cannot_leave_the_launcher(service, launcher, name):
    with pytest.raises(ValueError, match="segment"):
        launcher.experiment(name)
    assert not service.seen


@pytest.mark.parametrize("value", [float("nan"), {1}, object()])
def test_a_parameter_that_is_no_json_is_not_sent(service, launcher, value):
    with pytest.raises((ValueError, TypeError), match="JSON"):
        launcher.preview("hello", value=value)
    assert not service.seen


@pytest.mark.parametrize(
    "url",
    ["", "hub.example.org/launcher", "ftp://hub/", "http://", "http://a:b@hub/", "http://hub/?a"],
)
def test_an_address_that_is_none(url):
    with pytest.raises(ValueError, match="url"):
        LauncherClient(url, token="secret")


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"token": ""},
        {"user": "alice"},
        {"password": "x"},
        {"user": "", "password": "x"},
        {"token": "x", "user": "alice", "password": "x"},
        {"token": "with space"},
        {"token": "line\nbreak"},
        {"token": "ünicode"},
        {"user": "a:b", "password": "x"},
    ],
)
def test_a_credential_that_cannot_be_sent(credential):
    with pytest.raises(ValueError, match=r"token|colon"):
        LauncherClient("http://hub/", **credential)


def test_errors_and_the_client_itself_do_not_show_the_credential(service):
    service.answers(b"", status=404, kind="text/html")
    with LauncherClient(service.url, token="hidden-token") as launcher:
        with pytest.raises(UnexpectedAnswer) as caught:
            launcher.user()
        assert "hidden-token" not in f"{caught.value!r}{launcher!r}{launcher.__dict__!r}"


def test_a_secure_address_of_a_service_that_is_none(service):
    with (
        LauncherClient(service.url.replace("http:", "https:"), token="secret") as launcher,
        pytest.raises(Unreachable, match="no secure connection"),
    ):
        launcher.user()
    assert not service.seen
