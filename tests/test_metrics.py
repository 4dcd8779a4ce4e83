"""What Prometheus is told: the same by every worker, and nothing about anybody."""

import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import filled_metrics
import psutil
import pytest
import requests
from application import problem_of
from edge import serving
from fakehub import LOST, Start, basic
from filled_metrics import KEYS, fill
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route
from waiting import MAX_SECONDS, at_once, wait_until

from launcher import errors, metric_files
from launcher.metrics import PHASES, Metrics

SUPPORT = Path(filled_metrics.__file__).parent
STATES = ("queued", "starting", "uploading")
LABELS = {
    "code", "handler", "kind", "le", "method", "phase", "result", "state", "status", "version",
    "what",
}  # fmt: skip


class Page:
    """What one scrape told."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self.samples = [sample for family in families for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that carry these labels, 0 without any."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values_of(self, name: str, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if sample.name == name}


@pytest.fixture
def reader(fakehub):
    """The headers of a service that may read metrics."""
    return {"Authorization": f"Bearer {fakehub.add_service('read:metrics')}"}


@pytest.fixture
def scrape(client, reader):
    """Reads the metrics of the application that all tests share."""
    return lambda: page_of(client.get("/metrics", headers=reader))


def page_of(answer) -> Page:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Page(answer.text)


# who may read


def test_a_stranger_reads_nothing(client, alice):
    for headers in ({}, alice.basic, basic("mallory", "x"), {"Authorization": "token wrong"}):
        problem_of(client.get("/metrics", headers=headers), 401)


@pytest.mark.parametrize("scope", ["read:metrics", "admin:servers"])
def test_a_user_whose_token_holds_the_scope_reads(client, fakehub, scope):
    page_of(client.get("/metrics", headers=fakehub.add_user(scopes=("self", scope)).auth))


def test_a_user_without_the_scope_is_told_which(client, alice):
    assert (
        "scope read:metrics"
        in problem_of(client.get("/metrics", headers=alice.auth), 403)["detail"]
    )


def test_a_service_without_the_scope_reads_nothing(client, fakehub):
    headers = {"Authorization": f"Bearer {fakehub.add_service('read:servers')}"}
    problem_of(client.get("/metrics", headers=headers), 403)


def test_a_service_that_reads_may_do_nothing_else(client, reader):
    page_of(client.get("/metrics", headers=reader))
    problem_of(client.get("/experiments", headers=reader), 403)


# what is counted


def test_what_is_known_beforehand_is_told_before_it_happens():
    page = Page(Metrics().text({}).decode())
    results = page.values_of("launcher_launches_total", "result")
    assert results == {"done", "cancelled", *errors.slugs()}
    assert page.values_of("launcher_launch_phase_seconds_count", "phase") == set(PHASES)
    assert page.total("launcher_takeovers_total") == page.total("launcher_launches_total") == 0


def test_launches_their_phases_and_their_troubles_are_counted():
    metrics = Metrics()
    for result in ("done", "done", "spawn-failed"):
        metrics.launch_ended(result)
    metrics.phase_took("start", 0.2)
    metrics.phase_took("start", 40)
    metrics.retried("start")
    metrics.takeover()
    page = Page(metrics.text({}).decode())
    assert page.total("launcher_launches_total", result="done") == 2
    assert page.total("launcher_launches_total", result="spawn-failed") == 1
    assert page.total("launcher_launch_phase_seconds_sum", phase="start") == 40.2
    assert page.total("launcher_launch_phase_seconds_bucket", phase="start", le="1.0") == 1
    assert page.total("launcher_retries_total", what="start") == 1
    assert page.total("launcher_takeovers_total") == 1


def test_gauges_are_numbers_or_one_for_each_state():
    gauges = {
        "launcher_starts_queued": 7,
        "launcher_launches_in_flight": {"queued": 2, "starting": 1},
    }
    page = Page(Metrics().text(gauges).decode())
    assert page.total("launcher_starts_queued") == 7
    assert page.total("launcher_launches_in_flight", state="queued") == 2
    assert page.total("launcher_build_info") == 1


def test_a_launch_that_is_under_way_is_seen(client, fakehub, scrape):
    user = fakehub.add_user(starts=[Start(seconds=1)])
    before = scrape()
    assert before.values_of("launcher_launches_in_flight", "state") == set(STATES)
    assert before.total("launcher_launches_in_flight") == 0

    def either(number):
        if number:
            return wait_until(lambda: scrape().total("launcher_launches_in_flight"))
        return client.launch(user).status_code

    assert at_once(2, either) == [200, 1]
    assert scrape().total("launcher_launches_in_flight") == 0


def test_calls_are_counted_by_kind_and_status(client, fakehub, scrape):
    user = fakehub.add_user(server="ready", directories={"lab"})
    before = scrape()
    for _ in range(2):
        assert client.launch(user).status_code == 200
    after = scrape()

    def more(name, **labels):
        return after.total(name, **labels) - before.total(name, **labels)

    calls = "launcher_upstream_requests_total"
    # once: whose token it is, is the server there, a token for it
    assert more(calls, kind="contents.probe", status="200") == 1
    assert more(calls, kind="hub.token", status="201") == 1
    assert more(calls, kind="contents.put", status="201") == 2
    assert more(calls, kind="contents.rename", status="200") == 2
    # the second launch sees that the name is taken
    assert more(calls, kind="contents.rename", status="409") == 0
    assert more(calls, kind="contents.read", status="200") == 1
    assert more("launcher_upstream_request_seconds_count", kind="contents.put") == 2


def test_a_start_and_its_stream_are_counted_once(client, fakehub, scrape):
    before = scrape()
    assert client.launch(fakehub.add_user()).status_code == 200
    after, calls = scrape(), "launcher_upstream_requests_total"
    for kind, status in (("hub.start", "201"), ("hub.progress", "200")):
        labels = {"kind": kind, "status": status}
        assert after.total(calls, **labels) - before.total(calls, **labels) == 1


def differences(scrape, call):
    """What `call` changed: a function of a sample's name and labels."""
    before = scrape()
    call()
    after = scrape()
    return lambda name, **labels: after.total(name, **labels) - before.total(name, **labels)


