"""What every experiment promises, over every folder that is there, and what the catalogue does."""

import ast
import keyword
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from experiment_folders import OTHER, OTHER_TEMPLATE, SCHEMA, write_experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from ipykernel.ipkernel import IPythonKernel
from IPython.core.inputtransformer2 import TransformerManager
from jsonschema import Draft4Validator
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from openapi_spec import check_bounds, check_keywords

from launcher.errors import BadRequest, ConfigError, NotFound
from launcher.experiments import OWN, Catalogue, load

EVERY = Catalogue.load().all()
CHEAP_SECONDS = 60


def every_experiment(test):
    return pytest.mark.parametrize("experiment", EVERY, ids=lambda e: e.name)(test)


def tagged(notebook, tag):
    return [cell for cell in notebook["cells"] if tag in cell["metadata"].get("tags", [])]


def assigned(source):
    """The values that a cell of nothing but assignments of literals gives to names."""
    values = {}
    for node in ast.parse(source).body:
        assert isinstance(node, ast.Assign), ast.dump(node)
        assert len(node.targets) == 1
        assert isinstance(node.targets[0], ast.Name)
        values[node.targets[0].id] = ast.literal_eval(node.value)
    return values


def examples(schema):
    """Parameters that fit: what must be given, by its example, default, first choice or least."""
    return {name: an_example(schema["properties"][name]) for name in schema.get("required", [])}


def an_example(schema):
    for keyword_ in ("example", "default"):
        if keyword_ in schema:
            return schema[keyword_]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = {"string": "", "integer": schema.get("minimum", 0), "number": schema.get("minimum", 0)}
    return {**kinds, "boolean": False, "array": [], "object": {}}[schema["type"]]


def test_jupyterlab_finds_nothing_to_change_in_a_fresh_notebook():
    # it replaces both when they are not what the kernel and its specification say
    metadata = Catalogue.load().find("hello").render({})["metadata"]
    assert metadata["language_info"] == IPythonKernel.language_info
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert metadata["kernelspec"] == {
        "name": "python3",
        "display_name": spec.display_name,
        "language": spec.language,
    }


def test_every_folder_is_in_the_catalogue():
    folders = {path.parent.name for path in OWN.glob("*/parameters.yaml")}
    assert {experiment.name for experiment in EVERY} == folders


@every_experiment
def test_its_schema_is_one_of_openapi_3_0(experiment):
    Draft4Validator.check_schema(experiment.schema)
    check_keywords(experiment.schema)
    check_bounds(experiment.schema, experiment.name)
    assert experiment.schema["additionalProperties"] is False
    for name, schema in experiment.schema["properties"].items():
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
        assert name != "notebook", "the classic operation's own field"
        assert schema["description"], name


@every_experiment
def test_its_defaults_fit_its_own_schema(experiment):
    for name, schema in experiment.schema["properties"].items():
        if "default" in schema:
            whole = {**examples(experiment.schema), name: schema["default"]}
            experiment.checker.check(whole)


@every_experiment
def test_its_cell_of_parameters_has_the_schemas_names(experiment):
    cells = tagged(experiment.template.notebook, "parameters")
    names = assigned(cells[0]["source"]).keys() if cells else set()
    assert names == experiment.schema["properties"].keys()


@every_experiment
def test_its_defaults_are_the_same_in_schema_and_notebook(experiment):
    for cell in tagged(experiment.template.notebook, "parameters"):
        values = assigned(cell["source"])
        for name, schema in experiment.schema["properties"].items():
            if "default" in schema:
                assert values[name] == schema["default"], name


