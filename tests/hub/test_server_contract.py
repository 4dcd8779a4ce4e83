"""What the launcher relies on in users' servers and their contents API, asserted of fake and real.

The numbers in messages are those of errno(3).
"""

import functools
import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from contract import Side
from waiting import wait_until

NOTEBOOK = {"cells": [], "metadata": {"mine": 1}, "nbformat": 4, "nbformat_minor": 5}
TEXT = json.dumps(NOTEBOOK)
CHANGES = ("PUT", "PATCH", "POST", "DELETE")


@dataclass(frozen=True)
class Home:
    """A folder in a user's home, and the contents API that leads there."""

    side: Side
    user: str
    token: str
    folder: str

    def call(self, method: str, path: str, **more):
        """A call of the contents API, with a path below the folder."""
        path = f"api/contents/{self.folder}/{path}".rstrip("/")
        return self.side.server(method, self.user, path, token=self.token, **more)

    def make(self, path: str):
        return self.call("PUT", path, json={"type": "directory"})

    def write(self, path: str, text: str = TEXT):
        body = {"type": "file", "format": "text", "content": text}
        return self.call("PUT", path, json=body)

    def rename(self, path: str, target: str):
        return self.call("PATCH", path, json={"path": f"{self.folder}/{target}"})

    def read(self, path: str, **query: object):
        return self.call("GET", path, params=query)


@pytest.fixture(scope="module")
def users():
    """By hub: a user whose default server runs."""
    return {}


@pytest.fixture
def running(side, users):
    """A user whose default server runs, and a token for it; on the real hub always the same."""
    user = users.get(side.hub) if side.is_real else None
    if user is None:
        user = users[side.hub] = side.add_user()
        side.run(user)
    return user, side.mint(user).json()["token"]


@pytest.fixture
def home(side, running, request):
    """A new folder in the user's home."""
    home = Home(side, *running, request.node.name.partition("[")[0][-40:])
    assert home.make("").status_code == 201
    return home


