"""A branch that is followed: both sides' changes arrive, and nothing of the user's is lost."""

import json
import os
import re
import signal
import time

import pytest
from prepared_server import commit_tree, git

LINES = "".join(f"line {number}\n" for number in range(20))


@pytest.fixture
def course(repository):
    """A repository with a few files."""
    repository.commit({"a.txt": LINES, "b.txt": "b\n", "folder/c.txt": "c\n"})
    return repository


@pytest.fixture
def first(outcome, project, course):
    """Fields of the project that follows the course; the first start is over."""
    assert outcome(project()) == ("done", "projects/p is ready.")
    return project()


def kept(workspace, name):
    """The content of the one file that was kept beside another one."""
    stem, _, suffix = name.partition(".")
    (found,) = workspace.glob(f"{stem}__*.{suffix}")
    return found.read_text()


def is_clean(workspace):
    """Whether git sees no changes in files that it knows."""
    return git(workspace, "status", "--porcelain", "-uno") == ""


def test_what_the_branch_changed_arrives(outcome, first, course, workspace):
    tip = course.commit({"b.txt": "new\n", "folder/d.txt": "d\n"})
    assert outcome(first) == ("done", "projects/p is ready.")
    assert (workspace / "b.txt").read_text() == "new\n"
    assert (workspace / "folder/d.txt").read_text() == "d\n"
    assert git(workspace, "rev-parse", "HEAD") == tip
    assert is_clean(workspace)


def test_changes_in_other_files_and_in_other_lines_are_merged(outcome, first, course, workspace):
    (workspace / "a.txt").write_text(LINES + "mine\n")
    (workspace / "b.txt").write_text("mine\n")
    (workspace / "untracked.txt").write_text("mine\n")
    course.commit({"a.txt": "theirs\n" + LINES})
    assert outcome(first)[0] == "done"
    assert (workspace / "a.txt").read_text() == "theirs\n" + LINES + "mine\n"
    assert (workspace / "b.txt").read_text() == "mine\n"
    assert (workspace / "untracked.txt").read_text() == "mine\n"


def test_changes_in_the_same_lines_keep_both(outcome, first, course, workspace):
    (workspace / "b.txt").write_text("mine\n")
    course.commit({"b.txt": "theirs\n"})
    state, message = outcome(first)
    assert state == "done"
    assert re.search(
        r"Your b\.txt is kept as b__\d{14}\.txt: you and the branch changed the same lines\.",
        message,
    )
    assert (workspace / "b.txt").read_text() == "theirs\n"
    assert kept(workspace, "b.txt") == "mine\n"
    assert is_clean(workspace)
    course.commit({"b.txt": "theirs again\n"})
    assert outcome(first)[0] == "done"
    assert (workspace / "b.txt").read_text() == "theirs again\n"
    assert kept(workspace, "b.txt") == "mine\n"


def test_a_notebook_that_a_merge_would_break_keeps_both(outcome, first, course, workspace):
    lines = ["[", "1", " ", ",", "  ", "2", "   ", ",    ", "     ", "3", "]", ""]
    course.commit({"n.ipynb": "\n".join(lines)})
    outcome(first)
    # one removes the comma before the 2, the other one that after it: no conflict for git
    mine = "\n".join(line for line in lines if line not in ("2", ","))
    theirs = "\n".join(line for line in lines if line not in ("2", ",    "))
    course.commit({"n.ipynb": theirs})
    (workspace / "n.ipynb").write_text(mine)
    state, message = outcome(first)
    assert (state, "it would be no valid notebook." in message) == ("done", True)
    assert json.loads((workspace / "n.ipynb").read_text()) == [1, 3]
    assert (workspace / "n.ipynb").read_text() == theirs
    assert kept(workspace, "n.ipynb") == mine


def test_a_deleted_file_comes_back(outcome, first, course, workspace):
    (workspace / "a.txt").unlink()
    (workspace / "b.txt").unlink()
    course.commit({"b.txt": "new\n"})
    assert outcome(first) == ("done", "projects/p is ready.")
    assert (workspace / "a.txt").read_text() == LINES
    assert (workspace / "b.txt").read_text() == "new\n"


def test_a_deleted_file_comes_back_without_a_push(outcome, first, workspace):
    (workspace / "a.txt").unlink()
    assert outcome(first) == ("done", "projects/p is ready.")
    assert (workspace / "a.txt").read_text() == LINES


