"""The registry: what users keep, select and start servers in."""

import pytest
from entrypoint_types import Site, folders, site_folders

from launcher.errors import (
    BadRequest,
    EntrypointAmbiguous,
    EntrypointExists,
    EntrypointInvalid,
    EntrypointRetired,
    Forbidden,
    NotFound,
    NotOnSystem,
    OffersUnavailable,
    TooManyEntrypoints,
    from_problem,
)

BOTH = ("cori", "perlmutter")


@pytest.fixture
def site(database_url):
    offers = {"lab": "/site/lab", "gpu": "/site/gpu"}
    site = Site(database_url, folders(), site_folders(offers))
    yield site
    site.store.close()


@pytest.fixture
def add(site):
    """Adds an entrypoint for alice, on both systems unless the test says otherwise."""

    async def add(name="mine", **changes):
        fields = {"type": "folder", "data": {"path": "/home/alice/x"}, "systems": BOTH}
        user = changes.pop("user", "alice")
        return await site.registry.add(user, name=name, **fields | changes)

    return add


async def test_an_entrypoint_is_kept_as_it_was_added(site, add):
    added = await add("ünï 😀", data={"path": "/a", "tags": ["x"]}, systems=["perlmutter", "cori"])
    assert added.systems == BOTH
    assert added.data == {"path": "/a", "tags": ["x"], "kernel": "python"}
    assert await site.registry.find("alice", added.id) == added
    assert await site.registry.find("alice", "ünï 😀") == added
    assert await site.registry.of_user("alice") == [added]
    assert await site.registry.of_type("alice", "cori", "folder") == [added]
    assert await site.registry.of_user("bob") == []


async def test_nothing_is_selected_until_the_user_selects_it(site, add):
    added = await add()
    assert await site.registry.selected("alice", "cori") is None
    assert await site.registry.select("alice", "cori", id=added.id) == added
    assert await site.registry.selected("alice", "cori") == added
    assert await site.registry.selected("alice", "perlmutter") is None
    assert await site.registry.selected("bob", "cori") is None
    await site.registry.clear("alice", "cori")
    assert await site.registry.selected("alice", "cori") is None
    await site.registry.clear("alice", "cori")


async def test_another_selection_takes_the_place_of_the_first(site, add):
    first, second = await add("first"), await add("second")
    await site.registry.select("alice", "cori", name="first")
    await site.registry.select("alice", "perlmutter", name="first")
    await site.registry.select("alice", "cori", name="second")
    assert await site.registry.selections("alice") == {"cori": second, "perlmutter": first}


async def test_a_rename_keeps_the_selection(site, add):
    added = await add()
    for system in BOTH:
        await site.registry.select("alice", system, id=added.id)
    renamed = await site.registry.edit("alice", added.id, name="other")
    assert (renamed.id, renamed.name, renamed.data) == (added.id, "other", added.data)
    assert await site.registry.selections("alice") == dict.fromkeys(BOTH, renamed)
    with pytest.raises(NotFound, match=r"no entrypoint 'mine'. Known names: other\."):
        await site.registry.find("alice", "mine")


async def test_a_selection_goes_with_the_system_and_with_the_entrypoint(site, add):
    added = await add()
    for system in BOTH:
        await site.registry.select("alice", system, id=added.id)
    left = await site.registry.edit("alice", added.id, systems=["cori"])
    assert await site.registry.selections("alice") == {"cori": left}
    await site.registry.remove("alice", added.id)
    assert await site.registry.selections("alice") == {}
    assert await site.registry.of_user("alice") == []


async def test_a_user_never_reaches_another_users_entrypoint(site, add):
    added = await add()
    for reach in (
        site.registry.find("bob", added.id),
        site.registry.find("bob", added.name),
        site.registry.edit("bob", added.id, name="x"),
        site.registry.remove("bob", added.id),
        site.registry.select("bob", "cori", id=added.id),
        site.registry.specification("bob", added, "cori"),
        site.registry.validate("bob", added, "cori"),
    ):
        with pytest.raises(NotFound, match="There is no entrypoint"):
            await reach
    assert await site.registry.find("alice", added.id) == added


