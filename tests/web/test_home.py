"""The home page and the page Token."""

import html
import json
import re
import threading

import pytest
from experiment_folders import write_experiment
from fakehub import responses
from fakehub.state import Start
from stored_launches import insert_done
from visiting import HOSTILE, Visitor, text_of
from waiting import wait_until

SCHEMA = "title: {title}\ndescription: {text}\ntype: object\nproperties: {{}}\n"
TEMPLATE = '# %% tags=["parameters"]\n'


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


def test_somebody_new_learns_what_to_do(client, fakehub):
    text = text_of(Visitor(client, fakehub.add_user()).get("/home/"))
    assert "An experiment is a notebook that is ready to run. Choose one" in text
    assert "No server runs. It starts by itself when you launch an experiment." in text
    assert "Nothing yet. What you launch is listed here." in text


def test_the_catalogue_can_be_searched_without_scripts(visitor):
    page = visitor.get("/home/?q=opendap dataset")
    shown = [part for part in page.text.split("<li class=") if 'card" data-text' in part]
    visible = [part for part in shown if "hidden>" not in part.partition("\n")[0]]
    assert len(shown) > len(visible) == 1
    assert "/launch/opendap" in visible[0]
    assert "No experiment has these words" in text_of(visitor.get("/home/?q=nothing-like-it"))


def test_the_search_knows_all_of_a_description(start_app, fakehub, tmp_path):
    text = json.dumps(f"Opens data. {'And more. ' * 40}At last, a Zebra.")
    write_experiment(tmp_path / "shelf" / "long", SCHEMA.format(title="Long", text=text), TEMPLATE)
    visitor = Visitor(start_app(experiment_paths=[str(tmp_path / "shelf")]), fakehub.add_user())
    page = visitor.get("/home/?q=zebra")
    assert '<p id="none" role="status" hidden>' in page.text
    assert re.search(r'data-text="[^"]*a zebra\."', page.text), "the script finds the same"
    assert "Zebra" not in text_of(page)


def test_servers_and_launches_are_listed_with_what_can_be_done(visitor):
    visitor.post("/launch/hello", {"action": "launch", "/notebook/directory": "lab"})

    def look():
        page = visitor.get("/home/")
        return page if "lab/hello.ipynb" in page.text else None

    page = wait_until(look, "the launch")
    text = text_of(page)
    assert "running" in text
    assert "Ready" in text
    # hello has no parameters
    for words in ("Open", "Stop", "Launch again", "Change settings"):
        assert words in text


def test_a_server_is_stopped_and_started(visitor, client):
    assert visitor.post("/home/servers/stop", {"server": ""}).status_code == 303

    def state():
        answer = client.get("/server", headers=visitor.user.auth)
        return answer.json()["state"]

    wait_until(lambda: state() == "stopped", "the stop")
    answer = visitor.post("/home/servers/start", {"server": ""})
    assert "/home/launches/" in answer.headers["location"]
    wait_until(lambda: state() == "running", "the start")


def test_a_server_whose_name_no_address_can_have_is_left_to_the_hub(visitor):
    visitor.user.add_server("a/b", "ready")
    page = visitor.get("/home/")
    assert page.status_code == 200
    assert "a/b" in text_of(page)
    assert '/hub/home">JupyterHub<span' in page.text
    assert "/user/alice" not in page.text.partition("a/b")[2]


@pytest.mark.parametrize("path", ["/home/servers/stop", "/home/servers/start"])
def test_a_change_needs_the_token_of_the_session(visitor, path, client):
    assert visitor.post(path, {"server": ""}, xsrf="").status_code == 403
    assert client.get("/server", headers=visitor.user.auth).json()["state"] == "running"


@pytest.mark.parametrize("name", ["a/b", "..", "x\u202e", "nobody"])
def test_a_server_that_cannot_be_is_a_sentence(visitor, name):
    page = visitor.post("/home/servers/stop", {"server": name})
    assert page.status_code in (400, 404)
    assert page.headers["content-type"].startswith("text/html")


def test_the_catalogue_is_there_while_the_hub_is_away(visitor, fakehub):
    visitor.get("/home/")
    fakehub.away = "refused"
    page = visitor.get("/home/")
    assert page.status_code == 200
    assert "Try again in a few seconds." in text_of(page)
    assert "/launch/hello" in page.text


def test_a_hub_that_hangs_keeps_nobody_from_the_catalogue(visitor, fakehub):
    visitor.get("/home/")
    goes_on = threading.Event()

    def hang():
        goes_on.wait(60)
        return responses.page(503)

    fakehub.hub_answers.append(("GET", f"/users/{visitor.user.name}", hang))
    try:
        page = visitor.get("/home/")
    finally:
        goes_on.set()
    assert page.status_code == 200
    assert "it did not answer within 3 seconds" in text_of(page)
    assert "/launch/hello" in page.text


def test_titles_that_hold_html_stay_texts(start_app, fakehub, tmp_path):
    text = SCHEMA.format(title=json.dumps(HOSTILE), text=json.dumps(HOSTILE))
    write_experiment(tmp_path / "shelf" / "hostile", text, TEMPLATE)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    page = Visitor(client, fakehub.add_user()).get("/home/")
    assert HOSTILE in html.unescape(page.text)
    assert HOSTILE not in page.text


