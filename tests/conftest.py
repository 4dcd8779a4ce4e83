"""Fixtures: a real hub (realhub.py) for what matters, a fake one (fakehub.py) for small cases."""

pytest_plugins = ("realhub", "fakehub")
