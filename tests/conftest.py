"""Fixtures: a real hub (realhub.py) for what matters, a fake one (fakehub.py) for small cases.

The databases of both kinds, PostgreSQL's server too, are in postgres.py.
"""

import importlib.util

pytest_plugins = ("realhub", "fakehub", "postgres")

# `make test-notebooks` runs these in an environment of their own, with models and their libraries
collect_ignore = [] if importlib.util.find_spec("grpc4bmi") else ["notebooks"]
