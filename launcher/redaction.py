"""Redacts messages of other programs; docs/reliability.md lists what is removed.

Each pattern takes linear time: its repetitions are bounded, or they repeat one class of characters
and are followed by a character outside of it. Python before 3.11.5 has a bug in possessive
repetitions of groups, so only classes have them.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable

Replacement = str | Callable[[re.Match[str]], str]

ADDRESS, PATH, SECRET = "[address]", "[path]", "[secret]"

MOST_CHARACTERS = 8192
"""The part of a message that is used."""


def redact(text: str, limit: int = 500) -> str:
    """Return `text` on one line, without addresses, absolute paths and secrets.

    The result has at most `limit` characters and is valid Unicode. A second call changes nothing.
    """
    text = _beginning(text)
    # this ends: each pass but the last removes characters or adds placeholders
    while (cleaner := _shorten(_clean(text), limit)) != text:
        text = cleaner
    return text


def redact_secrets(text: str) -> str:
    """Return `text` without secrets; addresses and paths stay, as in a log of one's own server."""
    for pattern, replacement in (*_SECRETS, _CREDENTIALS):
        text = pattern.sub(replacement, text)
    return text


def _beginning(text: str) -> str:
    """The text up to MOST_CHARACTERS, without the last word, which may be half of a secret."""
    if len(text) <= MOST_CHARACTERS:
        return text
    whole = text[:MOST_CHARACTERS].rsplit(None, 1)[:-1]
    return " ".join([*whole, "…"])


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"[:limit]


def _clean(text: str) -> str:
    text = _NOT_ASCII.sub(_visible, _TERMINAL.sub("", text))
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


# colours; of other sequences only the control character is removed
_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-9;:]*+[mK]")
_NOT_ASCII = re.compile(r"[^\n -~]")


def _visible(found: re.Match[str]) -> str:
    """The character, or a replacement if it is invisible or cannot be encoded."""
    character = found[0]
    if character.isprintable():
        return character
    if character in "\x85\u2028\u2029":
        return "\n"
    category = unicodedata.category(character)
    if category == "Cf":  # such as those that change the direction of the text
        return ""
    return "\ufffd" if category in ("Cs", "Co", "Cn") else " "


def _keeping_punctuation(placeholder: str) -> Callable[[re.Match[str]], str]:
    """A replacement by the placeholder that keeps punctuation at the end."""

    def replace(found: re.Match[str]) -> str:
        return placeholder + found[0][len(found[0].rstrip(".,;:!?)}…")) :]

    return replace


def _ip6(found: re.Match[str]) -> str:
    try:
        ipaddress.IPv6Address(found["ip"])
    except ValueError:
        return found[0]  # such as a time of day
    return ADDRESS


def _long_word(found: re.Match[str]) -> str:
    word = found[0]
    random = all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return SECRET if random or _LONG_NUMBER.search(word) else word


_LONG_NUMBER = re.compile(
    r"""(?<![0-9a-z]) (?: [0-9a-f]{32,}+(?![0-9a-z])
    | (?=[a-z]*[0-9])(?=[0-9]*[a-z])[0-9a-z]{40,}+ )""",
    re.IGNORECASE | re.VERBOSE,
)

_NAME = r"""(?: pass(?:word|wd|phrase|code) | (?<![a-z])pass(?=[ ]?[=:]) | pwd | (?<!\[)secret
    | token | jwt | credential | authorization | signature | [cx]srf | session[_-]?id
    | (?:api|access|private|account|ssh|encryption|signing)[_-]?key ) [\w-]{0,30}+"""
_EQUALS = r"""[\\"'\]]{0,4}+ [ ]{0,3}+ (?:=>|:=|[=:]) [ ]{0,3}+"""
_QUOTED = r"""(?: \\"[^"\\\n]*+\\" | "(?:[^"\\\n]|\\.)*"? | '(?:[^'\\\n]|\\.)*'? )"""
_VALUE = rf"(?: \[secret\] | b?{_QUOTED} | [^\s,;&]++ )"
_SCHEME = r"(?:bearer|basic|digest|negotiate|token)"
_SHAPES = r"""(?-i: gh[pousr]_\w{10,}+ | github_pat_\w{10,}+ | gl[a-z]{2,6}-[\w.-]{16,}+
    | (?<![A-Za-z0-9])A[A-Z]{2}A[A-Z0-9]{12,}+ | xox[a-z](?:\.xox[a-z])?-[\w-]{8,}+
    | eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4} | (?<![A-Za-z0-9])[spr]k[-_][\w-]{16,}+
    | hf_\w{16,}+ | pypi-[\w-]{16,}+ | npm_\w{16,}+ | dckr_[a-z]{2,4}_[\w-]{16,}+
    | AIza[\w-]{20,}+ | ya29\.[\w-]{10,}+ | hv[sbr]\.[\w-]{16,}+ | SG\.[\w-]{10,}+\.[\w-]{10,}+ )"""

