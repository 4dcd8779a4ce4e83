"""What a repository may try: links, names, submodules, filters and hooks."""

import os
import socket

import pytest
from prepared_server import commit_tree, git

LINK = "120000"
DIRTY = """
[filter "evil"]
    smudge = touch {folder}/PWNED; cat
    clean = touch {folder}/PWNED; cat
[core]
    hooksPath = {folder}/hooks
[init]
    templateDir = {folder}/template
[credential]
    helper = "!touch {folder}/PWNED;"
[url "file://{folder}/"]
    insteadOf = https://
"""


def test_links_that_lead_out_become_text_and_good_links_stay(
    outcome, project, repository, workspace, home
):
    (home / "secret.txt").write_text("secret\n")
    entries = {
        "a.txt": "a\n",
        "absolute": (LINK, "/etc/passwd"),
        "up": (LINK, "../../secret.txt"),
        "config": (LINK, ".git/config"),
        "Config": (LINK, ".GIT/config"),
        "good": (LINK, "a.txt"),
        "here": (LINK, "."),
        "missing": (LINK, "not/there"),
        # each of both stays inside on its own
        "chained": (LINK, "folder/deep/../../secret.txt"),
        "folder": {"b.txt": "b\n", "deep": (LINK, "..")},
    }
    state, message = outcome(project(commit=commit_tree(repository, entries)))
    assert (state, "symbolic links lead out of the project" in message) == ("done", True)
    links = {path.name for path in workspace.rglob("*") if path.is_symlink()}
    assert {"good", "here", "missing"} <= links
    assert not links & {"absolute", "up", "config", "Config", "chained"}
    assert (workspace / "up").read_text() == "../../secret.txt"
    assert git(workspace, "status", "--porcelain") == ""


def test_a_link_that_a_push_brings_is_checked_too(outcome, project, repository, workspace):
    outcome(project())
    commit_tree(repository, {"a.txt": "a\n", "b": (LINK, "a.txt"), "c": (LINK, "/etc/passwd")})
    state, message = outcome(project())
    assert (state, message.count("symbolic link")) == ("done", 1)
    assert os.readlink(workspace / "b") == "a.txt"
    assert (workspace / "c").read_text() == "/etc/passwd"
    assert outcome(project())[0] == "done"
    assert git(workspace, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "entries",
    [
        {".git": {"config": "[core]\n"}},
        {".GIT": {"config": "[core]\n"}},
        {"folder": {".Git": {"hooks": {"post-checkout": "#!/bin/sh\n"}}}},
        {"git~1": {"config": "[core]\n"}},
        {"..": {"x": "x\n"}},
        {".gitmodules": (LINK, "a.txt")},
        {".gitmodules": '[submodule "a"]\n path = a\n url = --upload-pack=id\n'},
    ],
    ids=[".git", ".GIT", "nested", "short name", "parent", "linked", "option"],
)
def test_paths_that_git_itself_uses_are_refused(entries, outcome, project, repository, workspace):
    state, message = outcome(project(commit=commit_tree(repository, entries)))
    assert (state, message[:30]) == ("failed", "The repository holds a path or")
    assert os.listdir(workspace) == ["CHECKOUT-FAILED.md"]


@pytest.mark.parametrize("commands", ["checkout", "follow"])
def test_no_filter_hook_or_setting_of_the_user_runs(
    commands, outcome, project, repository, home, tmp_path
):
    for folder in ("hooks", "template/hooks"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("post-checkout", "post-merge", "pre-commit", "reference-transaction"):
            (tmp_path / folder / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/PWNED\n")
            (tmp_path / folder / name).chmod(0o755)
    (home / ".gitconfig").write_text(DIRTY.format(folder=tmp_path))
    sha = commit_tree(repository, {".gitattributes": "* filter=evil\n", "a.txt": "a\n"})
    assert outcome(project(commit=sha) if commands == "checkout" else project())[0] == "done"
    (home / "projects/p/a.txt").write_text("mine\n")
    repository.commit({"b.txt": "b\n"})
    assert outcome(project(commit=sha) if commands == "checkout" else project())[0] == "done"
    assert not (tmp_path / "PWNED").exists()


def with_submodules(repository, addresses):
    """A commit with a submodule for each name, address and commit."""
    modules = "".join(
        f'[submodule "{name}"]\n path = {name}\n url = {url}\n'
        for name, (url, _) in addresses.items()
    )
    links = {name: ("160000", sha) for name, (_, sha) in addresses.items()}
    return commit_tree(repository, {".gitmodules": modules, **links})


def test_submodules_come_from_allowed_hosts_only(outcome, project, hosted, repository, workspace):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    private = f"127.0.0.1:{listener.getsockname()[1]}"
    inner = hosted()
    sha = inner.commit({"in.txt": "in\n"})
    name = inner.url.rpartition("/")[2]
    commit = with_submodules(
        repository,
        {
            "good": (inner.url, sha),
            "near": (f"../{name}", sha),
            "gone": (inner.url, "ab" * 20),
            "private": (f"https://{private}/a/b", sha),
            "plain": (f"http://{private}/a/b", sha),
            "shell": ("ext::sh -c id", sha),
            "file": ("file:///etc", sha),
        },
    )
    state, message = outcome(project(commit=commit, submodules=True))
    assert state == "done"
    assert (workspace / "good/in.txt").read_text() == "in\n"
    assert (workspace / "near/in.txt").read_text() == "in\n"
    for name in ("private", "plain", "shell", "file"):
        assert f"The submodule {name} is left empty: its address is not" in message
        assert os.listdir(workspace / name) == []
    assert "The submodule gone is left empty: The commit abababab" in message
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


def test_submodules_are_left_empty_unless_asked_for(outcome, project, hosted, repository, site):
    inner = hosted()
    commit = with_submodules(repository, {"good": (inner.url, inner.tip())})
    state, message = outcome(project(commit=commit))
    assert (state, "Submodules are left empty: they were not asked for." in message) == (
        "done",
        True,
    )
    assert not [seen for seen in site.seen if inner.url.endswith(seen.path.split("/info")[0])]


@pytest.mark.parametrize("asked", [True, False])
def test_large_files_are_fetched_only_when_asked_for(
    asked, outcome, project, repository, workspace, tmp_path
):
    program = tmp_path / "bin/git-lfs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nsed s/pointer/content/\n")
    program.chmod(0o755)
    files = {".gitattributes": "*.bin filter=lfs -text\n", "a.bin": "pointer\n"}
    path = f"{program.parent}:{os.environ['PATH']}"
    fields = project(commit=commit_tree(repository, files), lfs=asked)
    assert outcome(fields, environment={"PATH": path})[0] == "done"
    assert (workspace / "a.bin").read_text() == ("content\n" if asked else "pointer\n")


def test_large_files_without_their_program_are_left_and_said(outcome, project, repository):
    state, message = outcome(project(commit=repository.tip(), lfs=True))
    assert (state, message.endswith("git-lfs is not installed.")) == ("done", True)
