"""Turns error responses of users' servers into errors for users.

Status and message tell them apart, as measured: jupyter_server responds with a JSON 403 "Permission
denied: …" for EACCES and EPERM, with a 500 and the errno for other errors of the file system, and
with the status and message that a `pre_save_hook` raised. A web page comes from the hub or a proxy.
"""

import http.client
import re

from launcher.errors import (
    CheckpointFailed,
    ContentsFailed,
    HubUnavailable,
    InsufficientStorage,
    InTheWay,
    LauncherError,
    NameTooLong,
    NotWritable,
    ProxyRefused,
    UploadRefused,
)
from launcher.outbound import OutboundError, Response
from launcher.redaction import redact

GONE_STATUSES = frozenset({301, 302, 303, 307, 308, 424, 502, 503, 504})
# statuses of the hub's pages; without a route to the server, the proxy asks the hub
_GONE_PAGES = frozenset({401, 403, 404, 405})
# messages of jupyter_server for an unknown token, for a write and for a read
_TOKEN_MESSAGES = ("", "Forbidden")
# messages without a reason, such as the names of statuses
_NO_REASON = frozenset(
    {"", "Unknown HTTP Error", "Unhandled error", *http.client.responses.values()}
)
# messages of a server that cannot reach the hub to check a token
_HUB_IS_AWAY = re.compile("Failed to connect to Hub API|Failed to check authorization")
_IN_THE_WAY = re.compile(r"not a directory|is a directory|already exists|not a file", re.I)


class ServerGone(Exception):
    """The user's server does not run, or is not reachable yet: the hub has to start it.

    The text is the response instead of the server's, as the end of a sentence; '' without one.
    """


class TokenRefused(Exception):
    """The server does not accept the token, or a hook refused without a reason."""


class ServerError(Exception):
    """An error 500 or above of the server itself; `explained` makes an error for users of it."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__("the user's server failed")
        self.message = message
        self.status = status


def raise_for_state(answer: Response) -> None:
    """Raise an error if the response is not one of the contents API, or is a 500 of it.

    Raises ServerGone, TokenRefused, ServerError, HubUnavailable, ProxyRefused.
    """
    reason = message(answer)
    if answer.status in GONE_STATUSES and not _is_of_server(answer):
        raise gone(answer)
    if answer.status >= 400 and not answer.is_json:
        raise _of_a_page(answer)
    if answer.status >= 500 and _HUB_IS_AWAY.search(reason):
        raise HubUnavailable("The hub does not respond at the moment.", retry_after=10)
    if answer.status >= 500:
        raise ServerError(reason, answer.status)
    if answer.status in (401, 403) and ("_xsrf" in reason or reason in _TOKEN_MESSAGES):
        raise TokenRefused


def gone(answer: Response) -> ServerGone:
    """The error for a response that is not the server's."""
    did = "redirects" if 300 <= answer.status < 400 else "responds"
    return ServerGone(f"something else {did} in its place (HTTP {answer.status})")


def _is_of_server(answer: Response) -> bool:
    """Whether the error is jupyter_server's: unlike the hub's, it has a `reason`, even if null."""
    try:
        return answer.status >= 400 and answer.is_json and "reason" in answer.json()
    except (OutboundError, TypeError):
        return False


def may_be_blocked(answer: Response) -> bool:
    """Whether a web page of neither the hub nor the server may have refused the request."""
    is_page = answer.status in (401, 403, 405) and not answer.is_json
    return is_page and "X-JupyterHub-Version" not in answer.headers


def blocked(answer: Response, method: str) -> ProxyRefused:
    """The error for a proxy that blocks requests to a server that runs."""
    return ProxyRefused(
        f"Something in front of the user's server, such as a proxy or a firewall, blocks {method}"
        f" requests to it (HTTP {answer.status}). The hub's administrator has to allow them."
    )


def _of_a_page(answer: Response) -> Exception:
    """The error for a web page instead of JSON: no server, or a proxy with limits."""
    status = answer.status
    if status in _GONE_PAGES or status >= 500:
        return gone(answer)
    if status == 413:
        return ProxyRefused(
            "A proxy in front of the user's server does not accept a request of that size (HTTP"
            " 413). Ask the hub's administrator to raise its limit (nginx: client_max_body_size,"
            " 1 MB by default), or send smaller parameters: they are in the notebook twice."
        )
    return ProxyRefused(
        f"Something in front of the user's server refused the notebook (HTTP {status}). Try again"
        " in a minute."
    )


