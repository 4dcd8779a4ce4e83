"""Homes with every kind of thing in them, and hooks and jupytext beside, on a real hub."""

import os
import socket
import time
import unicodedata
from pathlib import Path

import pytest
import requests
from realhub import open_in_lab, problem

# of the users' own servers, by the name of the user: see HOMES
SERVER_CONFIG = """
from tornado.web import HTTPError

def refuse(model, path, **_):
    if not path.endswith(".ipynb"):
        raise HTTPError({status}, "Only notebooks may be saved here, not " + path)

{line}
"""
HOOK = SERVER_CONFIG.format(status=400, line="c.FileContentsManager.pre_save_hook = refuse")
QUOTA = """
from tornado.web import HTTPError

def refuse(model, path, **_):
    raise HTTPError({status}, {words!r})

c.FileContentsManager.pre_save_hook = refuse
"""
FORM = """
from tornado.web import HTTPError

def refuse(model, path, **_):
    raise HTTPError({arguments})

c.FileContentsManager.pre_save_hook = refuse
"""
JUPYTEXT = """
c.ServerApp.contents_manager_class = "jupytext.TextFileContentsManager"
"""
EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.fixture(scope="module")
def server_of(hub):
    """Gives a user's home a jupyter_server_config.py of its own."""

    def make(name, config=""):
        settings = hub.home(name) / ".jupyter"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "jupyter_server_config.py").write_text(config)
        return hub.home(name)

    return make


def location_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["location"]


def name_of(answer):
    return location_of(answer).partition("/tree/")[2].partition("?")[0].rpartition("/")[2]


