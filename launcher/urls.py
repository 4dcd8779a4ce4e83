"""Builds URLs, and validates the paths of notebooks and the names of servers.

HTTP clients collapse dot segments: with a segment that is not quoted, or that is a dot segment
after decoding, a user's request could reach another user's server.
"""

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

from launcher.errors import BadRequest

MAX_COMPONENTS = 10
MAX_COMPONENT_BYTES = 255  # the limit of Linux file systems
# jupyter_server stores a name of 245 bytes or more, and then fails on its checkpoint
MAX_FILENAME_BYTES = 230

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt), and other blank characters
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# some scripts and emoji need these between or after their characters, where they have an effect
_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe0e\ufe0f"
# categories of the character before a joiner: letters of scripts without case, marks, symbols
_JOINED = ("Lo", "Mn", "Mc", "So", "Sk")
_SELECTED = ("So", "Sm", "Po", "Pd")
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_FORBIDDEN = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\ufeff\ud800-\udfff{_BIDI}]")
_SLASHES = re.compile(r"[/\\\u2044\u2215\u2216\u29f5\u29f8\ufe68\uff0f\uff3c]")
# below /user/NAME/: the contents API, and JupyterLab
_DEFAULT_SERVERS_PATHS = ("api", "lab")

HomePath = tuple[str, ...]
"""The segments of a path below the home."""


def join(base: str, *segments: str, query: Mapping[str, str] | None = None) -> str:
    """Append the segments to `base`, each quoted as JupyterHub quotes it.

    Raises ValueError if a segment is empty, a dot segment or contains a slash.
    """
    url = "/".join([base.rstrip("/"), *(_quoted(segment) for segment in segments)])
    if urlsplit(url).netloc != urlsplit(base).netloc:
        raise ValueError("the URL has another host than its base")
    return f"{url}?{urlencode(query)}" if query else url


def below_root(home_path: str, user: str) -> tuple[str, ...]:
    """The components of the user's home, relative to the root of their server.

    `home_path` is a path such as `home/{username}`, or '' if the root is the home.
    """
    return tuple(part.replace("{username}", user) for part in home_path.split("/") if part)


def _decoded(text: str) -> str:
    """`text`, decoded until decoding changes nothing."""
    while (again := unquote(text)) != text:
        text = again
    return text


def _quoted(segment: str) -> str:
    decoded = _decoded(segment)
    if decoded in ("", ".", "..") or "/" in segment or "\x00" in decoded:
        raise ValueError(f"not a path segment: {segment!r}")
    # JupyterHub does not escape these in user names: /user/a%40b/ is a 404, /user/a@b/ is right
    return quote(segment, safe="@~")


def parse_directory(text: str) -> tuple[str, ...]:
    """The components of a directory relative to the home, in NFC; raises BadRequest."""
    return _parse_path(text, "/notebook/directory", "the home directory")


def parse_project_path(text: str, pointer: str) -> str:
    """The path of a file or folder in a project, below its root, in NFC; raises BadRequest.

    A folder may end with a slash, which is left out.
    """
    path = text.removesuffix("/") or text
    return "/".join(_parse_path(path, pointer, "the project"))


def _parse_path(text: str, pointer: str, root: str) -> tuple[str, ...]:
    if text.startswith("/"):
        raise _refused(pointer, f"must be relative to {root}; leave out the first /")
    components = tuple(unicodedata.normalize("NFC", text).split("/"))
    if len(components) > MAX_COMPONENTS:
        raise _refused(pointer, f"may be at most {MAX_COMPONENTS} directories deep")
    for component in components:
        _check(component, pointer, MAX_COMPONENT_BYTES)
    return components


def parse_filename(text: str) -> str:
    """The name of a notebook file, in NFC; raises BadRequest."""
    pointer = "/notebook/filename"
    name = unicodedata.normalize("NFC", text)
    _check(name, pointer, MAX_FILENAME_BYTES)
    if not name.endswith(".ipynb"):
        raise _refused(pointer, "must end with .ipynb")
    return name


def parse_server_name(text: str, pointer: str) -> str:
    """The name of a server, '' for the default one; raises BadRequest.

    JupyterHub 5 accepts nearly any name; JupyterHub 6 only `^[a-z](?:-?[a-z0-9])*$`, which the hub
    checks itself when it creates a server.
    """
    if text == "":
        return text
    seen = unicodedata.normalize("NFKC", _decoded(text))
    if any(_FORBIDDEN.search(name) or _invisible(name) for name in (text, seen)):
        raise _refused(pointer, "must not contain control or invisible characters")
    # a proxy that decodes twice would take these for other paths
    if _SLASHES.search(text) or _SLASHES.search(seen) or seen in (".", ".."):
        raise _refused(pointer, "must be the name of a server, without slashes")
    if text != text.strip():
        raise _refused(pointer, "must not begin or end with a space")
    return text


def parse_new_server_name(text: str, pointer: str) -> str:
    """As `parse_server_name`, for a server that may be created; raises BadRequest."""
    name = parse_server_name(text, pointer)
    if name in _DEFAULT_SERVERS_PATHS:
        # the proxy would send the requests of the default server to the new one
        raise _refused(pointer, "must not be api or lab, which are paths of the default server")
    return name


def _check(component: str, pointer: str, limit: int) -> None:
    """Raise BadRequest for a component that is hidden, leaves the home or is misleading."""
    seen = unicodedata.normalize("NFKC", _decoded(component))
    if not component:
        raise _refused(pointer, "must not be empty, and must not have two slashes in a row")
    if bad := _FORBIDDEN.search(component) or _FORBIDDEN.search(seen):
        raise _refused(
            pointer,
            "must not contain control, line-break or text-direction characters, such as"
            f" {_named(bad[0])}",
        )
    if found := _invisible(component) or _invisible(seen):
        raise _refused(pointer, f"must not contain the invisible character {found}")
    if _SLASHES.search(component) or _SLASHES.search(seen):
        raise _refused(pointer, "must not contain / or \\ inside a name")
    if seen.startswith("."):
        raise _refused(pointer, "must not contain a name that begins with a dot")
    if component != component.strip() or seen.endswith("."):
        raise _refused(pointer, "must not contain a name that begins or ends with a space, or ends "
                                "with a dot")  # fmt: skip
    if len(component.encode("utf-8")) > limit:
        raise _refused(pointer, f"must not contain a name of more than {limit} bytes of UTF-8")


def _invisible(text: str) -> str:
    """The first invisible character of the text, such as `U+200B ZERO WIDTH SPACE`, or ''."""
    for found in _INVISIBLE.finditer(text):
        if not _has_effect(found[0], text[: found.start()]):
            return _named(found[0])
    return ""


def _has_effect(character: str, before: str) -> bool:
    """Whether it changes how the previous character looks, or joins that to the next one."""
    if character == "\u200d" and before[-1:] in tuple(_SELECTORS):
        before = before[:-1]  # as in the emoji "heart on fire"
    last = before[-1:]
    if not last or last.isascii():
        return False
    kinds = _SELECTED if character in _SELECTORS else _JOINED if character in _JOINERS else ()
    return unicodedata.category(last) in kinds


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def _refused(pointer: str, sentence: str) -> BadRequest:
    field = pointer.lstrip("/").replace("/", ".")
    return BadRequest(f"{field} {sentence}.", errors=[{"pointer": pointer, "detail": sentence}])
