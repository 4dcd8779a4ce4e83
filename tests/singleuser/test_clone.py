"""The first start checks the commit out; what goes wrong is a sentence in the workspace."""

import os

import pytest
from git_host import GitSite
from prepared_server import git
from waiting import wait_until


def everything_below(folder):
    """The content of all files in a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_commit_is_checked_out_on_the_branch(outcome, project, repository, workspace):
    old = repository.commit({"folder/a.txt": "old\n"})
    repository.commit({"folder/a.txt": "new\n"})
    assert outcome(project(commit=old)) == ("done", "projects/p is ready.")
    assert (workspace / "folder/a.txt").read_text() == "old\n"
    assert git(workspace, "rev-parse", "HEAD") == old
    assert git(workspace, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(workspace, "status", "--porcelain") == ""
    assert git(workspace, "remote", "get-url", "origin") == repository.url
    assert git(workspace, "rev-list", "--count", "HEAD") == "1"
    assert sorted(os.listdir(workspace.parent)) == ["p"]


def test_all_commits_are_there_with_depth_0(outcome, project, repository, workspace):
    repository.commit({"a.txt": "1\n"})
    sha = repository.commit({"a.txt": "2\n"})
    outcome(project(commit=sha, depth=0))
    assert git(workspace, "rev-list", "--count", "HEAD") == "3"


def test_a_host_that_gives_no_single_commits_is_fetched_whole(
    outcome, project, repository, workspace, site
):
    site.speaks_only_version_0 = True
    old = repository.commit({"a.txt": "old\n"})
    repository.commit({"a.txt": "new\n"})
    assert outcome(project(commit=old))[0] == "done"
    assert (workspace / "a.txt").read_text() == "old\n"


@pytest.mark.parametrize("branch", ["a;b", "$(id)", "feature/größe", "`id`"])
def test_any_name_of_a_branch_is_a_name_only(branch, outcome, project, repository, workspace):
    sha = repository.tip()
    assert outcome(project(commit=sha, branch=branch))[0] == "done"
    assert git(workspace, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"
    assert git(workspace, "rev-parse", "HEAD") == sha


def test_a_commit_that_is_gone_leaves_a_page_that_the_next_start_removes(
    outcome, project, repository, workspace
):
    state, message = outcome(project(commit="ab" * 20))
    assert state == "failed"
    assert message.startswith("The commit ababababab is not in the repository.")
    assert os.listdir(workspace) == ["CHECKOUT-FAILED.md"]
    page = (workspace / "CHECKOUT-FAILED.md").read_text()
    assert message in page
    assert "Open a branch that exists." in page
    assert "start it again" not in page
    assert outcome(project(commit=repository.tip()))[0] == "done"
    assert sorted(os.listdir(workspace)) == [".git", "README.md"]


def test_files_that_were_put_beside_the_page_are_kept(outcome, project, repository, workspace):
    outcome(project(commit="ab" * 20))
    (workspace / "notes.txt").write_text("mine\n")
    outcome(project(commit="ab" * 20))
    state, message = outcome(project(commit=repository.tip()))
    assert state == "done"
    (backup,) = workspace.parent.glob("p_backup_*")
    assert os.listdir(backup) == ["notes.txt"]
    assert f"are kept in projects/{backup.name}." in message


def test_a_branch_that_does_not_exist_is_a_sentence(outcome, project):
    state, message = outcome(project(branch="missing"))
    assert (state, message[:25]) == ("failed", "The branch does not exist")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("redirect", "The git host redirects to another address."),
        ("error", "The git host answers with an error of its own."),
        ("throttle", "The git host takes no more requests now."),
    ],
)
def test_a_host_that_misbehaves_is_a_sentence(how, sentence, outcome, project, site, workspace):
    site.misbehaves = how
    state, message = outcome(project(commit="0" * 40))
    assert state == "failed"
    assert message.startswith(sentence)
    assert os.listdir(workspace.parent) == ["p"]


def test_a_redirect_to_another_host_reaches_nobody(outcome, project, site, tmp_path):
    elsewhere = GitSite(tmp_path / "elsewhere").start()
    site.redirect_to, site.misbehaves = f"{elsewhere.url}/a/b.git/info/refs", "redirect"
    assert outcome(project(commit="0" * 40))[0] == "failed"
    elsewhere.stop()
    assert elsewhere.seen == []


def test_a_certificate_that_nobody_trusts_is_a_sentence(outcome, project, repository):
    fields = project(commit=repository.tip())
    del fields["ca_file"]
    state, message = outcome(fields)
    assert (state, message[:34]) == ("failed", "The certificate of the git host is")


def test_a_host_that_is_away_is_a_sentence(outcome, project):
    state, message = outcome(project(commit="0" * 40, url="https://127.0.0.1:1/a/b"))
    assert (state, message[:28]) == ("failed", "The git host does not answer")


@pytest.fixture
def private(hosted, site, portal, project):
    """Fields of a project in a repository that only the token `canary-4711` opens."""
    repository = hosted(private=True)
    site.tokens["canary-4711"] = "ada"
    portal.credential = {"username": "oauth2", "password": "canary-4711"}
    return project(
        url=repository.url,
        commit=repository.commit({"a.txt": "a\n"}),
        credential_url="/servers/p/credential",
        launcher_url=portal.url,
    )


def test_a_private_repository_is_fetched_with_the_credential_of_the_launcher(
    outcome, private, portal, tmp_path, workspace
):
    assert outcome(private)[0] == "done"
    assert (workspace / "a.txt").read_text() == "a\n"
    assert portal.asked == [{"url": private["url"]}]
    assert b"canary-4711" not in everything_below(tmp_path)


def test_the_credential_is_nowhere_while_git_runs(start, private, site, portal, tmp_path):
    def hang():
        site.misbehaves = "hang"

    portal.before_credential = hang
    server = start(private)
    wait_until(lambda: portal.asked and site.seen[-1].authorization, "git with the credential")
    running = server.of_git(site.url)
    assert len(running) >= 2
    told = [server.read(pid, name) for pid, _ in running for name in ("environ", "cmdline")]
    assert not [text for text in told if b"canary" in text or b"own-token" in text]
    assert b"canary-4711" not in everything_below(tmp_path)
    server.stop()


@pytest.mark.parametrize("credential", [None, {"username": "oauth2", "password": "wrong"}])
def test_without_a_valid_credential_the_page_says_to_sign_in(credential, outcome, private, portal):
    portal.credential = credential
    state, message = outcome(private)
    assert (state, message[:31]) == ("failed", "The git host wants a sign-in th")
    assert len(portal.asked) == 1


def test_the_token_of_the_server_goes_to_the_launcher_only(outcome, private, site):
    elsewhere = dict.fromkeys(("credential_url", "progress_url"), f"{site.url}/x")
    assert outcome({**private, **elsewhere})[0] == "failed"
    assert not [seen for seen in site.seen if "own-token" in seen.authorization]
    assert "/x" not in [seen.path for seen in site.seen]


def test_a_commit_with_200_000_files_is_a_sentence(outcome, project, repository, workspace):
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x")
    listed = "".join(f"100644 blob {blob}\tf{number}\n" for number in range(200_000))
    tree = repository.git("mktree", stdin=listed.encode())
    sha = repository.git("commit-tree", tree, "-m", "many")
    repository.git("update-ref", "refs/heads/main", sha)
    state, message = outcome(project(commit=sha))
    assert state == "failed"
    assert message.startswith("The commit has more than 100000 files, which is the limit here.")
    assert os.listdir(workspace) == ["CHECKOUT-FAILED.md"]


def test_a_tree_that_grows_without_end_is_a_sentence(outcome, project, repository):
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x")
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\tf\n".encode())
    for _ in range(10):
        rows = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
        tree = repository.git("mktree", stdin=rows.encode())
    sha = repository.git("commit-tree", tree, "-m", "bomb")
    repository.git("update-ref", "refs/heads/main", sha)
    state, message = outcome(project(commit=sha))
    assert (state, message[:24]) == ("failed", "The commit has more than")


def test_a_repository_that_is_too_large_is_a_sentence(outcome, project, repository):
    sha = repository.commit({"a.txt": "a" * 5000})
    state, message = outcome(project(commit=sha, max_bytes=4000))
    assert (state, message[:36]) == ("failed", "The repository is larger than 4000 b")


def test_two_servers_at_once_check_out_one_after_the_other(start, project, repository, workspace):
    fields = project(commit=repository.commit({"a.txt": "a\n"}))
    servers = [start(fields) for _ in range(3)]
    assert {server.end()[0] for server in servers} == {"done"}
    assert git(workspace, "status", "--porcelain") == ""
    wait_until(lambda: os.listdir(workspace.parent) == ["p"], "the end of the last one")