async def test_a_server_starts_in_the_entrypoint_that_was_selected(site, add):
    added = await add(data={"path": "/opt/x"})
    specification = await site.registry.specification("alice", added, "cori")
    assert specification.command.argv == ("/opt/x/run",)


# names, data and systems


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "name must have 1 to 100 characters."),
        ("x" * 101, "name must have 1 to 100 characters."),
        ("a/b", "slashes"),
        ("a\\b", "slashes"),
        ("a\u2215b", "slashes"),
        ("..", "slashes"),
        (".", "slashes"),
        ("a\nb", "name must not contain control or invisible characters."),
        ("a\x00b", "control"),
        ("a\x7fb", "control"),
        ("a\u202eb", "control"),
        ("a\u2066b", "control"),
        ("a\u200bb", "invisible"),
        ("a\ud800b", "control"),
        (" a", "name must not begin or end with a space."),
        ("0123456789abcdef0123456789ABCDEF", "name must not look like an id"),
    ],
    ids=ascii,
)
async def test_a_name_that_misleads_is_refused(site, add, name, sentence):
    added = await add()
    with pytest.raises(BadRequest, match=sentence) as refused:
        await add(name)
    assert refused.value.errors[0]["pointer"] == "/name"
    with pytest.raises(BadRequest, match=sentence):
        await site.registry.edit("alice", added.id, name=name)
    assert await site.registry.of_user("alice") == [added]


@pytest.mark.parametrize("name", ["x" * 100, "é 日本", "👩‍💻", "a.b-c_d", "-x", "name", "$(id)"])
async def test_other_names_are_kept(site, add, name):
    added = await add(name)
    assert added.name == name
    assert await site.registry.find("alice", name) == added


