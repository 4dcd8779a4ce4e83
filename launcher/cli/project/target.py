"""What `launcher project` opens: a repository and a ref, and values for the server's options."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click

_EXAMPLE = "https://gitlab.example.org/climate/course@main"
# where forges keep the pages of a project: /-/tree/main on GitLab, /tree/main on others
_PAGE = re.compile(
    r"(https://[^/@]+(?:/[^/@]+){2,}?)(?:/-)?/(?:tree|blob)/|(.+?)/-/", re.IGNORECASE
)


@dataclass(frozen=True)
class NamedProject:
    """A repository and a ref, as arguments of the client."""

    repository: str
    """Its URL, or NAMESPACE/PROJECT."""
    ref: str | None

    @property
    def hint(self) -> str:
        """What is wrong if this is the address of a page of the project, else ''."""
        if found := _PAGE.match(self.repository):
            return (
                "This may be the address of a web page. Write the repository and the branch:"
                f" {found[1] or found[2]}@BRANCH"
            )
        return ""


class ProjectTarget(click.ParamType):
    """URL@REF, or NAMESPACE/PROJECT@REF on the site's first git host."""

    name = "project"

    def convert(self, value: Any, param: Any, ctx: Any) -> NamedProject:
        """The target; the first @ behind the host begins the ref."""
        text = str(value)
        if "://" in text and urlsplit(text).scheme.lower() != "https":
            self.fail(f"must begin with https://, such as {_EXAMPLE}", param, ctx)
        host, path = _parts(text)
        if "@" in host:
            self.fail(
                "must have no user name, password or token before the host. Store an access token"
                " at the launcher instead, on its page Projects",
                param,
                ctx,
            )
        path, at, ref = path.partition("@")
        if at and not ref:
            self.fail("has nothing behind the @; write a branch, a tag or a commit", param, ctx)
        if host:
            return NamedProject(host + path, ref or None)
        namespace, _, project = path.rpartition("/")
        if not (namespace and project) or ":" in path:
            self.fail(f"is no URL and no NAMESPACE/PROJECT; write {_EXAMPLE}", param, ctx)
        return NamedProject(path, ref or None)


def _parts(text: str) -> tuple[str, str]:
    """The scheme and host of a URL, both empty for the name of a project, and the rest."""
    if "://" not in text:
        return "", text
    begin = text.find("/", text.index("://") + 3)
    return (text, "") if begin < 0 else (text[:begin], text[begin:])


class OptionValue(click.ParamType):
    """NAME=VALUE."""

    name = "option"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """The name and the value."""
        name, equals, text = str(value).partition("=")
        if not (name and equals):
            self.fail("is not NAME=VALUE, such as cpu_request=2", param, ctx)
        return name, text


def values(
    pairs: Iterable[tuple[str, str]], offered: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The values, each of the type that the site's option has.

    What is not of this type stays a text, for the launcher to refuse.
    """
    return {name: _typed(text, offered.get(name, {})) for name, text in pairs}


def _typed(text: str, option: Mapping[str, Any]) -> Any:
    """The value with that text, of the option's type if it is one."""
    kind = option.get("type")
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in ("int", "float"):
        return _number(text)
    offered = option.get("options")
    same = [each for each in offered if str(each) == text] if isinstance(offered, list) else []
    return same[0] if same else text


def _number(text: str) -> int | float | str:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
