"""The hub's side of the launcher, for jupyterhub_config.py: `configure` and the spawn hook.

It needs JupyterHub and Python 3.10, and of the launcher only `launcher.spawn`.
"""

from launcher.jupyterhub.configuration import configure
from launcher.jupyterhub.profiles import profile_system

__all__ = ["configure", "profile_system"]
