"""Reads YAML with the core schema of YAML 1.2, in which `no`, dates and times are strings.

PyYAML implements YAML 1.1, in which `[NL, NO]` is a string and a boolean.
"""

import json
import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

import yaml

from launcher.experiments.faults import Unusable
from launcher.schemas import pointer_to

# a limit, because nested aliases grow exponentially
MAX_VALUES = 50_000
MAX_DEPTH = 100
# below the limit at which Python refuses to convert integers to text
MAX_DIGITS = 1000

_TAG = "tag:yaml.org,2002:"
# YAML 1.2.2, section 10.3.2, with the first characters of each
_RESOLVERS = {
    "null": (r"null|Null|NULL|~|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?(?:\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
        list("-+.0123456789"),
    ),
    # of YAML 1.1; supported because it is common
    "merge": (r"<<", ["<"]),
}


class _Loader(yaml.SafeLoader):
    """Loads the core schema, and refuses duplicate keys."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way
    yaml_constructors = {
        _TAG + name: yaml.SafeLoader.yaml_constructors[_TAG + name]
        for name in ("str", "seq", "map")
    } | {None: yaml.SafeLoader.yaml_constructors[None]}

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.composer.ComposerError(
                        problem=f"the key {key.value!r} is duplicate",
                        problem_mark=key.start_mark,
                    )
                seen.add(key.value)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MAX_VALUES:
            raise yaml.constructor.ConstructorError(
                problem="its merge keys (<<) add too many values", problem_mark=node.start_mark
            )


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("it has too many digits")
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


_VALUES: dict[str, Callable[[str], Any]] = {
    "null": lambda _text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _int,
    "float": lambda text: float(re.sub(r"\.(?=[inIN])", "", text)),
}


def _constructor(name: str) -> Callable[[_Loader, yaml.ScalarNode], Any]:
    """A constructor that raises ConstructorError for text that does not match the tag."""
    pattern = re.compile(_RESOLVERS[name][0])

    def construct(loader: _Loader, node: yaml.ScalarNode) -> Any:
        text = str(loader.construct_scalar(node))
        problem = f"{text!r} is not of the type {name}"
        try:
            if pattern.fullmatch(text):
                return _VALUES[name](text)
        except ValueError as error:
            problem = str(error)
        raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)

    return construct


for _name, (_pattern, _first) in _RESOLVERS.items():
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)
for _name in _VALUES:
    _Loader.add_constructor(_TAG + _name, _constructor(_name))


def load(text: str) -> Any:
    """Load the text as a JSON value; raises Unusable."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer tags
    except yaml.MarkedYAMLError as error:
        raise Unusable([("", f"cannot be read as YAML: {_where(error)}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Unusable([("", f"cannot be read as YAML: {reason}")]) from error
    problems = list(not_json(value))
    if problems:
        raise Unusable(problems)
    return value


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + (error.problem or error.context or "it is not valid")


def not_json(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Values that JSON cannot represent, as pairs of a JSON pointer and the end of a sentence."""
    waiting, count = [(key, value, 0)], 0
    while waiting:
        key, value, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            yield key[:200], "is nested too deeply or too large; does an alias (*) contain itself?"
            return
        if isinstance(value, dict):
            yield from _names(key, value)
            waiting += [(pointer_to(key, k), v, depth + 1) for k, v in reversed(value.items())]
        elif isinstance(value, list):
            items = reversed(list(enumerate(value)))
            waiting += [(pointer_to(key, n), v, depth + 1) for n, v in items]
        elif problem := _problem(value):
            yield key, problem


def _names(key: str, value: dict[Any, Any]) -> Iterator[tuple[str, str]]:
    for name in value:
        if not isinstance(name, str):
            yield (
                pointer_to(key, json.dumps(name)),
                "is a name that is not text; write it in quotes",
            )
        elif problem := _problem(name):
            yield key, f"has a name that {problem}"


def _problem(value: Any) -> str:
    if isinstance(value, float) and not isfinite(value):
        return "is not a JSON number; write a finite number, or leave it out"
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return "contains half of a surrogate pair; write the whole character"
    elif not isinstance(value, (int, float, bool, type(None))):
        return f"is a {type(value).__name__}; write text in quotes"
    return ""
