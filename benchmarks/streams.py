"""What a thousand people cost who watch their launches wait.

    make benchmark-streams

One server never gets ready and the launcher starts one at a time, so everybody else stays in the
queue, and nothing happens. Measured are the workers' memory (PSS, summed) and processor time: with
nobody, with the launches waiting, and with a stream of events open for each of them.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import resource
import secrets
import sys
import tempfile
from pathlib import Path

import aiohttp
from launch import worker_memory

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/support"))
from realhub import RealHub, RealLauncher, environment
from waiting import wait_until

WORKERS = 4
TICKS = os.sysconf("SC_CLK_TCK")
CONFIG = """
c.JupyterHub.log_level = "WARN"
c.Spawner.start_timeout = 3600
c.JupyterHub.custom_scopes = {{
    "custom:launcher:on-behalf": {{"description": "Launch experiments for any user"}}
}}
c.JupyterHub.services += [{{"name": "portal", "api_token": {token!r}}}]
c.JupyterHub.load_roles += [
    {{"name": "portal", "services": ["portal"], "scopes": ["custom:launcher:on-behalf"]}}
]
"""


def processor_seconds(launcher: RealLauncher) -> float:
    """The processor time that all workers have used."""
    master = launcher.gunicorn.process.pid
    ticks = 0
    for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        after_name = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / TICKS


async def at_rest(launcher, seconds) -> dict[str, float]:
    """Memory, and processor time in a second, while nobody does anything for so long."""
    await asyncio.sleep(5)
    before = processor_seconds(launcher)
    await asyncio.sleep(seconds)
    used = processor_seconds(launcher) - before
    return {"memory": sum(worker_memory(launcher)), "processor": used / seconds}


class Watchers:
    """Those who watch, each with a launch and a stream."""

    def __init__(self, session, launcher: RealLauncher, token: str) -> None:
        self.session, self.launcher = session, launcher
        self.headers = {"Authorization": f"token {token}"}
        self.places: list[str] = []
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.tasks: list[asyncio.Task] = []

    async def launch(self, users):
        """A launch for each of the users, 50 at a time."""
        few = asyncio.Semaphore(50)
        self.places = await asyncio.gather(*(self._launch(user, few) for user in users))

    async def _launch(self, user, few):
        body = {"notebook": {"directory": "d"}}
        headers = {**self.headers, "Prefer": "respond-async"}
        url = f"{self.launcher.url}/hello?user={user}"
        async with few, self.session.post(url, json=body, headers=headers) as answer:
            if answer.status != 202:
                raise RuntimeError(f"{answer.status} {await answer.text()}")
            return answer.headers["Location"]

    async def watch(self):
        """Open the streams; returns when each of them has told something."""
        self.tasks = [asyncio.create_task(self._watch(place)) for place in self.places]
        heard: set[str] = set()
        while len(heard) < len(self.places):
            heard.add(await asyncio.wait_for(self.told.get(), 120))

    async def _watch(self, place):
        url = f"{self.launcher.url}{place}/events"
        async with self.session.get(url, headers=self.headers) as stream:
            async for line in stream.content:
                if line.startswith(b"data:"):
                    self.told.put_nowait(place)
        raise RuntimeError(f"the stream of {place} ended")

    async def leave(self):
        """Close the streams; raises when one of them ended by itself."""
        ended = [task for task in self.tasks if task.done()]
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if ended:
            raise RuntimeError(f"{len(ended)} streams ended by themselves: {ended[0].exception()}")


async def run(options, hub, launcher, token):
    """All measurements, by name."""
    users = [f"watcher-{number}" for number in range(options.streams)]
    hub.api("POST", "users", json={"usernames": ["never-1", *users]}).raise_for_status()
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=None)
    found = {}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        watchers = Watchers(session, launcher, token)
        await watchers.launch(["never-1"])
        wait_until(lambda: hub.servers("never-1"), what="a start that never ends")
        found["nobody"] = await at_rest(launcher, options.seconds)
        await watchers.launch(users)
        found["launches"] = await at_rest(launcher, options.seconds)
        await watchers.watch()
        found["streams"] = await at_rest(launcher, options.seconds)
        await watchers.leave()
    return found


def report(found, streams):
    """Print a table in Markdown."""
    print(f"| {streams} | memory of {WORKERS} workers | more for each | processor |")
    print("|---|---|---|---|")
    before = None
    for name, sample in found.items():
        more = f"{1024 * (sample['memory'] - before) / streams:.0f} kB" if before else ""
        before = sample["memory"]
        print(f"| {name} | {before:.0f} MB | {more} | {100 * sample['processor']:.1f} % |")


def main():
    """Start a hub and a launcher, measure, report, stop."""
    parser = argparse.ArgumentParser(description="Measure open streams of events.")
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20, help="that each measurement takes")
    parser.add_argument("--samples", type=Path, default=Path("benchmarks/streams.json"))
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder, token = Path(tempfile.mkdtemp(prefix="launcher-benchmark-")), secrets.token_hex(24)
    with contextlib.ExitStack() as stack:
        hub = RealHub(folder / "hub", extra=CONFIG.format(token=token))
        stack.callback(hub.stop)
        hub.start()
        launcher = RealLauncher(folder / "launcher", environment(hub), WORKERS)
        config = launcher.gunicorn.folder / "launcher_config.py"
        config.write_text(
            f"c.Launcher.max_starts = 1\nc.Launcher.max_queued = {options.streams}\n"
            "c.Launcher.start_timeout = 3600\n"
        )
        stack.callback(launcher.stop)
        launcher.start()
        found = asyncio.run(run(options, hub, launcher, token))
        machine = {"python": platform.python_version(), "cores": os.cpu_count()}
        options.samples.write_text(json.dumps({"machine": machine, "samples": found}))
        report(found, options.streams)


if __name__ == "__main__":
    main()