# not inside of a name such as quay.io/user/image, and not in </html>
_BEGIN = r"(?: (?<![\w.)\]}%+*?~/\\-]) | (?<=\s-[a-z]) ) (?: (?<!<) | (?!/[a-z][a-z0-9]{0,15}>) )"
# a space belongs to the path if a slash or a file extension follows soon
_SPACE = r"""(?<![:;,.!?)])[ ](?= [\w.@~+()-]{1,60}+(?:[ ][\w.@~+()-]{1,60}+){0,2}[\\/]
    | [\w()-]{1,60}+(?:[ ][\w()-]{1,60}+)?\.
    (?:ipynb|py|txt|csv|md|json|ya?ml|sh|exe|bat|log|html|pdf|nc|ini|cfg|toml|sock|sqlite|db)\b )"""
_REST = rf"""(?: [^\s"'<>|`] | {_SPACE} )*"""

_PORT = r"(?: :[0-9]{1,5}+ )?"
_NOT_MORE = r"(?! \.?[\w-] )"
_LABELS = r"(?<![\w.-]) (?: [\w-]{1,63}+\. ){1,9}"
_INTERNAL = r"""(?:local|internal|lan|intranet|corp|home|private|localdomain|localhost|svc|cluster
    |consul|arpa)"""
_SOURCE = r"(?:pyx?|ipynb|js|ts|go|rs|rb|sh|c|h|cpp|java|ya?ml|json|toml|cfg|conf|ini|txt|log)"
_COUNTED = r"(?:[pug]?id|job\w*|line\w*|\w*code|errno|error|exit|status|rc|size|took|version|year)"


def _rule(pattern: str, replacement: Replacement) -> tuple[re.Pattern[str], Replacement]:
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE), replacement


# recognized by the text before them or by their form
_SECRETS = (
    _rule(
        r"-----BEGIN[ ][A-Z0-9 ]{1,40}-----[\s\S]*?(?:-----END[ ][A-Z0-9 ]{1,40}-----|\Z)", SECRET
    ),
    _rule(
        rf"(?P<name> cookie2?{_EQUALS}) (?: \[secret\] | {_QUOTED} | [^\n]++ )",
        rf"\g<name>{SECRET}",
    ),
    _rule(
        rf"(?P<name> {_NAME}{_EQUALS}) (?:{_SCHEME}[ ]{{1,3}}+)? {_VALUE}",
        rf"\g<name>{SECRET}",
    ),
    _rule(
        rf"(?<!\S)(?P<name> --[\w-]{{0,30}}?{_NAME}[ ]{{1,3}}+ )(?!-){_VALUE}",
        rf"\g<name>{SECRET}",
    ),
    _rule(r"(?<!\S)(?P<name> (?:-u|--user)[ ]{1,3}+ )[^\s:]{1,99}+:\S++", rf"\g<name>{SECRET}"),
    _rule(
        rf"""\b(?P<name> {_SCHEME}[ ]{{1,3}}+ )
        (?= [\w.~+/=-]{{0,99}}?(?:[0-9=]|(?-i:[a-z][A-Z])) )[\w.~+/=-]{{8,}}+""",
        rf"\g<name>{SECRET}",
    ),
    _rule(_SHAPES, SECRET),
)
# of a URL whose host may be shown
_CREDENTIALS = _rule(r"(?<=://)[^\s/@]++(?=@)", SECRET)

