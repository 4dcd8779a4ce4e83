"""What a template shows: one dataclass for each sort of control."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Control:
    """What all controls have. Templates choose a macro by `sort`."""

    name: str
    """The JSON pointer of its value; markers beside it have a prefix."""
    title: str
    description: str = ""
    required: bool = False
    errors: tuple[str, ...] = ()
    """Sentences, without the full stop."""
    nullable: bool = False
    is_null: bool = False
    is_given: bool = False
    """Whether it is present although it is empty."""
    has_focus: bool = False
    """Whether it has the focus when the page opens."""
    hint: str = ""
    example: str = ""

    sort = ""

    @property
    def id(self) -> str:
        """Its id in the page."""
        return anchor(self.name)

    @property
    def help(self) -> str:
        """The description and the hint."""
        description = self.description
        more = self.hint or self.example
        if description and more and description[-1] not in ".!?:;":
            description += "."
        return f"{description} {self.hint}".strip()


@dataclass(frozen=True, kw_only=True)
class TextControl(Control):
    """One line of text, a password, several lines, a number or JSON, as `type` says."""

    value: str = ""
    type: str = "text"
    field: str = ""
    """The name of the field, if it is not that of the control."""

    sort = "text"

    @property
    def lines(self) -> int:
        """The height of a field of several lines."""
        least = 1 if self.type == "json" else 3
        return min(12, max(least, self.value.count("\n") + 1))


@dataclass(frozen=True, kw_only=True)
class FlagControl(Control):
    """A checkbox: yes or no."""

    is_checked: bool = False

    sort = "flag"


@dataclass(frozen=True)
class Choice:
    """One option; `value` is JSON, '' stands for no answer."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class ChoiceControl(Control):
    """A choice of one of several values."""

    value: str = ""
    choices: tuple[Choice, ...] = ()

    sort = "choice"


@dataclass(frozen=True, kw_only=True)
class GroupControl(Control):
    """The fields of an object, and rows of further names and values."""

    children: tuple[Control, ...] = ()
    rows: "PairsControl | None" = None
    can_include: bool = False
    """Whether a checkbox says that the object is present although nothing is filled in."""

    sort = "group"


@dataclass(frozen=True, kw_only=True)
class RowControl:
    """One row of a list: the marker's name, and the control of the item."""

    name: str
    item: Control
    key: str = ""
    key_name: str = ""
    has_focus: bool = False

    @property
    def id(self) -> str:
        """Its id in the page."""
        return anchor(self.name)


@dataclass(frozen=True, kw_only=True)
class ListControl(Control):
    """A list with a row for each item."""

    rows: tuple[RowControl, ...] = ()
    can_add: bool = True
    template: RowControl | None = None
    """An empty row, which a script copies."""
    most: int = 0

    sort = "list"


@dataclass(frozen=True, kw_only=True)
class PairsControl(ListControl):
    """Rows of names and values."""

    sort = "pairs"


@dataclass(frozen=True)
class Alternative:
    """An alternative that is not chosen; a script shows it when it is."""

    value: str
    control: Control


@dataclass(frozen=True, kw_only=True)
class SwitchControl(Control):
    """A choice between alternatives, and the control of the chosen one."""

    chosen: str = ""
    choices: tuple[Choice, ...] = ()
    inner: Control | None = None
    others: tuple[Alternative, ...] = ()

    sort = "switch"


def anchor(name: str) -> str:
    """The id of a control's element: the pointer, without characters that selectors escape.

    It contains no `-`, so what belongs to the control can add an ending: `…-error`.
    """
    return "field" + "".join(
        letter if letter.isascii() and (letter.isalnum() or letter == "_") else f".{ord(letter):x}."
        for letter in name
    )
