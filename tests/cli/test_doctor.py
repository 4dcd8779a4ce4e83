"""launcher doctor beside the fake hub: what it finds, says, and ends with."""

import json
from email.utils import formatdate
from time import time

import pytest
from aiohttp import web
from fakehub import json_answer, page_answer

NAMES = [
    "configuration",
    "hub",
    "certificates",
    "clock",
    "token",
    "scopes",
    "privileges",
    "users",
    "proxy",
    "path",
    "body-limit",
    "database",
    "secret-file",
    "disk",
    "open-files",
    "git",
]
NEEDS_HUB = {"clock", "token", "scopes", "privileges", "users"}


def test_all_is_well_before_the_first_start(doctor):
    report = doctor()
    assert report.status == 0
    expected = dict.fromkeys(NAMES, "ok")
    expected |= dict.fromkeys(("certificates", "users", "path", "body-limit", "git"), "skipped")
    expected["privileges"] = "warning"
    assert report.statuses == expected


def test_the_document_has_a_stable_shape(doctor):
    document = json.loads(doctor().output)
    assert document.keys() == {"version", "ok", "checks"}
    assert document["ok"] is True
    assert [check["name"] for check in document["checks"]] == NAMES
    for check in document["checks"]:
        assert list(check) == ["name", "status", "detail", "fix"]
        assert check["detail"].endswith("."), check


def test_a_pipe_gets_a_line_for_each_check_and_the_lines_that_fix_it_below(doctor, fakehub):
    fakehub.scopes = ("servers",)
    report = doctor("--user", "")
    lines = report.output.splitlines()
    assert [line.split()[1] for line in lines if line[:1].strip()][: len(NAMES)] == NAMES
    assert "\x1b" not in report.output
    role = '    {"name": "launcher", "services": ["launcher"], "scopes": ["servers", "tokens"]},'
    assert lines[lines.index(role) - 2].startswith("failed   scopes ")
    assert "1 failed, " in report.output


@pytest.mark.parametrize(
    ("away", "reason"),
    [
        ("refused", "it closed the connection without a response"),
        ("proxy", "a proxy responds for it (503)"),
        ("starting", "it responds with a web page, not with JSON (404)"),
    ],
)
def test_a_hub_that_is_away_fails_one_check_and_the_machine_is_checked(
    doctor, fakehub, away, reason
):
    fakehub.away = away
    report = doctor()
    assert report.status == 1
    assert reason in report.detail("hub", "failed")
    for name in NEEDS_HUB:
        assert report.detail(name, "skipped") == "The hub cannot be reached."
    for name in ("database", "secret-file", "disk", "open-files"):
        assert report.statuses[name] == "ok"


def test_nobody_listens_at_the_hubs_address(doctor):
    report = doctor(JUPYTERHUB_URL="http://127.0.0.1:1")
    assert "http://127.0.0.1:1/hub/api cannot be used: the connection was refused" in report.detail(
        "hub", "failed"
    )
    assert "the connection was refused" in report.detail("proxy", "failed")


@pytest.mark.parametrize(
    ("version", "status", "said"),
    [
        ("5.1.0", "failed", "too old: the launcher needs 5.2 or later"),
        ("5.4.6", "warning", "security holes"),
        ("6.0.0", "warning", "security holes"),
        ("5.5.1", "ok", "JupyterHub 5.5.1 at http"),
        ("7.0.0", "warning", "newer"),
        (None, "failed", "its response has no version"),
    ],
)
def test_the_hubs_version(doctor, fakehub, version, status, said):
    fakehub.version = version
    report = doctor()
    assert said in report.detail("hub", status)
    assert report.status == (1 if status == "failed" else 0)


def test_a_token_that_the_hub_does_not_know(doctor, fakehub):
    fakehub.token_refused = True
    report = doctor()
    assert "does not know" in report.detail("token", "failed")
    assert '{"name": "launcher", "api_token": ' in report.fix("token")
    for name in ("scopes", "privileges", "users"):
        assert "does not accept" in report.detail(name, "skipped")


def test_a_hub_that_answers_and_fails(doctor, fakehub):
    token = fakehub.add_service("servers", "tokens")
    fakehub.hub_answers.append(("GET", "/hub/api/user", json_answer({"status": 500}, 500)))
    report = doctor(JUPYTERHUB_TOKEN=token)
    assert report.statuses["hub"] == "ok"
    assert "it responds with status 500" in report.detail("token", "failed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--url", "hub.example.org/launcher"), "must be an address"),
        (("--url", "https://hub:99999"), "must be an address"),
        (("--user", "../bob"), "must be the name of a user"),
    ],
)
def test_an_option_that_cannot_be_used(doctor, words, said):
    report = doctor(*words)
    assert report.status == 2
    assert said in report.error


def test_a_token_of_a_user_or_of_another_service(doctor, fakehub):
    alice = fakehub.add_user("alice", scopes=("servers", "tokens"))
    said = doctor(JUPYTERHUB_TOKEN=alice.token).detail("token", "warning")
    assert "belongs to the user alice" in said
    report = doctor(JUPYTERHUB_TOKEN=fakehub.add_service("servers", "tokens", name="portal"))
    assert "access:services!service=launcher" in report.detail("token", "warning")
    assert report.fix("token") == "c.Launcher.service_name = 'portal'"
    assert doctor(config=report.fix("token")).statuses["token"] == "warning"


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        (("servers",), "tokens"),
        (("tokens!group=x",), "servers"),
        ((), "servers and tokens"),
    ],
)
def test_a_scope_that_is_missing_comes_with_the_role_that_has_it(doctor, fakehub, scopes, missing):
    fakehub.scopes = scopes
    report = doctor()
    assert report.status == 1
    assert report.detail("scopes", "failed").endswith(f"lacks the scope {missing}.")
    assert '"scopes": ["servers", "tokens"]' in report.fix("scopes")


