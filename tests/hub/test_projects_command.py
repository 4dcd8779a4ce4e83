"""The Python client and the command line with git projects, a real hub and a real git host."""

import signal

import pytest
import requests
from command_line import User
from prepared_server import git
from waiting import wait_until

from launcher.client import LauncherClient, LauncherProblem

PATH = "course/command"


@pytest.fixture(scope="module")
def repository(projects):
    """A project with a file on `main`."""
    made = projects.add(PATH)
    made.commit({"first.md": "first\n"})
    return made


@pytest.fixture(scope="module")
def cleo(projects):
    return projects.user("cleo")


@pytest.fixture(scope="module")
def shell(projects, cleo):
    """Her command line."""
    return User(projects.launcher.url, cleo.token)


@pytest.fixture(scope="module")
def client(projects, cleo):
    """Her Python client."""
    with LauncherClient(projects.launcher.url, token=cleo.token) as client:
        yield client


@pytest.fixture(scope="module")
def url(projects):
    return f"{projects.git.url}/{PATH}"


@pytest.fixture(scope="module")
def opened(shell, repository, url):
    """What `launcher project` says of the server that it starts."""
    done = shell.run("project", f"{url}@main", "--notebook", "first.md")
    assert done.status == 0, done.error
    return done


@pytest.fixture
def name(opened, client):
    """The name of this server."""
    (found,) = client.servers(namespace="course", project="command", branch="main")
    return found


def test_the_command_prints_the_url_that_opens_the_project(
    projects, cleo, repository, client, opened, name
):
    server = client.server(name)
    place = server["project"]["folder"]
    assert opened.output.startswith(f"{projects.hub.url.rstrip('/')}/user/cleo/{name}/")
    assert f"/tree/{place}/first.md" in opened.output
    assert opened.output.count("\n") == 1
    assert f"in ~/{place}" in opened.error
    assert git(cleo.workspace(server), "rev-parse", "HEAD") == repository.tip()


def test_the_same_project_is_the_same_server(shell, repository, client, opened, name, url):
    again = shell.run("project", f"course/command@{repository.tip()[:8]}", "--branch", "main")
    assert again.status == 0, again.error
    assert f"Server {name}:" in again.error
    project = client.open_project(url, commit_sha=repository.tip(), branch="main")
    assert (project.server, project.warnings) == (name, [])
    assert project.project["commit_sha"] == repository.tip()


def test_a_ref_that_does_not_exist_is_refused_with_a_sentence(shell, opened, url):
    done = shell.run("project", f"{url}@never-was")
    assert (done.status, done.output) == (1, "")
    assert "Error: This project has no branch or tag 'never-was'" in done.error
    done = shell.run("project", f"{url}@main", "-o", "cpu_request=2")
    assert "option" in done.error
    assert done.status == 1


def test_the_log_is_followed_over_a_restart_of_the_launcher(projects, shell, opened, name):
    assert "ServerApp" in shell.run("logs", name, "-n", "20").output
    with shell.process("logs", name, "-f", "-n", "1") as process:
        assert process.stdout.readline()
        projects.launcher.stop()
        projects.launcher.start()
        mark = f"/user/cleo/{name}/api/a-mark"
        assert _visit(projects, shell, mark) == 404
        assert any("a-mark" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == ""


def _visit(projects, shell, path):
    """The status of a request, which the server writes to its log."""
    headers = {"Authorization": f"token {shell.token}"}
    return requests.get(projects.hub.origin + path, headers=headers, timeout=30).status_code


def test_a_server_is_stopped_listed_resumed_and_removed(shell, client, cleo, opened, name):
    assert shell.run("stop", name).status == 0
    wait_until(lambda: client.server(name)["state"] == "stopped", "the stop")
    row = next(line for line in shell.run("servers").output.splitlines() if line.startswith(name))
    assert row.split("\t")[1:3] == ["course/command", "main"]
    assert row.endswith("\tstopped")
    resumed = shell.run("resume", name)
    assert resumed.status == 0, resumed.error
    server = client.server(name)
    assert (server["state"], server["project"]["checkout"]) == ("running", "done")
    events = []
    # it runs
    assert client.resume_server(name, on_event=events.append) == resumed.output.strip()
    assert f"/user/cleo/{name}/lab/workspaces/" in resumed.output
    assert shell.run("remove", name).status == 0
    wait_until(lambda: name not in client.servers(), "the removal")
    assert (cleo.workspace(server) / "first.md").exists()


def test_a_launch_is_watched_while_it_fetches(projects, shell, client, cleo, repository, url):
    repository.git("branch", "watched", repository.tip())
    done = shell.run("project", f"{url}@watched", "--follow", "--no-wait")
    assert done.status == 0, done.error
    name = done.output.strip()
    project = client.open_project(url, ref="watched", follow="branch")
    assert project.server == name
    assert project.project["commit_sha"] is None
    cleo.stop(name)
    projects.git.misbehaves = "wait"
    with shell.process("resume", name) as process:
        shown = iter(process.stderr)
        assert any(line.startswith("Fetching ") for line in shown)
        projects.git.misbehaves = ""
        assert f"/user/cleo/{name}/" in process.stdout.read()
        assert process.wait(60) == 0


def test_git_hosts_refs_and_tokens(projects, client, repository, url):
    host = projects.git.url.removeprefix("https://")
    found = client.resolve(url, "main")
    assert (found["commit_sha"], found["kind"]) == (repository.tip(), "branch")
    assert client.resolve(url)["branch"] == "main"
    assert client.server_options() == {}
    assert [(each["host"], each["token"]) for each in client.git_hosts()] == [(host, None)]
    client.store_git_token(host, "token-of-alice")
    assert client.git_hosts()[0]["token"] == "stored"
    assert client.resolve(f"{projects.git.url}/group/closed")["project"] == "closed"
    client.remove_git_token(host)
    assert client.git_hosts()[0]["token"] is None
    with pytest.raises(LauncherProblem) as caught:
        client.resolve(f"{projects.git.url}/group/closed")
    assert caught.value.status == 404
    with pytest.raises(LauncherProblem):
        client.store_git_token("other.example.org", "token")
