"""Measures what the launcher needs to answer the hub's spawn hook.

python benchmarks/spawn_hook.py

The application runs in this process, with SQLite. A request for /health is measured in the same
run, for comparison. The validator is `none`: another one adds its own time.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests/support")]

from application import application  # noqa: E402
from environments import SITE, add, ask, select  # noqa: E402
from fakehub import FakeHub, served  # noqa: E402

ROUNDS = 200
ENTRYPOINTS = 50


def main() -> None:
    """Print a table: median and slowest of ROUNDS, in milliseconds, and ratios to /health."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served(FakeHub()) as hub,
        application(hub, folder, **SITE) as client,
    ):
        user = hub.add_user()
        for number in range(ENTRYPOINTS):
            add(client, user, f"environment-{number}")
        measured = {"/health": measure(lambda: client.get("/health"))}
        measured["nothing selected"] = measure(lambda: ask(client, user, token="t" * 32))
        select(client, user, name="environment-7")
        measured["an entrypoint selected"] = measure(lambda: ask(client, user, token="t" * 32))
    bare = statistics.median(measured["/health"])
    print(f"{'request':<28}{'median':>10}{'slowest':>10}{'ratio':>8}  (ms)")
    for name, times in measured.items():
        median = statistics.median(times)
        print(f"{name:<28}{median:>10.2f}{times[-1]:>10.2f}{median / bare:>8.1f}")


def measure(request: Callable[[], object]) -> list[float]:
    """The times of ROUNDS requests in milliseconds, sorted, after a first one."""
    times = []
    for number in range(ROUNDS + 1):
        began = time.perf_counter()
        answer = request()
        took = 1000 * (time.perf_counter() - began)
        if answer.status_code != 200:
            sys.exit(f"status {answer.status_code}: {answer.text[:500]}")
        if number:
            times.append(took)
    return sorted(times)


if __name__ == "__main__":
    main()
