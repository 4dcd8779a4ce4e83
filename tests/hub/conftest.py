"""The hubs that the contract suite runs against: the fake one and a real one."""

import jupyterhub
import pytest
from contract import Side
from projects_site import projects_sites

NAMED_SERVERS = """
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 2
"""


@pytest.fixture(scope="module")
def contract_hub(make_shared_hub):
    """A real hub with named servers, two for each user."""
    return make_shared_hub(extra=NAMED_SERVERS)


@pytest.fixture(params=["fake", "real"])
def side_without_named_servers(request):
    """The fake hub, then a real one, both with named servers switched off."""
    if request.param == "real":
        return Side(request.getfixturevalue("hub"))
    hub = request.getfixturevalue("fakehub")
    hub.allow_named_servers = False
    return Side(hub)


@pytest.fixture(params=["fake", "real"])
def side(request):
    """The fake hub, then the real one."""
    if request.param == "real":
        return Side(request.getfixturevalue("contract_hub"))
    hub = request.getfixturevalue("fakehub")
    hub.version = jupyterhub.__version__
    hub.named_server_limit_per_user = 2
    return Side(hub)


@pytest.fixture(scope="session")
def projects(tmp_path_factory):
    """A hub, a launcher with four workers, and a GitLab whose projects it opens."""
    with projects_sites(tmp_path_factory) as make:
        yield make(provider="gitlab")


@pytest.fixture
def make_site(tmp_path_factory):
    """Starts such sites, which end with the test."""
    with projects_sites(tmp_path_factory) as make:
        yield make
