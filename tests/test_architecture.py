"""The import rules of the design (docs/architecture)."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import launcher

ROOT = Path(launcher.__file__).parent
FOUNDATIONS = {
    "child_processes",
    "classes",
    "digests",
    "errors",
    "formats",
    "git",
    "git_failures",
    "internal_ssl",
    "launch_states",
    "log_text",
    "logs",
    "metrics",
    "nesting",
    "outage",
    "outbound",
    "redaction",
    "schemas",
    "sealing",
    "server_ref",
    "singleflight",
    "urls",
}
CLIENTS = {"hub", "contents", "store"}
FEATURES = {"entrypoints", "launches", "experiments", "readiness", "workshops"}

# package or module -> what it may import of the launcher beside the foundations and itself
MAY_IMPORT = {
    **{name: set() for name in FOUNDATIONS},
    "metrics": {"metric_files"},
    "metric_files": set(),
    "keys": set(),
    # imported by the hub, too: of the launcher, nothing but itself
    "spawn": set(),
    "jupyterhub": {"spawn"},
    # in the users' servers, where the launcher is not installed
    "singleuser": set(),
    "links": set(),
    "forms": set(),
    "rendering": set(),
    "config": set(),
    **{name: set() for name in CLIENTS},
    "experiments": {"links"},
    "entrypoints": {"spawn", "store"},
    "projects": {"hub", "launches", "spawn", "store"},
    # of projects, what knows nothing of launches: see below
    "spawning": {"entrypoints", "projects", "spawn", "store"},
    "launches": CLIENTS | {"spawning"},
    "workshops": CLIENTS | {"launches", "rendering"},
    "readiness": CLIENTS,
    "auth": {"hub", "store"},
    "parts": FEATURES | CLIENTS | {"auth", "config", "projects", "rendering", "spawning"},
    "api": FEATURES
    | CLIENTS
    | {"auth", "config", "links", "parts", "projects", "spawn", "spawning"},
    "web": FEATURES
    | CLIENTS
    | {"auth", "config", "forms", "links", "parts", "projects", "rendering"},
    "app": FEATURES
    | CLIENTS
    | {"auth", "config", "configured", "keys", "parts", "api", "projects", "rendering"}
    | {"spawning", "web"},
    # what the settings of the features mean, for the service and for the doctor
    "configured": {"config", "entrypoints", "experiments", "projects", "store"},
    "serve": {"app", "config"},
    "gunicorn": {"config", "store", "worker"},
    "worker": set(),
    "client": set(),
    "cli": {
        "client",
        "config",
        "configured",
        "experiments",
        "hub",
        "keys",
        "links",
        "projects",
        "readiness",
        "store",
        "worker",
    },
    "__main__": {"cli"},
}
WEB_FRAMEWORKS = {"starlette", "connexion", "swagger_ui_bundle", "flask", "fastapi", "uvicorn"}
# `configured` checks that a site's own routes are routes
MAY_SERVE = {"api", "web", "app", "configured"}
READS_ENVIRONMENT = {"cli", "config", "jupyterhub", "singleuser"}
# the outermost layer, and what hands a site's files to the parsers of other projects
CATCHES_EVERYTHING = {
    "app/__init__.py",
    "experiments/__init__.py",
    # a child process of its own, which ends with the notebook
    "rendering/process.py",
    # a process of its own, whose failure a launch waits to hear of
    "singleuser/prepare.py",
    # in the users' servers, where no save may fail
    "singleuser/save_hook.py",
}

MODULES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if "migrations" not in path.parts and path.name != "notebook.py"
]


def package_of(path):
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
    package = package_of(path)
    if package == "__init__":
        assert list(imports(path)) == []
        return
    wanted = {name.split(".")[1] for name in imports(path) if name.startswith("launcher.")}
    allowed = MAY_IMPORT[package] | FOUNDATIONS | {package}
    unknown = wanted - allowed - {"__version__"}
    assert not unknown, f"{path.name} imports {sorted(unknown)}"


def test_what_spawning_knows_of_projects_knows_nothing_of_launches():
    found, left = set(), {"launcher.spawning"}
    while left:
        name = left.pop()
        found.add(name)
        path = ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
        if path.exists():
            left |= {
                each for each in imports(path) if each.startswith("launcher.projects.")
            } - found
            assert not [each for each in imports(path) if each.startswith("launcher.launches")], (
                name
            )
    assert "launcher.projects.prepared" in found


@every_module
def test_only_those_who_answer_requests_know_a_web_framework(path):
    roots = {name.split(".")[0] for name in imports(path)}
    if package_of(path) not in MAY_SERVE:
        assert not roots & WEB_FRAMEWORKS


@every_module
def test_nobody_reads_the_environment_but_the_settings(path):
    if package_of(path) in READS_ENVIRONMENT:
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


# INSERT, UPDATE and DELETE of the table `launches`
WRITES = re.compile(
    r"(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+[\"`]?launches\b", re.ASCII | re.IGNORECASE
)
WRITES_LAUNCHES = {"store/launches.py", "store/pruning.py"}


def writes_launches(tree):
    """The lines that write to the table, with SQLAlchemy or as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if WRITES.search(node.value):
                yield node.lineno
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            of_table = re.fullmatch(r"(?:tables\.)?launches\.(insert|update|delete)", called)
            function = re.fullmatch(r"(?:\w+\.)*(insert|update|delete)", called)
            target = ast.unparse(node.args[0]) if node.args else ""
            if of_table or (function and target in ("launches", "tables.launches")):
                yield node.lineno


@every_module
def test_only_one_module_and_the_pruning_write_launches(path):
    if path.relative_to(ROOT).as_posix() not in WRITES_LAUNCHES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert list(writes_launches(tree)) == []


@pytest.mark.parametrize(
    "source",
    [
        "launches.insert()",
        "tables.launches.update().where(True)",
        "sa.delete(launches)",
        "sa.text('UPDATE launches SET state = 1')",
    ],
)
def test_every_way_to_write_launches_is_found(source):
    assert list(writes_launches(ast.parse(source))) == [1]


def test_every_package_is_on_the_list():
    packages = {package_of(path) for path in MODULES} - {"__init__"}
    assert packages <= MAY_IMPORT.keys()


def test_a_class_name_means_one_thing():
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in names.items() if count > 1} == set()
