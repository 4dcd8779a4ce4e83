"""Fixtures for all tests; support/ has those of the hubs, the application and the databases."""

import importlib.util
import io
import logging
from pathlib import Path

import pytest

from launcher import logs

# the environments of older hubs and of the notebooks do not have it
if importlib.util.find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # a busy machine is no fault of what is tested
    settings.register_profile(
        "launcher", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("launcher")

pytest_plugins = ("realhub", "application_fixtures", "postgres")

TESTS = Path(__file__).parent
# files with hubs of their own, or long for another reason
FIRST = (
    "hub/",
    "deploy/test_demo",
    "deploy/test_distribution",
    "launches/test_model",
    "launches/test_start_queue",
    "test_slow_clients",
)

# `make test-notebooks` runs these in an environment of their own, with models and their libraries
collect_ignore = [] if importlib.util.find_spec("grpc4bmi") else ["notebooks"]


def pytest_collection_modifyitems(items):
    """Run the longest files first, while other workers do the rest."""
    items.sort(key=lambda item: not str(item.path.relative_to(TESTS)).startswith(FIRST))


@pytest.fixture
def written():
    """Everything that the loggers of the launcher write in this process."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logs.JSONLines())
    logger = logging.getLogger("launcher")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.stream
    logger.setLevel(level)
    logger.removeHandler(handler)