RESULTS, PHASE = "launcher_launches_total", "launcher_launch_phase_seconds_count"


def test_a_launch_that_has_to_start_the_server_goes_through_all_phases(client, fakehub, scrape):
    user = fakehub.add_user(starts=[Start(202, seconds=0.3)])
    more = differences(scrape, lambda: client.launch(user))
    assert (more(RESULTS), more(RESULTS, result="done")) == (1, 1)
    assert {phase: more(PHASE, phase=phase) for phase in PHASES} == dict.fromkeys(PHASES, 1)
    assert more("launcher_launch_phase_seconds_sum", phase="ready") >= 0.2


def test_a_launch_to_a_running_server_only_uploads(client, alice, scrape):
    more = differences(scrape, lambda: client.launch(alice))
    assert more(RESULTS, result="done") == 1
    assert [phase for phase in PHASES if more(PHASE, phase=phase)] == ["upload"]


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (Start(202, "fails"), "spawn-failed"),
        (Start(202, "fails", reason="timed out"), "start-timeout"),
        (Start(403, message="no"), "spawn-refused"),
        (Start(429, message="no room"), "server-limit"),
    ],
)
def test_a_launch_that_fails_is_counted_by_kind(client, fakehub, scrape, start, kind):
    more = differences(scrape, lambda: client.launch(fakehub.add_user(starts=[start])))
    assert (more(RESULTS), more(RESULTS, result=kind)) == (1, 1)


def test_a_launch_that_cannot_be_written_is_counted_by_kind(client, alice, scrape):
    alice.full = "PUT"
    more = differences(scrape, lambda: client.launch(alice))
    assert (more(RESULTS), more(RESULTS, result="insufficient-storage")) == (1, 1)


