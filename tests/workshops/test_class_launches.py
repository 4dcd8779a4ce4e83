"""Launches for all participants of a workshop: at a time, at a pace, with a report."""

from datetime import UTC, datetime, timedelta

import pytest
from application import problem_of
from fakehub.state import Start
from launching import ASYNC, MINE, keyed, start_lines
from waiting import wait_until
from workshop_material import PLACE, create, notebook, publish

from launcher import store
from launcher.store import tables
from launcher.workshops import class_runner, registry

LAUNCHES = f"{PLACE}/launches"


@pytest.fixture(autouse=True)
def soon(mocker):
    """Nobody waits long: neither for the next step, nor for the next attempt."""
    mocker.patch.object(class_runner, "STEP_SECONDS", 0.05)
    mocker.patch.object(class_runner, "PAUSE_SECONDS", 0.2)
    mocker.patch.object(class_runner, "MAX_PAUSE_SECONDS", 0.2)


@pytest.fixture
def app(start_app):
    return start_app(teacher_groups=["teachers"], start_cooldown=0, breaker_seconds=0)


@pytest.fixture
def tina(fakehub):
    return fakehub.add_user("tina", groups=["teachers"], server="ready")


@pytest.fixture
def ann(fakehub):
    return fakehub.add_user("ann")


@pytest.fixture
def ben(fakehub):
    return fakehub.add_user("ben")


