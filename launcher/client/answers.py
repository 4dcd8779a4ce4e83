"""Interprets HTTP responses: answers of a launcher, and exceptions for all others."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from launcher.client.errors import Away, ClientError, LauncherProblem, UnexpectedAnswer

MAX_ANSWER_BYTES = 64 * 2**20
# what proxies answer for a service that is not there
AWAY = (502, 503, 504)
Body = Mapping[str, type] | type[list[Any]]
"""What a body has to be: an object with these fields, or an array."""


@dataclass(frozen=True)
class Answer:
    """A success: the status, the JSON object of the body, and the headers."""

    status: int
    value: dict[str, Any]
    headers: Mapping[str, str]
    items: list[Any] = field(default_factory=list)
    """The array, if the body is one."""

    @property
    def launch_id(self) -> str:
        """The id of the launch in the header Link, or an empty string."""
        return _launch_id(self.headers)

    @property
    def position(self) -> str:
        """The parameter `after` of the next request in the header Link, or an empty string."""
        target, _, relation = self.headers.get("Link", "").partition(">")
        after = parse_qs(urlsplit(target.lstrip("<")).query).get("after", [""])
        return after[0] if 'rel="next"' in relation else ""

    @property
    def retry_after(self) -> int | None:
        """The header Retry-After, in seconds."""
        return _retry_after(self.headers)


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(2**16):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise UnexpectedAnswer(f"The answer has more than {MAX_ANSWER_BYTES} bytes.")
    return bytes(body)


def understood(response: requests.Response, fields: Mapping[int, Body]) -> Answer:
    """Return the answer if status, media type and body are as expected; raises ClientError."""
    if response.status_code == 204 and 204 in fields:
        return Answer(204, {}, response.headers)
    if response.status_code not in fields or media_type(response) != "application/json":
        raise refusal(response)
    wanted = fields[response.status_code]
    if wanted is list:
        return Answer(response.status_code, {}, response.headers, _array(response))
    answer = _object(_read(response))
    assert not isinstance(wanted, type)  # noqa: S101 - there is no other one
    if not all(isinstance(answer.get(field), kind) for field, kind in wanted.items()):
        raise UnexpectedAnswer(_not_a_launcher(response))
    return Answer(response.status_code, answer, response.headers)


def refusal(response: requests.Response) -> ClientError:
    """Return the exception for any other response; raises UnexpectedAnswer."""
    if media_type(response) == "application/problem+json" and response.status_code >= 400:
        problem, status = _object(_read(response)), response.status_code
        return problem_of(problem, status=status, headers=response.headers)
    kind = Away if response.status_code in AWAY else UnexpectedAnswer
    return kind(_not_a_launcher(response))


def media_type(response: requests.Response) -> str:
    """Return the media type of the response, without parameters."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _array(response: requests.Response) -> list[Any]:
    """The JSON array of the body; raises UnexpectedAnswer."""
    try:
        value = json.loads(_read(response))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise UnexpectedAnswer(_not_a_launcher(response))
    return value


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def problem_of(
    problem: Mapping[str, Any],
    *,
    status: int,
    headers: Mapping[str, str],
    launch_id: str = "",
) -> LauncherProblem:
    """Return the exception for a problem of a response with these headers."""
    title = str(problem.get("title") or _phrase(status))
    errors = problem.get("errors")
    return LauncherProblem(
        str(problem.get("detail") or title),
        status=status,
        type=str(problem.get("type") or "about:blank"),
        title=title,
        errors=[e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else (),
        retry_after=_retry_after(headers),
        request_id=str(problem.get("request_id") or headers.get("X-Request-ID") or ""),
        launch_id=launch_id or _launch_id(headers),
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "The launcher refused"


def _retry_after(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _launch_id(headers: Mapping[str, str]) -> str:
    """Parse the header Link: `</launches/0123>; rel="status"`."""
    target, _, relation = headers.get("Link", "").partition(">")
    return target.rpartition("/")[2] if 'rel="status"' in relation else ""


def _not_a_launcher(response: requests.Response) -> str:
    if response.is_redirect:
        return (
            f"{response.url} redirects to {response.headers['Location']!r}, and redirects are not"
            " followed. Use the launcher's own address."
        )
    what = f"{response.status_code} {media_type(response) or 'without a content type'}"
    return f"{response.url} does not answer as a launcher does ({what}). Is the address right?"
