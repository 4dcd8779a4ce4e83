"""Reads the notebook of an experiment, and checks that no cell overwrites its parameters."""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jupytext
import nbformat
import yaml

from launcher.experiments.core_yaml import not_json
from launcher.experiments.faults import Unusable

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# As ipykernel reports it: if a notebook has another value, JupyterLab replaces it by the kernel's
# and shows the notebook as changed. The version is right if servers use the launcher's Python;
# that of a user's kernel is not known before it runs.
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": sys.version.split()[0],
}
# what jupytext, its formats and the YAML parser raise for text that they cannot read
_UNREADABLE = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, yaml.YAMLError, nbformat.ValidationError),
)
# between two lines of ---, after a shebang and an encoding line
_HEADER = re.compile(r"(?:#.*\n){0,2}?# ?---[ \t]*\n((?:#.*\n)*?)# ?---[ \t]*(?:\n|\Z)")
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# statements and expressions that may not run, or that have their own scope
_MAYBE = (
    *(ast.If, ast.While, ast.Try, ast.TryStar, ast.Match, ast.Lambda, ast.IfExp, ast.BoolOp),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
_TAG = 'a cell whose first line is # %% tags=["parameters"]'


@dataclass(frozen=True)
class Template:
    """A notebook in nbformat 4.5 without outputs, and the position of its parameters."""

    notebook: Mapping[str, Any]
    parameters_at: int
    sha256: str


def read(text: str, schema: Mapping[str, Any]) -> Template:
    """Read a template from a script in jupytext's percent format; raises Unusable."""
    notebook = _notebook(text)
    tagged = [n for n, cell in enumerate(notebook["cells"]) if "parameters" in tags(cell)]
    takes_any = bool(schema["properties"]) or schema["additionalProperties"] is not False
    if len(tagged) > 1:
        raise Unusable([("", f"has {len(tagged)} cells tagged parameters; tag only one")])
    if takes_any and not tagged:
        raise Unusable([("", f"has no cell tagged parameters; add {_TAG} (the percent format)")])
    if tagged and (problems := list(_overwriting(notebook["cells"], tagged[0], schema))):
        raise Unusable(problems)
    return Template(
        notebook=notebook,
        parameters_at=tagged[0] + 1 if tagged else 0,
        sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
    )


def tags(cell: Mapping[str, Any]) -> list[str]:
    """The tags of a cell."""
    found: list[str] = cell["metadata"].get("tags", [])
    return found


def _notebook(text: str) -> dict[str, Any]:
    if _has_alias(text):
        raise Unusable([("its header", "must not contain a YAML alias (*); write the value")])
    try:
        notebook = jupytext.reads(text, fmt="py:percent")
        _complete(notebook)
        nbformat.validate(notebook)
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise Unusable([("", f"cannot be read as a notebook: {reason}")]) from error
    plain: dict[str, Any] = _plain(notebook)
    if plain["cells"] and _is_header(plain["cells"][0]):
        raise Unusable([("its header", "cannot be read as YAML; correct it, or leave it out")])
    if problems := [*not_json(plain)] or [*_of_language(plain["metadata"])]:
        raise Unusable(problems)
    return plain


def _has_alias(text: str) -> bool:
    """Whether the header contains a YAML alias: nested aliases grow exponentially."""
    header = _HEADER.match(text)
    if header is None:
        return False
    lines = re.sub("^# ?", "", header[1], flags=re.MULTILINE)
    try:
        return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(lines))
    except yaml.YAMLError:
        return False  # jupytext reports it


