"""The registry over HTTP: who sees and changes which entrypoints, and what the hub is told."""

import getpass

import pytest
from application import problem_of
from environments import HOOK, SITE, add, argv_of, ask, hand_over, question, select
from launching import ADMIN
from openapi_spec import OPERATIONS, resolved


@pytest.fixture
def site(start_app):
    return start_app(**SITE)


def path(user, system="desk", rest=""):
    return f"/users/{user.name}/systems/{system}{rest}"


# systems and types


def test_everybody_sees_systems_and_types(site, alice):
    found = site.get("/systems", headers=alice.auth).json()["systems"]
    known = {each["name"]: each["spawner"] for each in found}
    assert known == {"desk": None, "cluster": None}
    ask(site, alice)
    desk = site.get("/systems", headers=alice.auth).json()["systems"][0]
    assert (desk["spawner"], desk["fields"]) == ("spawners.Local", question()["fields"])
    types = site.get("/entrypoint-types", headers=alice.auth).json()["entrypoint_types"]
    assert [each["name"] for each in types] == ["conda", "script", "image"]
    assert types[0]["schema"]["required"] == ["path"]
    assert [each["mutable"] for each in types] == [True, True, False]


def test_a_site_without_systems_says_so(client, alice):
    assert client.get("/systems", headers=alice.auth).json() == {"systems": []}
    problem = problem_of(client.get(path(alice), headers=alice.auth), 404)
    assert "There is none yet" in problem["detail"]


# entrypoints and selections


def test_somebody_adds_selects_renames_and_removes_an_entrypoint(site, alice):
    assert site.get(path(alice), headers=alice.auth).json() == {}
    made = add(site, alice, "climate")
    assert made["systems"] == ["desk"]
    assert select(site, alice, name="climate")[alice.name]["id"] == made["id"]
    renamed = site.patch(
        f"/users/{alice.name}/entrypoints/{made['id']}", json={"name": "new"}, headers=alice.auth
    )
    assert renamed.json()["name"] == "new"
    assert site.get(path(alice), headers=alice.auth).json()[alice.name]["name"] == "new"
    found = site.get(f"/users/{alice.name}/entrypoints", headers=alice.auth).json()
    assert [each["name"] for each in found["entrypoints"]] == ["new"]
    assert found["selected"] == {"desk": made["id"]}
    removed = site.request("DELETE", path(alice), json={"id": made["id"]}, headers=alice.auth)
    assert removed.status_code == 204
    assert site.get(path(alice), headers=alice.auth).json() == {}


def test_a_selection_is_cleared_without_removing_the_entrypoint(site, alice):
    made = add(site, alice, "climate")
    select(site, alice, id=made["id"])
    for _ in range(2):
        assert site.delete(path(alice), headers=alice.auth).status_code == 204
    assert site.get(path(alice), headers=alice.auth).json() == {}
    for word in ("type", "types"):
        listed = site.get(path(alice, rest=f"/{word}/script"), headers=alice.auth).json()
        assert [each["name"] for each in listed[alice.name]] == ["climate"]


def test_what_a_type_offers_is_selected_without_adding_it(site, alice):
    offered = site.get(path(alice, rest="/type/image"), headers=alice.auth).json()[alice.name]
    assert [each["name"] for each in offered] == ["climate:1", "climate:2"]
    chosen = select(site, alice, name="climate:2")[alice.name]
    assert chosen["data"] == {"image": "climate:2"}
    refused = site.post(
        path(alice),
        json={"name": "x", "type": "image", "data": {"image": "x"}},
        headers=alice.auth,
    )
    assert "managed by this site" in problem_of(refused, 403)["detail"]


def test_requests_of_jupyterhub_entrypoint_are_understood(site, alice):
    body = {
        "name": "mine",
        "type": "conda",
        "entrypoint": "/opt/env",
        "cmd": ["rm", "-rf", "/"],
        "hosts": ["elsewhere"],
        "systems": ["desk", "cluster"],
    }
    answer = site.post(path(alice), json=body, headers=alice.auth)
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"] == {"path": "/opt/env"}
    assert answer.json()["systems"] == ["cluster", "desk"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "x", "type": "script"}, 400, "data is missing"),
        ({"name": "x", "type": "nothing", "data": {}}, 404, "nothing"),
        ({"name": "a/b", "type": "script", "data": {"path": "/x"}}, 400, "slashes"),
        ({"name": "x", "type": "script", "data": {"path": "x"}}, 400, "path"),
        ({"name": "x", "type": "script", "data": {"path": "/x", "cmd": ["sh"]}}, 400, "cmd"),
        ({"name": "x", "type": "script", "data": {"path": "/a/../b"}}, 400, "path"),
        ({"name": "x", "type": "script", "data": {"path": "/$(id)"}}, 400, "path"),
        ({"name": "x", "type": "script", "data": {"path": "-oProxyCommand=x"}}, 400, "path"),
        ({"name": "x", "type": "script", "data": {"path": "/x", "privileged": True}}, 400, "priv"),
        ({"name": "x", "type": "script", "data": {"path": "/x"}, "systems": ["no"]}, 404, "no"),
    ],
)
def test_bad_input_is_a_sentence(site, alice, body, status, words):
    problem = problem_of(site.post(path(alice), json=body, headers=alice.auth), status)
    assert words in problem["detail"] + str(problem.get("errors"))
    assert site.get(f"/users/{alice.name}/entrypoints", headers=alice.auth).json() == {
        "entrypoints": [],
        "selected": {},
    }


