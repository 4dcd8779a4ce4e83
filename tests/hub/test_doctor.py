"""launcher doctor beside a real hub: what it says is wrong is wrong, and its lines fix it."""

import contextlib
import json
from pathlib import Path

import jupyterhub
import pytest
import requests
from doctoring import DOCTOR, run_doctor
from ports import free_port
from realhub import environment
from waiting import wait_until

from launcher.hub.version import FILTERS_TOKENS

# of a hub that can be reached: the doctor warns of the security holes of 5.2.1
REACHED = "warning" if jupyterhub.version_info < (5, 5, 1) else "ok"
EXAMPLE = (Path(__file__).parents[2] / "jupyterhub_config.py.example").read_text(encoding="utf-8")
# the hub's half as it is copied from the checkout, on this test's ports
AS_IN_THE_EXAMPLE = f"""
text = {EXAMPLE!r}.replace('"api_token": ""', '"api_token": "' + settings["launcher_token"] + '"')
spawner = c.Spawner.cmd
exec(text)
c.Spawner.cmd = spawner
c.JupyterHub.bind_url = settings["public_url"]
c.JupyterHub.services.append(
    {{"name": "ancestor", "api_token": settings["admin_token"], "admin": True}}
)
"""


@pytest.fixture
def doctor(tmp_path):
    """Runs the command beside a hub."""

    def run(hub, *words, **more):
        env = environment(hub, LAUNCHER_DATABASE_URL=f"sqlite:///{tmp_path}/l.sqlite")
        command = [*DOCTOR, "--json", *words]
        return run_doctor(command, folder=tmp_path, env={**env, **more})

    return run


def test_the_example_is_all_right_while_the_launcher_runs(make_hub, make_launcher, doctor):
    hub = make_hub(extra=AS_IN_THE_EXAMPLE)
    launcher = make_launcher(hub, workers=1)
    hub.add_user("alice")
    where = {"JUPYTERHUB_SERVICE_URL": launcher.origin}
    report = doctor(hub, "--user", "alice", **where)
    assert report.status == 0, report.output
    others = {"privileges": "warning", "hub": REACHED}
    others |= dict.fromkeys(("certificates", "git"), "skipped")
    assert report.statuses == {**dict.fromkeys(report.statuses, "ok"), **others}
    tokens = hub.api("GET", "users", "alice", "tokens").json()["api_tokens"]
    assert [token for token in tokens if token["note"].startswith("launcher doctor")] == []
    hub.stop()


def roles(*roles):
    return f"c.JupyterHub.load_roles = [{''.join(roles)}]\n"


TOO_FEW = '{"name": "launcher", "services": ["launcher"], "scopes": ["servers", "access:servers"]},'
NO_USERS = '{"name": "user", "scopes": ["self"]},'


def test_a_role_that_is_wrong_and_the_one_that_the_doctor_writes(make_hub, doctor):
    hub = make_hub(extra=roles(TOO_FEW, NO_USERS))
    hub.add_user("alice")
    report = doctor(hub, "--user", "alice")
    assert report.status == 1
    assert report.detail("scopes", "failed").endswith("lacks the scope tokens.")
    assert "access:servers (access user servers" in report.detail("privileges", "warning")
    assert "requires the scope tokens" in report.detail("users", "skipped")
    hub.stop()
    hub = make_hub(extra=roles(report.fix("scopes"), NO_USERS))
    hub.add_user("alice")
    better = doctor(hub, "--user", "alice")
    assert better.statuses["scopes"] == "ok"
    assert better.statuses["privileges"] == "warning"
    assert "alice does not have the scope access:services" in better.detail("users", "failed")
    hub.stop()
    if jupyterhub.version_info < FILTERS_TOKENS:
        assert "5.5.3 and later support a group" in better.detail("privileges", "warning")
        return
    hub = make_hub(extra=f"{narrowed(better)}\n{roles(role_in(better), better.fix('users'))}")
    hub.add_user("alice")
    hub.add_user("carol")
    best = doctor(hub, "--user", "alice")
    assert best.status == 0, best.output
    assert best.statuses["privileges"] == "ok"
    assert best.statuses["users"] == "ok"
    carol = doctor(hub, "--user", "carol")
    assert "filter of the scope tokens (group=launcher-users)" in carol.detail("users", "failed")
    assert carol.fix("users") == '"launcher-users": {"users": ["carol"]},'
    hub.stop()


