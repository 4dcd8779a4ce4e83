"""What an answer of a user's server means when it is no success, in words for that user.

Told apart by status and words, as measured: jupyter_server answers a JSON 403 "Permission denied:
…" for EACCES and EPERM, a 500 with the errno for other failures of the disk, and passes the status
and the message of a `pre_save_hook` on. A page instead of JSON comes from the hub or from a proxy.
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
# pages of the hub's, which answers where no server is routed
_GONE_PAGES = frozenset({401, 403, 404, 405})
# what jupyter_server says to a token that it does not know, to a change and to a look
_TOKEN_WORDS = ("", "Forbidden")
# names of statuses, which a server says where nobody gave a reason
_NO_WORDS = frozenset(
    {"", "Unknown HTTP Error", "Unhandled error", *http.client.responses.values()}
)
# what a server says whose question to the hub failed
_HUB_IS_AWAY = re.compile("Failed to connect to Hub API|Failed to check authorization")
_IN_THE_WAY = re.compile(r"not a directory|is a directory|already exists|not a file", re.I)


class ServerGone(Exception):
    """The user's server is not there, or not reached yet: the hub has to start it.

    Its text is what was answered instead, to be put after a sentence; '' where nothing was.
    """


class TokenRefused(Exception):
    """The server does not accept the token that it was sent, or a hook refused without a word."""


class ServerError(Exception):
    """The server's own 500 and above; `message` is for users once `explained` has seen it."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__("the user's server failed")
        self.message = message
        self.status = status


def raise_for_state(answer: Response) -> None:
    """Tell an answer of the contents API from one that says that the server is gone.

    Raises ServerGone, TokenRefused, ServerError, HubUnavailable, ProxyRefused.
    """
    said = message(answer)
    if answer.status in GONE_STATUSES and not _is_of_server(answer):
        raise gone(answer)
    if answer.status >= 400 and not answer.is_json:
        raise _of_a_page(answer)
    if answer.status >= 500 and _HUB_IS_AWAY.search(said):
        raise HubUnavailable("The hub does not answer at the moment.", retry_after=10)
    if answer.status >= 500:
        raise ServerError(said, answer.status)
    if answer.status in (401, 403) and ("_xsrf" in said or said in _TOKEN_WORDS):
        raise TokenRefused


def gone(answer: Response) -> ServerGone:
    """That no server answered, with what did."""
    did = "redirects" if 300 <= answer.status < 400 else "answers"
    return ServerGone(f"something else {did} in its place (HTTP {answer.status})")


def _is_of_server(answer: Response) -> bool:
    """Whether jupyter_server wrote the error: unlike the hub it gives a `reason`, if only null."""
    try:
        return answer.status >= 400 and answer.is_json and "reason" in answer.json()
    except (OutboundError, TypeError):
        return False


def may_be_blocked(answer: Response) -> bool:
    """Whether a page refuses the call that may be neither the hub's nor the server's."""
    is_page = answer.status in (401, 403, 405) and not answer.is_json
    return is_page and "X-JupyterHub-Version" not in answer.headers


def blocked(answer: Response, method: str) -> ProxyRefused:
    """That something in front of a server that runs lets the call not through."""
    return ProxyRefused(
        f"Something in front of the user's server, such as a proxy or a firewall, refuses {method}"
        f" requests to it (HTTP {answer.status}). The hub's administrator has to let them through."
    )


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
    """What the server says is wrong, '' where it says nothing.

    `HTTPError(403, reason="…")` of a hook comes with the status's name as its message.
    """
    if answer.status < 400 or not answer.is_json:
        return ""
    try:
        model = answer.json()
        said = str(model.get("message") or "")
        return said if said not in _NO_WORDS else str(model.get("reason") or said)
    except (OutboundError, AttributeError):
        return ""


def refused(answer: Response, path: str) -> LauncherError:
    """Why the server did not write `path`, told by an answer of 400 to 499 in JSON."""
    said = message(answer)
    if _is_about_permission(said, path):
        return NotWritable(f"{path} cannot be written to: permission denied.")
    # jupyter_server names what is in the way; a hook's sentence may have such words, too
    named = path.rpartition("/")[2] in said and _IN_THE_WAY.search(said)
    if named or (answer.status == 409 and said in _NO_WORDS):
        return InTheWay(
            f"{path} cannot be made: a file or directory of that name, or of one above it, is in"
            " the way."
        )
    return refused_by_rule(answer)


def _is_about_permission(said: str, path: str) -> bool:
    """Whether jupyter_server says it of a path, and not a hook in a sentence of its own."""
    about = said.partition("Permission denied: ")[2] if said.startswith("Permission denied") else ""
    return bool(about) and ("/" in about or " " not in about or about in (path, "unknown file"))


def refused_by_rule(answer: Response) -> UploadRefused:
    """That a rule of the server's own refused, in its own words."""
    said = message(answer)
    return UploadRefused(_in_words("refuses the notebook", answer.status, said))


def _in_words(does: str, status: int, said: str) -> str:
    said = re.sub(r"\[Errno [0-9]+\] ?", "", said)
    words = "without a reason" if said in _NO_WORDS else f"and says: {redact(said)}"
    end = "" if words.endswith((".", "!", "?")) else "."
    return f"The user's server {does} (HTTP {status}) {words}{end}"


def no_checkpoint(why: str) -> CheckpointFailed:
    """That a file is not replaced because no checkpoint of it was made, with the reason."""
    return CheckpointFailed(
        f"The file that is there was not replaced: its checkpoint could not be made. {why}"
    )


def no_contents_api(answer: Response | None = None) -> ContentsFailed:
    """That the answer is none of Jupyter Server's, or not at that place; in its words if any."""
    if answer and (said := message(answer)) not in _NO_WORDS:
        return ContentsFailed(_in_words("does not take the notebook", answer.status, said))
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
    if "Permission failure checking authorization" in error.message:
        return ContentsFailed(
            "The hub does not accept the token of the user's own server any more. Stop the server"
            " on the hub's own page, then launch again."
        )
    if error.message in _NO_WORDS:
        return ContentsFailed("The server failed to write the notebook and gave no reason.")
    if error.status == 500:
        return ContentsFailed(_in_words("fails to write the notebook", 500, error.message))
    return UploadRefused(_in_words("refuses the notebook", error.status, error.message))
