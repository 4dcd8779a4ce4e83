"""Fixtures: a real hub (realhub.py) for what matters, a fake one (fakehub.py) for small cases."""

import importlib.util

pytest_plugins = ("realhub", "fakehub")

# `make test-notebooks` runs these in an environment of their own, with models and their libraries
collect_ignore = [] if importlib.util.find_spec("grpc4bmi") else ["notebooks"]
