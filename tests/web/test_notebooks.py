"""The page Notebooks: what a teacher sees of participants, and what participants see and delete."""

import base64
import gzip
import json
import re

import pytest
from visiting import HOSTILE, Visitor, text_of

PAGE = "/home/notebooks"  # also of those who take part in no workshop


@pytest.fixture
def site(start_app):
    return start_app(teacher_groups=["teachers"])


@pytest.fixture
def teacher(site, fakehub):
    return Visitor(site, fakehub.add_user("tina", groups=["teachers"]))


@pytest.fixture
def ann(site, fakehub):
    return Visitor(site, fakehub.add_user("ann"))


@pytest.fixture
def ben(site, fakehub):
    return Visitor(site, fakehub.add_user("ben"))


def notebook(text):
    """The bytes of a notebook with one cell."""
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def save(visitor, path="course/day1.ipynb", content=None, **fields):
    """Save a notebook, as a participant's server reports it; the id."""
    body = {"type": "save-notebook", "filename": path.rpartition("/")[2], "path": path, **fields}
    if content is not None:
        body["notebook"] = base64.b64encode(gzip.compress(content.encode())).decode()
    answer = visitor.client.post("/events", json=body, headers=visitor.user.auth)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def shown(visitor, number, query=""):
    """What is in the frame of a notebook."""
    return visitor.get(f"{PAGE}/{number}/document{query}")


def test_a_teacher_sees_each_notebook_with_its_participants_by_name(teacher, ann, ben):
    for visitor in (ben, ann):
        save(visitor, content=notebook("x"))
    save(ben, "day2.ipynb", content=notebook("x"))
    text = text_of(teacher.get(PAGE))
    assert re.search(r"day1.ipynb 2 participants .* ann .* ben .* day2.ipynb 1 .* ben", text)
    assert text_of(teacher.get(f"{PAGE}/now")) in text


def test_a_teacher_opens_the_notebook_of_a_participant(teacher, ann):
    number = save(ann, content=notebook("# My answer"))
    page = teacher.get(f"{PAGE}/{number}")
    assert "day1.ipynb of ann" in text_of(page)
    assert f'src="{PAGE}/{number}/document"' in page.text
    assert "Delete the copies" not in page.text
    frame = shown(teacher, number)
    assert frame.status_code == 200
    assert "My answer" in frame.text
    assert frame.headers["content-security-policy"].startswith("sandbox;")


def test_participants_see_that_the_teacher_sees_it_and_nothing_of_others(ann, ben):
    mine, theirs = save(ann, content=notebook("mine")), save(ben, content=notebook("theirs"))
    text = text_of(ann.get(PAGE))
    assert "Your teachers see these notebooks" in text
    assert "ben" not in text
    assert "mine" in shown(ann, mine).text
    assert ann.get(f"{PAGE}/{theirs}").status_code == 404
    refused = shown(ann, theirs)
    assert refused.status_code == 404
    assert "theirs" not in refused.text
    assert ann.post(f"{PAGE}/{theirs}").status_code == 404
    assert "theirs" in shown(ben, theirs).text


def test_earlier_saves_can_be_looked_at(teacher, ann):
    for day in (1, 2, 3):
        number = save(ann, content=notebook(f"day {day}"), timestamp=f"2026-11-0{day}T12:00:00Z")
    assert "day 3" in shown(teacher, number).text
    page = teacher.get(f"{PAGE}/{number}").text
    [last, middle, first] = re.findall(r"<li><a href=\"[^\"?]*(\?save=\d+)?\"", page)
    assert last == ""
    assert "day 2" in shown(teacher, number, middle).text
    assert "day 1" in shown(teacher, number, first).text
    assert shown(teacher, number, "?save=999").status_code == 404
    assert shown(teacher, number, "?save=x").status_code == 200


def test_so_many_saves_of_a_notebook_are_kept(start_app, fakehub):
    visitor = Visitor(start_app(max_saves_per_notebook=2), fakehub.add_user("ann"))
    for day in (1, 2, 3):
        number = save(visitor, content=notebook("x"), timestamp=f"2026-11-0{day}T12:00:00Z")
    page = visitor.get(f"{PAGE}/{number}").text
    assert "2026-11-03" in page
    assert "2026-11-01" not in page


def test_a_participant_deletes_the_copies(teacher, ann):
    number = save(ann, content=notebook("x"))
    assert ann.post(f"{PAGE}/{number}", xsrf="wrong").status_code == 403
    answer = ann.post(f"{PAGE}/{number}")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert shown(teacher, number).status_code == 404
    assert "day1.ipynb" not in text_of(teacher.get(PAGE))


def test_a_teacher_cannot_delete_what_is_not_theirs(teacher, ann):
    number = save(ann, content=notebook("x"))
    assert teacher.post(f"{PAGE}/{number}").status_code == 404
    assert shown(teacher, number).status_code == 200


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "too large to send"),
        ("{", "not a complete notebook"),
        ("[]", "not a valid notebook"),
        ("[" * 100_000, "notebook"),
        (notebook("x" * 40_000_000), "too large"),
    ],
)
def test_a_notebook_that_cannot_be_shown_hides_no_other(teacher, ann, ben, content, sentence):
    broken, right = save(ann, content=content), save(ben, content=notebook("fine"))
    frame = shown(teacher, broken)
    assert frame.status_code >= 400
    assert sentence in frame.text
    assert "fine" in shown(teacher, right).text
    assert re.search("ann .* ben ", text_of(teacher.get(PAGE)))


@pytest.mark.parametrize("number", ["0", "-1", "+1", "x", "2147483648", "9" * 30, "9" * 5000])
def test_a_number_that_is_no_notebooks_is_not_found(teacher, number):
    for path in (f"{PAGE}/{number}", f"{PAGE}/{number}/document"):
        assert teacher.get(path).status_code == 404
    assert teacher.post(f"{PAGE}/{number}").status_code == 404


def test_names_with_html_are_text(site, teacher, fakehub):
    name = HOSTILE.replace("/", "").replace("*", "")
    visitor = Visitor(site, fakehub.add_user(HOSTILE))
    number = save(visitor, f"{name}.ipynb", content=notebook(HOSTILE))
    for page in (teacher.get(PAGE), teacher.get(f"{PAGE}/{number}"), shown(teacher, number)):
        assert "<svg onload" not in page.text
        assert "<script>alert" not in page.text


def test_the_page_is_offered_where_there_are_teachers(start_app, fakehub):
    visitor = Visitor(start_app(), fakehub.add_user("ann"))
    assert PAGE not in visitor.get("/home/").text


def test_a_stranger_is_led_to_the_sign_in(site):
    assert site.get(PAGE).status_code == 303
    assert site.get(f"{PAGE}/1").status_code == 303
    assert site.get(f"{PAGE}/1/document").status_code == 404
