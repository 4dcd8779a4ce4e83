"""Checkouts that fail or leave something out: the server opens all the same, and says why."""

from pathlib import Path

import pytest
from prepared_server import commit_tree
from realhub import open_in_lab, problem
from waiting import wait_until

PAGE = "CHECKOUT-FAILED.md"


@pytest.fixture(scope="module")
def henry(projects):
    return projects.user("henry")


def begun_then(user, path, change):
    """Begin a launch, and `change()` the host before the server fetches from it; the launch."""
    launch = user.begun(path, ref="main")
    change()
    return launch


def check_failed(user, launch, reason):
    """The launch failed with that reason, and its server runs and shows it."""
    said = user.failed(launch, "checkout-failed")
    assert reason in said
    server = user.server(launch["server"])
    assert (server["state"], server["project"]["checkout"]) == ("running", "failed")
    assert reason in server["project"]["detail"]
    assert server["status"]["reason"] == "CheckoutFailed"
    assert reason in (user.workspace(server) / PAGE).read_text()
    path = f"{server['project']['folder']}/{PAGE}"
    lab = f"{user.site.hub.origin}{server['url']}lab/workspaces/w/tree/{path}"
    assert open_in_lab(user.site.hub, lab, user.token)["path"] == path
    return server


def check_mended(user, server, path, **asked):
    """A later launch opens the same server with the project."""
    user.stop(server["name"])
    again = user.opened(path, ref="main", **asked)
    assert (again["name"], again["project"]["checkout"]) == (server["name"], "done")
    assert not (user.workspace(again) / PAGE).exists()
    assert (user.workspace(again) / "a.md").read_text() == "a\n"


def test_a_commit_that_was_force_pushed_away(projects, henry):
    repository = projects.add("bad/forced")
    base = repository.tip()
    sha = repository.commit({"a.md": "a\n"})

    def force_push():
        repository.git("update-ref", "refs/heads/main", base)
        repository.git("reflog", "expire", "--expire=now", "--all")
        repository.git("gc", "--quiet", "--prune=now")

    launch = begun_then(henry, "bad/forced", force_push)
    server = check_failed(henry, launch, "force-push")
    assert server["project"]["commit_sha"] == sha
    # whoever names it by its sha is told at once
    assert problem(henry.open("bad/forced", commit_sha=sha), 404, "not-found")


@pytest.mark.parametrize(
    ("misbehaves", "reason"),
    [
        ("error", "The git host answers with an error of its own"),
        pytest.param(
            "redirect", "The git host redirects to another address", marks=pytest.mark.slow
        ),
        pytest.param("nonsense", "", marks=pytest.mark.slow),
    ],
)
def test_a_host_that_fails_while_the_server_fetches(projects, misbehaves, reason):
    user = projects.user(f"{misbehaves}-seen")
    path = f"bad/{misbehaves}"
    projects.add(path).commit({"a.md": "a\n"})

    def fail():
        projects.git.misbehaves = misbehaves

    try:
        launch = begun_then(user, path, fail)
        server = check_failed(user, launch, reason)
    finally:
        projects.git.misbehaves = ""
    assert "postgres://" not in str(user.server(server["name"]))
    check_mended(user, server, path)


def test_what_leads_out_of_the_workspace_is_left_out_and_said(projects):
    ida = projects.user("ida")
    repository = projects.add("bad/hostile")
    mark = projects.folder / "filtered"
    modules = (
        '[submodule "m"]\n\tpath = m\n\turl = https://127.0.0.1:1/private/thing.git\n'
        '[submodule "f"]\n\tpath = f\n\turl = file:///etc\n'
    )
    commit_tree(
        repository,
        {
            "a.md": "a\n",
            "passwd.ipynb": ("120000", "/etc/passwd"),
            "up": ("120000", "../../.bashrc"),
            ".gitmodules": modules,
            "m": ("160000", repository.tip()),
            "f": ("160000", repository.tip()),
            ".gitattributes": "*.md filter=evil\n",
            ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {mark}\n',
        },
    )
    server = ida.opened("bad/hostile", ref="main", notebook="a.md")
    place, said = ida.workspace(server), server["project"]["detail"]
    assert "2 symbolic links lead out of the project" in said
    assert "Submodules are left empty" in said
    for name in ("passwd.ipynb", "up"):
        assert not (place / name).is_symlink()
        assert not (place / name).resolve().as_posix().startswith("/etc")
    assert (place / "passwd.ipynb").read_text() == "/etc/passwd"
    for name in ("m", "f"):
        assert list((place / name).iterdir()) == []
    assert (place / "a.md").read_text() == "a\n"
    assert not mark.exists()


@pytest.mark.slow
def test_a_host_that_hangs_while_the_server_fetches(make_site):
    site = make_site(config="c.Launcher.checkout_timeout = 15\n", workers=1)
    user = site.user("jane")
    site.add("bad/hangs").commit({"a.md": "a\n"})

    def hang():
        site.git.misbehaves = "hang"

    launch = begun_then(user, "bad/hangs", hang)
    ended = user.ended(launch, 60)
    assert ended["state"] == "failed"
    # whichever of the two notices it first
    kind = ended["problem"]["type"].rpartition(":")[2]
    assert kind in ("checkout-failed", "checkout-timeout")
    server = user.server(launch["server"])
    assert server["state"] == "running"
    wait_until(lambda: (user.workspace(server) / PAGE).exists(), "the page")
    site.git.misbehaves = ""
    check_mended(user, server, "bad/hangs")


@pytest.mark.slow
def test_a_commit_with_too_many_files(projects):
    kim = projects.user("kim")
    repository = projects.add("bad/many")
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x\n")
    rows = "".join(f"100644 blob {blob}\tf{number}\n" for number in range(1000))
    folder = repository.git("mktree", stdin=rows.encode())
    rows = "".join(f"040000 tree {folder}\td{number}\n" for number in range(200))
    tree = repository.git("mktree", stdin=rows.encode())
    sha = repository.git("commit-tree", tree, "-m", "many")
    repository.git("update-ref", "refs/heads/main", sha)
    launch = kim.begun("bad/many", ref="main")
    server = check_failed(kim, launch, "more than 100000 files")
    assert [each.name for each in kim.workspace(server).iterdir()] == [PAGE]
    assert not list(Path(kim.home / "projects").glob(".*"))
