"""The query of a link: parameters and the place of the notebook.

`p.setup.period.start=…` is the parameter `start` in `period` in `setup`. A name that contains a
dot, begins with a slash or is empty needs the pointer form: `p./setup/a.b=…` (RFC 6901).
`null.setup.x=` stands for null where a text would be read. Strings are plain text, other values
JSON.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from launcher.links import passwords, places
from launcher.links.places import Schema
from launcher.schemas import pointer_to

# gunicorn and most proxies accept a request line of 8,190 bytes, into which the link has to fit
# also when it is quoted or sealed for a sign-in
MAX_QUERY = 4_000
# of the fields of `notebook` in a request
NOTEBOOK = (
    "directory",
    "filename",
    "if_exists",
    "workspace",
    "server",
    "entrypoint",
    "system",
)

Pairs = Sequence[tuple[str, str]]


@dataclass
class LinkValues:
    """What a link fills in."""

    parameters: dict[str, Any] = field(default_factory=dict)
    notebook: dict[str, str] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)
    """JSON pointers below /parameters and /notebook, '' for the whole link, and sentences' ends."""
    texts: dict[str, str] = field(default_factory=dict)
    """Texts that are no values of their parameters, by JSON pointer."""


def parse(schema: Schema, pairs: Pairs) -> LinkValues:
    """The values in a link's query; what is wrong becomes an error, and nothing is dropped."""
    values = LinkValues()
    if sum(len(name) + len(value) + 2 for name, value in pairs) > MAX_QUERY:
        sentence = f"This link has more than {MAX_QUERY:,} characters, so nothing is filled in"
        _add_once(values.errors, "", sentence)
        return values
    seen: set[str] = set()
    for name, text in pairs:
        pointer = _pointer(schema, name)
        if not pointer:
            _add_once(values.errors, "", _unknown(name))
        elif name in seen:
            _add_once(values.errors, pointer, "is in this link twice; the first one is shown")
        elif name in NOTEBOOK:
            values.notebook[name] = text
        else:
            _read_parameter(schema, name, text, values)
        seen.add(name)
    return values


def _pointer(schema: Schema, name: str) -> str:
    """The JSON pointer of the field that a name stands for, '' if there is none."""
    if name in NOTEBOOK:
        return f"/notebook/{name}"
    kind, dot, path = name.partition(".")
    keys = _keys(path)
    if kind not in ("p", "null") or not dot or len(keys) > places.MAX_DEPTH:
        return ""
    found = places.schema_at(schema, keys)
    return "" if found is None else pointer_to("/parameters", *keys)


def _unknown(name: str) -> str:
    kind, dot, path = name.partition(".")
    if kind not in ("p", "null") or not dot:
        return f"“{_shown(name)}” in this link is not known; names of parameters begin with “p.”"
    if len(_keys(path)) > places.MAX_DEPTH:
        return f"“{_shown(path)}” in this link {places.TOO_DEEP}"
    return f"“{_shown(path)}” in this link is not a parameter of this experiment"


def _read_parameter(schema: Schema, name: str, text: str, values: LinkValues) -> None:
    kind, _, path = name.partition(".")
    keys = _keys(path)
    pointer = pointer_to("/parameters", *keys)
    try:
        if kind == "null" and text:
            raise ValueError("is null in this link, and has a value, too; only one is possible")
        value = None if kind == "null" else places.read(places.schema_at(schema, keys) or {}, text)
    except ValueError as error:
        _add_once(values.errors, pointer, str(error))
        values.texts.setdefault(pointer, text)
        return
    if not _put(values.parameters, keys, value):
        _add_once(values.errors, pointer, "is in this link twice, in two different ways")


def _keys(path: str) -> list[str]:
    if path.startswith("/"):
        return [key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/")]
    return path.split(".")


def _put(target: dict[str, Any], keys: Sequence[str], value: Any) -> bool:
    """Put the value at its place; False if another value is in the way."""
    for key in keys[:-1]:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            return False
    if keys[-1] in target:
        return False
    target[keys[-1]] = value
    return True


def link_query(
    schema: Schema,
    parameters: Mapping[str, Any],
    notebook: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> str:
    """The query of a link that fills in these values; passwords are left out.

    `notebook` has some of the fields NOTEBOOK; empty ones are left out. `texts` are those of
    parameters that are no values, by JSON pointer, as in `LinkValues`.
    """
    hidden = set(passwords.paths(schema, parameters))
    pairs = list(_pairs(schema, parameters, (), hidden))
    return _joined(schema, pairs, notebook or {}, texts or {})


def preview_query(
    schema: Schema, parameters: Mapping[str, Any], notebook: Mapping[str, Any]
) -> str:
    """As `link_query`, with placeholders for passwords: without them, parameters would lack."""
    shown = passwords.with_placeholders(schema, parameters)
    return _joined(schema, list(_pairs(schema, shown, (), ())), notebook, {})


def _joined(
    schema: Schema,
    pairs: list[tuple[str, str]],
    notebook: Mapping[str, Any],
    texts: Mapping[str, str],
) -> str:
    """The query of the parameters in `pairs`, of the texts and of the notebook's place."""
    for pointer, text in texts.items():
        keys = _keys(pointer.removeprefix("/parameters"))
        if places.schema_at(schema, keys) is not None:
            pairs.append((f"p.{_path(keys)}", text))
    pairs += [(name, str(notebook[name])) for name in NOTEBOOK if notebook.get(name)]
    # RFC 3986, section 3.4: these may be in a query as they are
    return urlencode(pairs, safe="/:")


def stored_query(
    schema: Schema, parameters: Mapping[str, Any], notebook: Mapping[str, Any]
) -> str | None:
    """As `link_query`; None if the link would be too long."""
    query = link_query(schema, parameters, notebook)
    return query if len(query) <= MAX_QUERY else None


def form_address(base: str, experiment: str, query: str | None) -> str:
    """The address of an experiment's form below the launcher's `base`, filled in by the query."""
    return f"{base}/launch/{experiment}" + (f"?{query}" if query else "")


def _pairs(
    schema: Schema, value: Any, keys: tuple[str, ...], hidden: Collection[passwords.Path]
) -> Iterator[tuple[str, str]]:
    """Names and texts; a value with a password inside is left out if it is written as one JSON."""
    if isinstance(value, Mapping) and value and (not keys or places.is_object(schema)):
        for key, inner in value.items():
            found = places.schema_at(schema, [key]) or {}
            yield from _pairs(found, inner, (*keys, key), hidden)
    elif not keys or any(path[: len(keys)] == keys for path in hidden):
        return
    elif value is None and places.is_text(schema):
        yield f"null.{_path(keys)}", ""
    else:
        yield f"p.{_path(keys)}", places.write(schema, value)


def _path(keys: Sequence[str]) -> str:
    if all(key and "." not in key for key in keys) and not keys[0].startswith("/"):
        return ".".join(keys)
    return pointer_to("", *keys)


def _add_once(errors: list[dict[str, str]], pointer: str, detail: str) -> None:
    error = {"pointer": pointer, "detail": detail}
    if error not in errors:
        errors.append(error)


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:64])
