"""Reports events to the application, and finds what is left to be delivered."""

from contextlib import contextmanager

import sqlalchemy as sa
from waiting import wait_until

from launcher import store


def report(site, user, **fields):
    """Report an event of a user; returns it as the API shows it."""
    name = fields.get("filename", "x.ipynb")
    body = {"type": "save-notebook", "filename": name, "path": name, **fields}
    answer = site.post("/events", json=body, headers=user.auth)
    assert answer.status_code == 201, answer.text
    return answer.json()


@contextmanager
def _transaction(site):
    engine = store.connect(site.settings.database_url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(site, query="SELECT id, attempts, next_at, worker_id FROM event_deliveries"):
    """What a statement finds in the database of the application: the deliveries, by default."""
    with _transaction(site) as connection:
        return connection.execute(sa.text(query)).fetchall()


def change(site, statement):
    """Change deliveries in the database of the application."""
    with _transaction(site) as connection:
        connection.execute(sa.text(statement))


def wait_for_all(site):
    """Wait until nothing is left to be delivered."""
    wait_until(lambda: not rows(site), "the delivery of all events")
