"""Private projects: who may open them, and where their users' access tokens are, and are not."""

from pathlib import Path

import pytest
import requests
from hooked_hub import SECRET
from realhub import problem

CANARY = "canary-glpat-0123456789abcdef"


@pytest.fixture(scope="module")
def closed(projects):
    """A private project, which fay may read and greg may not."""
    made = projects.add("secret/closed", private=True, levels={"fay": "developer"})
    made.commit({"closed.md": "closed\n"})
    projects.git.tokens.update({CANARY: "fay", "token-of-greg": "greg"})
    return made


@pytest.fixture(scope="module")
def fay(projects):
    return projects.user("fay")


@pytest.fixture(scope="module")
def opened(fay, closed, projects):
    """Her server for the project."""
    path = f"/git-hosts/127.0.0.1:{projects.git.port}/token"
    answer = fay.request("PUT", path, {"token": CANARY})
    assert answer.status_code == 204, answer.text
    projects.git.seen.clear()
    return fay.opened("secret/closed", ref="main")


def ask_credential(projects, url, token, scheme="token"):
    return requests.post(
        f"{projects.launcher.url}/project-server/credential",
        json={"url": url},
        headers={"Authorization": f"{scheme} {token}"},
        timeout=30,
    )


def test_a_private_project_of_somebody_else_does_not_exist(projects, closed):
    greg = projects.user("greg")
    body = {"ref": "main"}
    for token in (None, "token-of-greg"):
        if token:
            path = f"/git-hosts/127.0.0.1:{projects.git.port}/token"
            assert greg.request("PUT", path, {"token": token}).status_code == 204
        said = problem(greg.open("secret/closed", **body), 404, "not-found")
        never = problem(greg.open("secret/never-existed", **body), 404, "not-found")
        assert said == never
        by_sha = greg.open("secret/closed", commit_sha=closed.tip())
        assert problem(by_sha, 404, "not-found")
    assert set(greg.get("/servers")["servers"]) == {""}
    assert greg.get("/launches")["launches"] == []


def test_a_stored_token_opens_it(fay, opened):
    assert (fay.workspace(opened) / "closed.md").read_text() == "closed\n"
    assert opened["project"]["checkout"] == "done"


def test_the_token_is_only_where_it_is_needed(projects, fay, opened):
    pid, environment = fay.process(opened["name"])
    seen = {"the environment": str(environment)}
    seen["the command line"] = Path(f"/proc/{pid}/cmdline").read_text()
    seen["git's configuration"] = (fay.workspace(opened) / ".git/config").read_text()
    seen["the hub's log"] = projects.hub.hub.log.read_text()
    seen["the launcher's log"] = projects.launcher.log
    seen["the server"] = str(fay.server(opened["name"]))
    for where, text in seen.items():
        assert CANARY not in text, where
    # and nothing of the checkout is left for the kernels
    assert not {"PREPARE_CODE", "PREPARE_PROJECT"} & set(environment)
    for each in fay.home.rglob("*"):
        if each.is_file() and not each.is_symlink():
            assert CANARY.encode() not in each.read_bytes(), each
    found = [each.read_bytes() for each in projects.folder.glob("*.sqlite*")]
    assert found
    assert not any(CANARY.encode() in each for each in found)


def test_nobody_gets_the_credential_a_second_time(projects, fay, opened):
    url = f"{projects.git.url}/secret/closed.git"
    own = fay.process(opened["name"])[1]["JUPYTERHUB_API_TOKEN"]
    answer = ask_credential(projects, url, own)
    assert problem(answer, 404, "not-found")
    for other in (f"{projects.git.url}/group/open.git", "https://127.0.0.1:1/secret/closed.git"):
        assert problem(ask_credential(projects, other, own), 404, "not-found")


@pytest.mark.parametrize("whose", ["user", "hook", "nobody"])
def test_only_a_server_asks_for_a_credential(projects, fay, opened, whose):
    token = {"user": fay.token, "hook": SECRET, "nobody": "x" * 32}[whose]
    url = f"{projects.git.url}/secret/closed.git"
    answer = ask_credential(projects, url, token)
    assert answer.status_code in (401, 403), answer.text
    assert CANARY not in answer.text
    with_password = requests.post(
        f"{projects.launcher.url}/project-server/credential", json={"url": url}, timeout=30
    )
    assert with_password.status_code == 401


def test_another_server_gets_nothing_of_it(projects, fay, opened):
    projects.hub.start_server(fay.name)
    token = fay.process("")[1]["JUPYTERHUB_API_TOKEN"]
    url = f"{projects.git.url}/secret/closed.git"
    assert problem(ask_credential(projects, url, token), 404, "not-found")


@pytest.mark.slow
def test_a_token_that_is_revoked_is_said_and_a_new_one_works(projects):
    user = projects.user("hal")
    repository = projects.add("secret/followed", private=True, levels={"hal": "developer"})
    repository.commit({"a.md": "a\n"})
    projects.git.tokens["first-of-hal"] = "hal"
    path = f"/git-hosts/127.0.0.1:{projects.git.port}/token"
    assert user.request("PUT", path, {"token": "first-of-hal"}).status_code == 204
    server = user.opened("secret/followed", ref="main", follow="branch")
    user.stop(server["name"])
    repository.commit({"a.md": "b\n"})
    del projects.git.tokens["first-of-hal"]
    # a resume asks nobody but the server, which fetches with what is stored
    answer = user.request("PATCH", f"/servers/{server['name']}", {"state": "running"})
    said = user.failed(answer.json(), "checkout-failed")
    assert "store a token for this host" in said
    assert (user.workspace(server) / "a.md").read_text() == "a\n"
    user.stop(server["name"])
    refused = user.open("secret/followed", ref="main", follow="branch")
    assert "does not accept your access token" in refused.json()["detail"]
    # without any token, it is as if the project did not exist
    assert user.request("DELETE", path).status_code == 204
    missing = user.open("secret/followed", ref="main", follow="branch")
    assert problem(missing, 404, "not-found")
    projects.git.tokens["second-of-hal"] = "hal"
    assert user.request("PUT", path, {"token": "second-of-hal"}).status_code == 204
    again = user.opened("secret/followed", ref="main", follow="branch")
    assert again["name"] == server["name"]
    assert (user.workspace(again) / "a.md").read_text() == "b\n"
    user.stop(server["name"])
