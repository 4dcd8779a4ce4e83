"""What the launcher sends to users' servers, on a real hub: nothing that opens anything else."""

import json
import signal
from urllib.parse import quote

import jupyterhub
import pytest
import requests
from waiting import wait_until

from launcher.hub.version import FILTERS_TOKENS

# a user's own configuration of their server: writes down every request that reaches it
RECORD = """
import json, tornado.web
_init = tornado.web.RequestHandler.__init__
def init(self, application, request, **kw):
    with open("recorded.jsonl", "a") as file:
        headers = dict(request.headers.get_all())
        line = [request.method, request.uri, headers, request.body.decode()]
        file.write(json.dumps(line) + "\\n")
    _init(self, application, request, **kw)
tornado.web.RequestHandler.__init__ = init
"""
# nobody whose server runs already
NAMES = ["mallory", "m.b@c.d", "möe <'&\">"]


def record(hub, user):
    """Have the user's next server write down what it is sent."""
    folder = hub.home(user) / ".jupyter"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jupyter_server_config.py").write_text(RECORD)


def recorded(hub, user):
    """The requests that reached the user's server: method, path, headers, body."""
    text = (hub.home(user) / "recorded.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def secrets_in(requests_made):
    """Every credential in the headers of these requests."""
    found = set()
    for _, uri, headers, _ in requests_made:
        assert "token=" not in uri
        if "Authorization" in headers:
            found.add(headers["Authorization"].partition(" ")[2])
    return found


def status(url, token):
    headers = {"Authorization": f"token {token}"}
    return requests.get(url, headers=headers, timeout=30, allow_redirects=False).status_code


def check_that_they_open_one_server_alone(hub, tokens, user, other):
    """Each of the tokens opens the user's server, and neither another one nor the hub."""
    assert tokens
    assert not tokens & {hub.launcher_token, hub.admin_token}
    for token in tokens:
        assert status(f"{hub.url}/user/{quote(user, safe='@~')}/api/contents", token) == 200
        assert status(f"{hub.url}/user/{other}/api/contents", token) in (403, 302)
        assert status(f"{hub.api_url}/users", token) == 403
        assert status(f"{hub.api_url}/users/{other}", token) in (403, 404)
        model = hub.api("GET", "user", token=token).json()
        assert set(model["scopes"]) <= {
            f"access:servers!server={user}/",
            f"read:users:name!user={user}",
            f"read:users:groups!user={user}",
        }
        assert hub.api("POST", "users", user, "tokens", token=token, json={}).status_code == 403
        assert hub.api("DELETE", "users", user, "server", token=token).status_code in (403, 404)


@pytest.mark.parametrize("name", NAMES)
def test_a_users_server_is_sent_nothing_that_opens_another_one(hub, beside, name):
    record(hub, name)
    hub.start_server("victim")
    own = hub.token_of(name)

    def launch(**notebook):
        notebook = {"directory": "d", **notebook}
        return beside.post("/hello", {"notebook": notebook}, token=own)

    assert launch().status_code == 200  # the server is started
    assert launch().status_code == 200  # it runs, and the name is taken
    assert launch(if_exists="replace").status_code == 200
    assert launch(if_exists="fail").status_code == 409
    (hub.home(name) / "file").write_text("")
    assert launch(directory="file/below").status_code == 409
    preview = beside.post("/experiments/hello/preview", {"notebook": {"directory": "d"}}, token=own)
    assert preview.status_code == 200
    cancelled = beside.post(
        "/hello", {"notebook": {"directory": "c"}}, token=own, headers={"Prefer": "respond-async"}
    )
    headers = {"Authorization": f"token {own}"}
    requests.delete(beside.origin + cancelled.headers["Location"], headers=headers, timeout=30)
    hub.kill_server(name)
    assert launch().status_code == 200  # it died, and is started again

    made = recorded(hub, name)
    changes = [line for line in made if line[0] in ("PUT", "PATCH", "POST", "DELETE")]
    assert {line[0] for line in changes} >= {"PUT", "PATCH", "POST"}
    # the launcher's own calls are those to the contents API; the hub asks for the server's health
    tokens = secrets_in(line for line in made if "/api/contents" in line[1])
    check_that_they_open_one_server_alone(hub, tokens, name, "victim")
    assert hub.launcher_token not in json.dumps(made)
    assert own not in json.dumps(made)


def test_a_token_that_was_revoked_is_made_anew(hub, beside):
    assert beside.hello("revoked", hub=hub).status_code == 200
    for token in hub.api("GET", "users", "revoked", "tokens").json()["api_tokens"]:
        if token["note"] == "launcher":
            hub.api("DELETE", "users", "revoked", "tokens", token["id"])
    # the server remembers a token for minutes; a new one asks the hub
    hub.stop_server("revoked")
    for _ in range(8):  # any worker
        assert beside.hello("revoked", hub=hub).status_code == 200


HEEDED = jupyterhub.version_info[:3] >= FILTERS_TOKENS
GROUP = """
c.JupyterHub.load_groups = {"launcher-users": {"users": ["member"]}}
c.JupyterHub.load_roles = [
    {
        "name": "launcher",
        "services": ["launcher"],
        "scopes": ["servers", "tokens!group=launcher-users"],
    },
    {"name": "user", "scopes": ["self", "access:services!service=launcher"]},
]
c.JupyterHub.token_expires_in_max_seconds = 300
"""


@pytest.fixture(scope="module")
def group_hub(make_shared_hub):
    """Its launcher may make tokens for the members of one group, for five minutes at most."""
    return make_shared_hub(extra=GROUP)


@pytest.fixture(scope="module")
def group_launcher(group_hub, make_shared_launcher):
    return make_shared_launcher(group_hub)


def report(launcher):
    return {
        check["name"]: check for check in requests.get(f"{launcher.url}/ready").json()["checks"]
    }


heeded = pytest.mark.skipif(not HEEDED, reason="this JupyterHub heeds no filter of tokens")
unheeded = pytest.mark.skipif(HEEDED, reason="this JupyterHub heeds filters of tokens")


@unheeded
def test_a_role_for_one_group_is_refused_where_the_hub_does_not_heed_it(group_hub, group_launcher):
    answer = group_launcher.hello("member", hub=group_hub)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":hub-refused")
    refusal = f"JupyterHub {jupyterhub.__version__} issues no token to a service"
    assert refusal in answer.json()["detail"]
    assert "without a filter" in report(group_launcher)["token"]["detail"]
    assert not report(group_launcher)["token"]["ok"]