def test_a_hub_that_does_not_heed_the_filter(doctor, fakehub):
    fakehub.scopes, fakehub.version = ("servers", "tokens!group=x"), "5.5.2"
    assert "5.5.3 and later do" in doctor().detail("scopes", "failed")


def test_scopes_that_allow_too_much_are_named_with_what_they_allow(doctor, fakehub):
    fakehub.scopes = (*fakehub.scopes, "read:hub", "proxy", "access:servers", "admin:users")
    report = doctor()
    assert report.status == 0
    said = report.detail("privileges", "warning")
    assert "admin:users (read, modify, create, and delete users" in said
    assert "access:servers (access user servers" in said
    assert said.endswith("and 1 more.")
    assert doctor(config="c.Launcher.strict_scopes = True").status == 1


def test_tokens_without_a_filter_are_a_warning_with_the_filter(doctor, fakehub):
    report = doctor()
    assert "administrators included" in report.detail("privileges", "warning")
    assert '"tokens!group=launcher-users"' in report.fix("privileges")
    fakehub.scopes = ("servers", "tokens!group=launcher-users")
    report = doctor()
    assert report.statuses["privileges"] == "ok"
    assert "limited to group=launcher-users" in report.detail("users", "skipped")


def test_who_may_use_the_launcher_is_not_made_up(doctor):
    said = doctor().detail("users", "skipped")
    assert "access:services!service=launcher" in said
    assert "No API of JupyterHub lists the holders of a scope" in said


@pytest.mark.parametrize(
    ("version", "scope"), [("6.1.1", "tokens!user=alice"), ("5.5.2", "tokens")]
)
def test_a_user_of_a_hub_with_the_hook_needs_a_role_for_the_check(doctor, fakehub, version, scope):
    fakehub.scopes, fakehub.version = ("servers",), version
    report = doctor("--json", "--user", "alice", LAUNCHER_HOOK_TOKEN="x" * 30)
    assert "for this check alone: add it, restart the hub" in report.detail("users", "skipped")
    role = f'role = {{"name": "doctor", "services": ["launcher"], "scopes": ["{scope}"]}}'
    assert report.fix("users").startswith(role)
    assert report.statuses["scopes"] == "ok"
    without = doctor("--json", "--user", "alice").detail("users", "skipped")
    assert without.endswith("The check scopes says how to add it.")


def test_a_proxy_that_redirects(doctor, fakehub):
    fakehub.proxy_answer = page_answer(301, location="https://hub.example.org")
    report = doctor()
    assert "it redirects (301)" in report.detail("proxy", "failed")
    assert report.fix("proxy") == 'c.Launcher.proxy_url = "http://127.0.0.1:8000"'


@pytest.mark.parametrize(("seconds", "which"), [(3600, "behind"), (-3600, "ahead of")])
def test_a_clock_that_is_wrong(doctor, fakehub, seconds, which):
    def answer():
        date = formatdate(time() + seconds, usegmt=True)
        return web.json_response({"version": "6.1.1"}, headers={"Date": date})

    fakehub.hub_answers.append(("GET", "/hub/api", answer))
    said = doctor().detail("clock", "warning")
    assert f"s {which} the hub's" in said


# the configuration


@pytest.mark.parametrize(
    ("environ", "sentence", "fix"),
    [
        (
            {"JUPYTERHUB_URL": ""},
            "does not know the public URL",
            "JUPYTERHUB_URL=http://127.0.0.1:8000",
        ),
        ({"JUPYTERHUB_TOKEN": ""}, "has no token", '{"name": "launcher", "api_token": '),
        ({"BASE_PATH": "?"}, "BASE_PATH must be", ""),
        ({"LAUNCHER_CONFIG": "missing.py"}, "is not a file", ""),
    ],
)
def test_a_configuration_that_cannot_be_used(doctor, environ, sentence, fix):
    report = doctor("--user", "", **environ)
    assert report.status == 4
    assert report.output == ""
    assert report.error.startswith("launcher: ")
    assert sentence in report.error
    assert fix in report.error
    document = doctor(**environ)
    assert document.status == 4
    assert sentence in document.detail("configuration", "failed")


def test_the_configuration_that_was_read(doctor, tmp_path):
    said = doctor(config="c.Launcher.max_starts = 3").detail("configuration", "ok")
    assert said == f"{tmp_path}/launcher_config.py and the environment."


# what is not printed


@pytest.mark.parametrize("words", [["--json"], ["--user", "nobody"]])
@pytest.mark.parametrize("away", ["", "proxy", "refused"])
def test_no_secret_is_printed(doctor, fakehub, words, away):
    fakehub.away = away
    report = doctor(
        *words, LAUNCHER_DATABASE_URL="postgresql://u:dogs4all@127.0.0.1:1/l?password=x5y6z7"
    )
    for secret in (fakehub.token, "dogs4all", "x5y6z7"):
        assert secret not in report.output + report.error


def test_what_a_hub_says_cannot_move_the_cursor(doctor, fakehub):
    token = fakehub.add_service("servers", "tokens", name="evil\x1b[2J\nfailed")
    said = doctor(JUPYTERHUB_TOKEN=token).detail("token", "warning")
    assert "evil?[2J?failed" in said
