"""Why the hub cannot be reached: the same reason in the problem, at /ready and in the log."""

import json
import socket

import pytest
import requests
from application import problem_of
from certificates import Authority
from edge import serving
from fakehub import LOST, FakeHub, json_answer, page_answer, served
from ports import free_port
from waiting import wait_until

from launcher import outbound

SECRET = "s3cretHost"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def lines(text, event):
    """The lines with that event, as the log has them."""
    return [line for line in map(json.loads, text.splitlines()) if line["event"] == event]


def hub_check(client):
    checks = client.get("/ready").json()["checks"]
    return next((check for check in checks if check["name"] == "hub"), None)


def failing(client):
    """The detail of the failed check of the hub, once there is one."""
    found = wait_until(hub_check.__get__(client), "a check of the hub")
    assert not found["ok"]
    return found["detail"]


def environment(url):
    return {"JUPYTERHUB_URL": url}


def told_everywhere(client, person, written):
    """The reason at /ready, which is that of the problem and of the log, once."""
    detail = failing(client)
    problem = problem_of(client.get("/user", headers=person.auth), 503)
    assert problem["detail"] == detail
    [line] = lines(written.getvalue(), "the hub cannot be used")
    assert line["level"] == "ERROR"
    assert line["reason"] in detail
    for text in (detail, written.getvalue()):
        assert "127.0.0.1" not in text
        assert person.token not in text
    return line["reason"]


CERTIFICATES = {
    "self-signed": ({"own": True}, "its certificate is not trusted (self-signed certificate)"),
    "private": ({}, "its certificate is not trusted (unable to get local issuer certificate)"),
    "expired": ({"own": True, "days": -1}, "its certificate is not trusted ("),
}


@pytest.mark.parametrize("which", CERTIFICATES)
def test_a_certificate_that_is_not_trusted_is_called_that(start_app, authority, written, which):
    settings, reason = CERTIFICATES[which]
    with served(FakeHub(), authority.server(**settings)) as hub:
        client = start_app(environment(hub.url))
        assert told_everywhere(client, hub.add_user(), written).startswith(reason)


def test_a_private_authority_is_trusted_with_ssl_cert_file(fakehub, authority, tmp_path):
    with served(FakeHub(), authority.server()) as hub:
        alice = hub.add_user(server="ready")
        environ = {"SSL_CERT_FILE": str(authority.bundle)}
        with serving(hub, tmp_path, environ=environ) as launcher:
            body = {"notebook": {"directory": "lab", "filename": "hello.ipynb"}}
            answer = requests.post(
                f"{launcher.url}/hello", json=body, headers=alice.auth, timeout=60
            )
            assert answer.status_code == 200, answer.text
            assert alice.notebooks == ["lab/hello.ipynb"]


def test_a_certificate_for_another_name_is_called_that(fakehub, authority, tmp_path):
    with served(FakeHub(), authority.server(address="192.0.2.7")) as hub:
        environ = {"SSL_CERT_FILE": str(authority.bundle)}
        with serving(hub, tmp_path, environ=environ) as launcher:

            def details():
                checks = requests.get(f"{launcher.url}/ready", timeout=9).json()["checks"]
                return [check["detail"] for check in checks if check["name"] == "hub"]

            [detail] = wait_until(details, "a check")
            assert "its certificate is for another host" in detail
            assert "127.0.0.1" not in detail


def test_http_where_the_hub_speaks_tls_is_called_that(start_app, authority, written):
    with served(FakeHub(), authority.server()) as hub:
        client = start_app(environment(hub.url.replace("https", "http")))
        reason = told_everywhere(client, hub.add_user(), written)
        assert reason in (
            "it closed the connection without a response",
            "its response is not HTTP; it may expect TLS (https)",
        )


def test_tls_where_the_hub_speaks_http_is_called_that(start_app, fakehub, written):
    client = start_app(environment(fakehub.url.replace("http", "https")))
    reason = told_everywhere(client, fakehub.add_user(), written)
    assert reason.startswith("the TLS handshake failed (")
    assert "?." not in failing(client)


def test_a_host_without_an_address_is_called_that(start_app, fakehub, written):
    client = start_app(environment(f"http://{SECRET}.invalid:8000"))
    reason = told_everywhere(client, fakehub.add_user(), written)
    assert reason == "its host name cannot be resolved"
    assert SECRET not in written.getvalue()


def test_a_port_where_nobody_listens_is_called_that(start_app, fakehub, written):
    client = start_app(environment(f"http://127.0.0.1:{free_port()}"))
    reason = told_everywhere(client, fakehub.add_user(), written)
    assert reason == "the connection was refused"