def test_a_cancelled_launch_is_counted_as_that(client, fakehub, scrape):
    user = fakehub.add_user(starts=[Start(202, "never")])

    def begin_and_cancel():
        answer = client.launch(user, headers=user.auth | {"Prefer": "respond-async"})
        wait_until(lambda: user.server == "spawning", "the start")
        client.delete(answer.headers["location"], headers=user.auth)
        wait_until(lambda: user.server == "stopped", "the stop")

    before = scrape().total(RESULTS)
    more = differences(scrape, begin_and_cancel)
    wait_until(lambda: scrape().total(RESULTS) == before + 1, "the count")
    assert more(RESULTS, result="done") == 0


def test_starts_that_wait_and_fail_are_told(start_app, fakehub, reader):
    client = start_app(max_starts=1)
    users = [fakehub.add_user(starts=[Start(202, "never")]) for _ in range(2)]
    for user in users:
        client.launch(user, headers=user.auth | {"Prefer": "respond-async"})

    def page():
        return page_of(client.get("/metrics", headers=reader))

    wait_until(lambda: page().total("launcher_starts_queued") == 1, "the queue")
    told = page()
    assert told.total("launcher_starts_in_flight") == told.total("launcher_starts_limit") == 1
    assert told.total("launcher_launches_in_flight") == 2


def test_a_start_that_the_hub_had_no_time_for_is_a_retry(client, fakehub, scrape):
    busy = Start(429, headers=(("Retry-After", "1"),))
    more = differences(scrape, lambda: client.launch(fakehub.add_user(starts=[busy])))
    assert more("launcher_retries_total", what="start") == 1
    assert more(RESULTS, result="done") == 1


def test_a_call_that_nobody_answers_is_counted_too(client, fakehub, scrape):
    before, labels = scrape(), {"kind": "hub.identify", "status": "none"}
    fakehub.hub_answers = [("GET", "/api/user", LOST)] * 5
    assert client.get("/user", headers=fakehub.add_user().auth).status_code == 503
    fakehub.hub_answers.clear()
    after, calls = scrape(), "launcher_upstream_requests_total"
    assert after.total(calls, **labels) > before.total(calls, **labels)


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", "/user", {"handler": "user.get", "code": "200"}),
        ("GET", "/experiments/nothing", {"handler": "experiments.get", "code": "404"}),
        ("POST", "/hello", {"handler": "shortcuts.hello", "code": "400"}),
        ("DELETE", "/hello", {"handler": "none", "code": "405"}),
        ("GET", "/nowhere", {"handler": "none", "code": "404"}),
        ("GET", "/user/", {"handler": "none", "code": "404"}),
        ("GET", "/ui/", {"handler": "none", "code": "200"}),
        ("BREW", "/hello", {"handler": "none", "code": "405", "method": "other"}),
    ],
)
def test_requests_are_counted_by_operation_and_status(client, alice, scrape, method, path, labels):
    before, name = scrape(), "launcher_request_seconds_count"
    body = {"json": {}} if method == "POST" else {}
    client.request(method, path, headers=alice.auth, **body)
    labels = {"method": method, **labels}
    assert scrape().total(name, **labels) - before.total(name, **labels) == 1


def test_requests_without_a_credential_are_counted_for_their_operation(client, scrape):
    before, labels = scrape(), {"handler": "user.get", "code": "401"}
    client.get("/user")
    name = "launcher_request_seconds_count"
    assert scrape().total(name, **labels) - before.total(name, **labels) == 1


def test_a_fault_is_counted(start_app, reader):
    async def faulty(request):
        raise RuntimeError("no more")

    client = start_app()
    starlette = client.app._app._app
    starlette.router.routes.insert(0, Route("/faulty", faulty))
    problem_of(client.get("/faulty"), 500)
    page = page_of(client.get("/metrics", headers=reader))
    assert page.total("launcher_request_seconds_count", handler="none", code="500") == 1


def test_statuses_that_a_server_makes_up_are_one_to_us():
    metrics = Metrics()
    for status in range(600, 700):
        metrics.upstream("contents.put", str(status), 0.1)
    page = Page(metrics.text({}).decode())
    assert page.values_of("launcher_upstream_requests_total", "status") == {"other"}


