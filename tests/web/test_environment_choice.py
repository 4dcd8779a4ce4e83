"""The field Environment of the form of a launch, and links that name an environment."""

import html
import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from environments import SITE, add, ask, install_hook, select
from visiting import HOSTILE, Visitor, text_of
from waiting import wait_until

from launcher import keys
from launcher.links import signed

FIELD = "/notebook/environment"
HELLO = {"action": "launch", "/notebook/directory": "lab"}


@pytest.fixture
def site(start_app, fakehub):
    client = start_app(**SITE)
    install_hook(fakehub, client)
    return client


@pytest.fixture
def visitor(site, fakehub):
    """Somebody with two environments, whose server does not run."""
    user = fakehub.add_user()
    add(site, user, "climate")
    add(site, user, "hydrology", system="cluster", systems=["cluster", "desk"])
    return Visitor(site, user)


def options(page):
    """The values of the field with their labels, and the chosen one."""
    field = re.search(rf'<select[^>]*name="{FIELD}".*?</select>', page.text, re.DOTALL)[0]
    found = re.findall(r'<option value="([^"]*)"( selected)?>([^<]*)<', field)
    chosen = [html.unescape(value) for value, selected, _ in found if selected]
    return {html.unescape(value): html.unescape(label) for value, _, label in found}, chosen


def running(visitor, server=""):
    """The environment in which the user's server was started."""
    return visitor.user.servers[server].environment


def ended(visitor, answer):
    """The page of the launch that a form began, once it has ended."""
    assert answer.status_code == 303, text_of(answer)
    address = answer.headers["location"].partition("?")[0]

    def look():
        page = visitor.get(address)
        return page if re.search(r'data-state="(done|failed)"', page.text) else None

    return wait_until(look, "the end")


def error_at_the_field(page):
    """What the page says at the field Environment."""
    found = re.search(r'id="place-environment-error".*?</div></div>', page.text, re.DOTALL)
    assert found, text_of(page)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found[0])).split())


def test_the_form_offers_what_the_user_has_and_what_the_site_offers(visitor):
    page = visitor.get("/launch/hello")
    found, chosen = options(page)
    assert found == {
        "": "As selected",
        "desk/climate": "climate",
        "desk/hydrology": "hydrology",
        "desk/climate:1": "climate:1",
        "desk/climate:2": "climate:2",
        "cluster/hydrology": "hydrology",
        "cluster/climate:1": "climate:1",
        "cluster/climate:2": "climate:2",
    }
    assert chosen == [""]
    assert '<optgroup label="Workstation">' in page.text


def test_the_selection_is_named_below_the_field_where_it_is_not_cut(visitor):
    assert "As selected is the hub's default environment." in text_of(visitor.get("/launch/hello"))
    select(visitor.client, visitor.user, name="climate")
    text = text_of(visitor.get("/launch/hello"))
    assert "climate on Workstation, the hub's default environment on Cluster." in text


def test_a_site_without_systems_has_no_such_field(client, alice):
    page = Visitor(client, alice).get("/launch/hello")
    assert FIELD not in page.text
    assert "/home/environments" not in page.text


def test_a_launch_opens_in_the_chosen_environment(visitor):
    page = ended(visitor, visitor.post("/launch/hello", {**HELLO, FIELD: "desk/climate"}))
    assert 'data-state="done"' in page.text
    assert running(visitor) == "climate"


def test_a_launch_that_chooses_nothing_starts_in_the_selection(visitor):
    select(visitor.client, visitor.user, name="hydrology")
    ended(visitor, visitor.post("/launch/hello", {**HELLO, FIELD: ""}))
    assert running(visitor) == "hydrology"


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("entrypoint=climate&system=desk", "desk/climate"),
        ("entrypoint=climate", "desk/climate"),
        ("entrypoint=hydrology&system=cluster", "cluster/hydrology"),
        ("entrypoint=climate:2&system=cluster", "cluster/climate:2"),
    ],
)
def test_a_link_chooses_an_environment(visitor, query, value):
    page = visitor.get(f"/launch/hello?{query}")
    assert options(page)[1] == [value]
    assert "Please correct" not in text_of(page)
    assert "in the environment" in text_of(page)


def test_a_link_chooses_an_environment_by_its_id(visitor):
    made = add(visitor.client, visitor.user, "third")
    page = visitor.get(f"/launch/hello?entrypoint={made['id']}&system=desk")
    assert options(page)[1] == ["desk/third"]