def at(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def begin(app, tina, **body):
    answer = app.post(LAUNCHES, json=body, headers=tina.auth)
    assert answer.status_code == 201, answer.text
    return answer.json()


def report(app, tina, launch):
    answer = app.get(f"{LAUNCHES}/{launch['id']}", headers=tina.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(app, tina, launch):
    """The report once nothing is under way any more."""

    def there():
        now = report(app, tina, launch)
        return now if now["ended_at"] else None

    return wait_until(there, "the end of the launch")


def states(report):
    return {each["user"]: each["state"] for each in report["members"]}


def test_all_participants_get_the_notebook_and_keep_their_files(app, tina, ann, ben):
    create(app, tina.auth)
    publish(app, tina.auth)
    ben.write("python-2026/exam.ipynb", MINE)
    launch = begin(app, tina, notebook="exam.ipynb")
    assert (launch["state"], launch["notebook"]) == ("waiting", "exam.ipynb")
    now = ended(app, tina, launch)
    assert (now["state"], now["counts"]) == ("done", {"done": 2})
    assert ann.notebooks == ["python-2026/exam.ipynb"]
    assert ben.notebooks == ["python-2026/exam-1.ipynb", "python-2026/exam.ipynb"]
    assert ben.files["python-2026/exam.ipynb"] == MINE
    # it is the participant's launch; the teacher sees neither its location nor the launch itself
    [mine] = app.get("/launches", headers=ann.auth).json()["launches"]
    assert mine["requested_by"] is None
    assert mine["location"] not in str(now)
    assert app.get(f"/launches/{mine['id']}", headers=tina.auth).status_code == 404
    assert [each["id"] for each in listed(app, tina)] == [launch["id"]]


def test_who_has_a_copy_of_this_version_keeps_it(app, tina, ann, ben):
    create(app, tina.auth)
    publish(app, tina.auth)
    ended(app, tina, begin(app, tina, notebook="exam.ipynb"))
    fresh = app.post(f"{PLACE}/notebooks/exam.ipynb/launches", json={}, headers=ben.auth)
    assert fresh.status_code == 200, fresh.text
    again = ended(app, tina, begin(app, tina, notebook="exam.ipynb"))
    assert again["counts"] == {"done": 2}
    assert ann.notebooks == ["python-2026/exam.ipynb"]
    assert len(ben.notebooks) == 2
    publish(app, tina.auth, notebook=notebook("another"))
    ended(app, tina, begin(app, tina, notebook="exam.ipynb"))
    assert len(ann.notebooks) == 2


def test_a_notebook_that_is_planned_is_not_removed(app, tina, ann):
    create(app, tina.auth)
    publish(app, tina.auth)
    launch = begin(app, tina, notebook="exam.ipynb", at=at(3600))
    place = f"{PLACE}/notebooks/exam.ipynb"
    refused = app.delete(place, headers=tina.auth)
    assert problem_of(refused, 409)["type"].endswith(":notebook-planned")
    assert app.delete(f"{LAUNCHES}/{launch['id']}", headers=tina.auth).is_success
    assert app.delete(place, headers=tina.auth).status_code == 204


def test_a_key_stands_for_one_time_and_one_workshop(app, tina, ann):
    create(app, tina.auth)
    publish(app, tina.auth)
    key = keyed(tina, "k")

    def post(**body):
        return app.post(LAUNCHES, json={"notebook": "exam.ipynb", **body}, headers=key)

    first = post(at=at(3600))
    assert first.status_code == 201
    assert problem_of(post(at=at(7200)), 422)["type"].endswith(":idempotency-key-reused")
    assert app.delete(PLACE, headers=tina.auth).status_code == 204
    create(app, tina.auth)
    publish(app, tina.auth)
    second = post()
    assert second.json()["id"] != first.json()["id"]
    assert ended(app, tina, second.json())["counts"] == {"done": 1, "failed": 1}
    assert ann.notebooks == ["python-2026/exam.ipynb"]


def listed(app, tina):
    return app.get(LAUNCHES, headers=tina.auth).json()["launches"]


def test_the_servers_of_a_group_are_ready_before_the_time(app, fakehub, tina, ann, ben):
    for user in (ann, ben):
        user.groups.append("course")
    fakehub.scopes = (*fakehub.scopes, "read:groups!group=course")
    create(app, tina.auth, participants={"group": "course"})
    launch = begin(app, tina, at=at(600))
    now = ended(app, tina, launch)
    assert now["begins_at"] < now["at"]
    assert states(now) == {"ann": "done", "ben": "done"}
    assert (ann.server, ben.server) == ("ready", "ready")
    assert ann.files == ben.files == {}
    assert [each["open"] for each in now["members"]] == [None, None]


def test_nothing_begins_before_its_time(app, tina, ann):
    create(app, tina.auth)
    publish(app, tina.auth)
    launch = begin(app, tina, notebook="exam.ipynb", at=at(3600))
    soon = begin(app, tina, notebook="exam.ipynb")
    ended(app, tina, soon)
    waiting = report(app, tina, launch)
    assert (waiting["state"], waiting["members"]) == ("waiting", [])
    assert ann.notebooks == ["python-2026/exam.ipynb"]


def test_the_report_says_who_failed_and_why(app, tina, ann, ben):
    create(app, tina.auth, participants={"users": ["ann", "ben", "x/.."]})
    ben.next_starts = Start(outcome="fails", reason="the image is not there")
    now = ended(app, tina, begin(app, tina))
    assert states(now) == {"ann": "done", "ben": "failed", "x/..": "failed"}
    assert now["counts"] == {"done": 1, "failed": 2}
    _, failed, unknown = (each["problem"] for each in now["members"])
    assert "the image is not there" in failed["detail"]
    assert unknown["type"].endswith("unknown-user")


def test_a_reason_that_passes_is_tried_again(app, tina, ann):
    create(app, tina.auth, participants={"users": ["ann"]})
    ann.starts.append(Start(status=503, message="active_server_limit", outcome=""))
    ann.starts.append(Start())
    launch = begin(app, tina)
    now = ended(app, tina, launch)
    assert states(now) == {"ann": "done"}


def test_a_reason_that_does_not_pass_in_time_is_reported(start_app, tina, ann, mocker):
    mocker.patch.object(class_runner, "RETRY_SECONDS", 1.0)
    app = start_app(teacher_groups=["teachers"], max_launches_per_user=1)
    ann.next_starts = Start(outcome="never")
    assert app.post("/launches", json={}, headers=ann.auth | ASYNC).status_code == 202
    create(app, tina.auth, participants={"users": ["ann"]})
    [member] = ended(app, tina, begin(app, tina))["members"]
    assert member["state"] == "failed"
    assert member["attempts"] >= 1
    assert member["problem"]["type"].endswith("too-many-launches")


@pytest.fixture
def forgetful(mocker):
    """The launcher asks the hub for the members of a group each time."""
    mocker.patch.object(registry, "GROUP_SECONDS", 0.0)


def create_for_group(app, fakehub, tina):
    """A workshop for a group, which the launcher may not see any more."""
    ada = fakehub.add_user("ada", groups=["course"])
    scopes, fakehub.scopes = fakehub.scopes, (*fakehub.scopes, "read:groups!group=course")
    create(app, tina.auth, participants={"group": "course", "users": ["ann"]})
    ada.groups.clear()
    fakehub.scopes = scopes


def test_a_hub_that_is_away_is_asked_again(forgetful, app, fakehub, tina, ann):
    create_for_group(app, fakehub, tina)
    launch = begin(app, tina)
    problem = wait_until(lambda: report(app, tina, launch)["problem"], "the problem")
    assert "read:groups" in problem["detail"]
    ann.groups.append("course")
    fakehub.scopes = (*fakehub.scopes, "read:groups!group=course")
    now = ended(app, tina, launch)
    assert (states(now), now["problem"]) == ({"ann": "done"}, None)


def test_a_group_that_does_not_exist_any_more_ends_it(forgetful, app, fakehub, tina, mocker):
    mocker.patch.object(class_runner, "RETRY_SECONDS", 0.5)
    create_for_group(app, fakehub, tina)
    now = ended(app, tina, begin(app, tina))
    assert (now["state"], now["members"]) == ("failed", [])
    assert "group" in now["problem"]["detail"]


def test_what_has_not_begun_is_cancelled(app, tina, ann, ben):
    create(app, tina.auth)
    launch = begin(app, tina, at=at(7200))
    place = f"{LAUNCHES}/{launch['id']}"
    cancelled = app.delete(place, headers=tina.auth)
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    problem_of(app.delete(place, headers=tina.auth), 409)
    assert report(app, tina, launch)["members"] == []


def test_what_is_under_way_is_cancelled_and_what_is_done_stays(app, tina, ann, ben):
    create(app, tina.auth)
    publish(app, tina.auth)
    ben.next_starts = Start(outcome="never")
    launch = begin(app, tina, notebook="exam.ipynb")
    wait_until(
        lambda: states(report(app, tina, launch)) == {"ann": "done", "ben": "starting"},
        "the start of ben's server",
    )
    app.delete(f"{LAUNCHES}/{launch['id']}", headers=tina.auth)
    now = ended(app, tina, launch)
    assert (now["state"], states(now)) == ("cancelled", {"ann": "done", "ben": "cancelled"})
    assert ben.notebooks == []


def test_the_queue_has_room_for_others(start_app, fakehub, tina):
    app = start_app(teacher_groups=["teachers"], max_queued=4)
    names = [f"user{number}" for number in range(6)]
    for name in names:
        fakehub.add_user(name, next_starts=Start(outcome="never"))
    create(app, tina.auth, participants={"users": names})
    launch = begin(app, tina)

    def begun():
        found = [each for each in report(app, tina, launch)["members"] if each["launch_id"]]
        return found if len(found) == 2 else None

    wait_until(begun, "two launches")
    assert len(begun()) == 2


def test_two_workers_begin_each_launch_once(start_app, tina, ann, ben, fakehub):
    settings = {"teacher_groups": ["teachers"], "start_cooldown": 0, "breaker_seconds": 0}
    app, other = start_app(**settings), start_app(**settings)
    create(app, tina.auth)
    publish(app, tina.auth)
    launches = [begin(each, tina, notebook="exam.ipynb") for each in (app, other, app, other)]
    for launch in launches:
        assert states(ended(app, tina, launch)) == {"ann": "done", "ben": "done"}
    for user in (ann, ben):
        # who has a copy already gets no other, unless two workers begin at the same moment
        assert 1 <= len(user.notebooks) <= len(launches)
        assert len(start_lines(fakehub, user)) == 1


def test_a_request_that_is_repeated_is_one_launch(app, tina, ann):
    create(app, tina.auth, participants={"users": ["ann"]})
    publish(app, tina.auth)
    same = keyed(tina, "k")
    body = {"notebook": "exam.ipynb"}
    first, again = (app.post(LAUNCHES, json=body, headers=same).json() for _ in range(2))
    assert first["id"] == again["id"]
    problem_of(app.post(LAUNCHES, json={}, headers=same), 422)
    ended(app, tina, first)
    assert ann.notebooks == ["python-2026/exam.ipynb"]


def test_what_a_dead_worker_began_begins_no_second_time(app, tina, ann):
    create(app, tina.auth, participants={"users": ["ann"]})
    publish(app, tina.auth)
    launch = begin(app, tina, notebook="exam.ipynb")
    [before] = ended(app, tina, launch)["members"]
    engine = store.connect(app.settings.database_url)
    with engine.begin() as connection:
        # as it died before it stored that it had begun
        gone = {"worker_id": "0" * 32, "ended_at": None}
        connection.execute(tables.workshop_launches.update().values(gone))
        waiting = {"state": "waiting", "launch_id": None}
        connection.execute(tables.workshop_launch_members.update().values(waiting))
    engine.dispose()
    [after] = ended(app, tina, launch)["members"]
    assert after == before
    assert ann.notebooks == ["python-2026/exam.ipynb"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"at": "2020-01-01T00:00:00Z"}, 400, "/at"),
        ({"at": "2090-01-01T00:00:00Z"}, 400, "/at"),
        ({"at": "tomorrow"}, 400, "/at"),
        ({"notebook": "other.ipynb"}, 404, None),
        ({"user": "ann"}, 400, "/user"),
    ],
)
def test_bad_input_is_refused(app, tina, body, status, pointer):
    create(app, tina.auth)
    problem = problem_of(app.post(LAUNCHES, json=body, headers=tina.auth), status)
    assert pointer in [each["pointer"] for each in problem.get("errors", [{"pointer": None}])]
    assert listed(app, tina) == []


