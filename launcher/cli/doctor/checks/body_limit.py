"""How large a request the proxies in front of the launcher let through."""

from launcher import outbound, urls
from launcher.cli.doctor.results import Result, failed, lines, ok
from launcher.cli.doctor.site import Site
from launcher.outbound import OutboundError, Response

NAME = "body-limit"

# the launcher's own limit (docs/install.md)
MOST_BYTES = 2**20
LEAST_BYTES = 2**10
SECONDS = 30.0
TOO_LARGE = 413


async def check(site: Site) -> Result:
    """Whether the largest body that the launcher accepts reaches it; nothing is changed by it."""
    url = await site.served()
    answer = await _send(site, url, MOST_BYTES)
    if isinstance(answer, Response) and answer.status != TOO_LARGE:
        return ok(f"A request of {_named(MOST_BYTES)} reaches the launcher at {url}.")
    return failed(
        f"A request of {_named(MOST_BYTES)} does not reach the launcher at {url}:"
        f" {_reason(answer)}. {await _largest(site, url)}",
        lines("# nginx, in the server or location of that address", "client_max_body_size 2m;"),
    )


async def _send(site: Site, url: str, size: int) -> Response | str:
    """The answer to a preview without a credential (401), or why there was none."""
    target = urls.join(url, "experiments", "hello", "preview")
    try:
        return await outbound.fetch(
            site.session,
            "POST",
            target,
            kind="launcher.preview",
            seconds=SECONDS,
            data=b" " * size,
            headers={"Content-Type": "application/json"},
        )
    except OutboundError as error:
        return str(error)


async def _largest(site: Site, url: str) -> str:
    """A sentence about the largest body that gets through, found by halving."""
    size = MOST_BYTES // 2
    while size >= LEAST_BYTES:
        answer = await _send(site, url, size)
        if isinstance(answer, Response) and answer.status != TOO_LARGE:
            return f"Requests of {_named(size)} are accepted."
        size //= 2
    return "Smaller requests fail too."


def _reason(answer: Response | str) -> str:
    if isinstance(answer, str):
        return answer
    server = answer.headers.get("Server", "")
    return f"a proxy{f' ({server})' if server else ''} answers HTTP {answer.status}"


def _named(size: int) -> str:
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size // 2**10} KiB"
