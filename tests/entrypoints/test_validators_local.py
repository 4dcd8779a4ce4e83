"""The validator `local`: what a user can reach and execute on the launcher's machine."""

import os
import pwd
import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from launcher.entrypoints.configuration import read_types, read_validator
from launcher.entrypoints.model import Expectation, System
from launcher.entrypoints.validators.permissions import Account, OutOfReach, resolve

SYSTEM = System("here", "Here")
ME = pwd.getpwuid(os.getuid()).pw_name
# for whom only the bits of others count
NOBODY = "nobody"


@pytest.fixture
def folder():
    """A directory that every user can reach, which pytest's own are not."""
    path = Path(os.path.realpath(tempfile.mkdtemp()))
    path.chmod(0o755)
    yield path
    for parent, directories, _ in os.walk(path):
        for name in directories:
            os.chmod(os.path.join(parent, name), 0o755)
    shutil.rmtree(path)


@pytest.fixture
def script(folder):
    """An executable file."""
    path = folder / "envs/a b/run"
    path.parent.mkdir(parents=True)
    path.write_text('#!/bin/sh\nexec "$@"\n')
    path.chmod(0o755)
    return path


async def look(path, user=NOBODY, executable=True, **options):
    validator = read_validator("local", options)
    return await validator.check(user, SYSTEM, Expectation(str(path), executable))


async def test_an_executable_file_is_found(script):
    report = await look(script)
    assert report.result
    assert report.to_json() == {
        "host": "",
        "subject": str(script),
        "result": True,
        "message": f"{script} exists, and nobody may execute it.",
    }


@pytest.mark.parametrize("mode", [0o644, 0o744, 0o754])
async def test_a_file_that_only_others_may_execute_is_refused(script, mode):
    script.chmod(mode)
    report = await look(script)
    assert not report.result
    assert "not executable for nobody" in report.message


async def test_its_owner_may_execute_it(script):
    script.chmod(0o700)
    assert (await look(script, user=ME)).result


async def test_a_file_has_to_exist_only(script):
    script.chmod(0o600)
    assert (await look(script, executable=False)).result


@pytest.mark.parametrize("gone", ["envs/x", "envs/a b/run/x", "none/at/all", "x" * 300])
async def test_a_file_that_is_not_there_is_said(script, folder, gone):
    report = await look(folder / gone)
    assert not report.result
    assert report.message == f"{folder / gone} does not exist, or nobody cannot reach it."


async def test_a_directory_is_no_command(script):
    report = await look(script.parent)
    assert report.message == f"{script.parent} is not a file."
    assert not report.result


async def test_nobody_learns_what_is_in_the_directory_of_another(script):
    script.parent.parent.chmod(0o700)
    present, absent = await look(script), await look(script.parent / "gone")
    assert not present.result
    assert present.message.replace(str(script), "") == absent.message.replace(
        str(script.parent / "gone"), ""
    )


async def test_a_link_to_a_directory_of_another_says_no_more(script, folder):
    secret = folder / "secret"
    secret.mkdir()
    shutil.copy(script, secret / "run")
    (folder / "link").symlink_to(secret / "run")
    secret.chmod(0o700)
    report = await look(folder / "link")
    assert report.message.endswith("does not exist, or nobody cannot reach it.")


async def test_a_link_inside_the_roots_is_followed(script, folder):
    (folder / "envs/b").symlink_to("../envs/a b")
    assert (await look(folder / "envs/b/run", roots=[str(folder / "envs")])).result


async def test_a_link_out_of_the_roots_is_refused(script, folder):
    (folder / "allowed").mkdir()
    (folder / "allowed/run").symlink_to(script)
    report = await look(folder / "allowed/run", roots=[str(folder / "allowed")])
    assert not report.result
    assert report.message == (
        f"A symbolic link in the path leads outside of what this site allows: {folder / 'allowed'}."
    )


async def test_a_root_may_be_a_link_itself(script, folder):
    (folder / "root").symlink_to("envs")
    assert (await look(folder / "root/a b/run", roots=[str(folder / "root")])).result
    assert (await look(script, roots=[str(folder / "root")])).result


