"""jupyter_server's contents API over a home in memory."""

import asyncio
import json
import re
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web

from fakehub.responses import as_json, page
from fakehub.state import TEMPORARY, Call, User

ROUTE = re.compile(r"(?:(.+)/)?(checkpoints|checkpoints/[\w-]+|trust)")


async def answer(user: User, call: Call, raw: str, rename_seconds: float) -> web.Response:
    """What jupyter_server's handlers answer to a path as it came over the wire."""
    route = ROUTE.fullmatch(raw)
    path = unquote(route[1] or "" if route else raw)
    if route and call.method != "POST":
        return _not_allowed(call, route[2])
    if call.method in user.full.split():
        return _failed(path, 28, "No space left on device", user)
    if _is_hidden(user, path):
        return _hidden(call, path, is_route=bool(route))
    body = json.loads(call.body) if call.body else {}
    if user.before:
        await user.before(call.method, path, body)
    if _has_no_words(user, path):
        return _unhandled()
    if route:
        return _checkpoint(user, path, route[2].partition("/")[2])
    if call.method == "PATCH":
        return await _rename(user, path, body["path"], rename_seconds)
    if call.method == "PUT":
        return _put(user, path, body)
    if call.method == "DELETE":
        return _delete(user, path)
    return _get(user, path, parse_qs(urlsplit(call.path).query))


def _not_allowed(call: Call, word: str) -> web.Response:
    if word == "trust":
        return page(405, "Jupyter Server")
    if call.method == "GET":
        return as_json([])
    return as_json({"message": "Method Not Allowed", "reason": None}, 405)


def _is_hidden(user: User, path: str) -> bool:
    return not user.allows_hidden and any(part.startswith(".") for part in path.split("/"))


def _hidden(call: Call, path: str, *, is_route: bool) -> web.Response:
    if is_route:
        return _unhandled()
    if call.method == "GET":
        return _nothing_there(path)
    done = {"DELETE": "delete", "PATCH": "rename"}.get(call.method)
    text = f"Cannot {done} file or directory '/{path}'" if done else "cannot access hidden file"
    return as_json({"message": text, "reason": None}, 400)


def _has_no_words(user: User, path: str) -> bool:
    """Whether the server fails as it looks for a hidden directory in the path."""
    if user.odd.get(path) == "loop" or user.files.keys() & _above(path.rpartition("/")[0]):
        return True
    return not user.allows_hidden and _is_too_long(path)


def _is_too_long(path: str) -> bool:
    return any(len(part.encode()) > 255 for part in path.split("/"))


def _delete(user: User, path: str) -> web.Response:
    if path in user.directories:
        user.directories.remove(path)
    elif user.files.pop(path, None) is None:
        return _no_file(f"/home/{user.name}/{path}")
    return web.Response(status=204)


def _checkpoint(user: User, path: str, number: str) -> web.Response:
    if path not in (user.checkpoints if number else user.files):
        return _unhandled()
    if number:
        user.files[path] = user.checkpoints[path]
        return web.Response(status=204)
    user.checkpoints[path] = user.files[path]
    return as_json({"id": "checkpoint", "last_modified": "2026-01-01T00:00:00Z"}, 201)


async def _rename(user: User, path: str, target: str, seconds: float) -> web.Response:
    if _is_hidden(user, target):
        message = f"Cannot rename file or directory '/{path}'"
        return as_json({"message": message, "reason": None}, 400)
    if _has_no_words(user, target):
        return _unhandled()
    if target in {*user.files, *user.directories} or user.odd.get(target) == "fifo":
        return as_json({"message": f"File already exists: {target}"}, 409)
    await asyncio.sleep(seconds)
    if path not in user.files or _lacks_parent(user, target):
        return _no_file(path)
    if refused := _unwritable(user, target):
        return refused
    user.odd.pop(target, None)  # os.path.exists says that such a link is not there
    user.files[target] = user.files.pop(path)
    return as_json(_model(user, target))


