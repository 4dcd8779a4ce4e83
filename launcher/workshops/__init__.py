"""Workshops: what happens to participants' notebooks, and how teachers see it."""
