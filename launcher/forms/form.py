"""A form: from a schema and a value to controls, and from submitted fields to a value."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher.forms import actions
from launcher.forms.controls import GroupControl
from launcher.forms.fields import MAX_ALL_ROWS, MAX_FIELDS, MISSING, VALUES, Fields
from launcher.forms.kinds.tree import group_of
from launcher.forms.problems import Problem, explained, places, problem_of
from launcher.schemas import Checker

Pairs = Iterable[tuple[str, str]]
TOO_MANY = (
    f"has more than {MAX_FIELDS:,} fields or {MAX_ALL_ROWS:,} rows; remove some, or use the API"
)


@dataclass(frozen=True)
class Parsed:
    """What somebody submitted."""

    value: dict[str, Any]
    errors: tuple[Mapping[str, str], ...]
    """Texts that are no values, by the names of their controls."""
    names: Mapping[str, str]
    """The names of the controls by the JSON pointers of their values."""
    chosen: Mapping[str, tuple[Checker, Any]] = field(default_factory=dict)
    """The checkers of the alternatives that were chosen, with the values, by their pointers."""

    def name_of(self, pointer: str) -> str:
        """The control at a JSON pointer, else that of the nearest value around it, or ''."""
        while pointer and pointer not in self.names:
            pointer = pointer.rpartition("/")[0]
        return self.names.get(pointer, "")


class SchemaForm:
    """The form of one schema; made once, used for every request."""

    def __init__(self, schema: Mapping[str, Any], base: str, title: str) -> None:
        """`base` is the JSON pointer of the value in a request, `title` its title in the page."""
        self.base = base
        self._kind = group_of(schema, title)

    def fill(
        self, value: Mapping[str, Any], texts: Mapping[str, str] | None = None
    ) -> list[tuple[str, str]]:
        """The fields that show a value; what it lacks is shown with its default.

        `texts` are shown as they are, at the controls with these names: they are no values.
        """
        fields = Fields()
        fields.show_unread(texts or {})
        self._kind.write(self.base, dict(value), fields)
        return list(fields.pairs())

    def parse(self, pairs: Pairs) -> Parsed:
        """The value that the submitted fields stand for."""
        fields = Fields(pairs)
        value = self._kind.read(self.base, self.base, fields)
        if fields.is_full:
            fields.wrong(self.base, TOO_MANY)
        known = {} if value is MISSING or value is None else value
        return Parsed(known, tuple(fields.errors), fields.names, fields.chosen)

    def apply(self, pairs: Pairs, action: str) -> list[tuple[str, str]] | None:
        """The fields after one of the form's own buttons; None if the action is another one."""
        return actions.apply(Fields(pairs), action)

    def without(self, pairs: Pairs, names: Collection[str]) -> list[tuple[str, str]]:
        """The fields without those of the controls with these names."""
        if self.base in names:
            return []
        emptied = {*names, *(f"{marker}:{name}" for name in names for marker in VALUES)}
        return [pair for pair in pairs if pair[0] not in emptied]

    def control(self, pairs: Pairs, problems: Iterable[Problem] = ()) -> GroupControl:
        """The controls that show the fields, with the problems beside them."""
        errors: dict[str, tuple[str, ...]] = {}
        for problem in problems:
            errors[problem.name] = (*errors.get(problem.name, ()), problem.text)
        return self._kind.control(self.base, Fields(pairs), errors)

    def problems(
        self, pairs: Pairs, parsed: Parsed, errors: Iterable[Mapping[str, str]]
    ) -> list[Problem]:
        """The errors of the form itself and those of a validator, in the words of the page.

        Each of `errors` has the JSON pointer of a value and the end of a sentence. They are in the
        order of the fields.
        """
        found = places(self.control(pairs))
        own = [problem_of(error["pointer"], "", error["detail"], found) for error in parsed.errors]
        wrong = {problem.name for problem in own}
        later = []
        for error in explained(errors, parsed.chosen):
            name = parsed.name_of(error["pointer"])
            if name not in wrong:
                below = _below(error["pointer"], name, parsed.names)
                later.append(problem_of(name, below, error["detail"], found))
        order = {name: number for number, name in enumerate(found)}
        return sorted(
            dict.fromkeys([*own, *later]),
            key=lambda problem: order.get(problem.name, len(order)),
        )


def _below(pointer: str, name: str, names: Mapping[str, str]) -> str:
    """The part of the pointer that has no control of its own."""
    rest = ""
    while pointer and pointer not in names:
        pointer, _, last = pointer.rpartition("/")
        rest = f"/{last}{rest}"
    return rest
