"""An administrator's settings of systems, types and the validator."""

import sys

import pytest

from launcher.entrypoints.configuration import read_systems, read_types, read_validator
from launcher.entrypoints.model import EntrypointType, Report, System
from launcher.entrypoints.types.conda import CondaType
from launcher.entrypoints.types.image import ImageType
from launcher.entrypoints.types.script import ScriptType
from launcher.entrypoints.validators.local import LocalValidator
from launcher.entrypoints.validators.none import NoValidator
from launcher.errors import ConfigError
from launcher.spawn.specification import SpawnSpecification

# of the README of the NERSC entrypoint service, with the comma that it lacks
SYSTEMS = [
    {
        'name': 'cori',
        'display_name': 'Cori',
        'hostname': 'cori.nersc.gov'
    },
    {
        'name': 'perlmutter',
        'display_name': 'Perlmutter',
        'hostname': 'perlmutter.nersc.gov'
    }
]  # fmt: skip
TYPES = [
    {
        'name': 'conda',
        'display_name': 'Conda',
        'mutable': True,
        'help_link': 'http://link_to_docs'
    },
    {
        'name': 'script',
        'display_name': 'Startup Script',
        'mutable': True
    },
    {
        'name': 'shifter',
        'display_name': 'Shifter Image',
        'mutable': False
    }
]  # fmt: skip


class OwnType(EntrypointType):
    """A type of a site, which takes one keyword of its own."""

    schema = {"type": "object", "additionalProperties": False}  # noqa: RUF012

    def __init__(self, *, place, **common):
        super().__init__(**common)
        if not place:
            raise ConfigError("place must not be empty.")
        self.place = place

    async def validate(self, user, system, data, validator):
        return Report(True, "Fine.")

    def specification(self, data):
        return SpawnSpecification()


class Unfinished(EntrypointType):
    """A type that lacks a method."""

    def specification(self, data):
        return SpawnSpecification()


class Open(OwnType):
    """A type that accepts every key."""

    schema = {"type": "object"}  # noqa: RUF012


class Wrong(OwnType):
    """A type whose schema is none."""

    schema = {**OwnType.schema, "properties": {"a": {"type": "text"}}}  # noqa: RUF012


def test_the_lists_of_the_nersc_service_work_as_they_are():
    systems, types = read_systems(SYSTEMS), read_types(TYPES)
    assert systems["cori"] == System("cori", "Cori", "cori.nersc.gov")
    assert list(systems) == ["cori", "perlmutter"]
    assert [type(each) for each in types.values()] == [CondaType, ScriptType, ImageType]
    assert types["conda"].display_name == "Conda"
    assert types["conda"].help_link == "http://link_to_docs"
    assert [each.mutable for each in types.values()] == [True, True, False]


def test_what_is_left_out_has_a_default():
    system = read_systems([{"name": "local"}])["local"]
    assert (system.display_name, system.hostname, system.user_options) == ("local", "", {})
    conda = read_types([{"name": "conda"}])["conda"]
    assert (conda.display_name, conda.mutable, conda.help_link) == ("conda", True, "")
    assert read_systems([]) == {}
    assert read_types(()) == {}


