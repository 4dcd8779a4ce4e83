"""How the server of a project is told to start."""

import json
import os
import subprocess

import pytest

from launcher.errors import SpawnNotPossible
from launcher.projects.hosts import read_git_hosts
from launcher.projects.options import read_server_options
from launcher.projects.prepared import PROJECT, PreparedServers
from launcher.server_ref import ServerRef
from launcher.spawn.parts import Command, Resources
from launcher.spawn.specification import SpawnSpecification
from launcher.store.project_servers import ProjectServer

HOST = {"url": "https://git.example.org", "provider": "git"}
OPTIONS = {
    "cpu_guarantee": {
        "order": 1,
        "displayName": "CPUs",
        "resource": "cpu_guarantee",
        "type": "float",
        "default": 4,
        "range": [1, 8],
    },
}
FIELDS = ("command", "environment")
ALL = (*FIELDS, "image", "resources", "default_url")


def prepared(options=None, **changed):
    hosts = read_git_hosts([HOST])
    given = {"timeout": 60, "server_facing_url": "http://launcher.example.org", **changed}
    return PreparedServers(hosts, read_server_options(options or {}), **given)


def kept(**changed):
    fields = {
        "server": ServerRef("alice", "course-1"),
        "provider": "git",
        "repository": "https://git.example.org/climate/course",
        "clone_url": "https://git.example.org/climate/course.git",
        "namespace": "climate",
        "project": "course",
        "commit_sha": "0" * 40,
        "branch": "main",
        "folder": "projects/course-1",
    }
    return ProjectServer(**{**fields, **changed})


def specification(server=None, environment=None, fields=FIELDS, by=None):
    wanted = environment or SpawnSpecification()
    found = (by or prepared()).prepare(server or kept(), "1" * 32, wanted, fields)
    return found.specification


def refusal(*arguments, **named):
    with pytest.raises(SpawnNotPossible) as caught:
        specification(*arguments, **named)
    return caught.value.detail


def test_a_commit_or_a_branch_is_asked_for():
    asked = json.loads(specification().environment[PROJECT])
    assert (asked["commit"], asked["launch"]) == ("0" * 40, "1" * 32)
    asked = json.loads(specification(kept(commit_sha=None)).environment[PROJECT])
    assert (asked["follow"], asked["branch"], "commit" in asked) == ("branch", "main", False)


def test_the_step_runs_inside_of_what_prepares_an_environment():
    activate = SpawnSpecification(command=Command(("conda", "run")))
    argv = specification(environment=activate).command.argv
    assert (argv[:3], argv[-1]) == (("conda", "run", "python3"), "--")


def test_the_step_comes_before_a_command_of_its_own():
    own = SpawnSpecification(command=Command(("/env/bin/jupyterhub-singleuser",), replaces=True))
    command = specification(environment=own).command
    assert command.replaces
    assert (command.argv[0], command.argv[-2:]) == ("python3", ("--", own.command.argv[0]))


@pytest.mark.parametrize("name", ["signal.py", "ssl.py", "zlib.py", "json.py", "base64.py"])
def test_a_file_of_the_home_is_not_imported_in_place_of_pythons_own(name, tmp_path):
    (tmp_path / name).write_text("raise SystemExit('not the one of Python')\n")
    wanted = specification()
    own = {PROJECT: "{}", "HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": "/own"}
    command = [*wanted.command.argv, "printenv", "PYTHONPATH"]
    environment = {**wanted.environment, **own}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (0, "/own\n"), done.stderr


def test_an_image_that_was_found_is_left_out_where_there_are_none():
    found = kept(image="registry.example.org/climate/course:0000000")
    assert specification(found).image is None
    assert specification(found, fields=ALL).image == found.image


def test_an_image_that_was_asked_for_is_refused_where_there_are_none():
    asked = kept(image="registry.example.org/climate/course:1", image_asked=True)
    assert refusal(asked).endswith("Start the project without an image.")


def test_options_that_do_not_fit_the_environment_are_a_sentence():
    small = SpawnSpecification(resources=Resources(cpu_limit=1.0))
    assert refusal(kept(), small, ALL, prepared(OPTIONS)).startswith(
        "The options of this server do not fit its environment: resources.cpu_guarantee is above"
    )


def test_a_spawner_without_an_adapter_is_named_as_the_cause():
    assert "needs an adapter" in refusal(fields=())


def test_servers_that_cannot_reach_the_launcher_name_the_setting():
    assert "c.Launcher.server_facing_url" in refusal(by=prepared(server_facing_url=""))


def test_a_host_that_was_taken_off_the_list_is_refused():
    gone = kept(repository="https://other.example.org/a/b")
    assert "is not on the site's list any more" in refusal(gone)
