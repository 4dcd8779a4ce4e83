"""A folder that cannot work as an experiment is left out, with a sentence; the others work."""

import ast
import errno
import json
import os
from pathlib import Path

import jupytext
import nbformat
import pytest
from experiment_folders import OTHER, OTHER_TEMPLATE, SCHEMA, TEMPLATE, write_experiment

from launcher.experiments import OWN, Catalogue, Experiment, load
from launcher.formats import FORMATS

HEAD = "title: A\ndescription: B\n"
ONE = HEAD + "properties: {x: {type: integer}}\n"
CELL = '# %% tags=["parameters"]\nx = 1\n'
OUR_OWN = {folder.parent.name for folder in OWN.glob("*/notebook.py")}


def faults_of(tmp_path, schema, template=CELL, name="site"):
    """What there is to mend in a folder."""
    write_experiment(tmp_path / name, schema, template)
    faults = load(tmp_path / name)
    assert isinstance(faults, list)
    for fault in faults:
        json.dumps([fault.file, str(fault)], ensure_ascii=False).encode("utf-8")
        assert str(tmp_path) not in str(fault)
        assert str(fault).endswith(".")
    return faults


def loaded(tmp_path, schema, template=CELL):
    write_experiment(tmp_path / "site", schema, template)
    experiment = load(tmp_path / "site")
    assert isinstance(experiment, Experiment), experiment
    return experiment


def property_(text):
    return f"{HEAD}properties:\n  x: {text}\n"


# folders


@pytest.mark.parametrize("name", ["Site", "1site", ".site", "a b", "sité", "x" * 65, "site\n"])
def test_a_folder_whose_name_no_address_takes(tmp_path, name):
    (fault,) = faults_of(tmp_path, SCHEMA, TEMPLATE, name)
    assert fault.file == name
    assert "rename the folder: lower-case" in fault.detail


def test_a_folder_that_is_left_out_leaves_all_others(tmp_path):
    write_experiment(tmp_path / "broken", "", TEMPLATE)
    write_experiment(tmp_path / "site", SCHEMA, TEMPLATE)
    catalogue = Catalogue.load([tmp_path])
    assert {experiment.name for experiment in catalogue.all()} == OUR_OWN | {"site"}
    assert [fault.file for fault in catalogue.faults] == ["broken/parameters.yaml"]


def test_a_folder_with_the_name_of_one_of_ours(tmp_path):
    write_experiment(tmp_path / "hello", SCHEMA, TEMPLATE)
    catalogue = Catalogue.load([tmp_path])
    assert "rename" in catalogue.faults[0].detail
    assert catalogue.find("hello").title == "Hello"


def test_of_two_folders_of_one_name_the_first_is_taken(tmp_path):
    write_experiment(tmp_path / "one" / "site", SCHEMA)
    write_experiment(tmp_path / "two" / "site", OTHER, OTHER_TEMPLATE)
    catalogue = Catalogue.load([tmp_path / "one", tmp_path / "two"])
    assert catalogue.find("site").title == "Site"
    assert [fault.file for fault in catalogue.faults] == ["site"]


@pytest.mark.parametrize("missing", ["notebook.py", "parameters.yaml"])
@pytest.mark.parametrize("instead", ["nothing", "folder", "link"])
def test_a_file_that_is_missing(tmp_path, missing, instead):
    write_experiment(tmp_path / "site", SCHEMA)
    path = tmp_path / "site" / missing
    path.unlink()
    if instead == "folder":
        path.mkdir()
    elif instead == "link":
        path.symlink_to("nowhere")
    (fault,) = Catalogue.load([tmp_path]).faults
    assert fault.file == f"site/{missing}"
    assert "missing" in fault.detail


@pytest.mark.parametrize("file", ["notebook.py", "parameters.yaml"])
@pytest.mark.parametrize("coding", ["utf-16", "latin-1"])
def test_a_file_in_another_coding(tmp_path, file, coding):
    write_experiment(tmp_path / "site", SCHEMA)
    path = tmp_path / "site" / file
    path.write_bytes(f"{path.read_text()}# é\n".encode(coding))
    (fault,) = Catalogue.load([tmp_path]).faults
    assert fault.file == f"site/{file}"
    assert "save it as UTF-8" in fault.detail


def test_a_folder_of_something_else_is_no_experiment(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "notebook.py").write_text("")
    assert Catalogue.load([tmp_path]).faults == ()