def test_user_options_are_a_copy():
    options = {"profile": {"name": "gpu"}}
    system = read_systems([{"name": "a", "user_options": options}])["a"]
    options["profile"]["name"] = "other"
    assert system.user_options == {"profile": {"name": "gpu"}}


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({}, "c.Launcher.systems must"),
        (["cori"], "c.Launcher.systems[0] must"),
        ([{1: "a"}], "c.Launcher.systems[0] must"),
        ([{}], "c.Launcher.systems[0].name must"),
        ([{"name": 7}], "c.Launcher.systems[0].name"),
        ([{"name": ""}], "c.Launcher.systems[0].name"),
        ([{"name": ".."}], "c.Launcher.systems[0].name"),
        ([{"name": "."}], "c.Launcher.systems[0].name"),
        ([{"name": "a/b"}], "c.Launcher.systems[0].name"),
        ([{"name": "a b"}], "c.Launcher.systems[0].name"),
        ([{"name": "a\n"}], "c.Launcher.systems[0].name"),
        ([{"name": "é"}], "c.Launcher.systems[0].name"),
        ([{"name": "a" * 65}], "c.Launcher.systems[0].name"),
        ([{"name": "a"}, {"name": "a"}], "c.Launcher.systems[1].name"),
        ([{"name": "a", "display_name": ""}], "c.Launcher.systems[0].display_name"),
        ([{"name": "a", "display_name": "x\ny"}], "c.Launcher.systems[0].display_name"),
        ([{"name": "a", "display_name": "x" * 201}], "c.Launcher.systems[0].display_name"),
        ([{"name": "a", "hostname": "-oProxyCommand=id"}], "c.Launcher.systems[0].hostname"),
        ([{"name": "a", "hostname": "user@host"}], "c.Launcher.systems[0].hostname"),
        ([{"name": "a", "hostname": "host:22"}], "c.Launcher.systems[0].hostname"),
        ([{"name": "a", "hostname": None}], "c.Launcher.systems[0].hostname"),
        ([{"name": "a", "hostname": "h" * 64}], "c.Launcher.systems[0].hostname"),
        ([{"name": "a", "user_options": "gpu"}], "c.Launcher.systems[0].user_options"),
        ([{"name": "a", "user_options": {"a": {1}}}], "c.Launcher.systems[0].user_options"),
        ([{"name": "a", "user_options": {1: 2}}], "c.Launcher.systems[0].user_options"),
        ([{"name": "a", "host": "b"}], "c.Launcher.systems[0].host "),
    ],
)
def test_a_mistake_in_a_system_is_named(entries, named):
    with pytest.raises(ConfigError) as raised:
        read_systems(entries)
    assert str(raised.value).startswith(named)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"name": "own"}, "c.Launcher.entrypoint_types[0].class is missing"),
        ({"name": "a/b"}, "c.Launcher.entrypoint_types[0].name"),
        ({"name": "conda", "mutable": "yes"}, "c.Launcher.entrypoint_types[0].mutable"),
        (
            {"name": "conda", "help_link": "javascript:alert(1)"},
            "c.Launcher.entrypoint_types[0].help_link",
        ),
        ({"name": "conda", "help_link": "/docs"}, "c.Launcher.entrypoint_types[0].help_link"),
        ({"name": "conda", "help_link": 7}, "c.Launcher.entrypoint_types[0].help_link"),
        ({"name": "conda", "path": "/opt"}, "c.Launcher.entrypoint_types[0]"),
        ({"name": "own", "class": "OwnType"}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": "nowhere.at:All"}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": f"{__name__}:Gone"}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": "os:path"}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": ":"}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": dict}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": Unfinished}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": Open, "place": "a"}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": Wrong, "place": "a"}, "c.Launcher.entrypoint_types[0].class"),
        ({"name": "own", "class": OwnType}, "c.Launcher.entrypoint_types[0]: OwnType"),
        ({"name": "own", "class": OwnType, "place": ""}, "c.Launcher.entrypoint_types[0].place"),
        ({"name": "image", "images": "lab"}, "c.Launcher.entrypoint_types[0].images"),
        ({"name": "image", "images": ["-v"]}, "c.Launcher.entrypoint_types[0].images[0]"),
        ({"name": "image", "images": [{"image": "a"}]}, "c.Launcher.entrypoint_types[0].images[0]"),
        ({"name": "image", "image_service": "ftp://a"}, "c.Launcher.entrypoint_types[0].image_s"),
        (
            {"name": "image", "image_service": "https://u:p@a/"},
            "c.Launcher.entrypoint_types[0].image_s",
        ),
        (
            {"name": "image", "image_service": "https://{user}.a/"},
            "c.Launcher.entrypoint_types[0].image_s",
        ),
        (
            {"name": "image", "image_service": "https://a/{token}"},
            "c.Launcher.entrypoint_types[0].image_s",
        ),
        ({"name": "image", "command_prefix": "shifter"}, "c.Launcher.entrypoint_types[0].command"),
        ({"name": "image", "command_prefix": ["run"]}, "c.Launcher.entrypoint_types[0].command"),
        (
            {"name": "image", "command_prefix": ["{image}", "{user}"]},
            "c.Launcher.entrypoint_types[0].command",
        ),
    ],
)
def test_a_mistake_in_a_type_is_named(entry, named):
    with pytest.raises(ConfigError) as raised:
        read_types([entry])
    assert str(raised.value).startswith(named)
    assert str(raised.value).endswith(".")