async def test_a_path_outside_of_the_roots_is_refused(script, folder):
    for root in ("en", "envs2", "envs/a"):
        report = await look(script, roots=[str(folder / root)])
        assert not report.result
        assert report.message == (f"The path is outside of what this site allows: {folder / root}.")


async def test_a_root_that_does_not_exist_allows_nothing(folder):
    report = await look(folder / "none/x", roots=[str(folder / "none")])
    assert not report.result


async def test_everybody_has_a_root_of_their_own(folder):
    for user in (NOBODY, ME):
        (folder / user).mkdir()
        shutil.copy("/bin/sh", folder / user / "run")
    roots = [f"{folder}/{{username}}"]
    assert (await look(folder / NOBODY / "run", roots=roots)).result
    assert not (await look(folder / ME / "run", roots=roots)).result


@pytest.mark.parametrize("user", ["", "..", ".", "a/../b", "/", "\x00", "a\ud800"])
async def test_a_strange_name_opens_no_root(script, folder, user):
    report = await look(script, user=user, roots=[f"{folder}/{{username}}"])
    assert not report.result


async def test_links_in_a_circle_end(folder):
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    assert not (await look(folder / "a")).result


async def test_a_user_without_an_account_is_said(script):
    report = await look(script, user="nobody-of-that-name")
    assert not report.result
    assert report.message == "There is no user nobody-of-that-name on the launcher's machine."


@pytest.fixture
def without_root():
    """This process without the rights of root."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(pwd.getpwnam(NOBODY).pw_uid)
    yield
    if was_root:
        os.seteuid(0)


async def test_what_the_launcher_cannot_look_at_is_said(script, request, written):
    script.parent.chmod(0o000)
    request.getfixturevalue("without_root")
    # root could reach it, the account that runs the launcher cannot
    report = await look(script, user="root")
    assert not report.result
    assert report.message.startswith("The launcher cannot look at the path; an administrator")
    assert "Permission denied" in written.getvalue()


async def test_a_file_system_that_hangs_does_not_hold_up_others(script, tmp_path):
    validator = read_validator("local", {"timeout": 0.2})
    held = threading.Event()
    for _ in range(8):  # as threads that wait for a file server
        validator._threads.submit(held.wait)
    report = await validator.check(NOBODY, SYSTEM, Expectation(str(script), True))
    held.set()
    assert not report.result
    assert report.message == "The file system did not answer within 0.2 seconds; try again."


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "may"),
    [
        (0o100, 1000, (), True),
        (0o100, 1001, (50,), False),
        (0o010, 1001, (50,), True),
        (0o010, 1001, (), False),
        (0o001, 1001, (), True),
        # neither an owner nor a group gets the bits of others
        (0o011, 1000, (50,), False),
        (0o101, 1001, (50,), False),
        # root needs one of the bits, as in execve(2)
        (0o010, 0, (), True),
        (0o666, 0, (), False),
    ],
)
def test_groups_and_owners_count_as_in_the_kernel(mode, uid, groups, may):
    info = os.stat_result((0o100000 | mode, 1, 1, 1, 1000, 50, 0, 0, 0, 0))
    assert Account(uid, frozenset(groups)).may_execute(info) is may


async def test_a_component_that_is_left_again_has_to_exist(script, folder):
    account = Account.find(NOBODY)
    (folder / "up").symlink_to("envs/../envs/a b/run")
    assert resolve(account, str(folder / "up")).path == str(script)
    (folder / "bad").symlink_to("gone/../envs/a b/run")
    with pytest.raises(OutOfReach):
        resolve(account, str(folder / "bad"))


async def test_a_conda_environment_is_checked_as_a_whole(folder):
    prefix = folder / "envs/analysis"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta/history").touch()
    conda = read_types([{"name": "conda"}])["conda"]
    validator = read_validator("local", {"roots": [str(folder)]})
    lacking = await conda.validate(NOBODY, SYSTEM, {"path": str(prefix)}, validator)
    assert not lacking.result
    assert lacking.message.endswith(
        "Install the packages jupyterhub and jupyterlab in the environment."
    )
    shutil.copy("/bin/sh", prefix / "bin/jupyterhub-singleuser")
    assert (await conda.validate(NOBODY, SYSTEM, {"path": str(prefix)}, validator)).result
