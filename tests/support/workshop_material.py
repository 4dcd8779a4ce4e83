"""A workshop with a teacher and participants on the fake hub, and notebooks for it."""

import json

WORKSHOP = {
    "name": "python-2026",
    "title": "Python for beginners",
    "notebooks": ["day1-*.ipynb", "exam.ipynb"],
    "participants": {"users": ["ann", "ben"]},
}
PLACE = "/workshops/python-2026"


def notebook(*sources, **fields):
    """A notebook with a code cell for each source, as JupyterLab writes it."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": number,
            "id": f"c{number}",
            "metadata": {},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["out\n"]}],
            "source": source,
        }
        for number, source in enumerate(sources, 1)
    ]
    made = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return {**made, **fields}


def create(app, auth, **changes):
    """A workshop with ann and ben."""
    answer = app.post("/workshops", json={**WORKSHOP, **changes}, headers=auth)
    assert answer.status_code == 201, answer.text


def publish(app, auth, filename="exam.ipynb", **body):
    """The answer to publishing a notebook."""
    body = body or {"notebook": notebook("1 + 1")}
    return app.put(f"{PLACE}/notebooks/{filename}", json=body, headers=auth)


def content_of(user, path):
    """The notebook at a path of a home."""
    return json.loads(user.files[path])
