"""The Python client: what openapi.yaml offers, as calls.

    from launcher.client import Launcher

    launcher = Launcher("https://hub.example.org/services/launcher", token="…")
    print(launcher.launch("hello", directory="somedirectory"))

Credentials go to the given address and nowhere else: no redirect is followed, and no netrc file,
proxy or other setting of the environment is read.
"""

import json
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from launcher import urls

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
# a little longer than the launcher itself waits for a server (c.Launcher.start_timeout)
LAUNCH_SECONDS = 330.0
MAX_ANSWER_BYTES = 64 * 2**20


class ClientError(Exception):
    """The launcher did not do what was asked; the message says why."""


class Unreachable(ClientError):
    """No answer came. What was asked for may be carried out nevertheless."""


class UnexpectedAnswer(ClientError):
    """Something answered, but not as a launcher does."""


class LauncherProblem(ClientError):
    """The launcher's own refusal (RFC 9457); the message is its sentence."""

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        type: str = "about:blank",
        title: str = "",
        errors: Iterable[Mapping[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        """`type` names the kind of problem and may be compared; `retry_after` is in seconds.

        Each of `errors` holds the JSON pointer of a field of the body and a sentence about it.
        """
        super().__init__(detail)
        self.status = status
        self.type = type
        self.title = title
        self.errors = [dict(error) for error in errors]
        self.retry_after = retry_after


class Launcher:
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
        self._url = _checked(url)
        self._start_timeout = start_timeout
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = _auth(token, user, password)
        if ca_file:
            self._session.verify = ca_file

    def __enter__(self) -> "Launcher":
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
        self._session.close()

    def user(self) -> dict[str, Any]:
        """Who the credential belongs to: `name`, in the hub's spelling, and `admin`."""
        return self._call("GET", "user", fields={"name": str, "admin": bool})

    def experiments(self) -> list[dict[str, Any]]:
        """Every experiment: its name, title, description and the JSON Schema of its parameters."""
        found: list[dict[str, Any]]
        found = self._call("GET", "experiments", fields={"experiments": list})["experiments"]
        return found

    def experiment(self, name: str) -> dict[str, Any]:
        """One experiment."""
        return self._call("GET", "experiments", name, fields={"name": str, "parameters": dict})

    def preview(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """The notebook (nbformat 4.5) that would be launched; nothing is started or written."""
        body = {"notebook": {"directory": "preview"}, "parameters": parameters}
        fields = {"cells": list, "metadata": dict}
        return self._call("POST", "experiments", name, "preview", body=body, fields=fields)

    def launch(
        self,
        name: str,
        /,
        *,
        directory: str,
        filename: str | None = None,
        workspace: str | None = None,
        if_exists: str | None = None,
        **parameters: Any,
    ) -> str:
        """Open the experiment in the user's server; the address that shows it in JupyterLab.

        Waits until the server runs and the notebook is in the home. What is None is left to the
        launcher: experiment.ipynb, a clean workspace, and the next free name for a taken one.
        """
        notebook = {
            "directory": directory,
            "filename": filename,
            "workspace": workspace,
            "if_exists": if_exists,
        }
        given = {field: value for field, value in notebook.items() if value is not None}
        answer = self._call(
            "POST",
            "experiments",
            name,
            body={"notebook": given, "parameters": parameters},
            fields={"location": str},
            timeout=self._start_timeout,
        )
        location: str = answer["location"]
        return location

    def _call(
        self,
        method: str,
        *path: str,
        fields: Mapping[str, type],
        body: Mapping[str, Any] | None = None,
        timeout: float = READ_SECONDS,
    ) -> dict[str, Any]:
        """The answer, which holds `fields`; raises a ClientError, ValueError, TypeError."""
        url = urls.join(self._url, *path)
        headers = {"Accept": "application/json, application/problem+json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, allow_nan=False).encode()
        try:
            with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=(CONNECT_SECONDS, timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _understood(response, _read(response), fields)
        except requests.exceptions.SSLError as error:
            raise Unreachable(
                f"There is no secure connection to {self._url}: its certificate is not trusted, or"
                " it does not speak https."
            ) from error
        except requests.ReadTimeout as error:
            raise Unreachable(
                f"{self._url} gave no answer in {timeout:g} seconds. What was asked for may be"
                " carried out nevertheless."
            ) from error
        except requests.RequestException as error:
            raise Unreachable(f"The launcher at {self._url} cannot be reached.") from error


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "url must be the launcher's address, as in https://hub.example.org/services/launcher"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("url may hold no user name, query or fragment")
    return url.rstrip("/")


def _auth(token: str | None, user: str | None, password: str | None) -> requests.auth.AuthBase:
    if token and user is None and password is None:
        return _Token(token)
    if token is None and user and password is not None:
        if ":" in user:
            raise ValueError("HTTP Basic (RFC 7617) has no way to send a user name with a colon")
        # as bytes, for requests would write them in Latin-1
        return HTTPBasicAuth(user.encode(), password.encode())
    raise ValueError("give either a token, or a user and a password")


class _Token(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise ValueError("token holds a character that no token holds, or a space")
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"token {self._token}"
        return request


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(2**16):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise UnexpectedAnswer(f"The answer has more than {MAX_ANSWER_BYTES} bytes.")
    return bytes(body)


def _understood(
    response: requests.Response, body: bytes, fields: Mapping[str, type]
) -> dict[str, Any]:
    """Success is the status, the type and the content, never the status alone."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/problem+json" and response.status_code >= 400:
        raise _problem(response, _object(body))
    answer = _object(body) if kind == "application/json" and response.status_code == 200 else {}
    if not all(isinstance(answer.get(field), kind) for field, kind in fields.items()):
        raise UnexpectedAnswer(_not_a_launcher(response, kind))
    return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _problem(response: requests.Response, problem: Mapping[str, Any]) -> LauncherProblem:
    title = str(problem.get("title") or response.reason or "The launcher refused")
    errors = problem.get("errors")
    retry_after = response.headers.get("Retry-After", "")
    return LauncherProblem(
        str(problem.get("detail") or title),
        status=response.status_code,
        type=str(problem.get("type") or "about:blank"),
        title=title,
        errors=[e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else (),
        retry_after=int(retry_after) if retry_after.isdecimal() else None,
    )


def _not_a_launcher(response: requests.Response, kind: str) -> str:
    if response.is_redirect:
        return (
            f"{response.url} redirects to {response.headers['Location']!r}, and redirects are not"
            " followed. Use the launcher's own address."
        )
    what = f"{response.status_code} {kind or 'without a content type'}"
    return f"{response.url} does not answer as a launcher does ({what}). Is the address right?"
