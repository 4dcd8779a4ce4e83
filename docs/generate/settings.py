"""The configuration reference, from the traits of `launcher.config.Launcher`."""

from inspect import cleandoc
from typing import Any

from traitlets import Any as AnyValue
from traitlets import Bool, Dict, Integer, List, Undefined, Unicode

from launcher.config import Launcher


def markdown() -> str:
    """A section for each setting, in the order of the source."""
    traits = Launcher.settings()
    ordered = [name for part in Launcher.__mro__ for name in vars(part) if name in traits]
    return "\n".join(_section(name, traits[name]) for name in ordered)


def _section(name: str, trait: Any) -> str:
    help_text = cleandoc(trait.help)
    facts = [_type(trait)]
    if "Default:" not in help_text:
        facts.append(f"default `{_default(trait)!r}`")
    return f"### {name}\n\n`c.Launcher.{name}`: {', '.join(facts)}\n\n{help_text}\n"


def _default(trait: Any) -> Any:
    if trait.default_value not in (Undefined, None, ""):
        return trait.default_value
    if isinstance(trait, List):
        return list(trait.default_args[0]) if trait.default_args else []
    return {} if isinstance(trait, Dict) else trait.default_value


_ITEMS = {Unicode: "strings", Dict: "dictionaries"}


def _type(trait: Any) -> str:
    if isinstance(trait, Bool):
        return "boolean"
    if isinstance(trait, Dict):
        return "dictionary"
    if isinstance(trait, List):
        return f"list of {_ITEMS.get(type(trait._trait), 'any values')}"
    if isinstance(trait, Integer):
        bounds = [f"at least {trait.min}"] if trait.min is not None else []
        bounds += [f"at most {trait.max}"] if trait.max is not None else []
        return ", ".join(["integer", *bounds])
    return "any value" if type(trait) is AnyValue else "string"
