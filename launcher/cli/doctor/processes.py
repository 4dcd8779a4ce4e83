"""The environment of a launcher that runs, such as one that the hub started (Linux)."""

import os
import re
import sys
from pathlib import Path

import click

import launcher

# of the doctor's own terminal
_KEPT = ("TERM", "NO_COLOR")
# `launcher serve`, `python -m launcher serve`, and gunicorn, also if it shows a title of its own
_LAUNCHER = re.compile(rb"(?:^|[/\0])launcher\0serve(?:\0|$)|\blauncher\.serve\b")


def enter(pid: int) -> None:
    """Take over the environment, the working directory and the account of a launcher's process.

    Raises BadParameter with a sentence if that cannot be done.
    """
    if not Path("/proc/self/environ").exists():
        raise _refusal("needs /proc, which only Linux has.")
    folder = Path("/proc", str(pid))
    try:
        _check_launcher(folder, pid)
        environment = _environment(folder, pid)
        os.chdir(folder / "cwd")
        os.getcwd()
        _become_owner(folder, pid)
    except PermissionError as error:
        raise _refusal(
            f"the environment of process {pid} cannot be read. Run the doctor as the user that the"
            " launcher runs as, or as root."
        ) from error
    except (FileNotFoundError, ProcessLookupError) as error:
        if folder.exists():
            raise _refusal(f"the working directory of process {pid} was removed.") from error
        raise _refusal(f"there is no process {pid}.") from error
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update({**environment, **kept})
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))


def _refusal(sentence: str) -> click.BadParameter:
    return click.BadParameter(sentence, param_hint="'--environment-of'")


def _check_launcher(folder: Path, pid: int) -> None:
    """Raise BadParameter if it is another program; everybody can read a command line."""
    if not _LAUNCHER.search((folder / "cmdline").read_bytes()):
        raise _refusal(
            f"process {pid} is not a launcher: its command line has neither `launcher serve` nor"
            " `launcher.serve`."
        )


def _environment(folder: Path, pid: int) -> dict[str, str]:
    """The environment with which the process was started; raises BadParameter, OSError."""
    pairs = os.fsdecode((folder / "environ").read_bytes()).split("\0")
    found = dict(pair.split("=", 1) for pair in pairs if "=" in pair[1:])
    if not found:
        # it has ended, or setproctitle wrote a title over it
        raise _refusal(f"process {pid} shows no environment.")
    return found


def _become_owner(folder: Path, pid: int) -> None:
    """As root, become the user of the process: the configuration file is code of that user's."""
    if os.geteuid() != 0:
        return
    lines = (folder / "status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    user, group = (int(fields[name].split()[1]) for name in ("Uid", "Gid"))
    if user != 0:
        os.setgroups([int(each) for each in fields["Groups"].split()])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
        # what is imported later
        if not all(os.access(path, os.R_OK) for path in (launcher.__file__, re.__file__)):
            raise _refusal(
                f"the user of process {pid} cannot read {sys.prefix}. Run the doctor of the"
                " installation that the process runs."
            )
