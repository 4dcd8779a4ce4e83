"""What a user of this machine may reach and execute, from mode bits.

Access control lists are ignored: they may allow more, or less.
"""

import errno
import os
import pwd
import stat
from dataclasses import dataclass

# as in Linux (path_resolution(7))
MAX_LINKS = 40


class OutOfReach(Exception):
    """The path does not exist, or the user cannot reach it."""


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    uid: int
    groups: frozenset[int]

    @classmethod
    def find(cls, name: str) -> "Account | None":
        """The account with that name."""
        try:
            found = pwd.getpwnam(name)
        except (KeyError, ValueError):
            return None
        return cls(found.pw_uid, frozenset(os.getgrouplist(name, found.pw_gid)))

    def may_execute(self, info: os.stat_result) -> bool:
        """Whether the user may execute a file, or search a directory."""
        if self.uid == 0:
            return stat.S_ISDIR(info.st_mode) or bool(info.st_mode & 0o111)
        if info.st_uid == self.uid:
            return bool(info.st_mode & stat.S_IXUSR)
        if info.st_gid in self.groups:
            return bool(info.st_mode & stat.S_IXGRP)
        return bool(info.st_mode & stat.S_IXOTH)


ROOT = Account(0, frozenset())


@dataclass(frozen=True)
class Destination:
    """Where a path leads."""

    path: str
    """Without links."""
    info: os.stat_result


def resolve(account: Account, path: str) -> Destination:
    """Follow an absolute path as that user, who needs to search every directory on the way.

    Raises OutOfReach in the same way whether something is absent or forbidden, so that nobody
    learns of files in the directories of others. Raises OSError if this process cannot look.
    """
    current, waiting, links = "/", _reversed(path), 0
    while waiting:
        part = waiting.pop()
        _search(account, current)
        if part == "..":
            current = os.path.dirname(current)
            continue
        candidate = os.path.join(current, part)
        if not stat.S_ISLNK(_info(candidate).st_mode):
            current = candidate
            continue
        links += 1
        if links > MAX_LINKS:
            raise OutOfReach
        target = os.readlink(candidate)
        current = "/" if target.startswith("/") else current
        waiting += _reversed(target)
    return Destination(current, _info(current))


def _reversed(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _search(account: Account, directory: str) -> None:
    info = _info(directory)
    if not stat.S_ISDIR(info.st_mode) or not account.may_execute(info):
        raise OutOfReach


def _info(path: str) -> os.stat_result:
    try:
        return os.lstat(path)
    except ValueError as error:  # U+0000 or a lone surrogate
        raise OutOfReach from error
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise OutOfReach from error
        raise
