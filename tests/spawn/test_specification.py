"""The spawn specification: what it accepts, how two are merged, how it is identified."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification

WHOLE = {
    "version": 1,
    "command": {"argv": ["/opt/env/bin/python", "-m", "jupyterhub.singleuser"], "replaces": True},
    "environment": {"DATA": "/data", "EMPTY": ""},
    "image": "registry.example.org/lab:1.0",
    "mounts": [
        {"type": "bind", "source": "/data/scans", "target": "/data", "read_only": True},
        {"type": "claim", "source": "home", "subpath": "alice/work", "target": "/home/alice"},
    ],
    "resources": {
        "cpu_limit": 2.0,
        "cpu_guarantee": 0.5,
        "mem_limit": 2**30,
        "mem_guarantee": 2**29,
        "gpus": 0,
        "generic": {"licence": 1},
    },
    "uid": 1000,
    "gid": 0,
    "working_directory": "/home/alice",
    "default_url": "/lab/tree/a.ipynb",
    "node_constraints": [{"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}],
    "labels": {"example.org/project": "a"},
    "prepare": [["git", "clone", "--", "https://example.org/a.git"]],
}


def test_a_whole_specification_survives_its_json():
    specification = SpawnSpecification.from_json(json.loads(json.dumps(WHOLE)))
    assert specification.to_json() == WHOLE
    assert set(specification.set_fields) == WHOLE.keys() - {"version"}


def test_nothing_set_leaves_everything_to_the_spawner():
    assert SpawnSpecification.from_json({}).is_empty
    assert SpawnSpecification.from_json(dict.fromkeys(WHOLE.keys() - {"version"})).is_empty
    assert SpawnSpecification().to_json() == {"version": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("version", True),
        ("cmd", "x"),
        ("__class__", {}),
        ("privileged", True),
        ("command", "jupyterhub-singleuser"),
        ("command", {"argv": []}),
        ("command", {"argv": ["a\nb"]}),
        ("command", {"argv": ["a"] * 101}),
        ("command", {"argv": ["a"], "shell": True}),
        ("environment", ["A=b"]),
        ("environment", {"A": 1}),
        ("environment", {"1A": "b"}),
        ("environment", {"A=B": "c"}),
        ("environment", {"A": "x\x00"}),
        ("environment", {"A" * 129: "c"}),
        ("environment", {"A": "x" * 32_769}),
        ("environment", {f"A{n}": "" for n in range(201)}),
        ("image", "-v"),
        ("image", "two words"),
        ("image", ""),
        ("mounts", [{"type": "bind", "source": "data", "target": "/data"}]),
        ("mounts", [{"type": "bind", "source": "/a/../b", "target": "/data"}]),
        ("mounts", [{"type": "bind", "source": "/a", "target": "data"}]),
        ("mounts", [{"type": "bind", "source": "/a", "target": "/"}]),
        ("mounts", [{"type": "tmpfs", "source": "a", "target": "/data"}]),
        ("mounts", [{"type": "volume", "source": "/etc", "target": "/data"}]),
        ("mounts", [{"type": "volume", "source": "..", "target": "/data"}]),
        ("mounts", [{"type": "bind", "source": "/a", "subpath": "../b", "target": "/data"}]),
        ("mounts", [{"type": "bind", "source": "/a", "target": "/data", "read_only": "yes"}]),
        ("mounts", [{"type": "bind", "target": "/data"}]),
        ("resources", {"cpu_limit": 0}),
        ("resources", {"cpu_limit": float("nan")}),
        ("resources", {"cpu_limit": float("inf")}),
        ("resources", {"cpu_limit": True}),
        ("resources", {"mem_limit": -1}),
        ("resources", {"mem_limit": 1.5}),
        ("resources", {"mem_limit": "1G"}),
        ("resources", {"cpu_limit": 1, "cpu_guarantee": 2}),
        ("resources", {"mem_limit": 1, "mem_guarantee": 2}),
        ("resources", {"gpus": -1}),
        ("resources", {"generic": {"a": 0}}),
        ("uid", -1),
        ("uid", 2**32 - 1),
        ("uid", True),
        ("gid", "0"),
        ("working_directory", "home"),
        ("working_directory", "/a//b"),
        ("default_url", "lab"),
        ("default_url", "//evil.example"),
        ("default_url", "/\\evil.example"),
        ("node_constraints", [{"key": "disk", "operator": "==", "values": ["a"]}]),
        ("node_constraints", [{"key": "disk", "operator": "In", "values": []}]),
        ("node_constraints", [{"key": "a b", "operator": "In", "values": ["a"]}]),
        ("labels", {"a b": "c"}),
        ("labels", {"a": "c" * 64}),
        ("prepare", ["git clone"]),
        ("prepare", [[]]),
        ("prepare", [["a"]] * 21),
    ],
)
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(SpecificationError) as raised:
        SpawnSpecification.from_json({field: value})
    assert field in str(raised.value)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_only_an_object_is_a_specification(value):
    with pytest.raises(SpecificationError, match="must be an object"):
        SpawnSpecification.from_json(value)


@pytest.mark.parametrize(
    "targets", [["/a", "/a"], ["/a", "/a/b"], ["/a/b", "/a"], ["/a", "/a-b", "/a/b"]]
)
def test_mounts_do_not_cover_each_other(targets):
    mounts = [{"type": "bind", "source": "/s", "target": target} for target in targets]
    with pytest.raises(SpecificationError, match="target"):
        SpawnSpecification.from_json({"mounts": mounts})


def test_mounts_beside_each_other_are_fine():
    mounts = [{"type": "bind", "source": "/s", "target": target} for target in ("/a", "/a-b")]
    assert len(SpawnSpecification.from_json({"mounts": mounts}).mounts) == 2


REFUSED = ["PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "JUPYTERHUB_API_TOKEN", "HOME"]
REFUSED += ["JPY_API_TOKEN", "SHELL", "BASH_ENV", "ENV", "SHELLOPTS", "BASH_FUNC_ls", "IFS"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_reserved_variable_needs_the_administrators_list(name):
    value = {"environment": {name: "x"}}
    with pytest.raises(SpecificationError, match="reserved"):
        SpawnSpecification.from_json(value)
    allowed = SpawnSpecification.from_json(value, allowed_environment=[name])
    assert allowed.environment == {name: "x"}


def test_the_later_specification_has_precedence():
    first = SpawnSpecification.from_json(WHOLE)
    second = SpawnSpecification.from_json(
        {
            "command": {"argv": ["/other"]},
            "environment": {"DATA": "/other", "MORE": "1"},
            "mounts": [{"type": "volume", "source": "v", "target": "/data"}],
            "resources": {"cpu_limit": 4, "generic": {"board": 2}},
            "labels": {"b": "c"},
            "prepare": [["true"]],
        }
    )
    merged = first.merged(second)
    assert merged.command.argv == ("/other",)
    assert not merged.command.replaces
    assert merged.environment == {"DATA": "/other", "EMPTY": "", "MORE": "1"}
    assert [mount.type for mount in merged.mounts] == ["volume", "claim"]
    assert (merged.resources.cpu_limit, merged.resources.mem_limit) == (4.0, 2**30)
    assert merged.resources.generic == {"licence": 1, "board": 2}
    assert merged.image == first.image
    assert merged.uid == 1000
    assert merged.labels == {"example.org/project": "a", "b": "c"}
    assert merged.prepare[-1] == ("true",)


def test_merging_with_nothing_changes_nothing():
    whole = SpawnSpecification.from_json(WHOLE)
    assert whole.merged(SpawnSpecification()) == whole
    assert SpawnSpecification().merged(whole) == whole


def test_mounts_that_do_not_fit_together_are_refused():
    first = SpawnSpecification.from_json(WHOLE)
    below = {"mounts": [{"type": "bind", "source": "/s", "target": "/data/more"}]}
    with pytest.raises(SpecificationError, match="target"):
        first.merged(SpawnSpecification.from_json(below))


names = st.text(string.ascii_uppercase, min_size=1, max_size=8).map(lambda name: f"X_{name}")
variables = st.dictionaries(names, st.text(string.printable, max_size=20), max_size=5)


@given(variables, variables)
def test_the_hash_is_of_the_content(first, second):
    one = SpawnSpecification.from_json({"environment": first})
    other = SpawnSpecification.from_json({"environment": dict(reversed(second.items()))})
    assert (one.spec_hash == other.spec_hash) == (first == second)
    assert (hash(one) == hash(other)) == (one == other)


@given(variables, variables, variables)
def test_merging_is_associative(first, second, third):
    a, b, c = (
        SpawnSpecification.from_json({"environment": each}) for each in (first, second, third)
    )
    assert a.merged(b).merged(c) == a.merged(b.merged(c))
