"""The single-user server starts at once, whatever becomes of the checkout."""

import glob
import json
import sys
from pathlib import Path

import pytest
from prepared_server import PREPARE

from launcher.singleuser.prepare import PrepareFailed, Project

OLD = glob.glob(str(Path.home() / ".pyenv/versions/3.10.*/bin/python"))
FROM_VARIABLE = [sys.executable, "-c", "import os; exec(os.environ['PREPARE'])"]


def test_the_server_has_its_own_arguments_environment_and_process(start, project, repository):
    server = start(project(commit=repository.tip()), environment={"SOME_SETTING": "x y"})
    facts = server.up()
    assert facts["pid"] == server.process.pid
    assert facts["argv"] == ["--port=1", "a b"]
    assert facts["environment"]["SOME_SETTING"] == "x y"
    assert facts["environment"]["JUPYTERHUB_API_TOKEN"] == "own-token-of-the-server"
    assert not [name for name in facts["environment"] if name.startswith(("GIT", "PREPARE"))]


def test_signals_reach_the_server_and_its_exit_status_is_the_one_seen(start, project, repository):
    server = start(project(commit=repository.tip()))
    assert server.end() == ("done", "projects/p is ready.")
    assert server.stop() == 7


def test_the_server_is_up_while_the_host_hangs_and_git_ends_with_it(start, project, site):
    site.misbehaves = "hang"
    server = start(project(commit="0" * 40))
    server.up()
    assert server.others()
    server.stop()
    assert "done" not in server.log.read_text()


def test_a_host_that_hangs_is_given_up_after_the_time_that_was_set(
    outcome, project, site, workspace
):
    site.misbehaves = "hang"
    state, message = outcome(project(commit="0" * 40, max_seconds=1))
    assert (state, message[:44]) == ("failed", "The checkout took longer than 1 seconds. The")
    assert message in (workspace / "CHECKOUT-FAILED.md").read_text()


def test_without_git_the_page_says_so(outcome, project, workspace, tmp_path):
    (tmp_path / "bin").mkdir()
    state, message = outcome(project(commit="0" * 40), environment={"PATH": str(tmp_path / "bin")})
    assert (state, message[:48]) == ("failed", "git is not installed where this server runs. Cho")
    assert message in (workspace / "CHECKOUT-FAILED.md").read_text()


def test_a_home_that_cannot_be_written_does_not_stop_the_server(outcome, project, portal, tmp_path):
    # nobody can make folders here, the administrator included
    unwritable = {"HOME": "/sys"}
    fields = {"progress_url": "/launches/1/progress", "launcher_url": portal.url}
    state, message = outcome(project(commit="0" * 40, **fields), environment=unwritable)
    assert state == "failed"
    assert message.startswith("The project cannot be written to your home: ")


@pytest.mark.parametrize("command", [[sys.executable, PREPARE], FROM_VARIABLE])
def test_it_runs_as_a_file_and_from_a_variable(command, outcome, project, repository, workspace):
    text = {"PREPARE": PREPARE.read_text()}
    sha = repository.commit({"a.txt": "a\n"})
    assert outcome(project(commit=sha), start=command, environment=text)[0] == "done"
    assert (workspace / "a.txt").read_text() == "a\n"


def test_it_runs_in_the_oldest_python(outcome, project, repository):
    command = [[*OLD, sys.executable][0], "-I", PREPARE]
    assert outcome(project(commit=repository.tip()), start=command)[0] == "done"


def test_the_project_may_be_in_a_file_or_in_a_variable(outcome, project, repository, tmp_path):
    text = json.dumps(project(commit=repository.tip()))
    (tmp_path / "project.json").write_text(text)
    assert outcome(str(tmp_path / "project.json"))[0] == "done"
    assert outcome("$PROJECT", environment={"PROJECT": text})[0] == "done"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("$MISSING", "The project cannot be read: "),
        ("/nonexistent", "The project cannot be read: "),
        ('{"a": ' + "[" * 50_000, "The project cannot be read: "),
        ("{}" + " " * 70_000, "The project must be a JSON object"),
        ("{}", "version of the project must be 1."),
    ],
    ids=["no variable", "no file", "deep", "long", "empty"],
)
def test_a_project_that_cannot_be_read_does_not_stop_the_server(outcome, text, sentence):
    state, message = outcome(text)
    assert state == "failed"
    assert message.startswith(sentence)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("url", "http://127.0.0.1/a/b"),
        ("url", "https://me:secret@127.0.0.1/a/b"),
        ("url", "file:///etc"),
        ("url", "ext::sh -c id"),
        ("url", "ssh://git@127.0.0.1/a/b"),
        ("url", "https://127.0.0.1/a/../../b"),
        ("url", "--upload-pack=touch PWNED"),
        ("commit", "HEAD"),
        ("commit", "--upload-pack=touch PWNED"),
        ("follow", "tag"),
        ("branch", "--upload-pack=touch PWNED"),
        ("branch", "-x"),
        ("branch", "a b"),
        ("branch", "a..b"),
        ("branch", "a\n"),
        ("branch", "@{-1}"),
        ("branch", "a.lock"),
        ("branch", 1),
        ("workspace", "../p"),
        ("workspace", "/etc/p"),
        ("workspace", "projects/.ssh"),
        ("workspace", "a//b"),
        ("depth", -1),
        ("depth", True),
        ("submodules", 1),
        ("hosts", ["https://a"]),
        ("ca_file", "relative.pem"),
        ("progress_url", "ftp://a/b"),
        ("command", ["id"]),
    ],
)
def test_each_field_is_checked_and_named(field, value):
    aim = {} if field == "follow" else {"commit": "0" * 40}
    fields = {"version": 1, "url": "https://a/b", "branch": "main", "workspace": "p", **aim}
    assert field == "follow" or Project.from_json(fields)
    with pytest.raises(PrepareFailed, match=field):
        Project.from_json({**fields, field: value})


@pytest.mark.parametrize("branch", ["--upload-pack=touch PWNED", "-x"])
def test_a_name_that_git_could_take_for_an_option_is_refused(branch, outcome, project, workspace):
    state, message = outcome(project(commit="0" * 40, branch=branch))
    assert (state, message) == ("failed", "branch must be a name that git allows for a branch.")
    assert message in (workspace / "CHECKOUT-FAILED.md").read_text()
