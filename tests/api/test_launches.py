"""A launch can be seen, watched, waited for, repeated and cancelled, also for somebody else."""

import base64
import json
import uuid

import pytest
import requests
from application import problem_of
from fakehub import Start
from launching import (
    ADMIN,
    ASYNC,
    BODY,
    MINE,
    ON_BEHALF,
    begin,
    cancel,
    keyed,
    linked,
    path_of,
    see,
    service,
    start_lines,
    stop_lines,
    stream_lines,
    wait_for,
)
from stored_launches import stored
from waiting import at_once, in_background, wait_until

from launcher import store
from launcher.store import tables

PORTAL = {"kind": "service", "name": "portal"}


def page(client, who, **query):
    answer = client.get("/launches", params=query, headers=who.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


# seen


def test_a_launch_is_there_to_be_seen(client, alice):
    begun = begin(client, alice)
    done = wait_for(client, alice, begun, "done")
    assert done["experiment"] == "hello"
    assert (done["user"], done["requested_by"]) == (alice.name, None)
    assert done["path"] == "lab/hello.ipynb"
    assert done["location"].endswith("/tree/lab/hello.ipynb?reset=1")
    assert (done["problem"], done["position"]) == (None, None)
    assert begun["created_at"] == done["created_at"] <= done["updated_at"]


def test_launches_come_newest_first_and_are_filtered(client, fakehub, alice):
    begun = [begin(client, alice) for _ in range(3)]
    for launch in begun:
        wait_for(client, alice, launch, "done")
    begun.append(begin(client, alice, directory="a", filename="x.ipynb", if_exists="fail"))
    alice.write("b/x.ipynb", MINE)
    begun.append(begin(client, alice, directory="b", filename="x.ipynb", if_exists="fail"))
    wait_for(client, alice, begun[3], "done")
    wait_for(client, alice, begun[4], "failed")
    ids = [launch["id"] for launch in reversed(begun)]
    assert [launch["id"] for launch in page(client, alice)["launches"]] == ids
    failed = page(client, alice, state="failed")["launches"]
    assert [launch["id"] for launch in failed] == ids[:1]
    assert len(page(client, alice, state="done", experiment="hello")["launches"]) == 4
    assert page(client, alice, experiment="bmi") == {"launches": [], "next": None}
    assert page(client, fakehub.add_user())["launches"] == []


def test_pages_hold_every_launch_once(client, alice):
    made = {begin(client, alice)["id"] for _ in range(7)}
    seen, cursor = [], {}
    while True:
        found = page(client, alice, limit=3, **cursor)
        seen.append([launch["id"] for launch in found["launches"]])
        if not found["next"]:
            break
        cursor = {"cursor": found["next"]}
    assert [len(ids) for ids in seen] == [3, 3, 1]
    assert {launch_id for ids in seen for launch_id in ids} == made


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


ID = "0" * 32
CURSORS = [
    "x", "é", "=", "%00", "' OR 1=1", "a" * 200, "A" * 199,
    *map(encoded, [
        "[]", "{}", "null", "1", "[" * 100, "[1.0, 7]", "[1.0, null]", f'["1", "{ID}"]',
        f'[1.0, "{ID[1:]}"]', f'[1.0, "{ID}", 1]', f'[null, "{ID}"]', f'[1e999, "{ID}"]',
        f'[NaN, "{ID}"]', f'[{"9" * 99}, "G{ID[1:]}"]', f'[1.0, "\\u0000{ID[1:]}"]',
        f'[1.0, "\\ud800{ID[1:]}"]', f'[1.0, "{"%" * 32}"]', f'[[1.0, "{ID}"], "{ID}"]',
    ]),
]  # fmt: skip


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_that_nobody_gave_is_400(client, alice, cursor):
    answer = client.get("/launches", params={"cursor": cursor}, headers=alice.auth)
    assert "cursor" in problem_of(answer, 400)["detail"]


@pytest.mark.parametrize("of", ["", "/events"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_launch_of_another_user_is_404(client, fakehub, alice, method, of):
    launch = begin(client, alice)
    mallory = fakehub.add_user(server="ready")
    path = f"/launches/{launch['id']}{of}"
    if method == "DELETE" and of:
        return
    theirs = problem_of(client.request(method, path, headers=mallory.auth), 404)
    nobodys = client.request(method, f"/launches/{'0' * 32}{of}", headers=mallory.auth)
    assert problem_of(nobodys, 404)["detail"] == theirs["detail"]
    named = f"{path}?user={alice.name}"
    assert client.request(method, named, headers=mallory.auth).status_code == 404
    assert wait_for(client, alice, launch, "done", "cancelled")["state"] == "done"


@pytest.mark.parametrize("launch_id", ["0", "x" * 64, "0" * 31 + "G", "é", "%00", "..%2f", "'"])
def test_an_id_that_is_none_is_404(client, alice, launch_id):
    for method, end in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        path = f"/launches/{launch_id}{end}"
        problem_of(client.request(method, path, headers=alice.auth), 404)


def test_administrators_see_the_launches_of_whom_they_name(client, fakehub, alice):
    launch = begin(client, alice)
    admin = fakehub.add_user(scopes=ADMIN)
    assert page(client, admin)["launches"] == []
    assert page(client, admin, user=alice.name)["launches"][0]["id"] == launch["id"]
    path = f"/launches/{launch['id']}"
    assert client.get(path, headers=admin.auth).status_code == 404
    assert client.get(f"{path}?user={alice.name}", headers=admin.auth).status_code == 200
    wait_for(client, alice, launch, "done")
    assert "event: end" in client.get(f"{path}/events?user={alice.name}", headers=admin.auth).text


def test_nobody_else_sees_the_launches_of_whom_they_name(client, fakehub, alice):
    named = {"user": alice.name}
    mallory = fakehub.add_user()
    problem_of(client.get("/launches", params=named, headers=mallory.auth), 403)
    assert client.get("/launches", params=named, headers=alice.auth).status_code == 200


# waited for


def test_who_does_not_wait_is_answered_at_once(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.3)])
    answer = client.launch(user, headers=user.auth | ASYNC)
    assert answer.status_code == 202
    assert answer.json()["state"] in ("queued", "starting")
    assert answer.headers["location"] == linked(answer) == f"/launches/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) > 0
    wait_for(client, user, answer.json(), "done")
    assert user.notebooks == ["lab/hello.ipynb"]


@pytest.mark.parametrize(
    "prefer", ["wait=20", 'Wait="20"', "respond-async, wait=20", "wait=20;x=1"]
)
def test_who_waits_longer_than_it_takes_gets_the_end(client, alice, prefer):
    answer = client.launch(alice, headers=alice.auth | {"Prefer": prefer})
    assert path_of(answer) == "lab/hello.ipynb"
    assert linked(answer).startswith("/launches/")


@pytest.mark.parametrize("prefer", ["wait=0", "wait=1", "respond-async,wait=1", "RESPOND-ASYNC"])
def test_who_waits_shorter_than_it_takes_gets_the_launch(client, fakehub, prefer):
    user = fakehub.add_user(starts=[Start(202, "never")])
    answer = client.launch(user, headers=user.auth | {"Prefer": prefer})
    assert answer.status_code == 202
    assert answer.json()["state"] in ("queued", "starting")
    cancel(client, user, answer.json())


@pytest.mark.parametrize(
    "prefer",
    ["", "wait", "wait=", "wait=-1", "wait=1e3", "wait=²", "wait=1.5", "=", ",", ";=;,", "x"],
)
def test_a_preference_that_is_none_is_passed_over(client, alice, prefer):
    answer = client.launch(alice, headers=alice.auth | {"Prefer": prefer.encode()})
    assert path_of(answer) == "lab/hello.ipynb"


def test_a_site_says_how_long_requests_wait(start_app, fakehub):
    client = start_app(wait_timeout=0)
    user = fakehub.add_user(starts=[Start(202, "never")])
    for prefer in ({}, {"Prefer": "wait=3000"}):
        assert client.launch(user, headers=user.auth | prefer).status_code == 202


def test_old_clients_get_their_answer_and_a_link(client, alice):
    answer = client.launch(alice)
    assert list(answer.json()) == ["location"]
    launch = client.get(linked(answer), headers=alice.auth).json()
    assert launch["location"] == answer.json()["location"]


def test_a_launch_that_failed_is_told_with_a_link_to_it(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "fails", reason="no such image")])
    answer = client.launch(user)
    problem = problem_of(answer, 502)
    launch = client.get(linked(answer), headers=user.auth).json()
    assert launch["state"] == "failed"
    assert launch["problem"]["type"] == problem["type"]
    assert launch["problem"]["detail"] == problem["detail"] == "no such image"


