"""The page Environments: what a user's servers start in, and what can be changed there."""

import html
import re

import pytest
from checked_files import FilesOfTheTest
from entrypoint_types import FolderType
from environments import SITE, SYSTEMS, TYPES, add, ask, select
from visiting import HOSTILE, Visitor, text_of

PAGE = "/home/environments"
FORM = f"{PAGE}/add?system=desk&type=script"
FILLED = {"action": "save", "/name": "climate", "/data/path": "/opt/climate", "/systems": "desk"}


@pytest.fixture
def site(start_app):
    return start_app(**SITE)


@pytest.fixture
def visitor(site, alice):
    return Visitor(site, alice)


@pytest.fixture
def checked(start_app, alice):
    """A visitor of a site that looks whether files exist."""
    return Visitor(start_app(**SITE, validator=FilesOfTheTest), alice)


def tab(visitor, system="desk"):
    """The tab of a system."""
    page = visitor.get(f"{PAGE}?system={system}")
    assert page.status_code == 200, page.text
    return page


def press(visitor, action, entrypoint_id, system="desk", **more):
    """Press a button of the page."""
    sent = {"action": action, "entrypoint": entrypoint_id, "system": system}
    return visitor.post(f"{PAGE}?system={system}", sent, **more)


def own(visitor):
    """The user's entrypoints by their names, and the ids of the selected ones by system."""
    path = f"/users/{visitor.user.name}/entrypoints"
    answer = visitor.client.get(path, headers=visitor.user.auth).json()
    return {each["name"]: each for each in answer["entrypoints"]}, answer["selected"]


