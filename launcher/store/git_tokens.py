"""The tokens with which users read repositories on git hosts."""

import time
from dataclasses import dataclass, field

import sqlalchemy as sa

from launcher.store.tables import git_tokens

USER, SIGN_IN = "user", "sign-in"


@dataclass(frozen=True)
class GitToken:
    """A token of a user for one host."""

    user: str
    host: str
    """The URL of the git host."""
    source: str
    """Who gave it: USER or SIGN_IN."""
    token: str = field(repr=False)
    """Sealed, with the user name that it is for."""
    stored_at: float = 0.0


_PUT = sa.text(
    'INSERT INTO git_tokens ("user", host, source, token, stored_at)'
    ' VALUES (:user, :host, :source, :token, :stored_at) ON CONFLICT ("user", host, source)'
    " DO UPDATE SET token = :token, stored_at = :stored_at"
)
_OF_USER = git_tokens.c.user == sa.bindparam("whose")
_ON_HOST = _OF_USER & (git_tokens.c.host == sa.bindparam("where"))
_FIND_ALL = git_tokens.select().where(_OF_USER)
_REMOVE = git_tokens.delete().where(_ON_HOST)
_REMOVE_ONE = _REMOVE.where(git_tokens.c.source == sa.bindparam("from_whom"))


def put(connection: sa.Connection, token: GitToken) -> None:
    """Store a token, in place of an earlier one from the same source."""
    connection.execute(_PUT, {**vars(token), "stored_at": time.time()})


def find_all(connection: sa.Connection, user: str) -> list[GitToken]:
    """All tokens of a user."""
    return [GitToken(**row._mapping) for row in connection.execute(_FIND_ALL, {"whose": user})]


def remove(connection: sa.Connection, user: str, host: str, source: str | None = None) -> bool:
    """Delete a user's tokens for a host, by default from both sources; whether there was one."""
    here = {"whose": user, "where": host}
    if source is None:
        return bool(connection.execute(_REMOVE, here).rowcount)
    return bool(connection.execute(_REMOVE_ONE, {**here, "from_whom": source}).rowcount)
