"""What the launcher hears of saved notebooks, and what a save never waits for."""

import ast
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from certificates import Authority
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)
from launcher_for_saves import TOKEN, Answer, LauncherForSaves, jupyter_server, notebook, save
from ports import free_port
from tornado.web import HTTPError
from traitlets.config import Config
from waiting import at_once, wait_until

from launcher.singleuser import save_hook

HOOK = Path(save_hook.__file__)
EVENTS = "/services/launcher/events"
WITHDRAW = "/services/launcher/events/withdraw"
VERMIN = Path(sys.executable).with_name("vermin")
# Jupyter Server 2.21 says this of each post_save_hook that is configured, about the hook itself
pytestmark = pytest.mark.filterwarnings("ignore:Overriding existing post_save_hook:UserWarning")


@pytest.fixture
def launcher():
    found = LauncherForSaves()
    yield found
    found.stop()


@pytest.fixture
def data(tmp_path):
    """The Jupyter data directory of the user."""
    return tmp_path / "data"


@pytest.fixture
def spool(data):
    """The entries of the spool: names and JSON."""
    folder = data / "launcher-saves"
    return lambda: {each.name: json.loads(each.read_text()) for each in folder.glob("*.json")}


@pytest.fixture
def environment(monkeypatch, launcher, data):
    """The environment of a server of the user."""
    found = {"LAUNCHER_URL": launcher.url, "JUPYTERHUB_API_TOKEN": TOKEN}
    found["JUPYTER_DATA_DIR"] = str(data)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def log(capfd):
    """Read what was written to the log so far."""
    found = []

    def read():
        found.append(capfd.readouterr().err)
        return "".join(found)

    return read


@pytest.fixture
def home(tmp_path):
    found = tmp_path / "home"
    found.mkdir()
    return found


@pytest.fixture
def server(environment, home):
    """Build the contents manager of a server with the hook."""

    def build(kind=LargeFileManager, c=None):
        c = Config() if c is None else c
        save_hook.configure(c)
        return kind(root_dir=str(home), config=c)

    return build


def registered(home, kind=LargeFileManager, c=None):
    """The contents manager of a server with the extension."""
    manager = kind(root_dir=str(home), config=c or Config())
    save_hook._load_jupyter_server_extension(SimpleNamespace(contents_manager=manager))
    return manager


# ------------------------------------------------------------------------------ what is sent


@pytest.mark.parametrize("kind", [LargeFileManager, AsyncLargeFileManager])
def test_the_launcher_gets_a_saved_notebook_word_for_word(kind, server, home, launcher, spool):
    (home / "course").mkdir()
    save(server(kind), "/course/day 1 é.ipynb")
    event = launcher.event()
    content = (home / "course/day 1 é.ipynb").read_bytes()
    assert event.notebook == content
    timestamp = event.body.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", timestamp)
    del event.body["notebook"]
    assert event.body == {
        "type": "save-notebook",
        "filename": "day 1 é.ipynb",
        "path": "course/day 1 é.ipynb",
        "size": len(content),
    }
    assert event.path == EVENTS
    assert event.headers["Content-Type"] == "application/json"
    wait_until(lambda: not spool(), "the end of the delivery")


@pytest.mark.parametrize("name", [f"launcher-{'0a' * 16}.ipynb", f"launcher-{'f' * 32}.12.ipynb"])
def test_a_temporary_file_of_the_launcher_is_not_reported(name, server, launcher):
    manager = server()
    (Path(manager.root_dir) / "course").mkdir()
    save(manager, f"course/{name}")
    save(manager, f"course/my-{name}")
    launcher.event()
    assert [each.body["path"] for each in launcher.requests] == [f"course/my-{name}"]


def test_the_same_notebook_is_packed_the_same(server, launcher):
    manager, content = server(), notebook()
    save(manager, "a.ipynb", content)
    first = launcher.event().body["notebook"]
    save(manager, "a.ipynb", content)
    assert launcher.event(2).body["notebook"] == first


def test_only_notebooks_are_reported(server, launcher):
    manager = server()
    manager.save({"type": "file", "format": "text", "content": "x"}, "a.txt")
    chunks = {"type": "file", "format": "text", "content": "x"}
    manager.save({**chunks, "chunk": 1}, "b.txt")
    manager.save({**chunks, "chunk": -1}, "b.txt")
    manager.save({"type": "directory"}, "folder")
    save(manager, "c.ipynb")
    launcher.event()
    assert [request.body["path"] for request in launcher.requests] == ["c.ipynb"]