def test_the_same_name_again_and_another_system_are_conflicts(site, alice):
    made = add(site, alice, "climate")
    again = {"name": "climate", "type": "conda", "data": {"path": "/other"}}
    problem_of(site.post(path(alice), json=again, headers=alice.auth), 409)
    answer = site.put(path(alice, "cluster"), json={"id": made["id"]}, headers=alice.auth)
    assert "is not on the system" in problem_of(answer, 409)["detail"]


def test_a_failed_validation_is_422_with_the_report(start_app, alice):
    site = start_app(**{**SITE, "validator": "local"})
    body = {"name": "x", "type": "script", "data": {"path": "/nowhere/at/all"}}
    problem = problem_of(site.post(path(alice), json=body, headers=alice.auth), 422)
    assert problem["report"]["result"] is False
    assert problem["report"]["hosts"][0]["subject"] == "/nowhere/at/all"


def test_an_entrypoint_is_validated_again(site, alice):
    checked = f"/validate/users/{alice.name}/systems/desk"
    nothing = site.get(checked, headers=alice.auth).json()
    assert (nothing["result"], nothing["hosts"]) == (False, [])
    add(site, alice, "climate")
    named = site.get(checked, params={"entrypoint": "climate"}, headers=alice.auth)
    assert named.json()["result"] is True
    select(site, alice, name="climate")
    assert site.get(checked, headers=alice.auth).json()["result"] is True


# who


def test_entrypoints_of_others_are_404(site, fakehub, alice):
    add(site, alice, "climate")
    mallory = fakehub.add_user()
    body = {"name": "x", "type": "script", "data": {"path": "/x"}}
    for method, where, more in (
        ("GET", path(alice), {}),
        ("POST", path(alice), {"json": body}),
        ("PUT", path(alice), {"json": {"name": "climate"}}),
        ("DELETE", path(alice), {}),
        ("GET", path(alice, rest="/type/script"), {}),
        ("GET", f"/users/{alice.name}/entrypoints", {}),
        ("GET", f"/validate/users/{alice.name}/systems/desk", {}),
        ("GET", "/users/nobody/entrypoints", {}),
    ):
        answer = site.request(method, where, headers=mallory.auth, **more)
        assert "no such user" in problem_of(answer, 404)["detail"]


def test_an_administrator_manages_those_of_others(site, fakehub, alice):
    admin = fakehub.add_user(scopes=ADMIN)
    add(site, alice, "climate")
    assert site.put(path(alice), json={"name": "climate"}, headers=admin.auth).status_code == 200
    problem_of(site.get("/users/nobody/entrypoints", headers=admin.auth), 404)


def test_a_servers_own_token_changes_nothing(site, alice):
    alice.server_tokens["of-the-server"] = ""
    own = {"Authorization": "token of-the-server"}
    problem_of(site.get(path(alice), headers=own), 403)
    problem_of(site.put(path(alice), json={"name": "climate"}, headers=own), 403)


# the hub


@pytest.mark.parametrize("form", ["{}", "token {}", "Bearer {}"])
def test_the_hub_reads_the_selection(site, fakehub, alice, form):
    where = f"/hub/users/{alice.name}/systems/desk"
    for secret in (HOOK["Authorization"].split()[1], fakehub.token):
        headers = {"Authorization": form.format(secret)}
        assert site.get(where, headers=headers).json() == {}
    made = add(site, alice, "climate")
    select(site, alice, name="climate")
    assert site.get(where, headers=HOOK).json() == {alice.name: made}


def test_nobody_else_asks_as_the_hub(site, fakehub, alice):
    where = f"/hub/users/{alice.name}/systems/desk"
    admin = fakehub.add_user(scopes=ADMIN)
    for headers in ({}, alice.auth, admin.auth, {"Authorization": "token wrong"}):
        problem_of(site.get(where, headers=headers), 401)
        problem_of(site.post(f"{where}/spawn", json=question(), headers=headers), 401)
    service = {"Authorization": f"token {fakehub.token}"}
    problem_of(site.post(f"{where}/spawn", json=question(), headers=service), 403)


