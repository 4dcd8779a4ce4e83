"""Links with wrong values: each is shown where it belongs, and can be corrected there."""

import pytest
from experiment_folders import write_experiment
from form_pages import FormPage
from visiting import Visitor, text_of

SCHEMA = """
title: Wrong
description: Has all sorts of fields.
type: object
required: [name]
additionalProperties: false
properties:
  name: {type: string}
  depth: {type: integer, default: 3}
  setup:
    type: object
    additionalProperties: false
    properties:
      model: {type: string, default: wflow}
  extra: {type: object, additionalProperties: {type: integer}}
  deep:
    type: object
    additionalProperties: {type: object, additionalProperties: {type: boolean}}
  places: {type: array, items: {type: string}}
"""
TEMPLATE = """# %% tags=["parameters"]
name = ""
depth = 3
setup = {}
extra = {}
deep = {}
places = []
"""


@pytest.fixture
def visitor(start_app, fakehub, tmp_path):
    write_experiment(tmp_path / "shelf" / "wrong", SCHEMA, TEMPLATE)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    return Visitor(client, fakehub.add_user(server="ready"))


def fields_of(page):
    """The names and values of the fields of a page's form."""
    return FormPage(page.text).pairs()


@pytest.mark.parametrize(
    ("query", "name", "text", "sentence"),
    [
        ("p.extra.y=zz", "y", "zz", "must be a whole number"),
        ("p.extra.x=1&p.extra.y=zz", "y", "zz", "must be a whole number"),
        ("p./extra/a~1b=zz", "a/b", "zz", "must be a whole number"),
        ("p.deep.one.two=maybe", "two", "maybe", "must be yes or no"),
    ],
)
def test_a_row_whose_value_is_wrong_is_shown(visitor, query, name, text, sentence):
    page = visitor.get(f"/launch/wrong?{query}")
    assert sentence in text_of(page)
    named = {value: field for field, value in fields_of(page) if field.startswith("key:")}
    assert name in named
    row = named[name].removeprefix("key:")
    assert f'data-pointer="{row}"' in page.text, "the sentence is at the row"
    if sentence != "must be yes or no":  # which is chosen, not written
        assert (row, text) in fields_of(page)


@pytest.mark.parametrize(
    ("query", "name", "normal"),
    [
        ("p.setup=abc", "/parameters/setup", ("/parameters/setup/model", "wflow")),
        ("p.setup=12", "/parameters/setup", ("/parameters/setup/model", "wflow")),
        ("null.name=", "/parameters/name", ("/parameters/name", "")),
        ("p.places=abc", "/parameters/places", None),
    ],
)
def test_a_field_that_shows_json_can_be_emptied(visitor, query, name, normal):
    page = visitor.get(f"/launch/wrong?{query}")
    assert f"json:{name}" in dict(fields_of(page))
    assert f'value="empty {name}"' in page.text
    pairs = [*fields_of(page), ("action", f"empty {name}")]
    again = visitor.post("/launch/wrong", pairs)
    assert again.status_code == 200
    assert f"json:{name}" not in dict(fields_of(again))
    assert "Empty this field" not in text_of(again)
    if normal:
        assert normal in fields_of(again)
    assert ("/parameters/depth", "3") in fields_of(again), "other fields stay"


def test_mistakes_that_only_another_link_corrects_are_told_apart(visitor):
    text = text_of(visitor.get("/launch/wrong?p.depth=deep&p.unknown=1"))
    assert "Please correct this: Depth must be a whole number" in text
    assert "This link has a mistake: “unknown” in this link is not a parameter" in text
    text = text_of(visitor.get("/launch/wrong?p.unknown=1&other=2"))
    assert "This link has mistakes:" in text
    assert "Please correct" not in text
