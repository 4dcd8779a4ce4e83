"""The demo's second environment: a virtual environment that stands for one of conda.

It has the packages of the environment in which the demo runs, and the file by which conda knows its
own. JupyterLab says on its first page, and beside each notebook, which of the two it runs in.
"""

import json
import shlex
import sys
import sysconfig
import venv
from pathlib import Path

NAME = "second"
KERNEL = {
    "display_name": "Python 3 (second environment)",
    "language": "python",
    "metadata": {"debugger": True},
}
# what packages of JupyterLab install beside their modules
JUPYTERLAB = ("etc/jupyter", "share/jupyter/lab", "share/jupyter/labextensions")
# the fastest start; jupyterhub_config.py.example explains it
SERVER = (
    "import sys; sys.modules['rfc3987_syntax'] = None\n"
    "from jupyterhub.singleuser import main; main()"
)


def make(folder: Path) -> Path:
    """Make it, or make it again, in a folder; takes a tenth of a second and no network."""
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    (Path(packages) / "of-the-demo.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _write(folder / "conda-meta/history", "")
    # not a line #!, which would end at the first space of the path
    command = shlex.join(["exec", str(python), "-c", SERVER])
    _write(folder / "bin/jupyterhub-singleuser", f'#!/bin/sh\n{command} "$@"\n').chmod(0o755)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = folder / "share/jupyter/kernels/python3/kernel.json"
    _write(kernel, json.dumps({"argv": argv, **KERNEL}))
    for name in JUPYTERLAB:
        _link(folder / name, Path(sys.prefix) / name)
    return folder


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