def entry(path: Path, kind: str):
    """Something at a path that is no regular file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as sock:
            before = Path.cwd()
            os.chdir(path.parent)  # the address of a socket is short
            try:
                sock.bind(path.name)
            finally:
                os.chdir(before)
    elif kind == "directory":
        path.mkdir()
    else:
        targets = {"dangling": "nowhere", "loop": path.name, "through a file": "file/x"}
        (path.parent / "file").touch()
        path.symlink_to(targets[kind])


ENTRIES = ["fifo", "socket", "directory", "dangling", "loop", "through a file"]


@pytest.mark.parametrize("kind", ENTRIES)
def test_nothing_at_the_wanted_name_is_replaced_whatever_it_is(hub, beside, kind):
    directory = f"entries-{kind}".replace(" ", "-")
    there = hub.home("alice") / directory / "experiment.ipynb"
    entry(there, kind)
    before = there.lstat()
    assert name_of(beside.hello("alice", directory, hub=hub)) == "experiment-1.ipynb"
    answer = beside.hello("alice", directory, hub=hub, if_exists="fail")
    problem(answer, 409, "file-exists")
    answer = beside.hello("alice", directory, hub=hub, if_exists="replace")
    assert answer.json()["type"].endswith((":in-the-way", ":checkpoint-failed")), answer.text
    after = there.lstat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (
        before.st_ino, before.st_mode, before.st_mtime_ns,
    )  # fmt: skip
    names = sorted(path.name for path in there.parent.glob("[!.]*") if path.name != "file")
    assert names == ["experiment-1.ipynb", "experiment.ipynb"]
    assert not (there.parent / "nowhere").exists()


@pytest.mark.parametrize("kind", ["fifo", "dangling", "loop"])
def test_what_stands_where_a_directory_should_be_is_in_the_way(hub, beside, kind):
    there = hub.home("alice") / f"in-the-way-{kind}" / "x"
    entry(there, kind)
    before = there.lstat().st_ino
    problem(beside.hello("alice", f"in-the-way-{kind}/x/y", hub=hub), 409, "in-the-way")
    assert there.lstat().st_ino == before


WORDS = [
    "trust", "checkpoints", "trust/x", "checkpoints/foo", "a/trust/b", "a/checkpoints/b",
    "checkpoints/checkpoints", "trust/trust", "checkpoints/trust/x", "a/checkpoints",
]  # fmt: skip


@pytest.mark.parametrize("directory", WORDS)
def test_words_of_the_contents_api_are_names_of_directories(hub, beside, directory):
    location = location_of(beside.hello("alice", directory, hub=hub))
    assert hub.notebook("alice", f"{directory}/experiment.ipynb")["cells"]
    again = beside.hello("alice", directory, hub=hub, if_exists="replace")
    assert location_of(again).partition("/tree/")[2] == location.partition("/tree/")[2]


PAIRS = {
    "ipynb,py:percent": "d/experiment.py",
    "ipynb,md": "d/experiment.md",
    "ipynb,Rmd": "d/experiment.Rmd",
    "d///ipynb,scripts///py:percent": "scripts/experiment.py",
}


@pytest.mark.parametrize("number", range(len(PAIRS)), ids=list(PAIRS))
def test_a_notebook_is_not_paired_with_a_text_that_was_there(hub, beside, server_of, number):
    formats, text = list(PAIRS.items())[number]
    user = f"jupytext-{number}"
    home = server_of(user, JUPYTEXT)
    (home / "jupytext.toml").write_text(f'formats = "{formats}"\n')
    entry(home / "d/directory", "directory")
    text = home / text
    text.parent.mkdir(exist_ok=True)
    text.write_text("# mine\n")
    os.utime(text, (1_000_000_000, 1_000_000_000))
    answer = beside.hello(user, "d", hub=hub)
    assert name_of(answer) == "experiment-1.ipynb"
    model = open_in_lab(hub, location_of(answer), hub.token_of(user))
    assert model["content"]["metadata"]["launcher"]["experiment"] == "hello"
    assert text.read_text() == "# mine\n"
    assert text.stat().st_mtime == 1_000_000_000
    assert [path.name for path in (home / "d").glob("*.ipynb")] == ["experiment-1.ipynb"]


@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_newer_text_is_not_shown_in_place_of_the_notebook(hub, beside, server_of, seconds):
    user = f"jupytext-newer-{seconds}"
    home = server_of(user, JUPYTEXT)
    (home / "jupytext.toml").write_text('formats = "ipynb,py:percent"\n')
    entry(home / "d/directory", "directory")
    hub.start_server(user)
    text = home / "d/experiment.py"
    text.write_text("# %%\nmine = 1\n")
    os.utime(text, (time.time() + seconds,) * 2)
    answer = beside.hello(user, "d", hub=hub, if_exists="replace")
    assert "jupytext" in problem(answer, 409, "in-the-way")
    answer = beside.hello(user, "d", hub=hub)
    assert name_of(answer) == "experiment-1.ipynb"
    model = open_in_lab(hub, location_of(answer), hub.token_of(user))
    assert "mine" not in str(model["content"]["cells"])
    assert text.read_text() == "# %%\nmine = 1\n"
    assert [path.name for path in (home / "d").glob("*.ipynb")] == ["experiment-1.ipynb"]


def test_a_notebook_that_jupytext_pairs_is_not_replaced_by_one_that_nobody_can_open(
    hub, beside, server_of
):
    home = server_of("jupytext-replace", JUPYTEXT)
    (home / "jupytext.toml").write_text('formats = "ipynb,py:percent"\n')
    entry(home / "d/directory", "directory")
    text, notebook = home / "d/experiment.py", home / "d/experiment.ipynb"
    text.write_text("# mine\n")
    os.utime(text, (1_000_000_000, 1_000_000_000))
    answer = beside.hello("jupytext-replace", "d", hub=hub, if_exists="replace")
    assert "jupytext" in problem(answer, 409, "in-the-way")
    assert not notebook.exists()
    notebook.write_text(EMPTY)
    os.utime(notebook, (1_000_000_000, 1_000_000_000))
    answer = beside.hello("jupytext-replace", "d", hub=hub, if_exists="replace")
    assert "was not replaced" in problem(answer, 409, "in-the-way")
    assert notebook.read_text() == EMPTY
    assert notebook.stat().st_mtime == 1_000_000_000
    text.unlink()
    answer = beside.hello("jupytext-replace", "d", hub=hub, if_exists="replace")
    assert open_in_lab(hub, location_of(answer), hub.token_of("jupytext-replace"))["content"]


def test_a_hook_that_takes_notebooks_only_takes_the_launchers(hub, beside, server_of):
    home = server_of("only-notebooks", HOOK)
    (home / "d").mkdir()
    assert name_of(beside.hello("only-notebooks", "d", hub=hub)) == "experiment.ipynb"
    answer = beside.hello("only-notebooks", "d", hub=hub, if_exists="replace")
    assert name_of(answer) == "experiment.ipynb"
    detail = problem(beside.hello("only-notebooks", "new", hub=hub), 502, "upload-refused")
    assert "Only notebooks may be saved here, not new" in detail
    # the directory is there, and the launcher makes directories first where a server was started
    hub.stop_server("only-notebooks")
    assert name_of(beside.hello("only-notebooks", "d", hub=hub)) == "experiment-1.ipynb"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("if_exists", ["rename", "replace"])
def test_a_directory_in_another_normal_form_is_used(hub, beside, form, if_exists):
    top = hub.home("alice") / f"forms-{form}-{if_exists}"
    there = top / unicodedata.normalize(form, "Données") / unicodedata.normalize(form, "été")
    there.mkdir(parents=True)
    for expected in ("experiment.ipynb", "experiment-1.ipynb"):
        directory = f"{top.name}/{unicodedata.normalize('NFC', 'Données/été')}/new"
        answer = beside.hello("alice", directory, hub=hub, if_exists=if_exists)
        location = location_of(answer)
        if if_exists == "rename":
            assert name_of(answer) == expected
            assert (there / "new" / expected).is_file()
    assert [path.name for path in top.iterdir()] == [there.parent.name]
    assert [path.name for path in there.parent.iterdir()] == [there.name]
    assert open_in_lab(hub, location, hub.token_of("alice"))["content"]["cells"]


# reasons


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422])
def test_a_hook_that_refuses_is_quoted(hub, beside, server_of, status):
    user = f"hook-{status}"
    words = "Your project has used up its 5 GB; ask data@example.org for more"
    home = server_of(user, QUOTA.format(status=status, words=words))
    (home / "d").mkdir()
    detail = problem(beside.hello(user, "d", hub=hub), 502, "upload-refused")
    assert "used up its 5 GB" in detail
    assert [path.name for path in (home / "d").iterdir()] == []


SENTENCE = "The storage is under maintenance until noon"
REFUSALS = {
    "reason": f'400, reason="{SENTENCE}"',
    "forbidden": f'403, reason="{SENTENCE}"',
    "missing": f'404, "{SENTENCE}"',
    "failed": f'500, "{SENTENCE}"',
    "away": f'503, "{SENTENCE}"',
    "exists": f'400, "A report already exists. {SENTENCE}"',
    "denied": f'403, "Permission denied: {SENTENCE}"',
}


@pytest.mark.parametrize("which", REFUSALS)
def test_a_hook_is_quoted_in_whatever_form_it_refuses(hub, beside, server_of, which):
    user = f"form-{which}"
    home = server_of(user, FORM.format(arguments=REFUSALS[which]))
    (home / "d").mkdir()
    hub.start_server(user)
    answer = beside.hello(user, "d", hub=hub)
    assert answer.status_code == 502, answer.text
    assert SENTENCE in answer.json()["detail"]
    assert list((home / "d").iterdir()) == []


def test_a_hook_that_refuses_without_a_word_is_not_a_token_that_is_refused(hub, beside, server_of):
    home = server_of("hook-silent", QUOTA.format(status=403, words=None))
    (home / "d").mkdir()
    detail = problem(beside.hello("hook-silent", "d", hub=hub), 502, "upload-refused")
    assert "without a reason" in detail


def test_a_directory_that_is_not_writable_is_told_as_that(hub, beside, server_of):
    home = server_of("alice")
    (home / "closed").symlink_to("/sys/kernel")  # where root may not write either
    for directory in ("closed", "closed/deeper"):
        detail = problem(beside.hello("alice", directory, hub=hub), 502, "not-writable")
        assert "permission denied" in detail
        assert "token" not in detail


def test_a_checkpoint_that_fails_is_told_as_that(hub, beside):
    there = hub.home("alice") / "no-checkpoint"
    there.mkdir(parents=True)
    (there / "experiment.ipynb").write_text(EMPTY)
    (there / ".ipynb_checkpoints").symlink_to("/sys/kernel")
    answer = beside.hello("alice", "no-checkpoint", hub=hub, if_exists="replace")
    detail = problem(answer, 502, "checkpoint-failed")
    assert "checkpoint" in detail
    assert (there / "experiment.ipynb").read_text() == EMPTY


# servers whose root is above the home


def test_the_home_may_lie_below_the_servers_root(hub, make_launcher, server_of):
    above = f"c.ServerApp.root_dir = {str(hub.folder)!r}"
    home = server_of("below", above)
    setting = 'c.Launcher.home_path = "homes/{username}"'
    launcher = make_launcher(hub, workers=1, config=setting)
    answer = launcher.hello("below", "d/e", hub=hub)
    location = location_of(answer)
    assert (home / "d/e/experiment.ipynb").is_file()
    assert "/tree/homes/below/d/e/experiment.ipynb" in location
    assert open_in_lab(hub, location, hub.token_of("below"))["content"]["cells"]
    assert name_of(launcher.hello("below", "d/e", hub=hub)) == "experiment-1.ipynb"
    launch = requests.get(
        f"{launcher.url}/launches",
        headers={"Authorization": f"token {hub.token_of('below')}"},
        timeout=30,
    ).json()["launches"][0]
    assert launch["path"] == "d/e/experiment-1.ipynb"


def test_a_root_that_is_not_the_home_is_told_with_the_setting(hub, beside, server_of):
    server_of("root-elsewhere", 'c.ServerApp.root_dir = "/sys/kernel"')
    detail = problem(beside.hello("root-elsewhere", "d", hub=hub), 502, "not-writable")
    assert "c.Launcher.home_path" in detail


def test_a_home_path_that_is_wrong_is_told_as_that(hub, make_launcher, server_of):
    server_of("alice")
    launcher = make_launcher(hub, workers=1, config='c.Launcher.home_path = "no/{username}"')
    detail = problem(launcher.hello("alice", "d", hub=hub), 502, "contents-failed")
    assert "c.Launcher.home_path" in detail
    assert not (hub.home("alice") / "no").exists()
