"""Exceptions of the client."""

from collections.abc import Iterable, Mapping


class ClientError(Exception):
    """The base of all exceptions of the client. The message has the reason."""


class Unreachable(ClientError):
    """No answer was received. The request may have been executed nevertheless."""


class Insecure(Unreachable):
    """No TLS connection can be made. Another try would fail too."""


class UnexpectedAnswer(ClientError):
    """The answer is not that of a launcher. The URL may be wrong."""


class Away(UnexpectedAnswer):
    """A proxy answered that the launcher is away (502, 503, 504)."""


class LauncherProblem(ClientError):
    """The launcher answered with a problem detail (RFC 9457). The message is its `detail`.

    Attributes:
        status: The HTTP status.
        type: The problem type, for comparison.
        title: The title of the problem type.
        errors: The JSON pointer (`pointer`) of each invalid field, with a `detail`.
        retry_after: Seconds to wait before the next try, or None.
        request_id: The id of the request in the launcher's log.
        launch_id: The id of the launch that failed, or an empty string if there is none.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        type: str = "about:blank",
        title: str = "",
        errors: Iterable[Mapping[str, str]] = (),
        retry_after: int | None = None,
        request_id: str = "",
        launch_id: str = "",
    ) -> None:
        """Take the fields of a problem."""
        super().__init__(detail)
        self.status = status
        self.type = type
        self.title = title
        self.errors = [dict(error) for error in errors]
        self.retry_after = retry_after
        self.request_id = request_id
        self.launch_id = launch_id


class Unfinished(ClientError):
    """The launch has not ended in the time that was to be waited. It continues.

    Attributes:
        launch_id: The id of the launch.
        state: Its last known state.
    """

    def __init__(self, launch_id: str, state: str, seconds: float) -> None:
        """Take the last known state, and the seconds that were waited."""
        super().__init__(
            f"The launch is still {state} after {seconds:g} seconds. It continues:"
            f" find({launch_id!r}) returns its state, cancel({launch_id!r}) cancels it."
        )
        self.launch_id = launch_id
        self.state = state