@every_experiment
def test_each_of_its_cells_is_plain_python(experiment):
    for cell in experiment.template.notebook["cells"]:
        if cell["cell_type"] == "code":
            compile(cell["source"], experiment.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            transformed = TransformerManager().transform_cell(cell["source"])
            assert transformed.strip() == cell["source"].strip()


@every_experiment
def test_its_notebook_is_valid_and_empty_of_results(experiment):
    notebook = experiment.render(examples(experiment.schema))
    nbformat.validate(nbformat.from_dict(notebook))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    for cell in notebook["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@every_experiment
def test_it_refuses_a_parameter_that_it_does_not_know(experiment):
    for name in ("unknown", "x=1\nimport os", "__builtins__", ""):
        with pytest.raises(BadRequest) as refused:
            experiment.render({**examples(experiment.schema), name: 1}, "/parameters")
        assert refused.value.errors[0]["pointer"] == f"/parameters/{name}"


@every_experiment
def test_it_records_what_made_it(experiment):
    made_by = experiment.render(examples(experiment.schema))["metadata"]["launcher"]
    assert made_by["experiment"] == experiment.name
    assert made_by["parameters"].keys() == experiment.schema["properties"].keys()
    assert made_by["created_at"].endswith("+00:00")


@every_experiment
def test_its_template_does_not_change_with_what_is_asked(experiment):
    before = repr(experiment.template.notebook)
    experiment.render(examples(experiment.schema))
    assert repr(experiment.template.notebook) == before


def needs_packages(experiment):
    """Whether it needs more than Python has; such are executed by `make test-notebooks`."""
    code = [c["source"] for c in experiment.template.notebook["cells"] if c["cell_type"] == "code"]
    imported = {
        getattr(node, "module", "") or node.names[0].name
        for source in code
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    return not {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    "experiment", [e for e in EVERY if not needs_packages(e)], ids=lambda e: e.name
)
def test_it_runs_with_its_defaults(experiment, tmp_path):
    notebook = nbformat.from_dict(experiment.render(examples(experiment.schema)))
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=CHEAP_SECONDS, resources=resources).execute()


def test_hello_says_hello(tmp_path):
    notebook = nbformat.from_dict(Catalogue.load().find("hello").render({}))
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "hello world" in outputs[0]["text"]


# values


_ODD = st.sampled_from(
    ["'); import os; os.system('id') #", "'''", '"""', "\\", "\n!id", "%%bash\nid", "{0}{x}",
     "%s$(id)`id`", "\u2028", "\u2029", "\x00", "\r\n", "\\N{BULLET}", "\\x41", "é\u0301",
     "\ufeff", "#",
     "f'{1}'", "\x85"]
)  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")) | _ODD,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text() | _ODD, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def anything(tmp_path_factory):
    """An experiment whose one parameter takes every JSON value."""
    folder = tmp_path_factory.mktemp("experiments") / "anything"
    schema = "{title: A, description: B, properties: {value: {}}}"
    write_experiment(folder, schema, '# %% tags=["parameters"]\nvalue = 1\n\n# %%\nprint(value)\n')
    return load(folder)


@given(value=_VALUES)
@settings(max_examples=1500, deadline=None)
def test_a_hostile_value_is_a_literal_and_never_code(anything, value):
    notebook = anything.render({"value": value})
    (cell,) = tagged(notebook, "injected-parameters")
    back = assigned(cell["source"])
    assert back == {"value": value}
    assert repr(back["value"]) == repr(value)
    assert TransformerManager().transform_cell(cell["source"]).rstrip("\n") == cell["source"]
    assert [c["source"] for c in notebook["cells"] if c is not cell] == [
        "value = 1",
        "print(value)",
    ]


@given(value=_VALUES)
@settings(max_examples=100, deadline=None)
def test_a_hostile_value_leaves_the_notebook_valid(anything, value):
    nbformat.validate(nbformat.from_dict(anything.render({"value": value})))


# parameters that no schema bounds


OPEN = """
title: Open
description: Takes what it is sent.
additionalProperties: true
properties:
  x: {}
"""


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory):
    """An experiment that takes any name and any value."""
    folder = tmp_path_factory.mktemp("experiments") / "open"
    write_experiment(folder, OPEN, '# %% tags=["parameters"]\nx = 1\n')
    return load(folder)


NO_NAMES = ["my-param", "class", "None", "__debug__", "__builtins__", "2000", "", "a b", "x=1\n",
            "\ufb01le", "é\u0301\u200b"]  # fmt: skip


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_is_no_variable_is_refused_and_named(open_to_all, name):
    with pytest.raises(BadRequest) as refused:
        open_to_all.render({"fine": 1, name: 1}, "/parameters")
    (error,) = refused.value.errors
    assert error["pointer"] == f"/parameters/{name}"
    assert "Python" in error["detail"]


def nested(depth, inner=1, wrap=lambda value: [value]):
    for _ in range(depth):
        inner = wrap(inner)
    return inner


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"a": v}, lambda v: [{"a": v}]])
def test_a_value_as_deep_as_it_may_be_compiles(open_to_all, wrap):
    depth = 50 if isinstance(wrap(1), list) and isinstance(wrap(1)[0], dict) else 100
    notebook = open_to_all.render({"x": nested(depth, wrap=wrap)})
    (cell,) = tagged(notebook, "injected-parameters")
    assert assigned(cell["source"]) == {"x": nested(depth, wrap=wrap)}


