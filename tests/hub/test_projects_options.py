"""The options of servers for projects, with a real hub whose spawner sets no resources."""

import pytest
from projects_site import projects_sites
from realhub import problem
from waiting import wait_until

OPTIONS = """
c.Launcher.max_project_servers = 2
c.Launcher.server_options = {
    "mem_request": {"order": 1, "displayName": "Memory", "type": "enum", "default": "1G",
                    "options": ["1G", "2G"],
                    "groups": {"physics": {"options": ["1G", "2G", "4G"]}}},
    "gpu_request": {"order": 2, "displayName": "GPUs", "type": "int", "default": 0,
                    "range": [0, 2]},
}
"""
SENTENCE = "Memory has no effect: the spawner of this system has no adapter that sets it."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with projects_sites(tmp_path_factory) as make:
        yield make(config=OPTIONS)


def warnings(server):
    return [(each["type"], each.get("option")) for each in server["warnings"]]


def test_what_the_spawner_cannot_set_is_a_warning_and_gpus_are_refused(site):
    alice = site.user("alice")
    server = alice.opened(ref="main", serverOptions={"mem_request": "2G"})
    assert server["project"]["serverOptions"] == {"mem_request": "2G", "gpu_request": 0}
    assert server["resources"] == {"memory": "2G", "gpu": 0}
    # the spawner of this first start is not known before
    assert warnings(server) == [("not_enforced", "mem_request")]
    assert SENTENCE in alice.messages({"id": server["launch"]})
    again = alice.opened(ref="main", serverOptions={"mem_request": "2G"}, status=200)
    assert warnings(again) == [("not_enforced", "mem_request")]
    alice.stop(server["name"])
    launch = alice.begun(ref="main", serverOptions={"mem_request": "2G"})
    assert warnings(launch) == [("not_enforced", "mem_request")]
    alice.done(launch, 200)
    refused = alice.open(ref="main", serverOptions={"gpu_request": 1})
    assert "gpu_request" in problem(refused, 409, "spawn-not-possible")


def test_a_server_keeps_its_options_unless_it_is_to_be_replaced(site):
    bob = site.user("bob")
    bob.opened(ref="main", serverOptions={"mem_request": "2G"})
    kept = bob.opened(ref="main", status=200)
    assert ("other_options", None) in warnings(kept)
    assert kept["project"]["serverOptions"]["mem_request"] == "2G"
    answer = bob.open(ref="main", query="?replace=true")
    assert answer.status_code == 201, answer.text
    assert answer.json()["project"]["serverOptions"]["mem_request"] == "1G"


def test_a_value_out_of_range_names_its_field(site):
    answer = site.user("alice").open(ref="main", serverOptions={"gpu_request": 3})
    problem(answer, 422, "option-out-of-range")
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/serverOptions/gpu_request"]


def test_a_request_that_is_refused_stops_no_server(site):
    carol = site.user("carol")
    key = {"Idempotency-Key": "carol-1"}
    opened = carol.open(ref="main", serverOptions={"mem_request": "2G"}, headers=key)
    assert opened.status_code == 201, opened.text
    again = carol.open(ref="main", query="?replace=true", headers=key)
    problem(again, 422, "idempotency-key-reused")
    server = carol.server(opened.json()["name"])
    assert (server["state"], server["project"]["serverOptions"]["mem_request"]) == ("running", "2G")
    assert server["started"] == opened.json()["started"]


def started_at_the_hub(site, user, name):
    """The user starts a stopped server at the hub's own page; whether it runs, and what is said."""
    answer = site.hub.api("POST", "users", user.name, "servers", name, token=user.token)
    # a start that failed leaves no stopped server
    wait_until(
        lambda: not site.hub.servers(user.name).get(name, {}).get("pending"), "the end of the start"
    )
    return site.hub.is_ready(user.name, name), answer.text


def test_the_hub_starts_no_more_servers_than_the_launcher(site):
    dave = site.user("dave")
    for path in ("quota/one", "quota/two", "quota/three"):
        site.add(path).commit({"a.md": "a\n"})
    first = dave.opened("quota/one", ref="main")["name"]
    dave.stop(first)
    others = [dave.opened(path, ref="main")["name"] for path in ("quota/two", "quota/three")]
    runs, said = started_at_the_hub(site, dave, first)
    assert not runs
    assert "2 of your servers for projects run, which is the limit" in said
    assert all(name in said for name in others)
    dave.stop(others[0])
    runs, said = started_at_the_hub(site, dave, first)
    assert runs, said


def test_who_left_a_group_does_not_keep_its_options_at_the_hub(site):
    erin = site.user("erin")
    site.hub.api("POST", "groups", "physics")
    site.hub.api("POST", "groups", "physics", "users", json={"users": ["erin"]})
    name = erin.opened(ref="main", serverOptions={"mem_request": "4G"})["name"]
    erin.stop(name)
    site.hub.api("DELETE", "groups", "physics", "users", json={"users": ["erin"]})
    runs, said = started_at_the_hub(site, erin, name)
    assert not runs
    assert "mem_request" in said
