"""Launches as they are stored: read, written and left behind by a process that died."""

import json
import uuid

from launching import MINE

from launcher import store
from launcher.server_ref import ServerRef
from launcher.store import launches as rows
from launcher.store import tables


def a_launch(**fields):
    notebook = {
        "experiment": "hello",
        "directory": "lab",
        "filename": "x.ipynb",
        "workspace": None,
        "if_exists": "rename",
        "content": "{}",
    }
    notebook |= {name: fields.pop(name) for name in (*notebook, "path") if name in fields}
    user = fields.pop("user", "alice")
    known = {"id": uuid.uuid4().hex, "user": user, "server": ServerRef(user), "worker_id": "one"}
    return rows.Launch(**known | {"notebook": rows.Notebook(**notebook)} | fields)


def stored(settings, launch_id):
    engine = store.connect(settings.database_url)
    try:
        with engine.begin() as connection:
            return rows.find(connection, launch_id)
    finally:
        engine.dispose()


def insert_done(settings, user, path, **fields):
    """Store a launch of the user that is done."""
    engine = store.connect(settings.database_url)
    with engine.begin() as connection:
        launch = rows.insert(connection, a_launch(user=user.name, **fields))
        assert rows.done(connection, launch, path) is not None
    engine.dispose()


def left_by_a_dead_process(settings, user, *, state, path="lab/x.ipynb", **fields):
    """A launch whose process died, and its notebook."""
    launch_id = uuid.uuid4().hex
    notebook = json.loads(MINE) | {"metadata": {"launcher": {"launch_id": launch_id}}}
    directory, _, filename = path.rpartition("/")
    launch = rows.Launch(
        id=launch_id, user=user.name, server=ServerRef(user.name), state=state,
        notebook=rows.Notebook(
            experiment="hello", directory=directory, filename=filename, workspace=None,
            if_exists="rename", content=json.dumps(notebook),
        ),
        worker_id="0" * 32, **fields,
    )  # fmt: skip
    engine = store.connect(settings.database_url)
    with engine.begin() as connection:
        rows.insert(connection, launch)
        store.leases.acquire(connection, user.name, path, launch_id)
    engine.dispose()
    return launch


def ended(settings, launch_id):
    row = stored(settings, launch_id)
    return row if row.ended else None


def write(client, *statements):
    """Change what is in the database, as time or another process would."""
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        for statement in statements:
            statement(connection) if callable(statement) else connection.execute(statement)
    engine.dispose()


def has_queued(client, user):
    """Whether a launch of the user has gone into the queue, and maybe on from there."""
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        theirs = (tables.launches.c.user == user.name) & (tables.launches.c.attempts > 0)
        found = connection.execute(tables.launches.select().where(theirs)).first()
    engine.dispose()
    return found is not None
