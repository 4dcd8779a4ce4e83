"""Environments from end to end: a real hub with the spawn hook starts the launcher it asks.

Virtual environments with `conda-meta/history` stand for conda environments.
"""

import contextlib
import html
import json
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from conda_like import conda_like, runs_in
from documents import blocks
from hooked_hub import environment_of
from ports import free_port
from realhub import RealHub, problem
from site_of_launcher import SERVICE, Person
from waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs/environments.md"
# what the hub of the tests has already, or needs besides
BEFORE = """
c.JupyterHub.services = c.JupyterHub.services[1:]
c.JupyterHub.load_roles = []
c.JupyterHub.allow_named_servers = True
"""
# the token is given so that a test can ask what it may do
ARGUMENTS = """configure(c, system, url={url!r}, api_token=settings["launcher_token"])"""
PUBLIC = "c.JupyterHub.public_url = settings['public_url']\n"
PATIENCE = "c.Launcher.breaker_seconds = 0\nc.Launcher.start_cooldown = 0\n"
MEDDLING = {
    "command": ["/bin/false"],
    "cmd": ["/bin/false"],
    "env": {"CONDA_PREFIX": "/evil"},
    "environment": {"CONDA_PREFIX": "/evil"},
    "entrypoint": {"command": ["/bin/false"]},
    "image": "evil",
    "system": ["laptop"],
}


def from_the_page(language):
    """The blocks of docs/environments.md that these tests run: of the hub, of the launcher, …"""
    marked = [each for each in blocks(PAGE) if "test_environments.py" in each.how]
    return [each.text for each in marked if each.language == language]


