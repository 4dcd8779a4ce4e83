"""Forms of a session that has ended or changed meanwhile: nothing is launched, nothing is lost."""

import html
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from experiment_folders import write_experiment
from visiting import Visitor, text_of

SCHEMA = """
title: Renewed
description: Has a number, rows and a password.
type: object
required: [depth]
additionalProperties: false
properties:
  depth: {type: integer}
  places: {type: array, items: {type: string, maxLength: 5000}}
  secret: {type: string, format: password, maxLength: 50, default: ""}
"""
TEMPLATE = """# %% tags=["parameters"]
depth = 1
places = []
secret = ""
"""
PLAIN = SCHEMA.replace(
    '  secret: {type: string, format: password, maxLength: 50, default: ""}\n', ""
)
TYPED = {
    "/parameters/depth": "12",
    "row:/parameters/places/0": "on",
    "/parameters/places/0": "<b>& Rhine",
    "/parameters/secret": "hunter2",
    "/notebook/directory": "mine",
}


@pytest.fixture
def client(start_app, tmp_path):
    """A launcher with two experiments of these tests."""
    write_experiment(tmp_path / "shelf" / "renewed", SCHEMA, TEMPLATE)
    plain = TEMPLATE.replace('secret = ""\n', "")
    write_experiment(tmp_path / "shelf" / "plain", PLAIN, plain)
    return start_app(experiment_paths=[str(tmp_path / "shelf")])


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


def signed_out(client, path, pairs):
    """Send a form without a session."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return client.post(path, content=urlencode([*pairs.items()]), headers=kind)


def launches(visitor):
    return visitor.client.get("/launches", headers=visitor.user.auth).json()["launches"]


def back(answer):
    """Where the sign-in of an answer returns to."""
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    assert address.path == "/home/sign-in"
    return dict(parse_qsl(address.query))["next"]


@pytest.mark.parametrize(
    ("action", "button"),
    [("launch", "Launch"), ("preview", "Preview"), ("share", "Share"), ("add /x", "the button")],
)
def test_a_form_of_an_earlier_session_is_shown_again(visitor, action, button):
    page = visitor.post("/launch/renewed", {**TYPED, "action": action}, xsrf="e" * 64)
    assert page.status_code == 403
    assert f"Your session was renewed. Press {button} again." in text_of(page)
    assert "Passwords have to be filled in again." in text_of(page)
    for kept in ('value="12"', "&lt;b&gt;&amp; Rhine<", 'value="mine"'):
        assert kept in page.text
    assert "hunter2" not in page.text
    assert f'name="_xsrf" value="{visitor.xsrf}"' in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert launches(visitor) == []


def test_the_form_that_is_shown_again_launches(visitor):
    visitor.post("/launch/renewed", TYPED, xsrf="")
    assert visitor.post("/launch/renewed", TYPED).status_code == 303
    assert len(launches(visitor)) == 1


def test_a_form_of_somebody_who_is_signed_out_comes_back_after_the_sign_in(visitor, client):
    address = back(signed_out(client, "/launch/renewed", {**TYPED, "action": "launch"}))
    assert "hunter2" not in address
    page = visitor.get(address)
    for kept in ('value="12"', "&lt;b&gt;&amp; Rhine<", 'value="mine"'):
        assert kept in page.text
    assert launches(visitor) == []


def test_what_is_no_value_is_kept_over_the_sign_in_too(visitor, client):
    address = back(signed_out(client, "/launch/plain", {"/parameters/depth": "deep"}))
    page = visitor.get(address)
    assert 'value="deep"' in page.text
    assert "Depth must be a whole number" in text_of(page)


def test_what_could_be_a_password_is_in_no_address(client):
    fields = {**TYPED, "/parameters/depth": "hunter2", "json:/parameters/places": "[hunter2"}
    assert "hunter2" not in back(signed_out(client, "/launch/renewed", fields))


def test_a_form_that_is_too_long_for_an_address_is_kept_in_the_page(visitor, client):
    fields = {**TYPED, "/parameters/places/0": "x" * 5000}
    page = signed_out(client, "/launch/renewed", fields)
    assert page.status_code == 401
    assert "Your session has ended" in text_of(page)
    assert "hunter2" not in page.text
    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    kept = {html.unescape(name): html.unescape(value) for name, value in hidden}
    again = visitor.post("/launch/renewed", {**kept, "action": "launch"}, xsrf="")
    assert again.status_code == 403
    assert "Press Launch again" in text_of(again)
    assert "x" * 5000 in again.text
    assert 'value="mine"' in again.text
    assert launches(visitor) == []


def test_a_form_that_is_too_long_for_the_page_too_is_left_to_the_browser(client):
    page = signed_out(client, "/launch/renewed", {"/parameters/places/0": "x" * 100_000})
    assert page.status_code == 401
    assert "go back in this one, and press the button again" in text_of(page)


def test_nothing_is_told_about_experiments_without_a_session(client):
    address = back(signed_out(client, "/launch/nothing", {"/parameters/depth": "1"}))
    assert address == "/launch/nothing"


def test_a_script_is_not_led_to_a_sign_in(client):
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Mode": "cors"}
    answer = client.post("/launch/renewed", content="/parameters/depth=1", headers=kind)
    assert answer.status_code == 401


@pytest.mark.parametrize("verb", ["cancel", "again"])
def test_the_buttons_of_a_launch_lead_back_to_its_page(visitor, client, verb):
    launch = visitor.post("/launch/hello", {}).headers["location"].partition("?")[0]
    page = signed_out(client, f"{launch}/{verb}", {})
    assert page.status_code == 401
    query = urlencode({"next": launch})
    assert f'href="/home/sign-in?{html.escape(query)}"' in page.text
    refused = visitor.post(f"{launch}/{verb}", {}, xsrf="")
    assert f'href="{launch}">Open the page again' in refused.text


def test_somebody_who_is_signed_out_can_log_out(client):
    page = signed_out(client, "/home/logout", {})
    assert page.status_code == 200
    assert "You are signed out of the launcher" in text_of(page)


def test_a_logout_that_another_page_sends_changes_nothing(visitor):
    assert visitor.post("/home/logout", {}, xsrf="").status_code == 403