def test_a_folder_that_may_not_be_looked_into_is_left_out(tmp_path, monkeypatch):
    write_experiment(tmp_path / "shut", SCHEMA)
    write_experiment(tmp_path / "site", SCHEMA)
    look = Path.stat

    def refuse(path, **how):
        if path.parent.name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied")
        return look(path, **how)

    monkeypatch.setattr(Path, "stat", refuse)
    catalogue = Catalogue.load([tmp_path])
    assert catalogue.find("site")
    (fault,) = catalogue.faults
    assert fault.file == "shut/parameters.yaml"
    assert "Permission denied" in fault.detail


def test_a_folder_whose_name_is_not_utf_8_can_be_told_of(tmp_path):
    write_experiment(tmp_path / os.fsdecode(b"caf\xe9"), SCHEMA)
    (fault,) = Catalogue.load([tmp_path]).faults
    assert fault.file.encode("utf-8") == rb"caf\udce9"


def test_whatever_a_file_makes_of_a_library_the_others_are_served(tmp_path, monkeypatch):
    def fail(*_):
        raise LookupError("of a kind that nobody thought of")

    monkeypatch.setattr("launcher.experiments.notebook_files.read", fail)
    write_experiment(tmp_path / "site", SCHEMA)
    (fault,) = faults_of(tmp_path, SCHEMA, name="other")
    assert fault.file == "other/notebook.py"
    assert "LookupError: of a kind" in fault.detail


# parameters.yaml

