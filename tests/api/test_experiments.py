"""The catalogue over HTTP, and launching or previewing anything in it."""

import ast
import json

import nbformat
import pytest
from application import problem_of
from experiment_folders import OTHER, OTHER_TEMPLATE, SCHEMA, write_experiment
from waiting import wait_until

from launcher.experiments import Catalogue

NOTEBOOK = {"directory": "lab", "filename": "x.ipynb"}


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
    assert tags[:3] == [["launcher"], ["parameters"], ["injected-parameters"]]


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


# a site's own folders


OPEN = """
title: Open
description: Takes any parameter.
additionalProperties: true
properties:
  x: {}
"""
ADMIN = ("self", "access:services!service=launcher", "admin:servers")


@pytest.fixture
def mixed(start_app, tmp_path):
    """An application with one experiment of the site's, and two folders that cannot be used."""
    folder = tmp_path / "experiments"
    write_experiment(folder / "open", OPEN, '# %% tags=["parameters"]\nx = 1\n')
    write_experiment(folder / "broken", SCHEMA.replace("maxLength: 40", "format: colour"))
    write_experiment(folder / "untagged", SCHEMA, "depth = 1\n")
    return start_app(experiment_paths=[str(folder)])


def test_folders_that_cannot_work_are_left_out_and_the_rest_is_launched(mixed, alice):
    listed = mixed.get("/experiments", headers=alice.auth).json()
    names = {experiment["name"] for experiment in listed["experiments"]}
    assert names == {"open", *(e.name for e in Catalogue.load().all())}
    problem_of(preview(mixed, alice, "broken"), 404)
    body = {"notebook": NOTEBOOK, "parameters": {"x": 2}}
    assert mixed.post("/experiments/open", json=body, headers=alice.auth).status_code == 200
    assert mixed.launch(alice).status_code == 200


def test_administrators_are_told_what_to_mend_and_others_are_not(mixed, fakehub, alice):
    admin = fakehub.add_user(scopes=ADMIN)
    broken, untagged = mixed.get("/experiments", headers=admin.auth).json()["left_out"]
    assert (broken["file"], broken["key"]) == ("broken/parameters.yaml", "/properties/name/format")
    assert "use a pattern, or one of: date" in broken["detail"]
    assert (untagged["file"], untagged["key"]) == ("untagged/notebook.py", "")
    assert "no cell tagged parameters" in untagged["detail"]
    assert "left_out" not in mixed.get("/experiments", headers=alice.auth).json()


def test_ready_tells_what_to_mend_and_is_ready(mixed, tmp_path):
    answer = wait_until(lambda: (a := mixed.get("/ready")).status_code == 200 and a)
    (check,) = [check for check in answer.json()["checks"] if check["name"] == "experiments"]
    assert check["ok"] is True
    assert "broken/parameters.yaml: /properties/name/format is not supported" in check["detail"]
    assert "untagged/notebook.py has no cell tagged parameters" in check["detail"]
    assert str(tmp_path) not in answer.text


def test_ready_and_administrators_are_told_nothing_when_there_is_nothing(site, fakehub):
    admin = fakehub.add_user(scopes=ADMIN)
    assert site.get("/experiments", headers=admin.auth).json()["left_out"] == []
    answer = wait_until(lambda: (a := site.get("/ready")).status_code == 200 and a)
    assert "experiments" not in {check["name"] for check in answer.json()["checks"]}


def deep(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("name", "value"),
    [("my-param", 1), ("class", 1), ("__debug__", 1), ("", 1), ("a/b", 1), ("x" * 100 + "-", 1),
     ("x", deep(101)), ("x", deep(201)), ("y", deep(500))],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["", "/preview"])
def test_a_parameter_that_cannot_be_written_is_named(mixed, alice, name, value, suffix):
    body = {"notebook": NOTEBOOK, "parameters": {"fine": 1, name: value}}
    problem = problem_of(
        mixed.post(f"/experiments/open{suffix}", json=body, headers=alice.auth), 400
    )
    pointer = f"/parameters/{name[:64].replace('/', '~1')}"
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert alice.files == {}


def test_any_other_parameter_is_assigned(mixed, alice):
    parameters = {"x": deep(100), "naïve": [1], "_y": {"a b": None}}
    assert injected(preview(mixed, alice, "open", parameters).json()) == parameters


@pytest.mark.parametrize("body", [{}, {"parameters": {"depth": 2}}, {"notebook": NOTEBOOK}])
def test_a_preview_needs_no_notebook(site, alice, body):
    answer = site.post("/experiments/site/preview", json=body, headers=alice.auth)
    depth = body.get("parameters", {}).get("depth", 1)
    assert injected(answer.json())["depth"] == depth