def test_what_is_newest_counts(server, launcher, home):
    manager = server()
    launcher.open.clear()
    save(manager, "first.ipynb")
    launcher.request()
    for number in range(5):
        save(manager, "a.ipynb", notebook(f"{number} + 1"))
    launcher.open.set()
    assert launcher.event(2).notebook == (home / "a.ipynb").read_bytes()
    save(manager, "last.ipynb")
    launcher.event(3)
    assert [each.body["path"] for each in launcher.events] == [
        "first.ipynb",
        "a.ipynb",
        "last.ipynb",
    ]


def test_a_save_during_the_delivery_of_the_same_notebook_is_delivered_too(
    server, launcher, home, spool
):
    manager = server()
    launcher.open.clear()
    save(manager, "a.ipynb")
    launcher.request()
    save(manager, "a.ipynb", notebook("2 + 2"))
    launcher.open.set()
    assert launcher.event(2).notebook == (home / "a.ipynb").read_bytes()
    assert launcher.events[0].notebook != launcher.events[1].notebook
    wait_until(lambda: not spool(), "the end of the delivery")


def test_saves_of_several_threads_all_arrive(server, launcher, spool):
    manager = server()
    at_once(8, lambda number: [save(manager, f"{number}-{n}.ipynb") for n in range(5)])
    wait_until(lambda: not spool(), "the end of the delivery")
    paths = {event.body["path"] for event in launcher.events}
    assert paths == {f"{number}-{n}.ipynb" for number in range(8) for n in range(5)}


def test_saves_of_one_notebook_in_several_threads_end_with_its_last_state(
    server, launcher, home, spool
):
    # the threads call the hook alone: a contents manager is not made for them
    hook = server().post_save_hook
    (home / "a.ipynb").write_text("{}")
    model = {"type": "notebook", "path": "a.ipynb"}
    os_path = str(home / "a.ipynb")
    at_once(16, lambda _: hook(model=model, os_path=os_path, contents_manager=None))
    (home / "a.ipynb").write_text('{"last": true}')
    hook(model=model, os_path=os_path, contents_manager=None)
    wait_until(lambda: not spool(), "the end of the delivery")
    wait_until(lambda: launcher.events[-1].notebook == b'{"last": true}', "the last state")


# ------------------------------------------------------------------------------ notebooks


def report(server, home, launcher, path="a.ipynb"):
    """Report a file as it lies there; the event."""
    hook = server().post_save_hook
    model = {"type": "notebook", "path": path}
    hook(model=model, os_path=str(home / path), contents_manager=None)
    return launcher.event()


def test_a_file_of_70_mb_is_reported_without_its_content(server, home, launcher):
    (home / "a.ipynb").touch()
    os.truncate(home / "a.ipynb", 70_000_000)
    event = report(server, home, launcher)
    assert (event.body["size"], event.notebook) == (70_000_000, None)


def write_random(place, size):
    """Write JSON of that many bytes that hardly gets smaller."""
    text = base64.b85encode(os.urandom(size)).decode().translate({ord("\\"): "x"})
    place.write_text(f'"{text[: size - 2]}"')


def test_a_file_that_is_too_large_compressed_is_reported_without_its_content(
    server, home, launcher, monkeypatch
):
    monkeypatch.setenv("LAUNCHER_MAX_NOTEBOOK", "5000")
    write_random(home / "a.ipynb", 8000)
    event = report(server, home, launcher)
    assert (event.body["size"], event.notebook) == (8000, None)


def test_a_file_of_more_than_10_mib_compressed_is_reported_without_its_content(
    server, home, launcher
):
    size = 14 * 2**20
    write_random(home / "a.ipynb", size)
    event = report(server, home, launcher)
    assert (event.body["size"], event.notebook) == (size, None)


@pytest.mark.parametrize("size", [2, 9_000_000])
def test_a_file_of_any_other_size_is_sent(server, home, launcher, size):
    write_random(home / "a.ipynb", size)
    assert report(server, home, launcher).notebook == (home / "a.ipynb").read_bytes()


def remove(place):
    place.unlink()


def make_fifo(place):
    place.unlink()
    os.mkfifo(place)


def make_folder(place):
    place.unlink()
    place.mkdir()


def make_device(place):
    place.unlink()
    place.symlink_to("/dev/zero")


@pytest.mark.parametrize("change", [remove, make_fifo, make_folder, make_device])
def test_what_is_no_file_at_delivery_is_reported_without_content(change, server, home, launcher):
    (home / "a.ipynb").write_text("{}")
    change(home / "a.ipynb")
    event = report(server, home, launcher)
    assert (event.body["size"], event.notebook) == (0, None)


@pytest.mark.parametrize("content", [b"[1]", b'"cells"', b"{}", b'{"cells": 1}'])
def test_json_that_is_no_notebook_is_sent_as_it_is(server, home, launcher, content):
    (home / "a.ipynb").write_bytes(content)
    assert report(server, home, launcher).notebook == content