def test_a_link_that_names_only_a_system_means_the_selection_there(visitor):
    select(visitor.client, visitor.user, system="cluster", name="hydrology")
    page = visitor.get("/launch/hello?system=cluster")
    assert options(page)[1] == ["cluster/"]
    assert options(page)[0]["cluster/"] == "As selected on Cluster"
    ended(visitor, visitor.post("/launch/hello", {**HELLO, FIELD: "cluster/"}))
    assert running(visitor) == "hydrology"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("entrypoint=nothing", "no environment “nothing”"),
        ("entrypoint=climate&system=cluster", "no environment “climate” on Cluster"),
        ("entrypoint=climate&system=moon", "no system “moon”"),
        ("entrypoint=hydrology", "on several systems"),
        ("system=desk", "Nothing is selected on “desk”"),
        ("entrypoint=climate&entrypoint=x&system=desk", "twice"),
    ],
)
def test_what_is_wrong_in_a_link_is_shown_at_the_field_and_launches_nothing(visitor, query, words):
    page = visitor.get(f"/launch/hello?{query}")
    assert words in error_at_the_field(page)
    assert '<details class="mb-4 place" open>' in page.text
    (chosen,) = options(page)[1]
    if "twice" not in words:
        answer = visitor.post("/launch/hello", {**HELLO, FIELD: chosen})
        assert answer.status_code in (400, 404, 409), answer.text
        assert error_at_the_field(answer)
        assert options(answer)[1] == [chosen], "nothing that was chosen is lost"
        assert 'value="lab"' in answer.text
    assert visitor.user.server == "stopped"


def test_hostile_names_in_a_link_are_text(visitor):
    page = visitor.get(f"/launch/hello?{urlencode({'entrypoint': HOSTILE, 'system': HOSTILE})}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<svg" not in page.text.partition("<main")[2]


def test_an_environment_that_cannot_be_used_is_shown_at_the_field(visitor):
    ask(visitor.client, visitor.user, fields=["image"])
    answer = visitor.post("/launch/hello", {**HELLO, FIELD: "desk/climate"})
    assert answer.status_code == 409
    assert "started by the hub's spawner, which cannot set command" in error_at_the_field(answer)
    assert options(answer)[1] == ["desk/climate"]
    assert 'value="lab"' in answer.text


def test_what_is_shared_names_the_environment(visitor):
    page = visitor.post("/launch/hello", {**HELLO, "action": "share", FIELD: "desk/climate"})
    link = html.unescape(re.search(r'id="share-link"[^>]*>\s*([^<]*)<', page.text)[1])
    query = parse_qs(urlsplit(link).query)
    assert query["entrypoint"] == ["climate"]
    assert query["system"] == ["desk"]
    text = text_of(page)
    assert '"entrypoint": "climate"' in text
    assert "entrypoint='climate'" in text
    assert options(page)[1] == ["desk/climate"]


def test_the_preview_keeps_the_choice(visitor):
    page = visitor.post("/launch/hello", {**HELLO, "action": "preview", FIELD: "desk/climate"})
    assert options(page)[1] == ["desk/climate"]
    frame = html.unescape(re.search(r'<iframe[^>]*src="([^"]+)"', page.text)[1])
    assert visitor.get(frame).status_code == 200


def test_the_parameters_of_a_launch_are_changed_in_its_environment(visitor):
    page = ended(visitor, visitor.post("/launch/hello", {**HELLO, FIELD: "desk/climate"}))
    change = html.unescape(re.search(r'href="(/launch/hello\?[^"]+)"', page.text)[1])
    assert options(visitor.get(change))[1] == ["desk/climate"]


def signed_link(client, query):
    """A signed link to hello."""
    key = keys.link_key(keys.secret(Path(client.settings.secret_file)))
    return f"/launch/hello?{signed.sign(key, 'hello', query)}"


def press_launch(visitor, page):
    """Press the button of the page of a signed link."""
    action = html.unescape(re.search(r'action="([^"]+/signed\?[^"]+)"', page.text)[1])
    return visitor.post(action)


def test_a_signed_link_launches_in_its_environment(visitor):
    page = visitor.get(signed_link(visitor.client, "entrypoint=climate&system=desk"))
    assert "Environment climate on Workstation" in text_of(page)
    ended(visitor, press_launch(visitor, page))
    assert running(visitor) == "climate"


def test_a_signed_link_to_an_environment_that_is_not_there_launches_nothing(visitor):
    page = visitor.get(signed_link(visitor.client, "entrypoint=nothing&system=desk"))
    answer = press_launch(visitor, page)
    assert answer.status_code == 400
    assert "There is no environment 'nothing'" in text_of(answer)
    assert visitor.user.server == "stopped"


def test_a_link_to_an_environment_on_a_site_without_any_says_so(client, alice):
    page = Visitor(client, alice).get("/launch/hello?entrypoint=climate")
    assert "This site has no environments to choose from" in text_of(page)
