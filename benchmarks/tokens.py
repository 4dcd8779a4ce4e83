"""What it costs to make a token for a server, beside the cheapest call to the hub.

Run it with `python benchmarks/tokens.py`.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/support"))
from realhub import RealHub

CALLS = 200


def main():
    """Start a hub, measure both calls in turn, print medians in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        hub = RealHub(Path(folder)).start()
        try:
            measure(hub, hub.add_user("alice"))
        finally:
            hub.stop()


def measure(hub, user):
    """Print what the two calls take."""
    session = requests.Session()
    session.headers["Authorization"] = f"token {hub.launcher_token}"
    wanted = {"scopes": [f"access:servers!server={user}/"], "expires_in": 3600, "note": "launcher"}
    calls = {
        "who am I": lambda: session.get(f"{hub.api_url}/user"),
        "make a token": lambda: session.post(f"{hub.api_url}/users/{user}/tokens", json=wanted),
    }
    took = {name: [] for name in calls}
    for _ in range(CALLS):
        for name, call in calls.items():
            began = time.perf_counter()
            call().raise_for_status()
            took[name].append(time.perf_counter() - began)
    for name, seconds in took.items():
        print(f"{name}: {1000 * statistics.median(seconds):.1f} ms")


if __name__ == "__main__":
    main()
