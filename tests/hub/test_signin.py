"""Signing in on a real hub, and through its real proxy."""

import json
import re
import shutil

import pytest
import requests
from ports import free_port
from processes import Process
from requests.adapters import HTTPAdapter


def whoami(url, name, password):
    """GET /user, with the name and the password in UTF-8."""
    auth = (name.encode(), password.encode())
    return requests.get(f"{url}/user", auth=auth, timeout=30)


def sign_in_at_the_hub(hub, name, password):
    """The status of the hub's own form: 302 when it lets somebody in."""
    session = requests.Session()
    page = session.get(f"{hub.url}/hub/login", timeout=30)
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1]
    form = {"_xsrf": xsrf, "username": name, "password": password}
    answer = session.post(f"{hub.url}/hub/login", form, allow_redirects=False, timeout=30)
    return answer.status_code


@pytest.mark.parametrize("name", ["\x01victim", "victim\x1f", "\tvictim", "\x01\x02 VICTIM"])
def test_a_name_that_the_hub_would_change_gives_no_new_tries(hub, make_launcher, name):
    assert sign_in_at_the_hub(hub, name, "pässwörd of victim") == 302
    launcher = make_launcher(hub, workers=1, config="c.Launcher.max_failed_logins = 2")
    for n in range(4):
        assert whoami(launcher.url, name, f"guess {n}").status_code == 401
    assert whoami(launcher.url, name, "pässwörd of victim").status_code == 401
    assert whoami(launcher.url, "victim", "pässwörd of victim").json()["name"] == "victim"


@pytest.mark.parametrize("name", ["jöe", "joe"])
def test_what_requests_sends_as_latin1_is_understood(hub, beside, name):
    auth = (name, f"pässwörd of {name}")
    assert requests.get(f"{beside.url}/user", auth=auth, timeout=30).json()["name"] == name


class From(HTTPAdapter):
    """Connects from an address of this machine."""

    def __init__(self, address):
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)


def wrong_password_from(address, url):
    """The status of a wrong password that comes from that address."""
    with requests.Session() as session:
        session.mount("http://", From(address))
        return session.get(f"{url}/user", auth=("mallory", "wrong"), timeout=30).status_code


@pytest.fixture
def proxy(tmp_path):
    """Starts the hub's proxy as it is by default, on a socket for IPv4 and IPv6."""
    started = []

    def start(target):
        port = str(free_port())
        command = [shutil.which("configurable-http-proxy") or "configurable-http-proxy"]
        command += ["--port", port, "--api-port", str(free_port()), "--default-target", target]
        process = Process(command, tmp_path, "proxy", {"CONFIGPROXY_AUTH_TOKEN": "secret"})
        started.append(process)
        process.start()
        process.wait_for(f"http://127.0.0.1:{port}/health")
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.stop()


def test_callers_behind_the_proxy_have_tries_of_their_own(hub, make_launcher, proxy):
    config = "c.Launcher.max_failed_logins_per_address = 2\nc.Launcher.trusted_hops = 1\n"
    launcher = make_launcher(hub, workers=1, config=config)
    url = proxy(launcher.origin)
    statuses = [wrong_password_from("127.0.0.2", url) for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert wrong_password_from("127.0.0.3", url) == 401
    lines = [json.loads(line) for line in launcher.log.splitlines() if "launcher.audit" in line]
    assert [(line["event"], line["user"], line["address"]) for line in lines] == [
        ("login_failed", "mallory", "127.0.0.2"),
        ("login_failed", "mallory", "127.0.0.2"),
        ("login_throttled", "mallory", "127.0.0.2"),
        ("login_failed", "mallory", "127.0.0.3"),
    ]
