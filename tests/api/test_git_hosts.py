"""The users' access tokens for git hosts over HTTP: who stores, sees and removes which."""

import pytest
from application import problem_of
from environments import HOOK, HOOK_TOKEN
from launching import ADMIN
from openapi_spec import OPERATIONS, resolved

from launcher import keys
from launcher.projects.credentials import Credentials
from launcher.projects.hosts import read_git_hosts
from launcher.store import Store

LAB, GITHUB = "gitlab.example.org:8443", "github.com"
GIT_HOSTS = [
    {
        "url": f"https://{LAB}",
        "provider": "gitlab",
        "display_name": "The lab",
        "min_access": "developer",
    },
    {"url": f"https://{GITHUB}", "provider": "github"},
]
CANARY = "canary-0123456789abcdef"


@pytest.fixture
def site(start_app):
    return start_app(git_hosts=GIT_HOSTS, hook_token=HOOK_TOKEN)


@pytest.fixture
def kept(tmp_path):
    """The token that is sent to a host for a user, or None, and the user name beside it."""
    hosts = {host.url: host for host in read_git_hosts(GIT_HOSTS)}

    async def find(user, host=LAB):
        database = Store(f"sqlite:///{tmp_path}/launcher.sqlite")
        try:
            secret = keys.secret(tmp_path / "launcher_secret")
            credentials = Credentials(database, secret, hosts.values())
            found = await credentials.for_host(user.name, hosts[f"https://{host}"])
            return found and (found.token, found.username)
        finally:
            database.close()

    return find


def store(site, user, host=LAB, headers=None, **body):
    body = body or {"token": CANARY}
    return site.put(f"/git-hosts/{host}/token", json=body, headers=headers or user.auth)


def remove(site, user, host=LAB):
    return site.delete(f"/git-hosts/{host}/token", headers=user.auth)


def hand_over(site, user, url=f"https://{LAB}", token=CANARY, headers=HOOK):
    path = f"/hub/users/{user.name}/git-token"
    return site.put(path, json={"url": url, "token": token}, headers=headers)


def shown(site, user):
    """Where the user's tokens come from, by host."""
    answer = site.get("/git-hosts", headers=user.auth)
    assert answer.status_code == 200, answer.text
    assert CANARY not in answer.text
    return {each["host"]: each["token"] for each in answer.json()["git_hosts"]}


def test_everybody_sees_the_hosts_in_the_administrators_order(site, alice):
    first, second = site.get("/git-hosts", headers=alice.auth).json()["git_hosts"]
    assert first == {
        "host": LAB,
        "url": f"https://{LAB}",
        "display_name": "The lab",
        "provider": "gitlab",
        "min_access": "developer",
        "token": None,
    }
    assert (second["display_name"], second["min_access"]) == (GITHUB, "reader")


def test_a_site_without_git_hosts_says_so(client, alice):
    assert client.get("/git-hosts", headers=alice.auth).json() == {"git_hosts": []}


async def test_a_stored_token_is_used_until_it_is_removed(site, alice, kept):
    assert store(site, alice, token=CANARY, username="alice.a").status_code == 204
    assert shown(site, alice) == {LAB: "stored", GITHUB: None}
    assert await kept(alice) == (CANARY, "alice.a")
    assert store(site, alice, token="other").status_code == 204
    assert await kept(alice) == ("other", "")
    assert remove(site, alice).status_code == 204
    assert shown(site, alice) == {LAB: None, GITHUB: None}
    assert await kept(alice) is None


async def test_the_token_of_the_sign_in_is_used_where_none_is_stored(site, alice, kept):
    assert hand_over(site, alice, token="signed-in").status_code == 204
    assert shown(site, alice)[LAB] == "sign-in"
    assert await kept(alice) == ("signed-in", "")
    store(site, alice)
    hand_over(site, alice, token="signed-in-again")
    assert shown(site, alice)[LAB] == "stored"
    assert await kept(alice) == (CANARY, "")
    assert remove(site, alice).status_code == 204
    assert shown(site, alice)[LAB] is None


def test_a_sign_in_without_a_token_deletes_that_of_the_earlier_one_alone(site, alice):
    hand_over(site, alice)
    store(site, alice, GITHUB)
    for _ in range(2):
        assert hand_over(site, alice, token=None).status_code == 204
    assert shown(site, alice) == {LAB: None, GITHUB: "stored"}


def test_a_token_is_of_its_user_alone(site, fakehub, alice):
    root = fakehub.add_user(scopes=ADMIN)
    store(site, alice)
    assert shown(site, root)[LAB] is None
    assert "no token of yours" in problem_of(remove(site, root), 404)["detail"]
    assert shown(site, alice)[LAB] == "stored"


def test_a_service_has_no_tokens(site, portal):
    for answer in (
        site.get("/git-hosts", headers=portal),
        site.put(f"/git-hosts/{LAB}/token", json={"token": CANARY}, headers=portal),
        site.delete(f"/git-hosts/{LAB}/token", headers=portal),
    ):
        assert "A service has no tokens" in problem_of(answer, 403)["detail"]


