"""The part of the client for git projects, and for access tokens of git hosts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.client import launching
from launcher.client.calls import ClientCalls, OnEvent, given
from launcher.client.errors import UnexpectedAnswer
from launcher.client.launching import LaunchCall

_RESOLVED = {"commit_sha": str, "kind": str}


@dataclass(frozen=True)
class ReadyProject:
    """A git project that is checked out on a server that runs.

    Attributes:
        location: The URL that opens the project in JupyterLab.
        server: The name of the server.
        launch_id: The id of the launch.
        project: `repository`, `commit_sha` (None if the branch is followed), `branch` and `folder`,
            the workspace as a path below the home.
        warnings: What is not as it was asked for: `type` and `detail`.
    """

    location: str
    server: str
    launch_id: str
    project: dict[str, Any]
    warnings: list[dict[str, Any]]


class ProjectCalls(ClientCalls):
    """The operations on git projects."""

    def open_project(
        self,
        repository: str | None = None,
        *,
        ref: str | None = None,
        commit_sha: str | None = None,
        namespace: str | None = None,
        project: str | None = None,
        branch: str | None = None,
        follow: str | None = None,
        notebook: str | None = None,
        image: str | None = None,
        server_options: Mapping[str, Any] | None = None,
        entrypoint: str | None = None,
        system: str | None = None,
        replace: bool = False,
        user: str | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
        on_event: OnEvent | None = None,
    ) -> ReadyProject:
        """Start a server with a git project checked out, wait for it, and return both.

        The same project, commit and branch are the same server: if it runs already, it is opened. A
        request without an answer is repeated, and has an idempotency key.

        Args:
            repository: The https URL of a repository, or `namespace/project` on the site's first
                git host; or give `namespace` and `project`.
            ref: A branch, a tag, or the sha of a commit. Default: the default branch.
            commit_sha: The sha of a commit, or 7 or more of its first digits, in place of `ref`.
            namespace: The namespace of a project on the site's first git host.
            project: The name of this project.
            branch: The branch on which the commit is checked out.
            follow: `branch`: the server follows the branch, and is brought up to date at each
                start.
            notebook: The file or folder of the project that the location opens.
            image: The container image that the server starts in.
            server_options: Values for options that `server_options` lists.
            entrypoint: The id or name of the environment that the server starts in.
            system: The system that the server starts on.
            replace: Whether a server that runs with other options is stopped first. Otherwise it
                keeps them, and there is a warning.
            user: The user to launch for; only for services that launch on behalf of users.
            wait: Seconds to wait for the end. Default: `start_timeout` of the client.
            idempotency_key: A key of your own, to repeat the call after a restart of your program.
            on_event: Is called with each event of the launch, in this thread.

        Raises:
            Unfinished: The launch has not ended after that time; it continues.
            LauncherProblem: The launch was refused or failed. Among others, status 404 if the
                project or commit does not exist or is not visible to you, and the type
                `checkout-failed` if the server runs without the project.
        """
        asked = given(
            **_named(repository, namespace, project),
            ref=ref,
            commit_sha=commit_sha,
            branch=branch,
            follow=follow,
            notebook=notebook,
            image=image,
            serverOptions=server_options,
            entrypoint=entrypoint,
            system=system,
        )
        call = _call(asked, replace, user, idempotency_key)
        return _opened(self._ended(call, wait, on_event))

    def start_project(
        self,
        repository: str | None = None,
        *,
        ref: str | None = None,
        commit_sha: str | None = None,
        namespace: str | None = None,
        project: str | None = None,
        branch: str | None = None,
        follow: str | None = None,
        notebook: str | None = None,
        image: str | None = None,
        server_options: Mapping[str, Any] | None = None,
        entrypoint: str | None = None,
        system: str | None = None,
        replace: bool = False,
        user: str | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Begin to open a git project, and return the launch without waiting for its end.

        The arguments are those of `open_project`. Pass the `id` of the result to `find`, `events`
        or `cancel`; `server` is the name of the server.
        """
        asked = given(
            **_named(repository, namespace, project),
            ref=ref,
            commit_sha=commit_sha,
            branch=branch,
            follow=follow,
            notebook=notebook,
            image=image,
            serverOptions=server_options,
            entrypoint=entrypoint,
            system=system,
        )
        call = _call(asked, replace, user, idempotency_key)
        return launching.start(self._transport, call, self._start_timeout)

    def server_options(self) -> dict[str, dict[str, Any]]:
        """Return the options that servers for projects have: `type`, `default` and more, by name.

        A dictionary of values, by the names of options, can be given to `open_project`.
        """
        return self._get("server_options", fields={})

    def resolve(
        self, url: str, ref: str | None = None, *, user: str | None = None
    ) -> dict[str, Any]:
        """Return the commit that a branch, a tag or the first digits of a sha mean.

        Args:
            url: The https URL of a repository, or `namespace/project` on the site's first git
                host; services give a URL.
            ref: The branch, tag or sha. Default: the default branch.
            user: The user whose right to read the project is used; only for services.

        Returns:
            `commit_sha`, `branch` (None for a tag or commit), `kind`, `repository`, `namespace`,
            `project` and `commit_url`.

        Raises:
            LauncherProblem: Among others, status 404 if there is no such repository or commit, or
                none that is visible to you.
        """
        if _is_name(url) and (hosts := self.git_hosts()):
            url = f"{hosts[0]['url']}/{url}"
        body, query = given(url=url, ref=ref), {"user": user}
        path = ("repositories", "resolve")
        fields = {200: _RESOLVED}
        return self._transport.call("POST", *path, body=body, query=query, fields=fields).value

    def git_hosts(self) -> list[dict[str, Any]]:
        """Return the git hosts of the site, in the administrator's order.

        Each has `host`, `url`, `display_name` and `provider`. `token` is where your access token
        comes from: `stored`, `sign-in`, or None if there is none.
        """
        found: list[dict[str, Any]]
        found = self._get("git-hosts", fields={"git_hosts": list})["git_hosts"]
        return found

    def store_git_token(self, host: str, token: str, *, username: str | None = None) -> None:
        """Store your access token for a git host, in place of an earlier one.

        Your projects there are read with it. It is sent to this host only, and never shown.

        Args:
            host: The name of the host, as `git_hosts` lists it.
            token: An access token that may read repositories.
            username: Your name on the host, if it needs one beside the token.

        Raises:
            LauncherProblem: Among others, status 404 if it is not one of the site's hosts.
        """
        body = given(token=token, username=username)
        self._transport.call("PUT", "git-hosts", host, "token", body=body, fields={204: {}})

    def remove_git_token(self, host: str) -> None:
        """Remove your access tokens for a git host, also that of your sign-in at the hub.

        Raises:
            LauncherProblem: Among others, status 404 if it is not one of the site's hosts.
        """
        self._transport.call("DELETE", "git-hosts", host, "token", fields={204: {}})


