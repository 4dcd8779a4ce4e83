"""The end of child processes."""

import asyncio
import sys

import psutil

from launcher import child_processes

WRITES = "import os; [os.write(1, bytes(65536)) for _ in range(10**6)]"
WITH_CHILD = "import os, time; os.fork() or print(os.getpid(), flush=True); time.sleep(60)"


async def started(program):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )


async def test_a_process_whose_output_nobody_reads_ends():
    process = await started(WRITES)
    # more is held back than asyncio reads ahead
    await process.stdout.readexactly(1)
    await asyncio.sleep(0.1)
    async with asyncio.timeout(10):
        await child_processes.end(process)
    assert process.returncode == -9


async def test_its_children_end_with_it():
    process = await started(WITH_CHILD)
    child = int(await process.stdout.readline())
    await child_processes.end(process)
    while psutil.pid_exists(child):
        await asyncio.sleep(0.01)


async def test_a_process_that_has_ended_is_no_error():
    process = await started("")
    await process.wait()
    await child_processes.end(process)