async def test_a_hub_that_says_nothing_is_called_that():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        async with outbound.open_session(lambda *call: None, connections=1) as session:
            with pytest.raises(outbound.OutboundError, match=r"^it did not respond in time$"):
                await outbound.fetch(session, "GET", url, kind="hub.state", seconds=0.2)


ANSWERS = {
    "redirect": (
        page_answer(301, location="https://elsewhere.example/hub/api/user"),
        "it redirects (301), and the launcher follows no redirect",
    ),
    "page": (page_answer(200, "Welcome"), "it responds with a web page, not with JSON (200)"),
    "starting": (page_answer(404), "it responds with a web page, not with JSON (404)"),
    "proxy": (page_answer(503), "a proxy responds for it (503)"),
    "nonsense": (json_answer([1]), "its response does not fit its API"),
    "lost": (LOST, "it closed the connection without a response"),
}


@pytest.mark.parametrize("which", ANSWERS)
def test_an_answer_that_is_not_of_the_hubs_api_is_called_that(
    start_app, fakehub, alice, written, which
):
    client = start_app()
    answer, reason = ANSWERS[which]
    # a connection that is lost when it was used before is tried again by aiohttp
    fakehub.hub_answers += [("GET", "/hub/api/user", answer)] * 2
    problem = problem_of(client.get("/user", headers=alice.auth), 503)
    assert reason in problem["detail"]
    assert "elsewhere" not in problem["detail"]
    [line] = lines(written.getvalue(), "the hub cannot be used")
    assert line["reason"].startswith(reason)


@pytest.mark.parametrize("which", ["redirect", "page"])
def test_such_an_answer_to_a_start_is_no_refusal_of_it(start_app, fakehub, which):
    client = start_app(hub_patience=1)
    answer, reason = ANSWERS[which]
    bob = fakehub.add_user()
    fakehub.hub_answers += [("POST", f"/users/{bob.name}/server", answer)] * 99
    problem = problem_of(client.launch(bob), 503)
    assert problem["type"].endswith(":hub-unavailable")
    assert reason in problem["detail"]


def test_a_hub_that_goes_away_and_comes_back_is_told(start_app, fakehub, alice, written):
    client = start_app()
    assert client.get("/user", headers=alice.auth).status_code == 200
    fakehub.away = "proxy"
    wait_until(lambda: client.get("/ready").status_code == 503, "the report")
    for person in [fakehub.add_user() for _ in range(8)]:
        problem_of(client.get("/user", headers=person.auth), 503)
    fakehub.away = ""
    wait_until(lambda: lines(written.getvalue(), "the hub can be used again"), "a line")
    wait_until(lambda: client.get("/ready").status_code == 200, "the report")
    text = written.getvalue()
    away, *_ = lines(text, "the hub cannot be used")
    assert away["reason"].startswith("a proxy responds for it (503)")
    back, *_ = lines(text, "the hub can be used again")
    assert back["seconds"] >= 0
    assert not lines(text, "a check fails")


PROXIES = {
    "self-signed": "its certificate is not trusted (self-signed certificate)",
    "http where it speaks TLS": "it closed the connection without a response",
    "TLS where it speaks http": "the TLS handshake failed (",
}


@pytest.mark.parametrize("which", PROXIES)
def test_why_the_proxy_cannot_be_reached_is_told_everywhere(
    start_app, fakehub, authority, written, which, monkeypatch
):
    monkeypatch.setattr("launcher.launches.engine.MAX_ATTEMPTS", 1)
    with served(FakeHub(), authority.server(own=True)) as proxy:
        urls = {"self-signed": proxy.url, "http where it speaks TLS": proxy.url.replace("s:", ":")}
        elsewhere = fakehub.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
        url = urls.get(which, elsewhere)
        client = start_app(proxy_url=url, hub_api_url=f"{fakehub.url}/hub/api")
        problem = problem_of(client.launch(fakehub.add_user(server="ready")), 502)
        wait_until(lambda: lines(written.getvalue(), "the proxy cannot be used"), "a line")
        [check] = [c for c in client.get("/ready").json()["checks"] if c["name"] == "proxy"]
    [failed] = lines(written.getvalue(), "a launch failed")
    [away] = lines(written.getvalue(), "the proxy cannot be used")
    for text in (problem["detail"], failed["reason"], check["detail"], away["reason"]):
        assert PROXIES[which] in text
        assert "localhost" not in text
        assert "?." not in text
