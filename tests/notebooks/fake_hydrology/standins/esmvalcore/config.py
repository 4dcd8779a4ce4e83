"""The names that ewatercycle imports; none of them is ever called."""

CFG: dict = {}
Session = dict
