"""oneOf and anyOf: a choice between alternatives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from launcher.forms.controls import Alternative, Choice, Control, SwitchControl
from launcher.forms.fields import MISSING, Fields, Reading
from launcher.forms.kinds import Errors, Kind, empty
from launcher.forms.kinds.merging import Schema
from launcher.forms.kinds.place import Place
from launcher.schemas import Checker, is_valid


@dataclass(frozen=True)
class Option:
    """One alternative."""

    title: str
    kind: Kind
    schema: Schema
    checker: Checker = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checker", Checker(self.schema))


class SwitchKind:
    """One of several alternatives, each with a control of its own."""

    def __init__(self, place: Place, options: Sequence[Option]) -> None:
        self._place = place
        self._options = options

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write which alternative the value belongs to, and the value."""
        value = self._place.value_or_default(value)
        if value is MISSING and not self._place.required:
            return
        number = 0 if value is MISSING else self._fitting(value)
        fields.add(f"type:{name}", str(number))
        self._options[number].kind.write(name, value, fields)

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The value of the chosen alternative; MISSING if none was chosen."""
        fields.names[at] = name
        chosen = self._chosen(name, fields)
        if chosen is None:
            return MISSING
        value = chosen.kind.read(name, at, fields)
        fields.chosen[at] = (chosen.checker, value)
        return value

    def control(self, name: str, fields: Fields, errors: Errors) -> Control:
        """The choice, and the control of what was chosen."""
        chosen = self._chosen(name, fields)
        choices = [Choice(str(number), each.title) for number, each in enumerate(self._options)]
        if not self._place.always or chosen is None:
            choices.insert(0, Choice("", "Choose …" if self._place.always else "Not given"))
        common = {**self._place.common(name, fields, errors), "nullable": False}
        return SwitchControl(
            **common,
            chosen=fields.text(f"type:{name}") or "",
            choices=tuple(choices),
            inner=chosen.kind.control(name, fields, errors) if chosen else None,
            others=tuple(
                Alternative(str(number), empty(each.kind, name))
                for number, each in enumerate(self._options)
                if each is not chosen
            ),
        )

    def accepts(self, value: Any) -> bool:
        """Whether one of the alternatives accepts it."""
        return any(each.kind.accepts(value) for each in self._options)

    def _fitting(self, value: Any) -> int:
        """The alternative that the value is valid by, else one of its type."""
        valid = [n for n, each in enumerate(self._options) if is_valid(each.checker, value)]
        typed = [n for n, each in enumerate(self._options) if each.kind.accepts(value)]
        both = [number for number in typed if number in valid]
        return next(iter((*both, *valid, *typed)), 0)

    def _chosen(self, name: str, fields: Fields) -> Option | None:
        text = fields.text(f"type:{name}") or ""
        known = (option for number, option in enumerate(self._options) if str(number) == text)
        return next(known, None)
