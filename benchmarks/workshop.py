"""Thirty participants who save notebooks for ten minutes, and a launcher that is away for one.

    make benchmark-workshop

A real hub with its proxy, a launcher with four workers, and a real server for each participant.
Each saves its notebook every 2 to 10 seconds. One notebook has scripts wherever it has text, one
has 50 MB and is saved once a minute, one server does not reach the launcher before half time, when
the launcher itself was stopped. At the end all save at once, and each row of the dashboard is
compared with the file on the disk. Then the page is requested for these participants, and for 300
others.

The exit code is 1 if a save failed, or if anything is missing or wrong.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests/support"), str(TOP)]

import requests  # noqa: E402
from room import NAME, PORTAL, Member, Room  # noqa: E402
from saving import code, event, notebook  # noqa: E402
from site_of_launcher import Person  # noqa: E402
from waiting import wait_until  # noqa: E402

PAUSE = (2.0, 10.0)
LARGE_PAUSE = 60.0
LOOK_PAUSE = 3.0
AWAY_SECONDS = 60.0
# after the last save; a save is tried again after a minute at most
SECONDS = 300
MANY = 300
ROUNDS = 30
MEGABYTES = 150
"""Of a participant's server, and what it needs more while it starts."""


def main() -> None:
    """Start a hub, a launcher and the servers, let them save, compare, measure, report."""
    parser = argparse.ArgumentParser(description="Measure a workshop.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--participants", type=int, default=30)
    options = parser.parse_args()
    count = _as_many_as_fit(options.participants)
    folder = Path(tempfile.mkdtemp(prefix="launcher-benchmark-"))
    room = Room(folder)
    try:
        room.start()
        say(f"{count} servers start")
        room.enter(count)
        say(f"they save for {options.minutes:g} minutes")
        looks = save_for(room, 60 * options.minutes)
        right = until_right(room)
        report_saves(room, right, looks)
        report_pages(room)
    except AssertionError as error:
        sys.exit(f"Wrong: {error} The logs are in {folder}.")
    finally:
        room.stop()
    shutil.rmtree(folder)


def say(text: str) -> None:
    """Print what happens now."""
    print(text, file=sys.stderr, flush=True)


