"""The options of servers: what an administrator may configure, and a user choose."""

import json

import pytest

from launcher.errors import BadRequest, ConfigError, OptionOutOfRange, SpawnNotPossible
from launcher.projects.options import read_server_options

CPUS = {
    "order": 1, "displayName": "CPUs", "type": "enum", "default": 0.5, "options": [0.5, 1, "2000m"],
}  # fmt: skip
MEMORY = {
    "order": 2, "displayName": "Memory", "type": "int", "default": "1G", "range": ["512M", "4G"],
}  # fmt: skip
GPUS = {
    "order": 3, "displayName": "GPUs", "type": "int", "default": 0, "range": [0, 0],
    "groups": {"gpu-users": {"range": [0, 2]}, "lab": {"range": [0, 8], "default": 1}},
}  # fmt: skip
URL = {"order": 4, "type": "enum", "default": "/lab", "options": ["/lab", "/tree", "/rstudio"]}
LFS = {"order": 5, "displayName": "Fetch LFS files", "type": "boolean", "default": False}
RENKU = {
    "cpu_request": CPUS, "mem_request": MEMORY, "gpu_request": GPUS, "defaultUrl": URL,
    "lfs_auto_fetch": LFS,
}  # fmt: skip
ALL = ("command", "environment", "default_url", "resources")


def option(**changed):
    """An option of memory with something else in it; None removes a key."""
    entry = {**MEMORY, **changed}
    return {"mem_request": {key: value for key, value in entry.items() if value is not None}}


def resources(applied):
    return applied.specification.resources.to_json()


# what is offered


def test_a_user_sees_the_options_in_their_order_with_default_and_values():
    options = read_server_options(dict(reversed(RENKU.items())))
    offered = options.offered([])
    assert list(offered) == list(RENKU)
    assert offered["cpu_request"] == CPUS
    assert offered["mem_request"] == MEMORY
    assert offered["gpu_request"] == {
        "order": 3, "displayName": "GPUs", "type": "int", "default": 0, "range": [0, 0],
    }  # fmt: skip
    assert offered["defaultUrl"] == {**URL, "displayName": "defaultUrl"}
    assert offered["lfs_auto_fetch"] == LFS
    assert json.loads(json.dumps(offered)) == offered


def test_a_site_may_have_no_options():
    options = read_server_options({})
    assert options.offered([]) == {}
    assert options.choose({}, []) == {}
    assert options.apply({"old": 1}, ALL).specification.is_empty
    with pytest.raises(BadRequest, match="has no options of servers"):
        options.choose({"mem_request": "1G"}, [])


def test_members_of_a_group_may_choose_more_and_have_its_default():
    options = read_server_options(RENKU)
    assert options.offered(["gpu-users"])["gpu_request"]["range"] == [0, 2]
    assert options.offered(["gpu-users"])["gpu_request"]["default"] == 0
    both = options.offered(["students", "gpu-users", "lab"])["gpu_request"]
    assert (both["range"], both["default"]) == ([0, 8], 1)
    assert options.choose({"gpu_request": 2}, ["gpu-users"])["gpu_request"] == 2
    with pytest.raises(OptionOutOfRange, match="must be from 0 to 0"):
        options.choose({"gpu_request": 2}, ["students"])


def test_a_group_adds_values_to_a_list():
    entry = {**CPUS, "groups": {"staff": {"options": [1.0, 16], "default": 16}}}
    options = read_server_options({"cpu_request": entry})
    assert options.offered(["staff"])["cpu_request"]["options"] == [0.5, 1, "2000m", 16]
    assert options.choose({}, ["staff"]) == {"cpu_request": 16}
    assert options.choose({}, []) == {"cpu_request": 0.5}


# what is chosen


