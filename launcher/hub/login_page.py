"""Reads the forms of a sign-in page.

html.parser takes minutes for 64 KiB of unfinished tags (CVE-2025-6069), and pages are untrusted
input. So a regular expression in linear time finds the tags, and html.parser reads single tags.
"""

import itertools
import re
from dataclasses import dataclass
from html.parser import HTMLParser

MAX_TAGS = 50
MAX_TAG_CHARACTERS = 4096
_TAGS = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<opaque>script|style|template|textarea)(?=[\s/>]).*?(?:</(?P=opaque)|\Z)"
    r"|(?P<tag></?(?:form|input)(?=[\s/>])(?:[^\"'<>]++|\"[^\"]*+\"|'[^']*+')*+>)",
    re.IGNORECASE | re.DOTALL,
)
_TYPED_INTO = {"", "text", "password", "number", "tel", "email"}


@dataclass(frozen=True)
class Field:
    """An input of text."""

    name: str
    required: bool


@dataclass
class Form:
    """A form: its action as in the page, and its fields."""

    action: str
    fields: list[Field]

    @property
    def names(self) -> set[str]:
        """The names of its fields."""
        return {field.name for field in self.fields}


def forms(page: bytes) -> list[Form]:
    """The forms of a page that have fields; fields outside of any form are another form."""
    reader = _Reader()
    found = (match["tag"] or "" for match in _TAGS.finditer(page.decode("utf-8", "replace")))
    tags = (tag for tag in found if 0 < len(tag) <= MAX_TAG_CHARACTERS)
    for tag in itertools.islice(tags, MAX_TAGS):
        reader.reset()
        reader.feed(tag)
    return [form for form in reader.forms if form.fields]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self._loose = self._open = Form("", [])
        self.forms = [self._loose]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}  # the first one counts
        if tag == "form":
            self._open = Form(values.get("action", ""), [])
            self.forms.append(self._open)
        elif values.get("type", "").strip().lower() in _TYPED_INTO and "disabled" not in values:
            self._open.fields.append(Field(values.get("name", ""), "required" in values))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # in HTML, `/>` does not end an element

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = self._loose
