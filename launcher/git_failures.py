"""What a failure of git means: an error with a sentence, without git's own words."""

import re

from launcher.errors import (
    GitCredentialRefused,
    GitHostBusy,
    GitHostTimeout,
    GitHostUnavailable,
    GitHostUntrusted,
    LauncherError,
    NotFound,
)

_CERTIFICATE = re.compile(r"certificate|\bSSL|\bTLS|gnutls", re.IGNORECASE)
_OTHER_NAME = re.compile(r"does not match|no alternative certificate subject name", re.IGNORECASE)
_LOGIN = re.compile(
    r"could not read Username|Authentication failed|returned error: 401", re.IGNORECASE
)
_NOT_VISIBLE = re.compile(
    r"repository .{0,300}not found|returned error: (?:403|404|410)|Access denied"
    r"|not our ref|couldn't find remote ref",
    re.IGNORECASE,
)
_TIMEOUT = re.compile(r"timed out|Timeout was reached|too slow|Operation too", re.IGNORECASE)
_UNREACHABLE = re.compile(r"Could ?n[o']t (?:resolve|connect)|Failed to connect|Connection refused")
# what is beyond the limits of memory and of a file
_TOO_MUCH = re.compile(
    r"out of memory|Cannot allocate memory|signal 25|File too large|File size limit", re.IGNORECASE
)
_STATUS = re.compile(r"returned error: (\d{3})")


def without_echo(stderr: str, url: str) -> str:
    """Git's messages without the URL, whose words would be taken for git's, and the host's own."""
    lines = stderr.replace(url, "URL").splitlines()
    return "\n".join(line for line in lines if not line.startswith("remote: "))


def is_uncertain(stderr: str) -> bool:
    """Whether the host refuses to tell if it has a commit (protocol version 0), or sends a lot."""
    return "unadvertised object" in stderr or bool(_TOO_MUCH.search(stderr))


def not_visible(host: str, *, with_login: bool) -> NotFound:
    """The error for a project that does not exist, or that the user may not see."""
    sentence = f"This project does not exist on {host}, or you cannot read it."
    if not with_login:
        sentence += " For a private project, sign in again or store an access token for the host."
    return NotFound(sentence)


def credential_refused(host: str) -> GitCredentialRefused:
    """The error for an access token that the host does not accept."""
    return GitCredentialRefused(
        f"{host} does not accept your access token: it has expired or was revoked. Sign in again or"
        " store a new one."
    )


def moved(host: str) -> GitHostUnavailable:
    """The error for a redirect."""
    return GitHostUnavailable(
        f"{host} redirects to another address, which the launcher does not follow. If the project"
        " has moved or was renamed, give its present address."
    )


def busy(host: str, retry_after: int) -> GitHostBusy:
    """The error for a host that limits requests; `retry_after` is in seconds."""
    return GitHostBusy(
        f"{host} limits the number of requests. Try again in {retry_after} seconds.",
        retry_after=retry_after,
    )


def untrusted(host: str, *, other_name: bool = False) -> GitHostUntrusted:
    """The error for a certificate that is not accepted."""
    reason = "is for another host" if other_name else "is not trusted or has expired"
    return GitHostUntrusted(
        f"The certificate of {host} {reason}. An administrator corrects it, or sets ca_file in"
        " c.Launcher.git_hosts."
    )


def unavailable(host: str, why: str) -> GitHostUnavailable:
    """The error for a host that does not work; `why` is the end of a sentence about it."""
    return GitHostUnavailable(f"{host} {why}. Try again later.", retry_after=30)


def timed_out(host: str) -> GitHostTimeout:
    """The error for a host that takes too long."""
    return GitHostTimeout(f"{host} did not respond in time. Try again later.", retry_after=30)


def of_status(status: int, host: str, *, with_login: bool) -> LauncherError:
    """The error for an HTTP status that is no success."""
    if status == 401:
        return credential_refused(host) if with_login else not_visible(host, with_login=False)
    if status in (403, 404, 410):
        return not_visible(host, with_login=with_login)
    if status == 429:
        return busy(host, 60)
    if 300 <= status < 400:
        return moved(host)
    return unavailable(host, f"answers with an error (HTTP {status})")


def failure(stderr: str, host: str, *, with_login: bool) -> LauncherError:
    """The error for git's messages; `with_login`: whether a credential was sent."""
    if found := _STATUS.search(stderr):
        return of_status(int(found[1]), host, with_login=with_login)
    if _LOGIN.search(stderr):
        return of_status(401, host, with_login=with_login)
    if _OTHER_NAME.search(stderr):
        return untrusted(host, other_name=True)
    if _TOO_MUCH.search(stderr):
        return unavailable(host, "sends more than the launcher reads")
    if "not our ref" in stderr or "no matching remote head" in stderr:
        return NotFound(f"This project has no such commit on {host}. It may have been removed.")
    if _NOT_VISIBLE.search(stderr):
        return not_visible(host, with_login=with_login)
    if _TIMEOUT.search(stderr):
        return timed_out(host)
    if _UNREACHABLE.search(stderr):
        return unavailable(host, "cannot be reached")
    if _CERTIFICATE.search(stderr):
        return untrusted(host)
    return unavailable(host, "does not answer as a git host does")
