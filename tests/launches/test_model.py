"""Whatever people and fate do, in whatever order: one notebook for each launch that is done.

hypothesis makes stories of launches, retries, cancellations, servers that stop, starts that are
slow or fail, and workers that are killed with SIGKILL. gunicorn, its workers and the database are
real. At the end of each story it is clear which files must be there. A run takes the same stories
each time; `make test-model` takes many new ones, and makes one that fails shorter.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from application import environment
from fakehub import Start
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from ports import free_port
from waiting import MAX_SECONDS, at_once, wait_until

from launcher import store
from launcher.store import tables

MODEL_EXAMPLES = os.environ.get("MODEL_EXAMPLES")
told = settings(
    max_examples=int(MODEL_EXAMPLES or 7),
    stateful_step_count=25,
    derandomize=not MODEL_EXAMPLES,
    # a story takes seconds
    report_multiple_bugs=False,
    phases=tuple(Phase) if MODEL_EXAMPLES else (Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
MINE = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
MOST_KILLS = 2
SETTLED_SECONDS = 60
# A configuration file is a program of the site's: this one has a process taken for dead after 2 s
# instead of 12, and what depends on that in proportion
QUICK = """
from launcher.launches import engine, recovery
from launcher.store import workers

workers.ALIVE_SECONDS, engine.FRESH_SECONDS, recovery.HEARTBEAT_SECONDS = 2.0, 0.7, 0.3
c.Launcher.breaker_seconds = c.Launcher.start_cooldown = 0
"""

users = st.sampled_from(["running", "cold", "failing"])
names = st.sampled_from(["a.ipynb", "b.ipynb"])
ways = st.sampled_from(["rename", "rename", "fail"])
keys = st.sampled_from(["key-1", "key-2", "key-3"])
which = st.integers(0, 99)
moments = st.floats(0, 0.06)


@dataclass(frozen=True)
class Service:
    """The launcher under gunicorn: whom to ask, whom to kill, and where the rows are."""

    url: str
    hub: object
    process: subprocess.Popen
    engine: sa.Engine
    log: Path

    @property
    def workers(self):
        """The ids of the processes that answer."""
        master = self.process.pid
        return Path(f"/proc/{master}/task/{master}/children").read_text().split()

    def kill(self, count):
        """Let so many workers vanish; gunicorn forks others."""
        for pid in self.workers[:count]:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def try_to_ask(self, method, path, user, headers=None, **request):
        """The answer; None when the process was killed that should have given it."""
        headers = {**user.auth, "Connection": "close", **(headers or {})}
        with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return requests.request(
                method, self.url + path, headers=headers, timeout=MAX_SECONDS, **request
            )
        return None

    def ask(self, *words, **request):
        """The answer of whoever is alive, to what may be asked twice."""
        return wait_until(
            lambda: [answer] if (answer := self.try_to_ask(*words, **request)) is not None else None
        )[0]

    def rows_of(self, user, table, *conditions):
        """How many rows the user has in a table."""
        query = sa.select(sa.func.count()).select_from(table)
        with self.engine.begin() as connection:
            return connection.execute(
                query.where(table.c.user == user.name, *conditions)
            ).scalar_one()


@dataclass
class Made:
    """A launch that the service took, and what we know of it."""

    id: str
    user: object
    filename: str
    if_exists: str
    cancelled: bool = False
    server_stopped: bool = False
    end: dict = field(default_factory=dict)

    def is_where_it_should_be(self):
        """Whether the path is the one that was asked for, or at least one like that."""
        stem = f"lab/{self.filename.removesuffix('.ipynb')}"
        numbered = self.end["path"].startswith(stem)
        return self.end["path"] == f"{stem}.ipynb" if self.if_exists == "fail" else numbered


def launch_of(file):
    """The id of the launch that made a notebook, None for another file."""
    return json.loads(file).get("metadata", {}).get("launcher", {}).get("launch_id")


class Stories(RuleBasedStateMachine):
    """What may happen, and what must be true in the end."""

    service: Service

    def __init__(self):
        super().__init__()
        self.users, self.made, self.keys, self.kills = {}, {}, {}, 0

    @initialize(taken=st.sets(names), slow=st.floats(0.002, 0.03))
    def some_have_files(self, taken, slow):
        hub = self.service.hub
        hub.rename_seconds = slow
        self.users = {
            "running": hub.add_user(server="ready"),
            "cold": hub.add_user(),
            "failing": hub.add_user(starts=[Start(202, "fails", seconds=0.05)] * 99),
        }
        for user in self.users.values():
            for name in taken:
                user.write(f"lab/{name}", MINE)
        self.taken = taken

    # launches

    def post(self, user, filename, if_exists, key=None, prefer="respond-async"):
        headers = {"Prefer": prefer, **({"Idempotency-Key": key} if key else {})}
        notebook = {"directory": "lab", "filename": filename, "if_exists": if_exists}
        ask = self.service.ask if key else self.service.try_to_ask
        return ask("POST", "/hello", user, headers, json={"notebook": notebook})

    def understand(self, answer, user, filename, if_exists, key=None):
        """Note what was launched, and hold that the same key is the same launch."""
        if answer is None:
            return None  # it was launched or not: the end shows
        body = (filename, if_exists)
        known = self.keys.get((user.name, key)) if key else None
        if known and known[0] != body:
            assert answer.status_code == 422, answer.text
            return None
        assert "Link" in answer.headers, answer.text
        launch_id = answer.headers["Link"].partition(">")[0].rpartition("/")[2]
        if known:
            assert launch_id == known[1]
        elif key:
            self.keys[user.name, key] = (body, launch_id)
        return self.made.setdefault(launch_id, Made(launch_id, user, filename, if_exists))

    @rule(
        who=users,
        filename=names,
        if_exists=ways,
        key=st.none() | keys,
        prefer=st.sampled_from(["respond-async", "wait=1"]),
    )
    def launch(self, who, filename, if_exists, key, prefer):
        user, where = self.users[who], (filename, if_exists)
        self.understand(self.post(user, *where, key, prefer), user, *where, key)

    @rule(who=users, filename=names, key=keys, times=st.integers(2, 4))
    def click_several_times(self, who, filename, key, times):
        user, where = self.users[who], (filename, "rename")
        for answer in at_once(times, lambda _: self.post(user, *where, key, "wait=1")):
            self.understand(answer, user, *where, key)

    @rule(number=which, filename=st.none() | names)
    def retry(self, number, filename):
        if not self.keys:
            return
        (name, key), ((first, if_exists), _) = list(self.keys.items())[number % len(self.keys)]
        user = self.service.hub.users[name]
        where = (filename or first, if_exists)
        self.understand(self.post(user, *where, key), user, *where, key)

    @rule(number=which)
    def cancel(self, number):
        for made in self.one_of_them(number):
            self.cancel_this(made)

    @rule(who=users, filename=names, if_exists=ways, after=moments)
    def change_ones_mind(self, who, filename, if_exists, after):
        user, where = self.users[who], (filename, if_exists)
        made = self.understand(self.post(user, *where), user, *where)
        time.sleep(after)
        if made:
            self.cancel_this(made)

    def cancel_this(self, made):
        answer = self.service.ask("DELETE", f"/launches/{made.id}", made.user)
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 200:
            assert not made.end or made.end["state"] == "cancelled"
            made.cancelled = True
        self.look(made)
        assert made.end

    @rule(number=which)
    def poll(self, number):
        for made in self.one_of_them(number):
            self.look(made)

    def one_of_them(self, number):
        """A launch, or none; not a precondition, since an answer may be lost this time."""
        all_of_them = list(self.made.values())
        return [all_of_them[number % len(all_of_them)]] if all_of_them else []

    def look(self, made):
        """See how far it is; what has ended stays as it ended."""
        answer = self.service.ask("GET", f"/launches/{made.id}", made.user)
        assert answer.status_code == 200, answer.text
        now = answer.json()
        assert now["id"] == made.id
        assert (now["problem"] is not None) == (now["state"] == "failed")
        if made.end:
            assert now == made.end
        if made.cancelled:
            assert now["state"] == "cancelled"
        if now["state"] in ("done", "failed", "cancelled"):
            made.end = now

    # what nobody wanted

    @rule(count=st.sampled_from([1, 2, 2]), after=moments)
    def kill(self, count, after):
        if self.made and self.kills < MOST_KILLS:
            self.kills += 1
            time.sleep(after)
            self.service.kill(count)

    @rule(who=users, filename=names, key=st.none() | keys, after=moments)
    def kill_while_launching(self, who, filename, key, after):
        self.kills += 1
        killer = threading.Timer(after, self.service.kill, [2 if self.kills <= MOST_KILLS else 0])
        killer.start()
        user, where = self.users[who], (filename, "rename")
        self.understand(self.post(user, *where, key, "wait=1"), user, *where, key)
        killer.join()

    @rule(who=st.sampled_from(["running", "cold"]))
    def stop_server(self, who):
        user = self.users[who]
        if user.server == "ready":
            user.server = "stopped"
            for made in self.of(user):
                made.server_stopped = True

    def of(self, user):
        """The launches of the user that we know of."""
        return [made for made in self.made.values() if made.user is user]

    @rule(who=st.sampled_from(["running", "cold"]), seconds=st.floats(0.1, 1))
    def let_the_next_start_be_slow(self, who, seconds):
        self.users[who].starts.append(Start(202, seconds=seconds))

    @rule(seconds=st.floats(0.01, 0.5))
    def wait(self, seconds):
        time.sleep(seconds)

    # the end

    def teardown(self):
        for user in self.users.values():
            self.all_end(user)
        for user in self.users.values():
            self.files_are_right(user)

    def all_end(self, user):
        """Wait until nothing more will happen to anything that the user launched."""
        at_work = (tables.launches.c.worker_id.is_not(None),)
        wait_until(
            lambda: not self.service.rows_of(user, tables.launches, *at_work),
            "the end of every launch",
            SETTLED_SECONDS,
        )
        page = self.service.ask("GET", "/launches?limit=200", user).json()
        assert page["next"] is None
        known = {made.id for made in self.of(user)}
        assert known <= {launch["id"] for launch in page["launches"]}
        for launch in page["launches"]:
            # one whose answer was lost has a name and a way that the oracle need not know
            made = Made(launch["id"], user, "", "")
            self.look(self.made.setdefault(launch["id"], made))
        assert not self.service.rows_of(user, tables.leases)

    def files_are_right(self, user):
        for name in self.taken:
            assert user.files[f"lab/{name}"] == MINE
        made = self.of(user)
        done = [launch for launch in made if launch.end["state"] == "done"]
        expected = {f"lab/{name}": None for name in self.taken}
        expected |= {launch.end["path"]: launch.id for launch in done}
        found = {path: launch_of(user.files[path]) for path in user.notebooks}
        # nobody can take a file back from a server that was stopped in the very moment
        lost = {launch.id for launch in made if launch.cancelled and launch.server_stopped}
        found = {path: launch_id for path, launch_id in found.items() if launch_id not in lost}
        assert found == expected, [(launch.id, launch.end["state"]) for launch in made]
        assert len(expected) == len(self.taken) + len(done)
        assert all(launch.is_where_it_should_be() for launch in done)
        assert set(user.leftovers) <= {f"lab/launcher-{launch_id}.ipynb" for launch_id in lost}


@pytest.fixture(params=["new_sqlite", "new_postgres"], ids=["sqlite", "postgresql"])
def service(request, fakehub, tmp_path):
    """gunicorn with two workers, as `launcher serve` starts it."""
    database = request.getfixturevalue(request.param)()
    (tmp_path / "launcher_config.py").write_text(QUICK)
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "launcher", "serve", "--workers", "2"]
    environ = {**environment(fakehub, tmp_path), "LAUNCHER_DATABASE_URL": database, "PATH": ""}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"],
            cwd=tmp_path,
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    engine = store.connect(database)
    service = Service(f"http://127.0.0.1:{port}", fakehub, process, engine, tmp_path / "log")
    try:
        wait_until(lambda: up(service), "gunicorn")
        yield service
    finally:
        engine.dispose()
        process.terminate()
        process.wait(MAX_SECONDS)


def up(service):
    assert service.process.poll() is None, service.log.read_text()
    with suppress(requests.ConnectionError):
        return requests.get(f"{service.url}/health", timeout=5).ok


def test_every_story_ends_with_the_right_files(service):
    machine = type("TheseStories", (Stories,), {"service": service})
    try:
        run_state_machine_as_test(machine, settings=told)
    finally:
        told_by_service = service.log.read_text().splitlines()
        print(*(line for line in told_by_service if '"level": "INFO"' not in line), sep="\n")
