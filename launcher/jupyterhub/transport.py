"""Sends what the hub asks and says to the launcher."""

import json
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError

# a proxy answers these for a launcher that it cannot reach
RESTARTING = frozenset({502, 503})
MAX_ANSWER = 1024 * 1024


class LauncherAway(Exception):
    """The launcher does not answer, or not as a launcher does."""

    def __init__(
        self, reason: str, status: "int | None" = None, *, may_restart: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.may_restart = may_restart
        """Nobody answered, or only a proxy: a launcher that restarts is there soon."""


class Refused(Exception):
    """The launcher refuses the start; the message is for the user."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Certificates:
    """The files of the hub's internal TLS (c.JupyterHub.internal_ssl)."""

    key: str
    certificate: str
    authority: str


async def ask(
    url: str,
    secret: str,
    question: dict[str, Any],
    *,
    seconds: float,
    method: str = "POST",
    certificates: "Certificates | None" = None,
) -> Any:
    """The JSON of the launcher's answer, None if it has none; raises Refused, LauncherAway."""
    begun: list[str] = []
    request = HTTPRequest(
        url,
        method=method,
        headers={"Authorization": f"token {secret}", "Content-Type": "application/json"},
        body=json.dumps(question),
        follow_redirects=False,
        connect_timeout=seconds,
        request_timeout=seconds,
        header_callback=begun.append,
        **_tls(certificates),
    )
    client = AsyncHTTPClient(force_instance=True, max_body_size=MAX_ANSWER)
    try:
        answer = await client.fetch(request, raise_error=False)
    except (HTTPClientError, OSError) as error:
        # tornado closes the stream of an answer that is too long
        gone = not begun and isinstance(error, HTTPStreamClosedError | OSError)
        raise LauncherAway(f"{type(error).__name__}", may_restart=gone) from error
    finally:
        client.close()
    if answer.code == 204:
        return None
    if answer.code == 200:
        return _json(answer.body)
    if 400 <= answer.code < 500 and answer.code not in (401, 404, 405):
        raise Refused(answer.code, _sentence(answer.body))
    gone = answer.code in RESTARTING
    raise LauncherAway(f"status {answer.code}", answer.code, may_restart=gone)


def _tls(certificates: "Certificates | None") -> dict[str, Any]:
    if certificates is None:
        return {}
    return {
        "client_key": certificates.key,
        "client_cert": certificates.certificate,
        "ca_certs": certificates.authority,
    }


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LauncherAway("its answer is not JSON") from error


def _sentence(body: bytes) -> str:
    """The detail of a problem (RFC 9457)."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return "The launcher refuses to start this server."
    return str(detail)[:1000]
