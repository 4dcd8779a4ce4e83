"""The pages about projects, from end to end: their configurations and commands with a real hub."""

import os
import re
import subprocess
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import git_sites
import hub_blocks
import pytest
import requests
from documents import CHECKOUT, blocks
from ports import free_port
from realhub import RealHub
from site_of_launcher import SERVICE, Person
from waiting import wait_until

from launcher.client import LauncherClient, LauncherProblem

GITLAB = "gitlab.example.org"
# what differs on this machine: the authority of the git host, and that tests do not wait
HERE = """
c.Launcher.git_hosts[0] |= {{"ca_file": {ca_file!r}, "allow_private": True}}
c.Launcher.breaker_seconds = 0
c.Launcher.start_cooldown = 0
"""
LESSON = "first\n{}\nlast\n"


def marked(name, language):
    """The blocks of a page that these tests run, in order."""
    found = blocks(CHECKOUT / f"docs/{name}.md")
    here = [each for each in found if "test_projects_documents.py" in each.how]
    return [each.text for each in here if each.language == language]


class Site:
    """A hub that starts its launcher as the page has it, and a GitLab with the page's course."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".curlrc").write_text("fail-with-body\nsilent\nmax-time = 120\n")
        self.git = git_sites.start(folder / "git", "gitlab")
        self.course = self.git.add("climate/course", private=True, levels={"alice": "developer"})
        self.course.commit({"first-steps.ipynb": "{}", "lesson.md": LESSON.format("the same line")})
        url = f"http://127.0.0.1:{free_port()}"
        block = hub_blocks.block(
            "projects", "allow_named_servers", public_url='settings["public_url"]'
        )
        self.hub = RealHub(folder / "hub", extra=hub_blocks.managed(url) + block)
        settings = self.local(marked("projects", "python")[1])
        settings += HERE.format(ca_file=self.git.ca_file)
        (folder / "hub/launcher_config.py").write_text(settings)

    def start(self):
        self.hub.start()
        ready = f"{self.hub.url}/{SERVICE}/ready"
        wait_until(lambda: requests.get(ready, timeout=5).status_code == 200, "the launcher")
        return self

    def stop(self):
        self.hub.stop()
        self.git.stop()

    def local(self, text):
        """A text of the page, with the addresses of this machine."""
        host = urlsplit(self.git.url).netloc
        text = text.replace(f"%2F%2F{GITLAB}", f"%2F%2F{quote(host)}").replace(GITLAB, host)
        return text.replace("https://hub.example.org", self.hub.url)

    def run(self, user, commands, given=""):
        """What the commands of the page print, run by a user who enters `given`."""
        known = {
            "HUB_TOKEN": self.hub.token_of(user),
            "CURL_HOME": str(self.folder),
            "GIT_SSL_CAINFO": self.git.ca_file,
            # git asks for the credential of a private project
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{self.git.url}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Bearer token-of-{user}",
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.local(commands)],
            env={**os.environ, **known},
            input=given,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, (commands, done.stdout, done.stderr)
        return done.stdout

    def client(self, user):
        """The launcher, for a user."""
        return LauncherClient(f"{self.hub.url}/{SERVICE}", token=self.hub.token_of(user))

    def servers(self, user):
        """The user's servers for projects, by name."""
        with self.client(user) as launcher:
            return {name: each for name, each in launcher.servers().items() if each["project"]}

    def stop_server(self, user, name):
        """Stop a server, and wait until it is stopped."""
        with self.client(user) as launcher:
            launcher.stop_server(name)
            wait_until(lambda: launcher.server(name)["state"] == "stopped", f"the end of {name}")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        yield site.start()
    finally:
        site.stop()


def test_the_commands_of_the_page_lead_from_a_token_to_servers(site, monkeypatch, capsys):
    token, resolve, start, follow, change, at_commit = marked("projects", "bash")
    site.run("alice", token, given="token-of-alice\n")
    assert site.course.tip() in site.run("alice", resolve)
    started = site.run("alice", start)
    assert "tree/projects/" in started
    assert "first-steps.ipynb" in started
    assert '"mem_request": "2G"' in started
    assert '"follow": "branch"' in site.run("alice", follow)
    before = site.servers("alice")
    assert [each["project"]["checkout"] for each in before.values()] == ["done", "done"]

    monkeypatch.setenv("HUB_TOKEN", site.hub.token_of("alice"))
    exec(site.local(marked("projects", "python")[2]), {})
    location, checkout = capsys.readouterr().out.split()
    assert location.partition("?")[0].endswith("/first-steps.ipynb")
    assert checkout == "done"

    site.run("alice", change)
    wait_until(lambda: len(site.servers("alice")) == 1, "the end of the server")
    assert f'"commit_sha": "{site.course.tip()}"' in site.run("alice", at_commit)
    assert len(site.servers("alice")) == 2


def test_a_private_project_does_not_exist_for_whoever_has_no_token(site):
    with site.client("bob") as launcher, pytest.raises(LauncherProblem) as refused:
        launcher.open_project(f"{site.git.url}/climate/course")
    assert refused.value.status == 404


def test_the_badge_of_a_course_shows_the_form_and_starts_nothing(site):
    (badge,) = marked("course_material", "markdown")
    picture, link = re.findall(r"\((https?://[^)]*)\)", site.local(badge))
    assert requests.get(picture, timeout=10).headers["Content-Type"].startswith("image/svg")
    browser = Person(SimpleNamespace(hub=site.hub), "carol").log_in()
    page = browser.get(link, timeout=30)
    assert page.status_code == 200
    shown = f'value="{site.git.url}/climate/course"'
    for expected in (shown, 'value="main"', 'value="first-steps.ipynb"', "Memory"):
        assert expected in page.text
    assert site.servers("carol") == {}


def test_a_conflict_keeps_the_answer_of_the_student_as_the_example_says(site):
    site.git.tokens["token-of-dora"] = "dora"
    site.git.project("climate/course").levels["dora"] = "developer"
    (command,) = marked("course_material", "bash")
    site.run("dora", marked("projects", "bash")[0], given="token-of-dora\n")
    site.run("dora", command)
    ((name, server),) = site.servers("dora").items()
    place = site.hub.home("dora") / server["project"]["folder"]
    assert "the same line" in (place / "lesson.md").read_text()

    (place / "lesson.md").write_text(LESSON.format("my answer"))
    site.course.commit({"lesson.md": LESSON.format("the corrected line")})
    site.stop_server("dora", name)
    answer = site.run("dora", command)
    shown = {path.name: path.read_text().splitlines()[1] for path in place.glob("lesson*.md")}
    (kept,) = shown.keys() - {"lesson.md"}
    said = re.sub(
        r"\d{14}", kept[len("lesson__") : -len(".md")], marked("course_material", "text")[0]
    )
    assert dict(line.split(maxsplit=1) for line in said.splitlines()) == shown
    assert f"Your lesson.md is kept as {kept}" in answer