# repeated


def test_the_same_key_is_the_same_launch_and_one_notebook(client, alice):
    headers = keyed(alice, str(uuid.uuid4()))
    first, second = (client.launch(alice, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert linked(first) == linked(second)
    assert alice.notebooks == ["lab/hello.ipynb"]


def test_ten_simultaneous_requests_with_one_key_make_one_notebook(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.2)])
    answers = at_once(10, lambda _: client.launch(user, headers=keyed(user, "k")))
    assert len({path_of(answer) for answer in answers}) == 1
    assert len({linked(answer) for answer in answers}) == 1
    assert user.notebooks == ["lab/hello.ipynb"]
    assert len(start_lines(fakehub, user)) == 1


def test_a_key_counts_over_all_processes(start_app, fakehub):
    apps = [start_app(), start_app()]
    user = fakehub.add_user(starts=[Start(202, seconds=0.2)])
    answers = at_once(10, lambda n: apps[n % 2].launch(user, headers=keyed(user, "k")))
    assert len({path_of(answer) for answer in answers}) == 1
    assert user.notebooks == ["lab/hello.ipynb"]


def test_a_double_click_is_one_notebook_also_where_nobody_waits(client, alice):
    headers = keyed(alice, "k") | ASYNC
    first, second = at_once(2, lambda _: client.launch(alice, headers=headers).json())
    assert first["id"] == second["id"]
    wait_for(client, alice, first, "done")
    assert alice.notebooks == ["lab/hello.ipynb"]


