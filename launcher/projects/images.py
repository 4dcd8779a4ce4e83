"""Images of servers for projects: that of a commit, and those that users ask for."""

import asyncio
import logging

from launcher import logs, outbound
from launcher.errors import NotFound, RegistryUnavailable
from launcher.projects import image_names
from launcher.projects.image_names import ImageName
from launcher.projects.model import GitCredential, Repository
from launcher.projects.registries import ImageRegistry, Registries
from launcher.projects.registry_api import RETRY_SECONDS, RegistryApi

# for all requests of one look-up: a start waits for it
SECONDS = 10.0

log = logging.getLogger("launcher.projects.images")
log.addFilter(logs.OncePerMinute())


class Images:
    """Finds images in registries, with the user's own right to read them.

    A credential for a git host goes to that host and to its own registry only; other registries
    are asked without one.
    """

    def __init__(
        self, session: outbound.Session, registries: Registries, *, seconds: float = SECONDS
    ) -> None:
        """`session` is one of `api.open_session`; `seconds` bounds all requests for one image."""
        self._session = session
        self._registries = registries
        self._seconds = seconds

    async def find(
        self, repository: Repository, commit_sha: str, credential: GitCredential | None
    ) -> str | None:
        """The image of a commit in the registry of its git host; None if there is none.

        None, too, and a line in the log, if the registry cannot be used: a start in the default
        image does not depend on it.
        """
        host = repository.host
        registry = self._registries.of_host(host)
        image = image_names.of_commit(
            host.image,
            namespace=repository.namespace,
            project=repository.project,
            sha=commit_sha,
        )
        if registry is None or image is None:
            return None
        try:
            found = await self._has(registry, image, repository, credential)
        except RegistryUnavailable as error:
            log.warning(
                "a registry could not be asked for the image of a commit",
                extra={"kind": registry.name, "reason": error.detail},
            )
            return None
        return image.at(registry.name) if found else None

    async def require(
        self, text: str, repository: Repository, credential: GitCredential | None
    ) -> str:
        """The full name of an image that a user asks for.

        Raises BadRequest for what cannot be the name of an image, NotFound for an image that does
        not exist, is not visible to the user or is in another registry, and RegistryUnavailable.
        """
        image = image_names.parse(text)
        registry = self._registries.find(image.registry)
        if await self._has(registry, image, repository, credential):
            return image.at(registry.name)
        sentence = f"does not exist in {registry.name}, or you cannot read it"
        raise NotFound(
            f"image {sentence}.", errors=[{"pointer": image_names.POINTER, "detail": sentence}]
        )

    async def _has(
        self,
        registry: ImageRegistry,
        image: ImageName,
        repository: Repository,
        credential: GitCredential | None,
    ) -> bool:
        api = self._api(registry, repository, credential)
        try:
            async with asyncio.timeout(self._seconds):
                return await api.has(image)
        except TimeoutError as error:
            raise RegistryUnavailable(
                f"The image registry {registry.name} did not respond in time. Try again later.",
                retry_after=RETRY_SECONDS,
            ) from error

    def _api(
        self, registry: ImageRegistry, repository: Repository, credential: GitCredential | None
    ) -> RegistryApi:
        host = repository.host
        if credential is None or host.registry != registry.url:
            return RegistryApi(self._session, registry)
        if credential.host != host.url:
            raise ValueError("the credential is for another host")
        login = host.provider.login(credential)
        return RegistryApi(self._session, registry, login, frozenset([host.url, registry.url]))
