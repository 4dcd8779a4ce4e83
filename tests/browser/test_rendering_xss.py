"""Notebooks full of scripts in a browser: each protection is tried without the others (A17)."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import hostile_notebooks
import pytest
from hostile_notebooks import ALL
from playwright.sync_api import Error
from xss_payloads import ELSEWHERE

from launcher.web import content_security

STYLE = "/notebook.css"
# the controls: what the others would do as well
RUNS = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>"]
LOADS = [f"<script src={ELSEWHERE}/x.js></script>", f"<img src={ELSEWHERE}/x.png>"]
HOST = "<!DOCTYPE html><title>Host</title><p>Host page</p>"
FRAME = "<iframe sandbox src='/document?number={number}&{more}'></iframe>"
# of these, one page shows each in a frame of its own
GROUPS = [range(first, min(first + 15, len(ALL))) for first in range(0, len(ALL), 15)]


class Pages(BaseHTTPRequestHandler):
    """Host pages, and documents as they are or with the policy of a preview."""

    documents: ClassVar[list] = []
    unsafe: ClassVar[list] = []

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        numbers = [int(number) for number in query.get("number", "0").split(",")]
        if parts.path == "/host":
            more = "unsafe=1&policy=1" if "unsafe" in query else "policy=1"
            frames = "".join(FRAME.format(number=number, more=more) for number in numbers)
            self.answer("text/html", HOST + frames, content_security.page(frame=True))
        elif parts.path == "/document":
            text = (self.unsafe if "unsafe" in query else self.documents)[numbers[0]]
            self.answer("text/html", text, content_security.PREVIEW if "policy" in query else "")
        else:
            self.answer("text/css", "p { color: teal }", "")

    def answer(self, kind, text, policy):
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Set-Cookie", "session=secret; Path=/")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(text.encode("utf-8", "replace"))

    def log_message(self, *_arguments):
        """Keep the output clean."""


class Seen:
    """What a context did that it should not do."""

    def __init__(self, context, own):
        self.dialogs, self.elsewhere = [], []
        self.own = own
        context.on("dialog", self.dialog)
        context.on("request", self.request)

    def dialog(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def request(self, request):
        if not request.url.startswith((self.own, "data:", "about:", "blob:")):
            self.elsewhere.append(request.url)


@pytest.fixture(autouse=True)
def watch():
    """In place of that of the folder, which starts a hub."""


@pytest.fixture(scope="module")
def address():
    """Where the pages are."""
    with ThreadPoolExecutor(1) as thread:  # in this one, playwright has an event loop
        rendered = thread.submit(lambda: asyncio.run(hostile_notebooks.documents(ALL, STYLE)))
        rendered = rendered.result()
    Pages.documents = [rendered[payload] for payload in ALL]
    Pages.unsafe = [f"<!DOCTYPE html><body>{payload}</body>" for payload in ALL]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser, address):
    """Open a page in a window of its own: `visit(path) -> (page, Seen)`."""
    contexts = []

    def visit(path):
        context = browser.new_context()
        contexts.append(context)
        seen = Seen(context, address)
        page = context.new_page()
        page.goto(address + path, wait_until="load")
        page.wait_for_timeout(100)
        return page, seen

    yield visit
    for context in contexts:
        context.close()


def listed(numbers):
    """The words of an address for these payloads."""
    return ",".join(map(str, numbers))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_nothing_of_a_notebook_in_a_frame_runs_or_loads(visit, group):
    page, seen = visit(f"/host?number={listed(group)}")
    assert len(page.frames) == 1 + len(group)
    for frame in page.frames[1:]:
        assert frame.locator("body.notebook").count() == 1
    assert (seen.dialogs, seen.elsewhere) == ([], [])


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_nothing_runs_or_loads_without_policy_and_sandbox(visit, address, group):
    page, seen = visit(f"/document?number={group[0]}")
    for number in group:
        page.goto(f"{address}/document?number={number}", wait_until="load")
        page.wait_for_timeout(50)
        assert (seen.dialogs, seen.elsewhere) == ([], []), ALL[number]


def test_the_frame_has_the_style_and_no_origin(visit):
    page, _ = visit("/host?number=0")
    frame = page.frames[1]
    colour = frame.locator("p").first.evaluate("e => getComputedStyle(e).color")
    assert colour == "rgb(0, 128, 128)"
    assert frame.evaluate("window.origin") == "null"
    with pytest.raises(Error, match="SecurityError"):
        frame.evaluate("document.cookie")


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_policy_alone_stops_what_is_not_sanitised(visit, group):
    _, seen = visit(f"/host?number={listed(group)}&unsafe=1")
    assert seen.dialogs == []


@pytest.mark.parametrize("text", RUNS, ids=RUNS)
def test_without_protection_the_payload_runs(visit, text):
    _, seen = visit(f"/document?number={ALL.index(text)}&unsafe=1")
    assert seen.dialogs


@pytest.mark.parametrize("text", LOADS, ids=LOADS)
def test_without_protection_the_payload_loads_from_elsewhere(visit, text):
    _, seen = visit(f"/document?number={ALL.index(text)}&unsafe=1")
    assert seen.elsewhere