def _is_name(repository: str) -> bool:
    """Whether this is `namespace/project`, and not a URL."""
    return re.fullmatch(r"[^/:@]+(?:/[^/:@]+)+", repository) is not None


def _named(
    repository: str | None, namespace: str | None, project: str | None
) -> dict[str, str | None]:
    """The fields that name a repository."""
    if repository and namespace is None and project is None and _is_name(repository):
        namespace, _, project = repository.rpartition("/")
        return {"namespace": namespace, "project": project}
    return {"repository": repository, "namespace": namespace, "project": project}


def _call(asked: Mapping[str, Any], replace: bool, user: str | None, key: str | None) -> LaunchCall:
    if "project" in asked and not asked.keys() & {"ref", "commit_sha", "follow"}:
        # only beside the URL of a repository, it is what the API takes for granted
        asked = {**asked, "ref": "HEAD"}
    query = {"replace": "true"} if replace else {}
    return LaunchCall(("servers",), asked, user, key, query=query)


def _opened(found: Mapping[str, Any]) -> ReadyProject:
    """The project, from the answer of a server that was opened, or from a launch that is done."""
    is_server = "launch" in found
    server, launch_id = (
        found.get(name) for name in (("name", "launch") if is_server else ("server", "id"))
    )
    project, warnings = found.get("project"), found.get("warnings", [])
    if not (
        isinstance(server, str)
        and isinstance(launch_id, str)
        and isinstance(project, dict)
        and isinstance(warnings, list)
    ):
        raise UnexpectedAnswer("The project is opened, but the answer does not describe it.")
    return ReadyProject(launching.location_of(found), server, launch_id, project, warnings)
