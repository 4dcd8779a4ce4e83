"""A git host, a launcher and a home for servers that start with a project."""

import itertools

import pytest
from git_host import GitSite
from prepared_server import LauncherForServers, PreparedServer

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """A git host over https."""
    site = GitSite(tmp_path_factory.mktemp("host")).start()
    yield site
    site.stop()


@pytest.fixture
def site(host):
    """The host without what an earlier test did to it."""
    host.misbehaves, host.speaks_only_version_0 = "", False
    yield host
    host.misbehaves, host.speaks_only_version_0 = "", False


@pytest.fixture
def hosted(site):
    """Make repositories, public or private ones that ada may read; they have a `url`."""

    def add(*, private=False):
        path = f"group/project-{next(NUMBERS)}"
        found = site.add(path, private=private, levels={"ada": "developer"})
        found.url = f"{site.url}/{path}.git"
        return found

    return add


@pytest.fixture
def repository(hosted):
    """A public repository of the test's own."""
    return hosted()


@pytest.fixture
def portal():
    """The launcher that servers report to."""
    found = LauncherForServers()
    yield found
    found.stop()


@pytest.fixture
def home(tmp_path):
    found = tmp_path / "home"
    found.mkdir()
    return found


@pytest.fixture
def workspace(home):
    return home / "projects/p"


@pytest.fixture
def project(site, repository):
    """The JSON of a project with what the test says."""

    def build(**fields):
        followed = {"follow": "branch"} if "commit" not in fields else {}
        return {
            "version": 1,
            "url": repository.url,
            "branch": "main",
            "workspace": "projects/p",
            "ca_file": site.ca_file,
            **followed,
            **fields,
        }

    return build


@pytest.fixture
def start(home):
    """Start servers in the home; they end with the test."""
    started = []

    def run(project, **keywords):
        started.append(PreparedServer(keywords.pop("home", home), project, **keywords))
        return started[-1]

    yield run
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
def outcome(start):
    """Start, wait for the end of the checkout, and stop; `done` or `failed`, and the message."""

    def run(project, **keywords):
        server = start(project, **keywords)
        found = server.end()
        server.stop()
        return found

    return run