def test_what_is_left_out_has_its_default():
    assert read_server_options(RENKU).choose({"defaultUrl": "/tree"}, []) == {
        "cpu_request": 0.5, "mem_request": "1G", "gpu_request": 0, "defaultUrl": "/tree",
        "lfs_auto_fetch": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "chosen"),
    [
        ("mem_request", "1024M", "1G"),
        ("mem_request", "1.5G", "1536M"),
        ("mem_request", "2Gi", "2G"),
        ("mem_request", "2GB", "2G"),
        ("mem_request", "2 GB", "2G"),
        ("mem_request", "2 G", "2G"),
        ("mem_request", "2 GiB", "2G"),
        ("mem_request", 2**30, "1G"),
        ("mem_request", 2.0**30, "1G"),
        ("mem_request", str(2**30), "1G"),
        ("mem_request", 2**30 + 1, 2**30 + 1),
        ("cpu_request", "500m", 0.5),
        ("cpu_request", "0.5", 0.5),
        ("cpu_request", 1.0, 1),
        ("cpu_request", 2, "2000m"),
        ("gpu_request", 0.0, 0),
    ],
)
def test_equal_values_are_stored_the_same(name, given, chosen):
    assert read_server_options(RENKU).choose({name: given}, [])[name] == chosen


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("mem_request", given) for given in (
            "1Gb", "1g", "1m", "-1G", "1e9", "1  G", "1B", "G", "", "٣G", "1G\n", "0x10",
            "9" * 5000 + "G", True, None, [], {}, 0, -1, 1.5, 10**400, float("inf"), float("nan"),
        )),
        *(("cpu_request", given) for given in (
            "1G", "m", "-1", "0", "0m", "1,5", True, None, [1], 0, -1, 10**400, float("nan"),
        )),
        *(("gpu_request", given) for given in ("1", True, None, 0.5, -1, 10**400, float("inf"))),
        *(("defaultUrl", given) for given in (1, None, ["/lab"], True)),
        *(("lfs_auto_fetch", given) for given in (0, 1, "true", None, [])),
        ("volumes", {"/": "/host"}),
        ("__class__", "x"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_its_place(name, given):
    with pytest.raises(BadRequest) as raised:
        read_server_options(RENKU).choose({name: given}, ["lab"], "/options")
    (error,) = raised.value.errors
    assert error["pointer"] == f"/options/{name}"
    assert raised.value.detail == f"The option '{name}' {error['detail']}."
    assert len(raised.value.detail) < 300


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("mem_request", "8G", "must be from 512M to 4G"),
        ("mem_request", 1, "must be from 512M to 4G"),
        ("cpu_request", 3, "must be one of 0.5, 1, 2000m"),
        ("gpu_request", 1, "must be from 0 to 0"),
        ("defaultUrl", "/../../hub/logout", "must be one of /lab, /tree, /rstudio"),
        ("defaultUrl", "https://evil.example", "must be one of"),
    ],
)
def test_a_value_that_is_not_offered_is_out_of_range(name, given, sentence):
    with pytest.raises(OptionOutOfRange, match=sentence) as raised:
        read_server_options(RENKU).choose({name: given}, [])
    assert raised.value.status == 422
    assert raised.value.errors[0]["pointer"] == f"/serverOptions/{name}"


def test_all_mistakes_are_listed_and_none_is_repeated_to_the_user():
    options = read_server_options(RENKU)
    with pytest.raises(BadRequest) as raised:
        options.choose({"mem_request": "canary", "a/b~c": 1, "gpu_request": "canary"}, [])
    pointers = [error["pointer"] for error in raised.value.errors]
    assert pointers == [f"/serverOptions/{n}" for n in ("a~1b~0c", "mem_request", "gpu_request")]
    assert "canary" not in str(raised.value.problem())
    with pytest.raises(OptionOutOfRange) as raised:
        options.choose({"mem_request": "9G", "cpu_request": 7}, [])
    assert len(raised.value.errors) == 2


