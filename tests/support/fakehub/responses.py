"""Answers of the fake hub and of its users' servers, and the ones that a test scripts."""

import json

from aiohttp import web

LOST = object()  # a scripted answer: the connection ends without one
SILENT = object()  # a scripted answer: none, and the connection stays open


def as_json(value: object, status: int = 200, headers=None) -> web.Response:
    """An answer in JSON."""
    text = json.dumps(value)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def refusal(status: int, message: str | None) -> web.Response:
    """An error of the hub's API."""
    return as_json({"status": status, "message": message}, status)


def page(status: int, text: str = "", **cookies: str) -> web.Response:
    """A page of HTML that sets these cookies for the hub's path."""
    response = web.Response(status=status, text=f"<html>{text}</html>", content_type="text/html")
    for name, value in cookies.items():
        response.set_cookie(name, value, path="/hub/")
    return response


def json_answer(value: object, status: int = 200):
    """An answer in JSON, to be scripted; it can be given any number of times."""
    return lambda: as_json(value, status)


def page_answer(status: int, text: str = "", location: str = ""):
    """A page of HTML, to be scripted."""

    def make():
        answer = page(status, text)
        if location:
            answer.headers["Location"] = location
        return answer

    return make


def hub_page(status: int):
    """A page of the hub's, which answers where it has no route to a server; to be scripted."""

    def make():
        answer = page(status, "'_xsrf' argument missing")
        answer.headers["X-JupyterHub-Version"] = "6.1.1"
        return answer

    return make


def lose(request: web.BaseRequest) -> web.Response:
    """End the connection without an answer."""
    request.transport.abort()
    return web.Response()
