"""The rendering process: imports nbconvert once, and forks a child for each notebook.

Run as a program, with the seconds after which it ends when idle. The parent sends notebooks on
stdin, and gets HTML or statistics on stdout. A child has limits on time and memory, and cannot
leave anything behind for the next notebook.
"""

import contextlib
import os
import resource
import select
import signal
import sys
import time
from typing import BinaryIO

from nbconvert import HTMLExporter

from launcher.rendering import answers, frames
from launcher.rendering.convert import exporter, warm_up
from launcher.rendering.failures import TOO_LARGE, TOO_LONG, NotebookUnusable
from launcher.rendering.limits import (
    COUNTING_CPU_SECONDS,
    CPU_SECONDS,
    MAX_HTML,
    MAX_MEMORY,
    SECONDS,
)

_ANSWERS = (frames.HTML, frames.COUNTED, frames.FAILED)


def main(idle_seconds: float) -> None:
    """Answer until stdin is closed, or nothing arrives for some time."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    made = exporter()
    warm_up(made)
    sink.write(frames.pack(frames.HTML, b"ready"))
    sink.flush()
    while select.select([source], [], [], idle_seconds)[0]:
        if (request := frames.read(source)) is None:
            return
        status, content = _in_child(made, request)
        sink.write(frames.pack(status, content))
        sink.flush()


def _in_child(made: HTMLExporter, request: frames.Frame) -> tuple[bytes, bytes]:
    """The answer of a child to one request."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _run(made, request, writer)
    os.close(writer)
    with open(reader, "rb", buffering=0) as answer:
        content = _read(answer)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if content is None:
        return frames.FAILED, TOO_LONG.encode()
    if content[:1] in _ANSWERS:
        return content[:1], content[1:]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
    return frames.FAILED, (TOO_LONG if killed else TOO_LARGE).encode()


def _read(answer: BinaryIO) -> bytes | None:
    """What the child writes, at most MAX_HTML bytes; None if it takes too long."""
    content, until = bytearray(), time.monotonic() + SECONDS
    while len(content) <= MAX_HTML:
        ready, _, _ = select.select([answer], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        chunk = answer.read(65_536)
        if not chunk:
            return bytes(content)
        content += chunk
    return frames.FAILED + TOO_LARGE.encode()


def _run(made: HTMLExporter, request: frames.Frame, writer: int) -> None:
    """Answer in this child, and end it."""
    # the launcher's pipes: they are closed when the parent dies
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, sys.stdin.fileno())
    os.dup2(null, sys.stdout.fileno())
    # also ends a child whose parent died
    signal.setitimer(signal.ITIMER_REAL, SECONDS + 1)
    cpu = COUNTING_CPU_SECONDS if request.kind == frames.STATISTICS else CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = answers.answer(made, request)
    except MemoryError:
        os._exit(3)
    except NotebookUnusable as error:
        answer = frames.FAILED + error.reason.encode()
    except BaseException:  # whatever a notebook makes a library raise ends this child alone
        answer = frames.FAILED + answers.INVALID[request.kind].encode()
    with contextlib.suppress(OSError), os.fdopen(writer, "wb") as sink:
        sink.write(answer)
    os._exit(0)


if __name__ == "__main__":
    main(float(sys.argv[1]))
