"""How servers were started, as rows."""

import pytest

from launcher import store
from launcher.server_ref import ServerRef
from launcher.store import server_specs
from launcher.store.server_specs import ServerSpec

SERVER = ServerRef("alice", "gpu")


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own."""
    engine = store.connect(database_url)

    def run(work, *args):
        with engine.begin() as connection:
            return work(connection, *args)

    yield run
    engine.dispose()


def spec(token):
    return ServerSpec(SERVER, "desk", "1" * 32, "climate", "0" * 64, token)


def test_a_server_that_was_stopped_is_forgotten(do):
    do(server_specs.put, spec("sealed"))
    do(server_specs.remove, do(server_specs.find, SERVER))
    assert do(server_specs.find, SERVER) is None


def test_a_start_that_followed_the_stop_at_once_is_not_forgotten(do):
    do(server_specs.put, spec("sealed"))
    before = do(server_specs.find, SERVER)
    do(server_specs.put, spec("sealed again"))
    do(server_specs.remove, before)
    assert do(server_specs.find, SERVER).token == "sealed again"
