"""Opens an experiment, with its parameters, in a person's own JupyterHub server."""

__version__ = "0.1.0"
