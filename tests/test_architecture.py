"""The arrows of the design: who may import whom."""

import ast
from pathlib import Path

import pytest

import launcher

ROOT = Path(launcher.__file__).parent
EVERYBODY = {
    "errors",
    "redaction",
    "urls",
    "outbound",
    "flights",
    "formats",
    "schemas",
    "logs",
    "metrics",
    "outage",
}
PARTS = {"hub", "contents", "experiments", "store"}
STORIES = {"orders", "launches", "starting", "following", "upkeep", "readiness"}

# room -> the rooms of the package that it may import beside those that everybody may
MAY_IMPORT = {
    "errors": set(),
    "redaction": set(),
    "urls": set(),
    "outbound": set(),
    "outage": set(),
    "flights": set(),
    "formats": set(),
    "schemas": set(),
    "logs": set(),
    "metrics": {"metric_files"},
    "metric_files": set(),
    "config": set(),
    "keys": set(),
    "hub": set(),
    "refusals": set(),
    "contents": {"refusals"},
    "experiments": set(),
    "store": set(),
    "placing": {"contents", "store"},
    "feed": {"store"},
    "turns": {"store"},
    "starting": PARTS | {"feed", "turns"},
    "orders": {"store"},
    "launches": PARTS | {"orders", "placing", "starting", "feed"},
    "following": {"store", "feed"},
    "upkeep": {"store", "launches", "starting", "feed"},
    "readiness": PARTS,
    "auth": {"hub", "store"},
    "api": STORIES | PARTS | {"auth", "config", "feed"},
    "web": STORIES | PARTS | {"auth"},
    "app": STORIES | PARTS | {"auth", "config", "keys", "api", "web", "feed", "placing"},
    "serve": {"app", "config"},
    "gunicorn": {"config", "store", "worker"},
    "worker": set(),
    "client": set(),
    "cli": {
        "client",
        "app",
        "experiments",
        "config",
        "hub",
        "keys",
        "readiness",
        "store",
        "worker",
    },
    "__main__": {"cli"},
}
WEB_FRAMEWORKS = {"starlette", "connexion", "swagger_ui_bundle", "flask", "fastapi", "uvicorn"}
MAY_SERVE = {"auth", "api", "web", "app", "serve"}
READS_ENVIRONMENT = {"config", "jupyterhub", "singleuser"}
# the outermost layer, and what hands a site's files to the parsers of other projects
CATCHES_EVERYTHING = {"app.py", "experiments/__init__.py"}

MODULES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if "migrations" not in path.parts and path.name != "notebook.py"
]


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    """The modules that a file imports, with names in place of packages where it takes names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                yield f"{node.module}.{alias.name}" if node.module == "launcher" else node.module


def every_module(test):
    names = [str(path.relative_to(ROOT)) for path in MODULES]
    return pytest.mark.parametrize("path", MODULES, ids=names)(test)


@every_module
def test_a_module_imports_only_what_the_design_lets_it(path):
    room = room_of(path)
    if room == "__init__":
        assert list(imports(path)) == []
        return
    wanted = {name.split(".")[1] for name in imports(path) if name.startswith("launcher.")}
    allowed = MAY_IMPORT[room] | EVERYBODY | {room}
    unknown = wanted - allowed - {"__version__"}
    assert not unknown, f"{path.name} imports {sorted(unknown)}"


@every_module
def test_only_those_who_answer_requests_know_a_web_framework(path):
    roots = {name.split(".")[0] for name in imports(path)}
    if room_of(path) not in MAY_SERVE:
        assert not roots & WEB_FRAMEWORKS


@every_module
def test_nobody_reads_the_environment_but_the_settings(path):
    if room_of(path) in READS_ENVIRONMENT:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", "")))
        assert name not in ("environ", "environb", "getenv", "putenv"), f"line {node.lineno}"


@every_module
def test_nobody_catches_everything_but_these(path):
    if path.relative_to(ROOT).as_posix() in CATCHES_EVERYTHING:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            names = {getattr(n, "id", "") for n in ast.walk(node.type)} if node.type else {"bare"}
            assert not names & {"Exception", "BaseException", "bare"}, f"line {node.lineno}"


def public(nodes):
    """The functions and classes among the nodes, and those in the classes."""
    for node in nodes:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


@every_module
def test_everything_public_says_what_it_promises(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module"
    for node in public(tree.body):
        assert ast.get_docstring(node), node.name


@pytest.mark.parametrize(
    "word", ["eval", "exec", "compile", "pickle", "marshal", "shelve", "os.system"]
)
@every_module
def test_values_never_become_code(path, word):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert word not in called | set(imports(path))


def test_every_room_is_on_the_list():
    rooms = {room_of(path) for path in MODULES} - {"__init__"}
    assert rooms <= MAY_IMPORT.keys()
