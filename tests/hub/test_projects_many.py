"""Many projects at once with four workers, and how many of them one user may run."""

from collections import Counter

import pytest
from prepared_server import git
from realhub import problem
from waiting import at_once, wait_until

pytestmark = pytest.mark.slow
QUOTA = 5


def stop_all(user):
    """Cancel and stop what a user has, so that the machine is free for the next test."""
    for each in user.get("/launches")["launches"]:
        user.call("DELETE", f"/launches/{each['id']}")
    for name, server in user.get("/servers")["servers"].items():
        if name and server["state"] != "stopped":
            user.request("PATCH", f"/servers/{name}", {"state": "stopped"})
    wait_until(
        lambda: not [each for each in user.get("/servers", state="running")["servers"] if each],
        "the end of all servers",
    )


@pytest.mark.timeout(900)
def test_twenty_projects_at_once_are_all_checked_out(projects):
    users = [projects.user(name) for name in ("m-ann", "m-ben", "m-cid", "m-dan")]
    commits = {}
    for number in range(QUOTA):
        repository = projects.add(f"many/p{number}")
        commits[f"many/p{number}"] = repository.commit({"number.txt": f"{number}\n"})
    wanted = [(user, path) for user in users for path in commits]
    launches = at_once(20, lambda n: wanted[n][0].begun(wanted[n][1], ref="main"))
    try:
        for (user, path), launch in zip(wanted, launches, strict=True):
            server = user.done(launch, 600)
            assert server["project"]["checkout"] == "done"
            assert git(user.workspace(server), "rev-parse", "HEAD") == commits[path]
        assert len({(each["user"], each["server"]) for each in launches}) == 20
        for user in users:
            assert len(user.get("/servers", state="running")["servers"]) >= QUOTA
    finally:
        for user in users:
            stop_all(user)


def test_eight_requests_at_once_do_not_exceed_the_quota(projects):
    user = projects.user("slow-quota")
    for number in range(8):
        projects.add(f"quota/p{number}")
    answers = at_once(
        8,
        lambda n: user.open(f"quota/p{n}", headers={"Prefer": "respond-async"}, ref="main"),
    )
    try:
        found = Counter(each.status_code for each in answers)
        assert found == {202: QUOTA, 429: 3}, [each.text for each in answers]
        begun = {each.json()["server"] for each in answers if each.status_code == 202}
        for each in answers:
            if each.status_code == 429:
                said = problem(each, 429, "too-many-servers")
                assert set(each.json()["servers"]) == begun
                assert all(name in said for name in begun)
        # what runs already is opened all the same
        again = next(n for n, each in enumerate(answers) if each.status_code == 202)
        other = next(n for n, each in enumerate(answers) if each.status_code == 429)
        headers = {"Prefer": "respond-async"}
        opened = user.open(f"quota/p{again}", headers=headers, ref="main")
        assert opened.status_code in (200, 202), opened.text
        # and one that is stopped makes room for another one
        user.request("PATCH", f"/servers/{answers[again].json()['server']}", {"state": "stopped"})
        wait_until(
            lambda: user.open(f"quota/p{other}", headers=headers, ref="main").status_code == 202,
            "room for another one",
        )
    finally:
        stop_all(user)
