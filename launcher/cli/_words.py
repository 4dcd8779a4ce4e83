"""Turns the sentences of the API into ones for the people at the command line."""

import re
from typing import Final

_TOKENS: Final = "on the launcher's page Projects, Access tokens"
# parts of sentences, in this order
_WORDS: Final = [
    (r"\bGET /servers lists yours\.", "`launcher servers` lists yours."),
    (r" GET /launches lists yours\.", " `launcher servers` lists your servers."),
    (r"\bThe home page and GET /experiments list them\.", "The home page lists them."),
    (r"\bClose one, or poll GET /launches/\S+ instead\.", "Close one."),
    (r" of this site\. GET /git-hosts\.", " of this site."),
    (
        r"\bone of the values that GET /server_options lists",
        "one of the choices on the launcher's page Projects",
    ),
    (
        r"\bor after an administrator's DELETE /starts/failures\.",
        "or after an administrator has reset the failures.",
    ),
    (r"\bWith \?replace=true it is", "With --replace it is"),
    (
        r"^A service has to name the user that it launches for: \?user=<name>\.",
        "LAUNCHER_TOKEN belongs to a service. Set it to the token of a user.",
    ),
    (
        r"\bentrypoint is missing, and nothing is selected on ('.*')\.",
        r"No environment is selected on \1. Name one with --entrypoint NAME, or select one on the"
        r" launcher's page Environments.",
    ),
    (
        r"\bsystem is missing; it is one of (.*)\.",
        r"The environment is on several systems. Name one with --system: \1.",
    ),
    (r" Leave `server` out to use the default server\.", ""),
    (r"\bLaunch without an entrypoint\b", "Launch without --entrypoint and --system"),
    (r"\blaunch without an environment\b", "launch without --entrypoint and --system"),
    (
        r" find\('.*'\) returns its state, cancel\('.*'\) cancels it\.",
        " `launcher servers` shows its server.",
    ),
    (
        r"\b([Ss])ign in again,? or store (?:an access token for the host|a new one)\.",
        rf"\1ign in at the hub again, or store an access token {_TOKENS}.",
    ),
]
_PATTERNS: Final = [(re.compile(pattern), words) for pattern, words in _WORDS]


def for_commands(detail: str) -> str:
    """The sentence in the words of the commands and their options."""
    for pattern, words in _PATTERNS:
        detail = pattern.sub(words, detail)
    return detail
