"""Signing in to the pages, without a hub that answers: what is refused, and what cookies say."""

import base64
import re
import secrets
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest
from visiting import Visitor, text_of

from launcher.auth.sessions import HUB_SESSION_COOKIE
from launcher.gunicorn import limit_request_line
from launcher.web.sign_in import MAX_ATTEMPTS, safe_next
from launcher.web.visitors import MAX_NEXT


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


def begin(client, next_path="/home/", cookies=None):
    """Begin a sign-in: the query of the hub's page, and the cookie."""
    headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in (cookies or {}).items())}
    answer = client.get("/home/sign-in", params={"next": next_path}, headers=headers)
    assert answer.status_code == 303
    query = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    return query, answer.headers.get_list("set-cookie")


def value_of(set_cookie):
    """Name and value of a Set-Cookie header."""
    ((name, morsel),) = SimpleCookie(set_cookie).items()
    return name, morsel.value


def test_the_hub_is_asked_with_pkce_and_a_state(client, fakehub):
    query, cookies = begin(client)
    assert query["client_id"] == "service-launcher"
    assert query["redirect_uri"] == "/oauth_callback"
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert len(cookies) == 1


def test_cookies_are_bound_to_the_launcher_and_hidden_from_scripts(start_app, fakehub):
    client = start_app({"BASE_PATH": "/services/launcher"})
    answer = client.get("/services/launcher/home/sign-in", headers={"X-Forwarded-Proto": "https"})
    (cookie,) = answer.headers.get_list("set-cookie")
    name, _ = value_of(cookie)
    assert name.startswith("service-launcher-state-")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "path=/services/launcher/", "samesite=lax", "secure"} <= parts
    assert "max-age=600" in parts
    assert not any(part.startswith("domain") for part in parts)
    plain = client.get("/services/launcher/home/sign-in").headers["set-cookie"]
    assert "secure" not in plain.lower()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": "forged", "code": "x"},
        {"state": "", "code": "x"},
        {"state": "A" * 20_000, "code": "x"},
        {"state": "ä\u0000", "code": "x"},
    ],
)
def test_a_state_that_the_launcher_did_not_make_is_refused(client, fakehub, query):
    page = client.get("/oauth_callback", params=query)
    assert page.status_code == 403
    assert "was not begun in this browser" in text_of(page)
    assert "set-cookie" not in page.headers
    assert fakehub.lines() == []


def test_the_state_of_another_browser_is_refused(client, fakehub):
    mine, _ = begin(client)
    theirs, cookies = begin(client)
    name, value = value_of(cookies[0])
    for state, cookie in ((mine["state"], f"{name}={value}"), (theirs["state"], "")):
        page = client.get(
            "/oauth_callback", params={"state": state, "code": "x"}, headers={"Cookie": cookie}
        )
        assert page.status_code == 403
        assert "set-cookie" not in page.headers
    assert fakehub.lines() == []


@pytest.mark.parametrize("change", ["cookie", "state"])
def test_a_changed_state_or_cookie_is_refused(client, change):
    query, cookies = begin(client)
    name, value = value_of(cookies[0])
    flipped = {"A": "B"}.get(value[20], "A")
    if change == "cookie":
        value = value[:20] + flipped + value[21:]
    else:
        query["state"] = query["state"][:20] + flipped + query["state"][21:]
    page = client.get(
        "/oauth_callback",
        params={"state": query["state"], "code": "x"},
        headers={"Cookie": f"{name}={value}"},
    )
    assert page.status_code == 403


def test_what_the_hub_says_is_a_text(client):
    query, cookies = begin(client)
    name, value = value_of(cookies[0])
    said = {"error": "access_denied", "error_description": "<script>alert(1)</script> denied"}
    page = client.get(
        "/oauth_callback",
        params={"state": query["state"], **said},
        headers={"Cookie": f"{name}={value}"},
    )
    assert page.status_code == 403
    assert "denied" in text_of(page)
    assert "<script>alert" not in page.text


def test_a_state_is_used_up_when_the_hub_refuses(client):
    query, cookies = begin(client)
    name, value = value_of(cookies[0])
    page = client.get(
        "/oauth_callback",
        params={"state": query["state"], "error": "access_denied"},
        headers={"Cookie": f"{name}={value}"},
    )
    assert page.status_code == 403
    (cookie,) = page.headers.get_list("set-cookie")
    assert value_of(cookie) == (name, "")
    assert "max-age=0" in cookie.lower()


def test_a_hub_that_is_away_is_a_page(client, fakehub):
    query, cookies = begin(client)
    name, value = value_of(cookies[0])
    fakehub.away = "refused"
    page = client.get(
        "/oauth_callback",
        params={"state": query["state"], "code": "x"},
        headers={"Cookie": f"{name}={value}"},
    )
    assert page.status_code == 503
    assert "The hub cannot be reached" in text_of(page)
    assert "set-cookie" not in page.headers, "the same sign-in can be tried again"


