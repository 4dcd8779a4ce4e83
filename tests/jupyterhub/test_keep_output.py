"""The process that keeps the output of one server, and the folder with the logs."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

from launcher.jupyterhub.keep_output import HEADER
from launcher.jupyterhub.log_folder import KEPT_BYTES, KEPT_PER_USER, KEPT_SECONDS, LogFolder

OTHER_USER = 65_534


@pytest.fixture
def folder(tmp_path):
    found = LogFolder(tmp_path / "logs")
    found.prepare("alice", set())
    yield found
    wait_until(lambda: found.count_keepers() == 0, "the end of the processes")


def run(log, code, **options):
    """Run a program as a server is run, and wait until its output is kept."""
    log.create()
    with log.keeping() as output:
        done = subprocess.run([sys.executable, "-c", code], stdout=output, stderr=output, **options)
    wait_until(lambda: log.folder.count_keepers() == 0, "the end of the process")
    return done


def children():
    """The processes of the test's own, zombies too."""
    threads = Path("/proc/self/task").glob("*/children")
    return {int(each) for path in threads for each in path.read_text().split()}


def content(log):
    """The file without its first line."""
    return log.file.read_bytes().partition(b"\n")[2]


def test_what_a_server_writes_is_kept_for_the_hubs_user_alone(folder):
    log = folder.of("alice", "")
    run(log, "import sys; print('out', flush=True); print('err', file=sys.stderr)")
    assert content(log) == b"out\nerr\n"
    assert HEADER.match(log.file.read_bytes())[2] == b"0"
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert log.file.stat().st_mode & 0o777 == 0o600


def test_a_last_line_that_is_not_ended_is_kept(folder):
    log = folder.of("alice", "")
    run(log, "print('half', end='')")
    assert content(log) == b"half\n"


def test_a_server_that_writes_without_an_end_leaves_a_bounded_file(folder):
    log = folder.of("alice", "")
    code = "import sys; sys.stdout.writelines(f'{n:024}\\n' for n in range(2_000_000))"
    run(log, code, check=True)  # 50 MB
    assert log.file.stat().st_size <= 2 * KEPT_BYTES
    lines = content(log).split(b"\n")
    assert lines[-2:] == [b"%024d" % 1_999_999, b""]
    # whole lines, without a gap, and the number of the bytes before them
    assert [int(line) for line in lines[:-1]] == list(range(2_000_001 - len(lines), 2_000_000))
    left_out = int(HEADER.match(log.file.read_bytes())[2])
    assert left_out == 25 * int(lines[0])


def test_a_line_without_an_end_is_broken(folder):
    log = folder.of("alice", "")
    run(log, "import sys; sys.stdout.write('x' * 10_000_000)")
    assert log.file.stat().st_size <= 2 * KEPT_BYTES
    assert max(map(len, content(log).split(b"\n"))) < 100_000


def test_a_program_may_open_its_output_again(folder):
    log = folder.of("alice", "")
    # as another user, where the tests run as root
    other = {"user": OTHER_USER} if os.geteuid() == 0 else {}
    log.create()
    with log.keeping() as output:
        done = subprocess.run(
            ["/bin/sh", "-c", "echo again >/proc/self/fd/1"], stdout=output, cwd="/", **other
        )
    assert done.returncode == 0
    wait_until(lambda: content(log) == b"again\n", "the line")


def test_output_is_read_although_there_is_no_room_for_it(folder):
    log = folder.of("alice", "")
    log.create()
    with log.keeping() as output:
        log.file.unlink()
        done = subprocess.run(
            [sys.executable, "-c", "print('x' * 10_000_000)"], stdout=output, stderr=output
        )
    assert done.returncode == 0


def test_the_next_start_keeps_the_output_of_the_last_one_for_the_administrator(folder):
    log = folder.of("alice", "")
    for number in range(3):
        run(log, f"print({number})")
    assert content(log) == b"2\n"
    before = log.file.with_suffix(".log.1")
    assert before.read_bytes().partition(b"\n")[2] == b"1\n"
    assert len(list(folder.path.iterdir())) == 2


def test_what_an_earlier_start_left_running_does_not_write_to_the_log_of_the_next(folder):
    log = folder.of("alice", "")
    log.create()
    with log.keeping() as output:
        left = subprocess.Popen(
            [sys.executable, "-c", "input(); print('x' * 5_000_000)"],
            stdin=subprocess.PIPE,
            stdout=output,
        )
    log.create()
    left.communicate(b"\n")
    wait_until(lambda: folder.count_keepers() == 0, "the end of the process")
    assert content(log) == b""


def test_the_hub_keeps_no_descriptor_and_no_process_of_a_server_that_ended(folder):
    log = folder.of("alice", "")
    before, own = len(os.listdir("/proc/self/fd")), children()
    for number in range(20):
        run(log, f"print({number})")
    assert len(os.listdir("/proc/self/fd")) == before
    assert children() == own


NAMES = ["", "gpu", "a.b", "..", "/", "a@b", "x" * 300, "@", "%40", "GPU", "\n"]


def test_every_server_has_files_of_its_own_inside_of_the_folder(folder):
    files = [folder.of(user, name).file for user in NAMES[1:] for name in NAMES]
    assert len(set(files)) == len(files)
    assert {file.parent for file in files} == {folder.path}
    assert all(len(file.name) < 240 for file in files)


def test_only_so_many_logs_of_a_user_are_kept(folder):
    for number in range(KEPT_PER_USER + 5):
        log = folder.of("alice", f"s{number}")
        log.create()
        os.utime(log.file, (number, number))
    folder.of("alice-2", "").create()
    folder.prepare("alice", {"s0"})
    left = {file.name for file in folder.path.iterdir()}
    assert len(left) == KEPT_PER_USER + 2
    assert {"alice@s0.log", "alice@s24.log", "alice-2@.log"} <= left
    assert "alice@s1.log" not in left


def test_logs_that_nobody_writes_to_are_removed_after_a_month(folder):
    old, new = folder.of("bob", ""), folder.of("carol", "")
    old.create()
    new.create()
    now = new.file.stat().st_mtime + KEPT_SECONDS
    os.utime(old.file, (0, 0))
    folder.sweep(now)
    assert [file.name for file in folder.path.iterdir()] == ["carol@.log"]


def test_spawners_share_the_folder_although_traitlets_copies_settings(folder):
    assert copy.deepcopy(folder) is folder
