"""The hooks that hand over the access tokens of sign-ins, without a hub."""

import copy
import logging
import threading
import time
from types import SimpleNamespace

import pytest
from answering_launcher import answering
from jupyterhub.auth import Authenticator
from traitlets.config import Config

from launcher.jupyterhub import configure, git_tokens
from launcher.jupyterhub.configuration import NotConfigured
from launcher.jupyterhub.git_tokens import GitTokens, PostAuthHook

SECRET, GITLAB = "s" * 48, "https://gitlab.example.org"
RECONCILES = pytest.mark.skipif(
    not hasattr(Authenticator, "reconcile_auth_state_hook"), reason="JupyterHub before 6.1"
)


class GitLabAuthenticator(Authenticator):
    """An authenticator with what the hooks look at in oauthenticator's."""

    gitlab_url = GITLAB


@pytest.fixture
def answers():
    with answering(SECRET) as found:
        found.git_hosts.append(GITLAB)
        yield found


@pytest.fixture
def authenticator():
    return GitLabAuthenticator(enable_auth_state=True)


@pytest.fixture
def tokens(answers):
    return GitTokens(f"{answers.url}/services/launcher", SECRET)


@pytest.fixture
def sign_in(tokens, authenticator):
    """Signs somebody in, as the hub does after it has let them in."""

    async def do(name="alice", earlier=None, **auth_state):
        model = {"name": name, "auth_state": auth_state or None, "admin": None}
        return await PostAuthHook(tokens, earlier)(authenticator, None, model)

    return do


async def start(tokens, authenticator, auth_state, name="alice"):
    """Hand over at a start."""

    async def get_auth_state():
        return auth_state

    user = SimpleNamespace(name=name, get_auth_state=get_auth_state)
    await tokens.at_spawn(SimpleNamespace(user=user, authenticator=authenticator))


async def test_the_token_of_a_sign_in_is_handed_over(sign_in, answers):
    model = await sign_in("jöe", access_token="of-joe", refresh_token="secret")
    assert model["name"] == "jöe"
    assert answers.git_tokens == [("j%C3%B6e", GITLAB, "of-joe")]


async def test_a_sign_in_without_a_token_deletes_the_earlier_one(sign_in, answers):
    await sign_in()
    await sign_in(access_token="")
    assert answers.git_tokens == [("alice", GITLAB, None)] * 2


async def test_the_token_that_the_hub_has_is_handed_over_at_each_start(
    tokens, authenticator, answers
):
    for token in ("first", "refreshed"):
        await start(tokens, authenticator, {"access_token": token})
    assert [token for _, _, token in answers.git_tokens] == ["first", "refreshed"]


@pytest.mark.parametrize("state", [None, {}, {"access_token": None}, "text", {"token": "x"}])
async def test_a_start_without_a_token_deletes_nothing(tokens, authenticator, answers, state):
    """An administrator may have added the user, or the hub's key may have changed."""
    await start(tokens, authenticator, state)
    assert answers.git_tokens == []


async def test_a_hub_that_keeps_no_tokens_hands_none_over(sign_in, tokens, authenticator, answers):
    authenticator.enable_auth_state = False
    await sign_in(access_token="of-alice")
    await start(tokens, authenticator, {"access_token": "of-alice"})
    assert answers.git_tokens == []


async def test_a_hub_that_signs_in_elsewhere_hands_nothing_over(tokens, answers):
    other = Authenticator(enable_auth_state=True)
    model = {"name": "alice", "auth_state": {"access_token": "of-nobody"}}
    await PostAuthHook(tokens, None)(other, None, model)
    await start(tokens, other, {"access_token": "of-nobody"})
    assert answers.git_tokens == []


async def test_the_site_can_name_the_git_host_of_another_authenticator(answers):
    tokens = GitTokens(f"{answers.url}/services/launcher", SECRET, git_host=GITLAB)
    await start(tokens, Authenticator(enable_auth_state=True), {"access_token": "of-alice"})
    assert answers.git_tokens == [("alice", GITLAB, "of-alice")]


async def test_the_hook_of_the_site_runs_first_and_its_result_is_used(sign_in, answers):
    async def renames(authenticator, handler, model):
        return {**model, "name": "renamed", "auth_state": {"access_token": "other"}}

    model = await sign_in(earlier=renames, access_token="of-alice")
    assert model["name"] == "renamed"
    assert answers.git_tokens == [("renamed", GITLAB, "other")]
    assert await sign_in(earlier=lambda *arguments: None) is None
    assert len(answers.git_tokens) == 1


