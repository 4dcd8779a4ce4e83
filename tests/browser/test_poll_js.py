"""poll.js in pages: those that react to a save, on another address and on the launcher's own."""

import json
import re
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from browser_site import SPAWNER, wait
from documents import blocks
from playwright.sync_api import expect
from site_of_launcher import sites
from workshop_site import WorkshopSite

DOCUMENT = Path(__file__).parents[2] / "docs/workshops.md"
LAUNCHER = "https://hub.example.org/services/launcher"
EVENT = {"type": "save-notebook", "filename": "day1.ipynb", "path": "course/day1.ipynb"}
STREAMS = 2
# hours between two looks: what arrives comes from the stream
NEVER = 10_000_000
BEGIN = """
async ([url, waits]) => {
  const { waitForUpdate } = await import(`${url}/static/poll.js`);
  window.found = {};
  for (const [name, { filters, interval, options }] of Object.entries(waits)) {
    waitForUpdate(filters, interval, options).then(
      (event) => (window.found[name] = event),
      (error) => (window.found[name] = error.message),
    );
  }
}
"""


class Portal:
    """A web server with the page of the document, and the token of whoever is signed in there."""

    def __init__(self):
        self.page, self.token, self.shown = "", "", 0
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = "<!doctype html><title>Empty</title>"
                if self.path == "/summary":
                    portal.shown += 1
                    body = portal.page
                elif self.path == "/token":
                    body = json.dumps({"token": portal.token})
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_args):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def portal():
    """A web server at localhost; the hub is at 127.0.0.1."""
    portal = Portal()
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory, portal):
    """A site with a teacher, tina, whose launcher allows each user few streams."""
    config = f"c.Launcher.allowed_origins = [{portal.origin!r}]\n"
    # a page that is loaded again has two for a moment
    config += f"c.Launcher.max_streams_per_user = {STREAMS}\n"
    with sites(tmp_path_factory, WorkshopSite) as make:
        made = make(extra=SPAWNER, config=config, workers=1)
        page = next(block.text for block in blocks(DOCUMENT) if block.language == "html")
        assert LAUNCHER in page
        portal.page = page.replace(LAUNCHER, made.url)
        yield made


@pytest.fixture
def elsewhere(make_page, portal, watch):
    """A page on another address."""
    watch.allow(f"^elsewhere: {re.escape(portal.origin)}")
    page = make_page()
    page.goto(f"{portal.origin}/")
    return page


@pytest.fixture
def streams(elsewhere):
    """The status of each answer to a stream that the page asked for."""
    found = []
    elsewhere.on(
        "response", lambda it: "/events/stream" in it.url and found.append((it.status, it.request))
    )
    return found


@pytest.fixture
def begin(site, elsewhere):
    """Begins waits in the page, by name, as a user: `begin(user, name=(filters, interval))`."""

    def begin(user, **waits):
        options = {"token": site.hub.token_of(user)}
        called = {
            name: {"filters": filters, "interval": interval, "options": options}
            for name, (filters, interval) in waits.items()
        }
        elsewhere.evaluate(BEGIN, [site.url, called])

    return begin


