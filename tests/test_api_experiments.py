"""The catalogue over HTTP, and launching or previewing anything in it."""

import ast
import json

import nbformat
import pytest
from fakehub import problem_of

from launcher.experiments import Catalogue

TEMPLATE = """# %% tags=["parameters"]
depth = 1
name = "x"
tags = []

# %%
print(depth, name, tags)
"""

SCHEMA = """
title: Site
description: An experiment of this site alone.
type: object
additionalProperties: false
properties:
  depth: {type: integer, minimum: 0, maximum: 10, default: 1}
  name: {type: string, maxLength: 40, default: x}
  tags: {type: array, maxItems: 3, items: {type: string, maxLength: 10}, default: []}
"""

OTHER = """
title: Other
description: Another experiment, with a parameter that must be given.
type: object
required: [when, colour]
additionalProperties: false
properties:
  when: {type: string, format: date-time, maxLength: 40}
  colour: {type: string, enum: [red, blue]}
  note: {type: string, nullable: true, default: null, maxLength: 40}
"""

OTHER_TEMPLATE = '# %% tags=["parameters"]\nwhen = ""\ncolour = "red"\nnote = None\n'

NOTEBOOK = {"directory": "lab", "filename": "x.ipynb"}


def write_experiment(folder, schema, template=TEMPLATE):
    folder.mkdir(parents=True)
    (folder / "parameters.yaml").write_text(schema)
    (folder / "notebook.py").write_text(template)


@pytest.fixture
def site(start_app, tmp_path):
    """An application with two experiments of the site's own."""
    folder = tmp_path / "experiments"
    write_experiment(folder / "site", SCHEMA)
    write_experiment(folder / "other", OTHER, OTHER_TEMPLATE)
    return start_app(experiment_paths=[str(folder)])


def injected(notebook):
    cells = [c for c in notebook["cells"] if "injected-parameters" in c["metadata"].get("tags", [])]
    assert len(cells) <= 1
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(cells[0]["source"]).body
    } if cells else {}  # fmt: skip


def preview(client, user, name, parameters=None):
    body = {"notebook": NOTEBOOK}
    if parameters is not None:
        body["parameters"] = parameters
    return client.post(f"/experiments/{name}/preview", json=body, headers=user.auth)


def test_the_catalogue_lists_everything_by_name(site, alice):
    found = site.get("/experiments", headers=alice.auth).json()["experiments"]
    names = [experiment["name"] for experiment in found]
    assert names == sorted(names)
    assert {"site", "other", *(e.name for e in Catalogue.load().all())} == set(names)
    for experiment in found:
        assert experiment["title"]
        assert experiment["description"]
        assert experiment["parameters"]["additionalProperties"] is False


def test_one_experiment_is_what_the_list_says_of_it(site, alice):
    for listed in site.get("/experiments", headers=alice.auth).json()["experiments"]:
        path = f"/experiments/{listed['name']}"
        assert site.get(path, headers=alice.auth).json() == listed


def test_a_preview_starts_and_writes_nothing(site, fakehub, alice):
    answer = preview(site, alice, "site", {"depth": 3})
    notebook = answer.json()
    nbformat.validate(nbformat.from_dict(notebook))
    assert injected(notebook) == {"depth": 3, "name": "x", "tags": []}
    assert fakehub.beyond_identification == []
    assert alice.files == {}


def test_a_preview_is_the_notebook_that_a_launch_writes(site, alice):
    body = {"notebook": NOTEBOOK, "parameters": {"depth": 3, "name": "ünï 😀 '\"\n"}}
    seen = site.post("/experiments/site/preview", json=body, headers=alice.auth).json()
    assert site.post("/experiments/site", json=body, headers=alice.auth).status_code == 200
    written = json.loads(alice.files["lab/x.ipynb"])
    assert injected(written) == injected(seen) == {**body["parameters"], "tags": []}
    assert written["metadata"]["launcher"]["parameters"] == injected(seen)
    assert written["metadata"]["launcher"]["experiment"] == "site"


def test_the_parameters_of_a_launch_stand_behind_the_defaults(site, alice):
    cells = preview(site, alice, "site", {"depth": 2}).json()["cells"]
    tags = [cell["metadata"].get("tags", []) for cell in cells]
    assert tags[:2] == [["parameters"], ["injected-parameters"]]


def test_what_one_request_left_out_does_not_reach_another(site, alice):
    """The default of `parameters` is one object for all requests."""
    assert injected(preview(site, alice, "site").json())["depth"] == 1
    assert preview(site, alice, "hello").status_code == 200
    problem = problem_of(preview(site, alice, "other"), 400)
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/parameters/when", "/parameters/colour"}


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"depth": "1"}, "/parameters/depth"),
        ({"depth": 1.5}, "/parameters/depth"),
        ({"depth": True}, "/parameters/depth"),
        ({"depth": None}, "/parameters/depth"),
        ({"depth": 11}, "/parameters/depth"),
        ({"depth": -1}, "/parameters/depth"),
        ({"depth": 10**300}, "/parameters/depth"),
        ({"name": "x" * 41}, "/parameters/name"),
        ({"tags": ["a", "b", "c", "d"]}, "/parameters/tags"),
        ({"tags": ["a", 1]}, "/parameters/tags/1"),
        ({"tags": "a"}, "/parameters/tags"),
        ({"unknown": 1}, "/parameters/unknown"),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("suffix", ["", "/preview"])
def test_a_parameter_that_does_not_fit_is_named(site, fakehub, alice, parameters, pointer, suffix):
    body = {"notebook": NOTEBOOK, "parameters": parameters}
    answer = site.post(f"/experiments/site{suffix}", json=body, headers=alice.auth)
    problem = problem_of(answer, 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert fakehub.beyond_identification == []
    assert alice.files == {}


def test_parameters_that_are_missing_are_named_once_each(site, alice):
    problem = problem_of(preview(site, alice, "other", {}), 400)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert sorted(pointers) == ["/parameters/colour", "/parameters/when"]


@pytest.mark.parametrize(
    "when", ["yesterday", "2000-01-31", "2000-13-01T00:00:00Z", "", "2000-01-31T00:00"]
)
def test_a_date_that_is_none_is_refused(site, alice, when):
    answer = preview(site, alice, "other", {"when": when, "colour": "red"})
    assert problem_of(answer, 400)["errors"][0]["pointer"] == "/parameters/when"


@pytest.mark.parametrize("note", [None, "text"])
def test_a_parameter_may_be_null_where_its_schema_says_so(site, alice, note):
    parameters = {"when": "2000-01-31T00:00:00Z", "colour": "red", "note": note}
    assert injected(preview(site, alice, "other", parameters).json()) == parameters


def test_the_same_request_twice_makes_two_notebooks_of_the_same_template(site, alice):
    body = {"notebook": NOTEBOOK, "parameters": {}}
    for _ in range(2):
        assert site.post("/experiments/site", json=body, headers=alice.auth).status_code == 200
    first, second = (
        json.loads(alice.files[path])["metadata"]["launcher"] for path in alice.notebooks
    )
    assert first["template_sha256"] == second["template_sha256"]
    assert first["launch_id"] != second["launch_id"]