@pytest.mark.parametrize("content", [b"", b'{"cells": [', b"[" * 200_000, b"\xff\xfe\x00"])
def test_a_notebook_without_readable_tags_is_reported_without_its_content(
    server, home, launcher, content
):
    (home / "a.ipynb").write_bytes(content)
    event = report(server, home, launcher)
    assert (event.body["size"], event.notebook) == (len(content), None)


# -------------------------------------------------------------------------------- privacy


@pytest.mark.parametrize("name", ["private.ipynb", "Private notes.ipynb", "PRIVATE-1.ipynb"])
def test_nothing_of_a_notebook_with_a_private_name_is_sent(name, server, launcher, spool):
    save(server(), name)
    wait_until(lambda: launcher.withdrawn and not spool(), "the withdrawal")
    assert [(each.path, each.body) for each in launcher.requests] == [(WITHDRAW, {"path": name})]


@pytest.mark.parametrize("tag", ["private", "Private"])
def test_a_notebook_that_gets_a_private_cell_is_forgotten_and_may_come_back(
    tag, server, launcher, home
):
    manager = server()
    save(manager, "a.ipynb")
    launcher.event()
    save(manager, "a.ipynb", notebook("secret", tags=["x", tag]))
    wait_until(lambda: launcher.withdrawn == ["a.ipynb"], "the withdrawal")
    save(manager, "a.ipynb", notebook("secret too", tags=[tag]))
    save(manager, "a.ipynb", notebook("public"))
    wait_until(
        lambda: launcher.events[-1].notebook == (home / "a.ipynb").read_bytes(), "the last state"
    )
    assert launcher.withdrawn == ["a.ipynb"]
    save(manager, "a.ipynb", notebook("secret again", tags=[tag]))
    wait_until(lambda: launcher.withdrawn == ["a.ipynb"] * 2, "the second withdrawal")
    assert not [each for each in launcher.events if b"secret" in each.notebook]


@pytest.mark.parametrize("change", [remove, lambda place: place.write_text('{"cells": [')])
def test_a_private_notebook_stays_private_when_its_tags_cannot_be_read(
    change, server, launcher, home, spool
):
    manager = server()
    save(manager, "a.ipynb", notebook(tags=["private"]))
    wait_until(lambda: launcher.withdrawn and not spool(), "the withdrawal")
    change(home / "a.ipynb")
    model = {"type": "notebook", "path": "a.ipynb"}
    manager.post_save_hook(model=model, os_path=str(home / "a.ipynb"), contents_manager=manager)
    wait_until(lambda: not spool(), "the delivery")
    assert [each.path for each in launcher.requests] == [WITHDRAW]


def test_a_private_notebook_that_is_broken_stays_private_after_a_restart(
    server, launcher, home, data, spool, environment, tmp_path
):
    save(server(), "a.ipynb", notebook("secret", tags=["private"]))
    wait_until(lambda: launcher.withdrawn and not spool(), "the withdrawal")
    (home / "a.ipynb").write_text('{"cells": ["secret')
    put_entry(data, home)
    run(ONLY_STARTS, environment, tmp_path)
    assert [each.path for each in launcher.requests] == [WITHDRAW]


def test_a_notebook_that_another_server_reported_is_withdrawn_again(
    server, launcher, home, spool, environment, tmp_path
):
    manager = server()
    save(manager, "a.ipynb", notebook(tags=["private"]))
    wait_until(lambda: launcher.withdrawn and not spool(), "the withdrawal")
    run(SAVES_ONE + WAITS, environment, tmp_path)
    launcher.event()
    save(manager, "a.ipynb", notebook(tags=["private"]))
    wait_until(lambda: launcher.withdrawn == ["a.ipynb"] * 2, "the second withdrawal")


def test_the_names_of_private_notebooks_are_not_in_the_spool(server, launcher, data, spool):
    save(server(), "private.ipynb")
    wait_until(lambda: launcher.withdrawn and not spool(), "the withdrawal")
    (mark,) = (data / "launcher-saves").iterdir()
    assert mark.name == hashlib.sha256(b"private.ipynb").hexdigest() + ".private"
    assert (mark.stat().st_size, mark.stat().st_mode & 0o777) == (0, 0o600)