def test_a_flood_of_unknown_options_has_a_short_answer():
    with pytest.raises(BadRequest) as raised:
        read_server_options(RENKU).choose({"x" * 1000 + str(n): n for n in range(5000)}, [])
    assert len(json.dumps(raised.value.problem())) < 10_000


@pytest.mark.parametrize("given", [None, [], "mem_request", 1])
def test_options_must_be_an_object(given):
    with pytest.raises(BadRequest, match="serverOptions must be an object"):
        read_server_options(RENKU).choose(given, [])


# what a server gets


def test_the_values_are_those_of_the_specification():
    options = read_server_options(RENKU)
    chosen = options.choose({"gpu_request": 2, "lfs_auto_fetch": True}, ["lab"])
    applied = options.apply(chosen, ALL)
    assert resources(applied) == {
        "cpu_limit": 0.5, "cpu_guarantee": 0.5, "mem_limit": 2**30, "mem_guarantee": 2**30,
        "gpus": 2,
    }  # fmt: skip
    assert applied.specification.default_url == "/lab"
    assert (applied.lfs, applied.submodules, applied.warnings) == (True, False, ())


def test_an_administrator_says_what_an_option_sets():
    options = read_server_options(
        {
            "room": {**MEMORY, "resource": "mem_limit"},
            "reserved": {**CPUS, "resource": "cpu_guarantee"},
            "scratch": {"type": "int", "default": 3, "range": [0, 9], "resource": "generic:disk"},
            "recurse": {"type": "boolean", "default": True, "resource": "submodules"},
            "speed": {"type": "float", "default": 1, "range": [0.5, 4], "resource": "cpu_limit"},
        }
    )
    applied = options.apply(options.choose({"speed": 2.5}, []), ALL)
    assert resources(applied) == {
        "mem_limit": 2**30, "cpu_guarantee": 0.5, "cpu_limit": 2.5, "generic": {"disk": 3},
    }  # fmt: skip
    assert applied.submodules
    assert resources(options.apply(options.choose({"scratch": 0}, []), ALL)).get("generic") is None


CHOSEN = {"cpu_request": 1, "mem_request": "2G", "defaultUrl": "/tree", "lfs_auto_fetch": True}


def test_what_does_not_matter_is_left_out_with_a_warning():
    options = read_server_options(RENKU)
    applied = options.apply(options.choose(CHOSEN, []), ("command",))
    assert applied.specification.is_empty
    assert applied.lfs
    assert [each["option"] for each in applied.warnings] == [
        "cpu_request", "mem_request", "defaultUrl",
    ]  # fmt: skip
    assert {each["type"] for each in applied.warnings} == {"not_enforced"}
    assert applied.warnings[0]["detail"].startswith("CPUs has no effect: ")


def test_nobody_is_warned_of_what_nobody_chose():
    entry = {**MEMORY, "groups": {"staff": {"default": "4G"}}}
    options = read_server_options(RENKU | {"mem_request": entry})
    assert options.apply(options.choose({}, []), ("command",), []).warnings == ()
    of_staff = options.choose({}, ["staff"])
    assert options.apply(of_staff, ("command",), ["staff"]).warnings == ()


def test_what_has_no_effect_is_known_before_a_choice():
    options = read_server_options(RENKU)
    assert options.without_effect(ALL) == frozenset()
    found = options.without_effect(("command", "default_url"))
    assert found == {"cpu_request", "mem_request"}


@pytest.mark.parametrize("resource", ["gpus", "generic:fpga"])
def test_a_device_that_cannot_be_given_is_refused(resource):
    entry = {"type": "int", "default": 0, "range": [0, 2], "resource": resource}
    options = read_server_options({"devices": entry})
    with pytest.raises(SpawnNotPossible, match=r"'devices' cannot be applied.*Choose 0") as raised:
        options.apply({"devices": 1}, ("command", "default_url"))
    assert raised.value.errors[0]["pointer"] == "/serverOptions/devices"
    applied = options.apply({"devices": 0}, ("command",))
    assert (applied.specification.is_empty, applied.warnings) == (True, ())


