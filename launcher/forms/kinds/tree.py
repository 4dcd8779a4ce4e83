"""Builds the kinds of a form from a JSON Schema."""

from collections.abc import Callable, Mapping
from typing import Final

from launcher.forms.kinds import Kind
from launcher.forms.kinds.anything import JSONKind, OrJSON
from launcher.forms.kinds.choice import ChoiceKind, FlagKind
from launcher.forms.kinds.group import GroupKind
from launcher.forms.kinds.merging import Schema, alternatives, title_of, titles, with_all_of
from launcher.forms.kinds.number import NumberKind
from launcher.forms.kinds.pairs import Pairs
from launcher.forms.kinds.place import Place
from launcher.forms.kinds.rows import MAX_ROWS, RowsKind
from launcher.forms.kinds.switch import Option, SwitchKind
from launcher.forms.kinds.text import TextKind

# what is nested deeper is shown as JSON
MAX_DEPTH: Final = 10


def group_of(schema: Schema, title: str) -> GroupKind:
    """The kind of the whole form, whose schema is one of an object."""
    return _group(Place(with_all_of(schema), title, required=True, depth=0))


def kind_of(schema: Schema, title: str, *, required: bool = True, depth: int) -> Kind:
    """The kind of a schema, with the kinds below it."""
    whole = with_all_of(schema)
    place = Place(whole, title, required, depth)
    if depth > MAX_DEPTH:
        return JSONKind(place)
    if "enum" in whole:
        return ChoiceKind(place)
    if found := alternatives(whole):
        return _switch(place, found)
    default = "object" if "properties" in whole else ""
    maker = _MAKERS.get(str(whole.get("type", default)), JSONKind)
    return maker(place)


def _group(place: Place) -> GroupKind:
    more = place.schema.get("additionalProperties", True)
    further: Schema = more if isinstance(more, Mapping) else {}
    required = place.schema.get("required", ())
    properties = {**place.schema.get("properties", {})}
    if more is not False:
        properties |= {name: further for name in required if name not in properties}
    children = {
        name: kind_of(each, title_of(each, name), required=name in required, depth=place.depth + 1)
        for name, each in properties.items()
    }
    if more is False:
        return GroupKind(place, children, None)
    item = kind_of(further, title_of(further, "Value"), depth=place.depth + 1)
    most = int(place.schema.get("maxProperties", MAX_ROWS))
    return GroupKind(place, children, Pairs(place, item, most))


def _group_or_json(place: Place) -> Kind:
    return OrJSON(_group(place), place)


def _rows(place: Place) -> Kind:
    schema = place.schema.get("items", {})
    item = kind_of(schema, title_of(schema, "Item"), depth=place.depth + 1)
    return OrJSON(RowsKind(place, item), place)


def _text(place: Place) -> Kind:
    return OrJSON(TextKind(place), place)


def _boolean(place: Place) -> Kind:
    return FlagKind(place) if place.always and not place.nullable else ChoiceKind(place)


def _switch(place: Place, schemas: list[Schema]) -> Kind:
    options = []
    for title, schema in zip(titles(schemas), schemas, strict=True):
        inner = title_of(schema, place.title)
        options.append(Option(title, kind_of(schema, inner, depth=place.depth + 1), schema))
    return OrJSON(SwitchKind(place, options), place)


_MAKERS: Final[Mapping[str, Callable[[Place], Kind]]] = {
    "object": _group_or_json,
    "array": _rows,
    "boolean": _boolean,
    "string": _text,
    "number": NumberKind,
    "integer": NumberKind,
}
