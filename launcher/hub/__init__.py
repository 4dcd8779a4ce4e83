"""The part of JupyterHub's REST API that the launcher uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher import outbound, urls
from launcher.errors import HubRefused, HubUnavailable
from launcher.outage import Outage
from launcher.outbound import OutboundError, Response, Session

RETRY_AFTER_SECONDS = 10
# the model of a user with a hundred named servers has about 50 kB
MODEL_BYTES = 2**20


@dataclass(frozen=True)
class Hub:
    """One hub: the URL of its API, and the launcher's token."""

    session: Session
    api_url: str
    token: str
    outage: Outage = field(default_factory=lambda: Outage("the hub"), compare=False)

    def url(self, *segments: str, query: Mapping[str, str] | None = None) -> str:
        """The URL of a resource of the API."""
        return urls.join(self.api_url, *segments, query=query)

    def headers(self, token: str | None = None) -> dict[str, str]:
        """The Authorization header with the launcher's own token, or with `token`."""
        return {"Authorization": f"token {token or self.token}"}

    async def call(
        self,
        method: str,
        *segments: str,
        kind: str,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Response:
        """Send a request to the API; returns the hub's response, of any status.

        Raises HubUnavailable if there is none, or if it is not the hub's own.
        """
        try:
            answer = await outbound.fetch(
                self.session,
                method,
                self.url(*segments, query=query),
                kind=kind,
                headers=self.headers(token),
                **{"most": MODEL_BYTES, **options},
            )
        except OutboundError as error:
            raise self.unavailable(str(error)) from error
        if reason := not_from_hub(answer):
            raise self.unavailable(reason)
        self.outage.succeeded()
        return answer

    def unavailable(self, reason: str = "its response does not fit its API") -> HubUnavailable:
        """Log that the hub cannot be used; returns the error. In `reason`, "it" is the hub."""
        self.outage.failed(reason)
        return HubUnavailable(
            f"The hub cannot be used at the moment: {reason}. Try again in a few seconds.",
            retry_after=RETRY_AFTER_SECONDS,
        )


def refused() -> HubRefused:
    """The error of a hub that does not accept the launcher's token."""
    return HubRefused(
        "The hub does not accept the launcher's token, or the token lacks scopes. The hub's"
        " administrator finds at /ready what is missing."
    )


def not_from_hub(answer: Response) -> str:
    """Why the response is not the hub's own, but a proxy's for example; '' if it is the hub's.

    While the hub starts, its API is a 404 page; while it is down, the proxy responds with 503.
    """
    if answer.status in (502, 503, 504):
        return f"a proxy responds for it ({answer.status}): the hub is down, or is starting"
    if reason := outbound.about_redirect(answer):
        return reason
    if answer.media_type == "text/html" or (answer.status >= 400 and not answer.is_json):
        return (
            f"it responds with a web page, not with JSON ({answer.status}): the hub is starting,"
            " or the configured address is wrong"
        )
    return ""
