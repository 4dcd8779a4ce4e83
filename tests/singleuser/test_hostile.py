"""What a repository may try: links, names, submodules, filters and hooks."""

import os
import socket
import sys

import pytest
from prepared_server import PREPARE, commit_tree, git

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


NEW_PAGE = ".CHECKOUT-FAILED.md.new"
DEEP = {"p": {"q": {"r": {"x.txt": "x\n"}}}}


@pytest.mark.parametrize("page", [NEW_PAGE, "CHECKOUT-FAILED.md"])
def test_the_page_is_never_written_through_a_link(page, outcome, project, repository, workspace):
    commit_tree(repository, {"a.txt": "a\n", page: (LINK, "answers.ipynb")})
    assert outcome(project())[0] == "done"
    (workspace / "answers.ipynb").write_text("mine\n")
    repository.git("update-ref", "-d", "refs/heads/main")
    assert outcome(project())[0] == "failed"
    assert (workspace / "answers.ipynb").read_text() == "mine\n"
    assert not [name for name in os.listdir(workspace) if name.endswith(".new") and name != page]


def test_a_link_that_comes_to_lead_out_becomes_text(outcome, project, repository, workspace, home):
    (home / "secret.txt").write_text("secret\n")
    link = {"link": (LINK, "d/../../../secret.txt")}
    commit_tree(repository, {**DEEP, "d": (LINK, "p/q/r"), **link})
    assert outcome(project()) == ("done", "projects/p is ready.")
    assert os.readlink(workspace / "link") == "d/../../../secret.txt"
    commit_tree(repository, {**DEEP, "d": {"k.txt": "k\n"}, **link})
    state, message = outcome(project())
    assert (state, "symbolic links lead out of the project" in message) == ("done", True)
    assert not (workspace / "link").is_symlink()
    assert (workspace / "link").read_text() == "d/../../../secret.txt"
    assert git(workspace, "status", "--porcelain") == ""


def test_a_link_out_that_the_user_made_and_committed_stays(
    outcome, project, repository, workspace, tmp_path
):
    repository.commit({"data": "d\n"})
    outcome(project())
    (workspace / "data").unlink()
    (workspace / "data").symlink_to(tmp_path)
    for name in ("b.txt", "c.txt"):
        repository.commit({name: "new\n"})
        assert outcome(project())[0] == "done"
    assert os.readlink(workspace / "data") == str(tmp_path)


def test_messages_have_no_characters_of_a_shell(outcome, project, repository, workspace):
    name = "x'; touch $(PWNED) `id`; '.txt"
    repository.commit({name: "1\n"})
    outcome(project())
    (workspace / name).write_text("mine\n")
    repository.commit({name: "2\n"})
    state, message = outcome(project())
    assert (state, "touch" in message) == ("done", True)
    assert not set(message) & set(";()'`$")


def import_links(repository, links):
    """A commit of exactly these links, quickly: target by path."""
    rows = "".join(
        f"M 120000 inline {path}\ndata {len(target)}\n{target}\n" for path, target in links.items()
    )
    begin = "commit refs/heads/links\ncommitter T <t@example.org> 0 +0000\ndata 1\nx\n"
    repository.git("fast-import", "--quiet", stdin=(begin + rows).encode())
    return repository.tip("links")


def test_a_long_chain_of_links_becomes_text(outcome, project, repository, workspace):
    chain = {f"l{number}": f"l{number - 1}" for number in range(1, 1100)}
    state, message = outcome(project(commit=import_links(repository, chain)))
    assert (state, "symbolic links lead out of the project" in message) == ("done", True)
    assert os.readlink(workspace / "l1") == "l0"
    assert (workspace / "l1099").read_text() == "l1098"


def test_links_that_take_long_to_follow_become_text(outcome, project, repository, workspace):
    around = "a/../" * 800
    chain = {f"l{number}": f"{around}l{number - 1}" for number in range(1, 39)}
    heavy = {f"m{number}": f"{around}l38" for number in range(3000)}
    state, message = outcome(project(commit=import_links(repository, {**chain, **heavy})))
    assert (state, "symbolic links lead out of the project" in message) == ("done", True)
    assert not (workspace / "m2999").is_symlink()
    assert git(workspace, "status", "--porcelain") == ""


def test_a_page_of_the_repository_is_not_read_as_a_whole(outcome, project, repository, tmp_path):
    zeros = tmp_path / "zeros"
    zeros.touch()
    os.truncate(zeros, 300 * 2**20)
    blob = repository.git("hash-object", "-w", str(zeros))
    zeros.unlink()
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\tCHECKOUT-FAILED.md\n".encode())
    sha = repository.git("commit-tree", tree, "-m", "large")
    assert outcome(project(commit=sha))[0] == "done"
    # git has the memory that it needs
    bounded = ["prlimit", f"--data={250 * 2**20}", sys.executable, PREPARE]
    assert outcome(project(commit=sha), start=bounded)[0] == "done"


def with_large_submodules(hosted, repository):
    """A commit with three submodules, each of 9 files and 180,000 bytes."""
    inner = [hosted() for _ in range(3)]
    files = {f"f{number}": "x" * 20_000 for number in range(9)}
    shas = [commit_tree(each, files) for each in inner]
    return with_submodules(
        repository,
        {f"s{n}": (each.url, sha) for n, (each, sha) in enumerate(zip(inner, shas, strict=True))},
    )


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ({"max_files": 15}, "The commit has more than 15 files"),
        ({"max_bytes": 450_000}, "The repository is larger than 450000 bytes"),
    ],
)
def test_submodules_count_for_the_limits_of_the_project(
    limit, sentence, outcome, project, hosted, repository, workspace
):
    commit = with_large_submodules(hosted, repository)
    state, message = outcome(project(commit=commit, submodules=True, **limit))
    assert state == "done"
    assert f"The submodule s2 is left empty: {sentence}" in message
    assert len(os.listdir(workspace / "s0")) == 10
    assert os.listdir(workspace / "s2") == []