def test_a_type_is_added_once():
    with pytest.raises(ConfigError, match=r"^c\.Launcher\.entrypoint_types\[1\]\.name "):
        read_types([{"name": "conda"}, {"name": "conda", "display_name": "Conda 2"}])


@pytest.mark.parametrize("separator", [":", "."])
def test_a_site_has_a_type_of_its_own(tmp_path, monkeypatch, separator):
    source = (
        "from launcher.entrypoints.types.script import ScriptType\n"
        "class SiteType(ScriptType):\n"
        "    '''A script of the site.'''\n"
    )
    module = f"site_type_{len(separator + str(tmp_path))}"
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    found = read_types([{"name": "own", "class": f"{module}{separator}SiteType"}])["own"]
    assert type(found).__name__ == "SiteType"
    assert isinstance(found, ScriptType)
    del sys.modules[module]


def test_further_keys_of_a_type_are_its_keywords():
    found = read_types([{"name": "own", "class": OwnType, "place": "/opt"}])["own"]
    assert found.place == "/opt"
    assert found.name == "own"


def test_the_class_of_a_built_in_name_can_be_replaced():
    types = read_types([{"name": "conda", "class": OwnType, "place": "/opt"}])
    assert isinstance(types["conda"], OwnType)


def test_a_built_in_class_serves_several_types():
    entries = [
        {"name": "gpu", "class": "image", "images": ["lab:gpu"]},
        {"name": "cluster", "class": "shifter", "images": ["lab:1"], "help_link": "https://a.org"},
    ]
    gpu, cluster = read_types(entries).values()
    assert gpu.specification({"image": "lab:gpu"}).image == "lab:gpu"
    assert cluster.specification({"image": "lab:1"}).command.argv == ("shifter", "--image=lab:1")


def test_a_module_with_a_mistake_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_type.py").write_text("class (")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="broken_type cannot be imported"):
        read_types([{"name": "own", "class": "broken_type:Own"}])


@pytest.mark.parametrize(
    ("value", "options", "kind"),
    [
        ("none", {}, NoValidator),
        ("local", {"roots": ["/opt/envs", "/home/{username}"], "timeout": 3}, LocalValidator),
        (NoValidator, {}, NoValidator),
        ("launcher.entrypoints.validators.none:NoValidator", {}, NoValidator),
        ("launcher.entrypoints.validators.none.NoValidator", {}, NoValidator),
    ],
)
def test_a_validator_is_a_name_or_a_class(value, options, kind):
    assert isinstance(read_validator(value, options), kind)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    # as in an environment without it
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(ConfigError, match=r"pip install .*\[ssh\]"):
        read_validator("ssh", {})


@pytest.mark.parametrize(
    ("value", "options", "named"),
    [
        ("remote", {}, "c.Launcher.validator "),
        (None, {}, "c.Launcher.validator "),
        (CondaType, {}, "c.Launcher.validator "),
        ("nowhere.at:All", {}, "c.Launcher.validator:"),
        ("none", {"roots": ["/"]}, "c.Launcher.validator_options: NoValidator"),
        ("none", ["roots"], "c.Launcher.validator_options "),
        ("local", {"root": "/"}, "c.Launcher.validator_options: LocalValidator"),
        ("local", {"roots": "/opt"}, "c.Launcher.validator_options.roots "),
        ("local", {"roots": []}, "c.Launcher.validator_options.roots "),
        ("local", {"roots": ["opt"]}, "c.Launcher.validator_options.roots "),
        ("local", {"roots": ["/opt/../etc"]}, "c.Launcher.validator_options.roots "),
        ("local", {"timeout": 0}, "c.Launcher.validator_options.timeout "),
        ("local", {"timeout": True}, "c.Launcher.validator_options.timeout "),
        ("local", {"timeout": float("nan")}, "c.Launcher.validator_options.timeout "),
    ],
)
def test_a_mistake_in_the_validator_is_named(value, options, named):
    with pytest.raises(ConfigError) as raised:
        read_validator(value, options)
    assert str(raised.value).startswith(named)
    assert str(raised.value).endswith(".")