def test_a_bounded_number_of_private_notebooks_is_remembered(
    server, launcher, data, spool, monkeypatch
):
    monkeypatch.setattr(save_hook, "MAX_WITHDRAWN", 2)
    manager = server()
    folder = data / "launcher-saves"
    for number, name in enumerate(["private-a.ipynb", "private-b.ipynb", "private-c.ipynb"]):
        save(manager, name)
        mark = folder / (hashlib.sha256(name.encode()).hexdigest() + ".private")
        wait_until(lambda: not spool(), "the withdrawal")
        os.utime(mark, (number, number))
    save(manager, "private-b.ipynb")
    wait_until(lambda: not spool(), "the delivery")
    save(manager, "private-d.ipynb")
    wait_until(lambda: not spool(), "the withdrawal")
    kept = {hashlib.sha256(f"private-{name}.ipynb".encode()).hexdigest() for name in "bd"}
    assert {each.stem for each in folder.glob("*.private")} == kept


def test_what_the_launcher_does_not_know_counts_as_forgotten(server, launcher, spool):
    launcher.answers = [Answer(404)]
    manager = server()
    save(manager, "private.ipynb")
    wait_until(lambda: launcher.requests and not spool(), "the withdrawal")
    save(manager, "private.ipynb")
    save(manager, "b.ipynb")
    launcher.event()
    assert [each.path for each in launcher.requests] == [WITHDRAW, EVENTS]


def test_a_withdrawal_is_repeated_until_the_launcher_is_back(server, launcher):
    launcher.answers = [Answer(503)]
    save(server(), "private.ipynb")
    wait_until(lambda: launcher.withdrawn == ["private.ipynb"], "the withdrawal")


# ----------------------------------------------------------------- a launcher that has trouble


def test_a_save_does_not_wait_for_a_launcher_that_hangs(server, launcher, home):
    launcher.open.clear()
    manager = server()
    save(manager, "a.ipynb")
    launcher.request()
    save(manager, "b.ipynb")
    save(manager, "a.ipynb", notebook("2 + 2"))
    assert launcher.events == []
    launcher.open.set()
    launcher.event(3)


@pytest.mark.parametrize("status", [302, 307, 401, 403, 408, 429, 500, 503])
def test_what_may_work_later_is_sent_again(status, server, launcher, spool, home):
    elsewhere = LauncherForSaves()
    launcher.answers = [Answer(status, headers={"Location": f"{elsewhere.url}/events"})]
    save(server(), "a.ipynb")
    assert launcher.event().notebook == (home / "a.ipynb").read_bytes()
    wait_until(lambda: not spool(), "the end of the delivery")
    assert elsewhere.requests == []
    elsewhere.stop()


def test_a_launcher_that_is_away_gets_the_saves_when_it_is_back(server, monkeypatch, spool, log):
    port = free_port()
    monkeypatch.setenv("LAUNCHER_URL", f"http://127.0.0.1:{port}/services/launcher")
    manager = server()
    save(manager, "a.ipynb")
    save(manager, "b.ipynb")
    wait_until(lambda: "ConnectionRefusedError" in log(), "a line in the log")
    assert len(spool()) == 2
    launcher = LauncherForSaves(port=port)
    launcher.event(2)
    wait_until(lambda: not spool(), "the end of the delivery")
    launcher.stop()
    assert len(log().splitlines()) == 1


def test_new_saves_do_not_disturb_a_launcher_that_asks_for_time(server, launcher, spool):
    launcher.answers = [Answer(503, headers={"Retry-After": "300"})]
    manager = server()
    save(manager, "a.ipynb")
    launcher.request()
    wait_until(lambda: not launcher.answers, "the answer")
    # the answer is out before the thread has read it: a second request would be refused, too
    launcher.answers = [Answer(503, headers={"Retry-After": "300"})]
    for number in range(20):
        save(manager, f"{number}.ipynb")
    wait_until(lambda: len(spool()) == 21, "the entries")
    assert len(launcher.requests) == 1


@pytest.mark.parametrize("value", ["1", "Sat, 01 Jan 2000 00:00:00 GMT", "soon", "-1", "9" * 30])
def test_any_retry_after_is_understood(value, server, launcher):
    launcher.answers = [Answer(429, headers={"Retry-After": value})]
    save(server(), "a.ipynb")
    launcher.event()


def test_a_notebook_that_always_fails_does_not_hold_up_the_others(server, launcher):
    manager = server()
    launcher.open.clear()
    save(manager, "a.ipynb")
    launcher.request()
    save(manager, "b.ipynb")
    launcher.answers = [Answer(500)]
    launcher.open.set()
    assert launcher.event().body["path"] == "b.ipynb"
    assert launcher.event(2).body["path"] == "a.ipynb"