def words(fragment):
    """The text of a part of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", fragment)).split())


def selected(page):
    """What the page says is selected."""
    return words(re.search(r'id="selected">(.*?)</section>', page.text, re.DOTALL)[1])


def section(page, kind):
    """The part of the page about a type."""
    return re.search(rf'aria-labelledby="type-{kind}">.*?</section>', page.text, re.DOTALL)[0]


def item(page, name):
    """The part of the page about an environment."""
    items = re.split(r'(?=<li class="item")', page.text)[1:]
    found = [
        each.partition("</section>")[0]
        for each in items
        if f"<strong>{html.escape(name)}</strong>" in each
    ]
    assert len(found) == 1, page.text
    return found[0]


def id_of(page, name):
    """The id of an environment in the page."""
    return re.search(r'id="environment-(\w+)"', item(page, name))[1]


def summary(page):
    """The summary of the errors of a form."""
    return words(re.search(r'id="problems".*?</div>', page.text, re.DOTALL)[0].partition(">")[2])


# select, clear, add


def test_from_an_empty_registry_to_a_selected_environment(visitor):
    assert "Nothing is selected" in selected(tab(visitor))
    assert "You have none yet" in words(section(tab(visitor), "script"))
    assert "Path of the script" in text_of(visitor.get(FORM))
    added = visitor.post(FORM, FILLED)
    assert added.status_code == 303, text_of(added)
    made = own(visitor)[0]["climate"]
    assert made["data"] == {"path": "/opt/climate"}
    assert added.headers["location"] == f"{PAGE}?system=desk#environment-{made['id']}"
    assert "/opt/climate" in item(tab(visitor), "climate")
    chosen = press(visitor, "select", made["id"])
    assert chosen.status_code == 303
    assert chosen.headers["location"] == f"{PAGE}?system=desk#selected"
    page = tab(visitor)
    assert "climate (Startup script)" in selected(page)
    assert "Selected" in words(item(page, "climate"))
    assert 'value="select"' not in item(page, "climate")
    assert own(visitor)[1] == {"desk": made["id"]}
    press(visitor, "clear", made["id"])
    assert "Nothing is selected" in selected(tab(visitor))
    assert own(visitor)[1] == {}


def test_each_system_has_a_tab_and_a_selection(visitor):
    made = add(visitor.client, visitor.user, "climate", systems=["desk", "cluster"])
    press(visitor, "select", made["id"], "cluster")
    assert "Nothing is selected" in selected(tab(visitor))
    assert "climate" in selected(tab(visitor, "cluster"))
    page = visitor.get(PAGE)
    assert f'active" aria-current="page" href="{PAGE}?system=desk"' in page.text
    assert f'href="{PAGE}?system=cluster"' in page.text


def test_what_the_site_offers_is_selected_and_cannot_be_changed(visitor):
    page = tab(visitor)
    images = section(page, "image")
    assert "climate:1" in images
    assert ">Edit<" not in images
    assert ">Remove<" not in images
    assert ">Add<" not in images
    assert press(visitor, "select", id_of(page, "climate:2")).status_code == 303
    assert "climate:2" in selected(tab(visitor))


def test_the_help_of_a_type_is_linked(visitor):
    page = tab(visitor)
    assert 'href="https://docs.example.org"' in section(page, "script")
    assert "Help" not in section(page, "conda")


def test_the_menu_leads_to_the_page(visitor):
    assert f'href="{PAGE}">Environments' in visitor.get("/home/").text


# errors


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"/name": ""}, "Name has to be filled in"),
        ({"/name": "x" * 101}, "Name must have 1 to 100 characters"),
        ({"/name": "a/b"}, "Name must not be . or .. and must not contain slashes"),
        ({"/name": "a\nb"}, "Name must not contain"),
        ({"/name": f"a{HOSTILE}"}, "Name must not be . or .. and must not contain slashes"),
        ({"/data/path": ""}, "Path of the script has to be filled in"),
        ({"/data/path": "opt/x"}, "must be an absolute path"),
        ({"/data/path": "/opt/../etc"}, "must not contain the components"),
        ({"/data/path": "/opt/$(id)"}, "must not contain $"),
        ({"/systems": None}, "Systems need at least one choice"),
    ],
)
def test_an_error_is_at_its_field_and_nothing_typed_is_lost(visitor, changed, sentence):
    sent = {k: v for k, v in {**FILLED, **changed}.items() if v is not None}
    page = visitor.post(FORM, sent)
    assert page.status_code == 400, page.text
    assert sentence in summary(page)
    pointer = next(iter(changed))
    at_the_field = re.search(rf'data-pointer="{pointer}">(.*?)</div>', page.text, re.DOTALL)[1]
    assert sentence in words(at_the_field)
    values = [html.unescape(value) for value in re.findall(r' value="([^"]*)"', page.text)]
    assert {sent["/name"], sent["/data/path"]} <= {*values}
    assert "<svg onload" not in page.text
    assert own(visitor)[0] == {}


def test_all_errors_are_shown_at_once_in_the_order_of_the_fields(visitor):
    page = visitor.post(FORM, {"action": "save", "/name": "", "/data/path": "x"})
    found = re.findall(r'<a class="alert-link" href="#field\.2f\.(\w+)', page.text)
    assert found == ["name", "data", "systems"]


def test_a_name_in_use_is_an_error_at_the_name(visitor):
    add(visitor.client, visitor.user, "climate")
    page = visitor.post(FORM, FILLED)
    assert page.status_code == 409
    assert "Name is in use" in summary(page)


def test_what_is_not_there_is_refused_with_a_report_of_each_host(checked):
    sent = [*{**FILLED, "/data/path": "/nowhere/at/all"}.items(), ("/systems", "cluster")]
    page = checked.post(FORM, sent)
    assert page.status_code == 422
    text = text_of(page)
    assert "cannot be used on" in text
    assert "Not found: The launcher's host /nowhere/at/all : It does not exist." in text
    assert "Not found: cluster.example.org /nowhere/at/all : It does not exist." in text
    assert 'value="/nowhere/at/all"' in page.text
    assert page.text.count(" checked>") == 2
    assert own(checked)[0] == {}


def test_an_unknown_system_that_is_sent_is_refused(visitor):
    page = visitor.post(FORM, {**FILLED, "/systems": "moon"})
    assert page.status_code == 404
    assert "There is no system 'moon'" in text_of(page)
    assert 'value="/opt/climate"' in page.text


@pytest.mark.parametrize("key", ["cmd", "environment", "volumes", "privileged", "__class__"])
def test_fields_that_the_form_does_not_have_are_not_saved(visitor, key):
    page = visitor.post(FORM, {**FILLED, f"/data/{key}": "x"})
    assert page.status_code == 303
    assert own(visitor)[0]["climate"]["data"] == {"path": "/opt/climate"}


def test_a_selection_that_is_refused_says_why_beside_the_environment(visitor):
    page = tab(visitor)
    option = id_of(page, "climate:1")
    add(visitor.client, visitor.user, "climate:1")
    answer = press(visitor, "select", option)
    assert answer.status_code == 409
    assert "already an environment 'climate:1'" in text_of(answer)


# edit, remove, check again


def test_an_environment_is_edited_and_stays_selected(visitor):
    made = add(visitor.client, visitor.user, "climate")
    select(visitor.client, visitor.user, name="climate")
    edit = f"{PAGE}/{made['id']}/edit?system=desk"
    assert f'href="{edit}"' in item(tab(visitor), "climate")
    form = visitor.get(edit)
    assert 'value="climate"' in form.text
    assert 'value="/opt/climate"' in form.text
    sent = {**FILLED, "/name": "weather", "/data/path": "/opt/weather"}
    assert visitor.post(edit, sent).status_code == 303
    entrypoints, chosen = own(visitor)
    assert entrypoints["weather"]["data"] == {"path": "/opt/weather"}
    assert chosen == {"desk": made["id"]}


def test_an_edit_with_an_error_keeps_what_was_typed(visitor):
    made = add(visitor.client, visitor.user, "climate")
    page = visitor.post(f"{PAGE}/{made['id']}/edit?system=desk", {**FILLED, "/data/path": "x"})
    assert page.status_code == 400
    assert 'value="x"' in page.text
    assert own(visitor)[0]["climate"]["data"] == {"path": "/opt/climate"}


def test_removing_asks_first(visitor):
    made = add(visitor.client, visitor.user, "climate")
    select(visitor.client, visitor.user, name="climate")
    remove = f"{PAGE}/{made['id']}/remove?system=desk"
    assert f'href="{remove}"' in item(tab(visitor), "climate")
    page = visitor.get(remove)
    assert "Remove climate?" in text_of(page)
    assert "It is selected on Workstation" in text_of(page)
    assert "climate" in own(visitor)[0], "nothing is removed yet"
    answer = visitor.post(remove)
    assert answer.headers["location"] == f"{PAGE}?system=desk"
    assert own(visitor) == ({}, {})


def test_checking_again_shows_what_was_found(checked, tmp_path):
    script = tmp_path / "start"
    script.write_text("#!/bin/sh\n")
    made = add(checked.client, checked.user, "climate", path=str(script))
    page = press(checked, "check", made["id"])
    assert page.status_code == 200
    assert "Found: The launcher's host" in words(item(page, "climate"))
    script.unlink()
    page = press(checked, "check", made["id"])
    assert "Not found: The launcher's host" in words(item(page, "climate"))
    assert "alert-danger" in item(page, "climate")


def test_a_site_that_looks_at_nothing_does_not_say_that_it_found_something(visitor):
    made = add(visitor.client, visitor.user, "climate")
    found = item(press(visitor, "check", made["id"]), "climate")
    assert "Nothing was looked at" in words(found)
    assert "✓" not in found
    assert "alert-success" not in found


# who may


def test_pages_need_a_session(site, visitor):
    for path in (PAGE, FORM):
        answer = site.get(path)
        assert answer.status_code == 303
        assert "/home/sign-in" in answer.headers["location"]


@pytest.mark.parametrize("action", ["select", "clear", "check"])
def test_a_button_needs_the_token_of_the_session(visitor, action):
    made = add(visitor.client, visitor.user, "climate")
    refused = press(visitor, action, made["id"], xsrf="wrong")
    assert refused.status_code == 403
    assert f'href="{PAGE}?system=desk">Open the page again' in refused.text
    assert own(visitor)[1] == {}


def test_a_form_of_another_session_is_shown_again_and_saves_nothing(visitor):
    page = visitor.post(FORM, FILLED, xsrf="wrong")
    assert page.status_code == 403
    assert "Press the button again" in text_of(page)
    assert 'value="/opt/climate"' in page.text
    assert own(visitor)[0] == {}


def test_a_form_that_is_sent_after_the_session_ended_is_kept(visitor):
    stranger = Visitor(visitor.client, visitor.user)
    stranger.headers = {}
    page = stranger.post(FORM, FILLED)
    assert page.status_code == 401
    assert "Nothing was saved" in text_of(page)
    fields = re.findall(r'type="hidden" name="(/[^"]+)" value="([^"]*)"', page.text)
    assert dict(fields) == {name: FILLED[name] for name in FILLED if name != "action"}
    address = html.unescape(re.search(r'action="(/home/environments[^"]*)"', page.text)[1])
    again = visitor.post(address, fields, xsrf="")
    assert 'value="/opt/climate"' in again.text
    assert own(visitor)[0] == {}


def test_the_environments_of_somebody_else_are_not_there(visitor, fakehub):
    other = fakehub.add_user(server="ready")
    theirs = add(visitor.client, other, "secret-place")
    assert "secret-place" not in tab(visitor).text
    for end in ("edit", "remove"):
        path = f"{PAGE}/{theirs['id']}/{end}"
        assert visitor.get(path).status_code == 404
        assert visitor.post(path, FILLED).status_code == 404
    assert press(visitor, "select", theirs["id"]).status_code == 404
    assert press(visitor, "check", theirs["id"]).status_code == 404
    assert "secret-place" in own(Visitor(visitor.client, other))[0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{PAGE}?system=moon", 404),
        (f"{PAGE}/add?system=desk&type=nothing", 404),
        (f"{PAGE}/add?system=desk&type=image", 403),
        (f"{PAGE}/add?system=moon&type=conda", 404),
        (f"{PAGE}/nothing/edit", 404),
        (f"{PAGE}/%3Cscript%3E/remove", 404),
        (f"{PAGE}?system=%22%3E%3Cscript%3E", 404),
    ],
)
def test_what_does_not_exist_is_a_page(visitor, path, status):
    page = visitor.get(path)
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text


@pytest.mark.parametrize("action", ["", "delete", "SELECT", "<script>"])
def test_a_button_that_is_not_known_changes_nothing(visitor, action):
    made = add(visitor.client, visitor.user, "climate")
    assert press(visitor, action, made["id"]).status_code == 400
    assert own(visitor)[1] == {}


def test_what_the_site_offers_is_not_edited_by_its_address(visitor):
    page = tab(visitor)
    option = id_of(page, "climate:1")
    press(visitor, "select", option)
    assert visitor.get(f"{PAGE}/{option}/edit").status_code == 403
    assert visitor.post(f"{PAGE}/{option}/remove").status_code == 403


# what the site cannot do, or does not any more


def test_a_site_without_systems_says_what_an_administrator_sets(client, alice):
    page = Visitor(client, alice).get(PAGE)
    assert page.status_code == 200
    text = text_of(page)
    assert "All servers start in the hub's default environment" in text
    assert "c.Launcher.systems" in text
    assert "c.Launcher.entrypoint_types" in text
    assert f'href="{PAGE}"' not in page.text, "the menu does not lead here"


def test_a_site_without_types_says_so(start_app, alice):
    page = tab(Visitor(start_app(**{**SITE, "entrypoint_types": []}), alice))
    assert "c.Launcher.entrypoint_types" in text_of(page)


def test_a_type_that_the_spawner_cannot_start_is_explained(visitor):
    add(visitor.client, visitor.user, "climate")
    ask(visitor.client, visitor.user, fields=["image"])
    page = tab(visitor)
    assert "the hub's spawner there cannot set command" in words(section(page, "script"))
    assert ">Add<" not in section(page, "script")
    mine = item(page, "climate")
    assert 'value="select"' not in mine
    assert ">Remove<" in mine
    assert 'value="select"' in section(page, "image")
    assert "cannot set" not in words(section(tab(visitor, "cluster"), "script"))
    assert "Workstation (its spawner cannot" in text_of(visitor.get(FORM))


def test_a_type_that_left_the_configuration_can_only_be_removed(start_app, alice):
    made = add(start_app(**SITE), alice, "climate")
    select(start_app(**SITE), alice, name="climate")
    types = [each for each in TYPES if each["name"] != "script"]
    visitor = Visitor(start_app(**{**SITE, "entrypoint_types": types}), alice)
    page = tab(visitor)
    assert "not available any more" in selected(page)
    gone = item(page, "climate")
    assert "does not have the type script any more" in words(gone)
    assert ">Remove<" in gone
    assert ">Edit<" not in gone
    assert visitor.get(f"{PAGE}/{made['id']}/edit").status_code == 409
    visitor.post(f"{PAGE}/{made['id']}/remove?system=desk")
    assert own(visitor) == ({}, {})


def test_a_system_that_left_the_configuration_is_explained(start_app, alice):
    client = start_app(**SITE)
    add(client, alice, "climate", system="cluster")
    Visitor(client, alice)
    option = id_of(tab(Visitor(client, alice), "cluster"), "climate:1")
    press(Visitor(client, alice), "select", option, "cluster")
    visitor = Visitor(start_app(**{**SITE, "systems": SYSTEMS[:1]}), alice)
    page = tab(visitor)
    assert "does not have the system cluster any more" in words(item(page, "climate"))
    assert "Clear the selection climate:1 on cluster" in words(
        re.search(r'id="retired".*', page.text, re.DOTALL)[0]
    )
    answer = visitor.post(PAGE, {"action": "clear", "system": "cluster"})
    assert answer.status_code == 303
    assert own(visitor)[1] == {}


def test_without_any_system_what_was_added_can_still_be_removed(start_app, alice):
    made = add(start_app(**SITE), alice, "climate")
    visitor = Visitor(start_app(hook_token="x" * 30), alice)
    page = visitor.get(PAGE)
    assert ">Remove<" in item(page, "climate")
    assert visitor.post(f"{PAGE}/{made['id']}/remove").headers["location"] == PAGE
    assert own(visitor)[0] == {}


def test_an_option_that_is_not_offered_any_more_is_explained(start_app, alice):
    first = Visitor(start_app(**SITE), alice)
    press(first, "select", id_of(tab(first), "climate:1"))
    types = [{**each, "images": ["climate:2"]} if "images" in each else each for each in TYPES]
    visitor = Visitor(start_app(**{**SITE, "entrypoint_types": types}), alice)
    assert "not available any more" in selected(tab(visitor))
    press(visitor, "clear", "")
    assert "Nothing is selected" in selected(tab(visitor))


def test_offers_that_are_not_known_now_leave_the_rest_of_the_page(start_app, alice):
    away = {
        "name": "image",
        "display_name": "Image",
        "mutable": False,
        "image_service": "http://127.0.0.1:9/images",
    }
    types = [*TYPES[:2], away]
    visitor = Visitor(start_app(**{**SITE, "entrypoint_types": types}), alice)
    add(visitor.client, visitor.user, "climate")
    page = tab(visitor)
    assert "image service cannot be used" in words(section(page, "image"))
    assert 'value="select"' in item(page, "climate")


def test_a_type_of_the_site_has_the_form_of_its_schema(start_app, alice):
    own_type = {"name": "folder", "display_name": "Folder", "class": FolderType}
    visitor = Visitor(start_app(**{**SITE, "entrypoint_types": [own_type]}), alice)
    form = f"{PAGE}/add?system=desk&type=folder"
    page = visitor.get(form)
    assert 'value="python"' in page.text
    with_row = visitor.post(form, {**FILLED, "action": "add /data/tags"})
    assert with_row.status_code == 200
    assert 'name="row:/data/tags/0"' in with_row.text
    assert 'value="/opt/climate"' in with_row.text
    sent = {**FILLED, "/data/kernel": "R", "row:/data/tags/0": "on", "/data/tags/0": "fast"}
    assert visitor.post(form, sent).status_code == 303
    assert own(visitor)[0]["climate"]["data"] == {
        "path": "/opt/climate",
        "kernel": "R",
        "tags": ["fast"],
    }
