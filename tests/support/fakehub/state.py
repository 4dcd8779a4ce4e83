"""What the fake hub knows: requests, and users with their servers and homes."""

import asyncio
import base64
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

TEMPORARY = re.compile(r"(^|/)launcher-[0-9a-f]{32}(\.\d+)?\.ipynb$")


@dataclass(frozen=True)
class Call:
    """One request as it arrived: `path` is raw, with its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def token(self) -> str:
        """The token in the header Authorization."""
        return self.headers.get("Authorization", "").partition(" ")[2]


@dataclass(frozen=True)
class Start:
    """What one request to start a server leads to.

    `status` 201 or 202 begins a start that takes `seconds` and ends as `outcome` says: "ready",
    "fails" (with `reason` in the progress stream), "vanishes" (nobody says why) or "never". Any
    other status refuses with `message`; 500 begins a start all the same when `outcome` is given.
    """

    status: int = 201
    outcome: str = ""
    seconds: float = 0.05
    reason: str = "the process ended"
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    messages: tuple[str, ...] = ()  # what the spawner says while it starts
    begins_after: float = 0.0  # until the hub begins with it, as one that refreshes a user first
    answers_after: float = 0.0  # until its POST is answered; sooner, once the start has ended
    stream: bytes = b""  # what comes in the progress stream before that, as it is
    endless: bool = False  # whether that is repeated for as long as anybody listens


@dataclass
class Server:
    """One server of a user, as the hub and its spawner know it."""

    name: str = ""
    state: str = "stopped"  # or spawning, ready, stopping, dead (and the hub has not noticed)
    starts: list[Start] = field(default_factory=list)  # what its next starts lead to
    begun: Start = field(default_factory=Start)  # what its last start leads to
    failure: str = ""  # what the progress stream says of the last start, when it failed
    ended: asyncio.Event | None = None  # set when the last start has ended
    started: str | None = None  # when the hub was asked to start it
    token_seen: bool = True  # it need not ask the hub about the launcher's token
    polls_until_stopped: int = 0  # of the model, until a pending stop is over
    dies_after_ready: int = 0  # times that it is gone by the time it is used
    removed_when_stopped: bool = False
    interrupted: bool = False  # whether its last start was stopped
    pending_besides: str = ""  # "check" after a restart of the hub, or "rename"
    own_token: str = ""  # of its last start; it is not valid any more when the server has stopped
    environment: str | None = None  # that the spawn hook was told
    user_options: object = None  # of the request to start it

    @property
    def pending(self) -> str | None:
        known = {"spawning": "spawn", "stopping": "stop"}
        return self.pending_besides or known.get(self.state)

    @property
    def is_ready(self) -> bool:
        """Whether the hub takes it for ready."""
        return self.state in ("ready", "dead") and not self.pending_besides


class _OfDefaultServer:
    """An attribute of a user that is their default server's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, user, owner=None):
        return self if user is None else getattr(user.servers[""], self._name)

    def __set__(self, user, value):
        setattr(user.servers[""], self._name, value)


@dataclass
class User:
    """A person: their credentials, servers and home."""

    name: str
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    scopes: tuple[str, ...] = ("self", "access:services!service=launcher")
    hub_session: str | None = None  # the browser's session that the token was made in
    known: bool = True  # has signed in to the hub before
    may_be_opened: bool = True  # whether the launcher may make tokens for the servers
    servers: dict[str, Server] = field(default_factory=lambda: {"": Server()})
    server_tokens: dict[str, str] = field(default_factory=dict)  # token -> the server it opens
    own_tokens: set[str] = field(default_factory=set)  # of servers, with a scope of the launcher's
    groups: list[str] = field(default_factory=list)  # of the hub
    files: dict[str, bytes] = field(default_factory=dict)  # the home, which all servers share
    directories: set[str] = field(default_factory=set)
    checkpoints: dict[str, bytes] = field(default_factory=dict)
    # what is no file: "dangling" (a link to nowhere), "loop" (a link to itself), "fifo"
    odd: dict[str, str] = field(default_factory=dict)
    unwritable: set[str] = field(default_factory=set)  # directories; "" is the home
    hook: Callable[[str, dict], tuple[int, str] | None] | None = None  # a pre_save_hook
    paired: str = ""  # the extension of the old texts that jupytext pairs notebooks with
    text_is_newer: bool = False  # than the notebook, and shown in its place
    allows_hidden: bool = False  # c.ContentsManager.allow_hidden
    root: str = ""  # the path of the home below the server's root
    sessions: object = field(default_factory=list)  # what runs in the servers
    full: str = ""  # the method, or "PUT PATCH", that finds no space left
    next_starts: Start = field(default_factory=Start)  # of servers that have no start of their own
    answers: list[tuple[str, object]] = field(default_factory=list)  # (method, what comes instead)
    # awaited with the method, path and body of a contents call before it is carried out
    before: Callable[[str, str, dict], Awaitable[None]] | None = None

    server = _OfDefaultServer("state")
    starts = _OfDefaultServer("starts")
    started = _OfDefaultServer("started")
    token_seen = _OfDefaultServer("token_seen")
    polls_until_stopped = _OfDefaultServer("polls_until_stopped")
    dies_after_ready = _OfDefaultServer("dies_after_ready")

    def add_server(self, name: str, state: str = "stopped", **fields: object) -> Server:
        """A named server that exists from now on."""
        self.servers[name] = Server(name, state, **fields)
        return self.servers[name]

    @property
    def notebooks(self) -> list[str]:
        """The paths of the notebooks in the home."""
        return sorted(
            path for path in self.files if path.endswith(".ipynb") and not TEMPORARY.search(path)
        )

    @property
    def leftovers(self) -> list[str]:
        """The files that no launch may leave behind."""
        return sorted(filter(TEMPORARY.search, self.files))

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    @property
    def basic(self) -> dict[str, str]:
        return basic(self.name, self.password)

    def write(self, path: str, content: bytes) -> None:
        """Put a file there, with its directories."""
        parts = path.split("/")
        self.directories |= {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        self.files[path] = content


def basic(name: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic in UTF-8."""
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
