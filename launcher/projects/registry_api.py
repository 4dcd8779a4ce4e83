"""Asks a registry whether it has an image, with a user's right to read it.

The protocol: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md and, for
access, https://distribution.github.io/distribution/spec/auth/token. The launcher asks for the right
to pull one image, whatever a registry wants to have asked.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from launcher import outbound, urls
from launcher.errors import RegistryUnavailable
from launcher.git import Login
from launcher.projects.addresses import AddressRefused
from launcher.projects.hosts import origin_of
from launcher.projects.image_names import ImageName
from launcher.projects.registries import ImageRegistry

KIND = "registry"
RETRY_SECONDS = 30
MAX_CHALLENGE = 4096
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_PARAMETER = re.compile(r'([A-Za-z]{1,32})="([^"\\]*)"')
_REALM = re.compile(r"https://[!-~]+", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]{1,16384}")


@dataclass(frozen=True)
class RegistryApi:
    """One registry, for one user."""

    session: outbound.Session
    registry: ImageRegistry
    login: Login | None = None
    """What its token services get, if they are on the list of this login's hosts."""
    login_hosts: frozenset[str] = frozenset()
    """The URLs of the hosts that get the login."""

    async def has(self, image: ImageName) -> bool:
        """Whether the registry has the image and the user may read it.

        Raises RegistryUnavailable.
        """
        response = await self._manifest(image, {})
        if response.status == 401:
            headers = await self._access(response, image)
            if headers is None:
                return False
            response = await self._manifest(image, headers)
        if response.status in (401, 403, 404):
            return False
        if response.status != 200:
            raise self._failure(response)
        if response.media_type not in MANIFESTS:
            raise self._unavailable("it does not answer as a registry does")
        return True

    async def _manifest(self, image: ImageName, headers: dict[str, str]) -> outbound.Response:
        url = urls.join(
            self.registry.url, "v2", *image.path.split("/"), "manifests", image.reference
        )
        return await self._fetch("HEAD", url, {"Accept": ", ".join(MANIFESTS), **headers})

    async def _access(self, response: outbound.Response, image: ImageName) -> dict[str, str] | None:
        """The headers with which the image may be read, as the registry asks for them."""
        challenge = response.headers.get("WWW-Authenticate", "")[:MAX_CHALLENGE]
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return self._basic(self.registry.url)
        parameters = {name.lower(): value for name, value in _PARAMETER.findall(rest)}
        if scheme.lower() != "bearer" or "realm" not in parameters:
            raise self._unavailable("it does not say how to get access to its images")
        query = {"service": parameters.get("service", ""), "scope": f"repository:{image.path}:pull"}
        token = await self._token(parameters["realm"], query)
        return {"Authorization": f"Bearer {token}"} if token else None

    def _basic(self, host: str) -> dict[str, str] | None:
        """The user's login as a header, for a host that may get it."""
        if self.login is None or host not in self.login_hosts:
            return None
        name, _, value = self.login.header.partition(": ")
        return {name: value}

    async def _token(self, realm: str, query: dict[str, str]) -> str | None:
        """The token that a service gives to the user, or else to everybody."""
        service = self._service(realm)
        separator = "&" if urlsplit(realm).query else "?"
        url = f"{realm}{separator}{urlencode({k: v for k, v in query.items() if v})}"
        login = self._basic(service)
        for headers in ([login] if login else []) + [{}]:
            response = await self._fetch("GET", url, {"Accept": "application/json", **headers})
            if response.status == 200:
                return self._token_in(response)
            if response.status not in (401, 403, 404):
                raise self._failure(response)
        return None

    def _service(self, realm: str) -> str:
        """The URL of the host of a token service; raises RegistryUnavailable if it is another."""
        try:
            parts = urlsplit(realm)
            if not _REALM.fullmatch(realm) or "@" in parts.netloc or "#" in realm:
                raise ValueError
            found = origin_of(parts)
        except ValueError as error:
            raise self._unavailable("it names no address that gives access") from error
        if found != self.registry.url and found not in self.registry.token_services:
            raise self._unavailable(
                "it leaves access to another host; if that is right, an administrator sets"
                " token_service in c.Launcher.image_registries"
            )
        return found

    def _token_in(self, response: outbound.Response) -> str:
        try:
            found = response.json() if response.is_json else None
        except outbound.OutboundError:
            found = None
        if isinstance(found, dict):
            token = found.get("token") or found.get("access_token")
            if isinstance(token, str) and _TOKEN.fullmatch(token):
                return token
        raise self._unavailable("it gives no access as a registry does")

    async def _fetch(self, method: str, url: str, headers: dict[str, str]) -> outbound.Response:
        options: dict[str, Any] = {"ssl": self.registry.tls} if self.registry.tls else {}
        try:
            return await outbound.fetch(
                self.session, method, url, kind=KIND, headers=headers, **options
            )
        except outbound.OutboundError as error:
            if isinstance(getattr(error.__cause__, "os_error", None), AddressRefused):
                raise self._unavailable(
                    "it has an address of a private network; if that is right, an administrator"
                    " sets allow_private"
                ) from error
            raise self._unavailable(str(error)) from error

    def _failure(self, response: outbound.Response) -> RegistryUnavailable:
        if response.status == 429:
            return self._unavailable("it limits the number of requests")
        about = outbound.about_redirect(response) or f"it answers with HTTP {response.status}"
        return self._unavailable(about)

    def _unavailable(self, reason: str) -> RegistryUnavailable:
        """The error; `reason` is a sentence about it."""
        return RegistryUnavailable(
            f"The image registry {self.registry.name} cannot be used: {reason}.",
            retry_after=RETRY_SECONDS,
        )