def test_a_key_is_remembered_after_a_restart(start_app, alice):
    first = start_app().launch(alice, headers=keyed(alice, "k"))
    second = start_app().launch(alice, headers=keyed(alice, "k"))
    assert first.json() == second.json()
    assert alice.notebooks == ["lab/hello.ipynb"]


def test_repeats_at_once_of_a_key_that_is_free_again_are_one_launch(start_app, fakehub, alice):
    apps = [start_app(hub_patience=1), start_app(hub_patience=1)]
    fakehub.away = "proxy"
    alice.server = "stopped"
    problem_of(apps[0].launch(alice, headers=keyed(alice, "k")), 503)
    fakehub.away = ""
    alice.server = "ready"
    answers = at_once(8, lambda n: apps[n % 2].launch(alice, headers=keyed(alice, "k")))
    assert {answer.status_code for answer in answers} == {200}
    assert len({linked(answer) for answer in answers}) == 1
    assert alice.notebooks == ["lab/hello.ipynb"]


def test_a_key_whose_launch_is_not_stored_any_more_is_free(start_app, alice):
    client = start_app()
    first = client.launch(alice, headers=keyed(alice, "k"))
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        connection.execute(tables.launches.delete())
    engine.dispose()
    second = client.launch(alice, headers=keyed(alice, "k"))
    assert (first.status_code, second.status_code) == (200, 200)


@pytest.mark.parametrize("other", [{"filename": "x.ipynb"}, {"if_exists": "fail"},
                                   {"workspace": "x"}])  # fmt: skip
def test_a_key_with_another_body_is_422(client, alice, other):
    client.launch(alice, headers=keyed(alice, "k"))
    problem = problem_of(client.launch(alice, headers=keyed(alice, "k"), **other), 422)
    assert problem["type"].endswith(":idempotency-key-reused")
    assert alice.notebooks == ["lab/hello.ipynb"]


