"""The lines for sharing: they do what is filled in, and hold no password."""

import ast
import inspect
import json
import re
import shlex
from urllib.parse import parse_qsl, urlsplit

import pytest

from launcher.client import LauncherClient
from launcher.links.query import MAX_QUERY, link_query, parse
from launcher.links.share import ARGUMENTS, share

PASSWORD = {"type": "string", "format": "password"}
LOGIN = {"type": "object", "properties": {"user": {"type": "string"}, "password": PASSWORD}}
URL = "https://hub.example.org/services/launcher"
NASTY = "it's $(id) `id` \"\\ [x](y) \u202e é\n"


def shared(properties, parameters, **notebook):
    return share(
        URL,
        f"{URL}/static/badge.svg",
        experiment="mine",
        title="My [title](x)",
        schema={"type": "object", "properties": properties},
        parameters=parameters,
        notebook=notebook,
        defaults={"directory": "experiments", "filename": "mine.ipynb", "if_exists": "rename"},
    )


def test_the_curl_command_sends_what_is_filled_in():
    words = shlex.split(
        shared({}, {"text": NASTY, "list": [1, None]}, directory="d", server="").curl
    )
    body = json.loads(words[words.index("-d") + 1])
    assert body == {
        "notebook": {"directory": "d"},
        "parameters": {"text": NASTY, "list": [1, None]},
    }
    assert words[-1] == f"{URL}/experiments/mine"
    assert "Authorization: token $HUB_TOKEN" in words


def test_the_python_lines_launch_what_is_filled_in():
    lines = shared({}, {"text": NASTY, "list": [1, None, True]}, directory="d").python
    found = [each for each in ast.walk(ast.parse(lines)) if isinstance(each, ast.Call)]
    calls = {ast.unparse(each.func): each for each in found}
    client, launch = calls["LauncherClient"], calls["launcher.launch"]
    assert [ast.literal_eval(each) for each in client.args] == [URL]
    assert [ast.literal_eval(each) for each in launch.args] == ["mine"]
    given = {each.arg: ast.literal_eval(each.value) for each in launch.keywords}
    assert given == {"directory": "d", "text": NASTY, "list": [1, None, True]}


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_a_parameter_named_like_an_argument_has_no_python_lines(name):
    lines = shared({}, {name: "x"}, directory="d")
    assert lines.python == ""
    assert name in lines.curl


def test_the_names_of_the_arguments_are_those_of_the_client():
    named = inspect.signature(LauncherClient.launch).parameters.values()
    assert {each.name for each in named if each.kind is each.KEYWORD_ONLY} == ARGUMENTS


def test_the_badge_is_one_link_whatever_the_title_holds():
    lines = shared({}, {"text": NASTY}, directory="a) b")
    image, link = re.fullmatch(
        r"\[!\[Launch My titlex\]\((\S+)\)\]\(([^()\s]+)\)", lines.badge
    ).groups()
    assert image == f"{URL}/static/badge.svg"
    assert link == lines.link
    found = parse({}, parse_qsl(urlsplit(link).query))
    assert (found.parameters, found.notebook) == ({"text": NASTY}, {"directory": "a) b"})


def test_a_link_is_as_short_as_it_can_be():
    place = {"directory": "experiments", "filename": "mine.ipynb", "if_exists": "rename"}
    lines = shared({"url": {"type": "string"}}, {"url": "https://x.org/a"}, **place)
    assert lines.link == f"{URL}/launch/mine?p.url=https://x.org/a"
    assert "directory='experiments'" in lines.python
    assert shared({}, {}).link == f"{URL}/launch/mine"


def test_what_is_too_long_for_a_link_is_shared_as_commands_only():
    lines = shared({}, {"text": "x" * MAX_QUERY})
    assert (lines.link, lines.badge) == ("", "")
    assert "x" * MAX_QUERY in lines.curl


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (PASSWORD, "hunter2"),
        (LOGIN, {"user": "a", "password": "hunter2"}),
        ({"type": "array", "items": PASSWORD}, ["hunter2"]),
        ({"type": "array", "items": LOGIN}, [{"user": "a"}, {"password": "hunter2"}]),
        ({"type": "object", "additionalProperties": PASSWORD}, {"a.b": "hunter2"}),
        ({"type": "object", "additionalProperties": LOGIN}, {"x": {"password": "hunter2"}}),
        ({"oneOf": [{"type": "integer"}, PASSWORD]}, "hunter2"),
        ({"anyOf": [{"type": "array"}, LOGIN]}, {"password": "hunter2"}),
        ({"allOf": [LOGIN, {"required": ["user"]}]}, {"user": "a", "password": "hunter2"}),
        ({**LOGIN, "nullable": True}, {"password": "hunter2"}),
        (
            {"allOf": [{"type": "object", "properties": {"x": LOGIN}}]},
            {"x": {"password": "hunter2"}},
        ),
    ],
)
def test_a_password_is_never_shared_wherever_it_is(schema, value):
    lines = shared({"secret": schema, "name": {"type": "string"}}, {"secret": value, "name": "n"})
    for text in (lines.link, lines.badge, lines.curl, lines.python):
        assert "hunter2" not in text
    assert lines.without_passwords
    assert "p.name=n" in lines.link


def test_a_password_in_a_schema_of_alternatives_at_the_top_is_not_in_a_link():
    schema = {"type": "object", "allOf": [{"properties": {"secret": PASSWORD}}]}
    assert link_query(schema, {"secret": "hunter2"}) == ""


def test_an_empty_password_is_no_password():
    assert not shared({"secret": PASSWORD}, {"secret": ""}).without_passwords