@pytest.mark.parametrize("status", [400, 404, 405, 409, 422])
def test_what_is_refused_is_dropped_with_the_reason(status, server, launcher, spool, capfd):
    detail = f"Nothing of {TOKEN}.\nsave_hook: forged " + "long " * 100
    launcher.answers = [Answer(status, json.dumps({"detail": detail}).encode())]
    manager = server()
    save(manager, "a.ipynb")
    wait_until(lambda: launcher.requests and not spool(), "the end of the delivery")
    save(manager, "b.ipynb")
    assert launcher.event().body["path"] == "b.ipynb"
    (line,) = capfd.readouterr().err.splitlines()
    start = f"save_hook: The launcher refused the save of 'a.ipynb': status {status}: Nothing of "
    assert line.startswith(start + "….?save_hook: forged long long")
    assert len(line) < 300
    assert TOKEN not in line


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"detail": 7}', b"[" * 65_000])
def test_a_refusal_without_a_reason_is_understood(body, server, launcher, spool):
    launcher.answers = [Answer(400, body)]
    save(server(), "a.ipynb")
    wait_until(lambda: launcher.requests and not spool(), "the end of the delivery")


def test_an_answer_without_end_is_not_read(server, launcher, spool):
    launcher.answers = [Answer(200, b"x" * 50_000_000)]
    save(server(), "a.ipynb")
    wait_until(lambda: launcher.requests and not spool(), "the end of the delivery")
    assert len(launcher.requests) == 1


def test_a_notebook_that_the_launcher_finds_too_large_is_reported_without_content(
    server, launcher, home
):
    launcher.answers = [Answer(413)]
    save(server(), "a.ipynb")
    event = launcher.event()
    assert (event.body["size"], event.notebook) == ((home / "a.ipynb").stat().st_size, None)
    assert launcher.requests[0].notebook == (home / "a.ipynb").read_bytes()


def test_a_launcher_may_refuse_a_large_notebook_before_it_is_sent(server, launcher, home):
    launcher.max_body = 100_000
    write_random(home / "a.ipynb", 9_000_000)
    assert report(server, home, launcher).notebook is None


def test_what_is_too_large_without_content_is_dropped(server, launcher, spool):
    launcher.answers = [Answer(413), Answer(413)]
    manager = server()
    save(manager, "a.ipynb")
    wait_until(lambda: len(launcher.requests) == 2 and not spool(), "the end of the delivery")


def test_no_proxy_of_the_environment_gets_the_token(server, launcher, monkeypatch):
    proxy = LauncherForSaves()
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    save(server(), "a.ipynb")
    launcher.event()
    assert proxy.requests == []
    proxy.stop()


def test_the_hubs_certificates_are_used(server, monkeypatch, tmp_path):
    authority = Authority(tmp_path)
    tls = authority.server()
    tls.load_verify_locations(authority.bundle)
    launcher = LauncherForSaves(tls)
    pem = str(authority.server_file())
    monkeypatch.setenv("LAUNCHER_URL", launcher.url)
    monkeypatch.setenv("JUPYTERHUB_SSL_CLIENT_CA", str(authority.bundle))
    monkeypatch.setenv("JUPYTERHUB_SSL_CERTFILE", pem)
    monkeypatch.setenv("JUPYTERHUB_SSL_KEYFILE", pem)
    save(server(), "a.ipynb")
    launcher.event()
    launcher.stop()


def test_a_launcher_with_an_unknown_certificate_gets_nothing(server, monkeypatch, tmp_path, log):
    launcher = LauncherForSaves(Authority(tmp_path).server())
    monkeypatch.setenv("LAUNCHER_URL", launcher.url)
    save(server(), "a.ipynb")
    wait_until(lambda: "SSLCertVerificationError" in log(), "a line in the log")
    assert launcher.requests == []
    launcher.stop()


@pytest.mark.parametrize("token", ["two\nlines", "é€"])
def test_a_token_that_is_no_header_is_not_logged(token, server, monkeypatch, log):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token)
    save(server(), "a.ipynb")
    wait_until(lambda: "Error" in log(), "a line in the log")
    assert token not in log()
    assert "two" not in log()


# ------------------------------------------------------------------------------- the spool