@pytest.mark.parametrize("name", ["x", "another"])
@pytest.mark.parametrize("depth", [101, 201, 900])
def test_a_value_that_is_too_deep_is_refused_and_named(open_to_all, name, depth):
    with pytest.raises(BadRequest) as refused:
        open_to_all.render({name: nested(depth)}, "/parameters")
    (error,) = refused.value.errors
    assert error["pointer"] == f"/parameters/{name}"
    assert "100" in error["detail"]


# the catalogue


def test_a_sites_own_experiments_stand_beside_ours(tmp_path):
    write_experiment(tmp_path / "one" / "site", SCHEMA)
    write_experiment(tmp_path / "two" / "other", OTHER, OTHER_TEMPLATE)
    catalogue = Catalogue.load([tmp_path / "one", str(tmp_path / "two")])
    names = [experiment.name for experiment in catalogue.all()]
    assert names == sorted({"site", "other", *(e.name for e in EVERY)})
    assert catalogue.find("site").render({})["metadata"]["launcher"]["experiment"] == "site"


@pytest.mark.parametrize("name", ["nothing", "", "Hello", "../hello", "__pycache__", "hello/"])
def test_an_experiment_that_is_not_there_is_not_found(name):
    with pytest.raises(NotFound):
        Catalogue.load().find(name)


def test_a_folder_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(ConfigError, match="experiment_paths"):
        Catalogue.load([tmp_path / "missing"])


def test_a_parameter_that_nobody_gave_keeps_the_notebooks_own_value(tmp_path):
    schema = "{title: A, description: B, properties: {x: {type: integer}}}"
    write_experiment(
        tmp_path / "site", schema, '# %% tags=["parameters"]\nx = 7\n\n# %%\nprint(x)\n'
    )
    notebook = Catalogue.load([tmp_path]).find("site").render({})
    values = {}
    for cell in notebook["cells"][:-1]:
        values |= assigned(cell["source"])
    assert values == {"x": 7}


def test_a_default_is_used_when_nobody_gave_a_value_at_all(tmp_path):
    write_experiment(tmp_path / "site", SCHEMA)
    notebook = Catalogue.load([tmp_path]).find("site").render({})
    (cell,) = tagged(notebook, "injected-parameters")
    assert assigned(cell["source"]) == {"depth": 1, "name": "x", "tags": []}


def test_the_schemas_are_read_as_plain_yaml():
    for path in Path(OWN).glob("*/parameters.yaml"):
        assert path.stat().st_size < 65536
        tokens = list(yaml.scan(path.read_text(encoding="utf-8")))
        assert not [token for token in tokens if isinstance(token, yaml.AliasToken)]
