"""launcher doctor refuses the settings that launcher serve refuses, with the same sentence."""

import subprocess
import sys

import pytest
from application import environment
from environments import HOOK_TOKEN

from launcher import config
from launcher.app import create_app
from launcher.errors import ConfigError

HOST = {"url": "https://gitlab.example.org", "provider": "gitlab"}
MEMORY = {"type": "enum", "default": "1G", "options": ["1G", "2G"]}


def git_host(**changed):
    return {"git_hosts": [{**HOST, **changed}]}


def memory(**changed):
    return {"server_options": {"mem_request": {**MEMORY, **changed}}}


REFUSED = {
    "http": (git_host(url="http://gitlab.example.org"), "must begin with https://"),
    "no provider": ({"git_hosts": [{"url": HOST["url"]}]}, "provider must be one of"),
    "unknown provider": (git_host(provider="svn"), "provider must be one of"),
    "missing ca_file": (git_host(ca_file="/missing.pem"), "must be a readable file"),
    "private address": (git_host(url="https://10.1.2.3"), "set allow_private to True"),
    "default": (memory(default="8G"), "default"),
    "no resource": ({"server_options": {"flavour": MEMORY}}, "resource"),
    "type": (
        {"entrypoint_types": [{"name": "docker", "display_name": "Docker"}]},
        "c.Launcher.entrypoint_types",
    ),
    "system": ({"systems": [{"name": "a b"}]}, "c.Launcher.systems[0]"),
    "validator": ({"validator": "telepathy"}, "c.Launcher.validator"),
    "registry": ({"image_registries": ["http://r.example.org"]}, "c.Launcher.image_registries"),
    "experiments": ({"experiment_paths": ["/missing"]}, "is not a folder"),
    "routes": ({"additional_handlers": ["/status"]}, "must be a list of routes"),
    "hook": ({**git_host(), "hook_token": ""}, "c.Launcher.git_hosts needs the hub's spawn hook"),
}


@pytest.mark.parametrize(("settings", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_service_refuses_the_doctor_refuses(doctor, fakehub, tmp_path, settings, words):
    settings = {"hook_token": HOOK_TOKEN, **settings}
    with pytest.raises(ConfigError) as raised:
        create_app(config.Launcher(environment(fakehub, tmp_path), **settings).check())
    text = "".join(f"c.Launcher.{name} = {value!r}\n" for name, value in settings.items())
    report = doctor(config=text)
    assert report.status == 4
    assert report.detail("configuration", "failed") == str(raised.value)
    assert words in str(raised.value)
    assert list(report.checks) == ["configuration"]


OWN_PROVIDER = """
from launcher.projects.providers.gitlab import GitLab


class OurGit(GitLab):
    pass
"""


def test_a_class_in_the_working_directory_is_found_as_by_the_service(
    doctor_process, fakehub, tmp_path
):
    (tmp_path / "our_git.py").write_text(OWN_PROVIDER)
    host = {"url": "https://127.0.0.1:1", "provider": "our_git:OurGit", "allow_private": True}
    (tmp_path / "launcher_config.py").write_text(f"c.Launcher.git_hosts = [{host!r}]\n")
    env = {**environment(fakehub, tmp_path), "LAUNCHER_HOOK_TOKEN": HOOK_TOKEN}
    # the console script has its own folder, not the working directory, first on the path
    script = "import sys; sys.path.pop(0); from launcher.cli import main; main()"
    before = (sys.executable, "-c", script, "doctor", "--json")
    done = subprocess.run(
        before, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "our_git" not in done.stdout
