"""A git host of each product, which the tests of a worker share."""

import git_sites
import pytest


@pytest.fixture(scope="session")
def _sites(tmp_path_factory):
    started = {}

    def get(provider):
        if provider not in started:
            started[provider] = git_sites.start(tmp_path_factory.mktemp(provider), provider)
        return started[provider]

    yield get
    for site in started.values():
        site.stop()


@pytest.fixture
def site_of(_sites):
    """The host with the API of a product; afterwards it behaves again."""
    used = []

    def get(provider):
        used.append(_sites(provider))
        used[-1].seen.clear()
        return used[-1]

    yield get
    for site in used:
        site.misbehaves, site.requests_left, site.speaks_only_version_0 = "", None, False
