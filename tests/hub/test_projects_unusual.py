"""Unusual names, hosts, homes and hubs of projects."""

from urllib.parse import unquote, urlsplit

import pytest
from prepared_server import git
from realhub import open_in_lab, problem
from waiting import at_once

BRANCHES = ["$(touch${IFS}pwned);`id`", "größe/日本", "a'b\"c|d&e>f", "%2e%2e/%2f"]


@pytest.fixture(scope="module")
def zack(projects):
    return projects.user("zack")


def test_one_project_asked_for_at_once_is_one_server(projects):
    yara = projects.user("yara")
    sha = projects.add("odd/at-once").commit({"a.md": "a\n"})
    answers = at_once(8, lambda _: yara.open("odd/at-once", ref="main"))
    assert {each.status_code for each in answers} <= {200, 201}, [each.text for each in answers]
    assert len({each.json()["name"] for each in answers}) == 1
    workspace = yara.workspace(answers[0].json())
    assert [each.name for each in workspace.parent.iterdir()] == [workspace.name]
    assert git(workspace, "rev-parse", "HEAD") == sha


@pytest.mark.slow
def test_branches_and_files_of_any_name_are_opened(projects, zack):
    repository = projects.add("odd/names")
    name = "Übung 1 (a;b) #2 100%.ipynb"
    sha = repository.commit({f"täglich/{name}": '{"cells": [], "metadata": {}, "nbformat": 4}'})
    for number, branch in enumerate(BRANCHES):
        repository.git("update-ref", f"refs/heads/{branch}", sha)
        server = zack.opened("odd/names", ref=branch, notebook=f"täglich/{name}")
        place = zack.workspace(server)
        assert git(place, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"
        assert server["annotations"]["renku.io/branch"] == branch
        assert unquote(urlsplit(server["location"]).path).endswith(f"/täglich/{name}")
        found = open_in_lab(projects.hub, server["location"], zack.token)
        assert found["name"] == name
        assert not list(zack.home.rglob("pwned")), number
        assert server["name"] in zack.get("/servers", branch=branch)["servers"]
        zack.stop(server["name"])


@pytest.mark.slow
def test_a_followed_branch_may_have_any_name(projects, zack):
    repository = projects.add("odd/followed")
    branch = BRANCHES[0]
    repository.commit({"a.md": "a\n"}, branch=branch)
    server = zack.opened("odd/followed", branch=branch, follow="branch")
    zack.stop(server["name"])
    repository.commit({"a.md": "b\n"}, branch=branch)
    again = zack.resumed(server["name"])
    assert (zack.workspace(again) / "a.md").read_text() == "b\n"
    zack.stop(server["name"])
    # the branch is deleted: what is there stays, and the launch says so
    repository.git("update-ref", "-d", f"refs/heads/{branch}")
    answer = zack.request("PATCH", f"/servers/{server['name']}", {"state": "running"})
    said = zack.failed(answer.json(), "checkout-failed")
    assert "The branch does not exist" in said
    assert (zack.workspace(again) / "a.md").read_text() == "b\n"
    answer = zack.open("odd/followed", branch=branch, follow="branch")
    assert problem(answer, 404, "not-found")
    zack.stop(server["name"])


@pytest.mark.slow
def test_an_old_commit_of_a_host_with_an_old_git(projects, zack):
    repository = projects.add("odd/old")
    sha = repository.commit({"a.md": "old\n"})
    repository.commit({"a.md": "new\n"})
    projects.git.speaks_only_version_0 = True
    try:
        server = zack.opened("odd/old", commit_sha=sha)
        assert (zack.workspace(server) / "a.md").read_text() == "old\n"
        # the host does not tell whether it has a commit: the server finds out
        answer = zack.open("odd/old", commit_sha="0123456789abcdef0123456789abcdef01234567")
        said = problem(answer, 502, "checkout-failed")
        assert "is not in the repository" in said
        zack.stop(server["name"])
    finally:
        projects.git.speaks_only_version_0 = False


@pytest.mark.slow
def test_a_home_in_which_the_workspace_cannot_be(projects):
    user = projects.user("full-home")
    projects.add("odd/home").commit({"a.md": "a\n"})
    user.home.mkdir(parents=True, exist_ok=True)
    (user.home / "projects").write_text("a file\n")
    launch = user.begun("odd/home", ref="main")
    said = user.failed(launch, "checkout-failed")
    assert "cannot be written to your home" in said
    assert (user.home / "projects").read_text() == "a file\n"
    user.stop(launch["server"])
    (user.home / "projects").unlink()
    assert user.opened("odd/home", ref="main")["project"]["checkout"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["o'neil+x@example.org", "jürgen.ö", "a-b_c"])
def test_users_of_any_name(projects, name):
    user = projects.user(name)
    projects.add(f"odd/user{len(name)}", private=True, levels={name: "developer"})
    projects.git.tokens[f"token-of-{len(name)}"] = name
    path = f"/git-hosts/127.0.0.1:{projects.git.port}/token"
    body = {"token": f"token-of-{len(name)}"}
    assert user.request("PUT", path, body).status_code == 204
    server = user.opened(f"odd/user{len(name)}", ref="main", notebook="README.md")
    assert open_in_lab(projects.hub, server["location"], user.token)["name"] == "README.md"
    user.stop(server["name"])
    assert user.resumed(server["name"])["project"]["checkout"] == "done"
    user.stop(server["name"])


@pytest.mark.slow
def test_a_hub_below_a_path(make_site):
    site = make_site(workers=2, base_url="/science/")
    user = site.user("anna")
    site.add("odd/below").commit({"a.md": "a\n"})
    server = user.opened("odd/below", ref="main", notebook="a.md")
    assert open_in_lab(site.hub, server["location"], user.token)["name"] == "a.md"
    again = user.opened("odd/below", status=200, ref="main", notebook="README.md")
    assert open_in_lab(site.hub, again["location"], user.token)["name"] == "README.md"
