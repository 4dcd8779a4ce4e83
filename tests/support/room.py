"""A room of participants who save notebooks in servers of their own, and what is kept of them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from urllib.parse import quote

import requests
from relay import Relay
from room_notebooks import LARGE_BYTES, GrowingNotebook, HostileNotebook, LargeNotebook
from workshop_site import WorkshopSite

from launcher.rendering.counting import plain
from launcher.rendering.statistics import MAX_TEXT
from launcher.workshops.dashboards import NOT_KEPT

NAME = "room"
FILENAME = "day1.ipynb"
PORTAL = "p" * 48
# of a server that is busy with a notebook of 50 MB
SECONDS = 120
HUB = """
class RoomSpawner(TestSpawner):
    def get_env(self):
        offline = {{"LAUNCHER_URL": {url!r}}} if self.user.name == "offline" else {{}}
        return {{**super().get_env(), **offline}}

c.JupyterHub.spawner_class = RoomSpawner
c.JupyterHub.services.append({{"name": "portal", "api_token": {portal!r}}})
c.JupyterHub.custom_scopes["custom:launcher:events"] = {{"description": "All events."}}
c.JupyterHub.load_roles.append({{
    "name": "portal", "services": ["portal"],
    "scopes": ["custom:launcher:events", "access:services!service=launcher"],
}})
"""


class Room(WorkshopSite):
    """A workshop on a real hub, with a launcher of four workers.

    Among the participants, `hostile` saves notebooks full of scripts, `large` one of 50 MB, and the
    server of `offline` does not reach the launcher until `relay.open()`.
    """

    def __init__(self, folder):
        self.relay = Relay()
        url = f"http://127.0.0.1:{self.relay.port}/services/launcher"
        super().__init__(folder, workers=4, extra=HUB.format(url=url, portal=PORTAL))
        self.members = []

    def stop(self):
        super().stop()
        self.relay.close()

    def create(self, name, filename, users):
        """Create a workshop, as its teacher does."""
        body = {"name": name, "title": "A room", "notebooks": [filename]}
        self.post("/workshops", {**body, "participants": {"users": users}}, self.teacher)

    def enter(self, count, at_once=2):
        """Create the workshop, and start the servers of so many participants."""
        names = ["hostile", "large", "offline"]
        names += [f"participant-{number:02}" for number in range(1, count - 2)]
        self.create(NAME, FILENAME, names)
        with ThreadPoolExecutor(at_once) as pool:
            self.members = list(pool.map(self._member, range(count), names))

    def _member(self, seed, name):
        self.hub.start_server(name)
        kinds = {"hostile": HostileNotebook, "large": LargeNotebook}
        return Member(self, name, kinds.get(name, GrowingNotebook)(seed))

    @cached_property
    def teacher(self):
        """The headers of a teacher."""
        return {"Authorization": f"token {self.hub.token_of('tina')}"}

    def post(self, path, body, headers):
        """POST something to the launcher that it has to take."""
        answer = requests.post(self.url + path, json=body, headers=headers, timeout=60)
        assert answer.status_code == 201, answer.text

    def get(self, path):
        """What the launcher's API answers the teacher."""
        answer = requests.get(self.url + path, headers=self.teacher, timeout=60)
        answer.raise_for_status()
        return answer

    def rows(self):
        """The rows of the dashboard, by user."""
        [board] = self.get(f"/workshops/{NAME}/dashboard").json()["notebooks"]
        assert board["filename"] == FILENAME
        assert len({row["user"] for row in board["participants"]}) == len(board["participants"])
        return {row["user"]: row for row in board["participants"]}

    def differences(self):
        """A sentence for each participant who is shown otherwise than saved."""
        try:
            rows = self.rows()
            events = {each["user"]: each for each in self.get("/events?type=save-notebook").json()}
        except requests.RequestException as error:
            return [f"The dashboard cannot be read: {type(error).__name__}."]
        found = []
        for member in self.members:
            row, event = rows.get(member.name), events.get(member.name)
            if row is None or event is None:
                found.append(f"Nothing of {member.name} is known.")
            elif not member.is_last_save(event["timestamp"]):
                found.append(f"The last event of {member.name} is of {event['timestamp']}.")
            elif not member.is_last_save(row["saved"]):
                found.append(f"The row of {member.name} is of {row['saved']}.")
            elif (shown := _shown(row)) != (saved := member.expected()):
                found.append(f"{member.name} saved {saved}, and {shown} is shown.")
        return found

    def wait_until_right(self, seconds):
        """Wait until the dashboard shows all; raises AssertionError, which says what is wrong."""
        end = time.monotonic() + seconds
        while wrong := self.differences():
            assert time.monotonic() < end, " ".join(wrong)
            time.sleep(0.2)

    def failed(self):
        """A sentence for each save that failed."""
        return [
            f"A save of {member.name} failed: {each}."
            for member in self.members
            for each in member.failures
        ]


class Member:
    """A participant with a notebook, and what happened to its saves."""

    def __init__(self, room, name, notebook):
        self.name = name
        self._notebook = notebook
        self._file = room.hub.home(name) / FILENAME
        path = f"/user/{quote(name)}/api/contents/{FILENAME}"
        self._url = room.hub.url + path
        self._headers = {"Authorization": f"token {room.hub.token_of(name)}"}
        self.seconds = []
        """What each save took."""
        self.failures = []
        self._last = (0.0, 0.0)
        """When the last save began and ended."""

    def save(self):
        """Edit the notebook, and save it through the contents API of the own server."""
        body = self._notebook.edited()
        began, clock = time.time(), time.perf_counter()
        try:
            answer = requests.put(self._url, data=body, headers=self._headers, timeout=SECONDS)
            if answer.status_code not in (200, 201):
                self.failures.append(f"status {answer.status_code}")
        except requests.RequestException as error:
            self.failures.append(type(error).__name__)
        self.seconds.append(time.perf_counter() - clock)
        self._last = began, time.time()

    def is_last_save(self, moment):
        """Whether a time (ISO 8601) is that of the last save."""
        began, ended = self._last
        return began <= datetime.fromisoformat(moment).timestamp() <= ended

    def saved(self):
        """The content of the file."""
        return self._file.read_bytes()

    def expected(self):
        """What the dashboard should say, as the file is on the disk."""
        if self._file.stat().st_size > LARGE_BYTES:
            return {"code_cells": 0, "run_cells": 0, "first_error": None, "problem": NOT_KEPT}
        cells = json.loads(self.saved())["cells"]
        code = [each for each in cells if each["cell_type"] == "code"]
        code = [each for each in code if "".join(each["source"]).strip() or each["outputs"]]
        ran = [each for each in code if each["execution_count"] is not None or each["outputs"]]
        errors = [
            {
                "cell": number,
                "name": plain(output["ename"], MAX_TEXT),
                "text": plain(output["evalue"], MAX_TEXT),
            }
            for number, cell in enumerate(cells, start=1)
            for output in cell.get("outputs", ())
            if output["output_type"] == "error"
        ]
        first = next(iter(errors), None)
        counts = {"code_cells": len(code), "run_cells": len(ran)}
        return {**counts, "first_error": first, "problem": None}


def _shown(row):
    """What a row of the dashboard says about the notebook."""
    return {
        name: row[name] if row["counted"] else "not counted yet"
        for name in ("code_cells", "run_cells", "first_error", "problem")
    }
