"""Renders notebooks in child processes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from launcher.errors import RenderingBusy, RenderingFailed
from launcher.rendering import frames, statistics
from launcher.rendering.failures import INVALID, TOO_LARGE, sentence
from launcher.rendering.limits import IDLE_SECONDS, MAX_NOTEBOOK, MAX_OF_ONE, MAX_PACKED
from launcher.rendering.pool import ProcessPool
from launcher.rendering.statistics import Statistics
from launcher.rendering.views import WHOLE, View


class Renderer:
    """Shows and counts notebooks in the rendering processes of one worker.

    The processes end after `idle_seconds` without a notebook, and are ended by `close`. Each method
    raises RenderingFailed for a notebook that is not valid, too large or takes too long, and
    RenderingBusy while too many others are being rendered, too many of `who` wait, or if no process
    can be started. `who` is the owner of the notebook.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._processes = ProcessPool(idle_seconds)
        self._shown: Counter[str] = Counter()
        """The notebooks of each user that are being rendered or wait for it."""
        self._counted: Counter[str] = Counter()
        """The notebooks of each participant whose statistics are being made or wait for it."""

    async def render(self, notebook: Mapping[str, Any], stylesheet: str, who: str = "") -> str:
        """The notebook as a safe HTML document, which refers to the stylesheet's URL."""
        with _one_of(self._shown, who):
            return await self._document(_message(notebook, stylesheet))

    async def render_saved(
        self, packed: bytes, stylesheet: str, who: str = "", *, view: View = WHOLE
    ) -> str:
        """A saved notebook, or a part of it, as a safe HTML document.

        `packed` is the notebook file, compressed with gzip. It is not trusted, and unpacked in a
        child process only.
        """
        with _one_of(self._shown, who):
            _check_size(packed)
            options = {"stylesheet": stylesheet, "view": asdict(view)}
            return await self._document(frames.pack(frames.SAVED, frames.join(options, packed)))

    async def statistics(self, packed: bytes, who: str = "") -> Statistics:
        """What a saved notebook contains, in numbers. `packed` as for `render_saved`."""
        with _one_of(self._counted, who):
            _check_size(packed)
            answer = await self._processes.ask(frames.pack(frames.STATISTICS, packed))
        content = _content(answer, frames.COUNTED)
        try:
            return statistics.parse(content)
        except ValueError as error:
            raise RenderingFailed(sentence(INVALID.encode())) from error

    async def close(self) -> None:
        """End all processes; nothing is rendered afterwards."""
        await self._processes.close()

    async def _document(self, message: bytes) -> str:
        answer = await self._processes.ask(message)
        return _content(answer, frames.HTML).decode("utf-8", "replace")


@contextmanager
def _one_of(waiting: Counter[str], who: str) -> Iterator[None]:
    """Count one more notebook of a user; raises RenderingBusy."""
    if who and waiting[who] >= MAX_OF_ONE:
        raise RenderingBusy(
            "Several notebooks of one user are being rendered. Try again in some seconds.",
            retry_after=5,
        )
    waiting[who] += 1
    try:
        yield
    finally:
        waiting[who] -= 1
        if not waiting[who]:
            del waiting[who]


def _check_size(packed: bytes) -> None:
    """Raise RenderingFailed if a saved notebook is too large to be sent to a process."""
    if len(packed) > MAX_PACKED:
        raise RenderingFailed(sentence(TOO_LARGE.encode()))


def _content(answer: frames.Frame, kind: bytes) -> bytes:
    """The content of an answer of this kind; raises RenderingFailed for all others."""
    if answer.kind != kind:
        raise RenderingFailed(sentence(answer.content))
    return answer.content


def _message(notebook: Mapping[str, Any], stylesheet: str) -> bytes:
    """The message to a rendering process; raises RenderingFailed."""
    try:
        body = json.dumps({"notebook": notebook, "stylesheet": stylesheet}).encode()
    except RecursionError as error:
        raise RenderingFailed("The notebook is nested too deeply to show.") from error
    if len(body) > MAX_NOTEBOOK:
        raise RenderingFailed(sentence(TOO_LARGE.encode()))
    return frames.pack(frames.NOTEBOOK, body)