async def test_a_host_that_the_launcher_does_not_know_is_not_asked_about_again_for_a_while(
    sign_in, tokens, authenticator, answers, mocker
):
    answers.git_hosts.clear()
    await sign_in(access_token="first")
    await sign_in(access_token="second")
    await start(tokens, authenticator, {"access_token": "third"})
    await start(copy.deepcopy(tokens), authenticator, {"access_token": "third"})
    assert len(answers.git_tokens) == 1
    mocker.patch("time.monotonic", return_value=time.monotonic() + git_tokens.PAUSE_SECONDS + 1)
    await sign_in(access_token="fourth")
    assert len(answers.git_tokens) == 2


BROKEN = {
    "error": (500, b"{}"),
    "refused": (400, b'{"detail": "token must be text."}'),
    "stranger": (401, b"{}"),
    "page": (200, b"<html>"),
    "elsewhere": (302, b""),
    "long": (200, b" " * 2_000_000),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_an_answer_of_any_kind_lets_somebody_in(sign_in, answers, caplog, answer):
    caplog.set_level(logging.DEBUG)
    answers.broken["alice"] = answer
    assert (await sign_in(access_token="canary"))["name"] == "alice"
    assert "of alice for https://gitlab.example.org was not handed over" in caplog.text
    assert "canary" not in caplog.text


async def test_a_launcher_that_is_away_lets_everybody_in(authenticator, caplog):
    with answering(SECRET) as gone:
        tokens = GitTokens(f"{gone.url}/services/launcher", SECRET)
    await start(tokens, authenticator, {"access_token": "canary"})
    assert "was not handed over" in caplog.text
    assert "canary" not in caplog.text


async def test_a_launcher_that_is_silent_is_not_waited_for(sign_in, answers):
    answers.hanging["alice"] = released = threading.Event()
    try:
        # the launcher would answer after 30 s
        assert (await sign_in(access_token="of-alice"))["name"] == "alice"
        assert not released.is_set()
    finally:
        released.set()


# what `configure` sets


def configured(c, **more):
    configure(c, "desk", managed=False, api_token="t", hook_token=SECRET, **more)


def test_the_hooks_of_the_site_are_kept_wherever_they_are_set():
    c = Config()
    c.GitLabOAuthenticator.post_auth_hook = print
    c.Authenticator.post_auth_hook = repr
    configured(c)
    assert c.GitLabOAuthenticator.post_auth_hook._earlier is print
    assert c.Authenticator.post_auth_hook._earlier is repr


def test_no_secret_is_in_the_text_of_the_settings():
    c = Config()
    configured(c, git_host=GITLAB)
    assert SECRET not in repr(c.Authenticator)
    assert SECRET not in repr(c.Spawner)


def test_a_git_host_without_tls_is_refused():
    with pytest.raises(NotConfigured, match="git_host must be a URL that begins with https"):
        configured(Config(), git_host="gitlab.example.org")


@RECONCILES
async def test_a_refreshed_token_is_handed_over_once(answers, authenticator):
    c = Config()
    configured(c, url=answers.url)
    hook = c.Authenticator.reconcile_auth_state_hook
    old, new = {"access_token": "old"}, {"access_token": "new"}
    model = {"name": "alice", "auth_state": old}
    await c.Authenticator.post_auth_hook(authenticator, None, model)
    assert await hook(authenticator, model, None) == old
    assert await hook(authenticator, {"name": "alice", "auth_state": new}, old) == new
    assert await hook(authenticator, {"name": "alice", "auth_state": new}, new) == new
    assert [token for _, _, token in answers.git_tokens] == ["old", "new"]


@RECONCILES
async def test_what_the_site_reconciles_is_handed_over_and_kept(answers, authenticator):
    c = Config()
    c.Authenticator.reconcile_auth_state_hook = lambda *arguments: {"access_token": "chosen"}
    configured(c, url=answers.url)
    hook = c.Authenticator.reconcile_auth_state_hook
    model = {"name": "alice", "auth_state": {"access_token": "new"}}
    assert await hook(authenticator, model, None) == {"access_token": "chosen"}
    assert answers.git_tokens == [("alice", GITLAB, "chosen")]
