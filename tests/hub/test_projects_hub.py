"""What the hub's own API and forms change about servers of projects: nothing."""

import pytest
import requests
from realhub import problem
from waiting import wait_until

FORGED = {
    "image": "evil/image:1",
    "cmd": ["touch", "/tmp/x"],
    "command": ["touch", "/tmp/x"],
    "environment": {"PREPARE_PROJECT": "{}", "PREPARE_CODE": "x"},
    "project": {"url": "https://example.org/evil/project.git"},
    "repository": "https://example.org/evil/project.git",
    "commit_sha": "0" * 40,
    "branch": "main",
    "notebook": "../../x",
    "serverOptions": {"mem_request": "999G"},
    "entrypoint": "evil",
    "system": "evil",
    "namespace": "secret",
    "lfs_auto_fetch": True,
}


def started(user, name, options):
    """Start a server at the hub with these options; its environment variables."""
    answer = user.ask_hub("POST", "servers", name, json=options)
    assert answer.status_code in (201, 202), answer.text
    wait_until(lambda: user.site.hub.is_ready(user.name, name), f"the server {name}")
    return user.process(name)[1]


def test_options_that_are_posted_to_the_hub_make_no_project(projects):
    leo = projects.user("leo")
    environment = started(leo, "project-0123456789ab", FORGED)
    assert not [name for name in environment if name.startswith("PREPARE")]
    server = leo.server("project-0123456789ab")
    assert (server["project"], server["annotations"], server["resources"]) == (None, {}, {})
    assert not (leo.home / "projects").exists()


def test_the_name_of_somebody_elses_server_gives_nothing(projects):
    owner, other = projects.user("mia"), projects.user("nick")
    projects.add("hub/owned", private=True, levels={"mia": "developer"}).commit({"a.md": "a\n"})
    projects.git.tokens["token-of-mia"] = "mia"
    path = f"/git-hosts/127.0.0.1:{projects.git.port}/token"
    assert owner.request("PUT", path, {"token": "token-of-mia"}).status_code == 204
    server = owner.opened("hub/owned", ref="main")
    environment = started(other, server["name"], FORGED)
    assert not [name for name in environment if name.startswith("PREPARE")]
    assert not (other.home / "projects").exists()
    url = f"{projects.git.url}/hub/owned.git"
    answer = requests.post(
        f"{projects.launcher.url}/project-server/credential",
        json={"url": url},
        headers={"Authorization": f"token {environment['JUPYTERHUB_API_TOKEN']}"},
        timeout=30,
    )
    assert problem(answer, 404, "not-found")
    assert other.server(server["name"])["project"] is None


def test_options_at_the_hub_do_not_change_a_server_of_a_project(projects):
    olga = projects.user("olga")
    repository = projects.add("hub/own")
    sha = repository.commit({"a.md": "a\n"})
    server = olga.opened("hub/own", ref="main")
    name = server["name"]
    olga.stop(name)
    started(olga, name, FORGED)
    again = wait_until(
        lambda: (now := olga.server(name))["project"]["checkout"] == "done" and now, "the checkout"
    )
    assert again["project"]["commit_sha"] == sha
    assert again["project"]["repository"] == server["project"]["repository"]
    assert again["project"]["image"] is None
    assert (olga.workspace(again) / "a.md").read_text() == "a\n"


@pytest.mark.slow
def test_a_server_of_that_name_that_runs_without_the_launcher_is_not_taken_over(projects):
    paul = projects.user("paul")
    projects.add("hub/taken").commit({"a.md": "a\n"})
    name = paul.opened("hub/taken", ref="main")["name"]
    assert paul.request("DELETE", f"/servers/{name}").status_code in (202, 204)
    wait_until(lambda: name not in paul.get("/servers")["servers"], "the end of the server")
    started(paul, name, {})
    answer = paul.open("hub/taken", ref="main")
    said = problem(answer, 409, "other-environment")
    assert "was started without the launcher" in said
    assert answer.json()["ways_out"]
    paul.stop(name)
    assert paul.opened("hub/taken", ref="main")["project"]["checkout"] == "done"


@pytest.mark.slow
def test_a_hub_without_the_hook_opens_no_project(make_site):
    site = make_site(workers=1, hooked=False)
    quinn = site.user("quinn")
    site.add("hub/unhooked").commit({"a.md": "a\n"})
    answer = quinn.open("hub/unhooked", ref="main")
    said = problem(answer, 501, "hook-missing")
    assert "configure(c" in said
    launch = quinn.get("/launches")["launches"][0]
    assert launch["state"] == "failed"
    assert not (quinn.home / "projects").exists()
    # and again: the server runs, so nothing says that it is any better
    again = quinn.open("hub/unhooked", ref="main")
    assert again.status_code in (409, 501), again.text


# of a kind that no adapter is for
OTHER_SPAWNER = """
from jupyterhub.spawner import Spawner

class PlainSpawner(Spawner):
    async def start(self):
        raise RuntimeError("started without its project")

    async def poll(self):
        return 0

    async def stop(self, now=False):
        pass

c.JupyterHub.spawner_class = PlainSpawner
"""


@pytest.mark.slow
def test_a_spawner_whose_command_cannot_be_set_opens_no_project(make_site):
    site = make_site(workers=1, extra=OTHER_SPAWNER)
    rita = site.user("rita")
    site.add("hub/plain").commit({"a.md": "a\n"})
    answer = rita.open("hub/plain", ref="main")
    said = problem(answer, 502, "spawn-refused")
    assert "cannot check projects out" in said
    assert "adapter" in said
    assert not (rita.home / "projects").exists()