@heeded
def test_a_role_for_one_group_serves_its_members(group_hub, group_launcher):
    assert group_launcher.hello("member", hub=group_hub).status_code == 200
    wait_until(lambda: report(group_launcher).get("token", {}).get("ok"))
    assert report(group_launcher)["token"]["detail"] == ""
    tokens = group_hub.api("GET", "users", "member", "tokens").json()["api_tokens"]
    assert "launcher" in {token["note"] for token in tokens}


@heeded
def test_somebody_outside_of_the_group_is_told_which_scope_is_missing(group_hub, group_launcher):
    answer = group_launcher.hello("stranger", hub=group_hub)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":hub-refused")
    assert "tokens!group" in answer.json()["detail"]


def test_ready_says_what_a_token_without_a_filter_may_do(hub, beside):
    wait_until(lambda: report(beside).get("token", {}).get("ok"))
    assert "administrators included" in report(beside)["token"]["detail"]


OLD_ROLE = """
c.JupyterHub.services += [{"name": "older", "api_token": "older-" + 24 * "x"}]
c.JupyterHub.load_roles += [
    {"name": "older", "services": ["older"], "scopes": ["servers", "access:servers"]}
]
"""


def test_the_role_of_older_versions_is_refused_and_its_token_sent_to_no_server(
    make_hub, make_launcher
):
    hub = make_hub(extra=OLD_ROLE)
    launcher = make_launcher(hub, JUPYTERHUB_TOKEN="older-" + 24 * "x")
    record(hub, "mallory")
    hub.start_server("mallory")
    answer = launcher.hello("mallory", hub=hub)
    assert answer.status_code == 503
    assert "lacks the scope tokens" in answer.json()["detail"]
    wait_until(lambda: "lacks the scope tokens" in launcher.log, what="the line in the log")
    wait_until(lambda: "lacks the scope tokens" in report(launcher)["token"]["detail"])
    assert "older-" not in (hub.home("mallory") / "recorded.jsonl").read_text()


def test_a_restarted_launcher_sends_no_other_token_either(hub, make_launcher):
    launcher = make_launcher(hub, workers=2)
    record(hub, "again")
    assert launcher.hello("again", hub=hub).status_code == 200
    launcher.gunicorn.stop(signal.SIGKILL)
    launcher.start()
    assert launcher.hello("again", hub=hub).status_code == 200
    tokens = secrets_in(line for line in recorded(hub, "again") if "/api/contents" in line[1])
    check_that_they_open_one_server_alone(hub, tokens, "again", "victim")