def role_in(report):
    return report.fix("privileges").splitlines()[0]


def narrowed(report):
    return report.fix("privileges").splitlines()[1]


def test_an_address_without_the_hubs_base_url(hub, doctor):
    report = doctor(hub, JUPYTERHUB_URL=hub.origin)
    assert report.status == 1
    assert "it responds with a web page, not with JSON" in report.detail("hub", "failed")
    name, _, value = report.fix("hub").partition("=")
    assert (name, value) == ("JUPYTERHUB_URL", hub.url)
    straight = doctor(hub, JUPYTERHUB_URL=hub.hub_url)
    assert straight.fix("hub").startswith("JUPYTERHUB_URL=")
    assert straight.fix("hub").endswith("/@/space%20word")
    assert doctor(hub).statuses["hub"] == REACHED


def test_a_token_that_the_hub_does_not_know(hub, doctor):
    report = doctor(hub, JUPYTERHUB_TOKEN="of-another-hub")
    assert report.statuses["hub"] == REACHED
    assert "does not know" in report.detail("token", "failed")


WITH_HOOK = """
from launcher.jupyterhub import configure

c.JupyterHub.services = [each for each in c.JupyterHub.services if each["name"] != "launcher"]
c.JupyterHub.load_roles = []
configure(c, "desk", managed=False, api_token=settings["launcher_token"], hook_token="{secret}")
# the hub would wait for a launcher
for each in c.JupyterHub.services:
    each.pop("url", None)
    each.pop("oauth_no_confirm", None)
"""


def test_a_user_of_a_hub_with_the_hook_and_the_role_that_the_doctor_writes(make_hub, doctor):
    secret = 30 * "x"
    hook = WITH_HOOK.format(secret=secret)
    hub = make_hub(extra=hook)
    hub.add_user("alice")
    report = doctor(hub, "--user", "alice", LAUNCHER_HOOK_TOKEN=secret)
    assert "for this check alone" in report.detail("users", "skipped")
    assert report.statuses["scopes"] == "ok"
    hub.stop()
    hub = make_hub(extra=f"{hook}\n{report.fix('users')}")
    hub.add_user("alice")
    better = doctor(hub, "--user", "alice", LAUNCHER_HOOK_TOKEN=secret)
    assert "alice may use the launcher" in better.detail("users", "ok")
    hub.stop()


MANAGED = """
c.JupyterHub.public_url = settings["public_url"]
c.JupyterHub.services[0] = {{
    "name": "launcher",
    "url": "http://127.0.0.1:{port}",
    "command": [sys.executable, "-m", "launcher", "serve", "--workers", "1"],
    "cwd": str(folder),
}}
"""


def process_with(pair):
    """The folder in /proc of a process that was started with this variable of the environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if pair in (folder / "environ").read_text().split("\0"):
                return folder
    raise AssertionError(pair)


def test_managed_by_the_hub_in_the_environment_that_the_hub_gives(make_hub, tmp_path):
    port = free_port()
    hub = make_hub(base_url="/jupyter/", extra=MANAGED.format(port=port))
    url = f"{hub.url}/services/launcher"
    wait_until(lambda: requests.get(f"{url}/health", timeout=5).status_code == 200)
    process = process_with(f"JUPYTERHUB_SERVICE_URL=http://127.0.0.1:{port}")
    command = [*DOCTOR, "--json", "--environment-of", process.name]
    report = run_doctor(command, folder=tmp_path)
    assert report.status == 0, report.output
    assert report.detail("path", "ok") == f"The launcher answers at {url}."
    assert f"reaches the launcher at {url}." in report.detail("body-limit", "ok")
    assert json.loads(report.output)["ok"] is True
    hub.stop()
