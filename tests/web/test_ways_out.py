"""What the page of a launch offers when the server runs in another environment."""

import re

import pytest
from environments import SITE, add, install_hook
from visiting import Visitor, text_of
from waiting import wait_until

FIELD = "/notebook/environment"
HELLO = {"action": "launch", "/notebook/directory": "lab"}


def new_visitor(start_app, fakehub, **settings):
    """Somebody with two environments, whose server does not run."""
    client = start_app(**{**SITE, **settings})
    install_hook(fakehub, client)
    user = fakehub.add_user()
    for name in ("climate", "hydrology"):
        add(client, user, name)
    return Visitor(client, user)


@pytest.fixture
def visitor(start_app, fakehub):
    return new_visitor(start_app, fakehub)


def launch(visitor, environment):
    """The address and the page of a launch in an environment, once it has ended."""
    sent = {**HELLO, FIELD: environment and f"desk/{environment}"}
    return ended(visitor, visitor.post("/launch/hello", sent))


def ended(visitor, answer):
    """The address and the page of the launch that an answer leads to, once it has ended."""
    assert answer.status_code == 303, text_of(answer)
    address = answer.headers["location"].partition("?")[0]
    assert address.startswith("/home/launches/")

    def look():
        page = visitor.get(address)
        return page if re.search(r'data-state="(done|failed|cancelled)"', page.text) else None

    return address, wait_until(look, "the end")


def stuck(visitor):
    """The address and the page of a launch whose server runs in another environment."""
    launch(visitor, "climate")
    return launch(visitor, "hydrology")


def press(visitor, stuck_launch, way):
    """Press the button of a way out."""
    address, page = stuck_launch
    assert f'name="way" value="{way}"' in page.text, text_of(page)
    key = re.search(r'name="key" value="([^"]+)"', page.text)[1]
    return visitor.post(f"{address}/again", {"way": way, "key": key})


def running(visitor, server=""):
    """The environment in which the user's server was started."""
    return visitor.user.servers[server].environment


def test_the_page_shows_the_environment(visitor):
    _, page = launch(visitor, "climate")
    assert "Environment: climate on Workstation" in text_of(page)


def test_the_page_says_what_runs_and_what_can_be_done(visitor):
    _, page = stuck(visitor)
    text = text_of(page)
    assert "Your server runs in 'climate'" in text
    assert "Stop the server and launch again" in text
    assert "Open it where it runs" in text
    assert "on a server of its own" not in text
    assert ">Launch again<" not in page.text, "it would fail again"


def test_the_server_is_stopped_and_the_launch_repeated(visitor):
    _, page = ended(visitor, press(visitor, stuck(visitor), "restart"))
    assert 'data-state="done"' in page.text
    assert running(visitor) == "hydrology"
    assert "lab/hello-1.ipynb" in visitor.user.files


def test_a_double_click_stops_the_server_once(visitor):
    launch_ = stuck(visitor)
    first = press(visitor, launch_, "restart")
    second = press(visitor, launch_, "restart")
    assert first.headers["location"] == second.headers["location"]
    _, page = ended(visitor, first)
    assert 'data-state="done"' in page.text


def test_it_is_opened_where_the_server_runs(visitor):
    _, page = ended(visitor, press(visitor, stuck(visitor), "open"))
    assert 'data-state="done"' in page.text
    assert running(visitor) == "climate"
    assert "Environment:" not in text_of(page)
    change = re.search(r'href="(/launch/hello[^"]*)"', page.text)[1]
    assert "entrypoint" not in change


def test_it_is_launched_on_a_server_of_its_own(start_app, fakehub):
    visitor = new_visitor(start_app, fakehub, environment_servers=True)
    _, page = ended(visitor, press(visitor, stuck(visitor), "named_server"))
    assert 'data-state="done"' in page.text, text_of(page)
    (name,) = [name for name in visitor.user.servers if name]
    assert running(visitor, name) == "hydrology"
    assert running(visitor) == "climate"
    assert f"Server: {name}" in text_of(page)


def test_an_environment_that_is_gone_stops_no_server(visitor):
    address, page = stuck(visitor)
    made = re.search(r"entrypoint=", page.text)
    assert made
    path = f"/users/{visitor.user.name}"
    own = visitor.client.get(f"{path}/entrypoints", headers=visitor.user.auth).json()
    (gone,) = [each["id"] for each in own["entrypoints"] if each["name"] == "hydrology"]
    body = {"id": gone}
    visitor.client.request("DELETE", f"{path}/systems/desk", json=body, headers=visitor.user.auth)
    answer = press(visitor, (address, page), "restart")
    assert answer.status_code == 400
    assert "Not launched again:" in text_of(answer)
    assert visitor.user.server == "ready"


@pytest.mark.parametrize("way", ["named_server", "delete", "RESTART", "<script>"])
def test_a_way_that_was_not_offered_is_refused(visitor, way):
    address, _ = stuck(visitor)
    answer = visitor.post(f"{address}/again", {"way": way})
    assert answer.status_code == 400
    assert "This button is not known" in text_of(answer)
    assert running(visitor) == "climate"


def test_a_way_out_needs_the_token_of_the_session(visitor):
    address, _ = stuck(visitor)
    answer = visitor.post(f"{address}/again", {"way": "restart"}, xsrf="wrong")
    assert answer.status_code == 403
    assert visitor.user.server == "ready"


def test_launching_again_keeps_the_environment(visitor):
    address, _ = launch(visitor, "climate")
    visitor.client.delete("/server", headers=visitor.user.auth)
    again, page = ended(visitor, visitor.post(f"{address}/again"))
    assert again != address
    assert running(visitor) == "climate"
    assert "Environment: climate on Workstation" in text_of(page)


def test_a_hub_without_the_hook_is_explained(visitor, fakehub):
    fakehub.spawn_hook = None
    _, page = launch(visitor, "climate")
    text = text_of(page)
    assert "configure(c, system=" in text
    assert "Ask the people who run the hub to add these lines" in text


def test_a_server_without_a_notebook_is_restarted_in_its_environment(visitor):
    launch(visitor, "climate")
    body = {"entrypoint": "hydrology", "system": "desk"}
    headers = {**visitor.user.auth, "Prefer": "respond-async"}
    begun = visitor.client.post("/launches", json=body, headers=headers)
    address = f"/home/launches/{begun.json()['id']}"
    wait_until(lambda: 'data-state="failed"' in visitor.get(address).text, "the failure")
    _, page = ended(visitor, press(visitor, (address, visitor.get(address)), "restart"))
    assert 'data-state="done"' in page.text
    assert running(visitor) == "hydrology"
