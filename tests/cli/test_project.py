"""launcher project: what it asks for, and what it prints."""

import json
import re

import pytest
from command_line import User
from fake_launcher import PROBLEM

LAUNCH_ID = "0123456789abcdef" * 2
LOCATION = "http://hub/user/alice/c-1/lab/tree/projects/c-1/a.ipynb?reset=1"
URL = "https://gitlab.example.org/climate/course"
PROJECT = {"repository": URL, "commit_sha": "ab" * 20, "branch": "main", "folder": "projects/c-1"}
OPENED = {
    "name": "c-1",
    "project": PROJECT,
    "location": LOCATION,
    "launch": LAUNCH_ID,
    "warnings": [],
}
QUEUED = {"id": LAUNCH_ID, "state": "queued", "server": "c-1", "project": PROJECT}
DONE = {**QUEUED, "state": "done", "location": LOCATION}
CONTROLS = "\x1b]0;owned\x07\x1b[2J\x1b[31mFetching\x1b[0m\u202e \x9b31m\x08\r\nagain"


def stream(*events):
    """The bytes of a stream of events."""
    lines = [f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events]
    return "".join(lines).encode()


def begins(service, *events):
    """Answer that the launch is begun, and then with these events."""
    service.answers_first(QUEUED, 202)
    service.answers_first(stream(*events), kind="text/event-stream")


def asked(service):
    """The body of the last request."""
    return service.last[3]


@pytest.mark.parametrize(
    ("target", "body"),
    [
        (f"{URL}@main", {"repository": URL, "ref": "main"}),
        (f"{URL}.git", {"repository": f"{URL}.git"}),
        (f"{URL}@topic/a-b", {"repository": URL, "ref": "topic/a-b"}),
        (f"{URL}@pkg@1.2.0", {"repository": URL, "ref": "pkg@1.2.0"}),
        (f"{URL}@{'ab' * 20}", {"repository": URL, "ref": "ab" * 20}),
        ("https://host:8443/a/b@v1", {"repository": "https://host:8443/a/b", "ref": "v1"}),
        ("https://[::1]:8443/a/b@v1", {"repository": "https://[::1]:8443/a/b", "ref": "v1"}),
        ("a/b@v1", {"namespace": "a", "project": "b", "ref": "v1"}),
        ("a/sub/b", {"namespace": "a/sub", "project": "b", "ref": "HEAD"}),
    ],
)
def test_a_project_is_named_as_people_write_it(service, user, target, body):
    service.answers(OPENED)
    assert user.run("project", target).status == 0
    assert asked(service) == body


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("https://alice:hunter2@host/a/b@main", "no user name, password or token"),
        ("https://hunter2@host", "no user name, password or token"),
        ("git@github.com:a/b.git", "is no URL"),
        ("a", "is no URL"),
        ("/a@main", "is no URL"),
        ("a/b@", "nothing behind the @"),
        ("ssh://git@host/a/b", "must begin with https://"),
        ("file:///etc@main", "must begin with https://"),
        ("ext::sh -c id", "is no URL"),
    ],
)
def test_what_is_no_project_is_refused_before_anything_is_sent(service, user, target, says):
    done = user.run("project", target)
    assert (done.status, done.output) == (2, "")
    assert says in done.error
    assert "hunter2" not in done.error
    assert service.seen == []


def test_every_option_reaches_the_launcher(service, user):
    service.answers(OPENED)
    words = ["--notebook", "a.ipynb", "--branch", "topic", "--image", "lab:1", "--replace"]
    words += ["--entrypoint", "climate", "--system", "desk", "--follow"]
    assert user.run("project", URL, *words).status == 0
    assert service.last[1].endswith("/servers?replace=true")
    assert asked(service) == {
        "repository": URL,
        "notebook": "a.ipynb",
        "branch": "topic",
        "image": "lab:1",
        "entrypoint": "climate",
        "system": "desk",
        "follow": "branch",
    }


def test_options_of_the_server_have_the_type_that_the_site_gives_them(service, user):
    offered = {
        "cpu": {"type": "int"},
        "share": {"type": "float"},
        "lfs": {"type": "boolean"},
        "mem": {"type": "enum", "options": ["1G", "2G"]},
        "gpu": {"type": "enum", "options": [0, 1]},
    }
    service.answers_first(offered)
    service.answers(OPENED)
    given = ["cpu=2", "share=0.5", "lfs=true", "mem=2G", "gpu=1", "other=a=b"]
    words = [word for each in given for word in ("-o", each)]
    assert user.run("project", URL, *words).status == 0
    wanted = {"cpu": 2, "share": 0.5, "lfs": True, "mem": "2G", "gpu": 1, "other": "a=b"}
    assert asked(service)["serverOptions"] == wanted
    wrong = user.run("project", URL, "-o", "cpu")
    assert (wrong.status, "NAME=VALUE" in wrong.error) == (2, True)


