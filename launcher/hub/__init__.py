"""JupyterHub's REST API, as far as the launcher needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher import outbound, urls
from launcher.errors import HubRefused, HubUnavailable
from launcher.outage import Outage
from launcher.outbound import OutboundError, Response, Session

RETRY_AFTER_SECONDS = 10
# a user with a hundred named servers has a model of some 50 kB
MODEL_BYTES = 2**20


@dataclass(frozen=True)
class Hub:
    """One hub: where its API is, and the token that the launcher calls it with."""

    session: Session
    api_url: str
    token: str
    outage: Outage = field(default_factory=lambda: Outage("the hub"), compare=False)

    def url(self, *segments: str, query: Mapping[str, str] | None = None) -> str:
        """The URL of something below the API."""
        return urls.join(self.api_url, *segments, query=query)

    def headers(self, token: str | None = None) -> dict[str, str]:
        """The credential of a call: the launcher's own, or `token`."""
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
        """The hub's own answer; raises HubUnavailable when it is not the hub that answers."""
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

    def unavailable(self, reason: str = "its answer is not what its API gives") -> HubUnavailable:
        """The error of a hub that cannot be used, which the log is told; `reason` is about "it"."""
        self.outage.failed(reason)
        return HubUnavailable(
            f"The hub cannot be used at the moment: {reason}. Try again in a few seconds.",
            retry_after=RETRY_AFTER_SECONDS,
        )


def refused() -> HubRefused:
    """The error of a hub that does not let the launcher in."""
    return HubRefused(
        "The hub does not accept the launcher's token, or gives it too few scopes. The hub's"
        " administrator can see at /ready what is missing."
    )


def not_from_hub(answer: Response) -> str:
    """Why this is no answer of the hub itself, but of a proxy or of something else; '' if it is.

    While the hub starts, its API is a 404 page; while it is away, the proxy answers 503.
    """
    if answer.status in (502, 503, 504):
        return f"a proxy answers for it ({answer.status}): the hub does not run, or is starting"
    if 300 <= answer.status < 400:
        return (
            f"it redirects ({answer.status}), which is not followed: its address is another one,"
            " such as https in place of http"
        )
    if answer.media_type == "text/html" or (answer.status >= 400 and not answer.is_json):
        return (
            f"a web page came in place of an answer of its API ({answer.status}): the hub is"
            " starting, or its address is another one"
        )
    return ""
