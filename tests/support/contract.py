"""A hub as the launcher calls it, which may be the fake one or a real one."""

import itertools
import json
from dataclasses import dataclass
from urllib.parse import quote

import requests
from fakehub import FakeHub, Start
from realhub import RealHub
from waiting import wait_until

SECONDS = 30
SAYS = "Looking for room"
FAILURE = "image pull failed: no such image foo:1"
# what the start of a server leads to on the fake; realhub_config.py has the same for the real hub
STARTS = {
    "fine": Start(201, seconds=0.5),
    "slow": Start(202, seconds=2, messages=(SAYS,)),
    "bad": Start(500, "fails", seconds=0, reason=FAILURE, message="", answers_after=5),
    "never": Start(202, "never", messages=(SAYS,)),
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Side:
    """One of the two hubs, as the launcher calls it."""

    hub: FakeHub | RealHub

    @property
    def is_real(self) -> bool:
        return isinstance(self.hub, RealHub)

    @property
    def url(self) -> str:
        """Where the hub is, behind its proxy."""
        return self.hub.url

    @property
    def token(self) -> str:
        """The launcher's token."""
        return self.hub.launcher_token if self.is_real else self.hub.token

    def add_user(self, kind: str = "fine") -> str:
        """The name of a new user, whose servers start as `kind` says."""
        name = f"{kind}-contract-{next(_numbers)}"
        if self.is_real:
            return self.hub.add_user(name)
        return self.hub.add_user(name, next_starts=STARTS[kind]).name

    def has_group(self, group: str, *names: str) -> None:
        """Make these users the members of a group; realhub_config.py has the same groups."""
        if not self.is_real:
            self.hub.scopes += ("read:groups!group=course",)
            for name in names:
                self.hub.add_user(name, groups=[group])

    def token_of(self, user: str, *scopes: str) -> str:
        """A token of the user's own."""
        if self.is_real:
            return self.hub.token_of(user, scopes=list(scopes))
        self.hub.users[user].scopes = scopes
        return self.hub.users[user].token

    def api(self, method: str, *segments: str, token: str = "", **more):
        """A call of the hub's API, by default with the launcher's token."""
        path = "/".join(quote(segment, safe="@~") for segment in segments)
        return _call(method, f"{self.url}/hub/api/{path}", token or self.token, **more)

    def model(self, user: str, **query: str) -> dict:
        """The user's servers in the user's model."""
        answer = self.api("GET", "users", user, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["servers"]

    def start(self, user: str, name: str = ""):
        """The answer to a request to start a server."""
        return self.api("POST", *path_of(user, name))

    def stop(self, user: str, name: str = "", **body: object):
        """The answer to a request to stop a server."""
        return self.api("DELETE", *path_of(user, name), **({"json": body} if body else {}))

    def run(self, user: str, name: str = "") -> None:
        """Start a server, and wait until it is ready."""
        answer = self.start(user, name)
        assert answer.status_code in (201, 202), answer.text
        wait_until(lambda: self.model(user).get(name, {}).get("ready"), "the start", SECONDS)

    def has_stopped(self, user: str, name: str = "") -> None:
        """Wait until the user's model has no such server."""
        wait_until(lambda: name not in self.model(user), "the stop", SECONDS)

    def progress(self, user: str, name: str = ""):
        """The answer to a request for the progress stream, and its events."""
        answer = self.api("GET", *path_of(user, name), "progress")
        lines = [line for line in answer.text.splitlines() if line.startswith("data:")]
        return answer, [json.loads(line.removeprefix("data:")) for line in lines]

    def mint(self, user: str, name: str = "", seconds: int = 300):
        """The answer to a request for a token that opens one server."""
        scopes = [f"access:servers!server={user}/{name}"]
        body = {"scopes": scopes, "expires_in": seconds, "note": "launcher"}
        return self.api("POST", "users", user, "tokens", json=body)

    def server(self, method: str, user: str, path: str, *, name: str = "", token: str, **more):
        """A call to a user's server, through the proxy."""
        segments = "/".join(quote(part, safe="@~") for part in (user, *([name] if name else ())))
        return _call(method, f"{self.url}/user/{segments}/{path}", token, **more)


def path_of(user: str, name: str = "") -> tuple[str, ...]:
    """The path of a server in the hub's API."""
    return ("users", user, *(("servers", name) if name else ("server",)))


def _call(method: str, url: str, token: str, **more):
    headers = {"Authorization": f"token {token}"}
    more = {"timeout": SECONDS, "allow_redirects": False, **more}
    return requests.request(method, url, headers=headers, **more)