def test_what_was_not_stored_cannot_be_removed(site, alice):
    detail = problem_of(remove(site, alice), 404)["detail"]
    assert detail == "There is no token of yours for The lab."


@pytest.mark.parametrize(
    "host", ["gitlab.example.org", "gitlab.example.org:443", "evil.org", "github.com.evil.org"]
)
def test_another_host_gets_no_token(site, alice, host):
    assert "not one of the git hosts" in problem_of(store(site, alice, host), 404)["detail"]
    assert "not one of the git hosts" in problem_of(remove(site, alice, host), 404)["detail"]


@pytest.mark.parametrize("host", ["alice@github.com", "github.com%20", "a%5Cb", "github.com%0A"])
def test_what_is_no_host_is_refused(site, alice, host):
    assert store(site, alice, host).status_code in (400, 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"token": f"{CANARY} {CANARY}"}, "token"),
        ({"token": f"{CANARY}\n"}, "token"),
        ({"token": f"{CANARY}\u00e9"}, "token"),
        ({"token": CANARY * 200}, "token"),
        ({"token": ""}, "token"),
        ({"token": [CANARY]}, "token"),
        ({"username": "alice"}, "token"),
        ({"token": CANARY, "username": "a:b"}, "username"),
        ({"token": CANARY, "username": "a\r\nb"}, "username"),
        ({"token": CANARY, "source": "sign-in"}, "source"),
    ],
)
def test_what_is_no_token_is_refused_in_a_sentence_that_does_not_repeat_it(
    site, alice, written, body, field
):
    problem = problem_of(store(site, alice, **body), 400)
    assert field in problem["detail"] + str(problem["errors"])
    assert CANARY not in str(problem)
    assert CANARY not in written.getvalue()


def test_who_stored_and_removed_a_token_is_logged_without_it(site, alice, written):
    store(site, alice, token=CANARY, username="user-name")
    hand_over(site, alice)
    shown(site, alice)
    remove(site, alice)
    log = written.getvalue()
    for event in ("git_token_stored", "git_token_removed"):
        (line,) = [line for line in log.splitlines() if f'"event": "{event}"' in line]
        assert f'"user": "{alice.name}"' in line
        assert f'"host": "https://{LAB}"' in line
    assert CANARY not in log
    assert "user-name" not in log


# what the hub hands over


@pytest.mark.parametrize("url", ["https://evil.org", f"http://{LAB}", "https://gitlab.example.org"])
def test_the_hub_is_told_that_a_host_is_not_one_of_the_sites(site, alice, url):
    assert "git hosts of this site" in problem_of(hand_over(site, alice, url), 404)["detail"]
    assert shown(site, alice) == {LAB: None, GITHUB: None}


def test_the_hub_may_write_the_url_in_another_way(site, alice):
    assert hand_over(site, alice, "https://GitLab.Example.org:8443/").status_code == 204
    assert hand_over(site, alice, "https://github.com:443").status_code == 204
    assert shown(site, alice) == {LAB: "sign-in", GITHUB: "sign-in"}


def test_only_the_hubs_own_secret_hands_tokens_over(site, fakehub, alice):
    for headers in (alice.auth, fakehub.add_user(scopes=ADMIN).auth, {}):
        assert hand_over(site, alice, headers=headers).status_code == 401
    service = {"Authorization": f"token {fakehub.token}"}
    assert (
        "with its own secret" in problem_of(hand_over(site, alice, headers=service), 403)["detail"]
    )
    assert shown(site, alice)[LAB] is None


@pytest.mark.parametrize("body", [{}, {"url": "https://github.com"}, {"token": CANARY}, {"url": 1}])
def test_a_message_that_is_not_whole_is_refused(site, alice, body):
    answer = site.put(f"/hub/users/{alice.name}/git-token", json=body, headers=HOOK)
    assert CANARY not in str(problem_of(answer, 400))


def test_a_token_that_no_header_could_carry_is_not_kept(site, alice):
    problem = problem_of(hand_over(site, alice, token=f"{CANARY}\r\nX: y"), 400)
    assert CANARY not in str(problem)
    assert shown(site, alice)[LAB] is None


@pytest.mark.parametrize(
    "name", ["launcher.api.git_hosts.store_token", "launcher.api.hub.hand_over_git_token"]
)
def test_the_examples_of_openapi_work(start_app, alice, name):
    site = start_app(
        git_hosts=[{"url": "https://gitlab.example.org", "provider": "gitlab"}],
        hook_token=HOOK_TOKEN,
    )
    path, method, operation = OPERATIONS[name]
    place = path.format(host="gitlab.example.org", user_name=alice.name)
    body = resolved(operation["requestBody"])["content"]["application/json"]["example"]
    headers = HOOK if ".hub." in name else alice.auth
    answer = site.request(method.upper(), place, json=body, headers=headers)
    assert answer.status_code == 204, answer.text
