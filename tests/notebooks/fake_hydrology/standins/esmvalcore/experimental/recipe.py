"""The name that ewatercycle imports; it is never called."""

Recipe = dict
