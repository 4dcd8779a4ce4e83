"""The demo's workshop: three participants who are at different places of a notebook."""

import base64
import gzip
import json
import time
from datetime import UTC, datetime
from typing import Any

import requests

NAME = "first-steps"
PARTICIPANTS = ("ada", "ben", "cleo")
NOTEBOOK = "first-steps.ipynb"
# where *Open* on the workshop's page puts the notebook
PATH = f"{NAME}/{NOTEBOOK}"
MINUTE = 60
WORKSHOP = {
    "name": NAME,
    "title": "First steps in Python",
    "notebooks": [NOTEBOOK],
}
CELLS = (
    ("numbers = [3, 1, 4, 1, 5]", ""),
    ("sorted(numbers)", "[1, 1, 3, 4, 5]"),
    ("sum(numbers) / len(numbers)", "2.8"),
    ("for number in numbers:\n    print(number * number)", "9\n1\n16\n1\n25"),
    ("squares = {number: number**2 for number in numbers}\nsquares", "{3: 9, 1: 1, 4: 16, 5: 25}"),
    ("max(squares, key=squares.get)", "5"),
)
MISTAKE = "sum(numbers) / lenght(numbers)"


def prepare(url: str, token: str, participants: dict[str, Any] | None = None) -> None:
    """Create the workshop, give it a notebook, and report what its participants saved.

    Raises OSError.

    `participants` are those of the workshop; by default the members of a group.
    """
    workshop = {**WORKSHOP, "participants": participants or {"group": NAME}}
    made = _send("POST", f"{url}/workshops", workshop, token)
    if made.status_code != 409:  # it is there since the last run
        made.raise_for_status()
    given = {"notebook": _notebook(_cells(0))}
    place = f"{url}/workshops/{NAME}/notebooks/{NOTEBOOK}"
    _send("PUT", place, given, token).raise_for_status()
    now = time.time()
    for name, cells, minutes in (
        ("ada", _cells(6), 0),
        ("ben", _cells(3, mistake=True), 2),
        ("cleo", _cells(2), 25),
    ):
        event = _event(name, cells, now - minutes * MINUTE)
        _send("POST", f"{url}/events", event, token).raise_for_status()


def _send(method: str, url: str, body: dict[str, Any], token: str) -> requests.Response:
    headers = {"Authorization": f"token {token}"}
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, json=body, headers=headers, timeout=30)


def _event(user: str, cells: list[dict[str, Any]], at: float) -> dict[str, Any]:
    packed = gzip.compress(json.dumps(_notebook(cells)).encode())
    return {
        "type": "save-notebook",
        "user": user,
        "filename": NOTEBOOK,
        "path": PATH,
        "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
        "notebook": base64.b64encode(packed).decode("ascii"),
    }


def _notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cells(done: int, *, mistake: bool = False) -> list[dict[str, Any]]:
    """The notebook with so many cells run, the last of them with a mistake."""
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# First steps"}
    cells = [_cell(number, number <= done) for number in range(1, len(CELLS) + 1)]
    if mistake:
        error = {
            "output_type": "error",
            "ename": "NameError",
            "evalue": "name 'lenght' is not defined",
            "traceback": ["NameError: name 'lenght' is not defined"],
        }
        cells[done - 1].update(source=MISTAKE, outputs=[error])
    return [title, *cells]


def _cell(number: int, is_run: bool) -> dict[str, Any]:
    source, text = CELLS[number - 1]
    result = {"output_type": "stream", "name": "stdout", "text": text}
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "metadata": {},
        "source": source,
        "execution_count": number if is_run else None,
        "outputs": [result] if is_run and text else [],
    }
