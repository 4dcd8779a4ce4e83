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
        members: Mapping[str, Any] | None = None,
    ) -> None:
        """`detail` describes this occurrence; `retry_after` is in seconds.

        Each of `errors` has the JSON pointer (RFC 6901) of a field and the end of a sentence.
        `members` are further members of the problem (RFC 9457, Extension Members).
        """
        super().__init__(detail)
        self.detail = detail
        self.errors = [dict(error) for error in errors]
        self.retry_after = retry_after
        self.members = dict(members or {})
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
        return {**self.members, **body}


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


class GitCredentialRefused(LauncherError):
    """The git host does not accept the user's access token."""

    status, title, slug = 403, "The git host refuses the access token", "git-credential-refused"


class LinkForged(LauncherError):
    """The signature of a link is not valid."""

    status, title, slug = 403, "This link is not valid", "link-forged"


class LinkExpired(LauncherError):
    """A signed link has expired."""

    status, title, slug = 410, "This link has expired", "link-expired"


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


class EntrypointExists(LauncherError):
    """The user has another entrypoint with this name."""

    status, title, slug = 409, "The name is in use", "entrypoint-exists"


class WorkshopExists(LauncherError):
    """There is a workshop with this name."""

    status, title, slug = 409, "The name is in use", "workshop-exists"


class WorkshopNotBegun(LauncherError):
    """The workshop begins later."""

    status, title, slug = 409, "The workshop has not begun", "workshop-not-begun"


class ServerNotRunning(LauncherError):
    """The caller's server, from which something is to be read, does not run."""

    status, title, slug = 409, "Your server does not run", "server-not-running"


class NotebookPlanned(LauncherError):
    """The notebook of a workshop is to be launched for all participants."""

    status, title, slug = 409, "The notebook is planned for everybody", "notebook-planned"


class EntrypointChanged(LauncherError):
    """The entrypoint was changed while this request changed it."""

    status, title, slug = 409, "The entrypoint was changed meanwhile", "entrypoint-changed"


class EntrypointRetired(LauncherError):
    """The system or the type of the entrypoint is not configured any more, or it is not offered."""

    status, title, slug = 409, "The entrypoint is not available any more", "entrypoint-retired"
    is_temporary = True


class EntrypointAmbiguous(LauncherError):
    """Several types offer an entrypoint with this name."""

    status, title, slug = 409, "Several entrypoints have this name", "entrypoint-ambiguous"


class NotOnSystem(LauncherError):
    """The entrypoint is not on the system."""

    status, title, slug = 409, "The entrypoint is not on this system", "not-on-system"


class OtherEnvironment(LauncherError):
    """The user's server runs, or is starting, in another environment than the launch asks for."""

    status, title, slug = 409, "The server runs in another environment", "other-environment"
    is_temporary = True


class SpawnNotPossible(LauncherError):
    """A server cannot be started as it was asked for."""

    status, title, slug = 409, "The server cannot be started so", "spawn-not-possible"
    is_temporary = True


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


class OptionOutOfRange(LauncherError):
    """An option of a server has a value that the caller may not choose."""

    status, title, slug = 422, "The option is out of range", "option-out-of-range"


class EntrypointInvalid(LauncherError):
    """The check of the entrypoint failed; `report` has what was found on each host."""

    status, title, slug = 422, "The entrypoint cannot be used", "entrypoint-invalid"
    is_temporary = True


class HookMissing(LauncherError):
    """The hub started a server without asking the launcher how."""

    status, title, slug = 501, "The hub's spawn hook is missing", "hook-missing"


class LogsMissing(LauncherError):
    """The output of the server is not kept, or cannot be read."""

    status, title, slug = 501, "The server has no log", "logs-missing"


class RenderingFailed(LauncherError):
    """A notebook cannot be shown as a page."""

    status, title, slug = 422, "The notebook cannot be shown", "rendering-failed"


class RenderingBusy(LauncherError):
    """Too many notebooks are being rendered."""

    status, title, slug = 503, "The notebook cannot be shown now", "rendering-busy"
    is_temporary = True


class QueueFull(LauncherError):
    """Too many servers wait for their start."""

    status, title, slug = 429, "The queue is full", "queue-full"
    is_temporary = True


class TooManyLaunches(LauncherError):
    """The user has too many launches under way, or began too many within a minute."""

    status, title, slug = 429, "Too many launches", "too-many-launches"
    is_temporary = True


class TooManyServers(LauncherError):
    """The user has as many project servers running as the site allows."""

    status, title, slug = 429, "Too many servers", "too-many-servers"


class TooManyEntrypoints(LauncherError):
    """The user has as many entrypoints as are allowed."""

    status, title, slug = 429, "Too many entrypoints", "too-many-entrypoints"


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


class FileUnreadable(LauncherError):
    """A file in the caller's home could not be read."""

    status, title, slug = 502, "The file could not be read", "file-unreadable"


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


class GitHostUnavailable(LauncherError):
    """The git host cannot be reached, or does not answer as a git host does."""

    status, title, slug = 503, "The git host cannot be used", "git-host-unavailable"
    is_temporary = True


class GitHostBusy(GitHostUnavailable):
    """The git host limits the number of requests."""

    title, slug = "The git host limits requests", "git-host-busy"


class GitHostUntrusted(GitHostUnavailable):
    """The certificate or the address of the git host is not accepted."""

    status, title, slug = 502, "The git host is not trusted", "git-host-untrusted"


class GitHostTimeout(GitHostUnavailable):
    """The git host did not respond in time."""

    status, title, slug = 504, "The git host does not respond", "git-host-timeout"


class RegistryUnavailable(GitHostUnavailable):
    """The image registry cannot be reached, or does not answer as a registry does."""

    title, slug = "The image registry cannot be used", "registry-unavailable"


class CheckoutFailed(LauncherError):
    """The project could not be checked out; the server runs, and says so in a page."""

    status, title, slug = 502, "The project was not checked out", "checkout-failed"


class CheckoutTimeout(CheckoutFailed):
    """The checkout did not report its end."""

    status, title, slug = 504, "The checkout took too long", "checkout-timeout"


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


class OffersUnavailable(LauncherError):
    """The service that lists the site's environments, such as images, cannot be used."""

    status, title, slug = 503, "The list of environments cannot be read", "offers-unavailable"
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


_MEMBERS = ("type", "title", "status", "detail", "errors", "retry_after")


def from_problem(problem: Mapping[str, Any]) -> LauncherError:
    """The error for a stored `problem()`."""
    return _of_kind(str(problem["type"]).removeprefix(TYPE_PREFIX))(
        problem["detail"],
        errors=problem.get("errors", ()),
        retry_after=problem.get("retry_after"),
        members={name: value for name, value in problem.items() if name not in _MEMBERS},
    )
