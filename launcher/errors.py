"""Errors, each with its HTTP status, title and problem type (RFC 9457).

The `type` of a problem is stable: programs may compare it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

TYPE_PREFIX = "urn:problem-type:launcher:"


class LauncherError(Exception):
    """An error whose message is for users."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error of the launcher"
    slug: ClassVar[str] = "internal"
    is_temporary: ClassVar[bool] = False
    """Whether nothing was carried out, and the same request may succeed later."""

    def __init__(
        self,
        detail: str,
        *,
        errors: Iterable[Mapping[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        """`detail` describes this occurrence; `retry_after` is in seconds.

        Each of `errors` has the JSON pointer (RFC 6901) of a field and the end of a sentence.
        """
        super().__init__(detail)
        self.detail = detail
        self.errors = [dict(error) for error in errors]
        self.retry_after = retry_after
        self.headers: dict[str, str] = {}
        """Further headers of the response."""

    def problem(self) -> dict[str, Any]:
        """The body of an `application/problem+json` response."""
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body


def fault() -> LauncherError:
    """The error for a bug of the launcher, whose details are only logged."""
    return LauncherError("This is an error in the launcher; its log has the details.")


class LaunchAbandoned(LauncherError):
    """Several workers died while they ran the launch."""

    status, title, slug = 500, "The launch was abandoned", "launch-abandoned"


class BadRequest(LauncherError):
    """The request does not match openapi.yaml or the experiment's schema."""

    status, title, slug = 400, "The request is not valid", "bad-request"


class Unauthorized(LauncherError):
    """The credential is not valid, or is missing."""

    status, title, slug = 401, "Sign in to use the launcher", "unauthorized"


class Forbidden(LauncherError):
    """The caller has no permission for this."""

    status, title, slug = 403, "Not allowed", "forbidden"


class NotFound(LauncherError):
    """The requested resource does not exist."""

    status, title, slug = 404, "Not found", "not-found"


class UnknownUser(LauncherError):
    """The hub does not know the user."""

    status, title, slug = 409, "The hub does not know this user", "unknown-user"
    is_temporary = True


class RequestTimeout(LauncherError):
    """The request's body did not arrive in time."""

    status, title, slug = 408, "The request took too long", "request-timeout"


class FileExists(LauncherError):
    """The file exists, and `if_exists` is `fail`."""

    status, title, slug = 409, "The file exists", "file-exists"


class NamedServerRefused(LauncherError):
    """The hub has no named servers, refuses the name, or the user has too many servers."""

    status, title, slug = 409, "The hub refuses this named server", "named-server-refused"
    is_temporary = True


class InTheWay(LauncherError):
    """A file has the name of a directory that is needed, or the other way round."""

    status, title, slug = 409, "A file or directory is in the way", "in-the-way"


class Cancelled(LauncherError):
    """The launch was cancelled."""

    status, title, slug = 409, "The launch was cancelled", "cancelled"


class ServerStopped(LauncherError):
    """The user's server was stopped during the launch."""

    status, title, slug = 409, "The server was stopped", "server-stopped"


class Ended(LauncherError):
    """The launch has ended, so it cannot be cancelled."""

    status, title, slug = 409, "The launch has ended", "ended"


class TooLarge(LauncherError):
    """The request's body is too large."""

    status, title, slug = 413, "The request is too large", "too-large"


class KeyReused(LauncherError):
    """The idempotency key was used before with another body."""

    status, title, slug = 422, "The idempotency key was used before", "idempotency-key-reused"


class QueueFull(LauncherError):
    """Too many servers wait for their start."""

    status, title, slug = 429, "The queue is full", "queue-full"
    is_temporary = True


class TooManyLaunches(LauncherError):
    """The user has too many launches under way, or began too many within a minute."""

    status, title, slug = 429, "Too many launches", "too-many-launches"
    is_temporary = True


class StartCooldown(LauncherError):
    """The user's last start failed recently, so the next one has to wait."""

    status, title, slug = 429, "Your server failed to start recently", "start-cooldown"
    is_temporary = True


class TooManyRequests(LauncherError):
    """The caller had too many failed attempts, or has too many open event streams."""

    status, title, slug = 429, "Too many attempts", "too-many-requests"


class ContentsFailed(LauncherError):
    """The user's server did not store the notebook."""

    status, title, slug = 502, "The notebook could not be written", "contents-failed"


class NotWritable(ContentsFailed):
    """The user has no permission to write to the directory, or its file system is read-only."""

    title, slug = "The directory is not writable", "not-writable"


class UploadRefused(ContentsFailed):
    """A rule of the user's server, such as a pre_save_hook, refuses the notebook."""

    title, slug = "The server refuses the notebook", "upload-refused"


class ProxyRefused(ContentsFailed):
    """A proxy in front of the user's server refuses the request, most often for its size."""

    title, slug = "A proxy refuses the notebook", "proxy-refused"


class CheckpointFailed(ContentsFailed):
    """The file was not replaced, because no checkpoint of it could be created."""

    title, slug = "The file was not replaced", "checkpoint-failed"


class SpawnFailed(LauncherError):
    """The hub began to start the user's server, and the start failed."""

    status, title, slug = 502, "The server did not start", "spawn-failed"


class ServerExited(SpawnFailed):
    """The process of the user's server ended before it was ready."""

    title, slug = "The server exited", "server-exited"


class SpawnRefused(LauncherError):
    """The hub, its hook or its spawner refused to start the user's server.

    The launcher does not retry, but a later request may succeed.
    """

    status, title, slug = 502, "The hub refused to start the server", "spawn-refused"
    is_temporary = True


class NameTooLong(ContentsFailed):
    """The file system of the user's home does not allow a name of that length."""

    title, slug = "The name is too long", "name-too-long"


class HubUnavailable(LauncherError):
    """The hub is down, is starting, or its responses are not valid."""

    status, title, slug = 503, "The hub cannot be reached", "hub-unavailable"
    is_temporary = True


class ServerLimit(LauncherError):
    """The hub has reached its limit of servers."""

    status, title, slug = 503, "The hub has no room for another server", "server-limit"
    is_temporary = True


class StartsFailing(LauncherError):
    """Starts of different users failed in a row: the circuit breaker is open."""

    status, title, slug = 503, "Servers do not start at the moment", "starts-failing"
    is_temporary = True


class HubBusy(LauncherError):
    """The launch waited in the queue for longer than `queue_timeout`."""

    status, title, slug = 503, "The hub is busy", "hub-busy"
    is_temporary = True


class HubRefused(LauncherError):
    """The hub does not accept the launcher's own token, or its scopes."""

    status, title, slug = 503, "The launcher has no access to the hub", "hub-refused"
    is_temporary = True


class StoreUnavailable(LauncherError):
    """The database is not available, so the request cannot be stored."""

    status, title, slug = 503, "The launcher's database cannot be reached", "store-unavailable"
    is_temporary = True


class StartTimeout(LauncherError):
    """The server was not ready within the start timeout."""

    status, title, slug = 504, "The server took too long to start", "start-timeout"


class ServerUnresponsive(LauncherError):
    """The user's server runs, but did not respond within the upload timeout."""

    status, title, slug = 504, "The server does not respond", "server-unresponsive"


class ServerUnreachable(LauncherError):
    """The hub says that the user's server runs, and no call reaches it."""

    status, title, slug = 502, "The server cannot be reached", "server-unreachable"


class InsufficientStorage(LauncherError):
    """The user's home is full."""

    status, title, slug = 507, "The home directory is full", "insufficient-storage"


class ConfigError(Exception):
    """A setting is missing or not valid; the message says what to do."""


def _families(cls: type[LauncherError]) -> Iterable[type[LauncherError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _families(child)


def slugs() -> list[str]:
    """The slugs of all problem types."""
    return [kind.slug for kind in _families(LauncherError)]


def _of_kind(slug: str) -> type[LauncherError]:
    return next((k for k in _families(LauncherError) if k.slug == slug), LauncherError)


def is_temporary(problem: Mapping[str, Any]) -> bool:
    """Whether nothing was carried out, and the same request may succeed later."""
    return _of_kind(str(problem["type"]).removeprefix(TYPE_PREFIX)).is_temporary


def title_of(slug: str) -> str:
    """The title of the problem type with that slug."""
    return _of_kind(slug).title


def from_problem(problem: Mapping[str, Any]) -> LauncherError:
    """The error for a stored `problem()`."""
    return _of_kind(str(problem["type"]).removeprefix(TYPE_PREFIX))(
        problem["detail"],
        errors=problem.get("errors", ()),
        retry_after=problem.get("retry_after"),
    )