def _of_language(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for word, field in (("kernelspec", "language"), ("language_info", "name")):
        language = metadata[word].get(field, "python")
        if not isinstance(language, str) or language.lower() != "python":
            detail = f"has the language {language or 'none'}; parameters need Python"
            yield f"{word} in its header", detail


def _is_header(cell: Mapping[str, Any]) -> bool:
    """Whether this cell is a header that jupytext could not read."""
    header = re.match(r"---\n(?:.*\n)*?jupyter:", cell["source"])
    return cell["cell_type"] == "raw" and header is not None


def _complete(notebook: Any) -> None:
    """Add the metadata and cell ids of nbformat 4.5; the template's own metadata stays."""
    # jupytext's metadata would pair the user's notebook with a script
    metadata = {key: value for key, value in notebook.metadata.items() if key != "jupytext"}
    notebook.metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE, **metadata}
    notebook.nbformat_minor = 5
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _overwriting(
    cells: list[dict[str, Any]], at: int, schema: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Reasons why the notebook would not use the values that are injected."""
    where = "the cell tagged parameters"
    if cells[at]["cell_type"] != "code":
        yield where, f"is not code; make it {_TAG}"
        return
    if any("injected-parameters" in tags(cell) for cell in cells):
        yield "the cell tagged injected-parameters", "is from an earlier run; remove it"
    parsed = _parsed(cells[at]["source"])
    if parsed is None:
        yield where, "is not Python; write only assignments in it"
        return
    stored = _bound(*_statements(parsed.body, every=True))
    for name in schema["properties"]:
        if name not in stored:
            yield where, f"does not assign to {name}, a property of parameters.yaml; add it there"
    for name, parameter in _computed(parsed.body, {*schema["properties"]}):
        yield (
            f"{name} in {where}",
            f"is computed before {parameter} gets the value that is asked for; move it to a later"
            " cell",
        )
    for name in _assigned_again(cells[at + 1 :], {*schema["properties"]}):
        yield (
            f"{name} in a cell after the one tagged parameters",
            "is assigned to before anything reads it; remove that line",
        )


def _computed(body: list[ast.stmt], parameters: set[str]) -> Iterator[tuple[str, str]]:
    """The names that are no parameters and get a value made of one, and of which."""
    for statement in body:
        if read := sorted(parameters & _read_in(statement)):
            for name in sorted(_bound(statement) - parameters):
                yield name, read[0]


def _assigned_again(cells: list[dict[str, Any]], names: set[str]) -> Iterator[str]:
    """The names to which a cell assigns another value before anything reads them."""
    unread = set(names)
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        parsed = _parsed(cell["source"])
        if parsed is None:
            return  # a cell that cannot be parsed may read all of them
        unread -= {*re.findall(r"\w+", " ".join(_MAGIC.findall(cell["source"])))}
        for statement in _statements(parsed.body):
            unread -= _read_in(statement)
            again = sorted(unread & _bound(statement))
            yield from again
            unread -= {*again}


def _statements(body: list[ast.stmt], every: bool = False) -> Iterator[ast.AST]:
    """Statements that always run, in order; with `every`, also those that run conditionally."""
    for statement in body:
        inside = [each for each in ast.iter_child_nodes(statement) if isinstance(each, ast.stmt)]
        if isinstance(statement, _SCOPES) or not inside:
            yield statement
        elif isinstance(statement, (ast.With, ast.AsyncWith)) or every:
            yield from (e for e in ast.iter_child_nodes(statement) if not isinstance(e, ast.stmt))
            yield from _statements(inside, every)
        else:
            yield statement


def _read_in(node: ast.AST) -> set[str]:
    names = {e.id for e in ast.walk(node) if isinstance(e, ast.Name) and _is_read(e)}
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        names.add(node.target.id)
    return names


def _is_read(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _bound(*nodes: ast.AST) -> set[str]:
    """The names that are always assigned to in these nodes, outside of nested scopes."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, _SCOPES):
            names.add(node.name)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            names |= _bound(node.target, node.iter)
        elif isinstance(node, ast.AnnAssign) and node.value is None:
            continue
        elif not isinstance(node, _MAYBE):
            names |= _bound(*ast.iter_child_nodes(node))
    return names


def _parsed(source: str) -> ast.Module | None:
    """Parse a cell without its IPython magics; None if it is not Python."""
    if re.match(r"\s*%%(?!time\b|capture\b|prun\b)", source):
        return None
    for text in (source, _MAGIC.sub("", source)):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None
