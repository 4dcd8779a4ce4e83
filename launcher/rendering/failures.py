"""Why a notebook cannot be shown: what a rendering process sends in place of a document."""

TOO_LONG = "takes too long to show"
TOO_LARGE = "is too large to show"
INCOMPLETE = "is not a complete notebook: it may have been read while it was being written"
INVALID = "is not a valid notebook"
CANNOT_BE_SHOWN = "cannot be shown: it is not a valid notebook"

_ALL = (TOO_LONG, TOO_LARGE, INCOMPLETE, INVALID, CANNOT_BE_SHOWN)


class NotebookUnusable(Exception):
    """A notebook cannot be shown or counted; `reason` is one of the constants above."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_costly(sentence_of_failure: str) -> bool:
    """Whether the failure took much time, as other views of the notebook would."""
    return sentence_of_failure == sentence(TOO_LONG.encode())


def sentence(content: bytes) -> str:
    """What a user is told about a failure; the content is not trusted."""
    reason = content[:200].decode("utf-8", "replace")
    return f"The notebook {reason if reason in _ALL else INVALID}."
