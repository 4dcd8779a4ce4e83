"""An accepted launch comes to its end, whoever goes away meanwhile."""

import asyncio
import json
import re
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager

import pytest
import requests
from application import application, problem_of
from fakehub import LOST, TEMPORARY, Start, json_answer
from launching import BODY, begin, cancel, keyed, path_of, start_lines, uploads, wait_for
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from stored_launches import ended, left_by_a_dead_process, stored
from waiting import in_background, wait_until

from launcher import store
from launcher.launches.engine import FRESH_SECONDS
from launcher.store import start_queue


def execute(client, statement):
    """Run a statement on the application's database."""
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def taken_over(client, launch):
    """Another process, which lives, has the launch from now on."""
    execute(client, f"INSERT INTO workers VALUES ('another', {time.time() + 3600})")
    changes = "worker_id = 'another', takeovers = takeovers + 1"
    execute(client, f"UPDATE launches SET {changes} WHERE id = '{launch['id']}'")


@contextmanager
def database_away(client):
    """The database answers nothing about launches for a while."""
    execute(client, "ALTER TABLE launches RENAME TO gone")
    try:
        yield
    finally:
        execute(client, "ALTER TABLE gone RENAME TO launches")


def test_a_client_that_goes_away_before_the_commit_takes_nothing_with_it(gunicorn, fakehub, alice):
    requests.get(gunicorn.url + "/user", headers=alice.auth, timeout=9)
    lock = sqlite3.connect(gunicorn.log.parent / "launcher.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")  # such as a backup, or another process's long write
    body = json.dumps(BODY)
    head = (
        f"POST /hello HTTP/1.1\r\nHost: x\r\nAuthorization: token {alice.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    wire = socket.create_connection(("127.0.0.1", gunicorn.port))
    wire.sendall((head + body).encode())
    threading.Event().wait(0.5)
    wire.close()
    threading.Event().wait(3.5)  # gunicorn's asgi_disconnect_grace_period is 3 s
    lock.execute("COMMIT")
    lock.close()
    wait_until(lambda: alice.notebooks == ["lab/hello.ipynb"], "the notebook")


def test_a_launch_whose_commit_was_not_acknowledged_is_run_and_found_by_its_key(
    start_app, fakehub, alice, monkeypatch
):
    client = start_app()
    client.launch(alice, directory="before")
    commit, lost = SQLiteDialect_pysqlite.do_commit, []

    def commit_and_lose_the_answer(dialect, connection):
        query = "SELECT count(*) FROM launches WHERE worker_id IS NOT NULL"
        accepted = connection.execute(query).fetchone()[0]
        commit(dialect, connection)
        if accepted and not lost:
            lost.append(accepted)
            raise sqlite3.OperationalError("the server closed the connection")

    monkeypatch.setattr(SQLiteDialect_pysqlite, "do_commit", commit_and_lose_the_answer)
    answer = client.launch(alice, headers=keyed(alice, "k"))
    assert problem_of(answer, 503)["type"].endswith(":store-unavailable")
    assert lost
    assert path_of(client.launch(alice, headers=keyed(alice, "k"))) == "lab/hello.ipynb"
    assert alice.notebooks == ["before/hello.ipynb", "lab/hello.ipynb"]


@pytest.mark.parametrize("server", ["ready", "stopped"])
def test_a_database_that_is_away_for_a_moment_fails_no_launch(start_app, fakehub, server):
    client = start_app()
    user = fakehub.add_user(server=server)
    user.write("lab/hello.ipynb", b"{}")  # a second name has to be leased
    reached, away = threading.Event(), threading.Event()

    def in_the_way():
        reached.set()
        wait_until(away.is_set, "the end of the database")
        return json_answer({"message": "File already exists"}, 409)()

    user.answers.append(("PATCH", in_the_way))
    with in_background(lambda: client.launch(user)) as results:
        wait_until(reached.is_set, "the upload")
        with database_away(client):
            away.set()
            threading.Event().wait(2.5)
    assert path_of(results[0]) == "lab/hello-1.ipynb"
    assert user.notebooks == ["lab/hello-1.ipynb", "lab/hello.ipynb"]
    assert user.leftovers == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_background_task_that_ends_ends_its_process(start_app, fakehub, monkeypatch):
    over = threading.Event()
    client = start_app(ended=over.set)
    assert client.get("/health").status_code == 200

    look = start_queue.update

    def bug(connection, *args):
        if str(connection.engine.url) == client.settings.database_url:
            raise KeyError("a bug")
        return look(connection, *args)  # of other tests' applications

    monkeypatch.setattr(start_queue, "update", bug)
    wait_until(over.is_set, "the end of the process")


@pytest.mark.parametrize("crashes", [0, 1])
def test_a_launch_whose_processes_died_a_few_times_is_tried_again(start_app, alice, crashes):
    client = start_app()
    launch = left_by_a_dead_process(client.settings, alice, state="uploading", crashes=crashes)
    row = wait_until(lambda: ended(client.settings, launch.id), "the end")
    assert (row.state, row.crashes, row.takeovers) == ("done", crashes + 1, 1)


def test_a_launch_that_kills_its_processes_is_given_up_with_a_reason(start_app, fakehub, alice):
    client = start_app()
    launch = left_by_a_dead_process(client.settings, alice, state="uploading", crashes=2)
    row = wait_until(lambda: ended(client.settings, launch.id), "the end")
    assert row.problem["type"].endswith(":launch-abandoned")
    assert "3 workers" in row.problem["detail"]
    assert uploads(fakehub, alice) == []


def test_processes_that_end_in_good_order_are_not_held_against_a_launch(
    fakehub, tmp_path, start_app
):
    user = fakehub.add_user(starts=[Start(202, "never")])
    with application(fakehub, tmp_path) as first:
        begun = begin(first, user)
        wait_for(first, user, begun, "starting")
    client = start_app()
    row = wait_until(
        lambda: (r := stored(client.settings, begun["id"])).takeovers and r, "the takeover"
    )
    assert row.crashes == 0
    cancel(client, user, begun)


def freeze(user, method, pattern):
    """Have the first such call of the contents API wait; events: it has come, it may go on."""
    frozen, gate = threading.Event(), threading.Event()

    async def wait(called, path, _body):
        if called == method and pattern.search(path) and not frozen.is_set():
            frozen.set()
            while not gate.is_set():
                await asyncio.sleep(0.01)

    user.before = wait
    return frozen, gate


def test_a_process_that_was_taken_for_dead_leaves_nothing_in_the_home(start_app, fakehub, alice):
    """It was frozen while it wrote, and another one has brought the launch to its end."""
    client = start_app()
    client.launch(alice, directory="before")
    frozen, gate = freeze(alice, "PUT", TEMPORARY)
    begun = begin(client, alice)
    wait_until(frozen.is_set, "the upload")
    taken_over(client, begun)
    threading.Event().wait(FRESH_SECONDS)  # nobody is taken for dead before
    gate.set()
    wait_until(
        lambda: any(begun["id"] in line for line in fakehub.lines("DELETE")), "the tidying up"
    )
    wait_until(lambda: alice.leftovers == [], "the end of the temporary file")
    assert alice.notebooks == ["before/hello.ipynb"]


def test_what_a_dead_process_left_under_a_temporary_name_is_removed(start_app, fakehub, alice):
    client = start_app()
    launch = left_by_a_dead_process(client.settings, alice, state="uploading", takeovers=2)
    for name in (f"launcher-{launch.id}.ipynb", f"launcher-{launch.id}.1.ipynb"):
        alice.write(f"lab/{name}", b"{")
    wait_until(lambda: ended(client.settings, launch.id), "the end")
    assert alice.leftovers == []
    assert alice.notebooks == ["lab/x.ipynb"]


def test_a_rename_whose_answer_is_late_makes_no_second_notebook(start_app, fakehub, alice):
    """The process that died had asked for it; it is carried out after the other one has looked."""
    client = start_app()
    launch = left_by_a_dead_process(client.settings, alice, state="uploading")

    async def late(method, _path, body):
        if method == "PATCH" and body["path"] not in alice.files:
            alice.write(body["path"], launch.notebook.content.encode())

    alice.before = late
    row = wait_until(lambda: ended(client.settings, launch.id), "the end")
    assert row.notebook.path == "lab/x.ipynb"
    assert alice.notebooks == ["lab/x.ipynb"]
    assert alice.leftovers == []


def test_replace_by_a_process_that_was_taken_for_dead_writes_nothing(start_app, fakehub, alice):
    client = start_app()
    alice.write("lab/hello.ipynb", b"mine")
    frozen, gate = freeze(alice, "POST", re.compile("hello"))
    begun = begin(client, alice, if_exists="replace")
    wait_until(frozen.is_set, "the checkpoint")
    taken_over(client, begun)
    gate.set()
    wait_until(lambda: len(alice.checkpoints) == 1, "the checkpoint")
    assert client.launch(alice, directory="after").status_code == 200
    assert alice.files["lab/hello.ipynb"] == b"mine"


def test_ready_costs_nothing_and_breaks_nothing(start_app, fakehub, alice):
    client = start_app()
    assert client.launch(alice).status_code == 200
    fakehub.away = "proxy"
    wait_until(lambda: client.get("/ready").status_code == 503, "the report")
    before = len(fakehub.checks)
    for _ in range(50):
        assert client.get("/ready").status_code == 503
    assert len(fakehub.checks) - before <= 2
    assert client.launch(alice).status_code == 200
    fakehub.away = ""
    wait_until(lambda: client.get("/ready").status_code == 200, "the report")


def test_ready_says_before_the_first_check_that_there_was_none(start_app, fakehub):
    fakehub.hub_answers += [("GET", "/user", LOST)]
    client = start_app()
    report = wait_until(lambda: client.get("/ready").json(), "a report")
    assert {check["name"] for check in report["checks"]} <= {"start", "database", "hub", "token"}
    wait_until(lambda: client.get("/ready").status_code == 200, "the report")


def test_a_second_launch_is_not_begun_for_one_that_is_under_way(start_app, fakehub):
    """A process that looks for launches without a task finds none."""
    client = start_app()
    user = fakehub.add_user(starts=[Start(202, seconds=5)])
    begun = begin(client, user)
    began = time.time()
    wait_until(lambda: time.time() - began > 4.5, "two looks")
    row = stored(client.settings, begun["id"])
    assert row.takeovers == 0
    wait_for(client, user, begun, "done")
    assert len([line for line in start_lines(fakehub, user) if line.endswith("/server")]) == 1
