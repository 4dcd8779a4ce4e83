"""Clients of a launcher beside a real hub, and what their launches leave in the homes."""

import contextlib
import json
from pathlib import Path

import requests
from waiting import wait_until

ENDED = ("done", "failed", "cancelled")


class Caller:
    """Somebody with a token, who speaks to one launcher."""

    def __init__(self, launcher, token):
        self.launcher, self.token = launcher, token

    def call(self, method, path, headers=(), **options):
        headers = {"Authorization": f"token {self.token}", **dict(headers)}
        url = self.launcher.url + path
        return requests.request(method, url, headers=headers, timeout=60, **options)

    def get(self, path, **query):
        """What is there."""
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def launch(self, directory="d", user=None, server="", **headers):
        """A launch of hello that was accepted."""
        headers = {"Prefer": "respond-async", **headers}
        body = {"notebook": {"directory": directory, "server": server}}
        query = {"user": user} if user else {}
        answer = self.call("POST", "/hello", headers, json=body, params=query)
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"] == f"/launches/{answer.json()['id']}"
        return answer.json()

    def now(self, launch):
        """The launch as it is now."""
        return self.get(f"/launches/{launch['id']}")

    def ended(self, launch, seconds=60):
        """The launch when it has ended; nobody may answer meanwhile."""

        def look():
            with contextlib.suppress(requests.ConnectionError):
                now = self.now(launch)
                return now["state"] in ENDED and now

        return wait_until(look, f"the end of {launch}", seconds)

    def events(self, launch, last=None):
        """The events of a launch as they come: (id, event, data)."""
        headers = {"Last-Event-ID": str(last)} if last is not None else {}
        path = f"/launches/{launch['id']}/events"
        with self.call("GET", path, headers, stream=True) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            fields = {}
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                    fields = {}


def notebooks(hub, user, directory="d"):
    """The names of what launches left in a directory of the home."""
    there = hub.home(user) / directory
    return sorted(path.name for path in there.iterdir() if path.is_file()) if there.exists() else []


def workers(launcher):
    """The processes of the launcher's workers."""
    master = launcher.gunicorn.process.pid
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