def test_a_preview_checks_the_notebook_that_it_is_sent(site, alice):
    for notebook in ({"directory": "../x"}, {"directory": ""}, {}, None):
        body = {"notebook": notebook}
        problem_of(site.post("/experiments/site/preview", json=body, headers=alice.auth), 400)


# ours


SETUP = {"model": "wflow", "region": "donau"}


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        ("1990-01-01T00:00:00Z", "1990-12-31T00:00:00Z", 200),
        ("1990-01-01T00:00:00Z", "1990-01-01T00:00:00Z", 200),
        ("1990-01-01T12:00:00+02:00", "1990-01-01T11:00:00Z", 200),
        ("1990-12-31T00:00:00Z", "1990-01-01T00:00:00Z", 400),
        ("1990-01-01T11:00:00Z", "1990-01-01T12:00:00+02:00", 400),
    ],
)
@pytest.mark.parametrize("classic", [True, False])
def test_a_period_does_not_end_before_its_start(client, alice, start, end, status, classic):
    setup = {"setup": {**SETUP, "period": {"start": start, "end": end}}}
    path = "/threeclickscience" if classic else "/experiments/threeclickscience/preview"
    body = {"notebook": NOTEBOOK, **(setup if classic else {"parameters": setup})}
    answer = client.post(path, json=body, headers=alice.auth)
    assert answer.status_code == status
    if status == 400:
        (error,) = problem_of(answer, 400)["errors"]
        assert error["pointer"].endswith("/setup/period/end")
        assert error["detail"] == "must not be before start"


ADDRESSES = [
    "https://example.org/dods/sst.nc?sst[0:1:9][2],lat,lon",
    "HTTPS://example.org/dods/sst.nc",
    "Http://example.org:8080/erddap/tabledap/x?time,t&time>=2000-01-01T00:00:00Z&s=\"a\"",
    "http://example.org/données/été.nc",
    "http://münchen.example/x",
]  # fmt: skip
NO_ADDRESSES = [
    ("https://example.org/a b.nc", "SPACE"),
    ("https://example.org/a\tb.nc", "U+0009"),
    ("https://example.org/a\u200bb.nc", "ZERO WIDTH SPACE"),
    ("ftp://example.org/a.nc", "http:// or https://"),
    ("https:///a.nc", "host"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_of_opendap_servers_are_taken(client, alice, address):
    body = {"notebook": NOTEBOOK, "opendap": address}
    assert client.post("/opendap", json=body, headers=alice.auth).status_code == 200
    assert injected(json.loads(alice.files["lab/x.ipynb"])) == {"opendap": address}


@pytest.mark.parametrize(("address", "named"), NO_ADDRESSES)
@pytest.mark.parametrize("classic", [True, False])
def test_what_an_address_may_not_hold_is_named(client, alice, address, named, classic):
    path = "/opendap" if classic else "/experiments/opendap/preview"
    parameters = {"opendap": address}
    body = {"notebook": NOTEBOOK, **(parameters if classic else {"parameters": parameters})}
    (error,) = problem_of(client.post(path, json=body, headers=alice.auth), 400)["errors"]
    assert error["pointer"].endswith("/opendap")
    assert named in error["detail"]


@pytest.mark.parametrize("depth", [100, 400, 590, 605, 880, 915, 930, 945, 960, 990])
@pytest.mark.parametrize("name", ["number", "items", "texts"])
def test_nothing_that_is_nested_deep_is_a_fault(start_app, tmp_path, alice, name, depth):
    schema = (
        "title: A\ndescription: B\nproperties:\n  number: {type: integer}\n"
        "  items: {type: array, uniqueItems: true}\n"
        "  texts: {type: object, additionalProperties: {type: string}}\n"
    )
    template = '# %% tags=["parameters"]\nnumber, items, texts = 1, [], {}\n'
    write_experiment(tmp_path / "paths" / "deep", schema, template)
    client = start_app(experiment_paths=[str(tmp_path / "paths")])
    nested = "[" * depth + "]" * depth
    value = f'{{"a": {nested}}}' if name == "texts" else f"[{nested}, {nested}]"
    headers = {**alice.auth, "Content-Type": "application/json"}
    content = f'{{"parameters": {{"{name}": {value}}}}}'
    answer = client.post("/experiments/deep/preview", content=content, headers=headers)
    problem_of(answer, 400)
