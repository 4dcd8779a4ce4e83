"""What runs in a batch job before the server: it reports a port, and becomes the server."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from certificates import Authority

from launcher.jupyterhub import report_port

# what a server would see
SERVER = "import json, os; print(json.dumps(dict(os.environ)))"


class Hub(BaseHTTPRequestHandler):
    """The hub's end: keeps what is reported, and answers with a status."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.reported.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments):
        """Nothing is logged."""


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture(params=["http", "https"])
def hub(request, authority):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.reported, server.status = [], 201
    if request.param == "https":
        server.socket = authority.server().wrap_socket(server.socket, server_side=True)
    server.url = f"{request.param}://127.0.0.1:{server.server_address[1]}/hub/api"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def job(hub, authority, *command, **variables):
    """Run a job with the command of a server."""
    own = str(authority.server_file())
    environment = {
        "JUPYTERHUB_API_URL": hub.url,
        "JUPYTERHUB_API_TOKEN": "secret",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:0/user/alice/",
        "JUPYTERHUB_SSL_CLIENT_CA": str(authority.bundle),
        "JUPYTERHUB_SSL_CERTFILE": own,
        "JUPYTERHUB_SSL_KEYFILE": own,
        **variables,
    }
    words = [sys.executable, "-I", report_port.__file__, *command]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_the_server_listens_where_the_hub_was_told(hub, authority):
    done = job(hub, authority, sys.executable, "-c", SERVER)
    assert done.returncode == 0, done.stderr
    ((path, credential, body),) = hub.reported
    assert (path, credential, body.keys()) == ("/hub/api/batchspawner", "token secret", {"port"})
    url = json.loads(done.stdout)["JUPYTERHUB_SERVICE_URL"]
    assert url == f"http://0.0.0.0:{body['port']}/user/alice/"


def test_a_program_that_is_missing_is_a_sentence_and_nothing_is_reported(hub, authority):
    done = job(hub, authority, "/nowhere/server")
    assert "'/nowhere/server' is not a program on this node" in done.stderr
    assert (done.returncode, hub.reported) == (1, [])


@pytest.mark.parametrize("status", [302, 403, 500])
def test_a_hub_that_refuses_the_report_is_a_sentence(hub, authority, status):
    hub.status = status
    done = job(hub, authority, sys.executable, "-c", SERVER)
    assert f"the hub answers the report of its port with {status}" in done.stderr
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("hub", ["https"], indirect=True)
def test_the_token_is_not_sent_to_a_hub_that_another_authority_vouches_for(
    hub, authority, tmp_path
):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    done = job(hub, authority, "/bin/true", JUPYTERHUB_SSL_CLIENT_CA=str(other.bundle))
    assert (done.returncode, hub.reported) == (1, [])
