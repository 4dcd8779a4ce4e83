"""Reports events to the application, and finds what is left to be delivered."""

import sqlite3

from waiting import wait_until


def report(site, user, **fields):
    """Report an event of a user; returns it as the API shows it."""
    name = fields.get("filename", "x.ipynb")
    body = {"type": "save-notebook", "filename": name, "path": name, **fields}
    answer = site.post("/events", json=body, headers=user.auth)
    assert answer.status_code == 201, answer.text
    return answer.json()


def rows(site, query="SELECT id, attempts, next_at, worker_id FROM event_deliveries"):
    """The deliveries in the database of the application."""
    path = site.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def wait_for_all(site):
    """Wait until nothing is left to be delivered."""
    wait_until(lambda: not rows(site), "the delivery of all events")
