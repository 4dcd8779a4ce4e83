"""The types conda and script: what users may enter, and how their servers start."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.entrypoints.configuration import read_types
from launcher.entrypoints.model import HostReport, System, Validator
from launcher.entrypoints.validators.none import NoValidator
from launcher.errors import BadRequest
from launcher.forms import SchemaForm
from launcher.schemas import Checker
from launcher.spawn.json_fields import absolute

SYSTEM = System("perlmutter", "Perlmutter", "perlmutter.nersc.gov")
TYPES = read_types([{"name": "conda"}, {"name": "script"}])

PATHS = [
    "/opt/envs/analysis",
    "/home/alice/My environments/größe",
    "/home/アリス/環境",
    "/a",
    "/opt/envs/v1.2+cuda=11,x@y%z:~t#1",
    "/opt/.hidden/...",
    "/opt/-rf",
    "/" + "x" * 1023,
]
REFUSED = [
    ("opt/envs", "begins with /"),
    ("~root/env", "begins with /"),
    ("-oProxyCommand=touch PWN", "begins with /"),
    ("-rf", "begins with /"),
    ("/opt/$(id)", "must not contain $ because"),
    ("$(id)", "begins with /"),
    ("/opt/`id`", "must not contain ` because"),
    ("/x; touch TMP", "must not contain ; because"),
    ("/x && id", "must not contain & because"),
    ("/x|id", "must not contain | because"),
    ("/x > y", "must not contain > because"),
    ("/x*", "must not contain * because"),
    ('/x"y', 'must not contain " because'),
    ("/x'y", "must not contain ' because"),
    ("/x\\y", "must not contain \\ because"),
    ("/{{ cmd }}", "must not contain { because"),
    ("/a/../../etc/shadow", "components . and .."),
    ("/a/..", "components . and .."),
    ("/a/./b", "components . and .."),
    ("/a//b", "two slashes"),
    ("/a/", "must not end with /"),
    ("/", "root directory"),
    ("/a\nb", "U+000A"),
    ("/a\x00b", "U+0000"),
    ("/a\x7f", "U+007F"),
    ("/a\u202eb", "U+202E"),
    ("/a\u200bb", "U+200B"),
    ("/a\ud800b", "U+D800"),
    ("", "1 to 1024"),
    ("/" + "x" * 1024, "1 to 1024"),
]
# characters that the pattern of the schema does not list
INVISIBLE = ("U+202E", "U+200B", "U+D800")
every_type = pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())


class Finding(Validator):
    """Finds what is below one of the paths."""

    def __init__(self, *paths):
        self.paths = paths
        self.seen = []

    async def check(self, user, system, expected):
        self.seen.append((user, system.name, expected.path, expected.executable))
        found = any(expected.path.startswith(path) for path in self.paths)
        return HostReport(system.hostname, expected.path, found, f"{expected.path}: {found}.")


@every_type
@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_any_language_is_accepted(kind, path):
    kind.check_data({"path": path})
    assert path in kind.specification({"path": path}).command.argv[0]


@every_type
@pytest.mark.parametrize(("path", "why"), REFUSED)
def test_a_path_is_refused_with_the_reason(kind, path, why):
    with pytest.raises(BadRequest) as raised:
        kind.check_data({"path": path})
    assert raised.value.detail.startswith("data.path must")
    assert why in raised.value.detail
    assert [error["pointer"] for error in raised.value.errors] == ["/data/path"]


@every_type
@pytest.mark.parametrize("path", [path for path, why in REFUSED if why not in INVISIBLE])
def test_the_schema_alone_refuses_it_too(kind, path):
    with pytest.raises(BadRequest):
        Checker(kind.schema).check({"path": path})


@given(text=st.text() | st.text("/.a $é-\n\u202e", max_size=30).map("/{}".format))
def test_an_accepted_path_is_one_for_the_schema_and_the_specification_too(text):
    script = TYPES["script"]
    if script.problem("path", text):
        with pytest.raises(BadRequest, match=r"^data\.path must"):
            script.check_data({"path": text})
        return
    script.check_data({"path": text})
    Checker(script.schema).check({"path": text})
    assert absolute(text, "path") == text
    assert script.specification({"path": text}).command.argv == (text,)


@every_type
@pytest.mark.parametrize(
    "more",
    ["cmd", "args", "environment", "volumes", "privileged", "__class__", "ip", "notebook_dir"],
)
def test_nothing_but_the_path_can_be_set(kind, more):
    with pytest.raises(BadRequest) as raised:
        kind.check_data({"path": "/opt/env", more: ["bash", "-c", "id"]})
    assert raised.value.detail == (
        f"data.{more} is not a field of this request; leave it out, or use one of: path."
    )


@every_type
@pytest.mark.parametrize("data", [None, [], "x", 7, {}, {"path": None}, {"path": ["/opt"]}])
def test_data_of_another_shape_are_refused(kind, data):
    with pytest.raises(BadRequest):
        kind.check_data(data)


@every_type
def test_two_mistakes_are_both_said(kind):
    with pytest.raises(BadRequest) as raised:
        kind.check_data({"path": "opt", "cmd": "id"})
    assert [error["pointer"] for error in raised.value.errors] == ["/data/path", "/data/cmd"]


@every_type
def test_a_form_asks_for_the_path(kind):
    form = SchemaForm(kind.schema, "/data", kind.display_name)
    assert form.parse([("/data/path", "/opt/my env")]).value == {"path": "/opt/my env"}
    (control,) = form.control([]).children
    assert control.title.startswith("Path of the ")
    assert control.example.startswith("/home/alice/")


def test_a_server_starts_with_the_command_of_its_conda_environment():
    found = TYPES["conda"].specification({"path": "/home/alice/.conda/envs/my env"})
    assert found.to_json() == {
        "version": 1,
        "command": {
            "argv": ["/home/alice/.conda/envs/my env/bin/jupyterhub-singleuser"],
            "replaces": True,
        },
        "environment": {
            "CONDA_PREFIX": "/home/alice/.conda/envs/my env",
            "CONDA_DEFAULT_ENV": "my env",
        },
    }


def test_an_environment_elsewhere_has_its_path_as_name():
    found = TYPES["conda"].specification({"path": "/opt/conda"})
    assert found.environment["CONDA_DEFAULT_ENV"] == "/opt/conda"


def test_a_script_gets_the_command_of_the_spawner():
    found = TYPES["script"].specification({"path": "/opt/start here"})
    assert found.to_json() == {
        "version": 1,
        "command": {"argv": ["/opt/start here"], "replaces": False},
    }


async def test_a_conda_environment_is_looked_at_on_its_system():
    validator = Finding("/opt/env/")
    report = await TYPES["conda"].validate("alice", SYSTEM, {"path": "/opt/env"}, validator)
    assert report.result
    assert [host.host for host in report.hosts] == ["perlmutter.nersc.gov"] * 2
    assert sorted(validator.seen) == [
        ("alice", "perlmutter", "/opt/env/bin/jupyterhub-singleuser", True),
        ("alice", "perlmutter", "/opt/env/conda-meta/history", False),
    ]


@pytest.mark.parametrize(
    ("there", "advice"),
    [
        ("/opt/env/bin", "Name the directory of a conda environment."),
        ("/opt/env/conda-meta", "Install the packages jupyterhub and jupyterlab"),
        ("/elsewhere", "bin/jupyterhub-singleuser: False."),
    ],
)
async def test_the_report_says_what_an_environment_lacks(there, advice):
    report = await TYPES["conda"].validate("a", SYSTEM, {"path": "/opt/env"}, Finding(there))
    assert not report.result
    assert advice in report.message
    assert report.message.endswith(".")


async def test_a_script_has_to_be_executable():
    validator = Finding("/opt/start")
    data = {"path": "/opt/start"}
    assert (await TYPES["script"].validate("alice", SYSTEM, data, validator)).result
    assert validator.seen == [("alice", "perlmutter", "/opt/start", True)]
    gone = await TYPES["script"].validate("alice", SYSTEM, data, Finding())
    assert not gone.result
    assert gone.to_json()["hosts"][0]["subject"] == "/opt/start"


@every_type
async def test_without_a_validator_the_report_says_that_nothing_was_looked_at(kind):
    report = await kind.validate("alice", SYSTEM, {"path": "/opt/env"}, NoValidator())
    assert report.result
    assert report.message.startswith("Nothing was looked at")


@every_type
async def test_a_path_type_offers_nothing_of_its_own(kind):
    assert await kind.options("alice", SYSTEM) == []
