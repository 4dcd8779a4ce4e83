"""Remembers which notebooks could not be shown, so that they are not tried again and again."""

from cachetools import TTLCache

from launcher.errors import RenderingFailed
from launcher.rendering.failures import is_costly
from launcher.rendering.views import View

SECONDS = 300.0
MOST = 10_000


class FailedRenderings:
    """The failures of the last minutes in one worker."""

    def __init__(self) -> None:
        self._sentences: TTLCache[tuple[str, View | None], str] = TTLCache(MOST, SECONDS)

    def add(self, content_hash: str, view: View, failure: RenderingFailed) -> None:
        """Remember a failure: for all views if it took much time."""
        key = content_hash, None if is_costly(failure.detail) else view
        self._sentences[key] = failure.detail

    def check(self, content_hash: str, view: View) -> None:
        """Raise RenderingFailed if that content, or this view of it, failed."""
        for key in ((content_hash, None), (content_hash, view)):
            if sentence := self._sentences.get(key):
                raise RenderingFailed(sentence)