def test_only_the_url_is_on_stdout(service, user):
    warning = {"type": "other_options", "detail": "It runs with \x1b[31mother options."}
    service.answers({**OPENED, "warnings": [warning]})
    done = user.run("project", URL)
    assert (done.status, done.output) == (0, f"{LOCATION}\n")
    assert done.error.splitlines() == [
        "Asking the launcher",
        "Server c-1: branch main, commit abababab, in ~/projects/c-1",
        "Warning: It runs with other options.",
    ]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (f"{URL}/tree/main", f"{URL}@BRANCH"),
        (f"{URL}/-/blob/main/a.ipynb", f"{URL}@BRANCH"),
        (f"{URL}/b/-/raw/main/a.ipynb", f"{URL}/b@BRANCH"),
        ("https://host/tree/blob/nothing", ""),
    ],
)
def test_what_may_be_the_address_of_a_web_page_is_named_when_it_is_not_found(
    service, user, target, says
):
    service.answers({"detail": "It does not exist.", "status": 404}, 404, PROBLEM)
    done = user.run("project", target)
    assert done.status == 1
    assert ("the address of a web page" in done.error) == bool(says)
    assert says in done.error
    assert asked(service)["repository"] == target


def test_problems_and_warnings_are_in_the_words_of_the_command_line(service, user):
    warning = {"type": "other_options", "detail": "With ?replace=true it is stopped."}
    service.answers({**OPENED, "warnings": [warning]})
    assert "Warning: With --replace it is stopped.\n" in user.run("project", URL).error
    problem = {"detail": "system is missing; it is one of desk, laptop.", "status": 400}
    service.answers(problem, 400, PROBLEM)
    assert "Name one with --system: desk, laptop." in user.run("project", URL).error


def test_nothing_that_is_said_of_the_progress_contradicts_a_checkout_that_has_ended(service, user):
    begins(
        service,
        ("progress", {"message": "projects/c-1 is ready.", "progress": 100}),
        ("state", {"state": "uploading"}),
        ("end", DONE),
    )
    assert user.run("project", URL).error.splitlines()[1:-1] == [
        "projects/c-1 is ready.",
        "Your server runs",
    ]


def test_progress_is_a_line_for_each_message(service, user):
    begins(
        service,
        ("state", {"state": "queued"}),
        ("queue", {"position": 3}),
        ("state", {"state": "starting"}),
        ("progress", {"message": "Server requested", "progress": 0}),
        ("progress", {"message": "Server requested", "progress": 0}),
        ("progress", {"message": CONTROLS, "progress": 10}),
        ("end", DONE),
    )
    done = user.run("project", URL)
    assert (done.status, done.output) == (0, f"{LOCATION}\n")
    assert done.error.splitlines()[1:-1] == [
        "Waiting for a place",
        "Waiting for a place: number 3 in the queue",
        "Your server is starting",
        "Server requested",
        "Fetching again",
    ]


def test_a_terminal_shows_one_line_that_fits_and_is_not_controlled(service, user):
    long = {"message": f"{CONTROLS} {'x' * 200}", "progress": 10}
    begins(service, ("progress", long))
    service.answers_first({**QUEUED, "state": "starting"})
    service.answers(DONE)
    terminal = user.on_terminal("project", URL, columns=40, NO_COLOR="1")
    terminal.wait_for("…")
    done = terminal.end()
    assert done.status == 0
    assert done.output.endswith(f"{LOCATION}\r\n")
    assert "xxx" in done.output
    for harmful in ("\x1b]", "\x1b[2J", "[31m", "\u202e", "\x08", "\x9b"):
        assert harmful not in done.output
    shown = re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", done.output).partition("Server c-1")[0]
    assert {len(line) for line in re.split(r"[\r\n]", shown) if "xxx" in line} == {40}


def test_a_terminal_that_cannot_change_a_line_gets_lines(service, user):
    service.answers(OPENED)
    done = user.on_terminal("project", URL, TERM="dumb").end()
    assert "\x1b" not in done.output
    assert done.output.splitlines()[0] == "Asking the launcher"