def start(script, environment, folder):
    """Start a server of the user as a process of its own, with a copy of the file only."""
    shutil.copy(HOOK, folder / "save_hook.py")
    begin = f"import sys; sys.path.insert(0, {str(folder)!r}); import save_hook, pathlib, time\n"
    return subprocess.Popen(
        [sys.executable, "-c", begin + script],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(script, environment, folder):
    """Run such a process to its end; what it wrote."""
    process = start(script, environment, folder)
    log = process.communicate(timeout=60)[0]
    assert process.returncode == 0, log
    return log


SAVES_ONE = """
from traitlets.config import Config
from jupyter_server.services.contents.largefilemanager import LargeFileManager
import nbformat
c = Config()
save_hook.configure(c)
manager = LargeFileManager(root_dir="home", config=c)
content = nbformat.v4.new_notebook(cells=[])
manager.save({"type": "notebook", "format": "json", "content": content}, "a.ipynb")
assert "launcher" not in sys.modules
"""
WAITS = """
while list(pathlib.Path("data/launcher-saves").glob("*.json")):
    time.sleep(0.01)
"""
ONLY_STARTS = (
    """
save_hook.configure({"ContentsManager": {}})
"""
    + WAITS
)


def test_a_save_survives_the_end_of_its_server(environment, tmp_path, home, launcher, spool):
    launcher.answers = [Answer(503)] * 2
    run(SAVES_ONE, environment, tmp_path)
    (entry,) = spool().values()
    launcher.answers = []
    run(ONLY_STARTS, environment, tmp_path)
    event = launcher.event()
    assert event.body["timestamp"] == entry["timestamp"]
    assert event.notebook == (home / "a.ipynb").read_bytes()


def put_entry(data, home, name="a.ipynb", **fields):
    """Leave an entry as another server does; its file."""
    folder = data / "launcher-saves"
    folder.mkdir(parents=True, exist_ok=True)
    entry = {
        "path": name,
        "os_path": str(home / name),
        "timestamp": "2026-01-01T10:00:00.000000+00:00",
        "nonce": "0" * 32,
        **fields,
    }
    place = folder / (hashlib.sha256(name.encode()).hexdigest() + ".json")
    place.write_text(json.dumps(entry))
    return place


@pytest.mark.parametrize("way", ["configure", "extension"])
def test_the_start_of_a_server_delivers_what_another_one_left(
    way, data, home, server, launcher, spool
):
    (home / "a.ipynb").write_text("{}")
    put_entry(data, home)
    if way == "configure":
        server()
    else:
        registered(home)
    assert launcher.event().notebook == b"{}"
    wait_until(lambda: not spool(), "the end of the delivery")


def test_a_save_counts_more_than_what_an_earlier_server_left(data, home, server, launcher, spool):
    launcher.open.clear()
    manager = server()
    put_entry(data, home)
    save(manager, "a.ipynb")
    launcher.open.set()
    wait_until(lambda: launcher.events and not spool(), "the end of the delivery")
    assert launcher.events[-1].body["timestamp"] > "2026-01-02"


def test_two_servers_may_deliver_the_same_entries(environment, data, home, tmp_path, launcher):
    for number in range(20):
        (home / f"{number}.ipynb").write_text("{}")
        put_entry(data, home, f"{number}.ipynb")
    done = at_once(2, lambda _: run(ONLY_STARTS, environment, tmp_path))
    assert done == ["", ""]
    assert {each.body["path"] for each in launcher.events} == {f"{n}.ipynb" for n in range(20)}


def test_an_entry_that_another_server_replaced_stays_until_it_is_delivered(
    data, home, server, launcher, spool
):
    launcher.open.clear()
    manager = server()
    save(manager, "a.ipynb")
    launcher.request()
    put_entry(data, home)
    launcher.open.set()
    launcher.event()
    save(manager, "b.ipynb")
    launcher.event(2)
    wait_until(lambda: len(spool()) == 1, "the end of the delivery")
    assert [each["nonce"] for each in spool().values()] == ["0" * 32]


def write_garbage(place, home):
    place.write_text("{")


def write_too_much(place, home):
    place.write_text(place.read_text() + " " * 70_000)


def write_relative_path(place, home):
    put_entry(place.parent.parent, home, os_path="a.ipynb")


def write_nul(place, home):
    put_entry(place.parent.parent, home, os_path="/a\0.ipynb")


def write_other_path(place, home):
    place.write_text(place.read_text().replace('"a.ipynb"', '"b.ipynb"'))


def write_number(place, home):
    put_entry(place.parent.parent, home, timestamp=7)


def write_list(place, home):
    place.write_text("[]")


def write_deep(place, home):
    place.write_text("[" * 60_000)


def link_entry(place, home):
    place.rename(home / "entry")
    place.symlink_to(home / "entry")


def make_entry_fifo(place, home):
    make_fifo(place)


@pytest.mark.parametrize(
    "spoil",
    [
        write_garbage,
        write_too_much,
        write_relative_path,
        write_nul,
        write_other_path,
        write_number,
        write_list,
        write_deep,
        link_entry,
        make_entry_fifo,
    ],
)
def test_what_is_no_entry_is_removed_at_the_start(spoil, data, home, server, launcher, capfd):
    place = put_entry(data, home)
    spoil(place, home)
    put_entry(data, home, "good.ipynb")
    server()
    assert launcher.event().body["path"] == "good.ipynb"
    wait_until(lambda: not os.path.lexists(place), "the removal")
    wait_until(lambda: not list(place.parent.iterdir()), "the end of the delivery")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"save_hook: {place.name} in launcher-saves is removed: ")