def post(site, user, **fields):
    """Report an event of a user."""
    answer = requests.post(
        f"{site.url}/events",
        json={**EVENT, **fields},
        headers={"Authorization": f"token {site.hub.token_of(user)}"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def found(page, name):
    """What became of a wait: an event, a message, or None until then."""
    return page.evaluate("(name) => window.found[name]", name)


def follows(page, streams, count=1):
    """Wait until so many streams of the page have begun."""
    wait(page, lambda: [status for status, _ in streams].count(200) == count, 30)
    page.wait_for_timeout(500)  # what is sent first says where to go on


def test_the_page_of_the_document_is_loaded_again_at_a_save(elsewhere, portal, site, streams):
    post(site, "ann")
    portal.token = site.hub.token_of("ann")
    elsewhere.goto(f"{portal.origin}/summary")
    first = portal.shown
    for number in range(2):
        follows(elsewhere, streams, number + 1)
        assert portal.shown == first + number
        post(site, "ann")
        wait(elsewhere, lambda number=number: portal.shown > first + number, 20)
    expect(elsewhere.get_by_role("status")).to_be_empty()


def test_only_what_matches_ends_a_wait_and_waits_share_a_stream(elsewhere, begin, site, streams):
    begin(
        "bea",
        day1=({"filename": "day1.ipynb"}, NEVER),
        day2=({"filename": "day2.ipynb", "type": "exercise-done"}, NEVER),
        any=({}, NEVER),
    )
    follows(elsewhere, streams)
    event = post(site, "bea", filename="day2.ipynb", path="day2.ipynb")
    wait(elsewhere, lambda: found(elsewhere, "any"), 20)
    assert found(elsewhere, "any") == event
    event = post(site, "bea")
    wait(elsewhere, lambda: found(elsewhere, "day1"), 20)
    assert found(elsewhere, "day1") == event
    assert found(elsewhere, "day2") is None
    assert [status for status, _ in streams] == [200]


def test_who_has_too_many_streams_polls(elsewhere, begin, site, streams, watch):
    watch.allow("^status: 429 .*/events/stream")
    before = post(site, "cleo")
    headers = {"Authorization": f"token {site.hub.token_of('cleo')}"}
    url = f"{site.url}/events/stream"
    with ExitStack() as others:
        for _ in range(STREAMS):
            answer = requests.get(url, headers=headers, stream=True, timeout=60)
            assert others.enter_context(answer).status_code == 200
        with elsewhere.expect_response(re.compile(r"/events\?filename=")):
            begin("cleo", day1=({"filename": "day1.ipynb"}, 300))
        elsewhere.wait_for_timeout(1000)
        assert found(elsewhere, "day1") is None
        event = post(site, "cleo")
        assert event["id"] == before["id"]
        wait(elsewhere, lambda: found(elsewhere, "day1"), 20)
        assert found(elsewhere, "day1") == event
        assert {status for status, _ in streams} == {429}


def test_what_happens_while_the_stream_is_lost_is_not_missed(
    elsewhere, begin, site, streams, watch
):
    watch.allow("^failed: .*/events", "^status: 50[234] .*/events")
    begin("dora", day1=({"filename": "day1.ipynb"}, NEVER))
    follows(elsewhere, streams)
    elsewhere.route("**/events/stream", lambda route: route.abort())
    site.launcher.stop()
    site.launcher.start()
    event = post(site, "dora")
    assert found(elsewhere, "day1") is None
    elsewhere.unroute("**/events/stream")
    wait(elsewhere, lambda: found(elsewhere, "day1"), 30)
    assert found(elsewhere, "day1") == event
    assert streams[-1][1].headers["last-event-id"].isdigit()


def test_who_is_not_signed_in_is_told_where_to_sign_in(elsewhere, portal, site, watch):
    watch.allow("^status: 401 .*/events/stream")
    portal.token = "wrong"
    elsewhere.goto(f"{portal.origin}/summary")
    expect(elsewhere.get_by_role("status")).to_contain_text(f"Sign in at {site.url}/home/")


def test_a_page_of_another_address_without_a_token_is_told_so(elsewhere, site):
    elsewhere.evaluate(BEGIN, [site.url, {"it": {"filters": {}}}])
    wait(elsewhere, lambda: found(elsewhere, "it"), 10)
    assert "A page that is not the launcher's own needs a token" in found(elsewhere, "it")


def test_participants_cannot_wait_for_what_others_do_and_teachers_can(
    elsewhere, begin, site, streams, watch
):
    watch.allow("^status: 403 .*/events")
    begin("emil", other=({"user": "fay"}, NEVER), own=({"user": "emil"}, NEVER))
    wait(elsewhere, lambda: found(elsewhere, "other"), 20)
    assert re.search("Only a teacher.* Sign in at ", found(elsewhere, "other"))
    assert found(elsewhere, "own") is None
    begin("tina", other=({"user": "fay"}, NEVER))
    follows(elsewhere, streams, 2)
    post(site, "emil")
    event = post(site, "fay")
    wait(elsewhere, lambda: found(elsewhere, "other"), 20)
    assert found(elsewhere, "other") == event


def test_a_page_of_the_launcher_uses_its_own_session(make_page, site, watch):
    watch.allow("^status: 401 .*/events/stream")
    page = make_page("gus")
    page.goto("home/notebooks")
    xsrf = page.locator("#now").get_attribute("data-xsrf")
    waits = {"no": {"filters": {}}, "yes": {"filters": {}, "options": {"xsrf": xsrf}}}
    for each in waits.values():
        each["interval"] = NEVER
    with page.expect_response(lambda it: "/events/stream" in it.url and it.ok):
        page.evaluate(BEGIN, [site.url, waits])
    wait(page, lambda: found(page, "no"), 20)
    assert f"Sign in at {site.url}/home/" in found(page, "no")
    page.wait_for_timeout(500)
    event = post(site, "gus")
    wait(page, lambda: found(page, "yes"), 20)
    assert found(page, "yes") == event
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
