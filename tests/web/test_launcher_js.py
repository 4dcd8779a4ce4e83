"""launcher.js, run by Node.js against the real application, and one that answers as told."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from edge import serving
from fake_launcher import PROBLEM
from fake_launcher import served as answering
from fakehub.state import Start

import launcher.web

MODULE = Path(launcher.web.__file__).parent / "static" / "launcher.js"
HARNESS = """
import {{ Launcher, LauncherError }} from {module};
const launcher = new Launcher({url}, {{ token: {token} }});
const seen = [];
const onProgress = (event) => seen.push(event);
let result;
try {{
  result = {{ value: await (async () => {{ {code} }})() }};
}} catch (error) {{
  const {{ name, message, type, title, detail, errors, status, retryAfter, launch }} = error;
  result = {{
    error: {{ name, message, type, title, detail, errors, status, retryAfter, launch }},
  }};
}}
console.log(JSON.stringify({{ ...result, seen }}));
"""


@pytest.fixture(scope="module")
def served(_fakehub, tmp_path_factory):
    _fakehub.reset()
    folder = tmp_path_factory.mktemp("launcher")
    (folder / "launcher_config.py").write_text("c.Launcher.breaker_seconds = 0\n")
    with serving(_fakehub, folder) as found:
        yield found


@pytest.fixture
def run_at(tmp_path):
    """Runs lines of JavaScript with a launcher of that URL, and returns what came of it."""

    def run_at(url, code, token="a token"):
        words = {"module": MODULE.as_uri(), "url": url, "token": token}
        path = tmp_path / "test.mjs"
        path.write_text(HARNESS.format(**{k: json.dumps(v) for k, v in words.items()}, code=code))
        node = shutil.which("node")
        assert node, "Node.js is installed with the hub's proxy"
        done = subprocess.run([node, path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run_at


@pytest.fixture
def run(run_at, served):
    """Runs lines of JavaScript as a user of the real application."""
    return lambda user, code, token=None: run_at(served.url, code, token or user.token)


@pytest.fixture
def service():
    """A launcher that gives the answers that a test tells it to."""
    with answering() as service:
        yield service


LAUNCH = 'return launcher.launch("hello", { notebook: { directory: "lab" }, onProgress });'


def test_a_launch_resolves_with_the_address_of_the_notebook(run, fakehub):
    user = fakehub.add_user(server="ready")
    found = run(user, LAUNCH)
    assert found["value"].endswith("/lab/experiment.ipynb?reset=1")
    assert "lab/experiment.ipynb" in user.files


def test_progress_is_reported_while_the_server_starts(run, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(seconds=1.5, messages=("Pulling the image",)))
    found = run(user, LAUNCH)
    assert found["value"]
    assert "Pulling the image" in [event.get("message") for event in found["seen"]]
    assert "starting" in [event["state"] for event in found["seen"]]


def test_a_start_that_fails_is_an_error_with_the_reason(run, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(status=201, outcome="fails", reason="no such image foo:1"))
    error = run(user, LAUNCH)["error"]
    assert error["name"] == "LauncherError"
    assert error["type"] == "urn:problem-type:launcher:spawn-failed"
    assert "no such image" in error["detail"]
    assert error["launch"]["state"] == "failed"


def test_wrong_parameters_are_errors_of_their_fields(run, fakehub):
    user = fakehub.add_user(server="ready")
    error = run(
        user,
        'return launcher.launch("opendap", { notebook: { directory: "lab" }, parameters: {} });',
    )["error"]
    assert error["status"] == 400
    assert error["errors"][0]["pointer"] == "/parameters/opendap"


def test_a_wrong_token_is_an_error(run, fakehub):
    error = run(fakehub.add_user(), LAUNCH, token="wrong")["error"]
    assert error["status"] == 401


def test_a_launch_can_be_cancelled(run, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(seconds=30, outcome="never"))
    found = run(
        user,
        """
        const launch = await launcher.start("hello", { notebook: { directory: "lab" } });
        setTimeout(() => launcher.cancel(launch.id), 300);
        return launcher.follow(launch, { onProgress });
        """,
    )
    assert found["error"]["title"] == "The launch was cancelled"


def test_somebody_who_does_not_want_to_wait_stops_waiting(run, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(seconds=30, outcome="never"))
    found = run(
        user,
        """
        const signal = AbortSignal.timeout(500);
        return launcher.launch("hello", { notebook: { directory: "lab" }, signal });
        """,
    )
    assert found["error"]["name"] == "TimeoutError"


def test_the_experiments_are_listed(run, fakehub):
    found = run(fakehub.add_user(), "return (await launcher.experiments()).map((e) => e.name);")
    assert "hello" in found["value"]


# what a network, a proxy or a busy launcher does

NOW = {"id": "0123", "state": "starting"}
DONE = {"id": "0123", "state": "done", "location": "https://hub.example.org/user/a/lab/tree/x"}
BUSY = {"type": "urn:problem-type:launcher:hub-busy", "title": "The hub is busy", "status": 503}
FOLLOW = 'return launcher.follow({ id: "0123", state: "queued" }, { onProgress });'


def events(*them):
    """A stream of events: pairs of a name and its data, with the ids 1, 2 and so on."""
    lines = [f"id: {i}\nevent: {n}\ndata: {json.dumps(d)}\n\n" for i, (n, d) in enumerate(them, 1)]
    return (": heartbeat\n\n" + "".join(lines)).encode()


def test_a_request_whose_answer_is_lost_is_repeated_as_the_same_launch(run_at, service):
    service.loses()
    service.answers_first("<h1>Bad Gateway</h1>", 502, "text/html")
    service.answers_first(NOW, 202)
    service.answers(events(("end", DONE)), kind="text/event-stream")
    assert run_at(service.url, LAUNCH)["value"] == DONE["location"]
    keys = service.sent("Idempotency-Key")[:3]
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert service.sent("Prefer")[0] == "respond-async"


def test_a_launch_is_begun_again_when_the_launcher_says_so(run_at, service):
    service.answers_first(BUSY, 503, PROBLEM, Retry_After="1")
    service.answers_first(NOW, 202)
    service.answers(events(("end", DONE)), kind="text/event-stream")
    assert run_at(service.url, LAUNCH)["value"] == DONE["location"]


@pytest.mark.parametrize(
    ("status", "headers"),
    [(429, {"Retry_After": "1"}), (503, {"Retry_After": "60"}),
     (502, {"Link": '</launches/0123>; rel="status"'})],
)  # fmt: skip
def test_a_refusal_that_lasts_is_an_error_at_once(run_at, service, status, headers):
    service.answers({**BUSY, "status": status}, status, PROBLEM, **headers)
    error = run_at(service.url, LAUNCH)["error"]
    assert (error["status"], error["title"]) == (status, "The hub is busy")
    assert error.get("retryAfter") == (int(headers["Retry_After"]) if status != 502 else None)
    assert error.get("launch") == ({"id": "0123"} if status == 502 else None)
    assert len(service.seen) == 1


def test_a_broken_stream_is_resumed_after_the_last_event(run_at, service):
    said = {"message": "Pulling", "progress": 20}
    first = events(("state", {"state": "starting"}), ("progress", said))
    service.answers_first(first + b"id: 3\nevent: progr", kind="text/event-stream")
    service.answers_first(NOW)
    service.answers_first(events(("end", DONE)), kind="text/event-stream")
    found = run_at(service.url, FOLLOW)
    assert found["value"] == DONE["location"]
    assert found["seen"] == [{"state": "starting"}, {"state": "starting", **said}]
    assert service.sent("Last-Event-ID") == [None, None, "2"]


def test_who_has_too_many_streams_open_polls(run_at, service):
    full = {**BUSY, "status": 429}
    service.answers_first(full, 429, PROBLEM, Retry_After="60")
    service.answers_first({**NOW, "state": "queued", "position": 4})
    service.loses()
    service.answers(DONE)
    found = run_at(service.url, FOLLOW)
    assert found["value"] == DONE["location"]
    assert found["seen"][0]["position"] == 4
    paths = [path.rpartition("/")[2] for _, path, _, _ in service.seen]
    assert paths == ["events", "0123", "0123", "0123"]


def test_a_launch_that_does_not_exist_is_an_error(run_at, service):
    service.answers({**BUSY, "status": 404}, 404, PROBLEM)
    assert run_at(service.url, FOLLOW)["error"]["status"] == 404
    assert len(service.seen) == 1


def test_a_mistake_in_the_page_is_not_repeated(run_at, service):
    service.answers(events(("state", {"state": "starting"})), kind="text/event-stream")
    code = """
    return launcher.follow({ id: "0123" }, { onProgress() { throw new RangeError("mine"); } });
    """
    error = run_at(service.url, code)["error"]
    assert (error["name"], error["message"]) == ("RangeError", "mine")
    assert len(service.seen) == 1


def test_a_launcher_that_does_not_answer_is_an_error_with_a_sentence(run_at, service):
    service.loses(20)
    error = run_at(service.url, "return launcher.find('0123');")["error"]
    assert (error["name"], error["status"]) == ("LauncherError", 0)
    assert error["message"] == "The launcher does not answer. Try again later."


def test_the_module_is_small_and_needs_no_other():
    text = MODULE.read_text(encoding="utf-8")
    assert "import {" not in text
    assert len(text) < 10_000
