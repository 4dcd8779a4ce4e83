"""What is built is whole: it installs into an empty environment and runs from anywhere."""

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import requests
import yaml
from application import environment
from openapi_spec import OPERATIONS
from ports import free_port
from waiting import MAX_SECONDS, wait_until

import launcher
from launcher.experiments import OWN

CHECKOUT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns(
    ".*",
    "*.egg-info",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    "*.sqlite",
    "launcher_secret",
)
EXPERIMENTS = sorted(path.parent.name for path in OWN.glob("*/notebook.py"))
FILES = {
    "launcher/openapi.yaml",
    "launcher/py.typed",
    "launcher/serve.py",
    *(f"launcher/web/ui/{path.name}" for path in OWN.parent.glob("web/ui/*")),
    *(f"launcher/experiments/{name}/notebook.py" for name in EXPERIMENTS),
    *(f"launcher/experiments/{name}/parameters.yaml" for name in EXPERIMENTS),
    *(
        str(path.relative_to(CHECKOUT))
        for path in OWN.parent.glob("store/migrations/**/*.py*")
        if path.suffix in (".py", ".mako")
    ),
}


def run(*command, **options):
    """What a command says; its failure is the test's."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with an sdist, the wheel of the checkout, and in sdist/ the wheel of the sdist."""
    folder = tmp_path_factory.mktemp("built")
    source = shutil.copytree(CHECKOUT, folder / "source", symlinks=True, ignore=NOT_SOURCE)
    build = (sys.executable, "-m", "build")
    run(*build, "--wheel", "--outdir", folder, source)
    shutil.rmtree(source / "build", ignore_errors=True)
    # without --wheel or --sdist the wheel is built from the sdist
    run(*build, "--outdir", folder / "sdist", source)
    return folder


def the_only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def contents(archive):
    """The name and bytes of every file, as it lies in the source."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        members = {each.name.partition("/")[2]: each for each in sdist.getmembers()}
        return {
            name: sdist.extractfile(member).read()
            for name, member in members.items()
            if member.isfile()
        }


pytestmark = pytest.mark.slow

ARCHIVES = ("*.whl", "sdist/*.tar.gz", "sdist/*.whl")


@pytest.mark.parametrize("pattern", ARCHIVES)
def test_what_is_built_holds_every_file_that_is_read(built, pattern):
    found = contents(the_only(built, pattern))
    assert found.keys() >= FILES
    for name in FILES:
        assert found[name] == (CHECKOUT / name).read_bytes(), name


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_checkout(built):
    wheels = [contents(the_only(built, pattern)) for pattern in ("*.whl", "sdist/*.whl")]
    assert wheels[0].keys() == wheels[1].keys()
    assert [name for name in wheels[0] if wheels[0][name] != wheels[1][name]] == []


@pytest.mark.parametrize("pattern", ["*.whl", "sdist/*.whl"])
def test_the_wheel_holds_the_package_and_nothing_else(built, pattern):
    names = contents(the_only(built, pattern))
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"launcher", f"jupyterhub_experiment_launcher-{launcher.__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_sdist_holds_what_a_reader_needs(built):
    found = contents(the_only(built, "sdist/*.tar.gz"))
    assert found.keys() >= {"README.md", "LICENSE", "setup.cfg", "pyproject.toml"}
    assert [name for name in found if name.startswith("tests/")] == []


# installed


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The folder of commands of an environment in which there was nothing before."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    pip = (folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "-c", CHECKOUT / "constraints.txt", the_only(built, "sdist/*.whl"))
    run(*pip, "check")
    return folder / "bin"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A working directory that knows nothing of the checkout."""
    return tmp_path_factory.mktemp("elsewhere")


def clean(**environ):
    """An environment in which nothing leads back to the checkout or its packages."""
    kept = {k: v for k, v in os.environ.items() if k in ("LANG", "LC_ALL", "TMPDIR")}
    return {**kept, "PATH": os.defpath, **environ}


def test_the_command_says_its_version(installed, elsewhere):
    said = run(installed / "launcher", "--version", cwd=elsewhere, env=clean())
    assert said.strip() == launcher.__version__


def test_the_command_prints_a_configuration_that_python_takes(installed, elsewhere):
    said = run(installed / "launcher", "config", cwd=elsewhere, env=clean())
    assert "c.Launcher.experiment_paths" in said
    compile(said, "launcher_config.py", "exec")


@pytest.fixture(scope="module")
def _serving(installed, elsewhere, _fakehub):
    url = f"127.0.0.1:{free_port()}"
    with (elsewhere / "log").open("wb") as log:
        process = subprocess.Popen(
            [installed / "launcher", "serve", "--workers", "1", "--bind", url],
            cwd=elsewhere,
            env=clean(**environment(_fakehub, elsewhere)),
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def up():
        assert process.poll() is None, (elsewhere / "log").read_text()
        with socket.socket() as wire:
            return wire.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0

    try:
        wait_until(up, "launcher serve", seconds=2 * MAX_SECONDS)
        yield f"http://{url}"
    finally:
        process.terminate()
        process.wait(MAX_SECONDS)


@pytest.fixture
def serving(fakehub, _serving):
    """The address of `launcher serve` as it was installed."""
    return _serving


def test_it_serves_its_health_its_description_and_its_pages(serving):
    assert requests.get(f"{serving}/health", timeout=MAX_SECONDS).json() == {"ok": True}
    served = requests.get(f"{serving}/openapi.json", timeout=MAX_SECONDS).json()
    described = yaml.safe_load((CHECKOUT / "openapi.yaml").read_text(encoding="utf-8"))
    assert served["paths"].keys() == described["paths"].keys()
    page = requests.get(f"{serving}/ui/", timeout=MAX_SECONDS)
    assert page.ok
    for name in ("page/page.js", "page/page.css", "swagger-ui-bundle.js"):
        assert requests.get(f"{serving}/ui/{name}", timeout=MAX_SECONDS).ok, name


def test_it_serves_the_catalogue(serving, alice):
    answer = requests.get(f"{serving}/experiments", headers=alice.auth, timeout=MAX_SECONDS)
    assert [each["name"] for each in answer.json()["experiments"]] == EXPERIMENTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_previews_every_experiment(serving, alice, name):
    operation = OPERATIONS[f"launcher.api.shortcuts.{name.replace('-', '_')}"][2]
    parameters = dict(operation["requestBody"]["content"]["application/json"]["example"])
    body = {"notebook": parameters.pop("notebook"), "parameters": parameters}
    address = f"{serving}/experiments/{name}/preview"
    answer = requests.post(address, json=body, headers=alice.auth, timeout=MAX_SECONDS)
    assert answer.ok, answer.text
    assert answer.json()["metadata"]["launcher"]["parameters"] == parameters
    assert alice.files == {}
