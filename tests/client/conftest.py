"""Fixtures for the tests of the Python client."""

import pytest
from fake_launcher import served

from launcher.client import LauncherClient, repeating


@pytest.fixture
def service(monkeypatch):
    """A launcher that answers what it is told; the client's pauses are short."""
    monkeypatch.setattr(repeating, "PAUSES", (0.01, 0.01, 0.01))
    with served() as service:
        yield service


@pytest.fixture
def launcher(service):
    """The client of that launcher."""
    with LauncherClient(service.url + "/", token="secret") as launcher:
        yield launcher
