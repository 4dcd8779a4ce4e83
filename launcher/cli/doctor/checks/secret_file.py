"""The launcher's own secret."""

from pathlib import Path

from launcher import keys
from launcher.cli.doctor.files import why_not_writable
from launcher.cli.doctor.results import Result, failed, lines, ok
from launcher.cli.doctor.site import Site
from launcher.errors import ConfigError

NAME = "secret-file"


async def check(site: Site) -> Result:
    """Whether the secret can be read by the launcher alone, or be created."""
    return _look(Path(site.settings.secret_file))


def _look(path: Path) -> Result:
    if path.exists():
        return _existing(path)
    if reason := why_not_writable(path.parent):
        return failed(
            f"{path} cannot be created: {reason}.",
            lines("# launcher_config.py", "c.Launcher.secret_file = '<a path that is writable>'"),
        )
    return ok(f"{path} does not exist yet; the first start creates it.")


def _existing(path: Path) -> Result:
    try:
        keys.secret(path)
    except (ConfigError, OSError) as error:
        return failed(str(error), lines("# a shell", f"chmod 600 {path.resolve()}"))
    return ok(f"{path} is readable by its owner alone.")
