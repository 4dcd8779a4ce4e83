"""The options of a server for a project, as fields of its form."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from launcher.forms import Problem
from launcher.forms.controls import Choice, ChoiceControl, Control, FlagControl, TextControl

BASE = "/serverOptions"
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?[0-9]{0,15}\.[0-9]{1,15}")
Options = Mapping[str, Mapping[str, Any]]
"""As `ServerOptions.offered` returns them."""


def pointer(name: str) -> str:
    """The JSON pointer of an option (RFC 6901), which is the name of its field."""
    return f"{BASE}/{name.replace('~', '~0').replace('/', '~1')}"


def defaults(offered: Options) -> dict[str, str]:
    """The texts of the fields as long as nobody chooses something else."""
    return {name: _text(option.get("default")) for name, option in offered.items()}


def read(offered: Options, texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of the texts; an empty text stands for the default."""
    given = {name: texts.get(name, "").strip() for name in offered}
    return {name: _value(offered[name], text) for name, text in given.items() if text}


def controls(
    offered: Options, texts: Mapping[str, str], problems: Iterable[Problem]
) -> list[Control]:
    """The controls of all options in the site's order."""
    errors: dict[str, tuple[str, ...]] = {}
    for problem in problems:
        errors[problem.name] = (*errors.get(problem.name, ()), problem.text)
    names = sorted(offered, key=lambda name: (offered[name].get("order", 0), name))
    return [
        _control(name, offered[name], texts.get(name, ""), errors.get(pointer(name), ()))
        for name in names
    ]


def title_of(offered: Options, name: str) -> str:
    """The title of an option's field."""
    return str(offered.get(name, {}).get("displayName") or name)


def _control(
    name: str, option: Mapping[str, Any], text: str, errors: tuple[str, ...]
) -> TextControl | ChoiceControl | FlagControl:
    common: dict[str, Any] = {
        "name": pointer(name),
        "title": str(option.get("displayName") or name),
        "errors": errors,
    }
    if option["type"] == "boolean":
        return FlagControl(**common, is_checked=text == "true")
    if option["type"] == "enum":
        choices = tuple(Choice(_text(each), _text(each)) for each in option.get("options", ()))
        return ChoiceControl(**common, value=text, choices=choices)
    is_size = isinstance(option["default"], str)
    kind = "text" if is_size else "integer" if option["type"] == "int" else "number"
    return TextControl(**common, value=text, type=kind, hint=_bounds(option))


def _bounds(option: Mapping[str, Any]) -> str:
    """The least and the largest value, and the default, as a sentence."""
    least, most = [_text(each) for each in option["range"]]
    return f"From {least} to {most}; {_text(option['default'])} if it is left empty."


def _value(option: Mapping[str, Any], text: str) -> Any:
    """The value that a text stands for; what is none is refused where all options are checked."""
    if option["type"] == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if option["type"] == "enum":
        return next((each for each in option.get("options", ()) if _text(each) == text), text)
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
