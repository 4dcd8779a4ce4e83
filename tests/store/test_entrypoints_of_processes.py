"""Eight processes that change the entrypoints of one user at the same time."""

import asyncio
import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import entrypoint_processes as processes
import pytest
import sqlalchemy as sa

from launcher import store
from launcher.store import tables

PROCESSES = 8


@pytest.fixture(scope="module")
def eight():
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        yield pool


async def prepared(url):
    """The ids of the entrypoints that all processes share."""
    site = processes.new_site(url)
    try:
        return await processes.add_own(site)
    finally:
        site.store.close()


def stored(url, query):
    """The rows that the database has in the end."""
    engine = store.connect(url)
    with engine.begin() as connection:
        found = connection.execute(query).all()
    engine.dispose()
    return found


@pytest.mark.parametrize(
    "writes", [25, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_no_write_fails_and_no_selection_is_lost_or_doubled(database_url, eight, writes):
    own = asyncio.run(prepared(database_url))
    futures = [
        eight.submit(processes.write, database_url, number, writes, own)
        for number in range(PROCESSES)
    ]
    done = Counter()
    for future in futures:
        counted, wrong = future.result()  # raises what the process raised, such as a lock error
        assert wrong == []
        done += counted
    assert done.total() == PROCESSES * writes
    assert all(done.values())
    selections = tables.entrypoint_selections.c
    query = sa.select(selections.system, selections.entrypoint).order_by(selections.system)
    selected = stored(database_url, query)
    systems = [row.system for row in selected]
    assert systems in (["cleared", "options", "own"], ["options", "own"])
    # the rest was removed again, and of what the site offers nothing is kept that is not selected
    kept = stored(database_url, sa.select(tables.entrypoints.c.id))
    assert {row.id for row in kept} == {*own, *(row.entrypoint for row in selected)}
