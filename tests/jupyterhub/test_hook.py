"""The spawn hook with a spawner that is not started: when it goes on without the launcher."""

import asyncio
import socket
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


def hooked(url, on_unavailable):
    """A function that asks the launcher as the hook does, for a user's spawner."""
    url = f"{url}/services/launcher"
    hook = SpawnHook(url, SECRET, system="desk", on_unavailable=on_unavailable, timeout=5.0)

    async def ask(name):
        spawner = LocalProcessSpawner(_mock=True, cmd=["own"])
        spawner.user = SimpleNamespace(name=name, groups=[], spawners={"": spawner})
        spawner.orm_spawner = SimpleNamespace(name="", server=None)
        spawner.api_token = "t" * 32
        await hook(spawner)
        return spawner

    return ask


@pytest.fixture
def start(answers):
    """Asks as the hook of a site that would rather start its default environment."""
    return hooked(answers.url, "default")


@pytest.fixture
def start_or_fail(answers):
    """Asks as the hook of a site that starts nothing without the launcher."""
    return hooked(answers.url, "fail")


async def starts_after(start, answers, name):
    """Start a server whose launcher is back once it was asked; how many questions that took."""
    before = len(answers.questions)
    starting = asyncio.create_task(start(name))
    while len(answers.questions) == before:
        await asyncio.sleep(0.01)
    answers.broken.pop(name)
    assert (await starting).cmd == ["env", "own"]
    return len(answers.questions) - before


@pytest.mark.parametrize("broken", [(502, b"Bad Gateway"), (503, b""), None])
async def test_a_launcher_that_restarts_is_asked_again(start_or_fail, answers, broken):
    answers.specifications["back"] = {"command": {"argv": ["env"]}}
    answers.broken["back"] = broken
    assert await starts_after(start_or_fail, answers, "back") >= 2


async def test_a_launcher_that_nobody_can_connect_to_yet_is_asked_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    starting = asyncio.create_task(hooked(f"http://127.0.0.1:{port}", "fail")("early"))
    await asyncio.sleep(0.2)
    assert not starting.done()
    with answering(SECRET, port=port) as answers:
        answers.specifications["early"] = {"command": {"argv": ["env"]}}
        assert (await starting).cmd == ["env", "own"]


async def test_a_launcher_that_stays_away_fails_the_start_in_time(start_or_fail, answers):
    answers.broken["gone"] = (502, b"Bad Gateway")
    before = len(answers.questions)
    with pytest.raises(HTTPError, match="does not answer"):
        await start_or_fail("gone")
    seconds = [asked["seconds"] for _path, asked in answers.questions[before:]]
    assert len(seconds) > 2
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] == 5.0


async def test_a_launcher_that_has_a_defect_is_not_asked_again(start_or_fail, answers):
    answers.broken["defect"] = (500, b"")
    before = len(answers.questions)
    with pytest.raises(HTTPError, match="does not answer"):
        await start_or_fail("defect")
    assert len(answers.questions) == before + 1


async def test_a_launcher_that_is_away_is_not_waited_for(start, answers):
    answers.broken["away"] = (502, b"Bad Gateway")
    before = len(answers.questions)
    assert (await start("away")).cmd == ["own"]
    assert len(answers.questions) == before + 1


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
