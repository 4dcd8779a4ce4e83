"""The client of the launcher that the environment names, and its errors as sentences."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from launcher.cli._terminal import Progress, name_of, plain, prepare
from launcher.cli._words import for_commands
from launcher.errors import ConfigError

if TYPE_CHECKING:
    from launcher.client import ClientError, LauncherClient

INTERRUPTED = 130
# the launcher ends every launch sooner
LONGEST_LAUNCH = 86_400.0
_URL = "https://hub.example.org/services/launcher"


class ServerName(click.ParamType):
    """The name of a server; the default server has the empty one."""

    name = "server"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name; one that cannot be part of a URL is an error."""
        from launcher import urls

        try:
            return str(value) and urls.join("", value) and str(value)
        except ValueError:
            self.fail("is not the name of a server; `launcher servers` lists them", param, ctx)


class _Unended(click.ClickException):
    """The launch continues."""

    exit_code = 3


@contextmanager
def session() -> Iterator["LauncherClient"]:
    """The client of the launcher in LAUNCHER_URL; its errors end the command with a sentence.

    Raises ConfigError if the environment does not say which launcher, or as whom.
    """
    from launcher.client import ClientError

    prepare()
    with _client() as client:
        try:
            yield client
        except ClientError as error:
            raise _failure(error) from error


@contextmanager
def launching(first: str, *, hint: str = "") -> Iterator[tuple["LauncherClient", Progress]]:
    """The client, and what shows the progress of the launch that is waited for in the block.

    Ctrl-C does not cancel the launch, and says so. `hint` says what may be wrong with a request
    that is refused as wrong or not found.
    """
    from launcher.client import LauncherProblem

    progress = Progress(first)
    with session() as client:
        try:
            with progress:
                yield client, progress
        except KeyboardInterrupt:
            interrupted(progress.server)
        except LauncherProblem as problem:
            if problem.launch_id and progress.server is not None:
                hint = f"What the server wrote: launcher logs {name_of(progress.server)}"
            elif problem.status not in (400, 404):
                raise
            raise _failure(problem, hint and f"\n{hint}") from problem


def interrupted(server: str | None) -> NoReturn:
    """Say on stderr that a launch continues, and end the command."""
    begun = server is not None
    which = name_of(server) if begun else "NAME"
    said = "The launch continues" if begun else "If the launch has begun, it continues"
    click.echo(
        f"\n{said}. `launcher servers` shows its server, the same command waits for it again, and"
        f" `launcher stop {which}` cancels it.",
        err=True,
    )
    raise SystemExit(INTERRUPTED)


def _client() -> "LauncherClient":
    from launcher.client import LauncherClient

    url, token = os.environ.get("LAUNCHER_URL", ""), os.environ.get("LAUNCHER_TOKEN", "")
    if not url:
        raise ConfigError(
            f"Set LAUNCHER_URL to the launcher's address, such as: export LAUNCHER_URL={_URL}"
        )
    if not token:
        raise ConfigError(
            "Set LAUNCHER_TOKEN to your token of the hub, and do not write it where others can read"
            f" it. The page {plain(url).rstrip('/')}/home/token says where you get one."
        )
    ca_file = os.environ.get("LAUNCHER_CA_FILE") or None
    if ca_file and not Path(ca_file).is_file():
        raise ConfigError(f"LAUNCHER_CA_FILE names no file: {plain(ca_file)}")
    try:
        return LauncherClient(url, token=token, start_timeout=LONGEST_LAUNCH, ca_file=ca_file)
    except ValueError as error:
        # the argument that is wrong, and a sentence about it
        argument, _, sentence = str(error).partition(" ")
        raise ConfigError(f"LAUNCHER_{argument.upper()} {sentence}") from error


def _failure(error: "ClientError", more: str = "") -> click.ClickException:
    """The exception that prints what went wrong, and what to do next."""
    from launcher.client import Unfinished

    kind = _Unended if isinstance(error, Unfinished) else click.ClickException
    return kind(plain(f"{for_commands(_sentences(error))}{more}"))


def _sentences(error: "ClientError") -> str:
    from launcher.client import Insecure, LauncherProblem, Unreachable

    if isinstance(error, Insecure):
        return f"{error} For an authority of your own, set LAUNCHER_CA_FILE to its certificate."
    if isinstance(error, Unreachable):
        return f"{error} Is LAUNCHER_URL right?"
    if isinstance(error, LauncherProblem):
        return _of_problem(error)
    return str(error)


def _of_problem(problem: Any) -> str:
    if problem.status == 401 and not problem.launch_id:
        return f"LAUNCHER_TOKEN is not valid: {problem}"
    lines = [str(problem)]
    if len(problem.errors) > 1:
        lines += [f"  {each.get('pointer')} {each.get('detail')}" for each in problem.errors]
    if problem.status >= 500 and problem.request_id:
        lines.append(f"For the administrator: request {problem.request_id}")
    return "\n".join(lines)