def test_a_picture_is_shown_and_cannot_run(start_app, fakehub, tmp_path):
    folder = tmp_path / "shelf" / "drawn"
    write_experiment(folder, SCHEMA.format(title="Drawn", text="Drawn."), TEMPLATE)
    (folder / "picture.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    write_experiment(tmp_path / "shelf" / "large", SCHEMA.format(title="L", text="L."), TEMPLATE)
    (tmp_path / "shelf" / "large" / "picture.png").write_bytes(b"x" * 600_000)
    visitor = Visitor(start_app(experiment_paths=[str(tmp_path / "shelf")]), fakehub.add_user())
    page = visitor.get("/home/")
    assert "/home/pictures/drawn" in page.text
    assert "/home/pictures/large" not in page.text
    picture = visitor.get("/home/pictures/drawn")
    assert picture.headers["content-type"].startswith("image/svg")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert visitor.get("/home/pictures/large").status_code == 404


def test_the_token_page_has_lines_that_work(visitor, client):
    page = visitor.get("/home/token")
    text = text_of(page)
    assert "access:services!service=launcher" in text
    assert "/hub/token" in page.text
    assert "$HUB_TOKEN" in page.text
    assert "read -rsp 'Token: ' HUB_TOKEN && export HUB_TOKEN" in html.unescape(page.text)
    assert "paste the token, and press Enter" in text
    assert re.search(r"^export LAUNCHER_URL=http\S+$", html.unescape(page.text), re.MULTILINE)
    assert 'export LAUNCHER_TOKEN="$HUB_TOKEN"' in html.unescape(page.text)
    assert visitor.user.token not in page.text


def test_somebody_who_is_not_signed_in_is_sent_to_the_sign_in(client):
    for path in ("/home/", "/home/token", "/home/launches/x", "/launch/hello"):
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/home/sign-in?next=")


def test_older_launches_are_on_further_pages(client, fakehub):
    visitor, other = Visitor(client, fakehub.add_user()), Visitor(client, fakehub.add_user())
    for number in range(25):
        insert_done(client.settings, visitor.user, f"lab/number-{number:02}.ipynb")
    seen, path = [], "/home/"
    while path:
        page = visitor.get(path)
        seen.append(re.findall(r"<code>lab/number-(\d\d)", page.text))
        older = re.search(r'"/home/(\?before=[0-9a-f]{32})#launches"', page.text)
        path = f"/home/{older[1]}" if older else ""
        if older:
            assert re.findall(r"lab/number-(\d\d)", visitor.get(f"/home/now{older[1]}").text)
            assert "Nothing yet." in text_of(other.get(path)), "nothing is told to somebody else"
    assert [len(numbers) for numbers in seen] == [10, 10, 5]
    listed = [number for numbers in seen for number in numbers]
    assert listed == [f"{number:02}" for number in reversed(range(25))]


def test_what_changes_can_be_had_without_the_catalogue(visitor):
    part = visitor.get("/home/now", **{"X-XSRFToken": visitor.xsrf})
    whole = visitor.get("/home/")
    assert "/launch/hello" not in part.text
    assert part.text.strip() in whole.text
    assert "content-security-policy" in part.headers


def test_a_launch_of_an_experiment_that_is_gone_can_only_be_opened(client, alice):
    visitor = Visitor(client, alice)
    insert_done(client.settings, alice, "lab/gone.ipynb", experiment="gone")
    text = text_of(visitor.get("/home/"))
    assert "Open gone" in text
    assert "Launch again gone" not in text
    assert "Change parameters of gone" not in text


def test_a_picture_that_was_removed_is_not_there(start_app, fakehub, tmp_path):
    folder = tmp_path / "shelf" / "drawn"
    write_experiment(folder, SCHEMA.format(title="Drawn", text="Drawn."), TEMPLATE)
    (folder / "picture.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    visitor = Visitor(start_app(experiment_paths=[str(tmp_path / "shelf")]), fakehub.add_user())
    (folder / "picture.svg").unlink()
    assert visitor.get("/home/pictures/drawn").status_code == 404


def test_a_queue_is_shown_as_such(client, fakehub):
    user = fakehub.add_user()
    user.starts.append(Start(seconds=20, outcome="never"))
    visitor = Visitor(client, user)
    answer = visitor.post("/launch/hello", {"action": "launch"})
    page = visitor.get("/home/")
    assert "Follow" in text_of(page)
    assert 'data-busy="yes"' in page.text
    visitor.post(answer.headers["location"].partition("?")[0] + "/cancel")


def test_a_launch_with_a_password_is_not_offered_again_and_says_why(start_app, fakehub, tmp_path):
    schema = """
title: Secret
description: Has a password.
type: object
additionalProperties: false
properties: {secret: {type: string, format: password, maxLength: 9, default: ""}}
"""
    write_experiment(tmp_path / "shelf" / "secret", schema, TEMPLATE + 'secret = ""\n')
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    visitor = Visitor(client, fakehub.add_user(server="ready"))
    visitor.post("/launch/secret", {"/parameters/secret": "hunter2"})
    page = wait_until(
        lambda: "Ready" in (page := visitor.get("/home/")).text and page, "the launch"
    )
    text = text_of(page)
    assert "Launch again" not in text
    assert "Passwords are not stored: to launch again, change the parameters" in text
    assert "Change parameters of Secret" in text
