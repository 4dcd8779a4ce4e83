"""Names of images, by the grammar of container engines, and the patterns for those of commits.

Grammar: https://github.com/distribution/reference (reference.go); a name begins with a registry
here, because the engines take names without one for images of different registries.
"""

import re
import string
from dataclasses import dataclass
from typing import Any

from launcher.errors import BadRequest, ConfigError

MAX_PATH = 255
POINTER = "/image"

_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"  # fmt: skip # noqa: E501
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
_NAME = re.compile(
    rf"(?P<registry>{_DOMAIN})/(?P<path>{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?",
    re.ASCII,
)
_IN_REGISTRY = re.compile(rf"(?P<path>{_PATH}):(?P<tag>{_TAG})", re.ASCII)
_FIELDS = ("namespace", "project", "commit_sha")
_SPECIFICATION = re.compile(r"(?:\.[1-9][0-9]?)?", re.ASCII)


@dataclass(frozen=True)
class ImageName:
    """An image in a registry."""

    registry: str
    """Host and port, as they were written."""
    path: str
    tag: str
    digest: str = ""

    @property
    def reference(self) -> str:
        """What identifies the manifest in the registry."""
        return self.digest or self.tag

    def at(self, registry: str) -> str:
        """The name for a container engine, in the registry with this host and port."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{registry}/{self.path}{tag}{digest}"


def parse(text: str) -> ImageName:
    """The image that a user names, with the tag `latest` if there is none; raises BadRequest."""
    # the patterns take long for no text of this length
    found = _NAME.fullmatch(text) if len(text) <= 2 * MAX_PATH + 200 else None
    if not found or len(found["path"]) > MAX_PATH:
        sentence = (
            "must be a registry, a name in lower case, and a tag or digest, such as"
            " registry.example.org/group/project:1.0"
        )
        raise BadRequest(f"image {sentence}.", errors=[{"pointer": POINTER, "detail": sentence}])
    digest = found["digest"] or ""
    return ImageName(
        found["registry"].lower(),
        found["path"],
        found["tag"] or ("" if digest else "latest"),
        digest,
    )


def read_pattern(value: Any, at: str) -> str:
    """The pattern for the images of commits, from the setting `at`; raises ConfigError."""
    try:
        if not isinstance(value, str):
            raise ValueError
        fields = [each[1:] for each in string.Formatter().parse(value) if each[1] is not None]
        for name, specification, conversion in fields:
            is_plain = not conversion and _SPECIFICATION.fullmatch(specification or "")
            if name not in _FIELDS or not is_plain:
                raise ValueError
        if "commit_sha" not in {name for name, _, _ in fields}:
            raise ValueError
        if of_commit(value, namespace="group/subgroup", project="name", sha="0" * 40) is None:
            raise ValueError
    except ValueError as error:
        raise ConfigError(
            f'{at} must be a name and a tag with {{commit_sha}}, such as "{{namespace}}/{{project}}'
            ':{commit_sha:.7}"; known are {namespace}, {project} and {commit_sha}, each with the'
            " number of characters that are used, as in {commit_sha:.7}."
        ) from error
    return value


def of_commit(pattern: str, *, namespace: str, project: str, sha: str) -> ImageName | None:
    """The image of a commit by a pattern; None if an image cannot have that name.

    Names in registries are in lower case.
    """
    text = pattern.format(namespace=namespace.lower(), project=project.lower(), commit_sha=sha)
    found = _IN_REGISTRY.fullmatch(text)
    if not found or len(found["path"]) > MAX_PATH:
        return None
    return ImageName("", found["path"], found["tag"])
