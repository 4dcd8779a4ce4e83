"""What all pages have in common: errors as pages, and texts that hold HTML."""

import sqlite3
from contextlib import closing
from html.parser import HTMLParser

import pytest
from application import problem_of
from experiment_folders import write_experiment
from stored_launches import insert_done
from visiting import HOSTILE, Visitor, text_of

SCHEMA = "title: {text}\ndescription: {text}\ntype: object\nproperties: {{}}\n"
TEMPLATE = '# %% tags=["parameters"]\n'


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


class Structure(HTMLParser):
    """The elements of a page, each with the names of its attributes."""

    def __init__(self):
        super().__init__()
        self.elements, self.values = [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, *(name for name, _ in attributes)))
        self.values += [value for _, value in attributes]


def structure_of(page):
    structure = Structure()
    structure.feed(page.text)
    return structure


def page_of(answer, status):
    """The page in an answer of that status, with what every error page has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"] in text_of(answer)
    structure = structure_of(answer)
    tags = [element[0] for element in structure.elements]
    assert tags.count("h1") == tags.count("main") == 1
    assert any(value and value.endswith("/home/") for value in structure.values), "a way out"
    return answer


@pytest.mark.parametrize(
    "path", ["/home/x", "/home/a/b", "/home/%00", "/home/launches/x",
             "/home/pictures/x", "/launch/nothing", "/launch/hello/x/y"]
)  # fmt: skip
def test_an_address_without_a_page_is_a_page(visitor, path):
    text = text_of(page_of(visitor.get(path), 404))
    assert "There is no" in text or "no experiment" in text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/home/", "GET, HEAD"),
        ("DELETE", "/home/token", "GET, HEAD"),
        ("GET", "/home/servers/stop", "POST"),
        ("GET", "/home/launches/x/again", "POST"),
        ("PUT", "/launch/hello", "GET, HEAD, POST"),
        ("TRACE", "/launch/hello", "GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_is_a_page_that_says_which_are_right(visitor, method, path, allowed):
    answer = visitor.client.request(method, path, headers=visitor.headers)
    page_of(answer, 405)
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("prefix", ["", "/services/launcher"])
def test_errors_are_pages_below_the_prefix_and_problems_elsewhere(start_app, alice, prefix):
    visitor = Visitor(start_app({"BASE_PATH": prefix}), alice)
    page_of(visitor.get(f"{prefix}/home/nothing"), 404)
    for path in ("/nothing", "/experiments/", "/homes/x", "/launches/x"):
        answer = visitor.client.get(prefix + path, headers={**alice.auth, "Accept": "text/html"})
        problem_of(answer, 404)


def test_a_fault_of_ours_is_a_page_with_the_id_of_the_request(start_app, alice, tmp_path):
    visitor = Visitor(start_app(), alice)
    with closing(sqlite3.connect(tmp_path / "launcher.sqlite")) as database:
        database.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON launches"
            " BEGIN SELECT RAISE(ABORT, 'no more'); END"
        )
    page = page_of(visitor.post("/home/servers/start", {"server": ""}), 500)
    assert "no more" not in page.text


def test_an_ended_session_leads_to_the_sign_in(client):
    page = page_of(client.post("/home/servers/stop"), 401)
    assert 'btn-primary" href="/home/sign-in?next=%2Fhome%2F"' in page.text


def test_the_navigation_says_which_page_is_open(visitor):
    for path, words in (("/home/", "Home"), ("/home/token", "Token")):
        page = visitor.get(path)
        assert page.text.count("aria-current") == 1
        assert f'aria-current="page" href="{path}">{words}<' in page.text


def home_with(start_app, fakehub, folder, text):
    """The home page of somebody around whom everything is called that."""
    write_experiment(folder / "shelf" / "named", SCHEMA.format(text=repr_yaml(text)), TEMPLATE)
    client = start_app(experiment_paths=[str(folder / "shelf")])
    user = fakehub.add_user(server="ready")
    user.add_server(text.replace("/", ""), "ready")
    for experiment in ("named", text):
        insert_done(client.settings, user, f"{text}.ipynb", experiment=experiment)
    return Visitor(client, user).get("/home/", **{"Referer": text})


def repr_yaml(text):
    return "'" + text.replace("'", "''") + "'"


def test_no_text_becomes_an_element_or_attribute(start_app, fakehub, tmp_path):
    plain = home_with(start_app, fakehub, tmp_path / "plain", "plain")
    hostile = home_with(start_app, fakehub, tmp_path / "hostile", HOSTILE)
    assert plain.status_code == hostile.status_code == 200
    assert structure_of(hostile).elements == structure_of(plain).elements
    assert text_of(hostile).count(HOSTILE) >= 5
    assert "49" not in text_of(hostile)


def test_what_is_searched_stays_a_text(visitor):
    plain = visitor.get("/home/?q=plain")
    hostile = visitor.client.get("/home/", params={"q": HOSTILE}, headers=visitor.headers)
    assert structure_of(hostile).elements == structure_of(plain).elements
    assert HOSTILE in structure_of(hostile).values


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/launch", "/home/#experiments"),
        ("/launch/", "/home/#experiments"),
        ("/launch/hello/", "/launch/hello"),
        ("/launch/hello/?directory=a%20b&p.x=1", "/launch/hello?directory=a%20b&p.x=1"),
        ("/home/token/", "/home/token"),
        ("/home/launches/x/", "/home/launches/x"),
        ("/launch/%3Cb%3E/", "/launch/%3Cb%3E"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/services/launcher"])
def test_an_address_with_a_slash_too_many_or_too_few_leads_to_its_page(
    start_app, prefix, path, page
):
    client = start_app({"BASE_PATH": prefix})
    answer = client.get(prefix + path)
    assert answer.status_code in (303, 307)
    assert answer.headers["location"] == prefix + page


@pytest.mark.parametrize("path", ["/launch//", "/launch//hello/", "/home/launches/"])
def test_other_addresses_lead_nowhere(client, path):
    page_of(client.get(path), 404)


def test_the_description_of_the_api_leads_back_to_the_pages(client):
    assert 'href="../home/"' in client.get("/ui/").text