def test_a_spawner_that_is_not_known_yet_is_taken_to_apply_everything():
    options = read_server_options(RENKU)
    applied = options.apply(options.choose({"gpu_request": 1}, ["lab"]), None)
    assert applied.specification.resources.gpus == 1
    assert applied.warnings == ()


# stored values, and another configuration since


def test_an_option_that_is_gone_is_ignored_and_a_new_one_has_its_default():
    options = read_server_options({"mem_request": MEMORY})
    applied = options.apply({"disk_request": "1T", "cpu_request": 64}, ALL)
    assert resources(applied) == {"mem_limit": 2**30, "mem_guarantee": 2**30}


@pytest.mark.parametrize("stored", ["64G", "banana", None, {"$": 1}, True])
def test_a_stored_value_that_is_not_offered_any_more_is_refused(stored):
    with pytest.raises(SpawnNotPossible, match=r"'mem_request' must be .* now. Choose another"):
        read_server_options(RENKU).apply({"mem_request": stored}, ALL)


def test_a_stored_value_is_checked_for_the_groups_as_far_as_they_are_known():
    options = read_server_options(RENKU)
    assert options.apply({"gpu_request": 8}, ALL).specification.resources.gpus == 8
    assert options.apply({"gpu_request": 8}, ALL, ["lab"]).specification.resources.gpus == 8
    for groups in ([], ["gpu-users"]):
        with pytest.raises(SpawnNotPossible, match="gpu_request"):
            options.apply({"gpu_request": 8}, ALL, groups)


LIMITED = {
    "least": {"type": "int", "default": 1, "range": [1, 8], "resource": "cpu_guarantee"},
    "most": {"type": "int", "default": 2, "range": [1, 8], "resource": "cpu_limit"},
}


def test_nobody_may_reserve_more_than_is_allowed():
    options = read_server_options(LIMITED)
    with pytest.raises(OptionOutOfRange, match="'least' must not be above most"):
        options.choose({"least": 4}, [])
    with pytest.raises(SpawnNotPossible, match="'least' must not be above most"):
        options.apply({"least": 4}, ALL)