def test_old_temporary_files_are_removed_at_the_start(data, home, server, launcher):
    folder = put_entry(data, home).parent
    (old, new) = (folder / f".{letter * 32}.new" for letter in "ab")
    for each in (old, new, folder / "mine.txt"):
        each.touch()
    os.utime(old, (0, 0))
    os.utime(folder / "mine.txt", (0, 0))
    server()
    launcher.event()
    assert not old.exists()
    assert new.exists()
    assert (folder / "mine.txt").exists()


def test_a_save_is_delivered_when_the_spool_cannot_be_written(data, server, launcher, home, capfd):
    # the root user may write anywhere, but not below a file
    data.mkdir()
    (data / "launcher-saves").write_text("")
    manager = server()
    for number in range(3):
        save(manager, f"{number}.ipynb")
    assert launcher.event(3).notebook == (home / "2.ipynb").read_bytes()
    (line,) = capfd.readouterr().err.splitlines()
    assert "kept in memory" in line


def test_what_is_private_is_kept_in_memory_when_the_spool_cannot_be_written(
    server, launcher, data, home
):
    data.mkdir()
    (data / "launcher-saves").write_text("")
    manager = server()
    save(manager, "a.ipynb", notebook(tags=["private"]))
    wait_until(lambda: launcher.withdrawn == ["a.ipynb"], "the withdrawal")
    (home / "a.ipynb").write_text("{")
    model = {"type": "notebook", "path": "a.ipynb"}
    manager.post_save_hook(model=model, os_path=str(home / "a.ipynb"), contents_manager=manager)
    save(manager, "b.ipynb")
    launcher.event()
    save(manager, "a.ipynb", notebook())
    launcher.event(2)
    save(manager, "a.ipynb", notebook(tags=["private"]))
    wait_until(lambda: launcher.withdrawn == ["a.ipynb"] * 2, "the second withdrawal")
    assert [each.body["path"] for each in launcher.events] == ["b.ipynb", "a.ipynb"]


ON_A_FULL_DISK = """
import resource, signal
c = {"ContentsManager": {}}
save_hook.configure(c)
pathlib.Path("home/a.ipynb").write_text("{}")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
model = {"type": "notebook", "path": "a.ipynb"}
hook = c["ContentsManager"]["post_save_hook"]
hook(model=model, os_path="home/a.ipynb", contents_manager=None)
assert list(pathlib.Path("data/launcher-saves").iterdir()) == []
time.sleep(600)
"""


def test_a_save_on_a_full_disk_is_kept_in_memory(environment, tmp_path, home, launcher):
    process = start(ON_A_FULL_DISK, environment, tmp_path)
    assert launcher.event().notebook == b"{}"
    assert process.poll() is None
    process.kill()
    assert "kept in memory" in process.communicate(timeout=60)[0]


def test_nobody_else_may_read_the_spool(data, server, launcher, spool):
    launcher.open.clear()
    save(server(), "a.ipynb")
    folder = data / "launcher-saves"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.stat().st_mode & 0o777 for each in folder.iterdir()] == [0o600]


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"JUPYTER_DATA_DIR": "here"}, "here"),
        ({"XDG_DATA_HOME": "shared"}, "shared/jupyter"),
        ({}, ".local/share/jupyter"),
    ],
)
def test_the_spool_lies_where_jupyters_data_lie(variables, place, environment, tmp_path, home):
    launcher = {"LAUNCHER_URL": "http://127.0.0.1:9", "JUPYTERHUB_API_TOKEN": TOKEN}
    absolute = {name: str(tmp_path / value) for name, value in variables.items()}
    run(SAVES_ONE, {**launcher, **absolute}, tmp_path)
    assert len(list((tmp_path / place / "launcher-saves").iterdir())) == 1


# --------------------------------------------------------------------------- how it is used


def note(model, os_path, contents_manager):
    """A hook of the site."""
    contents_manager.noted = os_path


def fail(**_):
    """A hook of the site that raises."""
    raise RuntimeError("of the site")


@pytest.mark.parametrize("section", ["ContentsManager", "FileContentsManager", "LargeFileManager"])
@pytest.mark.parametrize("other", [note, "hook_of_the_site.note", None])
def test_a_hook_of_the_site_is_called_too(section, other, server, home, launcher, monkeypatch):
    module = SimpleNamespace(note=note, __name__="hook_of_the_site")
    monkeypatch.setitem(sys.modules, "hook_of_the_site", module)
    manager = server(c=Config({section: {"post_save_hook": other}}))
    save(manager, "a.ipynb")
    launcher.event()
    assert getattr(manager, "noted", None) == (other and str(home / "a.ipynb"))


