"""The servers for projects, as the pages Projects and Home and the pages of a server show them."""

import re

import git_sites
import pytest
import sqlalchemy as sa
from environments import HOOK_TOKEN
from fakehub import json_answer
from stored_launches import write
from visiting import Visitor, text_of
from waiting import wait_until

from launcher.store import tables

PAGE = "/home/projects"


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    """A git host with an open project."""
    site = git_sites.start(tmp_path_factory.mktemp("git"), "gitlab")
    yield site
    site.stop()


@pytest.fixture
def sha(git):
    """A commit of the project, on its branches main and autumn."""
    repository = git.projects["group/open"].repository
    commit = repository.commit({"start.ipynb": "{}"})
    repository.commit(branch="autumn", parent=commit)
    return commit


@pytest.fixture
def visitor(start_app, alice, git):
    hosts = [git_sites.entry(git, "gitlab")]
    return Visitor(start_app(git_hosts=hosts, hook_token=HOOK_TOKEN), alice)


def opened(visitor, **fields):
    """The name of a server for the project that runs, and the address of its launch."""
    sent = {"/repository": "group/open", "/ref": "", "/follow": "", "/notebook": ""}
    sent |= {f"/{name}": text for name, text in fields.items()}
    answer = visitor.post(PAGE, {"action": "start", **sent})
    assert answer.status_code == 303, text_of(answer)
    address = answer.headers["location"].partition("?")[0]
    launch = visitor.client.get(address.removeprefix("/home"), headers=visitor.user.auth).json()
    servers = visitor.user.servers
    name = launch["server"]
    wait_until(lambda: name in servers and servers[name].state == "ready", "the start")
    return name, address


def stop(visitor, name):
    """Stop a server, and wait until it is stopped."""
    visitor.post(f"{PAGE}/servers", {"action": "stop", "server": name})
    wait_until(lambda: visitor.user.servers[name].state == "stopped", "the stop")


def test_two_servers_of_a_project_are_told_apart(visitor, sha):
    name, _ = opened(visitor)
    opened(visitor, ref="autumn", follow="branch")
    pinned, followed = titles = [f"group/open (main, {sha[:8]})", "group/open (autumn)"]
    projects, home = text_of(visitor.get(PAGE)), text_of(visitor.get("/home/"))
    for title in titles:
        assert f"Log {title}" in projects
        assert f"Stop {title}" in home
        assert f"Change the project of {title}" in home
    assert f"Log of {pinned}" in text_of(visitor.get(f"{PAGE}/servers/{name}/log"))
    question = f"Remove the server for {pinned}?"
    assert question in text_of(visitor.get(f"{PAGE}/servers/{name}/remove"))
    for listed in (projects.partition("My servers")[2], home.partition("My servers")[2]):
        assert listed.index(followed) < listed.index(pinned), "the order is the same"


def test_a_stopped_server_has_the_same_button_on_both_pages(visitor, sha):
    name, _ = opened(visitor)
    stop(visitor, name)
    for page in (PAGE, "/home/"):
        assert "Resume group/open" in text_of(visitor.get(page))


def test_a_start_that_failed_looks_different_from_a_stop(visitor, sha):
    name, address = opened(visitor)
    stop(visitor, name)
    problem = {"type": "x", "title": "Not started", "detail": "The user's server has no image."}
    write(visitor.client, sa.update(tables.launches).values(state="failed", problem=problem))
    page = visitor.get(PAGE)
    assert "stopped not started" in text_of(page)
    assert "The last launch failed: Your server has no image. ( see the launch of" in text_of(page)
    assert f'<a href="{address}">see the launch<' in page.text


def test_a_checkout_that_failed_says_how_to_try_again(visitor, sha):
    name, _ = opened(visitor)
    failed = {"start_id": "x", "checkout": "failed", "detail": "No space."}
    write(visitor.client, sa.update(tables.project_servers).values(failed))
    text = text_of(visitor.get(PAGE))
    assert "The project was not checked out: No space. ( see the launch of group/open" in text
    assert "To try again, press Stop , then Resume ." in text
    text = text_of(visitor.get(f"{PAGE}/servers/{name}/log"))
    assert "To try again, press Stop , then Resume on the page Projects." in text


def test_a_server_that_was_removed_is_said_to_be(visitor, sha):
    name, _ = opened(visitor)
    led = visitor.post(f"{PAGE}/servers/{name}/remove").headers["location"]
    assert led == f"{PAGE}#removed"
    assert 'id="removed" role="status">The server was removed.' in visitor.get(led).text


def test_a_server_that_is_not_there_leads_to_the_others(visitor):
    page = visitor.get(f"{PAGE}/servers/nobody/log")
    assert page.status_code == 404
    assert f'<a class="btn btn-primary" href="{PAGE}#servers">Projects</a>' in page.text


# the page of a launch


def test_a_checkout_that_failed_has_one_advice(visitor, sha):
    _, address = opened(visitor)
    detail = "The server runs, but the project was not checked out: No space. Delete files, and"
    problem = {
        "type": "urn:problem-type:launcher:checkout-failed",
        "title": "The project was not checked out",
        "detail": f"{detail} start the server again.",
    }
    write(visitor.client, sa.update(tables.launches).values(state="failed", problem=problem))
    text = text_of(visitor.get(address))
    assert "No space. Delete files. The server runs without the project." in text
    assert text.count("The server runs") == 1
    assert "To try again" not in text
    assert text.count("launch again") == 2, "in the advice, and on its button"


@pytest.mark.parametrize("is_stopped", [True, False], ids=["stopped", "cancelled"])
def test_a_cancelled_launch_says_what_runs_only_if_it_may(visitor, sha, is_stopped):
    _, address = opened(visitor)
    problem = {"type": "x", "title": "Stopped", "detail": "It was stopped."} if is_stopped else None
    write(visitor.client, sa.update(tables.launches).values(state="cancelled", problem=problem))
    text = text_of(visitor.get(address))
    hint = "may run now: the page Projects lists it , and can stop it. Launch again starts"
    assert (hint in text) is not is_stopped
    assert "the home page lists it" not in text


# the log


def log(visitor, fakehub, name, *lines):
    """The page with the lines."""
    path = f"/launcher/logs/{visitor.user.name}/servers/{name}"
    answer = json_answer({"lines": lines, "next": "7-x"})
    fakehub.hub_answers.append(("GET", path, answer))
    return visitor.get(f"{PAGE}/servers/{name}/log")


def test_the_log_shows_the_state_and_that_lines_are_left_out(visitor, sha, fakehub):
    name, _ = opened(visitor)
    page = log(visitor, fakehub, name, *["line"] * 500)
    assert '<span class="badge state-running">running</span>' in page.text
    assert 'id="older">The last 500 lines.' in page.text
    assert 'id="older" hidden>' in log(visitor, fakehub, name, "line").text
    assert re.search(r"<noscript><p><a [^>]*>Refresh</a></p></noscript>", page.text)


def test_an_empty_log_says_why_the_start_failed(visitor, sha, fakehub):
    name, address = opened(visitor)
    stop(visitor, name)
    problem = {"type": "x", "title": "Not started", "detail": "No such image."}
    write(visitor.client, sa.update(tables.launches).values(state="failed", problem=problem))
    page = log(visitor, fakehub, name)
    assert "The last launch failed: No such image. ( see the launch of group/open" in text_of(page)
    assert f'<a href="{address}">see the launch<' in page.text
    assert "The server wrote nothing." in text_of(page)
    assert "Nothing yet" not in text_of(page)