def message(answer: Response) -> str:
    """The server's error message, or ''.

    `HTTPError(403, reason="…")` of a hook has the status's name as its message.
    """
    if answer.status < 400 or not answer.is_json:
        return ""
    try:
        model = answer.json()
        reason = str(model.get("message") or "")
        return reason if reason not in _NO_REASON else str(model.get("reason") or reason)
    except (OutboundError, AttributeError):
        return ""


def refused(answer: Response, path: str) -> LauncherError:
    """The error for `path`, from a JSON response with status 400 to 499."""
    reason = message(answer)
    if _is_about_permission(reason, path):
        return NotWritable(f"{path} cannot be written to: permission denied.")
    # jupyter_server's message has the path; a hook's message may have the same words, too
    named = path.rpartition("/")[2] in reason and _IN_THE_WAY.search(reason)
    if named or (answer.status == 409 and reason in _NO_REASON):
        return InTheWay(
            f"{path} cannot be created: a file or directory with that name, or with the name of a"
            " parent directory, is in the way."
        )
    return refused_by_rule(answer)


def _is_about_permission(reason: str, path: str) -> bool:
    """Whether it is jupyter_server's message about a path, and not the message of a hook."""
    about = (
        reason.partition("Permission denied: ")[2] if reason.startswith("Permission denied") else ""
    )
    return bool(about) and ("/" in about or " " not in about or about in (path, "unknown file"))


def refused_by_rule(answer: Response) -> UploadRefused:
    """The error for a refusal by a rule of the server, with its message."""
    reason = message(answer)
    return UploadRefused(_sentence("refuses the notebook", answer.status, reason))


def _sentence(does: str, status: int, reason: str) -> str:
    reason = re.sub(r"\[Errno [0-9]+\] ?", "", reason)
    cause = " without a reason" if reason in _NO_REASON else f": {redact(reason)}"
    end = "" if cause.endswith((".", "!", "?")) else "."
    return f"The user's server {does} (HTTP {status}){cause}{end}"


def no_checkpoint(why: str) -> CheckpointFailed:
    """The error for a file that was not replaced because its checkpoint failed."""
    return CheckpointFailed(
        f"The existing file was not replaced: its checkpoint could not be made. {why}"
    )


def no_contents_api(answer: Response | None = None) -> ContentsFailed:
    """The error for a response that is not the contents API's, with its message if any."""
    if answer and (reason := message(answer)) not in _NO_REASON:
        return ContentsFailed(_sentence("does not accept the notebook", answer.status, reason))
    return ContentsFailed("The server's response does not fit the contents API.")


def explained(error: ServerError) -> LauncherError:
    """The error for a 500 of the server, whose message contains the absolute path of the home."""
    found = re.search(r"\[Errno ([0-9]{1,4})\]", error.message)
    number = int(found[1]) if found else 0
    if number in (28, 122):
        return InsufficientStorage(
            "There is no space left for the notebook. Delete some files first."
        )
    if number == 36:
        return NameTooLong("The server's file system does not allow a name of that length.")
    if number == 30:
        return NotWritable("The directory cannot be written to: its file system is read-only.")
    if number in (1, 13):
        return NotWritable("The directory cannot be written to: permission denied.")
    if number in (17, 20, 40) or "not a directory" in error.message.lower():
        # 17 and 40: a dangling link, or a link to itself
        return InTheWay("The directory cannot be created: the name belongs to something else.")
    if number == 2:
        return ContentsFailed("The directory does not exist, and could not be created.")
    if "post hook save" in error.message:
        reason = error.message.partition("post hook save: ")[2]
        return UploadRefused(f"A post_save_hook of the user's server failed: {redact(reason)}")
    if "Permission failure checking authorization" in error.message:
        return ContentsFailed(
            "The hub does not accept the token of the user's own server any more. Stop the server"
            " on the hub's own page, then launch again."
        )
    if error.message in _NO_REASON:
        return ContentsFailed("The server failed to write the notebook and gave no reason.")
    if error.status == 500:
        return ContentsFailed(_sentence("fails to write the notebook", 500, error.message))
    return UploadRefused(_sentence("refuses the notebook", error.status, error.message))
