"""The logs of the caller's servers, as the hub's side gives them."""

import pytest
from application import problem_of
from environments import SITE, ask
from fakehub import json_answer, page_answer

SECRET = SITE["hook_token"]


@pytest.fixture
def site(start_app):
    return start_app(**SITE)


def keep(fakehub, user, lines, name="", position="0123456789ab-17"):
    """Let the hub answer once for a log."""
    place = f"servers/{name}" if name else "server"
    body = {"lines": lines, "next": position}
    answer = ("GET", f"/hub/api/launcher/logs/{user.name}/{place}", json_answer(body))
    fakehub.hub_answers.append(answer)


def read(client, user, path="/log", **query):
    return client.get(path, headers=user.auth, params=query)


@pytest.mark.parametrize(("name", "path"), [("", "/log"), ("gpu", "/logs/gpu")])
def test_a_user_reads_the_log_and_where_it_goes_on(site, fakehub, both, name, path):
    keep(fakehub, both, ["one", "two"], name)
    answer = read(site, both, path, max_lines=2)
    assert answer.json() == ["one", "two"]
    assert answer.headers["Link"] == f'<{path}?max_lines=2&after=0123456789ab-17>; rel="next"'
    keep(fakehub, both, [], name)
    following = site.get(answer.headers["Link"][1:].partition(">")[0], headers=both.auth)
    assert following.json() == []
    asked = [call for call in fakehub.calls if "/launcher/logs/" in call.path]
    assert [call.path.partition("?")[2] for call in asked] == [
        "max_lines=2",
        "max_lines=2&after=0123456789ab-17",
    ]
    # the secret of the hook, not the token that starts servers
    assert {call.token for call in asked} == {SECRET}


def test_the_last_250_lines_are_asked_for(site, fakehub, alice):
    keep(fakehub, alice, [], position="")
    answer = read(site, alice)
    assert "Link" not in answer.headers
    assert fakehub.calls[-1].path.endswith("?max_lines=250")


@pytest.mark.parametrize(
    "query",
    [{"max_lines": 0}, {"max_lines": 10_001}, {"max_lines": "x"}, {"after": "../x"}, {"after": ""}],
)
def test_what_is_no_number_of_lines_and_no_position_is_refused(site, alice, query):
    problem_of(read(site, alice, **query), 400)


def test_nothing_in_a_log_controls_the_terminal_or_gives_a_secret_away(site, fakehub, alice):
    hostile = ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07text", "token=abcdef0123", "10 %\r20 %\r"]
    keep(fakehub, alice, hostile)
    assert read(site, alice).json() == ["red", "text", "token=[secret]", "20 %"]


def test_the_servers_own_token_is_not_shown(site, fakehub, alice):
    token = "5" * 32
    assert ask(site, alice, token=token).status_code == 200
    keep(fakehub, alice, [f"I am {token}"])
    assert read(site, alice).json() == ["I am [secret]"]


def test_the_log_of_a_server_that_is_not_the_callers_is_not_found(site, fakehub, alice):
    fakehub.add_user(server="ready").add_server("theirs", "ready")
    problem_of(read(site, alice, "/logs/theirs"), 404)
    assert not [call for call in fakehub.calls if "/launcher/logs/" in call.path]


def test_a_service_has_no_log(site, portal):
    problem_of(site.get("/log", headers=portal), 403)


def test_without_the_hook_there_is_no_log(client, fakehub, alice):
    problem = problem_of(read(client, alice), 501)
    assert problem["type"].endswith(":logs-missing")
    assert "jupyterhub_config.py" in problem["detail"]
    assert not [call for call in fakehub.calls if "/launcher/logs/" in call.path]


KEEPS_NONE = "The output of servers is not kept for DockerSpawner."
ANSWERS = {
    "an older hub": (json_answer({"status": 404}, 404), 501, "is too old"),
    "another spawner": (json_answer({"message": KEEPS_NONE}, 501), 501, KEEPS_NONE),
    "another secret": (json_answer({"message": "no"}, 403), 503, "LAUNCHER_HOOK_TOKEN"),
    "a fault": (json_answer({"message": "no"}, 500), 503, "Try again"),
    "a page": (page_answer(200), 503, "Try again"),
    "no lines": (json_answer({"next": ""}), 503, "Try again"),
    "no text": (json_answer({"lines": [1], "next": ""}), 503, "Try again"),
    "a list": (json_answer([]), 503, "Try again"),
}


@pytest.mark.parametrize(("answer", "status", "sentence"), ANSWERS.values(), ids=ANSWERS)
def test_a_hub_that_gives_no_log_is_a_sentence(site, fakehub, alice, answer, status, sentence):
    fakehub.hub_answers.append(("GET", f"/logs/{alice.name}/server", answer))
    assert sentence in problem_of(read(site, alice), status)["detail"]
