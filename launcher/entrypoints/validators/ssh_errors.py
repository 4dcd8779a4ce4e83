"""Why a host cannot be looked at: a sentence for the user, and the reason for the log."""

import errno
import os
import socket
from dataclasses import dataclass

import asyncssh


class OwnFiles(ValueError):
    """The file of known hosts, or a key, cannot be read."""


@dataclass(frozen=True)
class HostProblem:
    """Why a host cannot be looked at."""

    host: str
    sentence: str
    reason: str
    """For administrators; it contains no secret."""

    def logged(self) -> dict[str, str]:
        """The fields of a line in the log."""
        return {"kind": f"ssh {self.host}", "reason": self.reason}


def explained(error: Exception, host: str, seconds: float) -> HostProblem:
    """The problem for an error of asyncssh, of the connection or of the launcher's own files."""
    return HostProblem(host, _sentence(error, host, seconds), f"{type(error).__name__}: {error}")


def _sentence(error: Exception, host: str, seconds: float) -> str:
    match error:
        case TimeoutError():
            return f"{host} did not answer within {seconds:g} seconds; try again later."
        case OwnFiles():
            return _ADMINISTRATOR.format("has no usable key or list of known hosts for", host)
        case asyncssh.HostKeyNotVerifiable():
            return (
                f"{host} does not have the host key that the launcher knows for it, so nothing was"
                " looked at. Tell an administrator."
            )
        case asyncssh.PermissionDenied() | asyncssh.IllegalUserName():
            return f"{host} refuses the launcher's login, so nothing was looked at there."
        case asyncssh.ChannelOpenError() | asyncssh.SFTPNoConnection():
            return f"{host} does not offer SFTP, so nothing was looked at there."
        case asyncssh.SFTPConnectionLost() | asyncssh.ConnectionLost():
            return f"{host} closed the connection before it answered; try again later."
        case asyncssh.Error():
            return (
                f"{host} does not answer as an SSH server with SFTP; an administrator finds more in"
                " the launcher's log."
            )
        case socket.gaierror():
            return f"The name {host} cannot be resolved."
        case OSError():
            return f"{host} cannot be reached: {_cause(error)}."
    return _ADMINISTRATOR.format("cannot use its settings for", host)


_ADMINISTRATOR = "The launcher {} {}; an administrator finds more in its log."


def _cause(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "it closed the connection"
    return os.strerror(error.errno or errno.EIO).lower()
