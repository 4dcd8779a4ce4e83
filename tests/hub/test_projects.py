"""Git projects from end to end: a real hub, a real launcher, a real git host over https."""

import nbformat
import pytest
from nbformat.v4 import new_notebook
from prepared_server import git
from realhub import open_in_lab

EMPTY = nbformat.writes(new_notebook())


@pytest.fixture(scope="module")
def repository(projects):
    """A project with a notebook on `main`, and two commits and a tag before it."""
    made = projects.add("course/first")
    made.tag("v1", made.tip(), annotated=True)
    made.commit({"second.md": "second\n"})
    made.commit({"notebooks/first.ipynb": EMPTY})
    return made


@pytest.fixture(scope="module")
def alice(projects):
    return projects.user("alice")


@pytest.fixture(scope="module")
def opened(alice, repository):
    """Her server for the last commit."""
    return alice.opened("course/first", ref="main", notebook="notebooks/first.ipynb")


def checked_out(workspace):
    """The commit of a workspace, and its branch."""
    return git(workspace, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").split()


def test_a_server_opens_with_the_commit_checked_out(projects, alice, repository, opened):
    sha = repository.tip()
    assert checked_out(alice.workspace(opened)) == [sha, "main"]
    project = opened["project"]
    assert (project["commit_sha"], project["checkout"]) == (sha, "done")
    assert (opened["state"], opened["status"]["phase"]) == ("running", "Running")
    assert opened["annotations"]["renku.io/commit-sha"] == sha
    found = open_in_lab(projects.hub, opened["location"], alice.token)
    assert found["path"] == f"{project['folder']}/notebooks/first.ipynb"


@pytest.mark.parametrize("written", ["full", "short", "upper", "branch", "head"])
def test_one_commit_is_one_server_however_it_is_named(alice, repository, opened, written):
    sha = repository.tip()
    asked = {
        "full": {"commit_sha": sha, "branch": "main"},
        "short": {"commit_sha": sha[:8], "branch": "main"},
        "upper": {"ref": sha.upper(), "branch": "main"},
        "branch": {"ref": "main"},
        "head": {},
    }[written]
    again = alice.opened("course/first", status=200, **asked)
    assert again["name"] == opened["name"]
    assert again["warnings"] == []


def test_a_url_may_be_written_in_several_ways(projects, alice, opened):
    for path in ("course/first", "course/first/", "course/first.git"):
        body = {"repository": f"{projects.git.url}/{path}"}
        answer = alice.request("POST", "/servers", body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["name"] == opened["name"]


def test_namespace_and_project_mean_the_first_git_host(alice, repository, opened):
    body = {"namespace": "course", "project": "first", "commit_sha": repository.tip()}
    answer = alice.request("POST", "/servers", {**body, "branch": "main"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"] == opened["name"]
    assert answer.headers["Location"] == f"/services/launcher/servers/{opened['name']}"
    path = f"/course/first/{repository.tip()[:7]}?branch=main"
    alias = alice.request("POST", path)
    assert alias.status_code == 200, alias.text
    assert alias.json()["name"] == opened["name"]


def test_servers_are_found_by_their_projects(alice, repository, opened):
    def found(**query):
        return set(alice.get("/servers", **query)["servers"])

    sha = repository.tip()
    assert opened["name"] in found(namespace="course", project="first", branch="main")
    assert found(commit_sha=sha[:9]) == {opened["name"]} == found(commit_sha=sha)
    assert found(namespace="course", project="second") == set()
    assert found(commit_sha=sha, state="stopped") == set()
    assert alice.server(opened["name"])["project"]["commit_sha"] == sha


def test_another_user_sees_nothing_of_it(projects, opened):
    bob = projects.user("bob")
    assert set(bob.get("/servers")["servers"]) == {""}
    for method in ("GET", "DELETE"):
        assert bob.request(method, f"/servers/{opened['name']}").status_code == 404


@pytest.mark.slow
def test_a_tag_is_the_commit_that_it_marks(alice, repository):
    server = alice.opened("course/first", ref="v1")
    sha = repository.git("rev-parse", "v1^{commit}")
    assert checked_out(alice.workspace(server)) == [sha, "main"]
    assert not (alice.workspace(server) / "second.md").exists()


@pytest.mark.slow
def test_two_branches_at_one_commit_are_two_servers_and_two_workspaces(projects):
    carol = projects.user("carol")
    repository = projects.add("course/branches")
    sha = repository.commit({"a.md": "a\n"})
    repository.git("branch", "other", sha)
    servers = [carol.opened("course/branches", ref=name) for name in ("main", "other")]
    assert len({each["name"] for each in servers}) == 2
    places = [carol.workspace(each) for each in servers]
    assert [checked_out(each) for each in places] == [[sha, "main"], [sha, "other"]]
    (places[0] / "a.md").write_text("changed\n")
    assert (places[1] / "a.md").read_text() == "a\n"