def test_only_teachers_launch_for_others_and_see_the_report(app, fakehub, tina, ann):
    create(app, tina.auth)
    launch = begin(app, tina, at=at(7200))
    mallory = fakehub.add_user("mallory")
    for user, status in ((ann, 403), (mallory, 404)):
        assert app.post(LAUNCHES, json={}, headers=user.auth).status_code == status
        assert app.get(LAUNCHES, headers=user.auth).status_code == status
        for method in ("GET", "DELETE"):
            answer = app.request(method, f"{LAUNCHES}/{launch['id']}", headers=user.auth)
            assert answer.status_code == status
    assert report(app, tina, launch)["state"] == "waiting"


def test_so_many_wait_for_one_workshop(app, tina):
    create(app, tina.auth)
    for _ in range(20):
        begin(app, tina, at=at(7200))
    problem_of(app.post(LAUNCHES, json={}, headers=tina.auth), 429)


def test_the_report_says_who_has_it_open(app, tina, ann, ben):
    create(app, tina.auth)
    publish(app, tina.auth)
    ann.sessions = [{"path": "python-2026/exam.ipynb"}, {"path": 1}, "x"]
    now = ended(app, tina, begin(app, tina, notebook="exam.ipynb"))
    assert {each["user"]: each["open"] for each in now["members"]} == {"ann": True, "ben": False}


@pytest.mark.parametrize("answer", ["x", {"a": 1}, ["x" * 10**6]])
def test_a_server_that_answers_nonsense_says_nothing(app, tina, ann, answer):
    create(app, tina.auth, participants={"users": ["ann"]})
    publish(app, tina.auth)
    ann.sessions = answer
    now = ended(app, tina, begin(app, tina, notebook="exam.ipynb"))
    assert [each["open"] for each in now["members"]] == [None]