ANY = HEAD + "additionalProperties: true\nproperties: {x: {}}\n"
CLOSED = HEAD + "properties: {x: {}}\n"
LAUGHS = "x-0: &a0 {a: 1, b: 2}\n" + "".join(
    f"x-{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)
DIGITS = "F" * 5000
BROKEN = [
    ("", "", "must contain"),
    ("[]", "", "must contain"),
    ("title: [", "", "line 1"),
    ("{description: B}", "/title", "missing"),
    ("{title: A}", "/description", "missing"),
    ("{title: 1, description: B}", "/title", "text"),
    ("{title: ' ', description: B}", "/title", "text"),
    ("!!python/object/apply:os.system [id]", "", "cannot be read"),
    (HEAD + "type: array", "/type", "object"),
    (HEAD + "properties: []", "/properties", "name and a schema"),
    (HEAD + "properties: {class: {}}", "/properties/class", "Python"),
    (HEAD + "properties: {'x=1': {}}", "/properties/x=1", "Python"),
    (HEAD + "properties: {__debug__: {}}", "/properties/__debug__", "Python"),
    (HEAD + "properties: {'2000': {}}", "/properties/2000", "Python"),
    (HEAD + "properties: {2000: {}}", "/properties/2000", "in quotes"),
    (HEAD + "properties: {x: {properties: {1.5: {}}}}", "/properties/x/properties/1.5", "quotes"),
    (HEAD + "properties: {x: {properties: {true: {}}}}", "/properties/x/properties/true", "quotes"),
    (HEAD + "properties: {x: {}, x: {}}", "", "'x' is duplicate"),
    (HEAD + "title: C", "", "line 3, column 1: the key 'title' is duplicate"),
    (HEAD + "x-a: &a {b: *a}", "/x-a/b", "alias"),
    (HEAD + "required: [y]", "/required", "'y'"),
    (HEAD + f"x-a: 0x{DIGITS}", "", "too many digits"),
    (HEAD + f"x-a: {{? 0x{DIGITS} : 1}}", "", "too many digits"),
    (HEAD + f"x-a: {DIGITS.replace('F', '9')}", "", "line 3, column 6: it has too many digits"),
    (HEAD + 'x-a: {"\\ud800": .nan}', "/x-a", "character"),
    (HEAD + "x-a: !!bool yes", "", "line 3, column 6: 'yes' is not of"),
    (HEAD + "x-a: !!int 1_0", "", "line 3, column 6: '1_0' is not of"),
    (HEAD + "x-a: !!float 1:30", "", "line 3, column 6: '1:30' is not of"),
    (HEAD + "x-a: !!null none", "", "line 3, column 6: 'none' is not of"),
    (HEAD + LAUGHS, "", "too many values"),
    (CLOSED + "default: {x: 1}", "/default", "has no effect"),
    (ANY + "required: [my-param]", "/required", "'my-param' is not a name"),
    (ANY + "allOf: [{properties: {class: {}}}]", "/allOf/0/properties/class", "Python"),
    (ANY + "oneOf: [{not: {required: [a b]}}]", "/oneOf/0/not/required", "'a b' is not a name"),
    (CLOSED + "allOf: [{properties: {y: {}}}]", "/allOf/0/properties/y", "not a property"),
    (CLOSED + "anyOf: [{required: [y]}]", "/anyOf/0/required", "'y'"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "key", "said"), BROKEN)
def test_a_schema_that_cannot_be_used(tmp_path, schema, key, said):
    fault = faults_of(tmp_path, schema)[0]
    assert fault.file == "site/parameters.yaml"
    assert fault.key.startswith(key)
    assert said in fault.detail


@pytest.mark.parametrize(
    ("schema", "key", "said"),
    [
        ("{type: text}", "type", "must be one of object"),
        ("{type: [string, 'null']}", "type", "nullable"),
        ("{type: 'null'}", "type", "nullable"),
        ("{nullable: 'yes', type: string}", "nullable", "true or false"),
        ("{type: string, maxLength: '3'}", "maxLength", "JSON Schema"),
        ("{type: string, pattern: '('}", "pattern", "regular expression"),
        ("{type: string, format: colour}", "format", "date, date-time"),
        ("{type: string, format: 1}", "format", "JSON Schema"),
        ("{type: integer, format: date}", "format", "the type string"),
        ("{format: date}", "format", "the type string"),
        ("{type: string, format: int32}", "format", "the type integer"),
        ("{const: 1}", "const", "enum"),
        ("{if: {type: string}}", "if", "leave it out"),
        ("{$ref: '#/properties/y'}", "$ref", "schema in its place"),
        ("{examples: [1]}", "examples", "example with"),
        ("{type: object, patternProperties: {}}", "patternProperties", "additionalProperties"),
        ("{readOnly: true}", "readOnly", "leave it out"),
        ("{Type: string}", "Type", "leave it out"),
        ("{type: integer, maxLength: 3}", "maxLength", "does not apply to the type integer"),
        ("{type: string, minimum: 3}", "minimum", "does not apply to the type string"),
        ("{type: integer, exclusiveMinimum: 3}", "exclusiveMinimum", "JSON Schema"),
        ("{type: array, items: [{type: string}]}", "items", "one schema"),
        ("{type: array, items: {const: 1}}", "items/const", "enum"),
        ("{type: object, additionalProperties: {const: 1}}", "additionalProperties/const", "enum"),
        ("{anyOf: [{type: string}, {const: 1}]}", "anyOf/1/const", "enum"),
        ("{not: {const: 1}}", "not/const", "enum"),
        ("{type: integer, minimum: 3, maximum: 2}", "minimum", "no value is valid"),
        ("{type: object, x-ascending: [a, b]}", "x-ascending", "two or more"),
        ("{type: object, properties: {a: {}}, x-ascending: [a]}", "x-ascending", "two or more"),
        ("{nullable: true, enum: [a]}", "nullable", "write a type"),
        ("{xml: {name: a}}", "xml", "is not supported"),
        ("{type: array, items: {default: 1}}", "items/default", "has no effect"),
        ("{allOf: [{default: 1}]}", "allOf/0/default", "has no effect"),
        ("{oneOf: [{properties: {a: {default: 1}}}]}", "oneOf/0/properties/a/default", "no effect"),
        ("{not: {properties: {a: {default: 1}}}}", "not/properties/a/default", "has no effect"),
        ("{type: object, properties: {a: {type: string}, b: {type: integer}},"
         " x-ascending: [a, b]}", "x-ascending", "strings of one format"),
        ("{type: object, properties: {a: {type: string, format: date}, b: {type: string}},"
         " x-ascending: [a, b]}", "x-ascending", "strings of one format"),
        ("{type: object, properties: {a: {type: array}, b: {type: array}}, x-ascending: [a, b]}",
         "x-ascending", "strings of one format"),
        ("{type: object, properties: {a: {default: 2, type: number},"
         " b: {default: 1, type: integer}}, x-ascending: [a, b]}", "properties/b", "before a"),
        # values
        ("{type: string, enum: [NL, true]}", "enum/1", "a string"),
        ("{type: string, enum: [NL, 12]}", "enum/1", "a string"),
        ("{type: integer, enum: ['1']}", "enum/0", "a whole number"),
        ("{type: integer, default: '1'}", "default", "a whole number"),
        ("{type: integer, default: 1.0}", "default", "a whole number"),
        ("{type: integer, default: null}", "default", "a whole number"),
        ("{type: string, example: 1}", "example", "a string"),
        ("{type: string, enum: [a], default: b}", "default", "one of: a"),
        ("{type: string, format: date, default: soon}", "default", "RFC 3339"),
        ("{type: string, maxLength: 2, example: abc}", "example", "at most 2"),
        ("{type: array, items: {type: string}, default: [a, 1]}", "default/1", "a string"),
        ("{type: object, properties: {a: {default: 1, type: string}}}", "properties/a/default", ""),
        ("{type: number, default: .nan}", "default", "finite"),
        ("{type: number, maximum: .inf}", "maximum", "finite"),
        ("{type: number, enum: [1, -.INF]}", "enum/1", "finite"),
        ("{type: number, default: 1e999}", "default", "finite"),
        ('{type: string, default: "\\ud800"}', "default", "character"),
        ("{default: !!binary aGk=}", "", "tag"),
    ],
)  # fmt: skip
def test_a_property_whose_schema_cannot_be_used(tmp_path, schema, key, said):
    fault = faults_of(tmp_path, property_(schema))[0]
    assert fault.file == "site/parameters.yaml"
    assert fault.key == (f"/properties/x/{key}" if key else "")
    assert said in fault.detail


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[NL, NO]", ["NL", "NO"]),
        ("[yes, off, On, y, n]", ["yes", "off", "On", "y", "n"]),
        ("[2000-01-31, 2000-01-31T00:00:00Z]", ["2000-01-31", "2000-01-31T00:00:00Z"]),
        ("[12:30, 12:30:00, 1_000, 0b1, '1']", ["12:30", "12:30:00", "1_000", "0b1", "1"]),
        ("[=, <, '<<']", ["=", "<", "<<"]),
    ],
)
def test_words_that_yaml_1_1_makes_something_else_of_are_texts(tmp_path, text, value):
    experiment = loaded(tmp_path, property_(f"{{type: string, enum: {text}}}"))
    assert experiment.schema["properties"]["x"]["enum"] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("012", 12), ("0o14", 12), ("0xC", 12), ("+12", 12), ("1e3", 1000.0), (".5", 0.5),
     ("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None), ("12.", 12.0)],
)  # fmt: skip
def test_numbers_are_those_of_yaml_1_2(tmp_path, text, value):
    experiment = loaded(tmp_path, f"{HEAD}x-value: {text}\n")
    assert experiment.schema["x-value"] == value
    assert type(experiment.schema["x-value"]) is type(value)


