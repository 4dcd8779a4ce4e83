"""Three hundred people who click in the same second, on a hub whose servers start for nothing.

    make benchmark-burst

Each launch goes to a server that is stopped. Two bare scripts do the same starts and uploads for
the same people, who arrive at the same moments: one of them has 20 under way at most, the other one
all at once; the one with the smaller median is the floor. Rounds are interleaved, the servers are
stopped between them. Raw samples (seconds) go into a JSON file, medians over the rounds to standard
output; of the ratios, too: each to the floor of its own round, for machines change their pace.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

import aiohttp
from launch import Bare, rotated

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/support"))
import fake_user_servers
from processes import Process
from realhub import RealHub, RealLauncher, environment
from waiting import wait_until

PEOPLE = 300
ARRIVAL_SECONDS = 1.0
WORKERS = 4
METRICS_TOKEN = "prometheus-" + 24 * "x"
CONFIG = f"""
c.JupyterHub.log_level = "WARN"
c.JupyterHub.services += [{{"name": "prometheus", "api_token": {METRICS_TOKEN!r}}}]
c.JupyterHub.load_roles += [
    {{"name": "prometheus", "services": ["prometheus"], "scopes": ["read:metrics"]}}
]
"""


async def one_after_the_other(users, operation):
    """What `operation` says of each user, who arrive evenly within a second."""

    async def arrive(number, user):
        await asyncio.sleep(ARRIVAL_SECONDS * number / len(users))
        return await operation(user)

    return await asyncio.gather(*(arrive(*pair) for pair in enumerate(users)))


class Crowd:
    """The people, and what they launch with."""

    def __init__(self, session, hub: RealHub, servers_url: str, tokens: dict[str, str]) -> None:
        self.session, self.hub, self.servers_url, self.tokens = session, hub, servers_url, tokens
        self.users = list(tokens)

    async def leave(self):
        """Stop every server, and forget every notebook."""
        few = asyncio.Semaphore(20)
        headers = {"Authorization": f"token {self.hub.admin_token}"}

        async def stop(user):
            url = f"{self.hub.api_url}/users/{user}/server"
            async with few, self.session.delete(url, headers=headers) as answer:
                if answer.status not in (202, 204):
                    raise RuntimeError(f"{user}'s server was not stopped: {answer.status}")

        await asyncio.gather(*(stop(user) for user in self.users))
        await self.notebooks("DELETE")

    async def notebooks(self, method="GET") -> dict[str, list[str]]:
        """The notebooks in every home."""
        async with self.session.request(method, f"{self.servers_url}/notebooks") as answer:
            return await answer.json()

    async def bare(self, at_once: int) -> dict:
        """A script that has so many launches under way at most."""
        script, few = Bare(self.session, self.hub), asyncio.Semaphore(at_once)

        async def launch(user):
            async with few:
                await script.cold(user)

        began = time.perf_counter()
        await one_after_the_other(self.users, launch)
        took = time.perf_counter() - began
        return {"all": took, "notebooks": self._count(await self.notebooks())}

    async def launched(self, launcher: RealLauncher, *, known: bool) -> dict:
        """The same through the launcher; `known` says whether its workers have seen the tokens."""
        if known:
            await self._introduce(launcher)
        before, began = await self._calls(launcher), time.time()
        accepted = await one_after_the_other(self.users, lambda user: self._post(launcher, user))
        latencies, places = zip(*accepted, strict=True)
        ends = await asyncio.gather(
            *(self._end(launcher, user, p) for user, p in zip(self.users, places, strict=True))
        )
        calls = await self._calls(launcher)
        return {
            "accepted": latencies,
            "all": max(end for _, end in ends) - began,
            "states": Counter(state for state, _ in ends),
            "notebooks": self._count(await self.notebooks()),
            "calls": {kind: count - before[kind] for kind, count in calls.items()},
        }

    @staticmethod
    def _count(notebooks: dict[str, list[str]]) -> dict[str, int]:
        return {
            "homes": len(notebooks),
            "in all": sum(len(paths) for paths in notebooks.values()),
        }

    async def _introduce(self, launcher):
        """Show the tokens until every worker knows them: nobody asks the hub any more."""
        for _ in range(40):
            before = await self._calls(launcher)
            for _ in range(3):
                few = asyncio.Semaphore(32)
                await asyncio.gather(*(self._who(launcher, user, few) for user in self.users))
            if (await self._calls(launcher))["hub.identify"] == before["hub.identify"]:
                return
        raise RuntimeError("the workers do not remember the tokens")

    async def _who(self, launcher, user, few):
        # a connection of its own, which goes to any of the workers
        headers = {"Authorization": self.tokens[user], "Connection": "close"}
        async with few, self.session.get(f"{launcher.url}/user", headers=headers) as answer:
            await answer.read()

    async def _post(self, launcher, user) -> tuple[float, str]:
        """How long it took to be accepted, and where the launch is."""
        headers = {"Authorization": self.tokens[user], "Prefer": "respond-async"}
        body = {"notebook": {"directory": "burst"}}
        began = time.perf_counter()
        url = f"{launcher.url}/hello"
        async with self.session.post(url, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 202:
                raise RuntimeError(f"{answer.status} {text}")
            return time.perf_counter() - began, answer.headers["Location"]

    async def _end(self, launcher, user, place) -> tuple[str, float]:
        """How the launch ended, and when; as its own stream of events says."""
        headers = {"Authorization": self.tokens[user]}
        url = f"{launcher.url}{place}/events"
        async with self.session.get(url, headers=headers) as stream:
            event = ""
            async for line in stream.content:
                event = line.decode().strip() if line.startswith(b"event:") else event
                if line.startswith(b"data:") and event == "event: end":
                    launch = json.loads(line[5:])
                    moment = datetime.fromisoformat(launch["updated_at"])
                    return launch["state"], moment.timestamp()
        raise RuntimeError(f"the events of {place} ended without an end")

    async def _calls(self, launcher) -> Counter:
        """The launcher's calls to other programs until now, by kind."""
        headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        async with self.session.get(f"{launcher.url}/metrics", headers=headers) as answer:
            text = await answer.text()
        calls: Counter = Counter()
        for kind, count in re.findall(
            r'^launcher_upstream_requests_total{kind="([^"]*)".*} (\S+)$', text, re.MULTILINE
        ):
            calls[kind] += int(float(count))
        return calls


