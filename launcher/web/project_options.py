"""The options of a server for a project, as fields of its form."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from launcher.forms import Problem
from launcher.forms.controls import Choice, ChoiceControl, Control, FlagControl, TextControl
from launcher.projects import option_values

BASE = "/serverOptions"
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?[0-9]{0,15}\.[0-9]{1,15}")
_SIZE = "2G"
_UNITS = {"K": "kilobytes", "M": "megabytes", "G": "gigabytes", "T": "terabytes"}
_WITHOUT_EFFECT = "This has no effect on this site's servers."
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
    offered: Options,
    texts: Mapping[str, str],
    problems: Iterable[Problem],
    without_effect: Collection[str] = (),
) -> list[Control]:
    """The controls of all options in the site's order; it is said at those without effect."""
    errors: dict[str, tuple[str, ...]] = {}
    for problem in problems:
        errors[problem.name] = (*errors.get(problem.name, ()), problem.text)
    return [
        _control(
            name,
            offered[name],
            texts.get(name, ""),
            errors.get(pointer(name), ()),
            has_effect=name not in without_effect,
        )
        for name in names(offered)
    ]


def names(offered: Options) -> list[str]:
    """The names of the options in the site's order."""
    return sorted(offered, key=lambda name: (offered[name].get("order", 0), name))


def title_of(offered: Options, name: str) -> str:
    """The title of an option's field."""
    return str(offered.get(name, {}).get("displayName") or name)


def _control(
    name: str, option: Mapping[str, Any], text: str, errors: tuple[str, ...], *, has_effect: bool
) -> TextControl | ChoiceControl | FlagControl:
    common: dict[str, Any] = {
        "name": pointer(name),
        "title": str(option.get("displayName") or name),
        "errors": errors,
        "hint": "" if has_effect else _WITHOUT_EFFECT,
    }
    if option["type"] == "boolean":
        return FlagControl(**common, is_checked=text == "true")
    if option["type"] == "enum":
        choices = tuple(Choice(_text(each), _text(each)) for each in option.get("options", ()))
        return ChoiceControl(**common, value=text, choices=choices)
    is_size = isinstance(option["default"], str)
    kind = "text" if is_size else "integer" if option["type"] == "int" else "number"
    common["hint"] = f"{_bounds(option)} {common['hint']}".strip()
    return TextControl(**common, value=text, type=kind)


def _bounds(option: Mapping[str, Any]) -> str:
    """The least and the largest value, and the default, as a sentence."""
    least, most = [_text(each) for each in option["range"]]
    example = f", such as {_size(least, most)}" if isinstance(option["default"], str) else ""
    return f"From {least} to {most}{example}; {_text(option['default'])} if it is left empty."


def _size(least: str, most: str) -> str:
    """An example of a size in a range, with its unit in words."""
    read = option_values.Memory().read
    example = _SIZE if read(least) <= read(_SIZE) <= read(most) else most
    unit = _UNITS.get(example[-1], "bytes")
    return f"{example} ({unit})"


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