def test_a_key_with_another_experiment_is_422(client, alice):
    client.launch(alice, headers=keyed(alice, "k"))
    body = BODY | {"opendap": "https://example.org/data"}
    problem_of(client.post("/opendap", json=body, headers=keyed(alice, "k")), 422)
    assert alice.notebooks == ["lab/hello.ipynb"]


def test_a_key_with_another_parameter_is_422(client, alice):
    answers = [
        client.post("/opendap", json=BODY | {"opendap": url}, headers=keyed(alice, "k"))
        for url in ("https://example.org/1", "https://example.org/2")
    ]
    assert [answer.status_code for answer in answers] == [200, 422]


def test_both_ways_to_launch_an_experiment_share_a_key(client, alice):
    first = client.launch(alice, headers=keyed(alice, "k"))
    second = client.post(
        "/experiments/hello", json=BODY | {"parameters": {}}, headers=keyed(alice, "k")
    )
    assert linked(first) == linked(second)


def test_a_key_of_another_user_is_another_key(client, fakehub, alice):
    bob = fakehub.add_user(server="ready")
    first, second = (client.launch(user, headers=keyed(user, "k")) for user in (alice, bob))
    assert linked(first) != linked(second)
    assert alice.notebooks == bob.notebooks == ["lab/hello.ipynb"]


def test_a_key_is_forgotten_after_a_day(start_app, alice):
    client = start_app()
    first = client.launch(alice, headers=keyed(alice, "k"))
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE idempotency_keys SET created_at = created_at - 86401")
    engine.dispose()
    second = client.launch(alice, headers=keyed(alice, "k"), filename="x.ipynb")
    assert linked(first) != linked(second)
    assert alice.notebooks == ["lab/hello.ipynb", "lab/x.ipynb"]


@pytest.mark.parametrize("key", [b"a b", b"\xe9", b"a\x7f", b"x" * 256, "²".encode()])
def test_a_key_that_is_none_is_400(client, alice, key):
    problem = problem_of(client.launch(alice, headers=keyed(alice, key)), 400)
    assert "Idempotency-Key" in problem["detail"]
    assert alice.files == {}


@pytest.mark.parametrize("key", ["!", "x" * 255, '"quoted"', "../..", "k,k"])
def test_any_visible_characters_are_a_key(client, alice, key):
    assert path_of(client.launch(alice, headers=keyed(alice, key))) == "lab/hello.ipynb"


def test_a_launch_that_failed_is_told_again(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "fails", reason="no such image")])
    first, second = (client.launch(user, headers=keyed(user, "k")) for _ in range(2))
    assert problem_of(first, 502)["detail"] == problem_of(second, 502)["detail"]
    assert linked(first) == linked(second)
    assert len(start_lines(fakehub, user)) == 1


def test_a_body_that_was_not_valid_does_not_use_the_key_up(client, alice):
    problem_of(client.launch(alice, headers=keyed(alice, "k"), directory="/"), 400)
    assert path_of(client.launch(alice, headers=keyed(alice, "k"))) == "lab/hello.ipynb"


# cancelled


def test_a_launch_in_the_queue_is_cancelled_and_nothing_is_started_for_it(start_app, fakehub):
    client = start_app(max_starts=1)
    first, second = fakehub.add_user(starts=[Start(202, "never")]), fakehub.add_user()
    begun = begin(client, first)
    wait_for(client, first, begun, "starting")
    waiting = begin(client, second)
    wait_until(lambda: see(client, second, waiting)["position"] == 1, "the place in the queue")
    assert cancel(client, second, waiting).json()["state"] == "cancelled"
    cancel(client, first, begun)
    wait_until(lambda: first.server == "stopped", "the stop")
    assert path_of(client.launch(first)) == "lab/hello.ipynb"
    assert start_lines(fakehub, second) == []
    assert see(client, second, waiting)["position"] is None
    assert second.files == {}


def test_a_cancelled_start_is_stopped_at_the_hub(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "never")])
    begun = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    answer = cancel(client, user, begun)
    assert answer.status_code == 200
    assert answer.json()["state"] == "cancelled"
    wait_until(lambda: user.server == "stopped", "the stop")
    assert len(stop_lines(fakehub, user)) == 1
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert user.notebooks == ["lab/hello.ipynb"]