def said(answer, status):
    """The message of an error of jupyter_server."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()["message"]


def is_page(answer, status):
    """Whether it is a page in place of an answer of the API."""
    return answer.status_code == status and answer.headers["content-type"].startswith("text/html")


# routes and tokens


def test_a_server_that_is_not_there_is_a_redirect_or_a_page_of_the_hub(side):
    user = side.add_user()
    token = side.mint(user).json()["token"]
    answer = side.server("GET", user, "api/contents/x", token=token)
    assert answer.status_code == 302
    for method in CHANGES:
        answer = side.server(method, user, "api/contents/x", token=token)
        assert is_page(answer, 403)
        assert "x-jupyterhub-version" in answer.headers


def test_a_named_server_that_is_not_there_is_a_page_of_the_default_server(side, running):
    user, token = running
    for sent in (token, side.mint(user, "absent").json()["token"]):
        for method in ("GET", *CHANGES):
            answer = side.server(method, user, "api/contents/x", name="absent", token=sent)
            assert is_page(answer, 404), (method, answer.text[:300])


def test_anybody_may_ask_whether_a_server_is_there(side, running):
    answer = side.server("GET", running[0], "api", token="")
    assert answer.status_code == 200
    assert answer.json().keys() == {"version"}


def test_a_token_opens_its_own_server_alone(side, running):
    user, token = running
    side.run(user, "gpu")
    tokens = {"": token, "gpu": side.mint(user, "gpu").json()["token"]}
    for server in tokens:
        for name, sent in tokens.items():
            answer = side.server("GET", user, "api/contents", name=server, token=sent)
            assert (answer.status_code == 200) is (name == server)
            if name != server:
                assert said(answer, 403) == "Forbidden"
    side.stop(user, "gpu", remove=True)


@pytest.mark.parametrize("method", ["GET", *CHANGES])
def test_a_token_that_is_none_opens_nothing(side, running, method):
    message = said(side.server(method, running[0], "api/contents/x", token="0" * 32), 403)
    missing = f"'_xsrf' argument missing from {method}"
    assert message in (("Forbidden",) if method == "GET" else (missing,))


def test_another_users_token_opens_nothing(side, running):
    token = side.mint(side.add_user()).json()["token"]
    assert said(side.server("GET", running[0], "api/contents/x", token=token), 403) == "Forbidden"


# directories


def test_a_directory_is_made_and_made_again(home):
    for _ in range(2):
        answer = home.make("a")
        assert answer.status_code == 201, answer.text
        model = answer.json()
        assert (model["name"], model["path"]) == ("a", f"{home.folder}/a")
        assert model["type"] == "directory"


def test_a_missing_parent_is_a_500_with_its_number(home):
    for answer in (home.make("no/such"), home.write("no/such/x.ipynb")):
        assert answer.status_code == 500, answer.text
    assert "[Errno 2] No such file or directory" in said(home.write("no/x.ipynb"), 500)


def test_a_file_in_the_way_of_a_directory_is_told(home):
    home.write("a")
    assert "Not a directory" in said(home.make("a"), 400)
    assert said(home.make("a/b"), 500)
    assert said(home.write("a/x.ipynb"), 500)
    assert said(home.read("a/x.ipynb", content=0), 500)


# files


def test_a_file_is_written_and_written_over(home):
    for status in (201, 200):
        answer = home.write("x.ipynb")
        assert answer.status_code == status, answer.text
        model = answer.json()
        assert (model["name"], model["path"]) == ("x.ipynb", f"{home.folder}/x.ipynb")
        assert model["content"] is None
        assert model["last_modified"][:2] == "20"


def test_a_file_is_read_as_a_notebook_as_text_or_without_its_content(home):
    home.write("x.ipynb")
    model = home.read("x.ipynb", content=1, type="notebook").json()
    assert (model["type"], model["content"]["metadata"]["mine"]) == ("notebook", 1)
    model = home.read("x.ipynb", content=1, type="file", format="text").json()
    assert model["content"] == TEXT
    model = home.read("x.ipynb", content=0).json()
    assert model["content"] is None
    assert model["last_modified"][:2] == "20"


def test_a_notebook_that_is_none_is_400(home):
    home.write("x.ipynb", "{")
    assert "Unreadable Notebook" in said(home.read("x.ipynb", content=1, type="notebook"), 400)


def test_a_directory_is_no_notebook(home):
    home.make("a")
    assert "is a directory" in said(home.read("a", content=1, type="notebook"), 400)
    assert "[Errno 21] Is a directory" in said(home.write("a"), 500)


def test_a_file_that_is_not_there_is_a_404_whose_body_is_no_json(home):
    answer = home.read("x.ipynb", content=0)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.text == f"file or directory '/{home.folder}/x.ipynb' does not exist"


def test_a_name_that_is_too_long_is_a_500(home):
    long = "x" * 250 + ".ipynb"
    home.write("x.ipynb")
    for answer in (home.write(long), home.make(long), home.rename("x.ipynb", long)):
        assert said(answer, 500) == "Unhandled error"


def test_what_is_hidden_is_400(home):
    home.write("x.ipynb")
    for answer in (home.write(".x.ipynb"), home.write(".a/x.ipynb"), home.make(".a")):
        assert "hidden" in said(answer, 400)
    assert said(home.rename("x.ipynb", ".x.ipynb"), 400)
    assert said(home.call("DELETE", ".x.ipynb"), 400)
    assert home.read(".x.ipynb", content=0).status_code == 404


def test_a_file_is_deleted_once(home):
    home.write("x.ipynb")
    assert home.call("DELETE", "x.ipynb").status_code == 204
    assert home.call("DELETE", "x.ipynb").status_code == 404


def test_names_are_those_of_the_path_when_it_is_decoded(home):
    name = "ü?#% é.ipynb"
    assert home.call("PUT", "%C3%BC%3F%23%25%20%C3%A9.ipynb", json=text_file()).status_code == 201
    assert home.read("%C3%BC%3F%23%25%20%C3%A9.ipynb", content=0).json()["name"] == name


def text_file():
    return {"type": "file", "format": "text", "content": TEXT}


# renames


def test_a_rename_leaves_one_file(home):
    home.write("x.ipynb")
    answer = home.rename("x.ipynb", "y.ipynb")
    assert answer.status_code == 200, answer.text
    assert answer.json()["path"] == f"{home.folder}/y.ipynb"
    assert home.read("x.ipynb", content=0).status_code == 404
    assert home.read("y.ipynb", content=0).status_code == 200


@pytest.mark.parametrize("taken", ["file", "directory"])
def test_a_name_that_is_taken_is_409_and_both_files_stay(home, taken):
    home.write("x.ipynb")
    home.write("y.ipynb", "mine") if taken == "file" else home.make("y.ipynb")
    assert "already exists" in said(home.rename("x.ipynb", "y.ipynb"), 409)
    assert home.read("x.ipynb", content=0).status_code == 200
    if taken == "file":
        assert home.read("y.ipynb", type="file", format="text").json()["content"] == "mine"


def test_a_file_that_is_not_there_is_not_renamed(home):
    message = said(home.rename("x.ipynb", "y.ipynb"), 404)
    assert message == f"File or directory does not exist: {home.folder}/x.ipynb"


def test_a_rename_into_a_missing_directory_is_a_404_of_the_file_itself(home):
    home.write("x.ipynb")
    message = said(home.rename("x.ipynb", "no/x.ipynb"), 404)
    assert message == f"File or directory does not exist: {home.folder}/x.ipynb"


# checkpoints


def test_a_checkpoint_keeps_what_was_there(home):
    home.write("x.ipynb")
    answer = home.call("POST", "x.ipynb/checkpoints")
    assert answer.status_code == 201, answer.text
    assert answer.json().keys() == {"id", "last_modified"}
    home.write("x.ipynb", "other")
    number = answer.json()["id"]
    assert home.call("POST", f"x.ipynb/checkpoints/{number}").status_code == 204
    assert home.read("x.ipynb", type="file", format="text").json()["content"] == TEXT


@pytest.mark.parametrize("path", ["x.ipynb", "", ".x.ipynb"])
def test_there_is_no_checkpoint_of_what_is_no_file(home, path):
    assert said(home.call("POST", f"{path}/checkpoints".lstrip("/")), 500) == "Unhandled error"


@pytest.mark.parametrize("word", ["checkpoints", "trust"])
def test_words_of_the_api_are_names_when_they_are_quoted(home, word):
    quoted = f"%{ord(word[0]):x}{word[1:]}"
    assert home.call("PUT", word, json={"type": "directory"}).status_code == 405
    assert put_as_it_is(home, quoted, {"type": "directory"}) == 201
    assert put_as_it_is(home, f"{quoted}/x.ipynb", text_file()) == 201
    assert put_as_it_is(home, f"{quoted}/x/checkpoints", text_file()) == 405


def put_as_it_is(home, path, body):
    """The status of a PUT whose path is not normalised, which requests does."""
    url = urlsplit(f"{home.side.url}/user/{home.user}/api/contents/{home.folder}/{path}")
    with closing(HTTPConnection(url.netloc, timeout=30)) as wire:
        headers = {"Authorization": f"token {home.token}"}
        wire.request("PUT", url.path, body=json.dumps(body), headers=headers)
        return wire.getresponse().status


def test_a_server_that_was_stopped_is_gone_from_the_proxy(side):
    user = side.add_user()
    side.run(user)
    token = side.mint(user).json()["token"]
    side.stop(user)
    side.has_stopped(user)
    probe = functools.partial(side.server, "GET", user, "api", token=token)
    wait_until(lambda: probe().status_code == 302, "the end of the route", 30)
