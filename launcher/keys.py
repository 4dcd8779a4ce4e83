"""The launcher's own secret, from which its keys are derived, in a file with mode 600.

The API token is not used for that: that of a managed service changes when the hub restarts.
"""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from launcher.errors import ConfigError


def link_key(secret: bytes) -> bytes:
    """The key of signed links; all machines that share the secret can check what one signed."""
    return hmac.digest(secret, b"launcher signed links", hashlib.sha256)


def existing_secret(path: Path) -> bytes:
    """Read the launcher's secret of 32 bytes; raises ConfigError if there is none."""
    if not path.exists():
        raise ConfigError(
            f"There is no secret file {path}, which the launcher makes when it starts. Run this in"
            " the launcher's working directory, with its configuration and environment."
        )
    return _read_secret(path)


def secret(path: Path) -> bytes:
    """Read the launcher's secret of 32 bytes, or create it; raises ConfigError."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
            # another process may have created it meanwhile: use that one
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        except OSError as error:
            raise ConfigError(
                f"The secret file {path} cannot be created: {error.strerror}."
            ) from error
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"The secret file {path} is readable by other users: chmod 600 {path}")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(f"The secret file {path} cannot be read: delete it.") from error
    if len(key) != 32:
        raise ConfigError(f"The secret file {path} does not contain 32 bytes in hex: delete it.")
    return key
