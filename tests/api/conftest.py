"""Fixtures for the tests of the API."""

import pytest
from launching import ON_BEHALF, service


@pytest.fixture
def portal(fakehub):
    """The credential of a portal's backend."""
    return service(fakehub.add_service(ON_BEHALF, name="portal"))