_RULES = (
    # the frames of a traceback
    _rule(r"Traceback[ ]\(most[ ]recent[ ]call[ ]last\):\n (?: [ ][^\n]*+\n? )*", ""),
    *_SECRETS,
    # URLs, with and without a scheme
    _rule(rf"(?<![a-z])file:[\\/]{_REST}", _keeping_punctuation(PATH)),
    _rule(r"""[a-z][a-z0-9+.-]{0,30}://(?:[^\s/]*@)?[^\s"'<>`]*+""", _keeping_punctuation(ADDRESS)),
    _rule(rf"""(?<![^\s"'(=,])[^\s/:@"']{{1,64}}+:[^\s/@"']{{1,99}}+@[\w.-]++{_PORT}""", ADDRESS),
    _rule(
        r"""(?<![\w.-])[\w.-]{1,64}+@(?!sha[0-9])[\w.-]{1,99}+:[^\s"'<>]++""",
        _keeping_punctuation(ADDRESS),
    ),
    # network addresses, before their /64 is redacted as a path
    _rule(r"(?<![\w:.-])(?: [0-9a-f]{2}[:-] ){5}[0-9a-f]{2}(?![\w:-])", ADDRESS),
    _rule(
        rf"""(?: (?P<open>\[) | (?<![\w:.])(?=:{{0,2}}[0-9a-f]) )
        (?P<ip> [0-9a-f]{{0,4}}(?::[0-9a-f]{{0,4}}){{2,7}}(?:(?:\.[0-9]{{1,3}}){{3}})?
        (?: (?<=[0-9a-f]) | (?<=::) ) ) (?:%\w{{1,20}}+)?
        (?(open) \]{_PORT} | (?:/[0-9]{{1,3}}+)?(?!:?\w) )""",
        _ip6,
    ),
    # absolute paths
    _rule(
        r"""(?P<quote>["'`])(?= (?:~[\w.-]{0,40}+|[a-z]:)?[\\/][^\s"'`] )
        (?: (?!(?P=quote))[^\n] )*""",
        rf"\g<quote>{PATH}",
    ),
    _rule(rf"(?<![a-z0-9])[a-z]:[\\/]{_REST}", _keeping_punctuation(PATH)),
    _rule(rf"(?<![\\\w])\\{{2,4}}[\w.-]++\\{{1,2}}[^\s\\]{_REST}", _keeping_punctuation(PATH)),
    _rule(rf"(?<![\w~/])~[\w.-]{{0,40}}+/{_REST}", _keeping_punctuation(PATH)),
    _rule(rf"""{_BEGIN}/{{1,4}}+(?=[^\s"'<>|`/][^\s"'<>|`]){_REST}""", _keeping_punctuation(PATH)),
    # IPv4 addresses and host names
    _rule(
        rf"""(?<![0-9a-z])(?<![0-9]\.)(?<!version[ ])(?<![=<>~]=)
        [0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}(?![0-9a-z]|\.[0-9]){_PORT}(?:/[0-9]{{1,2}}+)?""",
        ADDRESS,
    ),
    _rule(r"(?P<name> \bassigned[ ]\S{1,200}+[ ]to[ ] )[^\s\[]\S*+", rf"\g<name>{ADDRESS}"),
    _rule(
        rf"""(?<![a-z])(?P<name> (?:host|node)(?:_?name)?["']?
        (?: [ ]?=[ ]? | [ ]?:[ ]?(?=["']) ) | server[ ]at[ ](?=["']) )
        (?: {_QUOTED} | [^\s"',;)\]]++\]? )""",
        rf"\g<name>{ADDRESS}",
    ),
    _rule(r"\b(?P<name> host[ ] )[\w.-]{1,99}+(?=[ ]port[ ][0-9])", rf"\g<name>{ADDRESS}"),
    _rule(
        rf"""(?<![\w.-])(?: ip-[0-9]{{1,3}}(?:-[0-9]{{1,3}}){{3}} | (?:gke|aks)-[\w-]{{1,99}}+
        | (?:c?node|host|compute|worker|login|master|nid|cn|vm|server)-?[0-9]{{1,6}}+ )
        (?:\.[\w-]{{1,63}}+){{0,9}}(?![\w-]){_PORT}""",
        ADDRESS,
    ),
    _rule(rf"(?: {_LABELS}{_INTERNAL} | (?<![\w.-])localhost )(?![\w-]|\.\w){_PORT}", ADDRESS),
    _rule(rf"{_LABELS}(?!{_SOURCE}:)[a-z][\w-]{{0,62}}+:[0-9]{{1,5}}+{_NOT_MORE}", ADDRESS),
    _rule(
        rf"""(?<![\w./@-])(?!{_COUNTED}:)[a-z][\w-]{{0,62}}+
        :(?!(?:19|20)[0-9]{{2}}\b)[0-9]{{4,5}}+{_NOT_MORE}""",
        ADDRESS,
    ),
    _rule(r"(?-i:[A-Za-z0-9+/_=-]{24,}+)", _long_word),
)
