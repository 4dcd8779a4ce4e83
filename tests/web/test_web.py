"""Pages and the headers of every answer: users' servers share our origin."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests
import swagger_ui_bundle
from application import problem_of
from sample_requests import SAMPLE_REQUESTS

import launcher.web

ORIGIN = "https://portal.example.org"


def policy_of(headers):
    """The directives of the Content-Security-Policy, by name."""
    directives = headers["content-security-policy"].split(";")
    return dict(directive.strip().split(" ", 1) for directive in directives)


@pytest.mark.parametrize(("method", "path"), SAMPLE_REQUESTS)
def test_every_answer_keeps_other_pages_out(client, method, path):
    headers = client.request(method, path).headers
    assert headers["cross-origin-opener-policy"] == "noopener-allow-popups"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = policy_of(headers)
    assert policy.pop("frame-ancestors") == "'none'"
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("base-uri") == "'none'"
    assert policy.pop("form-action") == "'none'"
    if (method, path) in [("GET", "/ui/"), ("HEAD", "/ui/")]:
        assert policy.pop("script-src") == policy.pop("connect-src") == "'self'"
        assert policy.pop("style-src") == "'self' 'unsafe-inline'"
        assert policy.pop("img-src") == "'self' data:"
    assert policy == {}, "nothing else may be loaded"
    assert "set-cookie" not in headers


def test_a_launch_and_a_fault_of_ours_carry_the_headers_too(client, alice):
    answers = [client.launch(alice), client.post("/hello", content=b"x", headers=alice.auth)]
    for answer in answers:
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


class Links(HTMLParser):
    """The addresses in a page."""

    def __init__(self):
        super().__init__()
        self.found, self.inline = [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href"):
                self.found.append(value)
            if name.startswith("on") or name == "style":
                self.inline.append((tag, name))


@pytest.mark.parametrize("prefix", ["", "/services/launcher"])
def test_the_page_and_all_it_needs_come_from_here(start_app, prefix):
    client = start_app({"BASE_PATH": prefix})
    page = client.get(f"{prefix}/ui/")
    assert page.headers["content-type"].startswith("text/html")
    links = Links()
    links.feed(page.text)
    assert len(links.found) >= 4
    assert links.inline == []
    for link in links.found:
        assert not re.match(r"[a-z]+:|//|/", link), link
        answer = client.get(str(page.url.join(link)))
        assert answer.status_code == (303 if link == "../home/" else 200), link


@pytest.mark.parametrize(
    ("path", "page"), [("", "home/"), ("/", "home/"), ("/home", "home/"), ("/ui", "ui/")]
)
@pytest.mark.parametrize("prefix", ["", "/services/launcher"])
def test_the_services_own_address_leads_to_the_page(start_app, prefix, path, page):
    client = start_app({"BASE_PATH": prefix})
    answer = client.get(prefix + path or "/", headers={"Host": "evil.example"})
    assert answer.is_redirect
    assert answer.headers["location"] == f"{prefix}/{page}"


def test_our_own_page_names_no_other_host_and_keeps_no_secret():
    for path in (Path(launcher.web.__file__).parent / "ui").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text), path
    script = (Path(launcher.web.__file__).parent / "ui" / "page.js").read_text(encoding="utf-8")
    assert "persistAuthorization: false" in script
    assert "validatorUrl: null" in script


def test_the_bundle_is_where_the_page_expects_it(client):
    bundled = Path(swagger_ui_bundle.swagger_ui_path) / "swagger-ui-bundle.js"
    assert client.get("/ui/swagger-ui-bundle.js").content == bundled.read_bytes()


@pytest.mark.parametrize(
    "path", ["/ui/%2e%2e/%2e%2e/setup.cfg", "/ui/page/..%2f__init__.py",
             "/ui/page//etc/passwd", "/ui/page/%2fetc%2fpasswd", "/ui/page/%00"]
)  # fmt: skip
def test_no_other_file_is_served(client, path):
    assert client.get(path).status_code in (400, 404)


# CORS


def allowed(answer):
    return {k: v for k, v in answer.headers.items() if k.startswith("access-control-")}


def preflight(client, origin, path="/hello"):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return client.options(path, headers=headers)


@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example", "null"])
def test_no_page_elsewhere_may_call_by_default(client, alice, origin):
    assert allowed(preflight(client, origin)) == {}
    assert allowed(client.get("/health", headers={"Origin": origin})) == {}
    assert allowed(client.launch(alice, {**alice.auth, "Origin": origin})) == {}


def test_a_listed_origin_may_call(start_app, alice):
    client = start_app(allowed_origins=[ORIGIN, "https://second.example"])
    answer = preflight(client, ORIGIN)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    answer = client.launch(alice, {**alice.auth, "Origin": ORIGIN})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "origin" in answer.headers["vary"].lower()


def test_a_listed_origin_can_read_problems(start_app):
    client = start_app(allowed_origins=[ORIGIN])
    answer = client.get("/user", headers={"Origin": ORIGIN, "Authorization": "token wrong"})
    problem_of(answer, 401)
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_no_origin_may_send_a_browsers_credentials(start_app):
    client = start_app(allowed_origins=[ORIGIN])
    for answer in (preflight(client, ORIGIN), client.get("/health", headers={"Origin": ORIGIN})):
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", f"{ORIGIN}.evil.example", "https://evilportal.example.org",
     "http://portal.example.org", "https://PORTAL.example.org", f"{ORIGIN}:444", f"{ORIGIN}/", "",
     "https://portal-example.org", f"{ORIGIN}, https://evil.example"],
)  # fmt: skip
def test_an_origin_that_is_not_listed_may_not(start_app, origin):
    client = start_app(allowed_origins=[ORIGIN])
    assert "access-control-allow-origin" not in preflight(client, origin).headers
    answer = client.get("/health", headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


def test_the_answer_to_head_has_no_body_and_makes_no_line_of_its_own(gunicorn, alice):
    before = gunicorn.log.stat().st_size
    for path in ("/health", "/user", "/openapi.json", "/ui/", "/nowhere"):
        answer = requests.head(gunicorn.url + path, headers=alice.auth, timeout=20)
        assert answer.status_code in (200, 404)
        assert not answer.content
    assert "no-body response" not in gunicorn.log.read_text()[before:]
