"""What processes beside each other do to one database; run by a pool, so importable by name."""

from stored_launches import a_launch

from launcher import store
from launcher.store import launches, leases


def take(url, number, count):
    """How many of `count` leases this process got."""
    engine = store.connect(url)
    got = 0
    for path in range(count):
        with engine.begin() as connection:
            got += leases.acquire(connection, "alice", f"path {path}", f"launch {number}")
    engine.dispose()
    return got


def write(url, number, count):
    """Write launches down and advance them, each in a transaction of its own."""
    engine = store.connect(url)
    for _ in range(count):
        with engine.begin() as connection:
            launch = launches.insert(connection, a_launch(user=f"user {number}"))
        with engine.begin() as connection:
            launches.end(connection, launch, state="done", path="lab/x.ipynb")
    engine.dispose()
