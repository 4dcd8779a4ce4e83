"""A workshop's page: what a teacher gives to the class, and what participants open there."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from launching import MINE, wait_for
from visiting import HOSTILE, Visitor, text_of
from waiting import wait_until
from workshop_material import create, notebook, publish

from launcher.workshops import class_runner

PAGE = "/home/workshops/python-2026"
CLASS = f"{PAGE}/class"


@pytest.fixture
def site(start_app, mocker):
    mocker.patch.object(class_runner, "STEP_SECONDS", 0.05)
    return start_app(teacher_groups=["teachers"])


@pytest.fixture
def teacher(site, fakehub):
    return Visitor(site, fakehub.add_user("tina", groups=["teachers"], server="ready"))


@pytest.fixture
def ann(site, fakehub):
    return Visitor(site, fakehub.add_user("ann", server="ready"))


@pytest.fixture
def workshop(site, teacher):
    create(site, teacher.user.auth)


def change(visitor, action, **fields):
    return visitor.post(f"{PAGE}/notebooks", {"action": action, **fields})


def launched(visitor, answer):
    """The launch that the answer leads to, once it is done."""
    assert answer.status_code == 303, answer.text
    launch_id = re.search(r"/launches/([0-9a-f]{32})\?new=1$", answer.headers["location"])[1]
    return wait_for(visitor.client, visitor.user, {"id": launch_id}, "done")


def test_a_teacher_publishes_a_notebook_and_removes_it(workshop, teacher, ann):
    assert "None yet. Publish one" in text_of(teacher.get(CLASS))
    teacher.user.write("course/exam.ipynb", json.dumps(notebook("1", "2")).encode())
    answer = change(teacher, "publish", path="course/exam.ipynb")
    assert (answer.status_code, answer.headers["location"]) == (303, CLASS)
    assert "2 code cells" in text_of(teacher.get(CLASS))
    assert "Open exam.ipynb" in text_of(ann.get(PAGE))
    assert ann.get(CLASS).status_code == 403
    assert change(teacher, "remove", filename="exam.ipynb").status_code == 303
    assert "Open exam.ipynb" not in text_of(ann.get(PAGE))


def test_a_refused_form_is_shown_again_with_the_reason(workshop, teacher):
    answer = change(teacher, "publish", path="course/other.ipynb", filename="exam.ipynb")
    assert answer.status_code == 404
    assert "There is no file course/other.ipynb in your home." in text_of(answer)
    assert 'value="course/other.ipynb"' in answer.text
    teacher.user.server = "stopped"
    answer = change(teacher, "publish", path="exam.ipynb")
    assert answer.status_code == 409
    assert "Your server does not run" in text_of(answer)
    assert teacher.get(f"{PAGE}/notebooks").headers["location"].startswith(PAGE)


def test_a_participant_opens_it_and_opens_the_same_copy_again(site, workshop, teacher, ann):
    publish(site, teacher.user.auth)
    ann.user.write("python-2026/exam.ipynb", MINE)
    launch = launched(ann, change(ann, "open", filename="exam.ipynb", key="k"))
    assert launch["path"] == "python-2026/exam-1.ipynb"
    assert ann.user.files["python-2026/exam.ipynb"] == MINE
    page = ann.get(PAGE)
    assert "Open again" in text_of(page)
    assert "/tree/python-2026/exam-1.ipynb" in page.text
    publish(site, teacher.user.auth, notebook=notebook("another"))
    assert "You have an earlier version" in text_of(ann.get(PAGE))


def test_a_double_click_is_one_launch(site, workshop, teacher, ann):
    publish(site, teacher.user.auth)
    answers = [change(ann, "open", filename="exam.ipynb", key="k") for _ in range(2)]
    assert launched(ann, answers[0])["id"] == launched(ann, answers[1])["id"]
    assert ann.user.notebooks == ["python-2026/exam.ipynb"]


def test_launching_again_leads_to_the_page_of_the_workshop(site, workshop, teacher, ann):
    publish(site, teacher.user.auth)
    launch = launched(ann, change(ann, "open", filename="exam.ipynb"))
    page = ann.get(f"/home/launches/{launch['id']}")
    assert "exam.ipynb of python-2026" in text_of(page)
    assert f'href="{PAGE}"' in page.text
    assert "Launch again" not in text_of(page)
    answer = ann.post(f"/home/launches/{launch['id']}/again")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    home = ann.get("/home/")
    assert f'href="{PAGE}"' in home.text
    site.delete(PAGE.removeprefix("/home"), headers=teacher.user.auth)
    assert ann.get(f"/home/launches/{launch['id']}").status_code == 200


def test_before_the_begin_participants_read_when(site, teacher, ann):
    create(site, teacher.user.auth, starts="2099-01-01T00:00:00Z")
    publish(site, teacher.user.auth)
    text = text_of(ann.get(PAGE))
    assert "The workshop begins 2099-01-01 00:00 UTC" in text
    assert "Open exam.ipynb" not in text
    assert change(ann, "open", filename="exam.ipynb").status_code == 409
    assert "Open exam.ipynb" in text_of(teacher.get(CLASS))


def report_of(teacher, answer):
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{PAGE}/launches/")
    return answer.headers["location"]


def test_a_teacher_opens_it_for_everybody_and_reads_who_has_it_open(
    site, workshop, teacher, ann, fakehub
):
    fakehub.add_user("ben")
    publish(site, teacher.user.auth)
    ann.user.sessions = [{"path": "python-2026/exam.ipynb"}]
    form = {"notebook": "exam.ipynb", "minutes": "0", "key": "k"}
    report = report_of(teacher, teacher.post(f"{PAGE}/launches", form))
    # a double click
    assert report_of(teacher, teacher.post(f"{PAGE}/launches", form)) == report
    words = "Finished , has a copy: 2, open now: 1"
    wait_until(lambda: words in text_of(teacher.get(report)), "the end")
    text = text_of(teacher.get(report))
    assert re.search(r"Finished.* ann Has a copy yes ben Has a copy no", text)
    assert text_of(teacher.get(f"{report}/now")) in text
    assert "exam.ipynb, " in text_of(teacher.get(CLASS))
    assert ann.get(report).status_code == 403


@pytest.mark.parametrize("form", [{"minutes": "60"}, {"time": "later"}])
def test_the_servers_are_started_later_and_that_is_cancelled(workshop, teacher, form):
    if "time" in form:
        form = {"time": (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")}
    report = report_of(teacher, teacher.post(f"{PAGE}/launches", form))
    assert "Waiting for its time" in text_of(teacher.get(report))
    answer = teacher.post(f"{report}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, report)
    assert "Cancelled" in text_of(teacher.get(report))
    assert teacher.post(f"{report}/cancel").status_code == 303


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"notebook": "exam.ipynb", "time": "2020-01-01T00:00"}, "The time is in the past"),
        ({"notebook": "exam.ipynb", "time": "noon"}, "Fill in a time"),
        ({"time": "2020-01-01T00:00"}, "The time is in the past"),
        ({"minutes": "soon"}, "Choose when"),
        ({"notebook": ""}, "Choose a notebook"),
    ],
)
def test_a_time_that_is_wrong_is_refused_beside_the_form(site, workshop, teacher, form, sentence):
    publish(site, teacher.user.auth)
    answer = teacher.post(f"{PAGE}/launches", form)
    assert answer.status_code == 400
    assert sentence in text_of(answer)


def test_participants_change_nothing(site, workshop, teacher, ann, fakehub):
    publish(site, teacher.user.auth)
    page = text_of(ann.get(PAGE))
    assert "Publish" not in page
    assert "everybody" not in page
    assert change(ann, "remove", filename="exam.ipynb").status_code == 403
    assert change(ann, "publish", path="exam.ipynb").status_code == 403
    assert ann.post(f"{PAGE}/launches", {"minutes": "0"}).status_code == 403
    mallory = Visitor(site, fakehub.add_user("mallory"))
    assert mallory.get(PAGE).status_code == 404
    assert change(mallory, "open", filename="exam.ipynb").status_code == 404


def test_a_form_of_another_site_changes_nothing(site, workshop, teacher):
    publish(site, teacher.user.auth)
    for path, form in (
        ("notebooks", {"action": "remove", "filename": "exam.ipynb"}),
        ("launches", {"minutes": "0"}),
    ):
        assert teacher.post(f"{PAGE}/{path}", form, xsrf="wrong").status_code == 403
    assert "Open exam.ipynb" in text_of(teacher.get(CLASS))


def test_texts_stay_texts(site, workshop, teacher):
    answer = change(teacher, "publish", path=f"{HOSTILE}.ipynb")
    assert answer.status_code == 400
    assert "<svg onload" not in answer.text
    assert "{{7*7}}" in answer.text
