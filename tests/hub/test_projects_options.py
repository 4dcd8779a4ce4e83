"""The options of servers for projects, with a real hub whose spawner sets no resources."""

import pytest
from projects_site import projects_sites
from realhub import problem

OPTIONS = """
c.Launcher.server_options = {
    "mem_request": {"order": 1, "displayName": "Memory", "type": "enum", "default": "1G",
                    "options": ["1G", "2G"]},
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
