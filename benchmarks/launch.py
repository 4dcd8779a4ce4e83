"""What a launch costs, as ratios to a bare client that does the same steps on the same hub.

    make benchmark

Floors, measured in the same run by a client that checks nothing:

- *naive*: ask the hub to start the server, make the directory, put the notebook, as a simple script
  does;
- *safe*: put a file under a temporary name, rename it: the least that never overwrites. Like the
  launcher, it sends a server a token of its own, which the hub makes when the first call needs it.

Rounds are interleaved, so that a slow moment of the machine affects all of them. Raw samples
(seconds) go into a JSON file for each part, medians over the rounds to standard output.
"""

import argparse
import asyncio
import base64
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import aiohttp
import yarl

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/support"))
from realhub import RealHub, RealLauncher, environment
from waiting import wait_until

from launcher.experiments import Catalogue

DIRECTORY = "benchmark"
LAUNCHES = {1: 60, 16: 320, 128: 640}
USERS = 50
# one user's clients ask for more than any user may
NO_BOUNDS = """
c.Launcher.max_launches_per_user = 10_000
c.Launcher.max_launches_per_minute = 1_000_000
"""
NOTEBOOK = Catalogue.load().find("hello").render({})

Operation = Callable[[str], Awaitable[None]]
numbers = itertools.count()


class Bare:
    """The bare client: aiohttp, no checks but the status.

    `tokens` are those of the servers, by user; the naive client has an administrator's token.
    """

    tokens: ClassVar[dict[str, str]] = {}

    def __init__(self, session: aiohttp.ClientSession, hub: RealHub) -> None:
        self.session, self.hub = session, hub

    async def call(self, method, url, *, ok, token=None, **options):
        headers = {"Authorization": f"token {token or self.hub.launcher_token}"}
        async with self.session.request(
            method, yarl.URL(url, encoded=True), headers=headers, **options
        ) as answer:
            body = await answer.read()
            if answer.status not in ok:
                raise RuntimeError(f"{method} {url}: {answer.status}")
            return body

    async def token_for(self, user):
        """The token for the user's server, made by the hub the first time."""
        if user not in self.tokens:
            wanted = {"scopes": [f"access:servers!server={user}/"], "expires_in": 3600}
            url = f"{self.hub.api_url}/users/{quote(user, safe='@~')}/tokens"
            made = json.loads(await self.call("POST", url, json=wanted, ok=(200, 201)))
            self.tokens[user] = made["token"]
        return self.tokens[user]

    def contents(self, user, *path):
        parts = [quote(part, safe="@~") for part in ("user", user, "api", "contents", *path)]
        return "/".join([self.hub.url, *parts])

    async def start(self, user, ok=(400,)):
        url = f"{self.hub.api_url}/users/{quote(user, safe='@~')}/server"
        await self.call("POST", url, ok=ok)

    async def directory(self, user, token=None):
        url, token = self.contents(user, DIRECTORY), token or await self.token_for(user)
        await self.call("PUT", url, token=token, json={"type": "directory"}, ok=(200, 201))

    async def naive(self, user: str) -> None:
        """Three calls: start, make the directory, put the notebook."""
        await self.start(user)
        await self.directory(user, self.hub.admin_token)
        model = {"type": "notebook", "content": NOTEBOOK}
        url = self.contents(user, DIRECTORY, f"naive-{next(numbers)}.ipynb")
        await self.call("PUT", url, token=self.hub.admin_token, json=model, ok=(201,))

    async def safe(self, user: str) -> None:
        """Two calls that never overwrite."""
        number, token = next(numbers), await self.token_for(user)
        model = {"type": "file", "format": "text", "content": json.dumps(NOTEBOOK)}
        url = self.contents(user, DIRECTORY, f"safe-{number}.part")
        await self.call("PUT", url, token=token, json=model, ok=(201,))
        target = {"path": f"{DIRECTORY}/safe-{number}.ipynb"}
        await self.call("PATCH", url, token=token, json=target, ok=(200,))

    async def cold(self, user: str) -> None:
        """Start, wait for the progress stream to say ready, directory, and the safe two."""
        await self.start(user, ok=(201, 202))
        url = f"{self.hub.api_url}/users/{user}/server/progress"
        headers = {"Authorization": f"token {self.hub.launcher_token}"}
        async with self.session.get(url, headers=headers) as stream:
            async for line in stream.content:
                if b'"ready": true' in line:
                    break
        await self.directory(user)
        await self.safe(user)


