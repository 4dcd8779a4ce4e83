"""Container images."""

from collections.abc import Mapping
from typing import Any

from launcher.entrypoints.model import (
    EntrypointType,
    HostReport,
    Offer,
    Report,
    System,
    Validator,
)
from launcher.entrypoints.types import images as listed
from launcher.entrypoints.types.images import Image, ImageService
from launcher.errors import ConfigError, OffersUnavailable
from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification

PLACEHOLDER = "{image}"
MAX_WORDS = 50


class ImageType(EntrypointType):
    """An image that the site offers.

    A container spawner starts it as the server's image; with a command prefix, such as that of
    shifter, the spawner's own command runs in it.
    """

    def __init__(
        self,
        *,
        images: Any = (),
        image_service: Any = "",
        command_prefix: Any = (),
        **common: Any,
    ) -> None:
        """`images` is a list, `image_service` the URL of one; raises ConfigError.

        In the words of `command_prefix`, {image} is replaced.
        """
        super().__init__(**common)
        self._images = listed.read_all(images)
        self._service = ImageService(image_service) if image_service else None
        self._prefix = _prefix(command_prefix)
        self.schema = _schema(() if self._service else self._images)

    def problem(self, field: str, text: str) -> str:
        """Why the image is refused."""
        if field != "image":
            return ""
        if not listed.is_image(text):
            return "must be the name of an image, such as registry.example.org/lab:1.0"
        return "" if self._may_offer(text) else "must be an image on this site's list"

    async def options(self, user: str, system: System) -> list[Offer]:
        """The site's images; raises OffersUnavailable if the image service cannot be used."""
        return [
            Offer(each.name, {"image": each.image}) for each in await self._offered(user, system)
        ]

    async def validate(
        self, user: str, system: System, data: Mapping[str, Any], validator: Validator
    ) -> Report:
        """Check that the image is on the site's list; the validator has nothing to look at."""
        try:
            found = any(each.image == data["image"] for each in await self._offered(user, system))
            message = "The image is on this site's list." if found else _MISSING
        except OffersUnavailable as error:
            found, message = False, error.detail
        return Report(found, message, (HostReport("", data["image"], found, message),))

    def specification(self, data: Mapping[str, Any]) -> SpawnSpecification:
        """The image, or the prefix with it before the spawner's command."""
        image = data["image"]
        if not self._may_offer(image):
            raise SpecificationError("image", "is not on this site's list; choose another one")
        if not self._prefix:
            return SpawnSpecification.from_json({"image": image})
        words = [word.replace(PLACEHOLDER, image) for word in self._prefix]
        return SpawnSpecification.from_json({"command": {"argv": words}})

    def _may_offer(self, image: str) -> bool:
        """Whether the image is on the list, or may be on that of the service."""
        return self._service is not None or any(each.image == image for each in self._images)

    async def _offered(self, user: str, system: System) -> tuple[Image, ...]:
        more = await self._service.images(user, system) if self._service else ()
        return (*self._images, *more)


_MISSING = "The image is not on this site's list; choose another one."


def _schema(images: tuple[Image, ...]) -> Mapping[str, Any]:
    """The schema of the data; it lists the images if no service has further ones."""
    image: dict[str, Any] = {
        "type": "string",
        "title": "Image",
        "description": "The name of a container image on this site's list.",
        "minLength": 1,
        "maxLength": listed.MAX_IMAGE,
        "pattern": listed.PATTERN,
    }
    if images:  # an empty enum is not valid
        image["enum"] = list(dict.fromkeys(each.image for each in images))
    return {
        "type": "object",
        "title": "Container image",
        "additionalProperties": False,
        "required": ["image"],
        "properties": {"image": image},
    }


def _prefix(words: Any) -> tuple[str, ...]:
    """The words of `command_prefix`; raises ConfigError."""
    is_list = isinstance(words, list | tuple) and len(words) <= MAX_WORDS
    if not is_list or not all(_is_word(word) for word in words):
        raise ConfigError(
            "command_prefix must be a list of words, such as"
            ' ["shifter", "--image={image}"]; only {image} is replaced.'
        )
    if words and not any(PLACEHOLDER in word for word in words):
        raise ConfigError(
            "command_prefix must have {image} in one of its words, or every image would start the"
            " same environment."
        )
    return tuple(words)


def _is_word(word: Any) -> bool:
    if not isinstance(word, str) or not word.isprintable():
        return False
    return bool(word) and not set("{}") & set(word.replace(PLACEHOLDER, ""))