def _put(user: User, path: str, body: dict) -> web.Response:
    if user.hook and (refused := user.hook(path, body)):
        return as_json({"message": refused[1], "reason": None}, refused[0])
    if body["type"] == "directory" and path in {*user.directories, *_above(user.root)}:
        return as_json(_model(user, path), 201)
    if refused := _unwritable(user, path):
        return refused
    if body["type"] == "directory":
        return _make_directory(user, path)
    if path in user.directories:
        return _failed(path, 21, "Is a directory", user)
    status = 200 if path in user.files else 201
    user.files[path] = body["content"].encode()
    return as_json(_model(user, path), status)


def _make_directory(user: User, path: str) -> web.Response:
    if path in user.files or user.odd.get(path) == "fifo":
        return as_json({"message": f"Not a directory: /home/{user.name}/{path}"}, 400)
    if path in user.odd:
        return _failed(path, 17, "File exists", user)
    user.directories.add(path)
    return as_json(_model(user, path), 201)


def _get(user: User, path: str, query: dict[str, list[str]]) -> web.Response:
    if path in {"", *user.directories, *_above(user.root)}:
        if query.get("type") == ["notebook"]:
            return as_json({"message": f"{path} is a directory, not a notebook"}, 400)
        return as_json(_model(user, path))
    if path in user.odd and query.get("content") == ["0"]:
        return as_json(_model(user, path))
    if path not in user.files:
        return _nothing_there(path)
    model = _model(user, path)
    if query == {"content": ["1"], "type": ["notebook"]} and _text(user, path):
        if user.text_is_newer:
            return as_json({**model, "content": {"cells": [{"source": "mine"}]}})
        return as_json({"message": f"{path} seems more recent than {_text(user, path)}"}, 400)
    if query.get("content") == ["0"]:
        return as_json(model)
    if query.get("type") == ["file"]:
        return as_json({**model, "content": user.files[path].decode()})
    try:
        return as_json({**model, "content": json.loads(user.files[path])})
    except ValueError:
        return as_json({"message": f"Unreadable Notebook: /home/{user.name}/{path}"}, 400)


def _unwritable(user: User, path: str) -> web.Response | None:
    """The 500 of a parent that is missing and of a name that is too long, the 403 of a folder."""
    if _is_too_long(path):
        return _failed(path, 36, "File name too long", user)
    if _lacks_parent(user, path):
        return _failed(path, 2, "No such file or directory", user)
    if path.rpartition("/")[0] in user.unwritable:
        return as_json({"message": f"Permission denied: {path}", "reason": None}, 403)
    return None


def _lacks_parent(user: User, path: str) -> bool:
    parent = path.rpartition("/")[0]
    return bool(parent) and parent not in user.directories | _above(user.root)


def _above(path: str) -> set[str]:
    """The path and what is above it; nothing for the server's root."""
    return {"/".join(path.split("/")[: n + 1]) for n in range(path.count("/") + 1)} - {""}


def _failed(path: str, number: int, text: str, user: User) -> web.Response:
    said = f"Unexpected error while saving file: {path} [Errno {number}] {text}"
    return as_json({"message": f"{said}: '/home/{user.name}/{path}'", "traceback": "Tra…"}, 500)


def _model(user: User, path: str) -> dict:
    there = {"", *user.directories, *_above(user.root)}
    kind = "directory" if path in there else "notebook" if path.endswith(".ipynb") else "file"
    name, time = path.rpartition("/")[2], "2026-01-02T00:00:00Z"
    if kind == "notebook" and _text(user, path) and not TEMPORARY.search(path):
        time = "2026-01-03T00:00:00Z" if user.text_is_newer else "2026-01-01T00:00:00Z"
    return {"name": name, "path": path, "type": kind, "content": None, "last_modified": time}


def _text(user: User, path: str) -> str:
    """What jupytext pairs the notebook with, if anything."""
    text = f"{path.removesuffix('.ipynb')}.{user.paired}"
    return text if text in user.files else ""


def _no_file(path: str) -> web.Response:
    return as_json({"message": f"File or directory does not exist: {path}", "reason": None}, 404)


def _unhandled() -> web.Response:
    return as_json({"message": "Unhandled error", "reason": None, "traceback": ""}, 500)


def _nothing_there(path: str) -> web.Response:
    # of a GET: the JSON type, and no JSON
    text = f"file or directory '/{path}' does not exist"
    return web.Response(status=404, text=text, content_type="application/json")