def test_many_tabs_do_not_fill_the_browser_with_cookies(client):
    kept = {}
    for _ in range(3 * MAX_ATTEMPTS):
        _, cookies = begin(client, cookies=kept)
        for each in cookies:
            name, value = value_of(each)
            kept.pop(name, None)
            if value:
                kept[name] = value
    assert len(kept) <= MAX_ATTEMPTS
    assert sum(len(name) + len(value) for name, value in kept.items()) < 4_000


def test_a_long_link_is_kept_over_the_sign_in_in_no_cookie(client):
    link = "/launch/hello?p.x=" + secrets.token_hex(MAX_NEXT)
    query, cookies = begin(client, link[:MAX_NEXT])
    assert len(cookies[0]) < 600
    assert MAX_NEXT / 2 < len(query["state"]) < limit_request_line - 500


HOME = "/services/launcher/home/"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example/services/launcher/home/",
        "/\\evil.example",
        "\\\\evil.example",
        "/services/launcher/home/../../../user/bob/",
        "/services/launcher/home/%2e%2e/%2e%2e/user/bob",
        "/services/launcher/home/%252e%252e/x",
        "/services/launcher/home//evil.example",
        "/services/launcher/home/%5cevil",
        "/services/launcher/home/\r\nSet-Cookie: x=y",
        "/services/launcher/home/ x",
        "javascript:alert(1)",
        "/user/bob/",
        "/services/launcher-evil/home/",
        "/services/launcher/home/?" + "x" * 10_000,
        "",
        "home/",
        "http:/services/launcher/home/",
    ],
)
def test_the_sign_in_leads_nowhere_else(path):
    assert safe_next(path, "/services/launcher") == HOME


@pytest.mark.parametrize("path", ["launch/hello?p.x=https://a//b&c=..", "home/token", "ui/"])
def test_the_sign_in_leads_back_to_a_page(path):
    assert safe_next(f"/services/launcher/{path}", "/services/launcher") == (
        f"/services/launcher/{path}"
    )


def test_a_session_opens_the_pages_and_the_api(visitor, client):
    assert visitor.user.name in text_of(visitor.get("/home/"))
    answer = visitor.get("/user", **{"X-XSRFToken": visitor.xsrf})
    assert answer.json()["name"] == visitor.user.name


def test_a_change_through_the_api_needs_the_xsrf_token(visitor, client):
    body = {"notebook": {"directory": "lab"}}
    url = "/experiments/hello"
    assert client.post(url, json=body, headers=visitor.headers).status_code == 403
    wrong = {**visitor.headers, "X-XSRFToken": "0" * 64}
    assert client.post(url, json=body, headers=wrong).status_code == 403
    right = {**visitor.headers, "X-XSRFToken": visitor.xsrf}
    assert client.post(url, json=body, headers=right).status_code == 200


@pytest.mark.parametrize("credential", ["token wrong", "Bearer wrong", "Basic eDp5", "Nothing x"])
def test_a_wrong_credential_is_not_replaced_by_the_session(visitor, client, credential):
    headers = {**visitor.headers, "Authorization": credential, "X-XSRFToken": visitor.xsrf}
    assert client.get("/user", headers=headers).status_code == 401


@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin"])
def test_a_script_without_the_token_reads_nothing_of_the_api(visitor, mode):
    for path in ("/user", "/launches", "/servers", "/experiments"):
        assert visitor.get(path, **{"Sec-Fetch-Mode": mode}).status_code == 401


def test_the_session_of_a_revoked_token_has_ended(start_app, fakehub):
    client = start_app(identity_seconds=0)
    visitor = Visitor(client, fakehub.add_user(server="ready"))
    assert visitor.get("/home/").status_code == 200
    visitor.user.token = "another"
    assert visitor.get("/home/").status_code == 303
    page = visitor.post("/home/servers/stop", {"server": ""})
    assert page.status_code == 401
    assert "Your session has ended" in text_of(page)
    form = visitor.post("/launch/hello", {"action": "launch"})
    assert form.headers["location"] == "/home/sign-in?next=%2Flaunch%2Fhello"


def test_a_user_without_the_scope_reads_why(client, fakehub):
    user = fakehub.add_user(scopes=["read:users:name!user=x"])
    page = Visitor(client, user).get("/home/")
    assert page.status_code == 403
    assert "access:services!service=launcher" in text_of(page)


def test_two_sessions_in_one_request_are_none(visitor, client, fakehub):
    cookie, other = visitor.headers["Cookie"], Visitor(client, fakehub.add_user())
    both = f"{cookie}; {other.headers['Cookie']}"
    assert client.get("/home/", headers={"Cookie": both}).status_code == 303