def _as_many_as_fit(wanted: int) -> int:
    """So many participants, or fewer if there is not enough memory."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(each.split()[1]) for each in lines if each.startswith("MemAvailable"))
    count = min(wanted, available // 1024 // MEGABYTES)
    if count < wanted:
        print(f"{available // 1024} MB are available: {count} participants, not {wanted}.")
    return max(3, count)


def save_for(room: Room, seconds: float) -> list[float]:
    """Let all participants save for so long, with the launcher away in the middle.

    Returns how long the page took each time that their teacher looked at it.
    """
    is_away, ended = threading.Event(), threading.Event()
    with ThreadPoolExecutor(len(room.members) + 1) as pool:
        looking = pool.submit(keep_looking, room, is_away, ended)
        saving = [
            pool.submit(keep_saving, member, number, ended)
            for number, member in enumerate(room.members)
        ]
        try:
            interrupt(room, seconds, is_away)
        finally:
            ended.set()
        for each in saving:
            each.result()
        return looking.result()


def interrupt(room: Room, seconds: float, is_away: threading.Event) -> None:
    """Wait for so long, with the launcher stopped for a tenth of it, a minute at most."""
    away = min(AWAY_SECONDS, seconds / 10)
    time.sleep(seconds / 2 - away)
    say("the launcher is stopped")
    is_away.set()
    back = time.monotonic() + away
    room.launcher.stop()
    time.sleep(max(0, back - time.monotonic()))
    room.launcher.start()
    is_away.clear()
    room.relay.open(room.launcher.origin)
    say("the launcher is back")
    time.sleep(seconds / 2)


def keep_saving(member: Member, seed: int, ended: threading.Event) -> None:
    """Save a notebook again and again, and once more at the end, when all others do."""
    pauses = random.Random(seed)
    ended.wait(pauses.uniform(0, PAUSE[1]))
    while not ended.is_set():
        member.save()
        ended.wait(LARGE_PAUSE if member.name == "large" else pauses.uniform(*PAUSE))
    member.save()


def keep_looking(room: Room, is_away: threading.Event, ended: threading.Event) -> list[float]:
    """Look at the page until the end; what each look took, but while the launcher was away.

    Raises AssertionError for a look that failed at another time.
    """
    tina, seconds = Person(room, "tina").log_in(), []
    while not ended.wait(LOOK_PAUSE):
        began = time.perf_counter()
        answer = tina.page(f"/home/workshops/{NAME}")
        if answer.status_code == 200:
            seconds.append(time.perf_counter() - began)
        elif not is_away.is_set():
            raise AssertionError(f"The page has the status {answer.status_code}.")
    return seconds


def until_right(room: Room) -> float:
    """Wait until the dashboard is right; the seconds that it took.

    Raises AssertionError if a save failed, or if it is still wrong after SECONDS.
    """
    if failed := room.failed():
        raise AssertionError(" ".join(failed[:10]))
    began = time.monotonic()
    room.wait_until_right(SECONDS)
    return time.monotonic() - began


def report_saves(room: Room, right: float, looks: list[float]) -> None:
    """Print a table of the saves, and of what arrived."""
    lines = [line for line in room.launcher.log.splitlines() if '"POST"' in line]
    answers = [json.loads(line) for line in lines if '/events"' in line]
    taken = [each for each in answers if each["status"] == 201]
    large = [each for member in room.members if member.name == "large" for each in member.seconds]
    others = [each for member in room.members if member.name != "large" for each in member.seconds]
    print(f"| {len(room.members)} participants | |\n|---|---|")
    print(f"| saves | {len(others) + len(large)} |")
    print(f"| failed saves | {len(room.failed())} |")
    print(f"| a save: median, p95, slowest | {times(others)} |")
    print(f"| a save of the 50 MB: median, p95, slowest | {times(large)} |")
    print(f"| events that the launcher took | {len(taken)} |")
    print(f"| notebooks whose last save is not on the dashboard | {len(room.differences())} |")
    print(f"| until the dashboard was right, after the last save | {right:.1f} s |")
    print(f"| the page while they save: median, p95, slowest | {times(looks)} |\n")


def times(seconds: list[float]) -> str:
    """Median, 95th percentile and maximum, in milliseconds."""
    found = statistics.median(seconds), percentile(seconds), max(seconds)
    return ", ".join(f"{1000 * each:.0f}" for each in found) + " ms"


def percentile(seconds: list[float]) -> float:
    """The 95th percentile."""
    return sorted(seconds)[max(0, round(0.95 * len(seconds)) - 1)]


def report_pages(room: Room) -> None:
    """Print how long the dashboard takes, for these participants and for many."""
    say(f"{MANY} other participants")
    add_many(room)
    tina = Person(room, "tina").log_in()
    api = requests.Session()
    api.headers.update(room.teacher)
    addresses: dict[str, Callable[[], requests.Response]] = {
        "`GET /health`, for comparison": lambda: api.get(f"{room.url}/health"),
    }
    for name, count in ((NAME, len(room.members)), ("many", MANY)):
        board = f"{room.url}/workshops/{name}/dashboard"
        page = f"/home/workshops/{name}"
        addresses |= {
            f"the page, {count} participants": lambda page=page: tina.page(page),
            f"what it asks for again, {count}": lambda page=page: tina.page(f"{page}/now"),
            f"the dashboard as JSON, {count}": lambda board=board: api.get(board),
        }
    for page, last in ((NAME, room.members[-1].name), ("many", f"many-{MANY - 1:03}")):
        if f"{last}</a>" not in tina.page(f"/home/workshops/{page}").text:
            raise AssertionError(f"{last} is not on the page.")
    measured: dict[str, list[float]] = {name: [] for name in addresses}
    for number in range(ROUNDS + 1):
        for name, request in addresses.items():
            took = timed(request)
            if number:
                measured[name].append(took)
    bare = statistics.median(measured["`GET /health`, for comparison"])
    print("| request | median | p95 | ratio |\n|---|---|---|---|")
    for name, seconds in measured.items():
        median = statistics.median(seconds)
        cells = f"{1000 * median:.0f} ms", f"{1000 * percentile(seconds):.0f} ms"
        print(f"| {name} | {cells[0]} | {cells[1]} | {median / bare:.1f} |")


def timed(request: Callable[[], requests.Response]) -> float:
    """The seconds that a request takes; raises AssertionError unless it has status 200."""
    began = time.perf_counter()
    answer = request()
    took = time.perf_counter() - began
    if answer.status_code != 200:
        raise AssertionError(f"{answer.url} has the status {answer.status_code}.")
    return took


def add_many(room: Room) -> None:
    """Create a workshop of many participants, whose notebooks a service reports."""
    names = [f"many-{number:03}" for number in range(MANY)]
    room.create("many", "many.ipynb", names)
    headers = {"Authorization": f"token {PORTAL}"}
    for number, name in enumerate(names):
        cells = [code(f"x = {each}", count=each) for each in range(number % 30)]
        cells.append(code(error="NameError") if number % 10 == 0 else code())
        body = {**event("many.ipynb", notebook("# Many", *cells)), "user": name}
        room.post("/events", body, headers)

    def counted() -> bool:
        [board] = room.get("/workshops/many/dashboard").json()["notebooks"]
        found = [row["counted"] for row in board["participants"]]
        return len(found) == MANY and all(found)

    wait_until(counted, "the statistics of many", SECONDS)


if __name__ == "__main__":
    main()
