"""The Python client: what openapi.yaml offers, as calls.

    from launcher.client import LauncherClient

    launcher = LauncherClient("https://hub.example.org/services/launcher", token="…")
    print(launcher.launch("hello", directory="somedirectory"))

Credentials go to the given address and nowhere else: no redirect is followed, and no netrc file,
proxy or other setting of the environment is read.
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from launcher.client import events, launching, transport
from launcher.client.errors import (
    Away,
    ClientError,
    Insecure,
    LauncherProblem,
    UnexpectedAnswer,
    Unfinished,
    Unreachable,
)
from launcher.client.events import Event
from launcher.client.launching import LaunchCall
from launcher.client.transport import Transport

__all__ = [
    "Away",
    "ClientError",
    "Event",
    "Insecure",
    "LauncherClient",
    "LauncherProblem",
    "UnexpectedAnswer",
    "Unfinished",
    "Unreachable",
]

# a little longer than the launcher itself waits for a server (c.LauncherClient.start_timeout)
LAUNCH_SECONDS = 330.0


class LauncherClient:
    """A launcher, as the user whom a token, or a name and password, belong to."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        user: str | None = None,
        password: str | None = None,
        start_timeout: float = LAUNCH_SECONDS,
        ca_file: str | None = None,
    ) -> None:
        """`url` is where the launcher is, as in https://hub.example.org/services/launcher.

        `start_timeout` is how long `launch` waits, in seconds: a server may have to start first.
        `ca_file` holds the certificates of a private authority. Raises ValueError.
        """
        self._transport = Transport(url, transport.auth_of(token, user, password), ca_file)
        self._start_timeout = start_timeout

    def __enter__(self) -> "LauncherClient":
        """This, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def user(self) -> dict[str, Any]:
        """Who the credential belongs to: `name`, in the hub's spelling, and `admin`."""
        return self._get("user", fields={"name": str, "admin": bool})

    def experiments(self) -> list[dict[str, Any]]:
        """Every experiment: its name, title, description and the JSON Schema of its parameters."""
        found: list[dict[str, Any]]
        found = self._get("experiments", fields={"experiments": list})["experiments"]
        return found

    def experiment(self, name: str) -> dict[str, Any]:
        """One experiment."""
        return self._get("experiments", name, fields={"name": str, "parameters": dict})

    def servers(self) -> dict[str, dict[str, Any]]:
        """Your servers by name: `state`, `url` and more; the default server has the empty name.

        The default server is among them only while it runs.
        """
        found: dict[str, dict[str, Any]]
        found = self._get("servers", fields={"servers": dict})["servers"]
        return found

    def server(self, name: str = "") -> dict[str, Any]:
        """One of your servers, by default the default one; raises LauncherProblem (404)."""
        return self._get(*_server_path(name), fields={"name": str, "state": str})

    def start_server(
        self,
        name: str = "",
        *,
        user: str | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Start a server, a named one is made when it does not exist; returns its URL.

        Arguments and exceptions are those of `launch`.
        """
        call = LaunchCall(("launches",), {"server": name}, user, idempotency_key)
        seconds = self._start_timeout if wait is None else wait
        return launching.launch(self._transport, call, seconds)

    def stop_server(self, name: str = "") -> None:
        """Stop a server; a named one stays listed. Does not wait until it has stopped."""
        self._transport.call(
            "PATCH", *_server_path(name), body={"state": "stopped"}, fields=_STOPPED
        )

    def remove_server(self, name: str) -> None:
        """Stop a named server and remove it; the files in the home stay. Does not wait."""
        self._transport.call("DELETE", "servers", name, fields=_STOPPED)

    def preview(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """The notebook (nbformat 4.5) that would be launched; nothing is started or written."""
        body = {"parameters": parameters}
        fields = {200: {"cells": list, "metadata": dict}}
        path = ("experiments", name, "preview")
        return self._transport.call("POST", *path, body=body, fields=fields).value

    def launch(
        self,
        name: str,
        /,
        *,
        directory: str,
        filename: str | None = None,
        workspace: str | None = None,
        if_exists: str | None = None,
        server: str | None = None,
        user: str | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
        **parameters: Any,
    ) -> str:
        """Open the experiment in the user's server; the address that shows it in JupyterLab.

        Waits until the server runs and the notebook is in the home, for `wait` seconds at most,
        else as long as `start_timeout` says; then raises Unfinished. What is None is left to the
        launcher: experiment.ipynb, a clean workspace, and the next free name for a taken one.
        `server` is the name of a named server. `user` is for services that launch on behalf of
        somebody.

        A request that gets no answer is repeated: the launcher knows it by its `idempotency_key`,
        so that there is one notebook all the same. Give one to repeat the call yourself, as after
        a restart of your own program.
        """
        notebook = _notebook(directory, filename, workspace, if_exists, server)
        call = _experiment_call(name, notebook, parameters, user, idempotency_key)
        seconds = self._start_timeout if wait is None else wait
        return launching.launch(self._transport, call, seconds)

    def start(
        self,
        name: str,
        /,
        *,
        directory: str,
        filename: str | None = None,
        workspace: str | None = None,
        if_exists: str | None = None,
        server: str | None = None,
        user: str | None = None,
        idempotency_key: str | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """As `launch`, without waiting: the launch as it is now, for `find`, `events`, `cancel`."""
        notebook = _notebook(directory, filename, workspace, if_exists, server)
        call = _experiment_call(name, notebook, parameters, user, idempotency_key)
        return launching.start(self._transport, call, self._start_timeout)

    def launches(
        self,
        *,
        experiment: str | None = None,
        state: str | None = None,
        user: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Your launches, newest first, of this experiment and in this state.

        They are fetched as they are iterated over. `user` is for administrators, and for services.
        """
        query = {"experiment": experiment, "state": state, "user": user, "limit": "200"}
        cursor: str | None = None
        while True:
            page = self._get(
                "launches", query={**query, "cursor": cursor}, fields={"launches": list}
            )
            yield from page["launches"]
            cursor = page.get("next")
            if not isinstance(cursor, str):
                return

    def find(self, launch_id: str, *, user: str | None = None) -> dict[str, Any]:
        """One launch as it is now: its `state`, `location`, `problem` and more."""
        return launching.find(self._transport, launch_id, user)

    def cancel(self, launch_id: str, *, user: str | None = None) -> dict[str, Any]:
        """Cancel a launch that has not ended: no notebook of it stays."""
        path, query = ("launches", launch_id), {"user": user}
        return self._transport.call(
            "DELETE", *path, query=query, fields={200: launching.LAUNCH}
        ).value

    def events(self, launch_id: str, *, user: str | None = None) -> Iterator[Event]:
        """What happens to a launch as it happens; the last event is `end`, with the launch."""
        return events.follow(self._transport, launch_id, user)

    def _get(
        self,
        *path: str,
        fields: Mapping[str, type],
        query: Mapping[str, str | None] | None = None,
    ) -> dict[str, Any]:
        return self._transport.call("GET", *path, query=query, fields={200: fields}).value


_STOPPED: dict[int, dict[str, type]] = {202: {"state": str}, 204: {}}


def _server_path(name: str) -> tuple[str, ...]:
    return ("servers", name) if name else ("server",)


def _experiment_call(
    name: str,
    notebook: Mapping[str, str],
    parameters: Mapping[str, Any],
    user: str | None,
    key: str | None,
) -> LaunchCall:
    body = {"notebook": notebook, "parameters": parameters}
    return LaunchCall(("experiments", name), body, user, key)


def _notebook(
    directory: str,
    filename: str | None,
    workspace: str | None,
    if_exists: str | None,
    server: str | None,
) -> dict[str, str]:
    fields = {
        "directory": directory,
        "filename": filename,
        "workspace": workspace,
        "if_exists": if_exists,
        "server": server,
    }
    return {name: value for name, value in fields.items() if value is not None}
