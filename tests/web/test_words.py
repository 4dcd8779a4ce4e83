"""What went wrong is said in the words of the pages, not in those of the API."""

import ast
import re
from pathlib import Path

import pytest
from visiting import Visitor, text_of
from waiting import wait_until

import launcher
from launcher.web.words import for_people

ROOT = Path(launcher.__file__).parent
# whose errors a page may show
SHOWN = ("contents", "experiments", "hub", "launches", "projects", "store")
# errors of requests that no page sends, and of the start of the launcher
OF_THE_API = (
    "event_stream.py",
    "passwords.py",
    "request.py",
    "entrypoint",
    "engine.py:LAUNCHER_DATABASE_URL",
    "versions.py",
)
_API_WORDS = re.compile(
    r"`|\b(?:GET|POST|DELETE) /|\bif_exists\b|\bthis user\b|\bthe user's server", re.I
)


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


def _text(node):
    """The text of a string in the source, with x for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else "'x'" for part in node.values
        )
    return ""


def sentences():
    """The first arguments of calls that are sentences: those of errors."""
    for package in SHOWN:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and node.args:
                    text = _text(node.args[0])
                    place = f"{path.name}:{text}"
                    if (
                        text.endswith(".")
                        and " " in text
                        and not any(each in place for each in OF_THE_API)
                    ):
                        yield text


def test_no_error_that_a_page_shows_has_words_of_the_api():
    found = [text for text in sentences() if _API_WORDS.search(for_people(text))]
    assert found == [], "\n".join(found)


def test_a_server_that_a_hub_cannot_have_is_said_in_words_of_the_form(visitor, fakehub):
    fakehub.allow_named_servers = False
    answer = visitor.post("/launch/hello", {"/notebook/server": "second"})

    def look():
        page = visitor.get(answer.headers["location"])
        return page if 'data-state="failed"' in page.text else None

    text = text_of(wait_until(look, "the failure"))
    assert "This hub has only one server for each person. Leave the field Server empty." in text
    assert "`server`" not in text


def test_an_experiment_that_is_not_there_names_no_operation(visitor):
    text = text_of(visitor.get("/launch/nothing"))
    assert "There is no experiment with that name. The home page lists them." in text


def test_a_server_that_is_not_there_names_no_operation(visitor):
    text = text_of(visitor.post("/home/servers/stop", {"server": "nobody"}))
    assert "There is no server “nobody”. The home page lists yours." in text


def test_text_is_called_text(visitor):
    fields = {"json:/parameters/opendap": "12", "action": "launch"}
    assert "must be text" in text_of(visitor.post("/launch/opendap", fields))
