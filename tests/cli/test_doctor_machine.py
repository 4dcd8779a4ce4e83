"""launcher doctor: the database, files and certificates of the machine that it runs on."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import sqlalchemy as sa
from application import environment
from certificates import Authority
from fakehub import FakeHub, served

from launcher import store
from launcher.store.tables import metadata

READ_ONLY = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
READ_ONLY += ['mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"']


def write(url, statement):
    engine = store.connect(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def rows(url):
    engine = store.connect(url)
    with engine.begin() as connection:
        found = sum(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        )
    engine.dispose()
    return found


# the database


def test_a_database_that_is_ready_is_written_to_and_nothing_is_left(doctor, database_url):
    before = rows(database_url)
    report = doctor(LAUNCHER_DATABASE_URL=database_url)
    assert "is writable" in report.detail("database", "ok")
    assert report.status == 0
    assert rows(database_url) == before


def test_a_database_without_tables_is_brought_up_to_date_by_the_next_start(doctor, new_database):
    url = new_database(migrated=False)
    if url.startswith("sqlite"):
        write(url, "PRAGMA user_version = 1")  # it makes the file
    report = doctor(LAUNCHER_DATABASE_URL=url)
    assert "The next start brings it up to date" in report.detail("database", "warning")
    engine = store.connect(url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_database_of_a_newer_version(doctor, database_url):
    write(database_url, "UPDATE alembic_version SET version_num = 'f00d'")
    report = doctor(LAUNCHER_DATABASE_URL=database_url)
    said = report.detail("database", "failed")
    assert "belongs to a newer version of the launcher" in said
    assert report.fix("database") == ""


def test_a_database_of_another_program(doctor, new_database):
    url = new_database(migrated=False)
    write(url, "CREATE TABLE users (n INTEGER)")
    said = doctor(LAUNCHER_DATABASE_URL=url).detail("database", "failed")
    assert "belongs to another program: it contains the tables users" in said


def test_postgresql_that_is_away(doctor, postgres, postgres_url):
    with postgres.away():
        report = doctor(LAUNCHER_DATABASE_URL=postgres_url)
    assert "connection to server" in report.detail("database", "failed")
    assert report.fix("database").startswith("LAUNCHER_DATABASE_URL=postgresql://")
    assert report.status == 1


def test_postgresql_that_lets_the_launcher_make_no_table(doctor, new_postgres):
    url = new_postgres(migrated=False)
    name = sa.make_url(url).database
    write(url, f"CREATE ROLE role_{name} LOGIN")
    theirs = url.replace("//launcher@", f"//role_{name}@")
    report = doctor(LAUNCHER_DATABASE_URL=theirs)
    assert "permission denied for schema public" in report.detail("database", "failed")
    write(url, report.fix("database"))
    assert doctor(LAUNCHER_DATABASE_URL=theirs).statuses["database"] == "warning"


@pytest.mark.parametrize("url", ["mysql://h/l", "nonsense", "sqlite:///."])
def test_a_database_url_that_cannot_be_used(doctor, url):
    report = doctor(LAUNCHER_DATABASE_URL=url)
    assert report.detail("database", "failed")
    assert report.status == 1


def test_a_folder_that_is_missing(doctor, tmp_path):
    report = doctor(LAUNCHER_DATABASE_URL=f"sqlite:///{tmp_path}/missing/launcher.sqlite")
    assert "missing: no such file or directory" in report.detail("database", "failed")
    assert "missing: no such file or directory" in report.detail("secret-file", "failed")
    assert "exists" in report.detail("disk", "failed")


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_system_that_is_read_only(doctor_process, fakehub, tmp_path, exists):
    folder = tmp_path / "read-only"
    folder.mkdir()
    if exists:
        store.migrate(f"sqlite:///{folder}/launcher.sqlite")
    before = (*READ_ONLY, str(folder))
    env = environment(fakehub, folder)
    report = doctor_process("--json", before=before, env=env, folder=folder)
    assert report.status == 1
    assert "read-only file system" in report.detail("database", "failed")
    assert "read-only file system" in report.detail("secret-file", "failed")


# files


def test_a_secret_that_others_may_read(doctor, tmp_path):
    secret = tmp_path / "launcher_secret"
    secret.write_text(64 * "0")
    secret.chmod(0o644)
    report = doctor()
    assert "is readable by other users" in report.detail("secret-file", "failed")
    subprocess.run(report.fix("secret-file").split(), check=True)
    assert doctor().statuses["secret-file"] == "ok"


def test_too_few_files_may_be_opened(doctor_process, fakehub, tmp_path):
    before = ("sh", "-c", 'ulimit -n 1024; exec "$0" "$@"')
    report = doctor_process("--json", before=before, env=environment(fakehub, tmp_path))
    said = report.detail("open-files", "warning")
    assert said == "A worker may open 1024 files: 768 connections instead of 2000."
    assert report.fix("open-files") == "LimitNOFILE=4096"


@pytest.mark.parametrize(
    ("free", "status"), [(50 * 2**20, "failed"), (500 * 2**20, "warning"), (5 * 2**30, "ok")]
)
def test_free_disk_space(doctor, mocker, free, status):
    mocker.patch("shutil.disk_usage", return_value=shutil._ntuple_diskusage(2**40, 0, free))
    assert doctor().detail("disk", status)


# certificates


@pytest.fixture
def secure_hub(tmp_path):
    """Starts a fake hub with TLS, with a certificate that ends in so many days."""
    authority = Authority(tmp_path)
    opened = []

    def start(**certificate):
        context = served(FakeHub(), authority.server(**certificate))
        opened.append(context)
        hub = context.__enter__()
        return hub, {**environment(hub, tmp_path), "SSL_CERT_FILE": str(authority.bundle)}

    yield start
    for context in opened:
        context.__exit__(None, None, None)


@pytest.mark.parametrize(("days", "status"), [(90, "ok"), (10, "warning")])
def test_when_a_certificate_ends(doctor_process, secure_hub, days, status):
    hub, env = secure_hub(days=days)
    report = doctor_process("--json", env=env)
    assert hub.url.removeprefix("https://") in report.detail("certificates", status)
    assert report.statuses["hub"] == "ok"


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ({"days": -1}, "certificate has expired"),
        ({"own": True}, "not trusted"),
        ({"address": "127.0.0.2"}, "for another host"),
    ],
)
def test_a_certificate_that_is_not_trusted(doctor_process, secure_hub, certificate, reason):
    _, env = secure_hub(**certificate)
    report = doctor_process("--json", env=env)
    assert reason in report.detail("certificates", "failed")
    assert reason in report.detail("hub", "failed")
    assert report.fix("certificates").startswith("SSL_CERT_FILE=")


def test_passwords_that_travel_without_tls(doctor):
    report = doctor(
        config="c.Launcher.jupyterhub_url = 'http://hub.example.org'\n"
        "import os\n"
        "c.Launcher.hub_api_url = os.environ['JUPYTERHUB_URL'] + '/hub/api'\n"
        "c.Launcher.proxy_url = os.environ['JUPYTERHUB_URL']"
    )
    assert "without TLS" in report.detail("certificates", "warning")
    fix = 'c.JupyterHub.public_url = "https://hub.example.org"'
    assert report.fix("certificates") == fix


# a terminal


def test_a_terminal_gets_colours_and_lines_that_fit(fakehub, tmp_path):
    if not shutil.which("script"):
        pytest.skip("util-linux is not installed")
    words = " ".join([sys.executable, "-m", "launcher", "doctor"])
    env = {**environment(fakehub, tmp_path), "TERM": "xterm-256color"}
    done = subprocess.run(
        ["script", "-qec", f"stty cols 80; {words}", "/dev/null"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout
    assert "\x1b[32mok" in done.stdout
    assert "Checking database" in done.stdout
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)
    wrapped = [line for line in text.splitlines() if not line.startswith("    {")]
    assert max(map(len, wrapped)) <= 80