@contextlib.contextmanager
def site(folder, extra=""):
    """A hub that starts its launcher, with two systems, as the page has it."""
    for_hub, for_launcher = from_the_page("python")
    call = ARGUMENTS.format(url=f"http://127.0.0.1:{free_port()}")
    assert for_hub.endswith("configure(c, system)\n")
    for_hub = for_hub.replace("configure(c, system)", call)
    hub = RealHub(folder, extra=BEFORE + for_hub + PUBLIC + extra)
    # the launcher reads it in the hub's working directory
    (folder / "launcher_config.py").write_text(for_launcher + PATIENCE)
    hub.start()
    try:
        ready = f"{hub.url}/{SERVICE}/ready"
        wait_until(lambda: requests.get(ready, timeout=5).status_code == 200, "the launcher")
        yield hub
    finally:
        hub.stop()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with site(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    """Two environments, by name."""
    folder = tmp_path_factory.mktemp("envs")
    return {name: conda_like(folder / name) for name in ("climate", "hydrology")}


class User:
    """Somebody who has added both environments, and selected none."""

    def __init__(self, hub, name, environments):
        self.hub, self.name = hub, name
        self.url = f"{hub.url}/{SERVICE}"
        self.token = hub.token_of(name)
        self.ids = {
            each: self.call(
                "POST",
                f"/users/{name}/systems/desk",
                {"name": each, "type": "conda", "data": {"path": str(path)}},
                status=201,
            )["id"]
            for each, path in environments.items()
        }

    def request(self, method, path, body=None):
        """A request to the launcher with the user's own token."""
        headers = {"Authorization": f"token {self.token}"}
        url = self.url + path
        return requests.request(method, url, json=body, headers=headers, timeout=120)

    def call(self, method, path, body=None, *, status=200):
        """What the launcher answers with this status."""
        answer = self.request(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def select(self, name):
        self.call("PUT", f"/users/{self.name}/systems/desk", {"name": name})

    def hello(self, **notebook):
        """The answer to a launch."""
        return self.request("POST", "/hello", {"notebook": {"directory": "lab", **notebook}})

    def python(self, server=""):
        """The interpreter of the kernels in the user's server, as that server says."""
        place = f"{self.hub.url}/user/{self.name}/{server}".rstrip("/")
        headers = {"Authorization": f"token {self.token}"}
        answer = requests.get(f"{place}/api/kernelspecs", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["kernelspecs"]["python3"]["spec"]["argv"][0]

    def stop(self):
        self.hub.stop_server(self.name)


def start_from_the_page(hub, user, **fields):
    """Start the user's server with the hub's own form."""
    browser = Person(SimpleNamespace(hub=hub), user).log_in()
    form = browser.get(f"{hub.url}/hub/spawn", timeout=30)
    action = html.unescape(re.search(r'action="([^"]+)"', form.text)[1])
    answer = browser.post(f"{hub.origin}{action}", data=fields, timeout=60)
    assert answer.status_code == 200, answer.text
    wait_until(lambda: hub.is_ready(user), "the server")


def test_the_commands_of_the_page_lead_to_a_server_in_the_environment(hub, environments, tmp_path):
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\n")
    known = {"HUB_TOKEN": hub.token_of("alice"), "CURL_HOME": str(tmp_path)}
    for command in from_the_page("bash"):
        command = command.replace("https://hub.example.org", hub.url)
        command = command.replace("/home/alice/envs/climate", str(environments["climate"]))
        done = subprocess.run(
            ["bash", "-c", command], env={**os.environ, **known}, capture_output=True, text=True
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert json.loads(done.stdout)["location"].startswith(f"{hub.url}/user/alice/lab/")
    assert (hub.home("alice") / "d/experiment.ipynb").is_file()
    assert runs_in(hub.home("alice")) == str(environments["climate"])


def test_a_selected_environment_runs_the_server_that_the_hubs_page_starts(hub, environments):
    ann = User(hub, "ann", environments)
    place = "/users/ann/systems/desk"
    assert ann.call("GET", place) == {}
    ann.select("climate")
    assert ann.call("GET", place)["ann"]["name"] == "climate"
    assert ann.call("GET", f"/validate{place}")["result"] is True

    start_from_the_page(hub, "ann", system="desk")
    climate = environments["climate"]
    assert runs_in(hub.home("ann")) == str(climate)
    assert ann.python() == str(climate / "bin/python")
    found = environment_of(hub, "ann")
    assert (found["CONDA_PREFIX"], found["LAUNCHER_URL"]) == (str(climate), ann.url)

    detail = problem(ann.hello(entrypoint="hydrology"), 409, "other-environment")
    assert "runs in 'climate'" in detail
    assert not (hub.home("ann") / "lab").exists()
    assert ann.hello(entrypoint="climate").status_code == 200
    assert (hub.home("ann") / "lab/experiment.ipynb").is_file()

    ann.stop()
    answer = ann.hello(entrypoint="hydrology", filename="there.ipynb")
    assert answer.status_code == 200, answer.text
    assert runs_in(hub.home("ann")) == str(environments["hydrology"])
    assert ann.python() == str(environments["hydrology"] / "bin/python")
    assert (hub.home("ann") / "lab/there.ipynb").is_file()
    ann.stop()


def test_nothing_that_a_user_posts_to_the_hub_changes_the_environment(hub, environments):
    bob = User(hub, "bob", environments)
    bob.select("climate")
    hub.api("POST", "users", "bob", "server", token=bob.token, json=MEDDLING)
    wait_until(lambda: hub.is_ready("bob"), "the server")
    climate, hydrology = (str(environments[each]) for each in ("climate", "hydrology"))
    assert runs_in(hub.home("bob")) == climate
    assert environment_of(hub, "bob")["CONDA_PREFIX"] == climate

    refused = bob.hello(entrypoint="hydrology").json()
    kept = refused["ways_out"][-1]
    assert kept["action"] == "named_server"
    answer = bob.hello(entrypoint="hydrology", server=kept["server"])
    assert answer.status_code == 200, answer.text
    assert f"/user/bob/{kept['server']}/" in answer.json()["location"]
    assert bob.python(kept["server"]) == f"{hydrology}/bin/python"
    assert bob.python() == f"{climate}/bin/python"


def test_the_launcher_may_start_servers_and_make_no_tokens(hub):
    scopes = hub.api("GET", "user", token=hub.launcher_token).json()["scopes"]
    assert "servers" in scopes
    assert not [each for each in scopes if "token" in each or each.startswith("access:servers")]
    hub.add_user("eve")
    refused = hub.api("POST", "users", "eve", "tokens", token=hub.launcher_token)
    assert refused.status_code in (403, 404)


@pytest.mark.slow
def test_the_hubs_form_may_name_an_own_environment_and_another_system(hub, environments):
    dora = User(hub, "dora", environments)
    dora.select("climate")
    answer = hub.api(
        "POST", "users", "dora", "server", token=dora.token, json={"entrypoint": "hydrology"}
    )
    assert answer.status_code in (201, 202), answer.text
    wait_until(lambda: hub.is_ready("dora"), "the server")
    assert runs_in(hub.home("dora")) == str(environments["hydrology"])
    dora.stop()

    theirs = User(hub, "emil", environments).ids["climate"]
    refused = hub.api(
        "POST", "users", "dora", "server", token=dora.token, json={"entrypoint": theirs}
    )
    assert refused.status_code == 409, refused.text
    assert "There is no entrypoint" in refused.json()["message"]

    start_from_the_page(hub, "dora", system="laptop")
    assert "CONDA_PREFIX" not in environment_of(hub, "dora")
    dora.stop()


@pytest.mark.slow
def test_a_hub_whose_hook_was_taken_away_is_told_to_the_user(tmp_path, environments):
    with site(tmp_path / "hub", extra="c.Spawner.pre_spawn_hook = None\n") as hub:
        carol = User(hub, "carol", environments)
        detail = problem(carol.hello(entrypoint="climate"), 501, "hook-missing")
        assert 'configure(c, system="desk")' in detail
        assert not (hub.home("carol") / "lab").exists()
        detail = problem(carol.hello(), 503, "hub-refused")
        assert "Stop it and start it again" in detail
