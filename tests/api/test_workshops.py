"""Operations of workshops: who may create, see, change and delete them."""

import pytest
from openapi_spec import SPEC
from visiting import HOSTILE

BODY = {
    "name": "python-2026",
    "title": "Python for beginners",
    "notebooks": ["day1-*.ipynb", "exam.ipynb"],
    "participants": {"users": ["ann"]},
}
FIELDS = {name: value for name, value in BODY.items() if name != "name"}


@pytest.fixture
def app(start_app):
    return start_app(teacher_groups=["teachers"])


@pytest.fixture
def teacher(fakehub):
    return fakehub.add_user("tina", groups=["teachers"]).auth


@pytest.fixture
def ann(fakehub):
    return fakehub.add_user("ann").auth


@pytest.fixture
def ben(fakehub):
    return fakehub.add_user("ben", groups=["course"]).auth


def create(app, auth, **changes):
    return app.post("/workshops", json={**BODY, **changes}, headers=auth)


def test_a_teacher_creates_changes_and_deletes_a_workshop(app, teacher):
    made = create(app, teacher, starts="2026-11-30T09:00:00+01:00")
    assert made.status_code == 201, made.text
    place = "/workshops/python-2026"
    expected = {**BODY, "starts": "2026-11-30T08:00:00+00:00", "ends": None}
    expected |= {"retention_days": None, "created_by": "tina"}
    assert made.json() == expected
    assert app.get(place, headers=teacher).json() == expected
    changed = app.put(place, json={**FIELDS, "title": "Python"}, headers=teacher)
    assert changed.status_code == 200, changed.text
    assert changed.json()["created_by"] == "tina"
    [listed] = app.get("/workshops", headers=teacher).json()["workshops"]
    assert (listed["title"], listed["starts"]) == ("Python", None)
    assert app.delete(place, headers=teacher).status_code == 204
    for answer in (
        app.get(place, headers=teacher),
        app.put(place, json=FIELDS, headers=teacher),
        app.delete(place, headers=teacher),
    ):
        assert answer.status_code == 404


def test_participants_see_theirs_and_not_who_else_takes_part(app, teacher, ann, ben, fakehub):
    fakehub.scopes += ("read:groups",)
    create(app, teacher)
    create(app, teacher, name="other", participants={"group": "course", "users": []})
    [seen] = app.get("/workshops", headers=ann).json()["workshops"]
    assert seen["name"] == "python-2026"
    assert not {"participants", "created_by"} & seen.keys()
    assert app.get("/workshops/python-2026", headers=ann).json() == seen
    assert app.get("/workshops/other", headers=ann).status_code == 404
    assert app.get("/workshops/other", headers=ben).status_code == 200
    assert app.get("/workshops/python-2026", headers=ben).status_code == 404


def test_participants_change_nothing(app, teacher, ann, ben):
    create(app, teacher)
    place = "/workshops/python-2026"
    assert create(app, ann, name="mine").status_code == 403
    for auth, status in ((ann, 403), (ben, 404)):
        assert app.put(place, json=FIELDS, headers=auth).status_code == status
        assert app.delete(place, headers=auth).status_code == status
    assert app.get(place, headers=teacher).status_code == 200


def test_who_created_it_stays_when_another_teacher_changes_it(app, teacher, fakehub):
    create(app, teacher)
    other = fakehub.add_user("otto", groups=["teachers"]).auth
    place = "/workshops/python-2026"
    assert app.put(place, json=FIELDS, headers=other).json()["created_by"] == "tina"
    assert app.get(place, headers=other).json()["created_by"] == "tina"


def test_a_name_is_used_once(app, teacher):
    assert create(app, teacher).status_code == 201
    again = create(app, teacher, title="Another")
    assert again.status_code == 409
    assert again.json()["type"] == "urn:problem-type:launcher:workshop-exists"
    assert app.get("/workshops/python-2026", headers=teacher).json()["title"] == BODY["title"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"notebooks": ["*"]}, "/notebooks/0"),
        ({"notebooks": ["*.ipynb"]}, "/notebooks/0"),
        ({"notebooks": ["a.ipynb", "?*.ipynb"]}, "/notebooks/1"),
        ({"notebooks": ["[a-z]*.ipynb"]}, "/notebooks/0"),
        ({"notebooks": ["../a.ipynb"]}, "/notebooks/0"),
        ({"notebooks": ["/etc/a.ipynb"]}, "/notebooks/0"),
        ({"notebooks": ["course/a.ipynb"]}, "/notebooks/0"),
        ({"notebooks": ["a.py"]}, "/notebooks/0"),
        ({"notebooks": ["a*b*c*d*e*f*g.ipynb"]}, "/notebooks/0"),
        ({"notebooks": ["a\u202e.ipynb"]}, "/notebooks/0"),
        ({"notebooks": []}, "/notebooks"),
        ({"name": "Not A Name"}, "/name"),
        ({"name": "new"}, "/name"),
        ({"name": "a--b"}, "/name"),
        ({"title": "  "}, "/title"),
        ({"title": "a\nb"}, "/title"),
        ({"participants": {}}, "/participants"),
        ({"participants": {"users": []}}, "/participants"),
        ({"participants": {"users": [" "]}}, "/participants/users/0"),
        ({"participants": {"group": " "}}, "/participants/group"),
        ({"participants": {"users": ["ann"], "x": 1}}, "/participants/x"),
        ({"starts": "0000-01-01T00:00:00Z"}, "/starts"),
        ({"starts": "9999-01-01T00:00:00Z"}, "/starts"),
        ({"starts": "2026-11-30T09:00:00Z", "ends": "2026-11-30T09:00:00Z"}, "/ends"),
        ({"retention_days": 31}, "/retention_days"),
        ({"retention_days": 0}, "/retention_days"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_bad_input_is_refused_with_its_field(app, teacher, changes, pointer):
    answer = create(app, teacher, **changes)
    assert answer.status_code == 400, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert app.get("/workshops", headers=teacher).json() == {"workshops": []}


def test_texts_stay_texts(app, teacher):
    made = create(app, teacher, title=HOSTILE, participants={"users": [HOSTILE]})
    assert made.status_code == 201, made.text
    assert made.json()["title"] == HOSTILE


def test_a_service_needs_the_scope(app, fakehub):
    scopes = ("access:services!service=launcher", "custom:launcher:events")
    for token, status in ((fakehub.add_service(*scopes), 201), (fakehub.add_service("x"), 403)):
        assert create(app, {"Authorization": f"token {token}"}).status_code == status


def test_a_group_that_is_not_known_is_refused(app, teacher, fakehub):
    fakehub.scopes += ("read:groups",)
    answer = create(app, teacher, participants={"group": "nobodys"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/participants/group"
    assert "The hub has no group 'nobodys'" in answer.json()["detail"]


def test_the_examples_of_the_specification_work_at_once(app, teacher, fakehub):
    fakehub.scopes += ("read:groups",)
    fakehub.add_user("carla", groups=["python-2026"])
    for method, path in (("post", "/workshops"), ("put", "/workshops/{workshop}")):
        body = SPEC["paths"][path][method]["requestBody"]["content"]["application/json"]
        place = path.replace("{workshop}", "python-2026")
        answer = app.request(method.upper(), place, json=body["example"], headers=teacher)
        assert answer.is_success, answer.text
