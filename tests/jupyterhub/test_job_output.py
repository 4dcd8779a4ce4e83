"""The output file of a batch job: which one it is, and how it is read."""

import asyncio
import os
from pathlib import Path

import pytest
from batchspawner import GridengineSpawner, LsfSpawner, PBSSpawner, SlurmSpawner, TorqueSpawner
from batchspawner.batchspawner import format_template

from launcher.jupyterhub.job_output import JobReader, Unreadable, named_in

SCRIPTS = {
    "output": ("#SBATCH --output=/home/a/%j.log", "/home/a/17.log"),
    "errors": ("#SBATCH -o /out\n#SBATCH --error=/err-%J-%u", "/err-17-alice"),
    "short": ("#SBATCH --mem=2G -o/home/a/job.%A", "/home/a/job.17"),
    "quotes": ('#SBATCH --output "/home/a/x.log"', "/home/a/x.log"),
    "PBS": ("#PBS -o /home/a/${PBS_JOBID}", "/home/a/17"),
    "LSF": ("#BSUB -o /home/a/%J", "/home/a/17"),
    "not a whole path": ("#SBATCH --output=slurm-%j.out", ""),
    "another placeholder": ("#SBATCH --output=/home/a/%x-%N.log", ""),
    "none": ("#SBATCH --mem=2G", ""),
    "no directive": ("echo '#SBATCH --output=/x'\n# SBATCH -o /x\n##SBATCH -o /x", ""),
    "a longer option": ("#SBATCH --open-mode=append --export=/x", ""),
}


@pytest.mark.parametrize(("script", "path"), SCRIPTS.values(), ids=SCRIPTS)
def test_the_script_of_a_job_names_its_output(script, path):
    assert named_in(f"#!/bin/sh\n{script}\nexec server\n", "17", "alice") == path


OWN = {
    SlurmSpawner: "/home/alice/jupyterhub_slurmspawner_17.log",
    PBSSpawner: "/home/alice/.jupyterhub.pbs.err",
    GridengineSpawner: "/home/alice/.jupyterhub.sge.err",
    LsfSpawner: "/home/alice/.jupyterhub.lsf.err",
    TorqueSpawner: "",
}


@pytest.mark.parametrize(("spawner", "path"), OWN.items(), ids=lambda each: str(each))
def test_the_scripts_of_batchspawner_name_these(spawner, path):
    variables = {name[4:]: "" for name in spawner.class_trait_names() if name.startswith("req_")}
    variables |= {"homedir": "/home/alice", "username": "alice", "cmd": "server"}
    script = format_template(spawner.batch_script.default_value, **variables)
    assert named_in(script, "17", "alice") == path


@pytest.fixture
def file(tmp_path):
    """An output file whose name a shell would not take as one word."""
    found = tmp_path / "it's $(here).log"
    found.write_bytes(b"one\ntwo\n")
    return str(found)


async def test_a_part_of_the_file_is_read(file):
    reader = JobReader()
    assert await reader.size(file, "") == 8
    assert await reader.read(file, "", 4, 100) == b"two\n"
    assert await reader.read(file, "", 0, 2) == b"on"
    assert await reader.read(file, "", 99, 100) == b""


async def test_it_is_read_in_the_way_in_which_the_job_is_submitted(file, tmp_path):
    prefix = f'env AS_USER=alice sh -c \'echo $AS_USER >{tmp_path}/who; exec "$0" "$@"\''
    assert await JobReader().read(file, prefix, 0, 100) == b"one\ntwo\n"
    assert (tmp_path / "who").read_text() == "alice\n"


async def test_a_file_that_is_not_there_yet_is_empty(tmp_path):
    assert await JobReader().size(str(tmp_path / "none"), "") == 0


async def test_a_hub_that_may_not_read_it_says_what_to_change(file):
    with pytest.raises(Unreadable, match="sudoers"):
        await JobReader().size(file, "sh -c 'echo not allowed >&2; exit 1'")


async def test_a_file_that_does_not_respond_is_given_up_and_leaves_nothing(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = JobReader(seconds=0.5)
    with pytest.raises(Unreadable, match="does not respond"):
        await reader.size(path, "")
    for _ in range(100):
        if not _readers_of(path):
            break
        await asyncio.sleep(0.05)
    assert _readers_of(path) == []


async def test_a_file_is_read_by_one_process_at_a_time(file, tmp_path):
    reader, mark = JobReader(), tmp_path / "mark"
    # fails if the mark of another one is there
    prefix = f"mkdir {mark} && sleep 0.05 && rmdir {mark} &&"
    found = await asyncio.gather(*(reader.read(file, prefix, 0, 100) for _ in range(5)))
    assert found == [b"one\ntwo\n"] * 5


def _readers_of(path):
    """The processes with the path in their command."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.encode() in each.read_bytes():
                found.append(each.parent.name)
        except OSError:
            continue
    return found
