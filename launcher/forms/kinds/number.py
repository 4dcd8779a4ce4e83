"""Numbers, exactly as they are written."""

import json
import math
import re
from typing import Any

from launcher.forms.fields import MISSING, Fields, Reading
from launcher.forms.kinds.text import TextKind

# the grammar of JSON (RFC 8259, section 6)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# the time of int() grows with the square of the number of digits; the API has the same limit
MAX_DIGITS = 400


class NumberKind(TextKind):
    """A number."""

    def accepts(self, value: Any) -> bool:
        """Whether it is a number of the right type."""
        kinds = int if self._is_whole else (int, float)
        number = isinstance(value, kinds) and not isinstance(value, bool)
        return number or (value is None and self._place.nullable)

    @property
    def _is_whole(self) -> bool:
        return self._place.schema.get("type") == "integer"

    def _shown(self, value: Any) -> str:
        return json.dumps(value)

    def _empty(self, name: str, fields: Fields) -> Reading:
        if fields.has(name) and "default" in self._place.schema:
            default = self._shown(self._place.default)
            fields.wrong(name, f"has to be filled in; the default is {default}")
        return MISSING

    def _parsed(self, name: str, text: str, fields: Fields) -> Reading:
        text = text.strip()
        found = _NUMBER.fullmatch(text)
        if found and len(text) > MAX_DIGITS:
            fields.wrong(name, f"may have at most {MAX_DIGITS} digits")
            return MISSING
        number = (float(text) if found[1] or found[2] else int(text)) if found else math.nan
        is_whole = isinstance(number, int)
        # an integer can be too large for a float
        if is_whole or (math.isfinite(number) and not self._is_whole):
            return number
        fields.wrong(name, self._fault(text, too_large=math.isinf(number)))
        return MISSING

    def _fault(self, text: str, *, too_large: bool) -> str:
        if too_large:
            return "is too large"
        if self._is_whole:
            return "must be a whole number, such as 12"
        if re.fullmatch(r"-?[0-9]{1,20},[0-9]{1,20}", text):
            return f"must be a number with a point, such as {text.replace(',', '.')}"
        return "must be a number, such as 1.5"

    def _type(self, value: str) -> str:
        return "integer" if self._is_whole else "number"

    def _hint(self) -> str:
        return self._place.limits
