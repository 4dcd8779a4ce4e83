"""The error for a specification or a message that is not valid."""


class SpecificationError(ValueError):
    """A spawn specification is not valid; names the field, and says what is allowed."""

    def __init__(self, field: str, detail: str) -> None:
        """`field` is a path such as `mounts[0].target`, `detail` the end of a sentence."""
        super().__init__(f"{field} {detail}." if field else f"The specification {detail}.")
        self.field = field
        self.detail = detail
