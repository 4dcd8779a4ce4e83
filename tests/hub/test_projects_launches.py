"""Opening a project is a launch: its events, its end, its key, and how long a request waits."""

import threading

import pytest
from realhub import problem

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def sam(projects):
    return projects.user("sam")


@pytest.fixture(scope="module")
def followed(projects, sam):
    """A launch that nobody waited for, its events as they came, and its server."""
    projects.add("launch/events").commit({"a.md": "a\n"})
    launch, events = sam.begun("launch/events", ref="main"), []
    reader = threading.Thread(target=lambda: events.extend(sam.events(launch)), daemon=True)
    reader.start()
    server = sam.done(launch)
    reader.join(30)
    return launch, events, server


def test_its_events_say_what_the_checkout_does(sam, followed):
    launch, events, server = followed
    said = [data["message"] for _, event, data in events if event == "progress"]
    assert any(each.startswith("Fetching https://") for each in said), said
    assert f"{server['project']['folder']} is ready." in said
    ids = [number for number, _, _ in events]
    assert ids == sorted(ids)
    states = [data["state"] for _, event, data in events if "state" in data]
    assert states[-1] == "done"
    # a reader that comes later, or again, gets the same, without places in a queue that is over
    kept = [each for each in events if each[1] != "queue"]
    assert list(sam.events(launch)) == kept
    assert list(sam.events(launch, last=ids[-2])) == events[-1:]


def test_it_can_be_polled_and_is_listed(projects, sam, followed):
    launch, _, server = followed
    now = sam.now(launch)
    assert (now["state"], now["experiment"], now["path"]) == ("done", None, None)
    assert now["project"]["repository"] == f"{projects.git.url}/launch/events"
    assert now["project"]["folder"] == server["project"]["folder"]
    assert now["location"].partition("?")[0].endswith(f"/tree/{server['project']['folder']}")
    assert launch["id"] in [each["id"] for each in sam.get("/launches")["launches"]]
    other = projects.user("tess")
    assert other.call("GET", f"/launches/{launch['id']}").status_code == 404


def test_the_same_key_is_the_same_launch(projects, sam, followed):
    headers = {**ASYNC, "Idempotency-Key": "one-project"}
    first, again = (
        sam.open("launch/events", headers=headers, ref="main").headers["Link"] for _ in range(2)
    )
    assert first == again
    other = sam.open("launch/events", headers=headers, ref="main", notebook="a.md")
    assert problem(other, 422, "idempotency-key-reused")


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0", "respond-async, wait=1"])
def test_a_request_waits_as_long_as_it_says(projects, prefer):
    user = projects.user("slow-uma")
    answer = user.open("group/open", headers={"Prefer": prefer}, ref="main")
    assert answer.status_code == 202, answer.text
    launch = answer.json()
    assert answer.headers["Location"] == f"/services/launcher/launches/{launch['id']}"
    cancelled = user.call("DELETE", f"/launches/{launch['id']}")
    assert cancelled.status_code == 200, cancelled.text


def test_a_launch_that_is_cancelled_stops_its_checkout(projects):
    vic = projects.user("vic")
    projects.add("launch/cancelled").commit({"a.md": "a\n"})
    launch = vic.fetching("launch/cancelled", "hang")
    projects.git.misbehaves = ""
    assert vic.server(launch["server"])["project"]["checkout"] == "preparing"
    cancelled = vic.call("DELETE", f"/launches/{launch['id']}")
    assert cancelled.status_code == 200, cancelled.text
    assert vic.ended(launch)["state"] == "cancelled"
    # the server was there before anybody cancelled; it is the user's to stop
    vic.stop(launch["server"])
    again = vic.opened("launch/cancelled", ref="main")
    assert (again["name"], again["project"]["checkout"]) == (launch["server"], "done")
