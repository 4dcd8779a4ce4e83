"""Environments as conda makes them, as far as a server needs it.

Each is a virtual environment with the file `conda-meta/history`, by which conda knows its own. The
packages and JupyterLab's files are those of the tests' environment.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

# says in the home which Python it ran in, and goes on as the server of that Python
SERVER = """#!{python}
import os, pathlib, sys
pathlib.Path.home().joinpath("runs-in").write_text(sys.prefix)
os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])
"""


def conda_like(folder: Path) -> Path:
    """Make an environment in a folder; its `jupyterhub-singleuser` says where it ran."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = folder / "lib" / version / "site-packages"
    (packages / "of-the-tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name in ("etc/jupyter", "share/jupyter/lab"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(Path(sys.prefix, name))
    (folder / "conda-meta").mkdir()
    (folder / "conda-meta/history").write_text("")
    server = folder / "bin/jupyterhub-singleuser"
    server.write_text(SERVER.format(python=folder / "bin/python"))
    server.chmod(0o755)
    return folder


def server_of(environment: Path) -> dict:
    """The specification of a server in the environment."""
    command = str(environment / "bin/jupyterhub-singleuser")
    return {"command": {"argv": [command], "replaces": True}}


def runs_in(home: Path) -> str:
    """The environment that said that it ran a server; it is forgotten."""
    said = home / "runs-in"
    try:
        return said.read_text()
    finally:
        said.unlink(missing_ok=True)
