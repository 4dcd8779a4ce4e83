"""Measures what the post-save hook adds to a save of a notebook.

python benchmarks/save_hook.py

The contents manager of Jupyter Server saves to a temporary folder, in turn without the hook, with
it, and with it while the notebook before is still delivered. The launcher is a server in another
process that takes everything.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests/support"), str(TOP)]

from jupyter_server.services.contents.largefilemanager import LargeFileManager  # noqa: E402
from launcher_for_saves import TOKEN, save  # noqa: E402
from nbformat import v4  # noqa: E402
from traitlets.config import Config  # noqa: E402
from waiting import wait_until  # noqa: E402

from launcher.singleuser import save_hook  # noqa: E402

ROUNDS = 200
SIZES = (20_000, 200_000, 2_000_000)
CELL = 4_000
ORDER = random.Random(1)
LAUNCHER = """
import threading
from launcher_for_saves import LauncherForSaves
print(LauncherForSaves().url, flush=True)
threading.Event().wait()
"""


def main() -> None:
    """Print a table: median and 95th percentile of ROUNDS saves, and their difference, in ms."""
    with tempfile.TemporaryDirectory() as folder, launcher() as url:
        os.environ |= {"LAUNCHER_URL": url, "JUPYTERHUB_API_TOKEN": TOKEN}
        os.environ |= {"JUPYTER_DATA_DIR": f"{folder}/data"}
        spool = Path(folder, "data/launcher-saves")
        Path(folder, "home").mkdir()
        without, hooked = managers(f"{folder}/home")
        heads = ("without", "p95", "with", "p95", "more", "p95", "busy: more", "p95")
        print(f"{'notebook':<12}" + "".join(f"{head:>11}" for head in heads) + "  (ms)")
        for size in SIZES:
            print_row(size, *measure(size, without, hooked, spool))


def managers(home: str) -> tuple[Any, Any]:
    """A contents manager without the hook, and one with it."""
    c = Config()
    save_hook.configure(c)
    return LargeFileManager(root_dir=home), LargeFileManager(root_dir=home, config=c)


@contextmanager
def launcher() -> Iterator[str]:
    """Run the launcher; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER],
        env={**os.environ, "PYTHONPATH": str(TOP / "tests/support")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def measure(size: int, without: Any, hooked: Any, spool: Path) -> tuple[list[float], ...]:
    """The times of saves without the hook, with it, and with it during a delivery."""
    content = notebook(size)
    times: tuple[list[float], ...] = ([], [], [])

    def saving(number: int) -> float:
        manager = hooked if number else without
        took = timed(lambda: save(manager, f"{size}.ipynb", content))
        times[number].append(took)
        return took

    def delivered() -> bool:
        return not list(spool.glob("*.json"))

    for manager in (without, hooked):
        save(manager, f"{size}.ipynb", content)
    for _ in range(ROUNDS):
        # the first save after a wait is slower
        for number in ORDER.sample((0, 1), 2):
            wait_until(delivered, "the delivery")
            saving(number)
        wait_until(delivered, "the delivery")
        save(hooked, f"{size}.ipynb", content)
        saving(2)
    wait_until(delivered, "the delivery")
    return times


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    began = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - began)


def print_row(size: int, *times: list[float]) -> None:
    """Print medians and 95th percentiles, and what is more than without the hook."""
    medians = [statistics.median(each) for each in times]
    slow = [statistics.quantiles(each, n=20)[-1] for each in times]
    row = [medians[0], slow[0], medians[1], slow[1]]
    for number in (1, 2):
        row += [medians[number] - medians[0], slow[number] - slow[0]]
    print(f"{size // 1000:>6} kB   " + "".join(f"{each:>11.2f}" for each in row))


def notebook(size: int) -> Any:
    """A notebook of about that size: code, with numbers as output."""
    numbers = random.Random(1)
    cells = []
    for _ in range(max(1, size // CELL)):
        text = "".join(f"step {n}: {numbers.random()}\n" for n in range(CELL // 50))
        code = "".join(f"total_{n} = f({n}, total_{n})\n" for n in range(CELL // 60))
        cells.append(v4.new_code_cell(code, outputs=[v4.new_output("stream", text=text)]))
    return v4.new_notebook(cells=cells)


if __name__ == "__main__":
    main()