def test_a_start_is_cancelled_through_any_process(start_app, fakehub):
    one, another = start_app(), start_app()
    user = fakehub.add_user(starts=[Start(202, "never")])
    begun = begin(one, user)
    wait_until(lambda: user.server == "spawning", "the start")
    assert cancel(another, user, begun).json()["state"] == "cancelled"
    wait_until(lambda: user.server == "stopped", "the stop")
    assert len(stop_lines(fakehub, user)) == 1


def test_a_start_that_another_launch_waits_for_goes_on(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.5)])
    first, second = begin(client, user), begin(client, user)
    for launch in (first, second):
        wait_for(client, user, launch, "starting")
    assert cancel(client, user, first).status_code == 200
    assert wait_for(client, user, second, "done")["path"]
    assert stop_lines(fakehub, user) == []
    assert len(user.notebooks) == 1
    assert len(start_lines(fakehub, user)) == 1


def test_a_start_by_somebody_else_is_not_stopped(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.6)])
    portal = fakehub.url + f"/hub/api/users/{user.name}/server"
    requests.post(portal, headers={"Authorization": f"token {fakehub.token}"}, timeout=5)
    begun = begin(client, user)
    wait_until(lambda: stream_lines(fakehub, user), "the stream")
    cancel(client, user, begun)
    wait_until(lambda: user.server != "spawning", "the server")
    assert stop_lines(fakehub, user) == []
    assert user.server == "ready"


def test_a_server_that_ran_before_is_never_stopped(client, fakehub, alice):
    fakehub.rename_seconds = 0.3
    begun = begin(client, alice)
    wait_until(lambda: fakehub.lines(f"PATCH /user/{alice.name}/"), "the upload")
    cancel(client, alice, begun)
    wait_until(lambda: fakehub.lines(f"DELETE /user/{alice.name}/"), "the tidying up")
    assert stop_lines(fakehub, alice) == []
    assert alice.server == "ready"


def test_a_launch_for_a_user_whose_start_is_being_stopped_succeeds(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "never")])
    begun = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    fakehub.stop_seconds = 0.4
    cancel(client, user, begun)
    wait_until(lambda: stop_lines(fakehub, user), "the stop")
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert user.notebooks == ["lab/hello.ipynb"]


def test_a_hub_that_does_not_let_us_stop_servers_changes_nothing(client, fakehub):
    fakehub.may_stop = False
    user = fakehub.add_user(starts=[Start(202, seconds=0.5)])
    begun = begin(client, user)
    wait_until(lambda: user.server == "spawning", "the start")
    assert cancel(client, user, begun).json()["state"] == "cancelled"
    wait_until(lambda: stop_lines(fakehub, user), "the stop")
    assert path_of(client.launch(user)) == "lab/hello.ipynb"


@pytest.mark.parametrize("if_exists", ["rename", "fail"])
@pytest.mark.parametrize("through", ["same", "another"])
def test_no_notebook_stays_of_a_launch_that_is_cancelled_during_its_upload(
    start_app, fakehub, alice, if_exists, through
):
    client = start_app()
    other = client if through == "same" else start_app()
    other.get("/launches", headers=alice.auth)  # the first request takes longer
    fakehub.rename_seconds = 1
    begun = begin(client, alice, if_exists=if_exists)
    wait_until(lambda: fakehub.lines(f"PATCH /user/{alice.name}/"), "the upload")
    assert cancel(other, alice, begun).status_code == 200
    wait_until(lambda: stored(client.settings, begun["id"]).worker_id is None, "the tidying up")
    assert alice.files == {}
    fakehub.rename_seconds = 0
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"


@pytest.mark.parametrize("how", ["done", "failed"])
def test_what_has_ended_cannot_be_cancelled(client, fakehub, how):
    user = fakehub.add_user(starts=[Start(202, "fails" if how == "failed" else "ready")])
    begun = begin(client, user)
    wait_for(client, user, begun, how)
    assert problem_of(cancel(client, user, begun), 409)["type"].endswith(":ended")
    assert see(client, user, begun)["state"] == how
    assert len(user.notebooks) == (how == "done")


