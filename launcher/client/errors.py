"""What can go wrong with a call of the client."""

from collections.abc import Iterable, Mapping


class ClientError(Exception):
    """The launcher did not do what was asked; the message says why."""


class Unreachable(ClientError):
    """No answer came. What was asked for may be carried out nevertheless."""


class Insecure(Unreachable):
    """There is no secure connection to the address, and trying again does not make one."""


class UnexpectedAnswer(ClientError):
    """Something answered, but not as a launcher does."""


class Away(UnexpectedAnswer):
    """What stands in front of the launcher says that the launcher is not there (502, 503, 504)."""


class LauncherProblem(ClientError):
    """The launcher's own refusal (RFC 9457); the message is its sentence."""

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
        """`type` names the kind of problem and may be compared; `retry_after` is in seconds.

        Each of `errors` holds the JSON pointer of a field of the body and a sentence about it.
        `request_id` finds the request in the launcher's log. `launch_id` is that of the launch
        that ended so; without one, nothing was launched.
        """
        super().__init__(detail)
        self.status = status
        self.type = type
        self.title = title
        self.errors = [dict(error) for error in errors]
        self.retry_after = retry_after
        self.request_id = request_id
        self.launch_id = launch_id


class Unfinished(ClientError):
    """The launch goes on, longer than was to be waited for it."""

    def __init__(self, launch_id: str, state: str, seconds: float) -> None:
        """`state` is the one that was seen last, `seconds` the time that was waited."""
        super().__init__(
            f"The launch is still {state} after {seconds:g} seconds. It goes on:"
            f" find({launch_id!r}) says how far it is, cancel({launch_id!r}) ends it."
        )
        self.launch_id = launch_id
        self.state = state