async def run(options, hub, servers_url, launcher, forgetful):
    """All rounds; returns the samples."""
    users = [f"crowd-{number}" for number in range(options.people)]
    hub.api("POST", "users", json={"usernames": users}).raise_for_status()
    tokens = {user: f"token {hub.token_of(user)}" for user in users}
    samples: dict = defaultdict(list)
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        crowd = Crowd(session, hub, servers_url, tokens)
        operations = {
            "bare, 20 at once": lambda: crowd.bare(20),
            "bare, all at once": lambda: crowd.bare(len(users)),
            "known tokens": lambda: crowd.launched(launcher, known=True),
            "unknown tokens": lambda: crowd.launched(forgetful, known=False),
        }
        for number in range(options.rounds):
            for name in rotated(operations, number):
                samples[name].append(await operations[name]())
                await crowd.leave()
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    return samples


def report(samples, people):
    """Print tables in Markdown; raises when somebody did not get a notebook."""
    scripts = [name for name in samples if name.startswith("bare")]
    fastest = min(scripts, key=lambda name: statistics.median(s["all"] for s in samples[name]))
    floors = [sample["all"] for sample in samples[fastest]]
    print(f"| {people} within a second | all done | of the floor | accepted p50 | p99 |")
    print("|---|---|---|---|---|")
    for name, rounds in samples.items():
        done = statistics.median(sample["all"] for sample in rounds)
        pairs = zip((sample["all"] for sample in rounds), floors, strict=True)
        ratio = statistics.median(took / floor for took, floor in pairs)
        cells = [name, f"{done:.2f} s", f"{ratio:.2f}", "", ""]
        if name not in scripts:
            ordered = [sorted(sample["accepted"]) for sample in rounds]
            for column, share in ((3, 0.5), (4, 0.99)):
                seconds = statistics.median(o[int(share * len(o))] for o in ordered)
                cells[column] = f"{1000 * seconds:.0f} ms"
        print("| " + " | ".join(cells) + " |")
    print("\nCalls of the launcher in a round, at most:")
    for name, rounds in samples.items():
        if name not in scripts:
            kinds = sorted({kind for sample in rounds for kind in sample["calls"]})
            most = [f"{kind} {max(s['calls'].get(kind, 0) for s in rounds)}" for kind in kinds]
            print(f"- {name}: {', '.join(most)}")
            if any(sample["states"] != {"done": people} for sample in rounds):
                raise RuntimeError(f"not all were done: {[s['states'] for s in rounds]}")
    counts = [sample["notebooks"] for rounds in samples.values() for sample in rounds]
    if counts != [{"homes": people, "in all": people}] * len(counts):
        raise RuntimeError(f"not one notebook each: {counts}")
    print(f"\nNotebooks: one for each of the {people}, in every round.")


def main():
    """Start the users' servers, a hub and launchers, measure, report, stop."""
    parser = argparse.ArgumentParser(description="Measure a burst of launches.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--samples", type=Path, default=Path("benchmarks/burst.json"))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="launcher-benchmark-"))
    with contextlib.ExitStack() as stack:
        token = secrets.token_hex(24)
        servers = Process(
            [sys.executable, fake_user_servers.__file__, token], folder, "servers", {}
        )
        servers.start()
        stack.callback(servers.stop)
        servers_url = wait_until(servers.log.read_text, what="the users' servers").strip()
        extra = CONFIG + fake_user_servers.CONFIG.format(port=servers_url.rpartition(":")[2])
        hub = RealHub(folder / "hub", extra=extra, launcher_token=token)
        stack.callback(hub.stop)
        hub.start()
        launchers = {}
        for name, seconds in (("launcher", 300), ("forgetful", 1)):
            launchers[name] = RealLauncher(folder / name, environment(hub), WORKERS)
            config = launchers[name].gunicorn.folder / "launcher_config.py"
            config.write_text(f"c.Launcher.identity_seconds = {seconds}\n")
            stack.callback(launchers[name].stop)
            launchers[name].start()
        samples = asyncio.run(run(options, hub, servers_url, *launchers.values()))
        machine = {"python": platform.python_version(), "cores": os.cpu_count()}
        options.samples.write_text(json.dumps({"machine": machine, "samples": samples}))
        report(samples, options.people)


if __name__ == "__main__":
    main()
