"""The spawn hook in a real hub: what it applies, what it refuses, and what it leaves behind."""

import threading

import pytest
from answering_launcher import answering
from hooked_hub import CONFIGURE, SECRET, environment_of
from realhub import hubs
from waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def answers():
    with answering(SECRET) as found:
        yield found


@pytest.fixture(scope="module")
def hub(answers, tmp_path_factory):
    with hubs(tmp_path_factory) as make:
        yield make(extra=CONFIGURE.format(url=answers.url, secret=SECRET))


def test_a_server_starts_as_the_launcher_says_and_the_next_one_as_the_site_says(hub, answers):
    answers.specifications["alice"] = {
        "environment": {"DATA": "/data"},
        "command": {"argv": ["/usr/bin/env", "PREFIXED=yes"]},
    }
    hub.start_server("alice")
    path, question = answers.questions[-1]
    assert path == "/services/launcher/hub/users/alice/systems/local/spawn"
    assert question["server"] == ""
    assert "command" in question["fields"]
    found = environment_of(hub, "alice")
    assert (found["DATA"], found["PREFIXED"]) == ("/data", "yes")
    assert found["JUPYTERHUB_API_TOKEN"] == question["token"]
    hub.stop_server("alice")
    del answers.specifications["alice"]
    hub.start_server("alice")
    assert not {"DATA", "PREFIXED"} & environment_of(hub, "alice").keys()
    hub.stop_server("alice")


def test_the_token_that_is_handed_over_opens_that_server_alone(hub, answers):
    hub.start_server("tom")
    token = answers.questions[-1][1]["token"]
    scopes = hub.api("GET", "user", token=token).json()["scopes"]
    assert "custom:launcher:server" in scopes
    assert not any(scope.startswith(("admin", "tokens", "servers")) for scope in scopes)
    hub.stop_server("tom")


def test_a_refusal_is_a_sentence_for_the_user(hub, answers):
    hub.add_user("refuse")
    answers.refusals["refuse"] = "The environment 100% gone was removed."
    answer = hub.api("POST", "users", "refuse", "server")
    assert answer.status_code == 409
    assert answer.json()["message"] == "The environment 100% gone was removed."


def test_what_the_spawner_cannot_apply_starts_nothing(hub, answers):
    hub.add_user("image")
    answers.specifications["image"] = {"image": "lab:1"}
    answer = hub.api("POST", "users", "image", "server")
    assert answer.status_code == 409
    assert "image cannot be applied by" in answer.json()["message"]


@pytest.mark.parametrize(
    "specification", [{"environment": {"PATH": "/evil"}}, {"cmd": ["evil"]}, {"version": 9}]
)
def test_an_answer_that_is_not_valid_starts_nothing(hub, answers, specification):
    hub.add_user("invalid")
    answers.specifications["invalid"] = specification
    answer = hub.api("POST", "users", "invalid", "server")
    assert answer.status_code == 503
    assert "was not started" in answer.json()["message"]


def test_options_that_a_user_posts_change_nothing(hub, answers):
    token = hub.token_of("mallory")
    options = {
        "command": ["/bin/false"],
        "cmd": ["/bin/false"],
        "environment": {"EVIL": "yes"},
        "image": "evil",
        "env": {"EVIL": "yes"},
    }
    hub.api("POST", "users", "mallory", "server", token=token, json=options)
    hub.start_server("mallory")
    assert "EVIL" not in environment_of(hub, "mallory")
    assert answers.questions[-1][1]["user_options"] == sorted(options)
    hub.stop_server("mallory")


@pytest.mark.parametrize("version", ["2.0", "1.2", ""])
def test_another_version_of_the_launcher_is_a_sentence(hub, answers, version):
    hub.add_user("old")
    answers.version, before = version, answers.version
    try:
        assert hub.api("POST", "users", "old", "server").status_code == 503
    finally:
        answers.version = before


def test_a_launcher_that_does_not_know_the_secret_starts_nothing(hub, answers):
    hub.add_user("stranger")
    answers.secret = "other"
    try:
        assert hub.api("POST", "users", "stranger", "server").status_code == 503
    finally:
        answers.secret = SECRET


BROKEN = {
    "error": (500, b'{"detail": "secret"}'),
    "page": (200, b"<html>"),
    "nothing": (200, b""),
    "list": (200, b"[]"),
    "elsewhere": (302, b""),
    "deep": (200, b"[" * 100_000),
    "long": (200, b" " * 2_000_000),
    "gone": (404, b"{}"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_launcher_that_does_not_answer_as_one_starts_nothing(hub, answers, answer):
    hub.add_user("broken")
    answers.broken["broken"] = answer
    found = hub.api("POST", "users", "broken", "server")
    assert found.status_code == 503
    assert "does not answer, so your server was not started" in found.json()["message"]
    assert hub.servers("broken") == {}


def test_the_hub_serves_others_while_the_launcher_is_silent(hub, answers):
    hub.add_user("silent")
    answers.hanging["silent"] = released = threading.Event()
    asked = len(answers.questions)
    try:
        hub.api("POST", "users", "silent", "server")
        wait_until(lambda: len(answers.questions) > asked, "the question")
        hub.start_server("lucky")
        hub.stop_server("lucky")
        # the hook gives up after its time-out of 5 s
        wait_until(lambda: hub.servers("silent") == {}, "the end of the start")
    finally:
        released.set()
    events = hub.api("GET", "users", "silent", "server", "progress").text
    assert "Try again in a minute" in events


def test_the_hook_of_the_site_runs_first(hub, answers):
    hub.add_user("refused-1")
    asked = len(answers.questions)
    answer = hub.api("POST", "users", "refused-1", "server")
    assert (answer.status_code, answer.json()["message"]) == (409, "You have no quota left")
    assert len(answers.questions) == asked


def test_a_hub_that_goes_on_without_the_launcher_starts_as_the_site_says(tmp_path_factory):
    with answering(SECRET) as gone:
        extra = CONFIGURE.format(url=gone.url, secret=SECRET)
    extra = extra.replace("configure(c,", "configure(c, on_unavailable='default', system=")
    extra = extra.replace("system= lambda", "system=lambda")
    # the hub waits for a service with a URL
    extra += """
for each in c.JupyterHub.services:
    each.pop("url", None)
    each.pop("oauth_no_confirm", None)
"""
    with hubs(tmp_path_factory) as make:
        hub = make(extra=extra)
        hub.start_server("alice")
        assert environment_of(hub, "alice")["JUPYTERHUB_USER"] == "alice"
        assert "starts without the launcher" in hub.hub.log.read_text()
