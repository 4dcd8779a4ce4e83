"""Who may come in: names and passwords, tokens, and what an attacker tries with them."""

import base64
import threading

import pytest
from fakehub import LOST, at_once, basic, page_answer, problem_of, wait_until

from launcher.auth import client_address

CHALLENGE = 'Basic realm="JupyterHub", charset="UTF-8"'


def whoami(client, headers):
    return client.get("/user", headers=headers)


def signs_in(fakehub):
    return len(fakehub.lines("POST /hub/login"))


# passwords


@pytest.mark.parametrize(
    "password", ["secret", "pässwörd", "a:b:c", " ", "日本", "'\"<&>%", "x" * 900]
)
def test_the_right_password_lets_its_user_in(client, fakehub, password):
    user = fakehub.add_user(password=password)
    assert whoami(client, user.basic).json() == {"name": user.name, "admin": False}


@pytest.mark.parametrize("name", ["jöe <'&\">", "a@b.c", "x y"])
def test_a_name_of_any_letters_lets_its_user_in(client, fakehub, name):
    user = fakehub.add_user(name)
    assert whoami(client, user.basic).json()["name"] == name


def test_another_spelling_of_a_name_is_the_hubs_user(client, fakehub):
    user = fakehub.add_user("carol", server="ready")
    answer = whoami(client, basic("CaRol", user.password))
    assert answer.json()["name"] == "carol"
    assert client.launch(user, basic("CAROL", user.password)).status_code == 200
    assert user.notebooks == ["lab/hello.ipynb"]


def test_somebody_who_signs_in_for_the_first_time_comes_to_exist_on_the_hub(client, fakehub):
    user = fakehub.add_user(known=False)
    assert client.launch(user, user.basic).status_code == 200
    assert user.notebooks == ["lab/hello.ipynb"]


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Basic", "Basic !!!", "Basic YWxpY2U=", "Negotiate x", "token", "Bearer",
        "Bearer ", "Digest a=b", "token wrong", "Bearer wrong", "Basic " + "A" * 4000,
        "token " + "x" * 2000, "token a b", "token \tx", "Bearer \u00fc", "tokenx",
        "Basic " + base64.b64encode(b":x").decode(),
        "Basic " + base64.b64encode(b"\xff:\xfe").decode(),
    ],
    ids=ascii,
)  # fmt: skip
def test_no_good_credential_is_a_401_with_a_challenge(client, fakehub, header):
    headers = {} if header is None else {"Authorization": header.encode("utf-8")}
    answer = whoami(client, headers)
    problem_of(answer, 401)
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert fakehub.beyond_identification == []


@pytest.mark.parametrize("status", [403, 200])
def test_a_wrong_password_is_a_401_with_a_challenge(client, fakehub, status):
    fakehub.wrong_password_status = status
    answer = whoami(client, basic(fakehub.add_user().name, "wrong"))
    assert problem_of(answer, 401)["type"].endswith(":unauthorized")
    assert answer.headers["www-authenticate"] == CHALLENGE


def test_a_stranger_and_a_wrong_password_are_told_the_same(client, fakehub):
    same_id = {"X-Request-ID": "the-same-id"}
    wrong = whoami(client, {**basic(fakehub.add_user().name, "wrong"), **same_id})
    stranger = whoami(client, {**basic("mallory", "wrong"), **same_id})
    assert wrong.json() == stranger.json()


@pytest.mark.parametrize("mode", ["cors", "navigate", "no-cors", "same-origin"])
@pytest.mark.parametrize("credential", ["wrong", "none"])
def test_a_browser_is_not_challenged(client, fakehub, mode, credential):
    headers = {"Sec-Fetch-Mode": mode}
    if credential == "wrong":
        headers |= basic(fakehub.add_user().name, "wrong")
    answer = whoami(client, headers)
    problem_of(answer, 401)
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    "name",
    ["", "alice\x00", "a" * 65_000, "alice/", "../users/bob", "..", "%2e%2e", "alice%2fbob"],
    ids=lambda name: ascii(name)[:20],
)  # fmt: skip
def test_a_name_that_nobody_has_reaches_no_other_path_of_the_hub(client, fakehub, name):
    fakehub.add_user("alice")
    problem_of(whoami(client, basic(name, "x")), 401)
    assert fakehub.beyond_identification == []


