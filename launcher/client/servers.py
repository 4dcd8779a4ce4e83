"""The part of the client for the user's servers and their logs."""

from collections.abc import Iterator
from typing import Any

from launcher.client import launching, server_logs
from launcher.client.calls import ClientCalls, OnEvent, given
from launcher.client.launching import LaunchCall

# that are looked at for the last one of a server; the most that a page has
MOST_LAUNCHES = "200"
_STOPPED: dict[int, dict[str, type]] = {202: {"state": str}, 204: {}}


class ServerCalls(ClientCalls):
    """The operations on servers."""

    def servers(
        self,
        *,
        namespace: str | None = None,
        project: str | None = None,
        branch: str | None = None,
        commit_sha: str | None = None,
        state: str | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Return your servers by name: `state`, `url`, `project` and more.

        The default server has the empty name and is always listed, unless a filter leaves it out.

        Args:
            namespace: Only servers for git projects in this namespace.
            project: Only servers for git projects with this name.
            branch: Only servers for git projects on this branch.
            commit_sha: Only servers for this commit; 7 of its first digits are enough.
            state: Only servers in this state: `running`, `starting`, `stopping` or `stopped`.
        """
        query = {
            "namespace": namespace,
            "project": project,
            "branch": branch,
            "commit_sha": commit_sha,
            "state": state,
        }
        found: dict[str, dict[str, Any]]
        found = self._get("servers", query=query, fields={"servers": dict})["servers"]
        return found

    def server(self, name: str = "") -> dict[str, Any]:
        """Return one of your servers; raises LauncherProblem (404)."""
        return self._get(*_path(name), fields={"name": str, "state": str})

    def start_server(
        self,
        name: str = "",
        *,
        entrypoint: str | None = None,
        system: str | None = None,
        user: str | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Start a server and return its URL; a named server that does not exist is created.

        The arguments and exceptions are those of `launch`.
        """
        environment = given(entrypoint=entrypoint, system=system)
        call = LaunchCall(("launches",), {"server": name, **environment}, user, idempotency_key)
        return launching.location_of(self._ended(call, wait, None))

    def resume_server(
        self, name: str = "", *, wait: float | None = None, on_event: OnEvent | None = None
    ) -> str:
        """Start a server again that is stopped, as it was started before, and return its URL.

        A server for a git project starts with its project, options and environment, and the URL
        opens the project. One that runs already is left alone.

        Args:
            name: The name of the server. Default: the default server.
            wait: Seconds to wait for the end. Default: `start_timeout` of the client.
            on_event: Is called with each event of the launch, in this thread.

        Raises:
            Unfinished: The launch has not ended after that time; it continues.
            LauncherProblem: The start was refused or failed; status 404 if there is no such server.
        """
        call = LaunchCall(_path(name), {"state": "running"}, method="PATCH")
        if not (found := self._ended(call, wait, on_event)):
            # it runs: its last launch says where a project is, and a new one where the server is
            if opened := self._opened_project(name):
                return launching.location_of(opened)
            call = LaunchCall(("launches",), {"server": name})
            found = self._ended(call, wait, on_event)
        return launching.location_of(found)

    def _opened_project(self, name: str) -> dict[str, Any] | None:
        """The last launch that opened a git project on this server; None if there is none."""
        query = {"state": "done", "limit": MOST_LAUNCHES}
        found = self._get("launches", query=query, fields={"launches": list})["launches"]
        return next(
            (each for each in found if each.get("server") == name and each.get("project")), None
        )

    def stop_server(self, name: str = "") -> bool:
        """Stop a server and cancel its launches; a named server stays listed. Does not wait.

        Returns:
            Whether it is still being stopped; otherwise it is stopped.
        """
        body = {"state": "stopped"}
        answer = self._transport.call("PATCH", *_path(name), body=body, fields=_STOPPED)
        return answer.status == 202

    def remove_server(self, name: str) -> None:
        """Stop a named server, cancel its launches and remove it; does not wait.

        The files in the home stay, also the workspace of a git project.
        """
        self._transport.call("DELETE", "servers", name, fields=_STOPPED)

    def logs(self, name: str = "", *, max_lines: int = 250) -> list[str]:
        """Return the last lines that a server of yours has written since its last start.

        Raises:
            LauncherProblem: Among others, status 404 if there is no such server, and 501 if the hub
                keeps no output of it.
        """
        return server_logs.last(self._transport, name, max_lines).items

    def follow_logs(self, name: str = "", *, max_lines: int = 250) -> Iterator[str]:
        """Iterate over the last lines of a server, and then over new ones, without an end.

        A start of the server begins with its first lines again.
        """
        return server_logs.follow(self._transport, name, max_lines)


def _path(name: str) -> tuple[str, ...]:
    return ("servers", name) if name else ("server",)