@pytest.mark.parametrize(
    "schema",
    [
        ANY + "anyOf: [{required: [x]}, {required: [y]}]",
        ANY + "allOf: [{properties: {y: {type: integer, default: 1}}}]",
        CLOSED + "allOf: [{properties: {x: {type: integer}}}, {required: [x]}]",
        property_("{type: object, properties: {a: {default: 1}, 'a b': {}}, required: ['a b']}"),
    ],
)
def test_schemas_of_schemas_that_can_work_do(tmp_path, schema):
    loaded(tmp_path, schema)


def test_anchors_and_merge_keys_work(tmp_path):
    schema = f"{HEAD}x-day: &day {{type: string}}\nproperties: {{x: {{<<: *day, format: date}}}}\n"
    experiment = loaded(tmp_path, schema)
    assert experiment.schema["properties"]["x"] == {"type": "string", "format": "date"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_used(tmp_path, name):
    loaded(tmp_path, property_(f"{{type: {FORMATS[name].types[0]}, format: {name}}}"))


def test_every_fault_of_a_schema_is_told_up_to_ten(tmp_path):
    twelve = ", ".join(f"x{n}: {{const: 1}}" for n in range(12))
    faults = faults_of(tmp_path, f"{HEAD}properties: {{{twelve}}}\n")
    assert [fault.key for fault in faults] == [f"/properties/x{n}/const" for n in range(10)]


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    experiment = loaded(tmp_path, "\ufeff" + ONE, "\ufeff" + CELL)
    cells = experiment.render({"x": 3})["cells"]
    assert [cell["source"] for cell in cells] == ["x = 1", "x = 3"]


# notebook.py


def script(style):
    notebook = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]})
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        cell,
        nbformat.v4.new_code_cell("print(x)\n\nprint(x)"),
    ]
    return jupytext.writes(notebook, fmt=f"py:{style}")


def bare(text):
    """The script without its header."""
    return text.split("# ---\n")[-1].lstrip("\n")