def test_a_password_longer_than_any_is_refused_without_asking(client, fakehub):
    problem_of(whoami(client, basic("alice", "x" * 1025)), 401)
    assert fakehub.lines() == []


def test_a_right_password_is_remembered_for_a_while(client, fakehub):
    user = fakehub.add_user()
    at_once(10, lambda _: whoami(client, user.basic))
    assert signs_in(fakehub) == 1
    problem_of(whoami(client, basic(user.name, user.password + "x")), 401)
    problem_of(whoami(client, basic(user.name + "x", user.password)), 401)
    assert signs_in(fakehub) == 3


def test_nothing_is_remembered_when_the_site_says_so(start_app, fakehub):
    client, user = start_app(identity_seconds=0), fakehub.add_user()
    for _ in range(3):
        assert whoami(client, user.basic).status_code == 200
    assert signs_in(fakehub) == 3


def test_with_strict_scopes_a_password_needs_the_scope_too(start_app, fakehub):
    client, user = start_app(strict_scopes=True), fakehub.add_user(scopes=("self",))
    problem_of(whoami(client, user.basic), 403)


@pytest.mark.parametrize("login", ["oauth", "redirect"])
def test_a_hub_without_passwords_says_to_use_a_token(client, fakehub, login):
    fakehub.login = login
    user = fakehub.add_user()
    for _ in range(12):
        problem = problem_of(whoami(client, user.basic), 401)
    assert "token" in problem["detail"]
    assert signs_in(fakehub) == 0


# limits


