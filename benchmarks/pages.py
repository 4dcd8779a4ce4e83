"""Measures the pages on the server's side: the home page with 500 experiments, a form, a preview.

python benchmarks/pages.py

Each page is requested from the application in this process, beside a fake hub; a bare call of the
hub (the user's servers) is measured in the same run, for comparison. No browser takes part.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests/support")]

from application import application  # noqa: E402
from experiment_folders import write_experiment  # noqa: E402
from fakehub import FakeHub, served  # noqa: E402
from visiting import Visitor  # noqa: E402

EXPERIMENTS = 500
ROUNDS = 30
SCHEMA = """title: Experiment {number}
description: Runs model {number} for a region and a period, and plots the result.
type: object
required: [depth]
additionalProperties: false
properties:
  depth: {{type: integer, minimum: 1, title: Depth}}
"""
TEMPLATE = '# %% tags=["parameters"]\ndepth = 1\n'
PAGES = {
    "the user's servers (GET /servers)": "/servers",
    f"home with {EXPERIMENTS} experiments": "/home/",
    "form of hello": "/launch/hello",
    "form of bmi": "/launch/bmi",
    "form of assessment": "/launch/assessment",
    "token": "/home/token",
    "preview of opendap": "/launch/opendap/preview?p.opendap=https://data.example.org/x",
}


def main() -> None:
    """Print a table: median and slowest of ROUNDS, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder, served(FakeHub()) as hub:
        shelf = Path(folder) / "experiments"
        for number in range(EXPERIMENTS):
            write_experiment(
                shelf / f"experiment-{number:03}", SCHEMA.format(number=number), TEMPLATE
            )
        with application(hub, folder, experiment_paths=[str(shelf)]) as client:
            visitor = Visitor(client, hub.add_user(server="ready"))
            print(f"{'page':<40}{'median':>10}{'slowest':>10}  (ms)")
            for name, path in PAGES.items():
                times = sorted(measure(visitor, path))
                print(f"{name:<40}{statistics.median(times):>10.1f}{times[-1]:>10.1f}")


def measure(visitor: Visitor, path: str) -> list[float]:
    """The times of ROUNDS requests in milliseconds, after a first one."""
    times = []
    for number in range(ROUNDS + 1):
        began = time.perf_counter()
        answer = visitor.get(path, **{"X-XSRFToken": visitor.xsrf})
        took = 1000 * (time.perf_counter() - began)
        if answer.status_code != 200:
            sys.exit(f"{path}: status {answer.status_code}: {answer.text[:500]}")
        if number:
            times.append(took)
    return times


if __name__ == "__main__":
    main()