def test_cancelling_twice_is_harmless(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "never")])
    begun = begin(client, user)
    answers = at_once(3, lambda _: cancel(client, user, begun))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert cancel(client, user, begun).json()["state"] == "cancelled"


def test_who_waits_for_a_launch_is_told_that_it_was_cancelled(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "never")])
    with in_background(lambda: client.launch(user)) as results:
        wait_until(lambda: user.server == "spawning", "the start")
        [launch] = page(client, user)["launches"]
        cancel(client, user, launch)
    assert problem_of(results[0], 409)["type"].endswith(":cancelled")
    assert linked(results[0]) == f"/launches/{launch['id']}"


# watched


def events_of(text) -> list[tuple[int, str, dict]]:
    """The events in a stream: (id, name, data)."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines)
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def watch(client, user, launch, after=None):
    """The events of the launch to its end."""
    headers = user.auth | ({} if after is None else {"Last-Event-ID": str(after)})
    answer = client.get(f"/launches/{launch['id']}/events", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].split(";")[0] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    return events_of(answer.text)


def told(events) -> list[str]:
    """What the events say, in a word each."""
    keys = {"state": "state", "queue": "position", "progress": "message", "end": "state"}
    return [f"{name} {data[keys[name]]}" for _, name, data in events]


def without_positions(events) -> list[tuple[int, str, dict]]:
    """The events without those of the queue: who waits for less than a second has none."""
    return [event for event in events if event[1] != "queue"]


SAYS = ("Pulling the image", "Creating the volume")


def test_the_events_tell_a_launch_from_the_queue_to_its_end(start_app, fakehub):
    client = start_app(max_starts=1)
    first = fakehub.add_user(starts=[Start(202, seconds=2.5)])  # places are asked once a second
    second = fakehub.add_user(starts=[Start(202, seconds=0.3, messages=SAYS)])
    wait_for(client, first, begin(client, first), "starting")
    events = watch(client, second, begin(client, second))
    assert told(events) == [
        "state queued", "queue 1", "state starting", "progress Server requested",
        f"progress {SAYS[0]}", f"progress {SAYS[1]}", "state uploading", "end done",
    ]  # fmt: skip
    ids = [number for number, _, _ in without_positions(events)]
    assert ids == sorted(set(ids))
    assert events[-1][2]["location"].endswith("/tree/lab/hello.ipynb?reset=1")
    assert all(data.get("at", "Z").endswith("Z") for _, _, data in events)


@pytest.mark.parametrize("same", [True, False])
def test_who_comes_back_goes_on_where_they_were(start_app, fakehub, same):
    client = start_app()
    other = client if same else start_app()
    user = fakehub.add_user(starts=[Start(202, seconds=0.1, messages=SAYS)])
    begun = begin(client, user)
    everything = without_positions(watch(client, user, begun))
    for place, (number, _, _) in enumerate(everything[:-1]):
        assert without_positions(watch(other, user, begun, number)) == everything[place + 1 :]


def test_any_process_tells_what_happens_as_it_happens(start_app, fakehub):
    one, another = start_app(), start_app()
    user = fakehub.add_user(starts=[Start(202, seconds=0.6, messages=SAYS)])
    begun = begin(one, user)
    at_both = at_once(2, lambda n: watch((one, another)[n], user, begun))
    assert told(at_both[0])[-3:] == [f"progress {SAYS[1]}", "state uploading", "end done"]
    assert without_positions(at_both[0]) == without_positions(at_both[1])


def test_there_is_nothing_to_watch_after_the_end(client, alice):
    begun = begin(client, alice)
    last = watch(client, alice, begun)[-1][0]
    path = f"/launches/{begun['id']}/events"
    for after in (last, last + 5):
        answer = client.get(path, headers=alice.auth | {"Last-Event-ID": str(after)})
        assert (answer.status_code, answer.text) == (204, "")


@pytest.mark.parametrize(
    "last", [b"x", b"-1", b"1.5", "²".encode(), b"9" * 40, b"", b"1; DROP", b"\xff"]
)
def test_a_last_event_id_that_is_none_begins_anew(client, alice, last):
    begun = begin(client, alice)
    wait_for(client, alice, begun, "done")
    headers = alice.auth | {"Last-Event-ID": last}
    answer = client.get(f"/launches/{begun['id']}/events", headers=headers)
    assert told(events_of(answer.text)) == ["state queued", "end done"]


def test_the_events_end_with_what_went_wrong(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "fails", reason="no such image")])
    *_, (_, name, launch) = watch(client, user, begin(client, user))
    assert name == "end"
    assert (launch["state"], launch["problem"]["detail"]) == ("failed", "no such image")


def test_a_watched_launch_that_is_cancelled_ends(start_app, fakehub):
    one, another = start_app(), start_app()
    user = fakehub.add_user(starts=[Start(202, "never")])
    begun = begin(one, user)
    with in_background(lambda: watch(another, user, begun)) as results:
        wait_until(lambda: user.server == "spawning", "the start")
        cancel(one, user, begun)
    assert told(results[0])[-1] == "end cancelled"


def test_silence_is_broken_by_heartbeats(client, fakehub, monkeypatch):
    monkeypatch.setattr(
        "launcher.launches.event_stream.HEARTBEAT_SECONDS", 0.0
    )  # 14 s, which proxies let pass
    user = fakehub.add_user(starts=[Start(202, seconds=1.5)])
    begun = begin(client, user)
    answer = client.get(f"/launches/{begun['id']}/events", headers=user.auth)
    assert "\n\n: heartbeat\n\n" in answer.text
    assert told(events_of(answer.text))[-1] == "end done"


def test_what_the_spawner_says_holds_no_address_and_no_secret(client, fakehub):
    secret = "ab" * 20
    says = (f"Pulling https://user:pw@registry.example/x?t={secret}", f"token {secret}",
            "in /home/x/y/z\ndata: forged", "\x1b[31mred\u2028data: x", "half \ud800")  # fmt: skip
    user = fakehub.add_user(starts=[Start(202, seconds=0.2, messages=says)])
    begun = begin(client, user)
    text = client.get(f"/launches/{begun['id']}/events", headers=user.auth).text
    assert "Pulling [address]" in text
    for forbidden in ("registry", secret, "pw@", "/home/x", "\ndata: forged", "\\u001b", "\u2028"):
        assert forbidden not in text


def test_a_stream_is_read_as_it_comes_under_the_real_server(gunicorn, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.6, messages=SAYS)])
    begun = requests.post(f"{gunicorn.url}/hello", json=BODY, headers=user.auth | ASYNC, timeout=9)
    url = gunicorn.url + begun.headers["location"] + "/events"
    with requests.get(url, headers=user.auth, stream=True, timeout=9) as answer:
        lines = answer.iter_lines(decode_unicode=True, chunk_size=1)
        assert any(SAYS[1] in line for line in lines)
        assert user.server == "spawning"
        assert any("event: end" in line for line in lines)


# on behalf of somebody


def launch_for(client, name, headers, **more):
    return client.post("/hello", params={"user": name}, json=BODY, headers=headers, **more)


def test_a_service_with_the_scope_launches_for_whom_it_names(client, alice, portal, written):
    answer = launch_for(client, alice.name, portal)
    assert path_of(answer) == "lab/hello.ipynb"
    assert f"/user/{alice.name}/" in answer.json()["location"]
    assert alice.notebooks == ["lab/hello.ipynb"]
    launch = client.get(linked(answer), headers=portal).json()
    assert (launch["user"], launch["requested_by"]) == (alice.name, PORTAL)
    assert see(client, alice, launch)["requested_by"] == PORTAL
    [line] = audited(written, "launch_on_behalf")
    assert (line["by"], line["by_kind"], line["user"]) == ("portal", "service", alice.name)
    assert (line["launch_id"], line["experiment"]) == (launch["id"], "hello")
    assert line["request_id"] == answer.headers["x-request-id"]


def audited(stream, event):
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["logger"] == "launcher.audit" and line["event"] == event]


def test_the_hubs_spelling_of_the_name_is_the_one_that_counts(client, fakehub, alice, portal):
    fakehub.users[alice.name.upper()] = alice
    answer = launch_for(client, alice.name.upper(), portal)
    assert f"/user/{alice.name}/" in answer.json()["location"]
    assert client.get(linked(answer), headers=portal).json()["user"] == alice.name


@pytest.mark.parametrize("name", ["nobody", "é", "a b", "0", "a%2fb"])
def test_a_user_whom_the_hub_does_not_know_is_409(client, portal, name):
    assert problem_of(launch_for(client, name, portal), 409)["type"].endswith(":unknown-user")


@pytest.mark.parametrize("name", [".", "..", "a/b", "../alice", "%2e%2e", "", "\x00"])
def test_a_name_that_is_none_is_400(client, fakehub, portal, name):
    problem = problem_of(launch_for(client, name, portal), 400)
    assert "user" in problem["detail"]
    assert fakehub.lines("GET /hub/api/users") == []


def test_a_service_has_to_name_somebody(client, portal):
    problem = problem_of(client.post("/hello", json=BODY, headers=portal), 400)
    assert "?user=" in problem["detail"]


def test_a_service_without_the_scope_is_403(client, fakehub, alice):
    headers = service(fakehub.add_service("servers", "admin:servers", "access:services"))
    assert ON_BEHALF in problem_of(launch_for(client, alice.name, headers), 403)["detail"]
    assert alice.files == {}


@pytest.mark.parametrize("scopes", [(), ("admin:servers",), (ON_BEHALF,)])
def test_a_user_launches_for_nobody_else(client, fakehub, alice, written, scopes):
    own = ("self", "access:services!service=launcher")
    mallory = fakehub.add_user(scopes=own + scopes)
    problem_of(launch_for(client, alice.name, mallory.auth), 403)
    assert alice.files == {}
    [line] = audited(written, "launch_denied")
    assert (line["by"], line["user"]) == (mallory.name, alice.name)


def test_a_user_may_name_themselves(client, alice):
    assert launch_for(client, alice.name, alice.auth).status_code == 200


def test_a_service_sees_the_launches_that_it_made_and_no_others(client, fakehub, alice, portal):
    theirs = begin(client, alice)
    another = service(fakehub.add_service(ON_BEHALF, name="rival"))
    made = linked(launch_for(client, alice.name, portal))
    wait_for(client, alice, theirs, "done")
    seen = client.get("/launches", headers=portal, params={"user": alice.name}).json()["launches"]
    assert [f"/launches/{launch['id']}" for launch in seen] == [made]
    assert client.get("/launches", headers=another, params={"user": alice.name}).json() == {
        "launches": [], "next": None,
    }  # fmt: skip
    for method in ("GET", "DELETE"):
        problem_of(client.request(method, made, headers=another), 404)
        problem_of(client.request(method, f"/launches/{theirs['id']}", headers=portal), 404)
    assert len(page(client, alice)["launches"]) == 2


def test_a_service_watches_and_cancels_what_it_made(client, fakehub, portal, written):
    user = fakehub.add_user(starts=[Start(202, "never")])
    made = linked(launch_for(client, user.name, portal | ASYNC))
    wait_until(lambda: user.server == "spawning", "the start")
    assert client.delete(made, headers=portal).json()["state"] == "cancelled"
    assert "event: end" in client.get(f"{made}/events", headers=portal).text
    [line] = audited(written, "launch_cancelled")
    assert (line["by"], line["user"]) == ("portal", user.name)


def test_the_key_of_a_service_is_not_the_users(client, alice, portal):
    keys = {"Idempotency-Key": "k"}
    first, again = (launch_for(client, alice.name, portal | keys) for _ in range(2))
    own = client.launch(alice, headers=keyed(alice, "k"))
    assert linked(first) == linked(again) != linked(own)
    assert len(alice.notebooks) == 2