def test_wrong_passwords_are_limited_over_processes_and_others_are_not_slowed(start_app, fakehub):
    apps = [start_app(max_failed_logins=4), start_app(max_failed_logins=4)]
    user, other = fakehub.add_user(), fakehub.add_user()
    answers = [whoami(apps[n % 2], basic(user.name, f"guess {n}")) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert problem_of(answers[-1], 429)["type"].endswith(":too-many-requests")
    assert signs_in(fakehub) == 4
    problem_of(whoami(apps[0], user.basic), 429)  # nor does the right one get through
    assert whoami(apps[1], other.basic).status_code == 200
    assert whoami(apps[1], user.auth).status_code == 200


def test_guesses_at_the_same_moment_do_not_slip_through_together(start_app, fakehub):
    apps = [start_app(max_failed_logins=5), start_app(max_failed_logins=5)]
    user = fakehub.add_user()
    fakehub.password_gate.clear()
    timer = threading.Timer(0.5, fakehub.password_gate.set)
    timer.start()
    answers = at_once(20, lambda n: whoami(apps[n % 2], basic(user.name, f"guess {n}")))
    timer.join()
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


@pytest.mark.parametrize("spelling", [str.upper, str.title, lambda name: f" {name} "])
def test_another_spelling_does_not_get_tries_of_its_own(start_app, fakehub, spelling):
    client, user = start_app(max_failed_logins=1), fakehub.add_user()
    problem_of(whoami(client, basic(user.name, "wrong")), 401)
    problem_of(whoami(client, basic(spelling(user.name), "wrong")), 429)


def test_success_resets_the_count(start_app, fakehub):
    client, user = start_app(max_failed_logins=3, identity_seconds=0), fakehub.add_user()
    for _ in range(3):
        for _ in range(2):
            problem_of(whoami(client, basic(user.name, "wrong")), 401)
        assert whoami(client, user.basic).status_code == 200


def test_a_hub_that_is_away_uses_up_nobodys_tries(start_app, fakehub):
    client, user = start_app(max_failed_logins=2), fakehub.add_user()
    fakehub.away = "proxy"
    for _ in range(4):
        problem_of(whoami(client, user.basic), 503)
    fakehub.away = ""
    assert whoami(client, user.basic).status_code == 200


def test_somebody_whose_password_takes_long_keeps_nobody_waiting(client, fakehub):
    slow, other = fakehub.add_user(), fakehub.add_user(server="ready")
    fakehub.password_gate.clear()
    waiting = threading.Thread(target=lambda: whoami(client, slow.basic))
    waiting.start()
    wait_until(lambda: signs_in(fakehub), "the sign-in")
    assert client.get("/health").status_code == 200
    assert client.launch(other).status_code == 200
    fakehub.password_gate.set()
    waiting.join(10)


# addresses


@pytest.mark.parametrize(
    ("peer", "forwarded", "hops", "address"),
    [
        ("10.0.0.1", "", 0, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", 0, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6,1.2.3.4, 5.6.7.8", 2, "1.2.3.4"),
        ("10.0.0.1", "1.2.3.4", 2, "10.0.0.1"),
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", "nonsense", 1, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, ", 1, "1.2.3.4"),
        ("::1", "2001:db8:1:2:3::4", 1, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::4", "", 0, "2001:db8:1:2::/64"),
        ("", "", 0, ""),
    ],
)
def test_the_address_is_what_the_trusted_proxies_vouch_for(peer, forwarded, hops, address):
    assert client_address(peer, forwarded, hops) == address


@pytest.mark.parametrize(
    ("hops", "addresses", "last"),
    [
        (0, ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 429),
        (1, ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 401),
        (1, ["1.1.1.1, 9.9.9.9", "2.2.2.2, 9.9.9.9", "3.3.3.3, 9.9.9.9"], 429),
    ],
)
def test_a_header_gives_new_tries_only_from_the_right_hop(
    start_app, fakehub, hops, addresses, last
):
    client, user = start_app(max_failed_logins=2, trusted_hops=hops), fakehub.add_user()
    for address in addresses:
        headers = {**basic(user.name, "wrong"), "X-Forwarded-For": address}
        status = whoami(client, headers).status_code
    assert status == last


@pytest.mark.parametrize("name", ["X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"])
def test_no_other_header_gives_new_tries(start_app, fakehub, name):
    client, user = start_app(max_failed_logins=1, trusted_hops=1), fakehub.add_user()
    whoami(client, basic(user.name, "wrong"))
    problem_of(whoami(client, {**basic(user.name, "wrong"), name: "for=1.2.3.4"}), 429)


# tokens


@pytest.mark.parametrize("kind", ["token", "Bearer", "bearer", "TOKEN", "Token", "tOkEn", "BEARER"])
def test_a_users_token_lets_them_in(client, fakehub, kind):
    user = fakehub.add_user()
    answer = whoami(client, {"Authorization": f"{kind} {user.token}"})
    assert answer.json() == {"name": user.name, "admin": False}


def test_the_token_of_a_service_is_403(client, fakehub):
    token = fakehub.add_service("admin:servers", "access:services")
    problem_of(whoami(client, {"Authorization": f"token {token}"}), 403)


def test_the_launchers_own_token_is_403(client, fakehub):
    problem_of(whoami(client, {"Authorization": f"token {fakehub.token}"}), 403)


@pytest.mark.parametrize(
    "scopes",
    [(), ("self",), ("servers",), ("access:services!service=other",), ("access:servers",),
     ("access:services!service=launcher2",), ("read:services!service=launcher",)],
)  # fmt: skip
def test_a_token_that_may_not_use_this_service_is_403(client, fakehub, scopes):
    user = fakehub.add_user(scopes=scopes, server="ready")
    assert "access:services!service=launcher" in problem_of(client.launch(user), 403)["detail"]
    assert user.files == {}


@pytest.mark.parametrize("scopes", [("access:services",), ("access:services!service=launcher",)])
def test_a_token_that_may_use_this_service_is_let_in(client, fakehub, scopes):
    assert whoami(client, fakehub.add_user(scopes=scopes).auth).status_code == 200


def test_the_service_goes_by_the_name_that_the_site_gave_it(start_app, fakehub):
    user = fakehub.add_user(scopes=("access:services!service=portal",))
    assert whoami(start_app(service_name="portal"), user.auth).status_code == 200


def test_an_administrator_is_who_may_administer_servers(client, fakehub):
    user = fakehub.add_user(scopes=("admin:servers", "access:services"))
    assert whoami(client, user.auth).json() == {"name": user.name, "admin": True}


def test_a_token_in_the_address_or_a_cookie_is_no_credential(client, fakehub):
    user = fakehub.add_user()
    assert client.get(f"/user?token={user.token}").status_code in (400, 401)
    cookies = f"token={user.token}; jupyterhub-hub-login={user.token}"
    problem_of(whoami(client, {"Cookie": cookies}), 401)


def test_a_token_is_asked_about_once_for_all_who_come_at_once(client, fakehub):
    user = fakehub.add_user()
    assert {a.status_code for a in at_once(20, lambda _: whoami(client, user.auth))} == {200}
    assert len(fakehub.lines("GET /hub/api/user")) == 1


def test_a_wrong_token_is_asked_about_once(client, fakehub):
    for _ in range(5):
        problem_of(whoami(client, {"Authorization": "token nobodys"}), 401)
    assert len(fakehub.lines("GET /hub/api/user")) <= 1


def test_a_body_cannot_say_who_one_is(client, fakehub, alice):
    body = {"notebook": {"directory": "a"}, "user": "bob"}
    problem_of(client.post("/hello", json=body, headers=alice.auth), 400)


def test_what_is_remembered_are_bounded_keyed_hashes(start_app, fakehub):
    client, user = start_app(), fakehub.add_user()
    whoami(client, user.auth)
    whoami(client, user.basic)
    whoami(client, {"Authorization": "token wrong-token"})
    gate = client.portal.call(gate_of, client)
    remembered = [*gate._known, *gate._wrong]
    assert len(remembered) == 3
    assert all(isinstance(key, bytes) and len(key) == 32 for key in remembered)
    assert gate._known.maxsize <= 100_000
    assert gate._wrong.maxsize <= 100_000
    for secret in (user.token, user.password, "wrong-token"):
        assert secret not in repr((gate._known, gate._wrong))


async def gate_of(client):
    return client.app_state["parts"].gate


def test_no_password_is_in_the_database(start_app, fakehub, tmp_path):
    client, user = start_app(), fakehub.add_user()
    whoami(client, basic(user.name, "canary-password"))
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"canary-password" not in kept
    assert user.name.encode() not in kept


# a hub that is away


@pytest.mark.parametrize("how", ["proxy", "refused", "starting"])
@pytest.mark.parametrize("kind", ["token", "password"])
def test_a_hub_that_is_away_is_503_and_never_401(client, fakehub, how, kind):
    fakehub.away = how
    user = fakehub.add_user()
    answer = whoami(client, user.auth if kind == "token" else user.basic)
    assert problem_of(answer, 503)["type"].endswith(":hub-unavailable")
    assert int(answer.headers["retry-after"]) > 0
    fakehub.away = ""
    assert whoami(client, user.auth).status_code == 200


# a login page without a form is a hub without passwords, and tested above
@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        (method, path, instead)
        for method, path in [("GET", "/login"), ("POST", "/login"), ("GET", "/api/user")]
        for instead in [LOST, page_answer(500), page_answer(503), page_answer(200)]
        if (method, path) != ("GET", "/login") or instead is LOST or instead().status != 200
    ],
)
def test_a_hub_that_goes_away_during_a_sign_in_is_503_and_never_401(
    client, fakehub, method, path, instead
):
    user = fakehub.add_user()
    fakehub.hub_answers += [(method, path, instead)] * 2
    problem_of(whoami(client, user.basic), 503)
