"""Objects: a group of controls, with rows for names that the schema does not list."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from launcher.forms.controls import GroupControl
from launcher.forms.fields import MISSING, Fields, Reading
from launcher.forms.kinds import BOTH, Errors, Kind
from launcher.forms.kinds.pairs import Pairs
from launcher.forms.kinds.place import Place
from launcher.schemas import pointer_to


class GroupKind:
    """An object. One that is optional is left out as long as it is as it was shown empty."""

    def __init__(self, place: Place, children: Mapping[str, Kind], pairs: Pairs | None) -> None:
        """`children` are the kinds of its properties, `pairs` those of further ones."""
        self._place = place
        self._children = children
        self._pairs = pairs

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write the properties; a marker if the object is present although nothing is filled in."""
        value = self._place.value_or_default(value)
        if value is None:
            fields.add(f"null:{name}", "on")
        present: dict[str, Any] = value if isinstance(value, dict) else {}
        for key, child in self._children.items():
            child.write(pointer_to(name, key), present.get(key, MISSING), fields)
        if self._pairs:
            self._pairs.write(name, self._further(present), fields, known=self._children)
        if isinstance(value, dict) and not self._place.always and self._is_blank(value):
            fields.add(f"given:{name}", "on")

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The object; MISSING if it is optional and as it was shown empty."""
        before = len(fields.errors)
        value = self._inside(name, at, fields)
        fields.names[at] = name
        untouched = len(fields.errors) == before and value == self._blank
        if self._place.is_null(name, fields):
            if not untouched:
                fields.wrong(name, BOTH)
            return None
        if self._place.always or not untouched or fields.has(f"given:{name}"):
            return value
        return MISSING

    def control(self, name: str, fields: Fields, errors: Errors) -> GroupControl:
        """The group of its controls."""
        return GroupControl(
            **self._place.common(name, fields, errors),
            children=tuple(
                child.control(pointer_to(name, key), fields, errors)
                for key, child in self._children.items()
            ),
            rows=self._pairs.control(name, fields, errors) if self._pairs else None,
            hint=self._place.limits,
            can_include=not self._place.always and self._may_be_blank,
        )

    def accepts(self, value: Any) -> bool:
        """Whether it is an object whose names can be written in rows."""
        if isinstance(value, dict):
            return not self._pairs or self._pairs.accepts(self._further(value))
        return value is None and self._place.nullable

    def _further(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: each for key, each in value.items() if key not in self._children}

    def _inside(self, name: str, at: str, fields: Fields) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, child in self._children.items():
            found = child.read(pointer_to(name, key), pointer_to(at, key), fields)
            if found is not MISSING:
                value[key] = found
        if self._pairs:
            value |= self._pairs.read(name, at, fields, known=self._children)
        return value

    def _is_blank(self, value: Mapping[str, Any]) -> bool:
        """Whether the group shows the value as if there were none."""
        return {**self._blank, **value} == self._blank

    @cached_property
    def _blank(self) -> dict[str, Any]:
        """The value of the group as it is shown without one."""
        fields = Fields()
        for key, child in self._children.items():
            child.write(pointer_to("", key), MISSING, fields)
        return self._inside("", "", fields)

    @cached_property
    def _may_be_blank(self) -> bool:
        """Whether the object is valid although nothing more is filled in."""
        return all(key in self._blank for key in self._place.schema.get("required", ()))
