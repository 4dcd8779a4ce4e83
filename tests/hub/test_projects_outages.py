"""Whoever dies or restarts while a project is checked out, the launch ends with the project."""

import os
import signal

import pytest
from callers import workers
from projects_site import projects_sites
from waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site of its own: other tests do not expect what happens here."""
    with projects_sites(tmp_path_factory) as make:
        yield make()


@pytest.fixture
def start(site):
    """Begins a launch of a new project, whose checkout waits for the git host."""

    def begin(name):
        site.add(f"outage/{name}").commit({"a.md": "a\n"})
        user = site.user(name)
        return user, user.fetching(f"outage/{name}")

    yield begin
    site.git.misbehaves = ""


def check_done(user, launch):
    """The launch is done, and its project is there."""
    server = user.done(launch, 200)
    assert (server["state"], server["project"]["checkout"]) == ("running", "done")
    assert (user.workspace(server) / "a.md").read_text() == "a\n"
    return server


def test_all_workers_are_killed_while_a_project_is_checked_out(site, start):
    user, launch = start("killed")
    for pid in workers(site.launcher):
        os.kill(pid, signal.SIGKILL)
    site.git.misbehaves = ""
    check_done(user, launch)


def test_the_hub_restarts_while_a_project_is_checked_out(site, start):
    user, launch = start("restarted")
    site.hub.stop_hub()
    site.git.misbehaves = ""
    # the last report comes while the launcher cannot ask the hub whose token it has
    place = user.home / launch["project"]["folder"]
    wait_until((place / "a.md").exists, "the checkout")
    site.hub.start_hub()
    check_done(user, launch)


def test_the_launcher_restarts_as_the_checkout_ends(site, start):
    user, launch = start("relaunched")
    site.launcher.stop()
    site.git.misbehaves = ""
    place = user.home / launch["project"]["folder"]
    wait_until((place / "a.md").exists, "the checkout")
    site.launcher.start()
    server = check_done(user, launch)
    assert f"{server['project']['folder']} is ready." in user.messages(launch)


def test_the_launcher_is_killed_before_the_server_starts(site):
    site.add("outage/early").commit({"a.md": "a\n"})
    user = site.user("slow-early")
    launch = user.begun("outage/early", ref="main")
    site.launcher.gunicorn.stop(signal.SIGKILL)
    site.launcher.start()
    check_done(user, launch)


def test_the_server_is_killed_while_its_project_is_checked_out(site, start):
    user, launch = start("dead")
    os.kill(user.process(launch["server"])[0], signal.SIGKILL)
    site.git.misbehaves = ""
    check_done(user, launch)


def test_the_server_is_stopped_while_its_project_is_checked_out(site, start):
    user, launch = start("stopped")
    user.stop(launch["server"])
    site.git.misbehaves = ""
    ended = user.ended(launch)
    assert ended["state"] == "cancelled"
    assert ended["problem"]["type"].endswith(":server-stopped")
    check_done(user, user.begun("outage/stopped", ref="main"))


def test_the_server_is_removed_while_its_project_is_checked_out(site, start):
    user, launch = start("removed")
    answer = user.call("DELETE", f"/servers/{launch['server']}")
    assert answer.status_code in (202, 204), answer.text
    site.git.misbehaves = ""
    assert user.ended(launch)["problem"]["type"].endswith(":server-stopped")
    wait_until(lambda: user.call("GET", f"/servers/{launch['server']}").status_code == 404)
    check_done(user, user.begun("outage/removed", ref="main"))


def test_a_git_host_that_is_taken_off_the_list_starts_nothing_more(site):
    """The last test of the file: the host is back on the list, but the launcher is another one."""
    site.add("outage/unlisted").commit({"a.md": "a\n"})
    user = site.user("unlisted")
    name = user.opened("outage/unlisted", ref="main")["name"]
    user.stop(name)
    config = site.folder / "launcher_config.py"
    before = config.read_text()
    config.write_text(before + "c.Launcher.git_hosts = []\n")
    site.launcher.stop()
    site.launcher.start()
    try:
        answer = user.request("PATCH", f"/servers/{name}", {"state": "running"})
        said = user.failed(answer.json(), "spawn-refused")
        assert "is not on the site's list any more" in said
        assert user.server(name)["project"]["checkout"] == "done"
    finally:
        config.write_text(before)
        site.launcher.stop()
        site.launcher.start()
    assert user.resumed(name)["project"]["checkout"] == "done"
