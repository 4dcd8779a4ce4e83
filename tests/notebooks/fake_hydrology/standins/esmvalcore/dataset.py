"""The name that ewatercycle imports; it is never called."""

Dataset = dict
