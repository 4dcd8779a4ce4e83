"""The example of a portal: nobody but a user's own browser gets a token from it."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from ports import free_port
from processes import Process

PORTAL = Path(__file__).parents[2] / "examples/portal/portal.py"
LAUNCHER = "https://hub.example.org/services/launcher"
OWN = {"X-Portal": "page"}


class Hub(ThreadingHTTPServer):
    """The hub's API: it knows one code, with the challenge that came with it, and one user."""

    challenge, token, asked = "", "the token of alice", ()
    user = "alice <b>"


class Handler(BaseHTTPRequestHandler):
    """Exchanges the code for the token, and says whose it is."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.asked = (*self.server.asked, form)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        fits = base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.server.challenge
        right = fits and form.get("code") == "right" and form["client_secret"] == "secret"
        self.send_response(200 if right else 400)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"access_token": "%s"}' % self.server.token.encode() if right else b"{}")

    def do_GET(self):
        known = self.headers["Authorization"] == f"token {self.server.token}"
        self.send_response(200 if known and self.path == "/hub/api/user" else 403)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"name": self.server.user}).encode())

    def log_message(self, *_args):
        """Say nothing."""


@pytest.fixture
def hub():
    with Hub(("127.0.0.1", 0), Handler) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


@pytest.fixture
def start(tmp_path, hub):
    """Starts a portal whose redirect URI is that, and returns its own address."""
    started = []

    def start(redirect_uri=""):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environ = {
            "PORTAL_HUB_URL": "https://hub.example.org",
            "PORTAL_LAUNCHER_URL": LAUNCHER,
            "PORTAL_REDIRECT_URI": redirect_uri or f"{url}/oauth_callback",
            "PORTAL_PORT": str(port),
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.server_port}/hub/api",
            "JUPYTERHUB_API_TOKEN": "secret",
            "PATH": os.environ["PATH"],
        }
        started.append(Process([sys.executable, PORTAL], tmp_path, "portal", environ))
        started[-1].start()
        started[-1].wait_for(url)
        return url

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def portal(start):
    """The address of a portal."""
    return start()


@pytest.fixture
def browser():
    """Somebody's browser."""
    with closing(requests.Session()) as session:
        yield session


def begin(browser, portal, hub):
    """Begin a sign-in; returns its state."""
    answer = browser.get(f"{portal}/sign-in", allow_redirects=False, timeout=10)
    location = urlsplit(answer.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == (
        "https://hub.example.org/hub/api/oauth2/authorize"
    )
    query = {name: values[0] for name, values in parse_qs(location.query).items()}
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    hub.challenge = query["code_challenge"]
    return query["state"]


def finish(browser, portal, **query):
    """Return from the hub."""
    return browser.get(f"{portal}/oauth_callback", params=query, allow_redirects=False, timeout=10)


def token(browser, portal, **headers):
    """What the portal answers to somebody who asks for the token."""
    return browser.get(f"{portal}/token", headers=headers or OWN, timeout=10)


def test_somebody_who_signed_in_gets_their_token_and_loses_it_with_the_session(
    browser, portal, hub
):
    assert 'data-signed-in="no"' in browser.get(portal, timeout=10).text
    answer = finish(browser, portal, state=begin(browser, portal, hub), code="right")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    page = browser.get(portal, timeout=10)
    assert 'data-signed-in="yes"' in page.text
    assert hub.token not in page.text
    assert "Signed in as <strong>alice &lt;b&gt;</strong>" in page.text
    assert token(browser, portal).json() == {"token": hub.token}
    assert token(browser, portal).headers["Cache-Control"] == "no-store"
    old = dict(browser.cookies)
    assert browser.post(f"{portal}/sign-out", headers=OWN, timeout=10).status_code == 204
    assert requests.get(f"{portal}/token", headers=OWN, cookies=old, timeout=10).status_code == 401


def test_a_page_of_another_origin_cannot_ask_for_the_token(browser, portal, hub):
    finish(browser, portal, state=begin(browser, portal, hub), code="right")
    assert token(browser, portal, Accept="*/*").status_code == 403
    assert browser.post(f"{portal}/sign-out", timeout=10).status_code == 403
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-portal",
    }
    preflight = browser.options(f"{portal}/token", headers=asked, timeout=10)
    assert not [name for name in preflight.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("state", ["", "x", "forged", "é" * 43])
def test_a_sign_in_that_somebody_else_began_is_refused(browser, portal, hub, state):
    begin(browser, portal, hub)
    assert finish(browser, portal, state=state, code="right").status_code == 403
    assert hub.asked == ()
    assert token(browser, portal).status_code == 401


def test_a_sign_in_is_finished_in_the_browser_that_began_it_and_once(browser, portal, hub):
    state = begin(browser, portal, hub)
    with closing(requests.Session()) as other:
        assert finish(other, portal, state=state, code="right").status_code == 403
    assert finish(browser, portal, state=state, code="right").status_code == 302
    assert finish(browser, portal, state=state, code="right").status_code == 403


def test_a_code_that_the_hub_refuses_begins_no_session(browser, portal, hub):
    answer = finish(browser, portal, state=begin(browser, portal, hub), code="wrong")
    assert answer.status_code == 403
    assert "did not accept" in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    assert '<a class="button" href="/">' in answer.text
    assert token(browser, portal).status_code == 401


def test_a_hub_that_is_away_is_told(browser, portal, hub):
    state = begin(browser, portal, hub)
    hub.server_close()
    answer = finish(browser, portal, state=state, code="right")
    assert answer.status_code == 502
    assert "Try again" in answer.text


def test_without_its_variables_it_says_what_to_set():
    environ = {"PATH": os.environ["PATH"], "PORTAL_HUB_URL": "https://hub.example.org"}
    done = subprocess.run(
        [sys.executable, PORTAL], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Set PORTAL_LAUNCHER_URL, PORTAL_REDIRECT_URI, JUPYTERHUB_API_URL, JUPYTERHUB_API_TOKEN;"
        " README.md, beside this file, says to what.\n"
    )


def test_the_readme_changes_the_role_of_the_launchers_own_entries():
    text = (PORTAL.with_name("README.md")).read_text()
    blocks = text.split("```python\n")[1:]
    (code,) = [block.partition("```")[0] for block in blocks if "load_roles" in block]
    example = (PORTAL.parents[2] / "jupyterhub_config.py.example").read_text()
    assert '"name": "user"' in example
    role = {"name": "user", "scopes": ["self", "access:services!service=launcher"]}
    hub = SimpleNamespace(services=[], load_roles=[role])
    exec(code, {"c": SimpleNamespace(JupyterHub=hub)})
    assert [each["name"] for each in hub.load_roles] == ["user"], "the hub refuses two of a name"
    assert role["scopes"][-1] == "access:services!service=portal"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_scripts_cannot_read_the_cookies(browser, start, hub, scheme):
    portal = start(f"{scheme}://portal.example.org/oauth_callback")
    answer = browser.get(f"{portal}/sign-in", allow_redirects=False, timeout=10)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie) == (scheme == "https")


@pytest.mark.parametrize("path", ["/", "/static/portal.js", "/token", "/nowhere"])
def test_everything_has_a_strict_policy(browser, portal, path):
    answer = browser.get(f"{portal}{path}", timeout=10)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert f"script-src 'self' {LAUNCHER}/static/launcher.js;" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_other_file_is_served(browser, portal):
    for path in ("/static/", "/static/..%2fportal.py", "/static/%2e%2e/portal.py", "/portal.py"):
        answer = browser.get(f"{portal}{path}", timeout=10)
        assert answer.status_code in (403, 404)
        assert "import" not in answer.text
