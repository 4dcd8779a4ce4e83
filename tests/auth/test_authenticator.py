"""Who may come in: names and passwords, tokens, and what an attacker tries with them."""

import base64

import pytest
from aiohttp import web
from application import problem_of
from fakehub import LOST, basic, json_answer, page_answer
from waiting import at_once

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


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
@pytest.mark.parametrize(("name", "password"), [("jöe", "pässwörd"), ("joe", "é"), ("jöe", "x")])
def test_credentials_are_read_as_utf8_or_latin1(client, fakehub, charset, name, password):
    fakehub.add_user(name, password=password)
    pair = base64.b64encode(f"{name}:{password}".encode(charset)).decode()
    assert whoami(client, {"Authorization": f"Basic {pair}"}).json()["name"] == name


def test_a_name_in_latin1_goes_with_a_password_in_utf8(client, fakehub):
    fakehub.add_user("jöe", password="€")  # as requests sends them
    pair = base64.b64encode("jöe:".encode("latin-1") + "€".encode()).decode()
    assert whoami(client, {"Authorization": f"Basic {pair}"}).json()["name"] == "jöe"


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


# the hub's sign-in page


@pytest.mark.parametrize("login", ["oauth", "redirect"])
def test_a_hub_without_passwords_says_to_use_a_token(start_app, fakehub, login):
    fakehub.login = login
    client, user = start_app(), fakehub.add_user()
    for _ in range(12):
        problem = problem_of(whoami(client, user.basic), 401)
    assert "token" in problem["detail"]
    assert signs_in(fakehub) == 0


def test_a_hub_that_asks_for_a_one_time_password_says_to_use_a_token(start_app, fakehub):
    fakehub.login = "otp"
    client, user = start_app(), fakehub.add_user()
    for _ in range(12):
        detail = problem_of(whoami(client, user.basic), 401)["detail"]
    assert "one-time password" in detail
    assert "Authorization: token" in detail
    assert signs_in(fakehub) == 0


NAME, PASSWORD = '<input name="username">', '<input type="password" name="password">'


@pytest.mark.parametrize(
    "page",
    [
        f"<form>{NAME}{PASSWORD}</form>",
        f'<form action="/hub/login?next=%2Fx" method=post>{NAME}{PASSWORD}</form>',
        f'<form action="https://hub.example.org/hub/login">{NAME}{PASSWORD}</form>',
        f"<FORM ACTION=login>{NAME.upper().replace('USERNAME', 'username')}{PASSWORD}</FORM>",
        "<form><input type='text' name='username'/><input name='password' type='password'/></form>",
        "<form>\n<input\n  type=text\n name = username required>"
        "<input required name=password></form>",
        f'<form><input title="a>b" name="username" value="<&quot;>">{PASSWORD}</form>',
        f"<form>{NAME}{PASSWORD}<input type=checkbox name=terms required></form>",
        f"<form>{NAME}{PASSWORD}<input type=hidden name=x required><input name=remark></form>",
        f"<form>{NAME}{PASSWORD}<!-- <input name=otp> --></form>",
        f"<form action=/hub/search><input name=q required></form><form>{NAME}{PASSWORD}</form>",
        f"<script>'<form action=/x>'</script><form-row/><form>{NAME}{PASSWORD}",
        f"<p>{'x' * 200_000}</p><form>{NAME}{PASSWORD}</form>",
        f"<form>{NAME}{PASSWORD}</form><p>{'x' * 2**22}</p>",
        f"<form>{NAME}{PASSWORD}</form>{'<input ' * 2**16}",
    ],
    ids=lambda page: page[:60],
)
def test_a_page_that_asks_for_name_and_password_takes_them(start_app, fakehub, page):
    fakehub.login = page
    client, user = start_app(), fakehub.add_user()
    assert whoami(client, user.basic).json()["name"] == user.name
    problem_of(whoami(client, basic(user.name, "wrong")), 401)


@pytest.mark.parametrize(
    "page",
    [
        f'<form>{NAME}{PASSWORD}<input NAME="otp"></form>',
        f"<form><input class='x' name='otp' id=y />{NAME}{PASSWORD}</form>",
        f"<form>{NAME}{PASSWORD}<input name=realm required></form>",
        f"<form action=/hub/pam/login>{NAME}{PASSWORD}</form>",
        f"<form action=https://sso.example.org/>{NAME}{PASSWORD}</form>",
        f"<form action='http://[/'>{NAME}{PASSWORD}</form>",
        f"<form>{NAME}<input name=passwd type=password></form>",
        f"<!-- <form>{NAME}{PASSWORD}</form>",
        f"<script>document.write('<form>{NAME}{PASSWORD}</form>')</script>",
        f"<p>{'x' * 2**20}</p><form>{NAME}{PASSWORD}</form>",
        '<input name="username" ' * 2**16,
        "<a " * 2**18,
        "\x00\ud7ff",
        "",
    ],
    ids=lambda page: ascii(page[:60]),
)
def test_a_page_of_the_sites_own_says_to_use_a_token(start_app, fakehub, page):
    fakehub.login = page
    client, user = start_app(), fakehub.add_user()
    assert "Use a token" in problem_of(whoami(client, user.basic), 401)["detail"]
    assert signs_in(fakehub) == 0