def test_a_file_that_the_branch_deleted_stays_if_it_was_changed(outcome, first, course, workspace):
    (workspace / "b.txt").write_text("mine\n")
    commit_tree(course, {"README.md": "Begin\n"})
    assert outcome(first)[0] == "done"
    assert (workspace / "b.txt").read_text() == "mine\n"
    assert sorted(os.listdir(workspace)) == [".git", "README.md", "b.txt"]


def test_a_file_that_both_deleted_stays_deleted(outcome, first, course, workspace):
    (workspace / "b.txt").unlink()
    commit_tree(course, {"README.md": "Begin\n"})
    assert outcome(first)[0] == "done"
    assert sorted(os.listdir(workspace)) == [".git", "README.md"]


@pytest.mark.parametrize("ignored", [False, True])
def test_a_file_of_the_users_own_makes_room(ignored, outcome, first, course, workspace):
    (workspace / "new.txt").write_text("mine\n")
    if ignored:
        (workspace / ".git/info/exclude").write_text("new*\n")
    course.commit({"new.txt": "theirs\n"})
    state, message = outcome(first)
    assert (state, message.endswith(": the branch has one, too.")) == ("done", True)
    assert (workspace / "new.txt").read_text() == "theirs\n"
    assert kept(workspace, "new.txt") == "mine\n"


def test_a_file_a_folder_and_a_link_in_the_way_make_room(
    outcome, first, course, workspace, tmp_path
):
    (workspace / "data").write_text("mine\n")
    (workspace / "other").mkdir()
    (workspace / "other/x.txt").write_text("mine\n")
    (tmp_path / "far").mkdir()
    (workspace / "link").symlink_to(tmp_path / "far")
    course.commit({"data/x.txt": "d\n", "other": "o\n", "link/x.txt": "l\n"})
    assert outcome(first)[0] == "done"
    assert (workspace / "data/x.txt").read_text() == "d\n"
    assert (workspace / "other").read_text() == "o\n"
    assert (workspace / "link/x.txt").read_text() == "l\n"
    assert os.listdir(tmp_path / "far") == []
    assert len(list(workspace.glob("*__*"))) == 3


LINK = "120000"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"d": (LINK, "folder")}, {"d": {"x.txt": "x\n", "y.txt": "y\n"}}),
        ({"d": "d\n"}, {"d": {"x.txt": "x\n"}}),
        ({"d": {"x.txt": "x\n"}}, {"d": "d\n"}),
    ],
    ids=["link to folder", "file to folder", "folder to file"],
)
def test_what_the_branch_replaces_is_no_change_of_the_user(
    before, now, outcome, first, course, workspace
):
    commit_tree(course, before)
    assert outcome(first) == ("done", "projects/p is ready.")
    tip = commit_tree(course, now)
    assert outcome(first) == ("done", "projects/p is ready.")
    assert git(workspace, "rev-parse", "HEAD") == tip
    assert sorted(os.listdir(workspace)) == [".git", "d"]


def test_a_file_that_the_user_changed_makes_room_for_a_folder(outcome, first, course, workspace):
    (workspace / "b.txt").write_text("mine\n")
    commit_tree(course, {"b.txt": {"x.txt": "x\n"}})
    assert outcome(first)[0] == "done"
    assert (workspace / "b.txt/x.txt").read_text() == "x\n"
    assert kept(workspace, "b.txt") == "mine\n"


@pytest.mark.parametrize(
    "name", ["n" * 240 + ".ipynb", "é" * 124 + ".ipynb", "s." + "x" * 250], ids=["n", "é", "suffix"]
)
def test_a_file_with_a_long_name_is_kept_too(name, outcome, first, course, workspace):
    course.commit({name: "1\n"})
    outcome(first)
    (workspace / name).write_text("mine\n")
    course.commit({name: "2\n"})
    assert outcome(first)[0] == "done"
    assert (workspace / name).read_text() == "2\n"
    (found,) = workspace.glob("*__*")
    assert found.read_text() == "mine\n"


