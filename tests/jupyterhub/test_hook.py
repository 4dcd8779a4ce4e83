"""The spawn hook with a spawner that is not started: when it goes on without the launcher."""

from types import SimpleNamespace

import pytest
from answering_launcher import answering
from hooked_hub import SECRET
from jupyterhub.spawner import LocalProcessSpawner
from tornado.web import HTTPError

from launcher.jupyterhub.hook import SpawnHook

# JupyterHub's own argument for spawners without a user
pytestmark = pytest.mark.filterwarnings("ignore:Passing unrecognized arguments.*_mock")


@pytest.fixture(scope="module")
def answers():
    with answering(SECRET) as found:
        yield found


@pytest.fixture
def start(answers):
    """Asks as the hook of a site that would rather start its default environment."""
    url = f"{answers.url}/services/launcher"
    hook = SpawnHook(url, SECRET, system="desk", on_unavailable="default", timeout=5.0)

    async def ask(name):
        spawner = LocalProcessSpawner(_mock=True, cmd=["own"])
        spawner.user = SimpleNamespace(name=name)
        spawner.orm_spawner = SimpleNamespace(name="", server=None)
        spawner.api_token = "t" * 32
        await hook(spawner)
        return spawner

    return ask


async def test_a_launcher_that_is_away_is_not_waited_for(start, answers):
    answers.broken["away"] = (502, b"Bad Gateway")
    assert (await start("away")).cmd == ["own"]


async def test_an_answer_that_the_hub_does_not_allow_never_becomes_the_default(start, answers):
    # the launcher has recorded that the server runs in this
    answers.specifications["odd"] = {"environment": {"PYTHONPATH": "/opt/env"}}
    with pytest.raises(HTTPError, match="must not set PYTHONPATH"):
        await start("odd")


async def test_a_token_is_handed_over_once_the_answer_is_applied(start, answers):
    """An answer that is lost must not leave a token that proves what did not happen."""
    answers.broken["lost"] = (504, b"Gateway Timeout")
    await start("lost")
    assert "token" not in answers.questions[-1][1]
    assert answers.handed_over == []
    await start("alice")
    assert "token" not in answers.questions[-1][1]
    ((path, handed),) = answers.handed_over
    assert path.endswith("/hub/users/alice/systems/desk/spawn/token")
    assert handed == {"server": "", "token": "t" * 32}


async def test_the_launcher_is_told_how_long_the_hook_waits(start, answers):
    await start("patient")
    assert answers.questions[-1][1]["seconds"] == 5.0