def test_a_location_cannot_control_the_terminal(service, user):
    service.answers({**OPENED, "location": "http://hub/\x1b]0;owned\x07 \u202e"})
    assert user.run("project", URL).output == "http://hub/%1B]0;owned%07%20%E2%80%AE\n"


def test_without_waiting_the_servers_name_is_printed(service, user):
    service.answers(QUEUED, 202)
    done = user.run("project", URL, "--no-wait")
    assert (done.status, done.output) == (0, "c-1\n")
    assert "launcher servers" in done.error
    assert service.sent("Prefer") == ["respond-async"]


def test_a_refusal_is_a_sentence(service, user):
    errors = [{"pointer": "/ref", "detail": "is long"}, {"pointer": "/branch", "detail": "is odd"}]
    problem = {"detail": "ref is\x1b[31m long.", "status": 400, "errors": errors}
    service.answers(problem, 400, PROBLEM)
    done = user.run("project", URL)
    assert (done.status, done.output) == (1, "")
    assert done.error.splitlines()[1:] == [
        "Error: ref is long.",
        "  /ref is long",
        "  /branch is odd",
    ]


def test_a_failed_checkout_says_where_the_log_is(service, user):
    problem = {"detail": "The project was not checked out.", "status": 502}
    begins(service, ("end", {**QUEUED, "state": "failed", "problem": problem}))
    done = user.run("project", URL)
    assert (done.status, done.output) == (1, "")
    assert "Error: The project was not checked out." in done.error
    assert done.error.rstrip().endswith("launcher logs c-1")


def test_an_interrupted_launch_continues_and_says_how_it_is_cancelled(service, user):
    begins(service, ("progress", {"message": "Fetching", "progress": 10}))
    service.answers({**QUEUED, "state": "starting"})
    terminal = user.on_terminal("project", URL)
    terminal.wait_for("Fetching")
    terminal.interrupt()
    done = terminal.end()
    assert done.status == 130
    assert "The launch continues." in done.output
    assert "`launcher stop c-1` cancels it" in done.output
    assert "Traceback" not in done.output
    assert not [method for method, *_ in service.seen if method in ("DELETE", "PATCH")]


def test_a_launch_is_interrupted_before_it_is_known_to_have_begun(service, user):
    service.silent = True
    terminal = user.on_terminal("project", URL)
    terminal.wait_for("Asking the launcher")
    terminal.interrupt()
    done = terminal.end()
    assert done.status == 130
    assert "If the launch has begun, it continues." in done.output


@pytest.mark.parametrize("word", ["project", "logs", "stop", "resume", "remove"])
def test_a_missing_address_or_token_is_a_sentence_that_helps(service, word):
    argument = "a/b" if word == "project" else "c-1"
    done = User("", "").run(word, argument)
    assert (done.status, done.output) == (4, "")
    assert "Set LAUNCHER_URL" in done.error
    assert "Traceback" not in done.error
    done = User(service.url, "").run(word, argument)
    assert done.status == 4
    assert f"{service.url}/home/token" in done.error


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"LAUNCHER_URL": "hub.example.org"}, "LAUNCHER_URL must be"),
        ({"LAUNCHER_URL": "http://a:b@hub"}, "LAUNCHER_URL must not"),
        ({"LAUNCHER_TOKEN": "secret of-alice"}, "LAUNCHER_TOKEN contains a space"),
        ({"LAUNCHER_CA_FILE": "/no/such/file.pem"}, "LAUNCHER_CA_FILE names no file"),
    ],
)
def test_an_unusable_setting_is_named_and_the_token_never_shown(user, environ, says):
    done = user.run("servers", **environ)
    assert done.status == 4
    assert says in done.error
    assert "secret" not in done.error


def test_a_launcher_that_is_not_there_is_a_sentence(user):
    done = User("http://127.0.0.1:1/services/launcher", "secret").run("servers")
    assert done.status == 1
    assert "cannot be reached. Is LAUNCHER_URL right?" in done.error


def test_a_token_that_is_not_valid_is_named(service, user):
    detail = "The hub does not know this token. Request a new one on the hub's page Token."
    service.answers({"detail": detail, "status": 401}, 401, PROBLEM)
    done = user.run("servers")
    assert done.error == f"Error: LAUNCHER_TOKEN is not valid: {detail}\n"


def test_the_token_is_no_option_of_any_command(user):
    for word in ("project", "logs", "servers", "stop", "resume", "remove"):
        assert "--token" not in user.run(word, "--help").output