def test_nothing_is_told_about_anybody(client, fakehub, scrape):
    user = fakehub.add_user("secretive", server="ready")
    assert client.launch(user, directory="hidden-away", filename="diary.ipynb").status_code == 200
    client.get("/experiments/a-secret", headers=user.auth)
    client.get("/users/secretive", params={"q": "typed"})
    page = scrape()
    assert {name for sample in page.samples for name in sample.labels} <= LABELS
    told = " ".join(value for sample in page.samples for value in sample.labels.values())
    for word in ("secret", "hidden", "diary", "typed", "http", "/", user.token, fakehub.token):
        assert word not in told, word
    assert all(sample.name.startswith("launcher_") for sample in page.samples)


def test_a_database_that_is_away_hides_its_own_numbers_alone(start_app, reader, tmp_path):
    client = start_app()
    with sqlite3.connect(tmp_path / "launcher.sqlite") as database:
        database.execute("ALTER TABLE launches RENAME TO gone")
    page = page_of(client.get("/metrics", headers=reader))
    assert page.values_of("launcher_launches_in_flight", "state") == set()
    assert page.total("launcher_upstream_requests_total", kind="hub.identify") >= 1


# across processes


def workers_of(gunicorn):
    return psutil.Process(gunicorn.pid).children()


class Worker:
    """One of gunicorn's processes, through a connection that stays with it."""

    def __init__(self, gunicorn) -> None:
        self._wire = HTTPConnection("127.0.0.1", gunicorn.port, timeout=MAX_SECONDS)
        self.ask("GET", "/health")
        port = self._wire.sock.getsockname()[1]
        self.process = next(
            worker
            for worker in workers_of(gunicorn)
            if any(wire.raddr and wire.raddr.port == port for wire in worker.net_connections())
        )

    def close(self) -> None:
        self._wire.close()

    def ask(self, method, path, **options) -> str:
        self._wire.request(method, path, **options)
        answer = self._wire.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return text

    def launch(self, user):
        headers = {**user.auth, "Content-Type": "application/json"}
        self.ask("POST", "/hello", body='{"notebook": {"directory": "lab"}}', headers=headers)

    def launches(self, reader):
        """How many launches it knows of."""
        page = Page(self.ask("GET", "/metrics", headers=reader))
        return page.total("launcher_request_seconds_count", handler="shortcuts.hello", code="200")


@pytest.fixture
def workers(gunicorn):
    """A connection to each of the two: which of them takes one, nobody can say."""
    with ExitStack() as connections:
        found = {}

        def found_both():
            worker = Worker(gunicorn)
            connections.callback(worker.close)
            found.setdefault(worker.process, worker)
            return len(found) == 2

        wait_until(found_both, "a connection to the other worker")
        yield list(found.values())


def test_every_worker_tells_what_all_of_them_counted(workers, reader, alice):
    one, other = workers
    before = one.launches(reader)
    for worker in (one, other, other):
        worker.launch(alice)
    assert [worker.launches(reader) - before for worker in workers] == [3, 3]


def test_what_a_worker_counted_outlives_it(gunicorn, workers, reader, alice):
    one, other = workers
    before = other.launches(reader)
    one.launch(alice)
    one.process.kill()
    wait_until(lambda: len({*workers_of(gunicorn), one.process}) == 3, "another worker")
    assert other.launches(reader) - before == 1


# the folder


FOLDER = """
import os, sys
os.umask(0o022)
from launcher.gunicorn import raw_env
folder = raw_env[0].partition("=")[2]
# a worker that ends leaves it
pid = os.fork()
pid or sys.exit()
os.waitpid(pid, 0)
print(folder, oct(os.stat(folder).st_mode & 0o777), flush=True)
sys.stdin.read()
"""


def master(folder, **environ):
    """A process that has the settings of a master; it ends with its stdin."""
    command = [sys.executable, "-W", "ignore", "-c", FOLDER]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environ, stdin=pipe, stdout=pipe, text=True)


def folder_of(process):
    """Where the master has its workers count, and how private that is."""
    folder, mode = process.stdout.readline().split()
    return Path(folder), mode


