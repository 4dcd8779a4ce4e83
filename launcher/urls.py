"""The one function that builds a URL, and the grammar of notebook paths.

HTTP clients collapse dot segments: a segment that is not quoted, or that is a dot segment after
decoding, would let one user's request reach another user's server.
"""

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

from launcher.errors import BadRequest

MAX_COMPONENTS = 10
MAX_COMPONENT_BYTES = 255  # the limit of Linux file systems
# jupyter_server writes a name of 245 bytes and more, and then fails on its checkpoint
MAX_FILENAME_BYTES = 230

# what Unicode calls default ignorable (DerivedCoreProperties.txt), and what is drawn as nothing
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# scripts and emoji need these between or behind their characters, where they can be seen to act
_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe0e\ufe0f"
# kinds of characters before a joiner: of scripts without capital letters, signs, skin colours
_JOINED = ("Lo", "Mn", "Mc", "So", "Sk")
_SELECTED = ("So", "Sm", "Po", "Pd")
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_FORBIDDEN = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\ufeff\ud800-\udfff{_BIDI}]")
_SLASHES = re.compile(r"[/\\\u2044\u2215\u2216\u29f5\u29f8\ufe68\uff0f\uff3c]")


def join(base: str, *segments: str, query: Mapping[str, str] | None = None) -> str:
    """`base`, and below it the segments, each quoted as JupyterHub quotes them.

    Raises ValueError when a segment is empty, a dot segment or holds a slash.
    """
    url = "/".join([base.rstrip("/"), *(_quoted(segment) for segment in segments)])
    if urlsplit(url).netloc != urlsplit(base).netloc:
        raise ValueError("the URL leaves the host it was built for")
    return f"{url}?{urlencode(query)}" if query else url


def below_root(home_path: str, user: str) -> tuple[str, ...]:
    """The components of the user's home below the root of their server.

    `home_path` is a path such as `home/{username}`, '' where the root is the home.
    """
    return tuple(part.replace("{username}", user) for part in home_path.split("/") if part)


def _decoded(text: str) -> str:
    """`text` as the last of any number of programs that decode it would see it."""
    while (again := unquote(text)) != text:
        text = again
    return text


def _quoted(segment: str) -> str:
    decoded = _decoded(segment)
    if decoded in ("", ".", "..") or "/" in segment or "\x00" in decoded:
        raise ValueError(f"not a path segment: {segment!r}")
    # JupyterHub escapes user names so: /user/a%40b/ is a 404, /user/a@b/ is right
    return quote(segment, safe="@~")


def parse_directory(text: str) -> tuple[str, ...]:
    """The components of a directory below the home, NFC; raises BadRequest."""
    pointer = "/notebook/directory"
    if text.startswith("/"):
        raise _refused(pointer, "must be relative to the home directory; leave the first / out")
    components = tuple(unicodedata.normalize("NFC", text).split("/"))
    if len(components) > MAX_COMPONENTS:
        raise _refused(pointer, f"may be at most {MAX_COMPONENTS} directories deep")
    for component in components:
        _check(component, pointer, MAX_COMPONENT_BYTES)
    return components


def parse_filename(text: str) -> str:
    """The name of a notebook file, NFC; raises BadRequest."""
    pointer = "/notebook/filename"
    name = unicodedata.normalize("NFC", text)
    _check(name, pointer, MAX_FILENAME_BYTES)
    if not name.endswith(".ipynb"):
        raise _refused(pointer, "must end with .ipynb")
    return name


def parse_server_name(text: str, pointer: str) -> str:
    """The name of a server, '' for the default one; raises BadRequest.

    JupyterHub 5 takes nearly any name; JupyterHub 6 only `^[a-z](?:-?[a-z0-9])*$`, which the hub
    checks itself when a server is made.
    """
    if text == "":
        return text
    if _FORBIDDEN.search(text) or _invisible(text):
        raise _refused(pointer, "may not hold control or invisible characters")
    try:
        _quoted(text)
    except ValueError:
        raise _refused(pointer, "must be the name of a server, without slashes") from None
    return text


def _check(component: str, pointer: str, limit: int) -> None:
    """Refuse what is hidden, leaves the home, or looks like something that it is not."""
    seen = unicodedata.normalize("NFKC", _decoded(component))
    if not component:
        raise _refused(pointer, "may not be empty, nor hold an empty name between two slashes")
    if bad := _FORBIDDEN.search(component) or _FORBIDDEN.search(seen):
        raise _refused(
            pointer,
            "may not hold control, line-break or text-direction characters, such as"
            f" {_named(bad[0])}",
        )
    if found := _invisible(component) or _invisible(seen):
        raise _refused(pointer, f"may not hold the invisible character {found}")
    if _SLASHES.search(component) or _SLASHES.search(seen):
        raise _refused(pointer, "may not hold backslashes, nor slashes inside a name")
    if seen.startswith("."):
        raise _refused(pointer, "may not hold a name that begins with a dot")
    if component != component.strip() or seen.endswith("."):
        raise _refused(pointer, "may not hold a name that begins or ends with a space, or ends "
                                "with a dot")  # fmt: skip
    if len(component.encode("utf-8")) > limit:
        raise _refused(pointer, f"may not hold a name of more than {limit} bytes of UTF-8")


def _invisible(text: str) -> str:
    """The first character of the text that nobody sees, as in `U+200B ZERO WIDTH SPACE`, or ''."""
    for found in _INVISIBLE.finditer(text):
        if not _acts(found[0], text[: found.start()]):
            return _named(found[0])
    return ""


def _acts(character: str, before: str) -> bool:
    """Whether it changes how the character before it looks, or joins that with the next one."""
    if character == "\u200d" and before[-1:] in tuple(_SELECTORS):
        before = before[:-1]  # a heart that is red, and on fire
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
