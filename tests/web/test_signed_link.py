"""Signed links: they cannot be changed, may expire, and ask once."""

import html
import re
import time
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import pytest
from visiting import Visitor, text_of

from launcher import keys
from launcher.links import signed

QUERY = "p.opendap=https://data.example.org/a&directory=course"


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


def link(client, query=QUERY, expires=None, experiment="opendap"):
    """The address of a signed link."""
    secret = keys.secret(keys.Path(client.settings.secret_file))
    query = signed.sign(keys.link_key(secret), experiment, query, expires)
    return f"/launch/{experiment}?{query}"


def form_of(page):
    """The action of the form and its key."""
    action = html.unescape(re.search(r'action="([^"]*/signed\?[^"]*)"', page.text)[1])
    return action, {"key": re.search(r'name="key" value="([^"]+)"', page.text)[1]}


def test_the_first_visit_asks_and_launches_nothing(visitor, client, fakehub):
    page = visitor.get(link(client))
    assert page.status_code == 200
    assert "https://data.example.org/a" in text_of(page)
    assert "course/opendap.ipynb" in text_of(page)
    assert "signed_link.js" not in page.text
    assert client.get("/launches", headers=visitor.user.auth).json()["launches"] == []


def test_the_button_launches_and_later_visits_launch_at_once(visitor, client):
    address = link(client)
    action, fields = form_of(visitor.get(address))
    answer = visitor.post(action, fields)
    assert answer.status_code == 303
    (launch,) = client.get("/launches", headers=visitor.user.auth).json()["launches"]
    assert answer.headers["location"].endswith(f"/{launch['id']}?new=1")
    again = visitor.get(address)
    assert "signed_link.js" in again.text
    # a second press of the same button is the same launch
    assert visitor.post(action, fields).headers["location"] == answer.headers["location"]
    assert visitor.post(*form_of(again)).headers["location"] != answer.headers["location"]


def test_without_scripts_a_later_visit_says_that_it_waits_for_the_button(visitor, client):
    address = link(client)
    visitor.post(*form_of(visitor.get(address)))
    text = text_of(visitor.get(address))
    assert "You have launched this link before. To launch it again, press Launch ." in text
    assert "so it is launched again" not in text


def test_the_page_says_until_when_the_link_is_valid(visitor, client):
    expires = int(time.time()) + 86_400
    page = visitor.get(link(client, expires=expires))
    until = datetime.fromtimestamp(expires, UTC)
    assert f"This link is valid until {until:%Y-%m-%d %H:%M} UTC ." in text_of(page)
    assert "This link does not expire." in text_of(visitor.get(link(client)))


def test_the_values_have_the_titles_of_the_form(visitor, client):
    query = (
        "p.setup.model=wflow&p.setup.region=rhine"
        "&p.setup.period.start=2000-01-01T00:00:00Z&p.setup.period.end=2000-02-01T00:00:00Z"
    )
    text = text_of(visitor.get(link(client, query, experiment="threeclickscience")))
    assert "setup.period.start" not in text
    assert re.search(r"Period: Start\w* 2000-01-01T00:00:00Z", text), text


def test_somebody_else_is_asked_too(visitor, client, fakehub):
    address = link(client)
    visitor.post(*form_of(visitor.get(address)))
    other = Visitor(client, fakehub.add_user(server="ready"))
    assert "signed_link.js" not in other.get(address).text


def changed(name, value):
    def change(pairs):
        return [(each, value if each == name else old) for each, old in pairs]

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("p.opendap", "https://evil.example"),
        changed("directory", "other"),
        changed("signature", "x"),
        changed("signature", ""),
        changed("signature", "ä"),
        changed("expires", "99999999999"),
        lambda pairs: [*pairs, ("directory", "x")],
        lambda pairs: [*pairs, ("signature", dict(pairs)["signature"])],
        lambda pairs: [pair for pair in pairs if pair[0] != "expires"],
        lambda pairs: pairs[::-1],
    ],
)
def test_a_changed_link_launches_nothing(visitor, client, change):
    path, _, query = link(client, expires=int(time.time()) + 60).partition("?")
    forged = urlencode(change(parse_qsl(query, keep_blank_values=True)))
    page = visitor.get(f"{path}?{forged}")
    assert page.status_code == 403
    assert "changed" in text_of(page)
    assert visitor.post(f"{path}/signed?{forged}").status_code == 403
    assert client.get("/launches", headers=visitor.user.auth).json()["launches"] == []


def test_the_signature_of_one_experiment_is_not_that_of_another(visitor, client):
    address = link(client, query="directory=a", experiment="hello")
    assert visitor.get(address.replace("/hello", "/opendap")).status_code == 403


def test_an_expired_link_says_so(visitor, client):
    address = link(client, expires=int(time.time()) - 1)
    page = visitor.get(address)
    assert page.status_code == 410
    assert "expired" in text_of(page)
    assert visitor.post(address.replace("?", "/signed?")).status_code == 410


def test_a_form_without_the_xsrf_token_launches_nothing(visitor, client):
    action, fields = form_of(visitor.get(link(client)))
    assert visitor.post(action, fields, xsrf="").status_code == 403
    assert client.get("/launches", headers=visitor.user.auth).json()["launches"] == []


def test_a_link_never_replaces_a_file(visitor, client, fakehub):
    query = f"{QUERY}&filename=kept.ipynb&if_exists=replace"
    action, fields = form_of(visitor.get(link(client, query)))
    for number in range(2):
        visitor.post(action, {"key": f"{fields['key']}{number}"})
    body = {"notebook": {"directory": "course", "filename": "kept.ipynb"}}
    body["parameters"] = {"opendap": "https://data.example.org/a"}
    client.post("/experiments/opendap", json=body, headers=visitor.user.auth)
    paths = {
        launch["path"]
        for launch in client.get("/launches", headers=visitor.user.auth).json()["launches"]
    }
    assert len(paths - {None}) == 3


def test_a_link_that_does_not_fit_the_experiment_any_more_is_no_launch(visitor, client):
    page = visitor.get(link(client, query="p.gone=1"))
    assert page.status_code == 403
    assert "does not fit the experiment" in text_of(page)
