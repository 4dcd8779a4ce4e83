"""launcher doctor: what is wrong with an installation, and the configuration that fixes it."""

import sys

import click


def _address(context: click.Context, option: click.Parameter, value: str) -> str:
    """The value of --url; raises BadParameter for an invalid URL."""
    from launcher.config.checks import is_http_url

    if value and not is_http_url(value):
        raise click.BadParameter("must be an address such as https://hub.example.org/launcher")
    return value


def _user(context: click.Context, option: click.Parameter, value: str) -> str:
    """The value of --user; raises BadParameter for an invalid user name."""
    from launcher import urls

    try:
        return value and urls.join("", value) and value
    except ValueError as error:
        raise click.BadParameter("must be the name of a user") from error


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--url",
    default="",
    metavar="ADDRESS",
    callback=_address,
    help="The public URL of the launcher. Default: its base path on the hub's host.",
)
@click.option(
    "--user",
    default="",
    metavar="NAME",
    callback=_user,
    help="Also check whether this user may use the launcher.",
)
@click.option(
    "--environment-of",
    type=click.IntRange(min=1),
    metavar="PID",
    help="Use the environment, working directory and account of a launcher that runs as process"
    " PID (Linux).",
)
def command(as_json: bool, url: str, user: str, environment_of: int | None) -> None:
    """Check the configuration, the hub, the database and this machine.

    Run it with the launcher's environment in the launcher's working directory, or with
    --environment-of. The exit status is 0 when nothing failed, 1 when something did, and 4 when
    the configuration cannot be used.
    """
    # 3 s of CPU time, as in launcher.gunicorn
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from launcher.cli.doctor import processes
    from launcher.cli.doctor.run import run

    if environment_of is not None:
        processes.enter(environment_of)
    raise SystemExit(run(as_json=as_json, url=url, user=user))
