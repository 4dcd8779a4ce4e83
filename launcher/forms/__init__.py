"""Forms from JSON Schemas (the subset of OpenAPI 3.0): controls, and what people submit in them.

A control's name is the JSON pointer (RFC 6901) of its value. Markers beside it have prefixes:
`given:` (present although empty), `null:` (explicit null), `row:` (a row of a list), `key:` (the
name in a row of names and values) and `type:` (the alternative that was chosen).
"""

from launcher.forms.form import Parsed, Problem, SchemaForm
from launcher.forms.kinds.merging import title_of

__all__ = ["Parsed", "Problem", "SchemaForm", "title_of"]
