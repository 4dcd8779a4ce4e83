"""The limits of a field are beside it before anybody makes a mistake."""

import re

import pytest
from experiment_folders import write_experiment
from visiting import Visitor, text_of

SCHEMA = """
title: Limited
description: Has limits.
type: object
required: [depth]
additionalProperties: false
properties:
  depth: {type: integer, minimum: 1, maximum: 10, title: Depth}
  least: {type: number, minimum: 0.5}
  above: {type: number, minimum: 0, exclusiveMinimum: true, maximum: 5}
  step: {type: integer, multipleOf: 5, maximum: 100}
  code: {type: string, minLength: 2, maxLength: 8}
  long: {type: string, minLength: 8}
  pin: {type: string, minLength: 4, maxLength: 4}
  name: {type: string, pattern: '^[a-z]+$', description: Small letters only.}
  shape: {type: string, pattern: '^[a-z]+$', example: abc}
  places: {type: array, minItems: 1, maxItems: 3, items: {type: string}}
  extra: {type: object, maxProperties: 1, additionalProperties: {type: string}}
  when: {type: string, format: date-time}
  hour: {type: string, format: time}
"""
TEMPLATE = '# %% tags=["parameters"]\n' + "".join(
    f"{name} = None\n" for name in re.findall(r"^  (\w+): ", SCHEMA, re.MULTILINE)
)


@pytest.fixture
def visitor(start_app, fakehub, tmp_path):
    write_experiment(tmp_path / "shelf" / "limited", SCHEMA, TEMPLATE)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    return Visitor(client, fakehub.add_user(server="ready"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("depth", "1 to 10."),
        ("least", "0.5 or more."),
        ("above", "More than 0, 5 or less."),
        ("step", "100 or less, a multiple of 5."),
        ("code", "2 to 8 characters."),
        ("long", "At least 8 characters."),
        ("pin", "4 characters."),
        ("places", "1 to 3 rows."),
        ("extra", "At most 1 field."),
    ],
)
def test_a_limit_is_a_hint_of_its_field(visitor, name, hint):
    page = visitor.get("/launch/limited")
    help_of = rf'id="field.2f.parameters.2f.{name}-help">([^<]*)<'
    assert re.search(help_of, page.text)[1].strip() == hint
    assert f"field.2f.parameters.2f.{name}-help" in re.findall(
        r'aria-describedby="([^" ]*)', page.text
    ), "screen readers say it"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("name", "ABC", "Name does not have the right form: Small letters only."),
        ("shape", "ABC", "Shape does not have the right form, such as abc."),
        ("when", "2000-01-31T12:30:00", "When must end with a time zone: Z for UTC, or an offset"),
        ("hour", "12:30:00", "Hour must end with a time zone: Z for UTC, or an offset"),
        ("when", "31.1.2000", "When must be a date and time, such as 2000-01-31T00:00:00Z."),
    ],
)
def test_a_mistake_says_what_is_missing(visitor, name, value, sentence):
    fields = {"/parameters/depth": "1", f"/parameters/{name}": value, "action": "launch"}
    page = visitor.post("/launch/limited", fields)
    assert page.status_code == 400
    assert sentence in text_of(page)
