"""A launch's page: what it shows in each state, and what can be done there."""

import re

import pytest
from experiment_folders import TEMPLATE, write_experiment
from fakehub.state import Start
from stored_launches import insert_done, stored
from visiting import Visitor, text_of
from waiting import wait_until

HELLO = {"action": "launch", "/notebook/directory": "lab"}


def begin(visitor, **fields):
    """Launch hello; the address of the launch's page."""
    answer = visitor.post("/launch/hello", {**HELLO, **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


def ended(visitor, address, state):
    """The page once the launch has ended so."""

    def look():
        page = visitor.get(address)
        return page if f'data-state="{state}"' in page.text else None

    return wait_until(look, state)


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


def test_a_launch_that_is_done_can_be_opened(visitor):
    page = ended(visitor, begin(visitor), "done")
    assert f"/user/{visitor.user.name}/lab/workspaces/" in page.text
    assert "lab/hello.ipynb" in text_of(page)
    assert 'http-equiv="refresh"' not in page.text


def test_a_launch_under_way_shows_its_steps_and_what_the_spawner_says(client, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(seconds=30, messages=("Pulling <b>the</b> image",)))
    visitor = Visitor(client, user)
    address = begin(visitor)

    def look():
        page = visitor.get(address)
        return page if "Pulling" in page.text else None

    page = wait_until(look, "the message")
    text = text_of(page)
    assert "Pulling <b>the</b> image" in text
    assert "<b>the</b>" not in page.text
    assert "Your server is starting" in text
    assert 'http-equiv="refresh"' in page.text, "without scripts, the page refreshes itself"
    assert "the server that is starting may go on and run afterwards" in text
    visitor.post(f"{address}/cancel")
    text = text_of(ended(visitor, address, "cancelled"))
    assert "Cancelled" in text
    assert "A server that was starting may run now: the home page lists it" in text


def test_what_a_busy_hub_repeats_is_shown_once(client, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(seconds=2, messages=("Waiting",) * 5 + ("Going on",)))
    visitor = Visitor(client, user)
    page = ended(visitor, begin(visitor), "done")
    assert len(re.findall(r"</time></span> Waiting", page.text)) <= 1
    assert "Going on" in page.text


def test_a_launch_that_failed_says_why_and_what_to_do(client, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(outcome="fails", reason="no such image <i>foo</i>:1"))
    visitor = Visitor(client, user)
    page = ended(visitor, begin(visitor), "failed")
    text = text_of(page)
    assert "The server did not start" in text
    assert "no such image" in text
    assert "<i>foo</i>" not in page.text
    assert "Launch again" in text


def test_a_file_that_exists_is_advice_to_choose_another_name(visitor):
    visitor.user.files["lab/hello.ipynb"] = "{}"
    address = begin(visitor, **{"/notebook/if_exists": "fail"})
    page = ended(visitor, address, "failed")
    text = text_of(page)
    assert "choose another file name" in text
    assert "The file lab/hello.ipynb exists" in text
    assert "if_exists" not in text
    existing = re.search(r'href="([^"]*)">Open the existing file', page.text)[1]
    assert re.search(rf"/user/{visitor.user.name}/lab/workspaces/[^/]+/tree/lab/hello", existing)


def test_launching_again_makes_another_notebook(visitor):
    address = begin(visitor)
    ended(visitor, address, "done")
    answer = visitor.post(f"{address}/again")
    again = answer.headers["location"].partition("?")[0]
    assert again != address
    ended(visitor, again, "done")
    assert {"lab/hello.ipynb", "lab/hello-1.ipynb"} <= visitor.user.files.keys()


def test_the_parameters_can_be_changed(visitor):
    body = {
        "notebook": {"directory": "lab"},
        "parameters": {"opendap": "https://data.example.org/x"},
    }
    visitor.client.post("/experiments/opendap", json=body, headers=visitor.user.auth)
    (launch,) = visitor.client.get("/launches", headers=visitor.user.auth).json()["launches"]
    page = visitor.get(f"/home/launches/{launch['id']}")
    link = re.search(r'href="(/launch/opendap\?[^"]+)"', page.text)[1].replace("&amp;", "&")
    assert 'value="https://data.example.org/x"' in visitor.get(link).text


@pytest.mark.parametrize("end", ["", "/cancel", "/again"])
def test_the_launch_of_somebody_else_is_not_there(visitor, client, fakehub, end):
    address = begin(visitor)
    other = Visitor(client, fakehub.add_user(server="ready"))
    page = other.post(address + end) if end else other.get(address)
    assert page.status_code == 404
    assert "lab/hello" not in page.text


@pytest.mark.parametrize("launch_id", ["x", "0" * 32, "..%2f", "<script>"])
def test_a_launch_that_does_not_exist_is_a_page(visitor, launch_id):
    page = visitor.get(f"/home/launches/{launch_id}")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text


@pytest.mark.parametrize("end", ["/cancel", "/again"])
def test_a_change_needs_the_token_of_the_session(visitor, end):
    address = begin(visitor)
    assert visitor.post(address + end, xsrf="wrong").status_code == 403
    assert visitor.get(address + end).status_code == 405


def test_cancelling_what_has_ended_shows_how_it_ended(visitor):
    address = begin(visitor)
    ended(visitor, address, "done")
    answer = visitor.post(f"{address}/cancel")
    assert answer.headers["location"] == address


def test_the_page_follows_with_the_events_of_the_api(visitor):
    address = begin(visitor)
    ended(visitor, address, "done")
    events = f"/launches/{address.rpartition('/')[2]}/events"
    mode = {"Sec-Fetch-Mode": "cors"}
    assert visitor.get(events, **mode).status_code == 401
    answer = visitor.get(events, **mode, **{"X-XSRFToken": visitor.xsrf})
    assert answer.status_code == 200
    assert "event: end" in answer.text


# how it can be repeated

SECRET = """
title: Site
description: An experiment with a password.
type: object
properties:
  depth: {type: integer, default: 1}
  name: {type: string, format: password, maxLength: 40, default: ""}
"""


def launched(client, user, experiment, parameters, **notebook):
    """Launch with the API; the launch as it is stored, and the address of its page."""
    body = {"notebook": {"directory": "lab", **notebook}, "parameters": parameters}
    answer = client.post(f"/experiments/{experiment}", json=body, headers=user.auth)
    launch_id = re.search(r"launches/(\w+)", answer.headers["link"])[1]
    return stored(client.settings, launch_id), f"/home/launches/{launch_id}"


def key_of(page):
    return {"key": re.search(r'name="key" value="([^"]+)"', page.text)[1]}


@pytest.mark.parametrize("choice", ["rename", "replace", "fail"])
def test_the_page_says_what_launching_again_does_to_a_file(visitor, choice):
    page = ended(visitor, begin(visitor, **{"/notebook/if_exists": choice}), "done")
    words = {"rename": "no file is replaced", "replace": "replaces", "fail": "fails if"}
    assert words[choice] in text_of(page)


def test_launching_again_replaces_only_what_was_to_be_replaced(visitor):
    address = begin(visitor, **{"/notebook/if_exists": "replace"})
    page = ended(visitor, address, "done")
    again = visitor.post(f"{address}/again", key_of(page)).headers["location"].partition("?")[0]
    ended(visitor, again, "done")
    assert [path for path in visitor.user.files if path.endswith(".ipynb")] == ["lab/hello.ipynb"]


def test_a_double_click_on_launch_again_launches_once(visitor):
    address = begin(visitor)
    key = key_of(ended(visitor, address, "done"))
    first, second = (visitor.post(f"{address}/again", key) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert not first.headers["location"].startswith(address)


def test_the_query_of_the_link_is_kept_after_the_end_for_launches_of_the_api_too(client, alice):
    launch, address = launched(client, alice, "opendap", {"opendap": "https://example.org/x"})
    assert launch.state == "done"
    assert "p.opendap=https://example.org/x" in launch.notebook.link_query
    assert "directory=lab" in launch.notebook.link_query
    assert "Launch again" in Visitor(client, alice).get(address).text


def test_passwords_are_not_stored_so_the_form_has_to_be_filled_in(start_app, alice, tmp_path):
    write_experiment(tmp_path / "shelf" / "site", SECRET, TEMPLATE)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")], breaker_seconds=0)
    launch, address = launched(client, alice, "site", {"depth": 3, "name": "hunter2"})
    assert "p.depth=3" in launch.notebook.link_query
    assert "hunter2" not in launch.notebook.link_query
    visitor = Visitor(client, alice)
    page = visitor.get(address)
    assert "hunter2" not in page.text
    assert "/again" not in page.text
    assert "Passwords are not stored" in text_of(page)
    form = visitor.post(f"{address}/again").headers["location"]
    assert form.startswith("/launch/site?p.depth=3")


def test_parameters_too_long_for_a_link_are_not_stored(start_app, alice, tmp_path):
    schema = SECRET.replace("format: password, maxLength: 40", "maxLength: 9000")
    write_experiment(tmp_path / "shelf" / "site", schema, TEMPLATE)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")], breaker_seconds=0)
    launch, address = launched(client, alice, "site", {"name": "x" * 8500})
    assert launch.notebook.link_query is None
    visitor = Visitor(client, alice)
    page = visitor.get(address)
    assert "/again" not in page.text
    assert "too long to be stored" in text_of(page)
    assert visitor.post(f"{address}/again").headers["location"] == "/launch/site"


def test_an_experiment_that_is_gone_is_not_offered_again(client, alice):
    insert_done(client.settings, alice, "lab/x.ipynb", id="f" * 32, experiment="gone")
    page = Visitor(client, alice).get(f"/home/launches/{'f' * 32}")
    assert "not in the catalogue any more" in text_of(page)
    assert "/again" not in page.text
    assert "/launch/gone" not in page.text
    assert "lab/x.ipynb?reset=1" in page.text


def test_a_launch_that_is_refused_now_says_so_on_its_page(start_app, alice):
    client = start_app(max_launches_per_minute=1)
    visitor = Visitor(client, alice)
    address = begin(visitor)
    page = ended(visitor, address, "done")
    refused = visitor.post(f"{address}/again", key_of(page))
    assert refused.status_code == 429
    assert "Not launched again:" in text_of(refused)
    assert 'data-state="done"' in refused.text


# how it went


def test_a_server_that_runs_is_not_started_for_a_launch(visitor):
    text = text_of(ended(visitor, begin(visitor), "done"))
    assert "Start your server (it was running) : not needed" in text


def test_a_server_without_a_notebook_can_be_opened(client, fakehub):
    user = fakehub.add_user()
    visitor = Visitor(client, user)
    answer = visitor.post("/home/servers/start", {"server": ""})
    page = ended(visitor, answer.headers["location"].partition("?")[0], "done")
    assert re.search(rf'href="[^"]*/user/{user.name}/" id="open"', page.text)
    assert "Write the notebook" not in text_of(page)


def test_long_messages_are_cut_and_only_the_last_ones_are_shown(client, fakehub):
    user = fakehub.add_user()
    said = ("x" * 5000, *(f"message {n}." for n in range(20)))
    user.starts.append(Start(seconds=1, messages=said))
    visitor = Visitor(client, user)
    page = ended(visitor, begin(visitor), "done")
    assert "x" * 301 not in page.text
    assert "message 19." in page.text
    assert "message 5." not in page.text


def test_a_launch_whose_server_was_stopped_says_it(client, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(outcome="never"))
    visitor = Visitor(client, user)
    address = begin(visitor)
    wait_until(lambda: 'data-state="starting"' in visitor.get(address).text, "the start")
    client.delete("/server", headers=user.auth)
    text = text_of(ended(visitor, address, "cancelled"))
    assert "Launch again if you want the server to run." in text


def test_a_start_that_has_to_wait_says_until_when(start_app, fakehub):
    client = start_app(start_cooldown=50, breaker_seconds=0)
    user = fakehub.add_user()
    user.starts.append(Start(outcome="fails"))
    visitor = Visitor(client, user)
    ended(visitor, begin(visitor), "failed")
    text = text_of(ended(visitor, begin(visitor), "failed"))
    assert "Your server failed to start recently" in text
    assert re.search(r"The next try may begin at \d\d:\d\d:\d\d UTC", text)
