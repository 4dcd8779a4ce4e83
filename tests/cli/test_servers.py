"""launcher servers, stop, resume and remove."""

import pytest
from fake_launcher import PROBLEM

LAUNCH_ID = "0123456789abcdef" * 2
SHA = "ab" * 20
DEFAULT = {"name": "", "state": "stopped", "project": None}


def kept(name="course-0123456789ab", **changed):
    """A server that is kept for a project."""
    project = {
        "namespace": "climate",
        "project": "course",
        "branch": "main",
        "commit_sha": SHA,
        "checkout": "done",
        **changed,
    }
    return {"name": name, "state": "running", "project": project}


def answers(service, *servers):
    service.answers({"servers": {each["name"]: each for each in (DEFAULT, *servers)}})


def test_a_script_gets_columns_with_tabs(service, user):
    now = kept("now", checkout="preparing")
    answers(service, kept(), kept("other", commit_sha=None, checkout="failed"), now)
    done = user.run("servers")
    assert (done.status, done.error) == (0, "")
    assert [line.split("\t") for line in done.output.splitlines()] == [
        ["", "", "", "", "stopped"],
        ["course-0123456789ab", "climate/course", "main", SHA, "running"],
        ["now", "climate/course", "main", SHA, "running, being checked out"],
        ["other", "climate/course", "main", "follows", "running, checkout failed"],
    ]


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_a_person_gets_a_table_that_fits_the_terminal(service, user, columns):
    answers(service, kept())
    done = user.on_terminal("servers", columns=columns, NO_COLOR="1").end()
    lines = done.output.replace("\x1b[0m", "").replace("\x1b[1m", "").splitlines()
    assert done.status == 0
    assert all(len(line) <= columns for line in lines)
    assert any("NAME" in line and "STATE" in line for line in lines)
    assert any(line.startswith('""') for line in lines)
    assert any("course-0123456789ab" in line and SHA[:6] in line for line in lines)


def test_an_empty_list_says_what_to_do_next(service, user):
    answers(service)
    done = user.run("servers")
    assert "launcher project URL@REF" in done.error
    assert done.output.strip() == "stopped"


def test_names_and_branches_cannot_control_the_terminal(service, user):
    answers(service, kept(branch="\x1b]0;owned\x07a\tb\u202e", project="[red]x[/red]\x1b[31m"))
    printed = user.run("servers").output
    assert "\tclimate/[red]x[/red]\ta b\t" in printed
    shown = user.on_terminal("servers", NO_COLOR="1", columns=100).end().output
    assert "climate/[red]x[/red]" in shown
    for harmful in ("\x1b]", "\x1b[31m", "\u202e"):
        assert harmful not in printed + shown


@pytest.mark.parametrize(
    ("word", "method", "body"),
    [("stop", "PATCH", {"state": "stopped"}), ("remove", "DELETE", None)],
)
def test_a_server_is_stopped_or_removed(service, user, word, method, body):
    service.answers({"name": "c-1", "state": "stopping"}, 202)
    done = user.run(word, "c-1")
    assert done.status == 0
    assert done.output.startswith("The server c-1 is ")
    assert (service.last[0], service.last[3]) == (method, body)
    assert service.last[1].endswith("/servers/c-1")


def test_a_resumed_server_prints_its_url_alone_on_stdout(service, user):
    launch = {"id": LAUNCH_ID, "state": "queued", "server": "c-1"}
    service.answers_first(launch, 202)
    service.answers_first(
        b'event: state\ndata: {"state": "starting"}\n\n', kind="text/event-stream"
    )
    service.answers({**launch, "state": "done", "location": "http://hub/user/alice/c-1/"})
    done = user.run("resume", "c-1")
    assert (done.status, done.output) == (0, "http://hub/user/alice/c-1/\n")
    assert "Your server is starting" in done.error


def test_a_stop_says_where_its_end_shows_and_whether_it_has_ended(service, user):
    service.answers_first({"name": "c-1", "state": "stopping"}, 202)
    service.answers(b"", 204)
    assert user.run("stop", "c-1").output == (
        "The server c-1 is being stopped. `launcher servers` shows when it is stopped.\n"
    )
    assert user.run("stop", "c-1").output == "The server c-1 is stopped.\n"


def test_a_server_that_is_not_there_is_a_sentence(service, user):
    detail = "There is no server 'x'. GET /servers lists yours."
    service.answers({"detail": detail, "status": 404}, 404, PROBLEM)
    for word in ("stop", "remove", "resume", "logs"):
        done = user.run(word, "x")
        assert (done.status, done.output) == (1, "")
        assert "Error: There is no server 'x'. `launcher servers` lists yours.\n" in done.error


@pytest.mark.parametrize("name", ["a/b", "..", ".", "%2e%2e"])
def test_what_is_no_name_of_a_server_is_refused_before_it_is_sent(service, user, name):
    for word in ("stop", "remove", "resume", "logs"):
        done = user.run(word, name)
        assert done.status == 2
        assert "launcher servers" in done.error
    assert service.seen == []


def test_the_default_server_is_not_removed(service, user):
    done = user.run("remove", "")
    assert done.status == 2
    assert "launcher stop" in done.error
    assert service.seen == []
