"""The line at the top of a notebook: what made it, and nothing that a parameter adds to it."""

import json
import re

import nbformat
import pytest
from experiment_folders import TEMPLATE, write_experiment
from hostile_notebooks import ALL
from markdown_it import MarkdownIt
from visiting import Visitor
from waiting import wait_until

from launcher.experiments import provenance

LINK = "https://hub.example.org/services/launcher/launch/hello?p.x=1"
MARKDOWN = [
    *("`", "``", "```\n", "a\n\n# b", "\n\n---\n\n", "a\r\rb", "\u2028\n> x", "\\", "\\`", "* x"),
    *("1. x", "<http://127.0.0.2:9>", "www.example.com", "https://example.com/x", "a@example.com"),
    *("[x](javascript:alert(1))", "![x](http://127.0.0.2:9/x.png)", "](x) [y](z", "&lt;b&gt;"),
    *("$x$", "$$\\href{javascript:alert(1)}{x}$$", "*x* _x_ ~~x~~ **x**", "| a |\n|---|"),
    *("{{7*7}}", "", " ", "\x00", "\x1b[31m", "\u202ex"),
]


def tokens(text):
    """What the text is as Markdown: the kinds of its parts, and its links."""
    parsed = MarkdownIt("commonmark").enable(["strikethrough", "table"]).parse(text)
    inline = [part for block in parsed for part in block.children or ()]
    links = [part.attrs["href"] for part in inline if part.type == "link_open"]
    return [block.type for block in parsed], {part.type for part in inline}, links


@pytest.mark.parametrize("text", [*ALL, *MARKDOWN])
def test_no_text_is_more_than_text(text):
    line = provenance.line(text, {"x": text, text: 1, "in": {text: [text, None]}}, LINK)
    blocks, parts, links = tokens(line)
    assert blocks == ["paragraph_open", "inline", "paragraph_close"]
    assert parts <= {"text", "code_inline", "em_open", "em_close", "link_open", "link_close"}
    assert links == [LINK]
    # JupyterLab and others make links of addresses that are text
    plain = re.sub(r"\\.", "", line.partition("[Change")[0])
    assert not re.search(r"[$<@]|://|www\.", re.sub(r"`[^`]*`", "", plain))


def test_the_line_says_what_made_the_notebook_and_how_to_change_it():
    line = provenance.line("Hello", {"depth": 3, "period": {"start": "2000"}}, LINK)
    assert re.fullmatch(
        r"\*Made from the experiment Hello on \d{4}-\d\d-\d\d with `depth = 3`,"
        r" `period.start = 2000`\.\* \[Change the parameters\]\(" + re.escape(LINK) + r"\)",
        line,
    )


def test_a_line_without_parameters_and_link_is_a_sentence():
    assert re.fullmatch(
        r"\*Made from the experiment Hello on [\d-]{10}\.\*", provenance.line("Hello", {}, "")
    )


def test_long_and_many_parameters_are_abbreviated():
    line = provenance.line("Hello", {f"p{n}": "x" * 10_000 for n in range(100)}, "")
    assert len(line) < 1000
    assert "…" in line
    assert "and 92 more" in line


# launches

SECRET = """
title: Site
description: An experiment with a password.
type: object
properties:
  depth: {type: integer, default: 1}
  name: {type: string, format: password, maxLength: 40, default: ""}
"""


@pytest.fixture
def site(tmp_path, start_app):
    """Start an application with an experiment that takes a password."""
    write_experiment(tmp_path / "shelf" / "site", SECRET, TEMPLATE)
    shelf = [str(tmp_path / "shelf")]
    return lambda **settings: start_app(experiment_paths=shelf, breaker_seconds=0, **settings)


def launched(client, user, parameters):
    """The notebook that the API writes."""
    notebook = {"directory": "lab", "filename": "site.ipynb"}
    body = {"notebook": notebook, "parameters": parameters}
    answer = client.post("/experiments/site", json=body, headers=user.auth)
    assert answer.status_code == 200, answer.text
    return json.loads(user.files["lab/site.ipynb"])


def submitted(client, user, parameters):
    """The notebook that the page writes."""
    fields = {f"/parameters/{name}": value for name, value in parameters.items()}
    fields |= {"action": "launch", "/notebook/directory": "lab"}
    assert Visitor(client, user).post("/launch/site", fields).status_code == 303
    return json.loads(wait_until(lambda: user.files.get("lab/site.ipynb"), "the notebook"))


@pytest.mark.parametrize("launch", [launched, submitted])
def test_a_launched_notebook_begins_with_the_line_and_hides_passwords(site, alice, launch):
    notebook = launch(site(), alice, {"depth": 3, "name": "hunter2"})
    nbformat.validate(notebook)
    first, *others = notebook["cells"]
    assert first["metadata"]["tags"] == ["launcher"]
    source = "".join(first["source"])
    assert "`depth = 3`" in source
    assert "/launch/site?p.depth=3" in source
    assert "hunter2" not in source
    assert "hunter2" not in json.dumps(notebook["metadata"])
    assert notebook["metadata"]["launcher"]["parameters"]["depth"] == 3
    assert "hunter2" in json.dumps(others)


def test_the_preview_of_the_api_has_the_line_too(site, alice):
    body = {"parameters": {"depth": 3}}
    answer = site().post("/experiments/site/preview", json=body, headers=alice.auth)
    assert "`depth = 3`" in "".join(answer.json()["cells"][0]["source"])


@pytest.mark.parametrize("launch", [launched, submitted])
def test_a_setting_switches_the_line_off(site, alice, launch):
    notebook = launch(site(notebook_provenance=False), alice, {"depth": 3})
    assert "Made from" not in json.dumps(notebook)