@pytest.mark.parametrize(
    ("style", "works"),
    [
        ("percent", True),
        ("hydrogen", True),
        ("light", True),
        ("nomarker", False),
        ("sphinx", False),
    ],
)
@pytest.mark.parametrize("header", [True, False])
def test_a_script_of_any_of_jupytexts_formats_works_or_is_left_out(tmp_path, style, works, header):
    write_experiment(tmp_path / "site", ONE, script(style) if header else bare(script(style)))
    found = load(tmp_path / "site")
    assert isinstance(found, Experiment) is (works if header else style in ("percent", "hydrogen"))
    if isinstance(found, Experiment):
        cells = found.render({"x": 3})["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        assert sources.index("x = 3") == sources.index("x = 1") + 1
    else:
        assert found[0].file == "site/notebook.py"
        assert "percent format" in found[0].detail


HEADED = "# ---\n# jupyter:\n#   {}\n# ---\n\n" + CELL
MANY = "a0: &a0 [1, 2]" + "".join(
    f"\n#   a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)
)
MARIMO = """import marimo
app = marimo.App()
@app.cell
def _():
    x = 1
"""


@pytest.mark.parametrize(
    ("template", "key", "said"),
    [
        ("x = 1\nprint(x)\n", "", "no cell tagged parameters"),
        (MARIMO, "", "no cell tagged parameters"),
        ("#' Text\n\n#+ tags=c('parameters')\nx = 1\n", "", "no cell tagged parameters"),
        ("", "", "no cell tagged parameters"),
        (CELL + CELL, "", "2 cells tagged parameters"),
        ('# %% tags="parameters"\nx = 1\n', "", "notebook"),
        ('# %% [markdown] tags=["parameters"]\n# x = 1\n', "parameters", "not code"),
        ('# %% [raw] tags=["parameters"]\n# x = 1\n', "parameters", "not code"),
        ('# %% tags=["parameters"]\ny = 1\n\n# %%\nx = 1\n', "parameters", "assign to x"),
        ('# %% tags=["parameters"]\nx = \n', "parameters", "not Python"),
        (CELL + "\n# %%\nx = 2\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\ny = 1\nx: int = 2\n", "x in a cell after", "remove that line"),
        (CELL + '\n# %% tags=["injected-parameters"]\nx = 2\n', "injected", "remove it"),
        (CELL + "\n# %%\nimport os.path as x\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\nfrom os import x\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\nimport x.y\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\nfor x in [1]:\n    pass\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\nwith f() as x:\n    pass\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\nwith f():\n    x = 2\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\ndef x():\n    pass\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\nclass x:\n    pass\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\nprint(x := 2)\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\n(a, *x), b = [1, 2], 3\n", "x in a cell after", "remove that line"),
        (CELL + "\n# %%\n%%time\nx = 2\n", "x in a cell after", "remove that line"),
        ('# %% tags=["parameters"]\n%%bash\nx=1\n', "parameters", "not Python"),
        ('# %% tags=["parameters"]\nx: int\n', "parameters", "assign to x"),
        (
            '# %% tags=["parameters"]\nx = 1\ny = 2 * x\n',
            "y in the cell",
            "move it to a later cell",
        ),
        (
            '# %% tags=["parameters"]\nx = 1\nfor y in [x]:\n    z = 1\n',
            "y in the cell",
            "before x",
        ),
        ('# %% tags=["parameters"]\nx = 1\ndef y(a=x):\n    z = 1\n', "y in the cell", "before x"),
        ('# %% tags=["parameters"]\ndef f():\n    x = 1\n', "parameters", "assign to x"),
        ("# ---\n# jupyter: [\n# ---\n\n" + CELL, "header", "correct it"),
        ("# ---\n# jupyter:\n#   kernelspec: 1\n# ---\n\n" + CELL, "", "notebook"),
        ("# ---\n# jupyter:\n#   kernelspec: {name: x}\n# ---\n\n" + CELL, "", "notebook"),
        ("# ---\n# jupyter:\n#   day: 2000-01-31\n# ---\n\n" + CELL, "/metadata/day", "text"),
        (
            HEADED.format("kernelspec: {name: x, display_name: y, language: null}"),
            "kernelspec",
            "need Python",
        ),
        (HEADED.format("language_info: {name: R}"), "language_info", "need Python"),
        (HEADED.format("a: &a [*a]"), "its header", "alias"),
        (HEADED.format(MANY), "its header", "alias"),
        ("#!/usr/bin/python\n" + HEADED.format(MANY), "its header", "alias"),
        ("# ---\n# title: a\n# jupyter: [\n# ---\n\n" + CELL, "its header", "correct it"),
        ("# ---\n# jupyter:\n#   day: .nan\n# ---\n\n" + CELL, "/metadata/day", "finite"),
        (
            "# ---\n# jupyter:\n#   kernelspec: {name: ir, language: R, display_name: R}\n# ---\n\n"
            + CELL,
            "kernelspec",
            "need Python",
        ),
    ],
)
def test_a_template_that_cannot_be_used(tmp_path, template, key, said):
    fault = faults_of(tmp_path, ONE, template)[0]
    assert fault.file == "site/notebook.py"
    assert key in fault.key
    assert said in fault.detail


@pytest.mark.parametrize(
    "template",
    [
        CELL + "\n# %%\nx = x + 1\n",
        CELL + "\n# %%\nprint(x)\nx = 2\n",
        CELL + "\n# %%\ndef f():\n    return x\n\n\nx = 2\n",
        CELL + "\n# %%\n%run other.py\nx.real = 2\n",
        CELL + "\n# %%\nif x > 2:\n    x = 2\n",
        CELL + "\n# %% [markdown]\n# x = 2\n",
        CELL + "\n# %%\n%%bash\nx = 2\n",
        CELL + "\n# %%\n!echo {x}\nx = 2\n",
        CELL + "\n# %%\nn = sum(1 for x in [1])\nprint(x)\n",
        CELL + "\n# %%\ndef f():\n    x = 2\n",
        CELL + "\n# %%\nx: int\n",
        CELL + "\n# %%\nx += 1\n",
        '# %% tags=["parameters"]\nx = (10\n    % 3)\n',
        '# %% tags=["parameters"]\n%%time\nx = 1\n',
        '# %% tags=["parameters"]\nif True:\n    x = 1\n',
        "# %%\nx = 0\n\n" + CELL,
        '# %% tags=["parameters"]\n%matplotlib inline\nx: int = 1\n',
        '# %% tags=["parameters"]\nx = y = 1\n',
        '# %% tags=["parameters", "hide"]\nx, y = 1, 2\n',
        '# %% tags=["parameters"]\nx = 1\nprint(x)\nassert x\n',
        '# %% tags=["parameters"]\ny = 2\nx = 2 * y\n',
        '#%% {"tags": ["parameters"]}\nx = 1\n',
        CELL.replace("\n", "\r\n"),
    ],
)
def test_a_template_that_reads_its_parameters_is_taken(tmp_path, template):
    assert loaded(tmp_path, ONE, template).render({"x": 3})


def test_a_template_without_parameters_needs_no_cell_for_them(tmp_path):
    assert len(loaded(tmp_path, HEAD, "print(1)\n").render({})["cells"]) == 1


def test_a_template_that_takes_any_parameter_needs_a_cell_for_them(tmp_path):
    (fault,) = faults_of(tmp_path, HEAD + "additionalProperties: true", "print(1)\n")
    assert "no cell tagged parameters" in fault.detail


HEADER = """# ---
# jupyter:
#   authors: [{name: A}]
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Ocean
#     language: python
#     name: ocean
# ---

"""


def test_the_templates_own_kernel_and_metadata_stay(tmp_path):
    metadata = loaded(tmp_path, ONE, HEADER + CELL).render({"x": 3})["metadata"]
    kernel = {"display_name": "Ocean", "language": "python", "name": "ocean"}
    assert metadata["kernelspec"] == kernel
    assert metadata["authors"] == [{"name": "A"}]
    assert "jupytext" not in metadata


def test_a_template_without_a_kernel_gets_pythons(tmp_path):
    metadata = loaded(tmp_path, ONE).render({"x": 3})["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"


def test_what_is_published_and_written_is_json(tmp_path):
    experiment = loaded(tmp_path, SCHEMA, TEMPLATE)
    json.dumps([experiment.schema, experiment.render({})], allow_nan=False)
    for cell in experiment.render({})["cells"]:
        ast.parse(cell["source"])


# what is said


def test_the_log_names_folder_file_and_key(tmp_path, caplog):
    write_experiment(tmp_path / "site", property_("{const: 1}"), CELL)
    Catalogue.load([tmp_path])
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage() == "an experiment is left out"
    assert record.folder == str(tmp_path / "site")
    assert record.detail.startswith("site/parameters.yaml: /properties/x/const is a keyword")