# the configuration


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "must be a dictionary of at most"),
        ([], "must be a dictionary of at most"),
        ({f"o{n}": LFS for n in range(51)}, "at most 50 options"),
        ({1: LFS}, "must have names of"),
        ({"a b": LFS}, "must have names of"),
        ({"a" * 65: LFS}, "must have names of"),
        ({"mem_request": "1G"}, r'\["mem_request"\] must be a dictionary'),
        (option(unit="G"), r'\["mem_request"\] has the unknown key .unit.'),
        (option(order="1"), r'\["mem_request"\]\.order must be a whole number'),
        (option(order=True), r"\.order must be a whole number"),
        (option(displayName=" "), r"\.displayName must be text"),
        (option(displayName="a\nb"), r"\.displayName must be text"),
        (option(displayName=7), r"\.displayName must be text"),
        (option(type=None), r"\.type must be one of enum, int, float, boolean"),
        (option(type=["int"]), r"\.type must be one of enum, int, float, boolean"),
        (option(type="text"), r"\.type must be one of"),
        (option(type="boolean"), r"\.type must be enum or int or float, as the option sets memory"),
        (option(default=None), r"\.default is missing"),
        (option(default="8G"), r"\.default must be from 512M to 4G"),
        (option(default="much"), r"\.default must be a size such as"),
        (option(range=None), r"\.range is missing: the list of the least and the most"),
        (option(range="1G-4G"), r"\.range must be a list of two values"),
        (option(range=["1G"]), r"\.range must be a list of two values"),
        (option(range=["4G", "1G"]), r"\.range must have the least value first"),
        (option(range=["1G", "4GX"]), r"\.range\[1\] must be a size such as"),
        (option(range=["1G", "9999T"]), r"\.range\[1\] must be a size such as"),
        (option(options=["1G"]), r"\.options must be left out, as the type is int"),
        (option(type="enum"), r"\.options is missing: the list of the values"),
        (option(resource="disk"), r"\.resource must be what the option sets, one of cpu, memory"),
        (option(resource=["cpu"]), r"\.resource must be what the option sets"),
        (option(resource="generic:"), r"\.resource must be what the option sets"),
        (option(resource="generic:a b"), r"\.resource must be what the option sets"),
        (option(groups=["staff"]), r"\.groups must be a dictionary"),
        (option(groups={1: {}}), r"\.groups must have the names of the hub's groups"),
        (option(groups={"a": "8G"}), r'\.groups\["a"\] must be a dictionary'),
        (option(groups={"a": {"options": []}}), r'\.groups\["a"\] has the unknown key .options.'),
        (option(groups={"a": {"range": ["1G", "8G"]}}), r'\["a"\]\.range must include that of'),
        (option(groups={"a": {"default": "8G"}}), r'\.groups\["a"\]\.default must be from 512M'),
        ({"cpu_request": {**CPUS, "options": []}}, r"\.options must be a list of 1 to"),
        ({"cpu_request": {**CPUS, "options": [1, "1000m"]}}, r"\.options\[1\] is the same as"),
        ({"cpu_request": {**CPUS, "options": [0.5, 0]}}, r"\.options\[1\] must be a number of CPU"),
        ({"cpu_request": {**CPUS, "options": [0.5, 10**400]}}, r"\.options\[1\] must be a number"),
        ({"cpu_request": {**CPUS, "default": 7}}, r"\.default must be one of 0\.5, 1, 2000m"),
        ({"cpus": CPUS}, r'\["cpus"\]\.resource must be what the option sets'),
        ({"disk_request": MEMORY}, r'\["disk_request"\]\.resource must be what the option sets'),
        ({"gpu_request": {**GPUS, "type": "float"}}, r"\.type must be enum or int"),
        ({"gpu_request": {**GPUS, "range": [0, 4096]}}, r"\.range\[1\] must be a whole number fr"),
        ({"defaultUrl": {**URL, "options": ["/lab", "//evil.example"]}}, r"options\[1\] must be a"),
        ({"defaultUrl": {**URL, "options": ["lab"]}}, r"\.options\[0\] must be a path"),
        ({"defaultUrl": {**URL, "type": "boolean"}}, r"\.type must be enum, as the option sets"),
        ({"lfs_auto_fetch": {**LFS, "default": 0}}, r"\.default must be true or false"),
        ({"lfs_auto_fetch": {**LFS, "options": [True]}}, r"\.options must be left out"),
        ({"cpu_request": CPUS, "n": {**CPUS, "resource": "cpu_limit"}}, r'"n"\]\.resource is cpu_'),
        (LIMITED | {"least": {**LIMITED["least"], "default": 4}}, r'"least"\]\.default must not'),
        (
            LIMITED | {"most": {**LIMITED["most"], "groups": {"a": {"default": 1}}, "default": 8}}
            | {"least": {**LIMITED["least"], "default": 4}},
            r'"least"\]\.default must not be',
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence_that_names_the_setting(value, sentence):
    with pytest.raises(ConfigError, match=sentence) as raised:
        read_server_options(value)
    assert str(raised.value).startswith("c.Launcher.server_options")
    assert str(raised.value).endswith(".")
    assert len(str(raised.value)) < 400


def test_many_values_are_not_all_in_one_sentence():
    entry = {**CPUS, "options": [n / 2 for n in range(1, 200)]}
    with pytest.raises(OptionOutOfRange, match="that GET /server_options lists"):
        read_server_options({"cpu_request": entry}).choose({"cpu_request": 1000}, [])
