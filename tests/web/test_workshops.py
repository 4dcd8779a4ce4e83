"""The page Workshops: who sees which, the forms, and texts that stay texts."""

import re

import pytest
from saving import code, counted, notebook, save
from visiting import HOSTILE, Visitor, text_of

PAGE = "/home/workshops"
FORM = {
    "name": "course",
    "title": "Course",
    "notebooks": "day1.ipynb",
    "users": "ann\r\nben, ann",
    "starts": "2026-11-30T09:00",
    "starts-offset": "60",
    "ends": "",
    "retention_days": "7",
}


@pytest.fixture
def site(start_app):
    return start_app(teacher_groups=["teachers"])


@pytest.fixture
def teacher(site, fakehub):
    return Visitor(site, fakehub.add_user("tina", groups=["teachers"]))


@pytest.fixture
def ann(site, fakehub):
    return Visitor(site, fakehub.add_user("ann"))


def create(teacher, **changes):
    return teacher.post(f"{PAGE}/new", {**FORM, **changes})


def test_the_form_makes_the_workshop_that_was_filled_in(teacher):
    made = create(teacher)
    assert (made.status_code, made.headers["location"]) == (303, f"{PAGE}/course")
    found = teacher.client.get("/workshops/course", headers=teacher.user.auth).json()
    assert found == {
        "name": "course",
        "title": "Course",
        "notebooks": ["day1.ipynb"],
        "participants": {"users": ["ann", "ben"]},
        "starts": "2026-11-30T08:00:00+00:00",
        "ends": None,
        "retention_days": 7,
        "created_by": "tina",
    }
    form = teacher.get(f"{PAGE}/course/edit").text
    assert 'value="2026-11-30T08:00"' in form
    assert "ann\nben</textarea>" in form


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": ""}, "Title must not be empty"),
        ({"name": "A"}, "Name must begin with a letter"),
        ({"notebooks": "*.ipynb"}, "“*.ipynb” would match every notebook"),
        ({"notebooks": ""}, "Notebooks must name a notebook"),
        ({"notebooks": "a.ipynb\nb/c.ipynb"}, "“b/c.ipynb” must be a filename"),
        ({"users": ""}, "Users must name a group, or users"),
        ({"starts": "soon"}, "Begins must be"),
        ({"starts": "2026-11-30T09:00", "ends": "2026-11-29T09:00"}, "Ends must be later"),
        ({"starts-offset": "x"}, "Begins must be"),
        ({"retention_days": "31"}, "Days to keep must be a number of days, 30 at most"),
        ({"retention_days": "many"}, "Days to keep must be a number"),
        ({"users": "\n".join(f"user{number}" for number in range(2001))}, "2000"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(teacher, changes, sentence):
    answer = create(teacher, **changes)
    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert 'value="Course"' in answer.text or "title" in changes
    assert teacher.client.get("/workshops", headers=teacher.user.auth).json() == {"workshops": []}


def test_a_name_that_is_in_use_is_said(teacher):
    create(teacher)
    answer = create(teacher, title="Other")
    assert answer.status_code == 409
    assert "Name is in use" in text_of(answer)


def test_participants_find_theirs_and_can_change_nothing(teacher, ann, site, fakehub):
    create(teacher, starts="")
    create(teacher, name="other", title="Other", users="ben")
    text = text_of(ann.get(PAGE))
    assert "Course" in text
    assert "Other" not in text
    assert "New workshop" not in text
    assert ann.get(f"{PAGE}/course").status_code == 200
    assert ann.get(f"{PAGE}/other").status_code == 404
    for path in ("new", "course/edit", "course/remove"):
        assert ann.get(f"{PAGE}/{path}").status_code == 403
        assert ann.post(f"{PAGE}/{path}", FORM).status_code == 403
    assert teacher.get(f"{PAGE}/course").status_code == 200


def test_a_changed_form_needs_the_token_of_the_page(teacher):
    assert teacher.post(f"{PAGE}/new", FORM, xsrf="wrong").status_code == 403
    create(teacher)
    assert teacher.post(f"{PAGE}/course/remove", xsrf="wrong").status_code == 403
    assert teacher.post(f"{PAGE}/course/remove").status_code == 303
    assert teacher.get(f"{PAGE}/course").status_code == 404


def test_a_stranger_is_led_to_the_sign_in(site):
    for path in ("", "/new", "/course", "/course/summary", "/course/export"):
        assert site.get(f"{PAGE}{path}").status_code == 303


def test_texts_stay_texts(teacher, fakehub, site):
    mallory = fakehub.add_user(HOSTILE)
    name = f"{re.sub('[^a-z]', '', HOSTILE.lower())}'\"<b>.ipynb"
    create(teacher, title=HOSTILE, users=HOSTILE.replace(",", ""), notebooks=name, starts="")
    save(site, mallory.auth, name, notebook(code(error=HOSTILE)))
    counted(site, teacher.user.auth, "/notebooks")
    for path in (
        *(PAGE, f"{PAGE}/course", f"{PAGE}/course/summary", f"{PAGE}/course/edit"),
        *(f"{PAGE}/course/remove", "/home/notebooks", "/home/notebooks/summary"),
    ):
        page = teacher.get(path)
        assert page.status_code == 200
        assert "<svg onload" not in page.text
        assert "<b>.ipynb" not in page.text


def test_a_notebook_leads_back_to_its_workshop(teacher, ann, site):
    create(teacher, starts="")
    number = save(site, ann.user.auth, "day1.ipynb", notebook("x"))
    page = teacher.get(f"{PAGE}/course").text
    assert f'href="/home/notebooks/{number}?workshop=course"' in page
    assert (
        f'href="{PAGE}/course">Course<'
        in teacher.get(f"/home/notebooks/{number}?workshop=course&cells=3").text
    )
    assert teacher.get(f"/home/notebooks/{number}?workshop=%2F..%2Fx").status_code == 200


def test_a_day_without_saves_is_said_on_the_page(teacher):
    create(teacher, starts="")
    for path in (f"{PAGE}/course", "/home/notebooks"):
        answer = teacher.get(f"{path}/export?day=2020-01-01")
        assert answer.status_code == 404
        assert "No notebook was saved on 2020-01-01." in text_of(answer)


def test_deleting_the_copies_leads_back_to_the_workshop(teacher, ann, site):
    create(teacher, starts="")
    number = save(site, ann.user.auth, "day1.ipynb", notebook("x"))
    answer = ann.post(f"/home/notebooks/{number}?workshop=course")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/course")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "cells=10&amp;lines=25"),
        ("&cells=3&lines=7", "cells=3&amp;lines=10"),
        ("&cells=0&lines=0", "cells=1&amp;lines=10"),
        ("&cells=11&lines=501", "cells=20&amp;lines=500"),
        ("&cells=99999&lines=-1", "cells=100&amp;lines=25"),
        ("&cells=x&lines=9999999999", "cells=10&amp;lines=25"),
    ],
)
def test_the_numbers_of_a_summary_can_be_set(teacher, ann, site, query, shown):
    create(teacher, starts="")
    save(site, ann.user.auth, "day1.ipynb", notebook("x"))
    page = teacher.get(f"{PAGE}/course/summary?notebook=day1.ipynb{query}")
    assert f"/document?{shown}" in page.text
    cells, lines = re.findall("=([0-9]+)", shown)
    assert f"<option selected>{cells}</option>" in page.text
    assert f"<option selected>{lines}</option>" in page.text


def test_a_summary_of_a_notebook_that_is_not_there_is_not_found(teacher):
    create(teacher, starts="")
    assert teacher.get(f"{PAGE}/course/summary?notebook=x.ipynb").status_code == 404
    assert "Nobody has saved" in text_of(teacher.get(f"{PAGE}/course/summary"))
