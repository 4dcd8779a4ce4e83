"""What can go wrong, and the HTTP status and problem type it deserves.

Problems are those of RFC 9457. The `type` of each is stable: programs may compare it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

TYPE_PREFIX = "urn:problem-type:launcher:"


class LauncherError(Exception):
    """A failure that the person who asked can be told about."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong in the launcher"
    slug: ClassVar[str] = "internal"
    is_temporary: ClassVar[bool] = False
    """Whether the same request may succeed later, and nothing of it was carried out."""

    def __init__(
        self,
        detail: str,
        *,
        errors: Iterable[Mapping[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        """Say in `detail` what and which; `retry_after` is in seconds.

        Each of `errors` holds the JSON pointer (RFC 6901) of a field and a sentence about it.
        """
        super().__init__(detail)
        self.detail = detail
        self.errors = [dict(error) for error in errors]
        self.retry_after = retry_after
        self.headers: dict[str, str] = {}
        """Of the answer, beside those that every problem has."""

    def problem(self) -> dict[str, Any]:
        """The body of an `application/problem+json` answer."""
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
    """The error for a bug of ours: what is known of it is in the log."""
    return LauncherError("This is a fault of the launcher; its log says more.")


class LaunchAbandoned(LauncherError):
    """Processes of the launcher ended again and again while they worked on the launch."""

    status, title, slug = 500, "The launch was given up", "launch-abandoned"


class BadRequest(LauncherError):
    """The request is not what openapi.yaml or the experiment's schema asks for."""

    status, title, slug = 400, "The request is not valid", "bad-request"


class Unauthorized(LauncherError):
    """Nobody is who the credential says, or there is none."""

    status, title, slug = 401, "Sign in to use the launcher", "unauthorized"


class Forbidden(LauncherError):
    """The caller is known, and may not do this."""

    status, title, slug = 403, "Not allowed", "forbidden"


class NotFound(LauncherError):
    """What was asked for does not exist."""

    status, title, slug = 404, "Not found", "not-found"


class UnknownUser(LauncherError):
    """The hub does not know the user, so it cannot start a server for them."""

    status, title, slug = 409, "The hub does not know this user", "unknown-user"
    is_temporary = True


class RequestTimeout(LauncherError):
    """The request's body did not arrive in time."""

    status, title, slug = 408, "The request took too long", "request-timeout"


class FileExists(LauncherError):
    """There is a file already, and `if_exists` is `fail`."""

    status, title, slug = 409, "The file exists", "file-exists"


class NamedServerRefused(LauncherError):
    """The hub has no named servers, takes no such name, or no further server of this user."""

    status, title, slug = 409, "The hub refuses this named server", "named-server-refused"


class InTheWay(LauncherError):
    """Something that is no directory, or no file, stands where one was needed."""

    status, title, slug = 409, "Something is in the way", "in-the-way"


class Cancelled(LauncherError):
    """Somebody cancelled the launch."""

    status, title, slug = 409, "The launch was cancelled", "cancelled"


class Ended(LauncherError):
    """The launch has ended, so that it cannot be cancelled."""

    status, title, slug = 409, "The launch has ended", "ended"


class TooLarge(LauncherError):
    """The request's body is larger than the launcher reads."""

    status, title, slug = 413, "The request is too large", "too-large"


class KeyReused(LauncherError):
    """The idempotency key came before with another body."""

    status, title, slug = 422, "The idempotency key was used before", "idempotency-key-reused"


class QueueFull(LauncherError):
    """As many servers wait for their start as the launcher lets."""

    status, title, slug = 429, "The queue is full", "queue-full"
    is_temporary = True


class TooManyLaunches(LauncherError):
    """The user has as many launches under way, or began as many lately, as one user may."""

    status, title, slug = 429, "Too many launches", "too-many-launches"
    is_temporary = True


class StartCooldown(LauncherError):
    """The last start of this user failed a moment ago, so that the next one has to wait."""

    status, title, slug = 429, "Your server failed to start a moment ago", "start-cooldown"
    is_temporary = True


class TooManyRequests(LauncherError):
    """The caller has to wait."""

    status, title, slug = 429, "Too many attempts", "too-many-requests"


class ContentsFailed(LauncherError):
    """The user's server did not take the notebook."""

    status, title, slug = 502, "The notebook could not be written", "contents-failed"


class NotWritable(ContentsFailed):
    """The directory belongs to somebody else, or its file system is read-only."""

    title, slug = "The directory is not writable", "not-writable"


class UploadRefused(ContentsFailed):
    """A rule of the user's server, such as a pre_save_hook, refuses the notebook."""

    title, slug = "The server refuses the notebook", "upload-refused"


class ProxyRefused(ContentsFailed):
    """A proxy in front of the user's server refuses the request, most often for its size."""

    title, slug = "A proxy refuses the notebook", "proxy-refused"


class CheckpointFailed(ContentsFailed):
    """The file that is to be replaced was kept, because no checkpoint of it could be made."""

    title, slug = "The file was not replaced", "checkpoint-failed"


class SpawnFailed(LauncherError):
    """The hub tried to start the user's server, and it did not start."""

    status, title, slug = 502, "The server did not start", "spawn-failed"


class ServerExited(SpawnFailed):
    """The process of the user's server ended before it was ready."""

    title, slug = "The server ended at once", "server-exited"


class SpawnRefused(LauncherError):
    """The hub, its hook or its spawner refused to start the user's server.

    It would refuse again at once, so the launcher does not repeat it; later it may agree.
    """

    status, title, slug = 502, "The hub refused to start the server", "spawn-refused"
    is_temporary = True


class NameTooLong(ContentsFailed):
    """The file system of the user's home does not take a name of that length."""

    title, slug = "The name is too long", "name-too-long"


class HubUnavailable(LauncherError):
    """The hub is away, is starting, or answers nonsense."""

    status, title, slug = 503, "The hub cannot be reached", "hub-unavailable"
    is_temporary = True


class ServerLimit(LauncherError):
    """The hub runs as many servers as it may."""

    status, title, slug = 503, "The hub has no room for another server", "server-limit"
    is_temporary = True


class StartsFailing(LauncherError):
    """Servers of different users failed to start in a row: no start is tried at the moment."""

    status, title, slug = 503, "Servers do not start at the moment", "starts-failing"
    is_temporary = True


class HubBusy(LauncherError):
    """The hub had too many starts under way for all the time that a launch may wait."""

    status, title, slug = 503, "The hub is busy", "hub-busy"
    is_temporary = True


class HubRefused(LauncherError):
    """The hub does not accept the launcher's own token, or its scopes."""

    status, title, slug = 503, "The launcher has no access to the hub", "hub-refused"
    is_temporary = True


class StoreUnavailable(LauncherError):
    """The database does not take what has to be written down first."""

    status, title, slug = 503, "The launcher's database cannot be reached", "store-unavailable"
    is_temporary = True


class StartTimeout(LauncherError):
    """The server was not ready in the time that the launcher waits."""

    status, title, slug = 504, "The server took too long to start", "start-timeout"


class ServerUnresponsive(LauncherError):
    """The user's server runs, and did not answer in the time that an upload may take."""

    status, title, slug = 504, "The server does not answer", "server-unresponsive"


class InsufficientStorage(LauncherError):
    """The user's home is full."""

    status, title, slug = 507, "The home directory is full", "insufficient-storage"


class ConfigError(Exception):
    """A setting is missing or unusable; the message says what to do."""


def _families(cls: type[LauncherError]) -> Iterable[type[LauncherError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _families(child)


def slugs() -> list[str]:
    """How the types of all problems end."""
    return [kind.slug for kind in _families(LauncherError)]


def _of_kind(slug: str) -> type[LauncherError]:
    return next((k for k in _families(LauncherError) if k.slug == slug), LauncherError)


def is_temporary(problem: Mapping[str, Any]) -> bool:
    """Whether what the problem tells of was not carried out, and may succeed later."""
    return _of_kind(str(problem["type"]).removeprefix(TYPE_PREFIX)).is_temporary


def title_of(slug: str) -> str:
    """The title of the kind of problem whose type ends so."""
    return _of_kind(slug).title


def from_problem(problem: Mapping[str, Any]) -> LauncherError:
    """The error whose `problem()` was stored."""
    return _of_kind(str(problem["type"]).removeprefix(TYPE_PREFIX))(
        problem["detail"],
        errors=problem.get("errors", ()),
        retry_after=problem.get("retry_after"),
    )