def test_a_planted_cookie_that_is_no_session_is_ignored(visitor, client):
    cookie = visitor.headers["Cookie"]
    both = f"{cookie.partition('=')[0]}=x; {cookie}"
    assert client.get("/home/", headers={"Cookie": both}).status_code == 200


def test_a_session_made_without_the_hubs_cookie_is_none_beside_one(visitor, client):
    """Somebody else's session, planted by a page of their server."""
    planted = f"{visitor.headers['Cookie']}; {HUB_SESSION_COOKIE}=of-the-victim"
    assert client.get("/home/", headers={"Cookie": planted}).status_code == 303


def test_a_token_of_another_session_at_the_hub_is_none(client, fakehub):
    """A sign-in that somebody else began, planted by a page of their server."""
    user = fakehub.add_user(hub_session="of-the-attacker")
    visitor = Visitor(client, user, hub_session="of-the-victim")
    here = f"{visitor.headers['Cookie']}; {HUB_SESSION_COOKIE}="
    page = client.get("/home/", headers={"Cookie": f"{here}of-the-victim"})
    assert page.status_code == 303
    assert "/home/sign-in" in page.headers["location"]
    scripts = {"Cookie": f"{here}of-the-victim", "X-XSRFToken": visitor.xsrf}
    assert client.get("/user", headers=scripts).status_code == 401


@pytest.mark.parametrize(
    ("redirect_uri", "status"),
    [
        ("/oauth_callback", 303),
        ("http://127.0.0.1:1/oauth_callback", 303),  # cookies do not know ports
        ("https://launcher.example.org/oauth_callback", 200),
    ],
)
def test_a_hubs_session_counts_on_the_hubs_host_alone(start_app, fakehub, redirect_uri, status):
    """Another hub on the launcher's host has a cookie of the same name."""
    client = start_app(oauth_redirect_uri=redirect_uri)
    user = fakehub.add_user(hub_session="of-the-hub")
    visitor = Visitor(client, user, hub_session="of-another-hub")
    cookies = f"{visitor.headers['Cookie']}; {HUB_SESSION_COOKIE}=of-another-hub"
    assert client.get("/home/", headers={"Cookie": cookies}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "empty"},
        {
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Service-Worker-Navigation-Preload": "true",
        },
    ],
)
def test_a_service_worker_reads_no_page(visitor, headers):
    page = visitor.get("/home/", **headers)
    assert page.status_code == 401
    assert visitor.xsrf not in page.text


def test_the_words_of_a_stranger_are_not_shown_at_the_callback(client):
    query, _ = begin(client)
    said = {"state": query["state"], "error_description": "Your account is locked"}
    page = client.get("/oauth_callback", params=said, headers={"Cookie": ""})
    assert page.status_code == 403
    assert "locked" not in page.text


def test_a_session_ends_with_that_of_the_hub(client, alice):
    visitor = Visitor(client, alice, hub_session="of-the-hub")
    cookie = visitor.headers["Cookie"]
    with_hub = {"Cookie": f"{cookie}; {HUB_SESSION_COOKIE}=of-the-hub"}
    assert client.get("/home/", headers=with_hub).status_code == 200
    other = {"Cookie": f"{cookie}; {HUB_SESSION_COOKIE}=another"}
    assert client.get("/home/", headers=other).status_code == 303
    assert client.get("/home/", headers={"Cookie": cookie}).status_code == 303


def test_logging_out_ends_the_session_and_leads_to_the_hubs_logout(visitor):
    assert visitor.post("/home/logout", xsrf="").status_code == 403
    page = visitor.post("/home/logout")
    assert page.status_code == 200
    assert "/hub/logout" in page.text
    (cookie,) = page.headers.get_list("set-cookie")
    assert re.search(r"-session=(\"\")?;", cookie)
    assert "max-age=0" in cookie.lower()


def test_another_secret_opens_no_session(start_app, fakehub, tmp_path_factory):
    user = fakehub.add_user(server="ready")
    visitor = Visitor(start_app(), user)
    other = start_app(secret_file=str(tmp_path_factory.mktemp("other") / "secret"))
    assert other.get("/home/", headers=visitor.headers).status_code == 303


def test_the_token_is_not_readable_in_the_cookie(visitor):
    value = visitor.headers["Cookie"].partition("=")[2]
    decoded = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    assert visitor.user.token not in value
    assert visitor.user.token.encode() not in decoded


def test_swagger_ui_knows_the_session(visitor, client):
    assert f'data-xsrf="{visitor.xsrf}"' in visitor.get("/ui/").text
    assert 'data-xsrf=""' in client.get("/ui/").text
    assert visitor.xsrf not in visitor.get("/ui/", **{"Sec-Fetch-Mode": "cors"}).text
