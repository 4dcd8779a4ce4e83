"""What an answer of a user's server means when it is no success, in words for that user.

Told apart by status and words, as measured: jupyter_server answers a JSON 403 "Permission denied:
…" for EACCES and EPERM, a 500 with the errno for other failures of the disk, and passes the status
and the message of a `pre_save_hook` on. A page instead of JSON comes from the hub or from a proxy.
"""

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
# pages of the hub's, which answers where no server is routed
_GONE_PAGES = frozenset({401, 403, 404, 405})
# what jupyter_server says to a token that it does not know, to a change and to a look
_TOKEN_WORDS = ("", "Forbidden")
# names of statuses, which a server says where nobody gave a reason
_NO_WORDS = ("", "Bad Request", "Forbidden", "Conflict", "Not Found", "Unauthorized")
_IN_THE_WAY = re.compile(r"not a directory|is a directory|already exists|not a file", re.I)


class ServerGone(Exception):
    """The user's server is not there, or not reached yet: the hub has to start it.

    Its text is what was answered instead, to be put after a sentence; '' where nothing was.
    """


class TokenRefused(Exception):
    """The server does not accept the token that it was sent, or a hook refused without a word."""


class ServerError(Exception):
    """The server's own 500; `message` is for classification, never for users."""

    def __init__(self, message: str) -> None:
        super().__init__("the user's server failed")
        self.message = message


def raise_for_state(answer: Response) -> None:
    """Tell an answer of the contents API from one that says that the server is gone.

    Raises ServerGone, TokenRefused, ServerError, HubUnavailable, ProxyRefused.
    """
    said = message(answer)
    if answer.status in GONE_STATUSES:
        raise gone(answer)
    if answer.status >= 400 and not answer.is_json:
        raise _of_a_page(answer)
    if answer.status == 500 and "Failed to connect to Hub API" in said:
        raise HubUnavailable("The hub does not answer at the moment.", retry_after=10)
    if answer.status >= 500:
        raise ServerError(said)
    if answer.status in (401, 403) and ("_xsrf" in said or said in _TOKEN_WORDS):
        raise TokenRefused


def gone(answer: Response) -> ServerGone:
    """That no server answered, with what did."""
    did = "redirects" if 300 <= answer.status < 400 else "answers"
    return ServerGone(f"something else {did} in its place (HTTP {answer.status})")


def _of_a_page(answer: Response) -> Exception:
    """What a page instead of JSON means: no server, or a proxy in between with limits."""
    status = answer.status
    if status in _GONE_PAGES or status >= 500:
        return gone(answer)
    if status == 413:
        return ProxyRefused(
            "A proxy in front of the user's server takes no request of that size (HTTP 413). Ask"
            " the hub's administrator to raise its limit (nginx: client_max_body_size, 1 MB by"
            " default), or send smaller parameters: they are in the notebook twice."
        )
    return ProxyRefused(
        f"Something in front of the user's server refused the notebook (HTTP {status}). Try again"
        " in a minute."
    )


def message(answer: Response) -> str:
    """What the server says is wrong, '' where it says nothing."""
    if answer.status < 400 or not answer.is_json:
        return ""
    try:
        return str(answer.json().get("message") or "")
    except (OutboundError, AttributeError):
        return ""


def refused(answer: Response, path: str) -> LauncherError:
    """Why the server did not write `path`, told by an answer of 400 to 499 in JSON."""
    said = message(answer)
    if said.startswith("Permission denied"):
        return NotWritable(f"{path} cannot be written to: permission denied.")
    if _IN_THE_WAY.search(said) or (answer.status == 409 and said in _NO_WORDS):
        return InTheWay(
            f"{path} cannot be made: a file or directory of that name, or of one above it, is in"
            " the way."
        )
    return refused_by_rule(answer)


def refused_by_rule(answer: Response) -> UploadRefused:
    """That a rule of the server's own refused, in its own words."""
    said = message(answer)
    words = "without a reason" if said in _NO_WORDS else f"and says: {redact(said)}"
    return UploadRefused(
        f"The user's server refuses the notebook (HTTP {answer.status}) {words}"
        f"{'' if words.endswith(('.', '!', '?')) else '.'}"
    )


def no_checkpoint(why: str) -> CheckpointFailed:
    """That a file is not replaced because no checkpoint of it was made, with the reason."""
    return CheckpointFailed(
        f"The file that is there was not replaced: its checkpoint could not be made. {why}"
    )


def no_contents_api() -> ContentsFailed:
    """That the answer is none of Jupyter Server's."""
    return ContentsFailed("The server gave an answer that no contents API gives.")


def explained(error: ServerError) -> LauncherError:
    """The server's 500 in words of ours: its message holds the absolute path of the home."""
    found = re.search(r"\[Errno ([0-9]{1,4})\]", error.message)
    number = int(found[1]) if found else 0
    if number in (28, 122):
        return InsufficientStorage(
            "There is no space left for the notebook. Delete something first."
        )
    if number == 36:
        return NameTooLong("The server's file system does not take a name of that length.")
    if number == 30:
        return NotWritable("The directory cannot be written to: its file system is read-only.")
    if number in (1, 13):
        return NotWritable("The directory cannot be written to: permission denied.")
    if number in (17, 20, 40) or "not a directory" in error.message.lower():
        # 17 and 40: a link that leads nowhere, or to itself
        return InTheWay("Something that is no directory stands where the directory should be.")
    if number == 2:
        return ContentsFailed("The directory is not there, and could not be made.")
    if "post hook save" in error.message:
        said = error.message.partition("post hook save: ")[2]
        return UploadRefused(
            f"A post_save_hook of the user's server failed and says: {redact(said)}"
        )
    return ContentsFailed("The server failed to write the notebook and gave no reason.")
