"""The Python client of the HTTP API in openapi.yaml.

    from launcher.client import LauncherClient

    launcher = LauncherClient("https://hub.example.org/services/launcher", token="…")
    print(launcher.launch("hello", directory="somedirectory"))

Credentials are sent to the given URL only. Redirects are not followed, and no netrc file, proxy or
other setting of the environment is used.
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from launcher.client import events, launching, transport
from launcher.client.calls import OnEvent, given
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
from launcher.client.projects import ProjectCalls, ReadyProject
from launcher.client.servers import ServerCalls
from launcher.client.transport import Transport

__all__ = [
    "Away",
    "ClientError",
    "Event",
    "Insecure",
    "LauncherClient",
    "LauncherProblem",
    "OnEvent",
    "ReadyProject",
    "UnexpectedAnswer",
    "Unfinished",
    "Unreachable",
]

# a little longer than the launcher itself waits for a server (c.Launcher.start_timeout)
LAUNCH_SECONDS = 330.0


class LauncherClient(ServerCalls, ProjectCalls):
    """The API of one launcher, with the credential of one user or service.

    A context manager: it closes its connections at the end of the block. Every method raises
    ClientError.
    """

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
        """Create a client; it connects at the first call.

        Args:
            url: The URL of the launcher, such as https://hub.example.org/services/launcher.
            token: A JupyterHub API token; or give `user` and `password`.
            user: A user name on the hub.
            password: The password of this user.
            start_timeout: Seconds that `launch` waits. A server may have to start first.
            ca_file: A PEM file with the certificates of a private authority.

        Raises:
            ValueError: The URL or the credential cannot be used.
        """
        connections = Transport(url, transport.auth_of(token, user, password), ca_file)
        super().__init__(connections, start_timeout)

    def __enter__(self) -> "LauncherClient":
        """Return the client."""
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
        """Return the user of the credential: `name`, in the hub's spelling, and `admin`."""
        return self._get("user", fields={"name": str, "admin": bool})

    def experiments(self) -> list[dict[str, Any]]:
        """Return all experiments: `name`, `title`, `description`, and the schema `parameters`."""
        found: list[dict[str, Any]]
        found = self._get("experiments", fields={"experiments": list})["experiments"]
        return found

    def experiment(self, name: str) -> dict[str, Any]:
        """Return one experiment, as in `experiments`."""
        return self._get("experiments", name, fields={"name": str, "parameters": dict})

    def preview(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """Return the notebook (nbformat 4.5) that would be launched, without launching it.

        Args:
            name: The name of the experiment.
            parameters: The experiment's parameters.
        """
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
        entrypoint: str | None = None,
        system: str | None = None,
        user: str | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
        **parameters: Any,
    ) -> str:
        """Launch an experiment, wait for it, and return the URL that opens it in JupyterLab.

        A request without an answer is repeated. It has an idempotency key, so that this makes no
        second notebook.

        Args:
            name: The name of the experiment.
            directory: The directory of the notebook, below the home.
            filename: The name of the notebook. Default: experiment.ipynb.
            workspace: A JupyterLab workspace. Default: the notebook opens alone in a clean tab.
            if_exists: `rename` (default), `fail` or `replace`.
            server: The name of a named server. Default: the default server.
            entrypoint: The id or name of the environment that the server has to run in.
            system: The system of the entrypoint, if it is on several.
            user: The user to launch for; only for services that launch on behalf of users.
            wait: Seconds to wait for the end. Default: `start_timeout` of the client.
            idempotency_key: A key of your own, to repeat the call after a restart of your program.
            parameters: The experiment's parameters.

        Raises:
            Unfinished: The launch has not ended after that time; it continues.
            LauncherProblem: The launch was refused or failed.
        """
        notebook = given(
            directory=directory,
            filename=filename,
            workspace=workspace,
            if_exists=if_exists,
            server=server,
            entrypoint=entrypoint,
            system=system,
        )
        call = _experiment_call(name, notebook, parameters, user, idempotency_key)
        return launching.location_of(self._ended(call, wait, None))

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
        entrypoint: str | None = None,
        system: str | None = None,
        user: str | None = None,
        idempotency_key: str | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Start a launch and return it without waiting for its end.

        The arguments are those of `launch`. Pass the `id` of the result to `find`, `events` or
        `cancel`.
        """
        notebook = given(
            directory=directory,
            filename=filename,
            workspace=workspace,
            if_exists=if_exists,
            server=server,
            entrypoint=entrypoint,
            system=system,
        )
        call = _experiment_call(name, notebook, parameters, user, idempotency_key)
        return launching.start(self._transport, call, self._start_timeout)

    def launches(
        self,
        *,
        experiment: str | None = None,
        state: str | None = None,
        user: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Iterate over your launches, newest first. Pages are fetched during the iteration.

        Args:
            experiment: Only launches of this experiment.
            state: Only launches in this state.
            user: Launches of this user; only for administrators and services.
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
        """Return one launch as it is now: `state`, `location`, `problem` and more."""
        return launching.find(self._transport, launch_id, user)

    def cancel(self, launch_id: str, *, user: str | None = None) -> dict[str, Any]:
        """Cancel a launch that has not ended, and return it. No notebook of it stays.

        Raises:
            LauncherProblem: Among others, status 409 if the launch has ended.
        """
        path, query = ("launches", launch_id), {"user": user}
        return self._transport.call(
            "DELETE", *path, query=query, fields={200: launching.LAUNCH}
        ).value

    def events(self, launch_id: str, *, user: str | None = None) -> Iterator[Event]:
        """Iterate over the events of a launch as they happen, until the event `end`.

        The stream is resumed after a broken connection.
        """
        return events.follow(self._transport, launch_id, user)


def _experiment_call(
    name: str,
    notebook: Mapping[str, str],
    parameters: Mapping[str, Any],
    user: str | None,
    key: str | None,
) -> LaunchCall:
    body = {"notebook": notebook, "parameters": parameters}
    return LaunchCall(("experiments", name), body, user, key)
