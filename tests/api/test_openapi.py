"""openapi.yaml is the contract: unambiguous, secured, and what the code does."""

import json
from pathlib import Path

import pytest
from application import problem_of
from connexion.utils import get_function_from_name
from openapi_spec import (
    FILES,
    METHODS,
    METRICS,
    OF_WORKSHOPS,
    OPERATIONS,
    PUBLIC,
    READY,
    SPEC,
    STREAMS,
    TOP,
    body_schema,
    check_bounds,
    check_keywords,
    resolved,
)

import launcher
from launcher.experiments import Catalogue


def every_operation(test):
    return pytest.mark.parametrize("name", OPERATIONS)(test)


def test_the_packages_copy_is_the_top_file():
    inside = Path(launcher.__file__).with_name("openapi.yaml")
    assert inside.resolve() == TOP.resolve()


def test_no_two_operations_share_an_id():
    """Connexion would give both the last one's security."""
    names = [
        operation["operationId"]
        for item in SPEC["paths"].values()
        for method, operation in item.items()
        if method in METHODS
    ]
    assert len(names) == len(set(names))


@every_operation
def test_an_operation_is_secured_or_on_the_list_of_public_ones(name):
    security = OPERATIONS[name][2].get("security", SPEC.get("security"))
    if name in PUBLIC:
        assert security == []
    else:
        schemes = {"token", "basic", "session"}
        if name == METRICS or name.startswith("launcher.api.hub."):
            schemes = {"metrics"} if name == METRICS else {"hook"}
        if name.startswith("launcher.api.project_server."):
            schemes = {"server"}
        # a server's own token launches nothing
        launches = "launcher.api.workshop_notebooks.launch"
        if name.startswith(OF_WORKSHOPS) and name != launches:
            schemes = {"events", "basic", "session"}
        assert {next(iter(requirement)) for requirement in security} == schemes
        assert {} not in security


@every_operation
def test_an_operation_that_is_not_public_refuses_strangers(client, fakehub, name):
    path, method, operation = OPERATIONS[name]
    path = path.replace("{experiment}", "hello").replace("{commit_sha}", "2f1c3a9")
    path = path.replace("{event_id}", "1").replace("{notebook_id}", "1")
    path = path.replace("{workshop}", "python-2026")
    body = {"json": {"notebook": {"directory": "a"}}} if "requestBody" in operation else {}
    status = client.request(method.upper(), path, **body).status_code
    assert status in ((200, 503) if name in PUBLIC else (401,))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (_, method, operation) in OPERATIONS.items()
        if method == "get" and operation["tags"][0] in ("events", "notebooks", "workshops")
    ],
)
def test_a_word_of_a_query_that_is_unknown_is_refused(client, alice, name):
    path = OPERATIONS[name][0].replace("{event_id}", "1").replace("{notebook_id}", "1")
    answer = client.get(f"{path.replace('{workshop}', 'x')}?bogus=1", headers=alice.auth)
    assert "unknown parameter" in problem_of(answer, 400)["detail"]


@every_operation
def test_an_operations_function_is_in_the_module_of_its_tag(name):
    operation = OPERATIONS[name][2]
    function = get_function_from_name(name)
    assert callable(function)
    assert function.__doc__
    tag = operation["tags"][0]
    assert function.__module__ == f"launcher.api.{tag}"


@every_operation
def test_an_operation_says_what_it_does_and_how_it_fails(name):
    operation = OPERATIONS[name][2]
    assert operation["summary"]
    responses = resolved(operation["responses"])
    assert "500" in responses
    assert any(status.startswith("2") for status in responses)
    if name not in PUBLIC:
        assert {"401", "403", "429", "503"} <= responses.keys()
    if "requestBody" in operation:
        assert {"400", "413", "415"} <= responses.keys()
    for status, response in responses.items():
        assert response["description"]
        media_types = set(response.get("content", ()))
        if (name, status) == (METRICS, "200"):
            assert media_types == {"text/plain"}
        elif name in STREAMS and status == "200":
            assert media_types == {"text/event-stream"}
        elif status == "204":
            assert media_types == set()
        elif name in FILES and status == "200":
            assert media_types == {FILES[name]}
        elif status in ("200", "201", "202") or (name, status) == (READY, "503"):
            assert media_types == {"application/json"}
        else:
            assert media_types == {"application/problem+json"}


@every_operation
def test_every_field_of_a_body_is_bounded_and_no_other_is_taken(name):
    schema = body_schema(OPERATIONS[name][2])
    if schema:
        # the hub's hook and the checkout in a server may be newer: what they add is ignored
        newer = ("launcher.api.hub.", "launcher.api.project_server.")
        schema.setdefault("additionalProperties", not name.startswith(newer))
        check_bounds(schema, name)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (path, _, operation) in OPERATIONS.items()
        # some need a site with systems, git hosts or teachers: see test_entrypoints.py,
        # test_git_hosts.py, test_workshops.py, and tests/hub/test_projects.py
        if "requestBody" in operation
        and not {"{server_name}", "{user_name}", "{host}"} & {*path.split("/")}
        and not operation["tags"][0].startswith(("project", "workshop"))
    ],
)
def test_the_example_of_a_body_works_at_once(client, fakehub, alice, name):
    path, method, operation = OPERATIONS[name]
    example = resolved(operation["requestBody"])["content"]["application/json"]["example"]
    path = path.replace("{experiment}", SPEC["components"]["parameters"]["Experiment"]["example"])
    answer = client.request(method.upper(), path, json=example, headers=alice.auth)
    assert answer.is_success, answer.text


@pytest.mark.parametrize(
    "experiment", Catalogue.load().all(), ids=lambda experiment: experiment.name
)
def test_an_experiments_shortcut_says_what_its_schema_says(experiment):
    operation = OPERATIONS[f"launcher.api.shortcuts.{experiment.name.replace('-', '_')}"][2]
    schema = body_schema(operation)
    fields = dict(schema["properties"])
    assert fields.pop("notebook") == resolved(SPEC["components"]["schemas"]["NotebookRequest"])
    assert fields == experiment.schema["properties"]
    assert set(schema["required"]) - {"notebook"} == set(experiment.schema.get("required", []))
    assert schema["additionalProperties"] is False


def test_every_shortcut_is_that_of_an_experiment():
    names = {experiment.name.replace("-", "_") for experiment in Catalogue.load().all()}
    shortcuts = {name.rpartition(".")[2] for name in OPERATIONS if ".shortcuts." in name}
    assert shortcuts == names


def schemas_in(value):
    if isinstance(value, dict):
        if isinstance(value.get("schema"), dict):
            yield value["schema"]
        for key, item in value.items():
            if key == "schemas":
                yield from item.values()
            else:
                yield from schemas_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from schemas_in(item)


@pytest.mark.parametrize("schema", list(schemas_in(resolved(SPEC))), ids=lambda schema: "")
def test_the_schemas_keep_to_openapi_3_0(schema):
    check_keywords(schema)


def test_the_served_description_is_the_file(client):
    served = client.get("/openapi.json").json()
    assert json.loads(json.dumps(served["paths"])).keys() == SPEC["paths"].keys()
    assert served["info"]["version"] == SPEC["info"]["version"] == launcher.__version__


def test_the_description_is_served_below_the_base_path(start_app):
    client = start_app({"BASE_PATH": "/services/launcher/"})
    served = client.get("/services/launcher/openapi.json").json()
    assert served["servers"] == [{"url": "/services/launcher"}]
    assert client.get("/openapi.json").status_code == 404
