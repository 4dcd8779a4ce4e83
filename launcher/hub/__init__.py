"""JupyterHub's REST API, as far as the launcher needs it."""

from dataclasses import dataclass
from typing import Any

from launcher import outbound, urls
from launcher.errors import HubRefused, HubUnavailable
from launcher.outbound import Answer, Session, Unreachable

RETRY_AFTER_SECONDS = 10
# a user with a hundred named servers has a model of some 50 kB
MODEL_BYTES = 2**20


@dataclass(frozen=True)
class Hub:
    """One hub: where its API is, and the token that the launcher calls it with."""

    session: Session
    api_url: str
    token: str

    def url(self, *segments: str) -> str:
        """The URL of something below the API."""
        return urls.join(self.api_url, *segments)

    def headers(self, token: str | None = None) -> dict[str, str]:
        """The credential of a call: the launcher's own, or `token`."""
        return {"Authorization": f"token {token or self.token}"}

    async def call(
        self, method: str, *segments: str, kind: str, token: str | None = None, **options: Any
    ) -> Answer:
        """The hub's own answer; raises HubUnavailable when it is not the hub that answers."""
        try:
            answer = await outbound.fetch(
                self.session,
                method,
                self.url(*segments),
                kind=kind,
                headers=self.headers(token),
                **{"most": MODEL_BYTES, **options},
            )
        except Unreachable as error:
            raise unavailable() from error
        if not is_from_hub(answer):
            raise unavailable()
        return answer


def unavailable() -> HubUnavailable:
    """The error of a hub that is away."""
    return HubUnavailable(
        "The hub does not answer at the moment. Try again in a few seconds.",
        retry_after=RETRY_AFTER_SECONDS,
    )


def refused() -> HubRefused:
    """The error of a hub that does not let the launcher in."""
    return HubRefused(
        "The hub does not accept the launcher's token, or gives it too few scopes. The hub's"
        " administrator can see at /ready what is missing."
    )


def is_from_hub(answer: Answer) -> bool:
    """Whether the hub itself answered, neither the proxy nor a hub that is still starting.

    While the hub starts, its API is a 404 page; while it is away, the proxy answers 503.
    """
    if answer.status in (502, 503, 504):
        return False
    return answer.status < 400 or answer.is_json