@pytest.mark.parametrize("kind", [LargeFileManager, AsyncLargeFileManager])
@pytest.mark.parametrize("way", ["configure", "extension"])
def test_a_hook_of_the_site_that_raises_fails_the_save_as_before(way, kind, server, home, launcher):
    c = Config({"FileContentsManager": {"post_save_hook": fail}})
    manager = server(kind, c) if way == "configure" else registered(home, kind, c)
    with pytest.raises(HTTPError, match="of the site"):
        save(manager, "a.ipynb")
    # Jupyter Server calls no other registered hook after one that raised
    if way == "configure":
        launcher.event()


def test_an_import_string_that_is_wrong_is_left_to_the_server(environment, home):
    c = Config({"FileContentsManager": {"post_save_hook": "no_such_module.hook"}})
    save_hook.configure(c)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        LargeFileManager(root_dir=str(home), config=c)


def test_the_extension_coexists_with_a_hook_that_is_set(environment, home, launcher):
    manager = registered(home, c=Config({"FileContentsManager": {"post_save_hook": note}}))
    save(manager, "a.ipynb")
    launcher.event()
    assert manager.noted == str(home / "a.ipynb")


def test_both_ways_at_once_report_a_save_once(environment, home, launcher, spool):
    c = Config()
    save_hook.configure(c)
    save_hook.configure(c)
    manager = registered(home, c=c)
    assert manager._post_save_hooks == []
    save(manager, "a.ipynb")
    wait_until(lambda: launcher.events and not spool(), "the end of the delivery")
    assert len(launcher.events) == 1


@pytest.mark.parametrize("name", ["LAUNCHER_URL", "JUPYTERHUB_API_TOKEN"])
@pytest.mark.parametrize("way", ["configure", "extension"])
def test_without_its_environment_it_does_nothing(
    name, way, environment, home, monkeypatch, data, capfd
):
    monkeypatch.delenv(name)
    c = Config()
    if way == "configure":
        save_hook.configure(c)
    manager = registered(home) if way == "extension" else LargeFileManager(config=c)
    manager.root_dir = str(home)
    assert (manager.post_save_hook, manager._post_save_hooks) == (None, [])
    save(manager, "a.ipynb")
    assert not (data / "launcher-saves").exists()
    assert len(capfd.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAUNCHER_URL", "ftp://host/x"),
        ("LAUNCHER_URL", "http://ada:password@host/x"),
        ("LAUNCHER_URL", "http://host/x?y"),
        ("LAUNCHER_URL", "http://host:port/x"),
        ("LAUNCHER_URL", "http://[host/x"),
        ("LAUNCHER_URL", "/services/launcher"),
        ("LAUNCHER_MAX_NOTEBOOK", "10 MiB"),
    ],
)
def test_a_setting_that_is_wrong_is_named(name, value, environment, monkeypatch, capfd):
    monkeypatch.setenv(name, value)
    c = Config()
    save_hook.configure(c)
    assert c == {}
    log = capfd.readouterr().err
    assert log.startswith(f"save_hook: Saves are not reported: {name} must be ")
    assert "password" not in log


@pytest.mark.parametrize(
    "arguments", [{}, {"model": None, "os_path": None}, {"model": {"type": "notebook"}}]
)
def test_what_is_no_save_is_no_failure(arguments, server, launcher):
    manager = server()
    manager.post_save_hook(**arguments)
    save(manager, "a.ipynb")
    launcher.event()


ENABLED = {
    "configure": "from launcher.singleuser import save_hook\nsave_hook.configure(c)\n",
    "extension": 'c.ServerApp.jpserver_extensions = {"launcher.singleuser.save_hook": True}\n',
}


@pytest.mark.parametrize("way", ENABLED)
def test_a_real_server_reports_what_is_saved_with_its_api(
    way, environment, tmp_path, home, launcher
):
    with jupyter_server(home, "c = get_config()\n" + ENABLED[way], environment) as put:
        assert put("day1.ipynb") == 201
        assert launcher.event().notebook == (home / "day1.ipynb").read_bytes()
        assert put("day1.ipynb") == 200
        launcher.event(2)


# ------------------------------------------------------------------------- the file itself


def test_it_imports_the_standard_library_only():
    tree = ast.parse(HOOK.read_text(encoding="utf-8"), feature_version=(3, 10))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    assert names <= sys.stdlib_module_names


def test_it_calls_nothing_that_python_3_10_lacks():
    command = [VERMIN, "-t=3.10-", "--violations", HOOK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
