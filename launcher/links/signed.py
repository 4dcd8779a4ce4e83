"""Signs links to experiments, and checks the signatures (HMAC-SHA256, RFC 2104).

A signed link cannot be changed: its parameters are fixed, and it may expire. The signature is of
the experiment's name and of the names and values in the query, in their order.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from launcher.errors import LinkExpired, LinkForged

EXPIRES, SIGNATURE = "expires", "signature"
# year 9999 in seconds since 1970
_LATEST = 253_402_300_799

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SignedLink:
    """The query of a link whose signature is right, without `expires` and `signature`."""

    experiment: str
    pairs: tuple[tuple[str, str], ...]
    expires: int | None
    """Seconds since 1970, UTC; None: it does not expire."""
    link_id: str
    """A hash of the link, for remembering who confirmed it."""


def sign(key: bytes, experiment: str, query: str, expires: int | None = None) -> str:
    """Sign the query of a link to the experiment; returns the query of the signed link.

    `expires` is in seconds since 1970. Raises ValueError if the query has such names already.
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    if {EXPIRES, SIGNATURE} & {name for name, _ in pairs}:
        raise ValueError("the query is signed already")
    if expires is not None:
        pairs.append((EXPIRES, str(expires)))
    return urlencode([*pairs, (SIGNATURE, _signature(key, experiment, pairs))])


def is_signed(pairs: Pairs) -> bool:
    """Whether the query of a link claims to be signed."""
    return any(name == SIGNATURE for name, _ in pairs)


def verify(key: bytes, experiment: str, pairs: Pairs, now: float) -> SignedLink:
    """Check the signature of a link's query; raises LinkForged, LinkExpired.

    `now` is in seconds since 1970.
    """
    signed = [(name, value) for name, value in pairs if name != SIGNATURE]
    signatures = [value for name, value in pairs if name == SIGNATURE]
    right = _signature(key, experiment, signed)
    given = signatures[0] if len(signatures) == 1 else ""
    if not hmac.compare_digest(right.encode("ascii"), given.encode("utf-8", "surrogatepass")):
        raise LinkForged(
            "The signature of this link is not valid: the link was changed, or another launcher"
            " made it. Ask the person who gave it to you for a new one."
        )
    expires = _expiry(signed)
    if expires is not None and expires < now:
        raise LinkExpired("This link has expired. Ask the person who gave it to you for a new one.")
    rest = tuple((name, value) for name, value in signed if name != EXPIRES)
    return SignedLink(experiment, rest, expires, hashlib.sha256(right.encode()).hexdigest())


def _expiry(pairs: Pairs) -> int | None:
    """The time in a query whose signature is right; raises LinkForged."""
    values = [value for name, value in pairs if name == EXPIRES]
    if not values:
        return None
    if len(values) > 1 or not (values[0].isascii() and values[0].isdigit()):
        raise LinkForged("The time at which this link expires cannot be read.")
    return min(int(values[0][:20]), _LATEST)


def _signature(key: bytes, experiment: str, pairs: Pairs) -> str:
    message = json.dumps([experiment, *map(list, pairs)], ensure_ascii=True, separators=(",", ":"))
    digest = hmac.digest(key, message.encode("ascii"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
