"""Fixtures: a real hub (realhub.py) for what matters, a fake one (fakehub.py) for small cases.

The databases of both kinds, PostgreSQL's server too, are in postgres.py.
"""

import importlib.util
import io
import logging

import pytest

from launcher import logs

pytest_plugins = ("realhub", "fakehub", "postgres")

FIRST = ("test_real_", "test_demo", "test_distribution", "test_model", "test_slow", "test_starting")

# `make test-notebooks` runs these in an environment of their own, with models and their libraries
collect_ignore = [] if importlib.util.find_spec("grpc4bmi") else ["notebooks"]


def pytest_collection_modifyitems(items):
    """The files with hubs of their own first: the longest ones, while other workers do the rest."""
    items.sort(key=lambda item: not item.path.name.startswith(FIRST))


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
