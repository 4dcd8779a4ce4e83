"""Notebooks as participants' servers report them."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

from waiting import wait_until


def code(source="x = 1", *, count=None, error="", tags=()):
    """A code cell, which was run if it has a `count` or an `error`."""
    outputs = []
    if error:
        outputs = [{"output_type": "error", "ename": error, "evalue": "why", "traceback": []}]
    cell = {"cell_type": "code", "id": "c", "source": source, "execution_count": count}
    return {**cell, "outputs": outputs, "metadata": {"tags": list(tags)} if tags else {}}


def notebook(*cells):
    """The text of a notebook file; texts become Markdown cells."""
    made = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": each}
        if isinstance(each, str)
        else each
        for each in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def event(path, content=None, **fields):
    """The body of the event of a save."""
    body = {"type": "save-notebook", "filename": path.rpartition("/")[2], "path": path, **fields}
    if content is not None:
        body["notebook"] = base64.b64encode(gzip.compress(content.encode())).decode()
    return body


def save(app, auth, path, content=None, **fields):
    """Save a notebook; the id of its event."""
    answer = app.post("/events", json=event(path, content, **fields), headers=auth)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def counted(app, auth, address):
    """The dashboard at an address, once all notebooks in it were counted."""

    def found():
        answer = app.get(address, headers=auth)
        assert answer.status_code == 200, answer.text
        rows = [row for each in answer.json()["notebooks"] for row in each["participants"]]
        return answer.json() if all(row["counted"] for row in rows) else None

    return wait_until(found)


def noon():
    """The query of an export for the day of a place where it is about noon."""
    now = datetime.now(UTC)
    offset = 12 * 60 - (60 * now.hour + now.minute)
    return f"day={(now + timedelta(minutes=offset)).date()}&utc_offset={offset}"
