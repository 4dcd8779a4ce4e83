"""Named servers that were made for environments are removed when nobody uses them."""

import time

import pytest
from environments import SITE, add, install_hook, other_environment

from launcher.launches.environment_servers import DAY_SECONDS, UnusedServers

DAYS = 30
LATER = (DAYS + 1) * DAY_SECONDS


@pytest.fixture
def site(start_app, fakehub):
    client = start_app(**{**SITE, "environment_servers": True})
    install_hook(fakehub, client)
    return client


@pytest.fixture
def named(site, fakehub):
    """Somebody, and the name of their server for an environment."""
    user = fakehub.add_user()
    for name in ("climate", "hydrology"):
        add(site, user, name)
    site.launch(user, entrypoint="climate")
    problem = other_environment(site.launch(user, entrypoint="hydrology"))
    server = problem["ways_out"][-1]["server"]
    assert site.launch(user, entrypoint="hydrology", server=server).status_code == 200
    return user, server


def remove_old(site, days=DAYS, after=LATER):
    parts = site.app_state["parts"]
    unused = UnusedServers(parts.store, parts.servers, days=days)
    site.portal.call(unused.remove_old, time.time() + after)


def test_a_server_that_has_been_stopped_for_long_is_removed(site, named):
    user, server = named
    user.add_server("of-her-own", "stopped")
    site.patch(f"/servers/{server}", json={"state": "stopped"}, headers=user.auth)
    site.delete("/server", headers=user.auth)
    remove_old(site)
    assert set(user.servers) == {"", "of-her-own"}


def test_one_that_runs_or_was_used_lately_stays(site, named):
    user, server = named
    remove_old(site)
    assert server in user.servers
    site.patch(f"/servers/{server}", json={"state": "stopped"}, headers=user.auth)
    remove_old(site, after=DAY_SECONDS)
    assert server in user.servers


def test_one_that_is_gone_and_users_that_are_gone_are_forgotten(site, fakehub, named):
    user, server = named
    user.servers.pop(server)
    remove_old(site)
    fakehub.users.pop(user.name)
    remove_old(site)