def end(process):
    process.communicate()
    assert process.returncode == 0


def test_the_folder_is_private_beside_the_secret_and_ends_with_the_master(tmp_path):
    (tmp_path / "var").mkdir()
    one = master(tmp_path, LAUNCHER_DATABASE_URL=f"sqlite:///{tmp_path}/var/launcher.sqlite")
    folder, mode = folder_of(one)
    assert folder.parent == tmp_path / "var"
    assert mode == "0o700"
    end(one)
    assert not folder.exists()


def test_what_a_killed_master_left_is_removed_and_what_is_in_use_is_not(tmp_path):
    running, killed = master(tmp_path), master(tmp_path)
    used, left = folder_of(running)[0], folder_of(killed)[0]
    killed.kill()
    killed.communicate()
    assert left.exists()
    third = master(tmp_path)
    assert {used, folder_of(third)[0]} == set(tmp_path.glob("launcher-metrics-*"))
    end(third)
    end(running)
    assert not list(tmp_path.glob("launcher-metrics-*"))


def test_a_folder_that_the_administrator_named_is_used_and_kept(tmp_path):
    named = master(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert folder_of(named)[0] == tmp_path
    end(named)
    assert tmp_path.is_dir()


# no space to count in


def lines_of(log, event):
    return [line for line in log.read_text().splitlines() if event in line]


@pytest.mark.slow
def test_a_disk_without_space_kills_no_worker(fakehub, alice, reader, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    mount = 'mount -t tmpfs -o size=16k tmpfs "$0" && exec "$@"'
    inside = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(full))
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(full)}
    with serving(fakehub, tmp_path, before=inside, environ=environ) as served:
        [before] = workers_of(served)
        body = {"notebook": {"directory": "lab"}}
        for _ in range(3):
            answer = requests.post(f"{served.url}/hello", headers=alice.auth, json=body, timeout=20)
            assert answer.status_code == 200
        page = Page(requests.get(f"{served.url}/metrics", headers=reader, timeout=20).text)
        assert page.total("launcher_launches_total", result="done") == 3
        assert workers_of(served) == [before]
        # one of the master, one of its worker
        said = lines_of(served.log, "metrics are counted in memory")
        assert len(said) == 2
        assert "No space left on device" in said[0]


def test_a_folder_that_cannot_be_made_is_told_and_done_without(tmp_path):
    program = "from launcher import gunicorn; print(gunicorn.raw_env, gunicorn.warnings)"
    environ = {"LAUNCHER_DATABASE_URL": f"sqlite:///{tmp_path}/missing/launcher.sqlite"}
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.stdout.startswith(
        '[] ["Each worker counts its own metrics, without a shared folder'
    )


def test_a_file_that_grows_has_blocks_for_all_of_it(tmp_path):
    numbers = metric_files.AllocatedDict(str(tmp_path / "counter_1.db"))
    fill(numbers, KEYS)
    status = (tmp_path / "counter_1.db").stat()
    assert status.st_blocks * 512 >= status.st_size >= len(KEYS) * 100
    read = metric_files.AllocatedDict.read_all_values_from_file(str(tmp_path / "counter_1.db"))
    assert [key for key, *_ in read] == KEYS
    numbers.close()


NO_ROOM_TO_GROW = """
import os, sys
import filled_metrics
from filled_metrics import KEYS, fill
from launcher import metric_files
name = sys.argv[1] + "/counter_1.db"
numbers = metric_files.AllocatedDict(name)
fill(numbers, KEYS)
assert [numbers.read_value(key)[0] for key in KEYS] == list(range(len(KEYS)))
assert os.stat(name).st_size == metric_files.FIRST_BYTES
assert metric_files.counts_in_memory()
"""


def test_a_file_that_cannot_grow_is_gone_on_with_in_memory(tmp_path):
    mount = 'mount -t tmpfs -o size=100k tmpfs "$0" && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path)]
    command = [*inside, sys.executable, "-W", "ignore", "-c", NO_ROOM_TO_GROW, str(tmp_path)]
    done = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "metrics are counted in memory"
