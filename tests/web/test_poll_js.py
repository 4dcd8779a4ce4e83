"""poll.js, run by Node.js against a launcher that answers as told."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_launcher import PROBLEM
from fake_launcher import served as answering

import launcher.web

MODULE = Path(launcher.web.__file__).parent / "static" / "poll.js"
HARNESS = """
import {{ waitForUpdate }} from {module};
const url = {url};
const options = {{ url, token: "a token" }};
const settled = (promise) => promise.then(
  (value) => ({{ value }}),
  ({{ name, message, status }}) => ({{ error: {{ name, message, status }} }}),
);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
console.log(JSON.stringify(await settled((async () => {{ {code} }})())));
process.exit();
"""
SAVED = {
    "id": 1,
    "type": "save-notebook",
    "user": "ann",
    "filename": "day1.ipynb",
    "path": "course/day1.ipynb",
    "timestamp": "2026-11-14T16:00:00.511000+00:00",
}
AGAIN = {**SAVED, "timestamp": "2026-11-14T16:30:00.000000+00:00"}
OTHER = {**SAVED, "id": 2, "filename": "day2.ipynb", "path": "course/day2.ipynb"}
STREAM = {"kind": "text/event-stream"}
WAIT = 'return waitForUpdate({ filename: "day1.ipynb" }, 50, options);'


def stream(position, *events):
    """A stream that begins after a change, and its events."""
    lines = [f": heartbeat\nid: {position}\n\n"]
    for seq, event in enumerate(events, position + 1):
        lines.append(f"id: {seq}\nevent: event\ndata: {json.dumps(event)}\n\n")
    return "".join(lines).encode()


def problem(status):
    return {"type": "about:blank", "title": "No", "status": status, "detail": "It is refused."}


@pytest.fixture
def service():
    """A launcher that gives the answers that a test tells it to."""
    with answering() as service:
        yield service


@pytest.fixture
def run(tmp_path, service):
    """Runs lines of JavaScript, and returns what they return or throw."""

    def run(code):
        path = tmp_path / "test.mjs"
        module, url = json.dumps(MODULE.as_uri()), json.dumps(service.url)
        path.write_text(HARNESS.format(module=module, url=url, code=code))
        node = shutil.which("node")
        assert node, "Node.js is installed with the hub's proxy"
        done = subprocess.run([node, path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def paths(service):
    """What was asked for, without the prefix."""
    return [path.partition("/services/launcher")[2] for _, path, _, _ in service.seen]


def test_the_event_that_matches_arrives_on_the_stream(run, service):
    service.answers(stream(6, OTHER, SAVED), **STREAM)
    assert run(WAIT)["value"] == SAVED
    assert paths(service) == ["/events/stream"]
    assert service.sent("Authorization") == ["token a token"]


def test_scripts_that_import_nothing_call_the_global_function(run, service):
    service.answers(stream(6, SAVED), **STREAM)
    assert run("return globalThis.waitForUpdate({}, 5000, options);")["value"] == SAVED


def test_a_lost_stream_goes_on_from_where_it_was_even_before_the_first_event(run, service):
    service.answers_first(stream(6), **STREAM)
    service.answers_first("<h1>Bad Gateway</h1>", 502, "text/html")
    service.loses()
    service.answers(stream(6, SAVED), **STREAM)
    assert run(WAIT)["value"] == SAVED
    # Node.js itself repeats a request whose connection it kept
    assert set(service.sent("Last-Event-ID")[1:]) == {"6"}
    assert service.sent("Last-Event-ID")[0] is None


def test_several_calls_share_a_stream(run, service):
    service.answers(stream(6, OTHER, SAVED), **STREAM)
    found = run(
        """
        const calls = ["day1.ipynb", "day2.ipynb"].map(
          (filename) => waitForUpdate({ filename }, 5000, options),
        );
        return Promise.all(calls);
        """
    )
    assert found["value"] == [SAVED, OTHER]
    assert paths(service) == ["/events/stream"]


def test_the_next_call_goes_on_with_the_stream_of_the_last(run, service):
    service.answers_first(stream(6, SAVED), **STREAM)
    service.answers(stream(7, AGAIN), **STREAM)
    found = run(
        """
        const first = await waitForUpdate({}, 5000, options);
        return [first, await waitForUpdate({}, 5000, options)];
        """
    )
    assert found["value"] == [SAVED, AGAIN]
    assert service.sent("Last-Event-ID") == [None, "7"]


def test_without_a_stream_it_polls_and_knows_what_was_there_before(run, service):
    service.answers_first(problem(429), 429, PROBLEM, Retry_After="60")
    service.answers_first([SAVED])
    service.answers_first([SAVED])
    service.loses()
    service.answers([AGAIN])
    assert run(WAIT)["value"] == AGAIN
    asked = paths(service)
    assert asked[:2] == ["/events/stream", "/events?filename=day1.ipynb&limit=1000"]
    assert set(asked[2:]) == {
        "/events?filename=day1.ipynb&limit=1000&since=2026-11-14T15%3A50%3A00.511Z"
    }


def test_polling_sees_the_first_event_of_all(run, service):
    service.answers_first(problem(429), 429, PROBLEM, Retry_After="60")
    service.answers_first([])
    service.answers([SAVED])
    assert run(WAIT)["value"] == SAVED


def test_what_happened_before_the_stream_began_is_not_missed(run, service):
    service.answers_first(problem(429), 429, PROBLEM, Retry_After="1")
    service.answers_first([])
    service.answers_first(stream(7), **STREAM)
    service.answers([SAVED])
    found = run("return waitForUpdate({}, 60000, options);")
    assert found["value"] == SAVED
    assert paths(service)[2] == "/events/stream"


def test_a_resumed_stream_does_not_repeat_what_was_there_before_the_call(run, service):
    service.answers_first(stream(6), **STREAM)
    service.answers_first(problem(429), 429, PROBLEM, Retry_After="2")
    service.answers_first([])  # of the first call
    service.answers_first([SAVED])  # of the second
    service.answers_first(stream(6, SAVED, OTHER, AGAIN), **STREAM)
    service.answers([])
    found = run(
        """
        const first = waitForUpdate({ path: "course/day1.ipynb" }, 60000, options);
        await pause(2);
        const second = waitForUpdate({ filename: "day1.ipynb" }, 60000, options);
        return Promise.all([first, second]);
        """
    )
    assert found["value"] == [SAVED, AGAIN]


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "/services/launcher/home/"), (403, "It is refused. Sign in at http"), (404, "refused"),
     (400, "refused"), (500, "refused")],
)  # fmt: skip
def test_a_refusal_that_lasts_is_an_error_with_what_to_do(run, service, status, words):
    service.answers(problem(status), status, PROBLEM)
    error = run(WAIT)["error"]
    assert (error["name"], error["status"]) == ("LauncherError", status)
    assert words in error["message"]
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [("{ file: 'x' }", "There is no filter file. The filters are type, user, filename, path."),
     ("{ user: '' }", "The filter user must be a string that is not empty."),
     ("{ user: 7 }", "The filter user must be"), ("{ path: undefined }", "The filter path must be"),
     ("'day1.ipynb'", "The filters must be an object"), ("null", "The filters must be an object"),
     ("['x']", "There is no filter 0."),
     *[("{}, " + bad, "The interval must be a positive number of milliseconds.")
       for bad in ("0", "-1", "'5'", "NaN", "Infinity", "null")]],
)  # fmt: skip
def test_wrong_arguments_throw_at_once(run, service, arguments, words):
    found = run(f"try {{ waitForUpdate({arguments}); }} catch (error) {{ throw error; }}")
    assert found["error"]["name"] == "TypeError"
    assert words in found["error"]["message"]
    assert service.seen == []


def test_a_signal_ends_the_wait(run, service):
    service.answers(stream(6), **STREAM)
    found = run("return waitForUpdate({}, 5000, { ...options, signal: AbortSignal.timeout(200) });")
    assert found["error"]["name"] == "TimeoutError"
    found = run("return waitForUpdate({}, 5000, { ...options, signal: AbortSignal.abort() });")
    assert found["error"]["name"] == "AbortError"


def test_the_module_is_small():
    assert len(MODULE.read_text(encoding="utf-8")) < 12_000
