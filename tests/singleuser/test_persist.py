"""A workspace persists: no start throws work away, and a killed one leaves nothing half done."""

import os
import signal

import pytest
from prepared_server import git
from waiting import wait_until


@pytest.fixture
def ready(outcome, project, repository, workspace):
    """The fields of a project whose workspace is there already."""
    fields = project(commit=repository.commit({"a.txt": "a\n", "b.txt": "b\n"}))
    assert outcome(fields)[0] == "done"
    return fields


def test_an_untouched_workspace_is_found_again(outcome, ready, workspace):
    before = (workspace / "a.txt").stat()
    assert outcome(ready) == ("done", "projects/p is ready.")
    assert (workspace / "a.txt").stat().st_mtime_ns == before.st_mtime_ns


def test_changed_deleted_and_new_files_are_kept_and_said(outcome, ready, workspace):
    (workspace / "a.txt").write_text("mine\n")
    (workspace / "b.txt").unlink()
    (workspace / "new.txt").write_text("new\n")
    message = "projects/p is ready. 3 changed or new files of yours are kept."
    assert outcome(ready) == ("done", message)
    assert (workspace / "a.txt").read_text() == "mine\n"
    assert sorted(os.listdir(workspace)) == [".git", "README.md", "a.txt", "new.txt"]


def test_commits_of_the_user_are_kept_and_said(outcome, ready, workspace):
    (workspace / "a.txt").write_text("mine\n")
    git(workspace, "commit", "--quiet", "-a", "-m", "mine")
    head = git(workspace, "rev-parse", "HEAD")
    assert outcome(ready) == ("done", "projects/p is ready. Your commits are kept.")
    assert git(workspace, "rev-parse", "HEAD") == head


def test_another_branch_is_kept_and_said(outcome, ready, workspace):
    git(workspace, "checkout", "--quiet", "-b", "idea")
    message = "projects/p is ready. You are on the branch 'idea', not on 'main': this is kept."
    assert outcome(ready) == ("done", message)
    assert git(workspace, "symbolic-ref", "HEAD") == "refs/heads/idea"


def test_a_workspace_at_another_commit_is_kept_and_said(outcome, ready, repository, workspace):
    other = repository.commit({"a.txt": "other\n"})
    state, message = outcome({**ready, "commit": other})
    assert state == "done"
    assert f"is at {ready['commit'][:10]}, not at {other[:10]}: it is kept." in message
    assert (workspace / "a.txt").read_text() == "a\n"


def test_a_broken_repository_is_kept_and_said(outcome, ready, workspace):
    (workspace / ".git/HEAD").unlink()
    state, message = outcome(ready)
    assert (state, message[:39]) == ("failed", "git cannot read the repository in proje")
    assert (workspace / "a.txt").read_text() == "a\n"


def test_the_repository_of_the_home_is_never_taken_for_the_workspace(outcome, ready, home):
    git(home, "init", "--quiet")
    (home / "projects/p/.git/HEAD").unlink()
    assert outcome(ready)[0] == "failed"
    assert not (home / ".git/index").exists()


def test_a_file_in_place_of_the_workspace_is_renamed(outcome, project, repository, workspace):
    workspace.parent.mkdir()
    workspace.write_text("mine\n")
    assert outcome(project(commit=repository.tip()))[0] == "done"
    (backup,) = workspace.parent.glob("p_backup_*")
    assert backup.read_text() == "mine\n"


def test_a_page_of_the_user_with_that_name_is_kept(outcome, project, workspace):
    workspace.mkdir(parents=True)
    (workspace / "CHECKOUT-FAILED.md").write_text("# Mine\n")
    assert outcome(project(commit="0" * 40))[0] == "failed"
    assert (workspace / "CHECKOUT-FAILED.md").read_text() == "# Mine\n"


def test_a_clone_that_was_killed_leaves_nothing_and_the_next_start_works(
    start, outcome, project, site, repository, workspace
):
    site.misbehaves = "hang"
    server = start(project(commit=repository.tip()))
    wait_until(lambda: server.of_git(repository.url), "git")
    orphans = server.of_git(repository.url)
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
    assert not workspace.exists()
    site.misbehaves = ""
    assert outcome(project(commit=repository.tip())) == ("done", "projects/p is ready.")
    assert os.listdir(workspace.parent) == ["p"]
    for pid, _ in orphans:
        if repository.url.encode() in server.read(pid, "cmdline"):
            os.kill(int(pid), signal.SIGKILL)
