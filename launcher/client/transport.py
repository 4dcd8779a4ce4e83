"""HTTP calls to one launcher, with a credential and timeouts."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from launcher import urls
from launcher.client.answers import Answer, Body, media_type, refusal, understood
from launcher.client.errors import Insecure, Unreachable

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0


class Transport:
    """The connections to one launcher, with one credential."""

    def __init__(self, url: str, auth: requests.auth.AuthBase, ca_file: str | None) -> None:
        """Raises ValueError if `url` is not an http or https URL."""
        self._url = _checked(url)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = auth
        if ca_file:
            self._session.verify = ca_file

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(
        self,
        method: str,
        *path: str,
        fields: Mapping[int, Body],
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str | None] | None = None,
        seconds: float = READ_SECONDS,
    ) -> Answer:
        """Send a request and return its answer.

        `fields` maps each expected status to what its answer has to be. Raises ClientError;
        ValueError or TypeError if the body cannot be sent as JSON.
        """
        sent = {"Accept": "application/json, application/problem+json", **_given(headers)}
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body, allow_nan=False).encode()
        with self._answered(method, path, query, sent, data, seconds) as response:
            return understood(response, fields)

    @contextmanager
    def stream(
        self,
        *path: str,
        query: Mapping[str, str | None],
        headers: Mapping[str, str | None],
        seconds: float,
    ) -> Iterator[Iterator[bytes] | None]:
        """Open a stream of events; None if there are no more events.

        `seconds` limits the time between two chunks. Raises ClientError.
        """
        sent = {"Accept": "text/event-stream, application/problem+json", **_given(headers)}
        with self._answered("GET", path, query, sent, None, seconds) as response:
            if response.status_code == 204:
                yield None
                return
            if response.status_code != 200 or media_type(response) != "text/event-stream":
                raise refusal(response)
            yield response.iter_content(None)

    @contextmanager
    def _answered(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str | None] | None,
        headers: Mapping[str, str],
        data: bytes | None,
        seconds: float,
    ) -> Iterator[requests.Response]:
        url = urls.join(self._url, *path, query=_given(query))
        try:
            with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                yield response
        except requests.exceptions.SSLError as error:
            raise Insecure(
                f"There is no secure connection to {self._url}: its certificate is not trusted, or"
                " the server does not support https."
            ) from error
        except requests.ReadTimeout as error:
            raise Unreachable(
                f"{self._url} did not answer in {round(seconds, 1):g} seconds. The request may have"
                " been carried out."
            ) from error
        except requests.RequestException as error:
            raise Unreachable(f"The launcher at {self._url} cannot be reached.") from error


def auth_of(token: str | None, user: str | None, password: str | None) -> requests.auth.AuthBase:
    """Return the authentication for a token, or for a user and password; raises ValueError."""
    if token and user is None and password is None:
        return _TokenAuth(token)
    if token is None and user and password is not None:
        if ":" in user:
            raise ValueError("HTTP Basic (RFC 7617) does not allow a colon in a user name")
        # as bytes, for requests would write them in Latin-1
        return HTTPBasicAuth(user.encode(), password.encode())
    raise ValueError("give either a token, or a user and a password")


class _TokenAuth(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise ValueError("token contains a space or a character that tokens do not have")
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"token {self._token}"
        return request


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "url must be the launcher's address, as in https://hub.example.org/services/launcher"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("url must not contain a user name, query or fragment")
    return url.rstrip("/")


def _given(values: Mapping[str, str | None] | None) -> dict[str, str]:
    return {name: value for name, value in (values or {}).items() if value is not None}
