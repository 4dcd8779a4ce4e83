"""A client that openapi-python-client makes of the served /openapi.json, as anybody would."""

import importlib
import inspect
import json
import subprocess
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest
from openapi_spec import OPERATIONS, resolved

PACKAGE = "a_generated_client"
SHORTCUTS = sorted(name for name in OPERATIONS if ".shortcuts." in name)
# it knows binary answers by this media type only
CONFIG = """
post_hooks: []
content_type_overrides:
  application/zip: application/octet-stream
  application/x-ipynb+json: application/octet-stream
"""


@dataclass(frozen=True)
class Generated:
    """The generated package, and what its generator said."""

    said: str
    status: int
    url: str

    def operation(self, name: str) -> ModuleType:
        """The module of an operation."""
        tag = OPERATIONS[name][2]["tags"][0]
        return importlib.import_module(f"{PACKAGE}.api.{tag}.{name.replace('.', '_')}")

    def client(self, user=None):
        """A client that holds the user's token, or none."""
        client = importlib.import_module(PACKAGE)
        if user is None:
            return client.Client(self.url)
        return client.AuthenticatedClient(self.url, token=user.token, prefix="token")

    def call(self, name: str, user, body=None, **arguments):
        """What an operation returns; the body becomes what its signature asks for."""
        sync = self.operation(name).sync
        if body is not None:
            arguments["body"] = (
                inspect.signature(sync).parameters["body"].annotation.from_dict(body)
            )
        with self.client(user) as client:
            return sync(client=client, **arguments)


@pytest.fixture(scope="module")
def _generated(_gunicorn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    # its own hooks tidy the code up with a ruff that need not be there
    (folder / "config.yaml").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning",
         "--url", f"{_gunicorn.url}/openapi.json", "--meta", "none",
         "--config", "config.yaml", "--output-path", PACKAGE],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Generated(done.stdout, done.returncode, _gunicorn.url)


@pytest.fixture
def generated(gunicorn, _generated):
    """The client, of the application under gunicorn."""
    return _generated


def example_of(name):
    body = resolved(OPERATIONS[name][2]["requestBody"])
    return body["content"]["application/json"]["example"]


def parameters_in(user, path):
    # the generated client reads times, and writes the Z of RFC 3339 as the same offset in digits
    return json.loads(user.files[path].replace(b"+00:00", b"Z"))["metadata"]["launcher"][
        "parameters"
    ]


def test_the_client_is_made_without_a_warning(generated):
    assert generated.status == 0, generated.said
    for name in OPERATIONS:
        assert generated.operation(name)


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_user_launches_an_experiment_with_its_example(generated, alice, name):
    example = example_of(name)
    answer = generated.call(name, alice, example)
    path = f"somedirectory/{example['notebook']['filename']}"
    assert f"/user/{alice.name}/" in answer.location
    assert path in answer.location
    assert alice.notebooks == [path]
    assert parameters_in(alice, path) == {k: v for k, v in example.items() if k != "notebook"}


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_user_launches_an_experiment_by_its_name(generated, alice, name):
    notebook, parameters = {"directory": "lab"}, dict(example_of(name))
    del parameters["notebook"]
    body = {"notebook": notebook, "parameters": parameters}
    experiment = name.rpartition(".")[2]
    call = "launcher.api.experiments.launch"
    assert generated.call(call, alice, body, experiment=experiment).location
    assert alice.notebooks == ["lab/experiment.ipynb"]
    assert parameters_in(alice, "lab/experiment.ipynb") == parameters


def test_a_user_is_told_who_they_are_and_what_there_is(generated, alice):
    assert generated.call("launcher.api.user.get", alice).name == alice.name
    listed = generated.call("launcher.api.experiments.list_all", alice).experiments
    assert {f"launcher.api.shortcuts.{each.name}" for each in listed} == set(SHORTCUTS)
    one = generated.call("launcher.api.experiments.get", alice, experiment="hello")
    assert one.title
    body = {"notebook": {"directory": "lab"}}
    preview = "launcher.api.experiments.preview"
    assert generated.call(preview, alice, body, experiment="hello").nbformat == 4
    assert alice.files == {}


def test_a_monitor_is_told_how_the_launcher_is(generated):
    assert generated.call("launcher.api.health.health", None).ok
    assert generated.call("launcher.api.health.ready", None).ok


def test_a_failure_comes_as_the_problem_that_is_described(generated, alice):
    hello = "launcher.api.shortcuts.hello"
    stranger = generated.call(hello, None, example_of(hello))
    assert (stranger.status, stranger.type_.rpartition(":")[2]) == (401, "unauthorized")
    wrong = generated.call(hello, alice, {"notebook": {"directory": ".hidden"}})
    assert [error.pointer for error in wrong.errors] == ["/notebook/directory"]
    once = {"notebook": {"directory": "lab", "if_exists": "fail"}}
    assert generated.call(hello, alice, once).location
    assert generated.call(hello, alice, once).status == 409