async def test_names_that_look_the_same_are_the_same(site, add):
    added = await add("e\u0301")
    assert await site.registry.find("alice", "é") == added
    assert await site.registry.find("alice", "e\u0301", "cori") == added
    with pytest.raises(EntrypointExists):
        await add("é")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "data.path is missing."),
        ({"path": 1}, "data.path must be a string."),
        ({"path": "x"}, "data.path "),
        ({"path": "/$(id)"}, "data.path "),
        ([], "data must be an object."),
        (None, "data must be an object."),
        ({"path": "/x", "tags": ["a" * 17_000]}, "data must have at most 16384 bytes as JSON."),
        ({"path": "/x", "tags": ["ü" * 8_200]}, "data must have at most 16384 bytes"),
        ({"path": "/x", "tags": [float("nan")]}, "data must be JSON"),
        ({"path": "/\ud800"}, "data must be JSON"),
        ({"path": "/x", "tags": [[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]}, "20 levels"),
        *(
            ({"path": "/x", key: ["bash"]}, f"data.{key} is not a field of this request; leave it")
            for key in ("cmd", "args", "environment", "volumes", "privileged", "__class__")
        ),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
async def test_data_outside_the_schema_are_refused(site, add, data, sentence):
    added = await add()
    with pytest.raises(BadRequest, match=sentence) as refused:
        await add("other", data=data)
    assert refused.value.errors[0]["pointer"].startswith("/data")
    if data is not None:
        with pytest.raises(BadRequest, match=sentence):
            await site.registry.edit("alice", added.id, data=data)
    assert await site.registry.of_user("alice") == [added]


async def test_a_specification_that_cannot_be_is_found_when_the_entrypoint_is_added(site, add):
    with pytest.raises(BadRequest, match=r"data cannot be used: command\.argv\[0\] must be text"):
        await add(data={"path": "/a\nb"})


async def test_an_entrypoint_is_on_systems_and_of_a_type_that_there_are(add):
    with pytest.raises(NotFound, match=r"no system 'moon'. Known names: cori, perlmutter\."):
        await add(systems=["cori", "moon"])
    with pytest.raises(NotFound, match=r"no entrypoint type 'conda'. Known names: folder, site\."):
        await add(type="conda")
    with pytest.raises(BadRequest, match="systems must hold at least one system"):
        await add(systems=[])


@pytest.mark.parametrize("system", ["moon", "a\x00b", "\ud800", ""], ids=ascii)
async def test_an_unknown_system_is_refused_with_a_list(site, add, system):
    added = await add()
    for ask in (
        site.registry.select("alice", system, id=added.id),
        site.registry.selected("alice", system),
        site.registry.clear("alice", system),
        site.registry.of_type("alice", system, "folder"),
        site.registry.validate("alice", added, system),
        site.registry.specification("alice", added, system),
    ):
        with pytest.raises(NotFound, match=r"Known names: cori, perlmutter\."):
            await ask


@pytest.mark.parametrize("name", ["other", "a\x00b", "\ud800", "", "0" * 32], ids=ascii)
async def test_an_unknown_entrypoint_is_refused_with_a_list(site, add, name):
    await add()
    for ask in (
        site.registry.select("alice", "cori", name=name),
        site.registry.find("alice", name),
    ):
        with pytest.raises(NotFound, match=r"Known names: (gpu, lab, )?mine\."):
            await ask


async def test_a_name_in_the_place_of_an_id_changes_nothing(site, add):
    added = await add()
    for change in (
        site.registry.edit("alice", "mine", name="x"),
        site.registry.remove("alice", "mine"),
        site.registry.select("alice", "cori", id="mine"),
    ):
        with pytest.raises(NotFound, match=r"Known names: mine\."):
            await change
    assert await site.registry.of_user("alice") == [added]
    assert await site.registry.selections("alice") == {}


async def test_two_entrypoints_of_a_user_have_different_names(site, add):
    await add("a")
    other = await add("b")
    with pytest.raises(EntrypointExists, match="already an entrypoint 'a' of the type folder"):
        await add("a", data={"path": "/elsewhere"})
    with pytest.raises(EntrypointExists):
        await site.registry.edit("alice", other.id, name="a")
    assert await site.registry.edit("alice", other.id, name="b") == other
    await add("a", user="bob")


async def test_an_entrypoint_is_selected_only_where_it_is(site, add):
    added = await add(systems=["cori"])
    sentence = "The entrypoint 'mine' is not on the system 'perlmutter'. It is on: cori."
    for reach in (
        site.registry.select("alice", "perlmutter", id=added.id),
        site.registry.specification("alice", added, "perlmutter"),
    ):
        with pytest.raises(NotOnSystem, match=sentence):
            await reach
    assert await site.registry.selections("alice") == {}


async def test_a_user_has_at_most_200_entrypoints(site, add):
    for number in range(200):
        last = await add(f"number {number}")
    site.validator.asked.clear()
    with pytest.raises(TooManyEntrypoints, match="200 entrypoints, which is the limit"):
        await add("one more")
    assert site.validator.asked == []
    await add(user="bob")
    await site.registry.select("alice", "cori", name="lab")
    await site.registry.clear("alice", "cori")
    await site.registry.remove("alice", last.id)
    await add("one more")


# validation


async def test_what_the_validator_does_not_find_is_not_added(site, add):
    site.validator.missing = {("perlmutter", "/home/alice/x")}
    with pytest.raises(EntrypointInvalid) as refused:
        await add()
    problem = refused.value.problem()
    assert problem["status"] == 422
    assert problem["detail"] == (
        "The entrypoint 'mine' cannot be used on Perlmutter: /home/alice/x does not exist."
    )
    assert problem["report"]["result"] is False
    assert [(host["host"], host["result"]) for host in problem["report"]["hosts"]] == [
        ("cori.example.org", True), ("perlmutter.example.org", False),
    ]  # fmt: skip
    assert from_problem(problem).problem() == problem
    assert await site.registry.of_user("alice") == []
    await add(systems=["cori"])


async def test_a_change_is_validated_where_it_makes_a_difference(site, add):
    added = await add(systems=["cori"])
    site.validator.missing = {"/gone", ("perlmutter", "/home/alice/x")}
    for change in ({"data": {"path": "/gone"}}, {"systems": BOTH}):
        with pytest.raises(EntrypointInvalid):
            await site.registry.edit("alice", added.id, **change)
    assert await site.registry.find("alice", added.id) == added
    site.validator.asked.clear()
    await site.registry.edit("alice", added.id, name="other")
    assert site.validator.asked == []


async def test_a_server_does_not_start_in_what_was_removed_since(site, add):
    added = await add()
    await site.registry.select("alice", "cori", id=added.id)
    site.validator.missing = {"/home/alice/x"}
    with pytest.raises(EntrypointInvalid, match="/home/alice/x does not exist"):
        await site.registry.specification("alice", added, "cori")
    report = await site.registry.validate("alice", added, "cori")
    assert (report.result, report.message) == (False, "/home/alice/x does not exist.")
    assert await site.registry.selected("alice", "cori") == added
    site.validator.missing = set()
    assert (await site.registry.validate("alice", added, "cori")).result
    await site.registry.specification("alice", added, "cori")


async def test_data_that_a_new_schema_refuses_start_nothing(site, add):
    added = await add()
    changed = folders()
    changed.schema = {"type": "object", "additionalProperties": False, "properties": {}}
    site.types["folder"] = changed
    registry = site.restart()
    with pytest.raises(EntrypointInvalid, match=r"data\.path is not a field"):
        await registry.specification("alice", added, "cori")
    assert not (await registry.validate("alice", added, "cori")).result
    with pytest.raises(BadRequest, match=r"data\.path is not a field"):
        await registry.edit("alice", added.id, systems=["cori"])
    assert (await registry.edit("alice", added.id, name="renamed")).data == added.data


# what the site offers


async def test_users_do_not_add_edit_or_remove_what_the_site_manages(site, add):
    with pytest.raises(Forbidden, match="of the type Site's folder are managed by this site"):
        await add(type="site")
    selected = await site.registry.select("alice", "cori", name="lab")
    for change in (
        site.registry.edit("alice", selected.id, name="x"),
        site.registry.remove("alice", selected.id),
    ):
        with pytest.raises(Forbidden):
            await change
    assert await site.registry.selected("alice", "cori") == selected


async def test_an_option_is_selected_by_its_name_or_id(site):
    lab, gpu = await site.registry.of_type("alice", "cori", "site")
    assert (lab.name, lab.data, lab.systems) == ("lab", {"path": "/site/lab"}, ("cori",))
    selected = await site.registry.select("alice", "cori", name="lab")
    assert (selected.id, selected.data["path"]) == (lab.id, "/site/lab")
    assert await site.registry.find("alice", lab.id) == selected
    selected = await site.registry.select("alice", "cori", id=gpu.id)
    assert selected.id == gpu.id
    assert await site.registry.of_user("alice") == [selected]
    assert await site.registry.selected("alice", "cori") == selected
    assert await site.registry.of_type("alice", "cori", "site") == [lab, gpu]


async def test_the_option_of_each_user_is_their_own(site):
    hers = await site.registry.select("alice", "cori", name="lab")
    his = await site.registry.select("bob", "cori", name="lab")
    assert hers.id != his.id
    with pytest.raises(NotFound):
        await site.registry.select("bob", "cori", id=hers.id)


async def test_an_option_is_kept_only_while_it_is_selected(site):
    for system in BOTH:
        await site.registry.select("alice", system, name="lab")
    [both] = await site.registry.of_user("alice")
    assert both.systems == BOTH
    await site.registry.clear("alice", "cori")
    [one] = await site.registry.of_user("alice")
    assert (one.id, one.systems) == (both.id, ("perlmutter",))
    await site.registry.select("alice", "perlmutter", name="gpu")
    assert [each.name for each in await site.registry.of_user("alice")] == ["gpu"]


async def test_a_launch_finds_an_option_that_is_not_selected(site):
    found = await site.registry.find("alice", "lab", "cori")
    specification = await site.registry.specification("alice", found, "cori")
    assert specification.command.argv == ("/site/lab/run",)
    assert await site.registry.of_user("alice") == []


async def test_the_data_of_an_option_are_those_of_the_site_at_each_start(site):
    selected = await site.registry.select("alice", "cori", name="lab")
    site.types["site"].offers["lab"] = "/site/lab-2"
    specification = await site.registry.specification("alice", selected, "cori")
    assert specification.command.argv == ("/site/lab-2/run",)
    assert (await site.registry.select("alice", "cori", name="lab")).data["path"] == "/site/lab-2"


async def test_an_option_that_is_not_offered_any_more_starts_nothing(site):
    selected = await site.registry.select("alice", "cori", name="lab")
    del site.types["site"].offers["lab"]
    for reach in (
        site.registry.specification("alice", selected, "cori"),
        site.registry.select("alice", "cori", id=selected.id),
    ):
        with pytest.raises(EntrypointRetired, match="'lab' is not offered on Cori any more"):
            await reach
    report = await site.registry.validate("alice", selected, "cori")
    assert not report.result
    assert "not offered" in report.message
    assert await site.registry.selected("alice", "cori") == selected
    await site.registry.clear("alice", "cori")
    with pytest.raises(NotFound, match="Known names: gpu"):
        await site.registry.select("alice", "cori", name="lab")


async def test_nothing_else_starts_while_the_list_of_the_site_cannot_be_read(site, add):
    own = await add()
    selected = await site.registry.select("alice", "cori", name="lab")
    site.types["site"].is_away = True
    for reach in (
        site.registry.specification("alice", selected, "cori"),
        site.registry.select("alice", "cori", name="gpu"),
        site.registry.of_type("alice", "cori", "site"),
    ):
        with pytest.raises(OffersUnavailable):
            await reach
    assert await site.registry.selected("alice", "cori") == selected
    assert await site.registry.select("alice", "cori", name="mine") == own


async def test_an_option_that_is_named_by_its_id_needs_the_list_of_its_own_type_alone(site):
    lab, _ = await site.registry.of_type("alice", "cori", "site")
    site.types["folder"].is_away = True
    assert await site.registry.find("alice", lab.id, "cori") == lab
    with pytest.raises(OffersUnavailable):
        await site.registry.find("alice", "lab", "cori")


async def test_a_type_with_own_entrypoints_may_offer_some_too(site, add):
    own = await add("mine")
    site.types["folder"].offers = {"common": "/site/common"}
    common = await site.registry.select("alice", "cori", name="common")
    assert [e.id for e in await site.registry.of_type("alice", "cori", "folder")] == [
        own.id, common.id,
    ]  # fmt: skip
    with pytest.raises(Forbidden, match="'common' is offered by this site"):
        await site.registry.remove("alice", common.id)
    del site.types["folder"].offers["common"]
    with pytest.raises(EntrypointRetired):
        await site.registry.specification("alice", common, "cori")


async def test_a_name_that_two_types_offer_needs_the_id(site):
    site.types["folder"].offers = {"lab": "/other/lab"}
    with pytest.raises(EntrypointAmbiguous, match=r"The types folder, site offer .* 'lab'"):
        await site.registry.select("alice", "cori", name="lab")
    [wanted] = [
        each
        for each in await site.registry.of_type("alice", "cori", "folder")
        if each.name == "lab"
    ]
    selected = await site.registry.select("alice", "cori", id=wanted.id)
    assert selected.data["path"] == "/other/lab"


async def test_an_option_never_replaces_the_entrypoint_of_the_user_with_its_name(site, add):
    site.types["folder"].offers = {"mine": "/site/mine"}
    own = await add("mine", systems=["cori"])
    [_, option] = await site.registry.of_type("alice", "cori", "folder")
    assert (option.name, option.id != own.id) == ("mine", True)
    with pytest.raises(EntrypointExists, match="already an entrypoint 'mine'"):
        await site.registry.select("alice", "cori", id=option.id)
    assert await site.registry.select("alice", "cori", name="mine") == own
    with pytest.raises(NotOnSystem):
        await site.registry.select("alice", "perlmutter", name="mine")


async def test_an_option_with_data_that_are_not_valid_is_not_selected(site):
    site.types["site"].offers = {"lab": "no path", "gpu": "/x\ud800"}
    for name in ("lab", "gpu"):
        with pytest.raises(EntrypointInvalid, match=f"'{name}' cannot be used on Cori: data"):
            await site.registry.select("alice", "cori", name=name)
    assert await site.registry.of_user("alice") == []


async def test_options_with_names_that_cannot_be_shown_are_left_out(site):
    site.types["site"].offers = {
        "": "/a", "a\x00": "/a", "\u202e": "/a", "a\n": "/a", " a": "/a", "x" * 256: "/a",
        "registry.example.org/lab:1.0@sha256:" + "0" * 64: "/b",
    }  # fmt: skip
    [offered] = await site.registry.of_type("alice", "cori", "site")
    selected = await site.registry.select("alice", "cori", name=offered.name)
    assert selected.data["path"] == "/b"


# the configuration changes


async def test_a_system_that_leaves_keeps_its_rows_and_comes_back(site, add):
    added = await add()
    await site.registry.select("alice", "cori", id=added.id)
    cori = site.systems.pop("cori")
    registry = site.restart()
    assert registry.retired(added, "cori")
    assert not registry.retired(added, "perlmutter")
    assert await registry.selected("alice", "cori") == added
    assert await registry.selections("alice") == {"cori": added}
    with pytest.raises(EntrypointRetired, match="system 'cori' is not configured any more"):
        await registry.specification("alice", added, "cori")
    assert not (await registry.validate("alice", added, "cori")).result
    with pytest.raises(NotFound):
        await registry.select("alice", "cori", id=added.id)
    # an edit says nothing of systems that are not shown
    assert (await registry.edit("alice", added.id, systems=["perlmutter"])).systems == BOTH
    site.systems["cori"] = cori
    registry = site.restart()
    assert await registry.selected("alice", "cori") == added
    await registry.specification("alice", added, "cori")


async def test_a_type_that_leaves_keeps_its_rows_and_comes_back(site, add):
    added = await add()
    await site.registry.select("alice", "cori", id=added.id)
    kind = site.types.pop("folder")
    registry = site.restart()
    assert registry.retired(added, "cori")
    assert await registry.of_user("alice") == [added]
    for reach in (
        registry.specification("alice", added, "cori"),
        registry.select("alice", "cori", id=added.id),
        registry.edit("alice", added.id, name="x"),
    ):
        with pytest.raises(
            EntrypointRetired, match="type 'folder' of the entrypoint 'mine' is not"
        ):
            await reach
    with pytest.raises(NotFound, match="no entrypoint type 'folder'"):
        await registry.of_type("alice", "cori", "folder")
    site.types["folder"] = kind
    registry = site.restart()
    await registry.specification("alice", await registry.selected("alice", "cori"), "cori")


async def test_what_is_retired_can_be_cleared_and_removed(site, add):
    added = await add()
    await site.registry.select("alice", "cori", id=added.id)
    await site.registry.select("alice", "perlmutter", name="lab")
    site.systems.clear()
    site.types.clear()
    registry = site.restart()
    await registry.clear("alice", "perlmutter")
    with pytest.raises(NotFound, match=r"no system 'perlmutter'\. There is none yet"):
        await registry.selected("alice", "perlmutter")
    await registry.remove("alice", added.id)
    assert await registry.of_user("alice") == []


async def test_a_type_that_the_site_takes_over_starts_only_what_the_site_offers(site, add):
    added = await add()
    await site.registry.select("alice", "cori", id=added.id)
    site.types["folder"] = folders(mutable=False)
    registry = site.restart()
    with pytest.raises(EntrypointRetired, match="'mine' is not offered on Cori any more"):
        await registry.specification("alice", added, "cori")
    assert await registry.of_type("alice", "cori", "folder") == []
    site.types["folder"].offers = {"mine": "/site/mine"}
    specification = await registry.specification("alice", added, "cori")
    assert specification.command.argv == ("/site/mine/run",)
    again = await registry.select("alice", "perlmutter", name="mine")
    assert (again.id, again.data["path"], again.systems) == (added.id, "/site/mine", BOTH)


async def test_a_check_that_hangs_ends_with_a_sentence(site, add):
    added = await add()
    site.validator.hangs = True
    registry = site.restarted(check_seconds=0.2)
    report = await registry.validate("alice", added, "cori")
    assert not report.result
    assert "did not end within 0.2 seconds" in report.message
    with pytest.raises(EntrypointInvalid, match="did not end"):
        await registry.specification("alice", added, "cori")