def test_commits_of_the_user_are_merged(outcome, first, course, workspace):
    (workspace / "b.txt").write_text("mine\n")
    git(workspace, "commit", "--quiet", "-a", "-m", "mine")
    mine = git(workspace, "rev-parse", "HEAD")
    theirs = course.commit({"folder/c.txt": "theirs\n"})
    assert outcome(first)[0] == "done"
    assert git(workspace, "rev-parse", "HEAD^1", "HEAD^2").split() == [mine, theirs]
    assert (workspace / "b.txt").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("commands", "sentence"),
    [
        ([("checkout", "--quiet", "-b", "idea")], "You are on the branch 'idea'."),
        ([("checkout", "--quiet", "--detach")], "You are on no branch."),
    ],
)
def test_another_branch_is_left_alone(commands, sentence, outcome, first, course, workspace):
    for command in commands:
        git(workspace, *command)
    course.commit({"b.txt": "new\n"})
    state, message = outcome(first)
    assert (state, sentence in message) == ("done", True)
    assert (workspace / "b.txt").read_text() == "b\n"


def test_a_merge_that_the_user_has_not_finished_is_left_alone(outcome, first, course, workspace):
    git(workspace, "checkout", "--quiet", "-b", "idea")
    (workspace / "b.txt").write_text("idea\n")
    git(workspace, "commit", "--quiet", "-a", "-m", "idea")
    git(workspace, "checkout", "--quiet", "main")
    git(workspace, "merge", "--no-ff", "--no-commit", "idea")
    course.commit({"b.txt": "new\n"})
    state, message = outcome(first)
    assert (state, "A merge or rebase of yours is not finished." in message) == ("done", True)
    assert (workspace / "b.txt").read_text() == "idea\n"


def rewrite(course):
    """A force-push: the branch begins again from its first commit."""
    root = course.git("rev-list", "--max-parents=0", "main")
    return course.commit({"b.txt": "rewritten\n"}, parent=root)


def test_a_rewritten_branch_replaces_files_that_nobody_changed(outcome, first, course, workspace):
    (workspace / "own.txt").write_text("mine\n")
    tip = rewrite(course)
    assert outcome(first) == ("done", "projects/p is ready.")
    assert git(workspace, "rev-parse", "HEAD") == tip
    assert sorted(os.listdir(workspace)) == [".git", "README.md", "b.txt", "own.txt"]


def test_a_rewritten_branch_leaves_a_changed_workspace_as_a_backup(
    outcome, first, course, workspace
):
    (workspace / "b.txt").write_text("mine\n")
    rewrite(course)
    state, message = outcome(first)
    assert (state, "The branch was rewritten" in message) == ("done", True)
    (backup,) = workspace.parent.glob("p_backup_*")
    assert (backup / "b.txt").read_text() == "mine\n"
    assert (workspace / "b.txt").read_text() == "rewritten\n"


def test_a_host_that_is_away_leaves_the_files_and_a_page(outcome, first, site, workspace):
    (workspace / "b.txt").write_text("mine\n")
    site.misbehaves = "error"
    assert outcome(first)[0] == "failed"
    assert (workspace / "b.txt").read_text() == "mine\n"
    assert (workspace / "CHECKOUT-FAILED.md").exists()
    site.misbehaves = ""
    assert outcome(first)[0] == "done"
    assert not (workspace / "CHECKOUT-FAILED.md").exists()


def test_a_git_that_the_user_runs_is_waited_for(outcome, first, course, workspace):
    course.commit({"b.txt": "new\n"})
    (workspace / ".git/index.lock").touch()
    for _ in range(2):
        state, message = outcome(first)
        assert (state, message[:25]) == ("failed", "Another git command works")
    os.utime(workspace / ".git/index.lock", (0, 0))
    assert outcome(first)[0] == "done"
    assert (workspace / "b.txt").read_text() == "new\n"


def test_updates_that_are_killed_at_any_moment_lose_nothing(
    start, outcome, first, course, workspace
):
    (workspace / "a.txt").write_text(LINES + "mine\n")
    for number in range(6):
        course.commit({"a.txt": f"theirs {number}\n" + LINES, f"new-{number}.txt": "new\n"})
        server = start(first)
        server.up()
        time.sleep(0.08 * number)
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
    assert outcome(first)[0] == "done"
    # what was half merged may count as a change in the same lines: then both are there
    found = [path.read_text() for path in workspace.glob("a*.txt")]
    assert [text for text in found if text.endswith("mine\n")]
    assert (workspace / "a.txt").read_text().startswith("theirs 5\nline 0\n")
    names = [f"new-{number}.txt" for number in range(6)]
    assert sorted(path.name for path in workspace.glob("new*")) == names
    assert is_clean(workspace)
    assert os.listdir(workspace.parent) == ["p"]
