"""Which environment variables a specification may set."""

import re
from collections.abc import Collection, Mapping

from launcher.spawn.errors import SpecificationError

MAX_VARIABLES = 200
MAX_NAME = 128
# Linux: one argument or variable has at most 128 KiB (execve(2), MAX_ARG_STRLEN)
MAX_VALUE = 32_768

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# they decide which program runs, or who the server believes to be
_REFUSED = {
    "BASHOPTS",
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "HOME",
    "IFS",
    "PATH",
    "PROMPT_COMMAND",
    "PS4",
    "SHELL",
    "SHELLOPTS",
}
_REFUSED_PREFIXES = ("BASH_FUNC_", "JPY_", "JUPYTERHUB_", "LAUNCHER_", "LD_", "PYTHON")


def is_refused(name: str) -> bool:
    """Whether only an administrator's list may allow the variable."""
    return name in _REFUSED or name.startswith(_REFUSED_PREFIXES)


def check(
    variables: Mapping[str, str], field: str = "environment", allowed: Collection[str] = ()
) -> None:
    """Check names and values; raises SpecificationError.

    `allowed` are names on the administrator's list, which are accepted although they are refused
    otherwise.
    """
    if len(variables) > MAX_VARIABLES:
        raise SpecificationError(field, f"may have at most {MAX_VARIABLES} variables")
    for name, value in variables.items():
        if not (_NAME.fullmatch(name) and len(name) <= MAX_NAME):
            raise SpecificationError(
                field,
                f"must have names of letters, digits and _, of at most {MAX_NAME} characters, not"
                f" {name[:64]!a}",
            )
        if is_refused(name) and name not in allowed:
            raise SpecificationError(field, f"must not set {name}, which is reserved")
        if "\x00" in value or len(value.encode("utf-8", "surrogatepass")) > MAX_VALUE:
            raise SpecificationError(
                f"{field}.{name}", f"must be text without U+0000, of at most {MAX_VALUE} bytes"
            )
