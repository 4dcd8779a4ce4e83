"""The small distribution in hub/: it builds from a clone, and works beside JupyterHub alone."""

import ast
import glob
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
VERMIN = Path(sys.executable).with_name("vermin")
FOLDERS = ("launcher/spawn", "launcher/jupyterhub")
MODULES = sorted(path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py"))


def works(python):
    """Whether it is Python 3.10; a command of pyenv may be none."""
    done = subprocess.run([python, "-V"], capture_output=True, text=True, check=False)
    return done.stdout.startswith("Python 3.10.")


# the oldest one where the machine has it
OLD = [
    shutil.which("python3.10"),
    *glob.glob(str(Path.home() / ".pyenv/versions/3.10.*/bin/python")),
]
PYTHONS = [sys.executable, *[each for each in OLD if each and works(each)][:1]]

USE = """
import sys
from traitlets.config import Config
from launcher.jupyterhub import configure, profile_system
from launcher.jupyterhub.adapters import batch, find
from jupyterhub.spawner import LocalProcessSpawner

c = Config()
configure(c, profile_system({"small": "cluster"}), managed=False, api_token="t", hook_token="h")
assert c.JupyterHub.services[0]["name"] == "launcher"
assert find(LocalProcessSpawner(_mock=True)).fields
assert "JUPYTERHUB_SERVICE_URL" in batch.REPORTER
ours = {name.split(".")[1] for name in sys.modules if name.startswith("launcher.")}
assert ours == {"spawn", "jupyterhub"}, ours
"""


def run(*command):
    """A command that has to work."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy as a clone has it."""
    clone = tmp_path_factory.mktemp("clone")
    ignore = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    for name in ("hub", "launcher"):
        shutil.copytree(CHECKOUT / name, clone / name, symlinks=True, ignore=ignore)
    shutil.copy(CHECKOUT / "LICENSE", clone)
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", clone / "out", clone / "hub")
    (found,) = (clone / "out").glob("*.whl")
    return found


@pytest.mark.slow
def test_it_holds_the_hubs_side_and_depends_on_nothing(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("launcher/")}
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        lines = archive.read(metadata).decode().splitlines()
    assert names == {
        "launcher/__init__.py",
        *(str(path.relative_to(CHECKOUT)) for path in MODULES),
    }
    assert "Requires-Python: >=3.10" in lines
    assert not [line for line in lines if line.startswith("Requires-Dist")]


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
def test_it_works_beside_jupyterhub_alone(wheel, python, tmp_path):
    run(python, "-m", "venv", tmp_path / "venv")
    own = tmp_path / "venv/bin/python"
    constraints = CHECKOUT / "constraints.txt"
    (line,) = [each for each in constraints.read_text().splitlines() if each[:12] == "jupyterhub=="]
    run(own, "-m", "pip", "install", "--quiet", line, wheel)
    run(own, "-I", "-W", "error::SyntaxWarning", "-c", USE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_it_is_written_in_python_3_10(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))


def test_it_calls_nothing_that_python_3_10_lacks():
    run(VERMIN, "-t=3.10-", "--violations", *(CHECKOUT / f for f in FOLDERS))


def test_what_runs_in_a_job_needs_no_new_python():
    reporter = CHECKOUT / "launcher/jupyterhub/report_port.py"
    run(VERMIN, "-t=3.6-", "--violations", reporter)
