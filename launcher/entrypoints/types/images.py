"""The images that a site offers: a list in the configuration, or a service that answers with one.

A list has names of images as text, or objects with `name` (what users read) and `image`.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from cachetools import TTLCache

from launcher import formats, logs, outbound, urls
from launcher.entrypoints.model import System
from launcher.errors import ConfigError, OffersUnavailable
from launcher.singleflight import SingleFlight

log = logging.getLogger("launcher.entrypoints.images")
log.addFilter(logs.OncePerMinute())

MAX_IMAGES = 5_000
MAX_NAME = MAX_IMAGE = 255
MAX_BYTES = 2**20
SECONDS = 10.0
CACHE_SECONDS = 60.0
MAX_CACHED = 1_000

# as in registry.example.org:5000/team/lab:2026.1@sha256:… and docker:library/lab:1.0
PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9._:\/@+-]*[A-Za-z0-9_])?$"
_IMAGE = re.compile(PATTERN.removesuffix("$") + r"\Z")
_PLACEHOLDER = re.compile(r"\{[^}]*\}?")
_KNOWN = ("{user}", "{system}")


@dataclass(frozen=True)
class Image:
    """An image, and how it is shown."""

    name: str
    image: str


def is_image(text: str) -> bool:
    """Whether the text can be the name of an image."""
    return len(text) <= MAX_IMAGE and _IMAGE.match(text) is not None


def read(value: Any) -> Image | None:
    """An entry of a list of images; None if it is not valid."""
    entry = {"name": value, "image": value} if isinstance(value, str) else value
    if not isinstance(entry, Mapping):
        return None
    name, image = entry.get("name"), entry.get("image")
    if not isinstance(name, str) or not isinstance(image, str) or not is_image(image):
        return None
    return Image(name, image) if 0 < len(name) <= MAX_NAME and name.isprintable() else None


def read_all(value: Any) -> tuple[Image, ...]:
    """The list `images` of the configuration; raises ConfigError."""
    if not isinstance(value, list | tuple) or len(value) > MAX_IMAGES:
        raise ConfigError(f"images must be a list of at most {MAX_IMAGES:,} images.")
    found = [read(entry) for entry in value]
    if None in found:
        raise ConfigError(
            f"images[{found.index(None)}] must be the name of an image, such as"
            ' registry.example.org/lab:1.0, or {"name": "Lab", "image": "…"}.'
        )
    return tuple(image for image in found if image)


class ImageService:
    """A site's service that answers a GET with a JSON list of images."""

    def __init__(self, template: Any, *, seconds: float = SECONDS) -> None:
        """`template` is the URL, in which {user} and {system} are replaced; raises ConfigError.

        `seconds` is the timeout of a whole request.
        """
        problem = formats.problem("http-url", template) if isinstance(template, str) else "is wrong"
        if problem or "@" in urlsplit(template).netloc or not _has_known_placeholders(template):
            raise ConfigError(
                "image_service must be an address that begins with http:// or https://, without a"
                " user name; {user} and {system} may be in its path and its query."
            )
        self._parts = urlsplit(template)
        self._seconds = seconds
        self._cache: TTLCache[str, tuple[Image, ...]] = TTLCache(MAX_CACHED, CACHE_SECONDS)
        self._requests = SingleFlight[tuple[Image, ...]]()

    async def images(self, user: str, system: System) -> tuple[Image, ...]:
        """The images for a user on a system, at most a minute old; raises OffersUnavailable."""
        url = self._url({"{user}": user, "{system}": system.name})
        known = self._cache.get(url)
        return await self._requests.share(url, lambda: self._fetch(url)) if known is None else known

    def _url(self, values: Mapping[str, str]) -> str:
        parts = self._parts
        segments = [_filled(unquote(part), values) for part in parts.path.split("/") if part]
        try:
            url = urls.join(f"{parts.scheme}://{parts.netloc}", *segments)
        except ValueError as error:
            raise _unavailable("a name cannot be a part of its address") from error
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = urlencode([(name, _filled(text, values)) for name, text in pairs])
        return url + ("/" if parts.path.endswith("/") else "") + (f"?{query}" if query else "")

    async def _fetch(self, url: str) -> tuple[Image, ...]:
        try:
            async with (
                asyncio.timeout(self._seconds),
                outbound.open_session(lambda *call: None, connections=1) as session,
            ):
                answer = await outbound.fetch(
                    session, "GET", url, kind="images", most=MAX_BYTES, headers=_HEADERS
                )
                found = _listed(answer)
        except TimeoutError as error:
            raise _unavailable(f"it did not respond within {self._seconds:g} s") from error
        except outbound.OutboundError as error:
            raise _unavailable(str(error)) from error
        self._cache[url] = found
        return found


_HEADERS = {"Accept": "application/json"}


def _has_known_placeholders(template: str) -> bool:
    parts = urlsplit(template)
    if "{" in parts.netloc or parts.fragment:
        return False
    return all(found in _KNOWN for found in _PLACEHOLDER.findall(template))


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[0]], text)


def _listed(answer: outbound.Response) -> tuple[Image, ...]:
    """The images in a response; raises OffersUnavailable, or OutboundError if it is not JSON."""
    if redirect := outbound.about_redirect(answer):
        raise _unavailable(redirect)
    if answer.status != 200 or not answer.is_json:
        raise _unavailable(f"it responded with status {answer.status}, not with a JSON list")
    listed = answer.json()
    if not isinstance(listed, list) or len(listed) > MAX_IMAGES:
        raise _unavailable(f"its response is not a JSON list of at most {MAX_IMAGES:,} images")
    found = [image for entry in listed if (image := read(entry))]
    if len(found) < len(listed):
        left_out = {"kind": "images", "reason": f"{len(listed) - len(found)} left out"}
        log.warning("entries of the image service are not images", extra=left_out)
    return tuple(found)


def _unavailable(reason: str) -> OffersUnavailable:
    log.warning("the image service cannot be used", extra={"kind": "images", "reason": reason})
    return OffersUnavailable(f"The site's image service cannot be used: {reason}.", retry_after=10)