def answer_with(status, text="", location="", cookies=()):
    """A page of the hub that sets these cookies, to be scripted."""

    def make():
        page = web.Response(status=status, text=text, content_type="text/html")
        if location:
            page.headers["Location"] = location
        for cookie in cookies:
            page.headers.add("Set-Cookie", cookie)
        return page

    return make


@pytest.mark.parametrize(
    "answer",
    [
        answer_with(302, location="/hub/mfa"),
        answer_with(302, location="https://sso.example.org/", cookies=["step=2; Path=/hub/"]),
        answer_with(302, location="http://[", cookies=["jupyterhub-hub-login=; Path=/hub/"]),
        answer_with(200, "<form action=/hub/mfa><input name=code></form>"),
    ],
)
def test_a_hub_that_asks_for_more_after_the_password_says_to_use_a_token(
    start_app, fakehub, answer
):
    client, user = start_app(), fakehub.add_user()
    fakehub.hub_answers.append(("POST", "/login", answer))
    assert "Use a token" in problem_of(whoami(client, user.basic), 401)["detail"]
    assert fakehub.beyond_identification == []


def test_a_hub_that_redirects_back_to_its_page_says_that_the_password_is_wrong(start_app, fakehub):
    client, user = start_app(max_failed_logins=1), fakehub.add_user()
    fakehub.hub_answers.append(("POST", "/login", answer_with(302, location="/hub/login?error=1")))
    assert "name and password" in problem_of(whoami(client, user.basic), 401)["detail"]
    problem_of(whoami(client, user.basic), 429)


@pytest.mark.parametrize(
    "cookies",
    [
        ["_xsrf="], ['_xsrf=""; Path=/hub/'], ["=x"], ["_xsrf"], ["\u20ac=\u20ac"], ["x=\x80"],
        ["a b=c"], ["_xsrf=\u00fc"], [f"c{n}=x" for n in range(100)], ["x=" + "y" * 8000],
    ],
    ids=lambda cookies: ascii(cookies)[:40],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_cookies_that_make_no_sense_are_no_fault_of_ours(start_app, fakehub, method, cookies):
    client, user = start_app(), fakehub.add_user()
    page = f"<form>{NAME}{PASSWORD}</form>"
    answer = answer_with(200 if method == "GET" else 302, page, "/hub/", cookies)
    fakehub.hub_answers.append((method, "/login", answer))
    problem_of(whoami(client, user.basic), 401)


def model_of(**fields):
    """A user model of the hub with other fields than usual."""
    return json_answer({"kind": "user", "name": "alice", "scopes": ["access:services"], **fields})


@pytest.mark.parametrize("kind", ["auth", "basic"])
@pytest.mark.parametrize(
    "answer",
    [
        json_answer([]), json_answer(None), json_answer("x"), json_answer({}),
        model_of(name=None), model_of(name=""), model_of(name=["x"]), model_of(name="\ud800"),
        model_of(name="x" * 256), model_of(name="x\x00"), model_of(kind=7), model_of(scopes=None),
        model_of(scopes="access:services"), model_of(scopes=[1]), model_of(scopes=[["x"]]),
        model_of(scopes={"access:services": 1}),
    ],
)  # fmt: skip
def test_a_user_model_that_makes_no_sense_is_a_503(start_app, fakehub, kind, answer):
    client, user = start_app(), fakehub.add_user()
    fakehub.hub_answers.append(("GET", "/api/user", answer))
    problem_of(whoami(client, getattr(user, kind)), 503)
    assert whoami(client, getattr(user, kind)).status_code == 200


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
    remembered = [*gate._known, *gate._wrong, *gate._proved]
    assert len(remembered) == 5
    assert all(isinstance(key, bytes) and len(key) == 32 for key in remembered)
    for cache in (gate._known, gate._wrong, gate._proved):
        assert cache.maxsize <= 100_000
        for secret in (user.token, user.password, "wrong-token"):
            assert secret not in repr(cache)


async def gate_of(client):
    return client.app_state["parts"].authenticator


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