def test_without_the_hooks_secret_nobody_is_the_hook(client, alice):
    where = f"/hub/users/{alice.name}/systems/desk/spawn"
    for value in ("", "token ", "token x"):
        answer = client.post(where, json=question(), headers={"Authorization": value})
        problem_of(answer, 401)


def test_the_hook_is_told_what_was_selected(site, alice):
    assert argv_of(ask(site, alice)) is None
    add(site, alice, "climate", systems=["desk", "cluster"])
    select(site, alice, name="climate")
    answer = ask(site, alice)
    assert argv_of(answer) == ["/opt/climate"]
    assert answer.json()["entrypoint"] == "climate"
    assert argv_of(ask(site, alice, system="cluster")) is None


def test_the_hubs_form_comes_before_the_selection_and_names_own_entrypoints_only(
    site, fakehub, alice
):
    for name in ("climate", "hydrology"):
        add(site, alice, name)
    select(site, alice, name="climate")
    assert argv_of(ask(site, alice, entrypoint="hydrology")) == ["/opt/hydrology"]
    add(site, fakehub.add_user(), "theirs")
    assert "theirs" in problem_of(ask(site, alice, entrypoint="theirs"), 409)["detail"]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"version": "2.0"}, 409, "install the same version"),
        ({"version": "one"}, 409, "does not give the version"),
        ({"fields": []}, 409, "which cannot set command"),
        ({"fields": "command"}, 400, "fields"),
        ({"token": "two words"}, 400, "token"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(site, alice, fields, status, words):
    add(site, alice, "climate")
    select(site, alice, name="climate")
    assert words in problem_of(ask(site, alice, **fields), status)["detail"]


def test_a_token_is_handed_over_once_for_a_start_that_was_asked_about(site, alice):
    problem_of(hand_over(site, alice, token="t" * 32), 404)
    ask(site, alice)
    problem_of(hand_over(site, alice, token="two words"), 400)
    problem_of(hand_over(site, alice, system="cluster", token="t" * 32), 404)
    assert hand_over(site, alice, token="t" * 32).status_code == 200
    problem_of(hand_over(site, alice, token="u" * 32), 404)


def test_a_newer_hook_is_understood(site, alice):
    answer = ask(site, alice, version="1.1", something_new={"x": 1})
    assert answer.status_code == 200, answer.text


def test_an_unknown_system_is_refused_and_nothing_else_started(site, alice):
    assert "nowhere" in problem_of(ask(site, alice, system="nowhere"), 409)["detail"]


def test_a_retired_type_starts_no_server(start_app, alice):
    site = start_app(**SITE)
    add(site, alice, "climate")
    select(site, alice, name="climate")
    later = start_app(**{**SITE, "entrypoint_types": SITE["entrypoint_types"][:1]})
    assert "not configured any more" in problem_of(ask(later, alice), 409)["detail"]
    listed = later.get(f"/users/{alice.name}/entrypoints", headers=alice.auth).json()
    assert listed["entrypoints"][0]["retired"] == ["desk"]


def test_a_script_that_was_removed_since_starts_nothing(start_app, fakehub, tmp_path):
    """The validator looks at the machine's own accounts."""
    me = fakehub.add_user(getpass.getuser())
    script = tmp_path / "start.sh"
    script.write_text('#!/bin/sh\nexec "$@"\n')
    script.chmod(0o755)
    site = start_app(**{**SITE, "validator": "local"})
    add(site, me, "mine", path=str(script))
    select(site, me, name="mine")
    assert argv_of(ask(site, me)) == [str(script)]
    script.unlink()
    assert str(script) in problem_of(ask(site, me), 422)["detail"]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (where, _, operation) in OPERATIONS.items()
        if "{user_name}" in where and "requestBody" in operation
    ],
)
def test_the_example_of_a_body_works_at_once(start_app, alice, name):
    systems = [{"name": "perlmutter", "display_name": "Perlmutter", "hostname": ""}]
    hosts = [{"url": "https://gitlab.example.org", "provider": "gitlab"}]
    site = start_app(**{**SITE, "systems": systems, "git_hosts": hosts})
    made = None
    if not name.endswith(".add"):
        made = add(site, alice, "climate", system="perlmutter")
    if name.endswith(".hand_over"):
        ask(site, alice, system="perlmutter")
    where, method, operation = OPERATIONS[name]
    example = resolved(operation["requestBody"])["content"]["application/json"]["example"]
    where = where.replace("{user_name}", alice.name).replace("{system}", "perlmutter")
    where = where.replace("{entrypoint_id}", made["id"] if made else "")
    headers = HOOK if name.startswith("launcher.api.hub.") else alice.auth
    answer = site.request(method.upper(), where, json=example, headers=headers)
    assert answer.is_success, answer.text