class Launched:
    """Launches over HTTP, as a user's own program does."""

    def __init__(self, session, launcher: RealLauncher, credentials: dict[str, str]) -> None:
        self.session, self.launcher, self.credentials = session, launcher, credentials

    async def launch(self, user: str) -> None:
        """POST /hello, with a name that nobody has."""
        notebook = {"directory": DIRECTORY, "filename": f"launched-{next(numbers)}.ipynb"}
        headers = {"Authorization": self.credentials[user]}
        url = f"{self.launcher.url}/hello"
        async with self.session.post(url, json={"notebook": notebook}, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {text}")


async def measure(operation: Operation, users: list[str], clients: int) -> dict:
    """p50, p99 and every latency (seconds), and launches/s, of `clients` that never pause."""
    queue = iter(range(LAUNCHES[clients]))
    latencies = []

    async def client():
        for number in queue:
            start = time.perf_counter()
            await operation(users[number % len(users)])
            latencies.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    took = time.perf_counter() - start
    ordered = sorted(latencies)
    return {
        "p50": statistics.median(ordered),
        "p99": ordered[int(0.99 * len(ordered))],
        "throughput": len(ordered) / took,
        "latencies": [round(latency, 5) for latency in latencies],
    }


async def warm(session, hub, by_token, by_password, users, rounds, samples):
    """Launches to servers that run, by one user and by fifty."""
    bare = Bare(session, hub)
    operations = {
        "naive": bare.naive,
        "safe": bare.safe,
        "token": by_token.launch,
        "password": by_password.launch,
    }
    for user in users:
        await bare.directory(user)
        await by_token.launch(user)
    for round_number in range(rounds):
        for count, clients in itertools.product(sorted({1, len(users)}), LAUNCHES):
            for name in rotated(operations, round_number):
                result = await measure(operations[name], users[:count], clients)
                samples[f"warm, {count} users, {clients} clients"][name].append(result)
        print(f"warm round {round_number + 1} of {rounds} done", file=sys.stderr, flush=True)


def rotated(names, by):
    """The names, beginning with another one each round."""
    names = list(names)
    return names[by % len(names) :] + names[: by % len(names)]


async def cold(session, hub, by_token, users, rounds, samples):
    """Launches to servers that are stopped, all at once."""
    bare = Bare(session, hub)
    for round_number in range(rounds):
        for count in (1, 10, 20):
            operations = {"bare": bare.cold, "token": by_token.launch}
            for name in rotated(operations, round_number):
                await asyncio.gather(*(asyncio.to_thread(stop, hub, user) for user in users[:20]))
                start = time.perf_counter()
                answers = await asyncio.gather(
                    *(operations[name](user) for user in users[:count]), return_exceptions=True
                )
                took = time.perf_counter() - start
                served = sum(answer is None for answer in answers)
                samples[f"cold, {count} users"][name].append({"all": took, "served": served})
        print(f"cold round {round_number + 1} of {rounds} done", file=sys.stderr, flush=True)


def stop(hub: RealHub, user: str) -> None:
    """Stop a user's server, if it runs."""
    if hub.servers(user):
        hub.stop_server(user)


def median(samples, name, what):
    """The median over the rounds."""
    return statistics.median(sample[what] for sample in samples[name])


def report(samples, memory):
    """Print the tables in Markdown."""
    if any(row.startswith("warm") for row in samples):
        report_warm(samples)
    if any(row.startswith("cold") for row in samples):
        report_cold(samples)
    print(f"\nMemory of a worker (PSS), after all that: {', '.join(f'{m} MB' for m in memory)}")


def report_warm(samples):
    """Print the table of launches to servers that run."""
    print("| warm | p50 | of naive | of safe | launches/s | of naive | of safe |")
    print("|---|---|---|---|---|---|---|")
    for row, rounds in samples.items():
        if not row.startswith("warm"):
            continue
        for name in ("naive", "safe", "token", "password"):
            p50, rate = median(rounds, name, "p50"), median(rounds, name, "throughput")
            ratios = [p50 / median(rounds, floor, "p50") for floor in ("naive", "safe")]
            rates = [rate / median(rounds, floor, "throughput") for floor in ("naive", "safe")]
            cells = [f"{row[6:]}: {name}", f"{1000 * p50:.1f} ms", *(f"{r:.2f}" for r in ratios)]
            print("| " + " | ".join([*cells, f"{rate:.0f}", *(f"{r:.2f}" for r in rates)]) + " |")


def report_cold(samples):
    """Print the table of launches to servers that are stopped."""
    print("\n| cold | bare | launcher | ratio | served |")
    print("|---|---|---|---|---|")
    for row, rounds in samples.items():
        if row.startswith("cold"):
            bare, token = median(rounds, "bare", "all"), median(rounds, "token", "all")
            served = min(sample["served"] for sample in rounds["token"])
            print(f"| {row[6:]} | {bare:.2f} s | {token:.2f} s | {token / bare:.2f} | {served} |")


def worker_memory(launcher: RealLauncher) -> list[int]:
    """Proportional set size of each worker, in MB."""
    sizes = []
    master = launcher.gunicorn.process.pid
    for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        rollup = Path(f"/proc/{child}/smaps_rollup").read_text()
        (line,) = (line for line in rollup.splitlines() if line.startswith("Pss:"))
        sizes.append(int(line.split()[1]) // 1024)
    return sizes


def basic(user: str) -> str:
    """The header of HTTP Basic for the tests' authenticator."""
    pair = f"{user}:pässwörd of {user}".encode()
    return "Basic " + base64.b64encode(pair).decode()


async def run(options, hub, launcher, forgetful):
    """All measurements; returns the samples."""
    users = [hub.add_user(f"user{n}") for n in range(options.users)]
    tokens = {user: f"token {hub.token_of(user)}" for user in users}
    samples: dict = defaultdict(lambda: defaultdict(list))
    # a PUT is not repeated: idle connections end here before the proxy ends them (after 5 s)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        by_token = Launched(session, launcher, tokens)
        by_password = Launched(session, forgetful, {user: basic(user) for user in users})
        if "cold" in options.parts:
            await cold(session, hub, by_token, users, options.rounds, samples)
        if "warm" in options.parts:
            for start in range(0, len(users), 5):
                batch = users[start : start + 5]
                await asyncio.gather(*(asyncio.to_thread(hub.start_server, u) for u in batch))
            await warm(session, hub, by_token, by_password, users, options.rounds, samples)
    return samples


def main():
    """Start a hub and launchers, measure, report, stop."""
    parser = argparse.ArgumentParser(description="Measure launches against bare clients.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, default=USERS, help="beside one, in the warm part")
    parser.add_argument("--workers", type=int, default=2, help="of the launcher")
    parser.add_argument("--parts", nargs="+", default=["cold", "warm"], choices=["cold", "warm"])
    parser.add_argument("--samples", type=Path, default=Path("benchmarks"), help="their folder")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="launcher-benchmark-"))
    hub = RealHub(folder / "hub", extra="c.JupyterHub.log_level = 'WARN'").start()
    launcher = RealLauncher(folder / "launcher", environment(hub), options.workers)
    forgetful = RealLauncher(folder / "forgetful", environment(hub), options.workers)
    for beside, more in ((launcher, ""), (forgetful, "c.Launcher.identity_seconds = 0\n")):
        (beside.gunicorn.folder / "launcher_config.py").write_text(NO_BOUNDS + more)
    try:
        launcher.start()
        forgetful.start()
        wait_until(lambda: hub.api("GET", "info").ok)
        samples = asyncio.run(run(options, hub, launcher, forgetful))
        memory = worker_memory(launcher)
        machine = {"python": platform.python_version(), "cores": os.cpu_count()}
        for part in options.parts:
            rows = {row: rounds for row, rounds in samples.items() if row.startswith(part)}
            options.samples.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"machine": machine, "memory": memory, "samples": rows})
            (options.samples / f"{part}.json").write_text(text)
        report(samples, memory)
    finally:
        forgetful.stop()
        launcher.stop()
        hub.stop()


if __name__ == "__main__":
    main()
