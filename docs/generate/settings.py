"""The configuration reference, from the traits of `launcher.config.Launcher`."""

from inspect import cleandoc
from typing import Any

from traitlets import Bool, Integer, List

from launcher.config import Launcher


def markdown() -> str:
    """A section for each setting, in the order of the source."""
    traits = Launcher.class_own_traits(config=True)
    ordered = [name for name in vars(Launcher) if name in traits]
    return "\n".join(_section(name, traits[name]) for name in ordered)


def _section(name: str, trait: Any) -> str:
    help_text = cleandoc(trait.help)
    facts = [_type(trait)]
    if "Default:" not in help_text:
        facts.append(f"default `{trait.default_value if trait.default_value else _empty(trait)!r}`")
    return f"### {name}\n\n`c.Launcher.{name}`: {', '.join(facts)}\n\n{help_text}\n"


def _empty(trait: Any) -> Any:
    if isinstance(trait, List):
        return list(trait.default_args[0]) if trait.default_args else []
    return trait.default_value


def _type(trait: Any) -> str:
    if isinstance(trait, Bool):
        return "boolean"
    if isinstance(trait, List):
        return "list of strings"
    if isinstance(trait, Integer):
        bounds = [f"at least {trait.min}"] if trait.min is not None else []
        bounds += [f"at most {trait.max}"] if trait.max is not None else []
        return ", ".join(["integer", *bounds])
    return "string"
