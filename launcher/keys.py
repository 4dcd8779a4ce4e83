"""The launcher's own secret, from which its keys derive: a file that its owner alone may read.

A managed service's API token changes when the hub restarts, and is no secret of the launcher's.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from launcher.errors import ConfigError


def secret(path: Path) -> bytes:
    """The launcher's own secret of 32 bytes, made when there is none; raises ConfigError."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
            # another process may have been faster: then its secret is ours
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        except OSError as error:
            raise ConfigError(
                f"The secret file {path} cannot be made: {error.strerror}."
            ) from error
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"The secret file {path} may be read by others: chmod 600 {path}")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(f"The secret file {path} is not readable; delete it.") from error
    if len(key) != 32:
        raise ConfigError(f"The secret file {path} does not hold 32 bytes in hex; delete it.")
    return key
