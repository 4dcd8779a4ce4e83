"""A stand-in for ESMValTool, which PyPI does not have: enough that ewatercycle can be imported.

ewatercycle itself is the real one. What it leaves to ESMValTool, generating forcing, cannot be done
with this, and no test does it.
"""
