"""The form's own buttons, for browsers without scripts: add and remove rows, switch.

They work on the fields that were submitted, so nothing that was typed is lost.
"""

from launcher.forms.fields import EMPTIED, Fields
from launcher.forms.kinds.pairs import pair_name
from launcher.forms.kinds.rows import MAX_ROWS, NEW

VERBS = ("add", "pair", "remove", "switch", "empty")


def apply(fields: Fields, action: str) -> list[tuple[str, str]] | None:
    """The fields after a button whose value is `action`; None if it is not one of these.

    `add NAME` adds a row to a list, `pair NAME` one with a name, `remove NAME` removes a row;
    `switch NAME` shows the alternative that was chosen; `empty NAME` shows the control of a value
    that was shown as JSON, as it is without a value. The field `focus:NAME` says which control
    has the focus afterwards.
    """
    verb, _, name = action.partition(" ")
    if verb not in VERBS or not name.startswith("/"):
        return None
    if verb == "remove":
        fields = fields.without(name)
        name = name.rpartition("/")[0]
    elif verb == "empty":
        fields = fields.without(name, but=("row", "key"))
        fields.add(f"{EMPTIED}:{name}", "on")
    elif verb in ("add", "pair"):
        name = _added(fields, name, pair=verb == "pair")
    return [*fields.pairs(), (f"focus:{name}", "on")]


def _added(fields: Fields, name: str, *, pair: bool) -> str:
    """Add a row to a list; what has the focus then: the list if it has too many rows."""
    numbers = fields.rows(name)
    if len(numbers) >= MAX_ROWS:
        return name
    number = str(numbers[-1] + 1 if numbers else 0)
    row = pair_name(name, number) if pair else f"{name}/{number}"
    fields.add(f"row:{row}", NEW)
    if pair:
        fields.add(f"key:{row}", "")
        return f"key:{row}"
    return row
