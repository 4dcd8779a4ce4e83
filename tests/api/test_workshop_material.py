"""Notebooks that teachers give to participants, who launch them into their own homes."""

import json

import pytest
from application import problem_of
from launching import ASYNC, MINE, keyed, path_of
from workshop_material import PLACE, content_of, create, notebook, publish

NOTEBOOKS = f"{PLACE}/notebooks"
LATER = "2099-01-01T00:00:00Z"


@pytest.fixture
def app(start_app):
    return start_app(teacher_groups=["teachers"], start_cooldown=0, breaker_seconds=0)


@pytest.fixture
def tina(fakehub):
    return fakehub.add_user("tina", groups=["teachers"], server="ready")


@pytest.fixture
def ann(fakehub):
    return fakehub.add_user("ann", server="ready")


@pytest.fixture
def ben(fakehub):
    return fakehub.add_user("ben")


@pytest.fixture
def workshop(app, tina):
    create(app, tina.auth)


def launch(app, user, filename="exam.ipynb", headers=None, **body):
    place = f"{NOTEBOOKS}/{filename}/launches"
    return app.post(place, json=body, headers=headers or user.auth)


def listed(app, user):
    answer = app.get(NOTEBOOKS, headers=user.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()["notebooks"]


def test_a_teacher_publishes_from_their_server_and_a_participant_launches(
    app, workshop, tina, ann, written
):
    tina.write("course/exam.ipynb", json.dumps(notebook("1 + 1", "", "x")).encode())
    published = publish(app, tina.auth, path="course/exam.ipynb")
    assert published.status_code == 200, published.text
    [seen] = listed(app, ann)
    assert seen == published.json()
    assert (seen["filename"], seen["code_cells"]) == ("exam.ipynb", 3)
    assert seen["published_by"] == "tina"
    assert path_of(launch(app, ann)) == "python-2026/exam.ipynb"
    mine = content_of(ann, "python-2026/exam.ipynb")
    assert [cell["source"] for cell in mine["cells"]] == ["1 + 1", "", "x"]
    assert [cell["outputs"] for cell in mine["cells"]] == [[], [], []]
    assert [cell["execution_count"] for cell in mine["cells"]] == [None] * 3
    assert mine["metadata"]["launcher"]["experiment"] == "workshops/python-2026"
    assert "workshop_notebook_published" in written.getvalue()


def test_a_file_of_a_participant_is_never_overwritten(app, workshop, tina, ann):
    ann.write("python-2026/exam.ipynb", MINE)
    publish(app, tina.auth)
    assert path_of(launch(app, ann)) == "python-2026/exam-1.ipynb"
    assert path_of(launch(app, ann)) == "python-2026/exam-2.ipynb"
    assert ann.files["python-2026/exam.ipynb"] == MINE
    assert ann.leftovers == []


def test_the_launch_is_one_like_every_other(app, workshop, tina, ben):
    publish(app, tina.auth)
    begun = launch(app, ben, headers=ben.auth | ASYNC, directory="mine/day1")
    assert begun.status_code == 202, begun.text
    shown = begun.json()
    assert (shown["experiment"], shown["user"]) == ("workshops/python-2026", "ben")
    assert shown["requested_by"] is None
    same = [launch(app, ben, headers=keyed(ben, "k"), directory="mine/day1") for _ in range(2)]
    assert [path_of(each) for each in same] == [path_of(same[0])] * 2
    found = app.get("/launches?experiment=workshops/python-2026", headers=ben.auth).json()
    assert len(found["launches"]) == 2
    assert len(ben.notebooks) == 2


def test_before_the_begin_only_teachers_open_it(app, tina, ann):
    create(app, tina.auth, starts=LATER)
    publish(app, tina.auth)
    for answer in (app.get(NOTEBOOKS, headers=ann.auth), launch(app, ann)):
        problem = problem_of(answer, 409)
        assert problem["type"].endswith("workshop-not-begun")
        assert "2099-01-01 00:00 UTC" in problem["detail"]
    assert listed(app, tina)
    assert launch(app, tina).status_code == 200


def test_others_see_and_change_nothing(app, fakehub, workshop, tina, ann):
    publish(app, tina.auth)
    mallory = fakehub.add_user("mallory", server="ready")
    for user, status in ((mallory, 404), (ann, 403)):
        assert publish(app, user.auth).status_code == status
        assert app.delete(f"{NOTEBOOKS}/exam.ipynb", headers=user.auth).status_code == status
    assert app.get(NOTEBOOKS, headers=mallory.auth).status_code == 404
    assert launch(app, mallory).status_code == 404
    assert mallory.files == {}
    assert listed(app, ann)


def test_a_notebook_is_replaced_and_removed(app, workshop, tina, ann):
    first = publish(app, tina.auth).json()
    second = publish(app, tina.auth, notebook=notebook("2", "3")).json()
    assert first["content_hash"] != second["content_hash"]
    assert listed(app, ann) == [second]
    assert app.delete(f"{NOTEBOOKS}/exam.ipynb", headers=tina.auth).status_code == 204
    assert listed(app, ann) == []
    assert app.delete(f"{NOTEBOOKS}/exam.ipynb", headers=tina.auth).status_code == 404
    assert launch(app, ann).status_code == 404


def test_what_is_published_goes_with_its_workshop(app, workshop, tina):
    publish(app, tina.auth)
    assert app.delete(PLACE, headers=tina.auth).status_code == 204
    create(app, tina.auth)
    assert listed(app, tina) == []


def test_large_notebooks_are_bounded_by_their_parts(app, workshop, tina, ann):
    cell = {"cell_type": "markdown", "metadata": {}, "source": ["# a, [b], {c}\n"] * 50}
    made = notebook(cells=[cell] * 1000, nbformat_minor=4)
    tina.write("exam.ipynb", json.dumps(made).encode())
    assert publish(app, tina.auth, path="exam.ipynb").json()["code_cells"] == 0
    assert launch(app, ann).status_code == 200
    cells = content_of(ann, "python-2026/exam.ipynb")["cells"]
    assert cells[0]["source"] == "# a, [b], {c}\n" * 50
    assert len({each["id"] for each in cells}) == 1000
    tina.write("exam.ipynb", json.dumps({**made, "cells": [cell] * 2001}).encode())
    problem = problem_of(publish(app, tina.auth, path="exam.ipynb"), 400)
    assert "2000 cells" in problem["detail"]


def test_outputs_are_kept_on_request(app, workshop, tina, ann):
    publish(app, tina.auth, notebook=notebook("1"), keep_outputs=True)
    launch(app, ann)
    [cell] = content_of(ann, "python-2026/exam.ipynb")["cells"]
    assert cell["outputs"][0]["output_type"] == "stream"
    assert cell["execution_count"] is None


def test_a_server_that_does_not_run_is_named(app, workshop, tina):
    tina.server = "stopped"
    problem = problem_of(publish(app, tina.auth, path="exam.ipynb"), 409)
    assert problem["type"].endswith("server-not-running")
    assert "Start it" in problem["detail"]


def deep(levels):
    return json.loads("[" * levels + "]" * levels)


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (None, 404, "no file course/exam.ipynb"),
        (b"{", 400, "not valid JSON"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b'{"cells": [], "metadata": {"x": NaN}, "nbformat": 4}', 400, "not valid JSON"),
        (b'{"cells": [], "metadata": {"x": 1e999}, "nbformat": 4}', 400, "JSON cannot hold"),
        (b'{"cells": [], "metadata": {"x": "\\ud800"}, "nbformat": 4}', 400, "JSON cannot hold"),
        (b"1" * 5000, 400, "not valid JSON"),
        (b"[]", 400, "no cells"),
        (b'{"cells": [], "metadata": {}, "nbformat": 3}', 400, "nbformat 4"),
        (b'{"cells": [1], "metadata": {}, "nbformat": 4}', 400, "cell 1"),
        (b"x" * (10 * 2**20 + 1), 413, "10 MiB"),
        (b"[" + b"[]," * 2 * 10**6 + b"1]", 400, "more than 50000 parts"),
    ],
)
def test_what_is_no_notebook_is_refused_at_its_path(app, workshop, tina, content, status, sentence):
    if content is not None:
        tina.write("course/exam.ipynb", content)
    problem = problem_of(publish(app, tina.auth, path="course/exam.ipynb"), status)
    assert sentence in problem["detail"]
    assert [each["pointer"] for each in problem["errors"]] == ["/path"]
    assert listed(app, tina) == []


@pytest.mark.parametrize(
    ("filename", "body", "pointer"),
    [
        ("other.ipynb", {"notebook": notebook("1")}, "/filename"),
        ("day1-.hidden.txt", {"notebook": notebook("1")}, "/filename"),
        ("exam.ipynb", {"path": "a.ipynb", "notebook": notebook("1")}, "/path"),
        ("exam.ipynb", {"keep_outputs": True}, "/path"),
        ("exam.ipynb", {"notebook": {"cells": []}}, "/notebook"),
        ("exam.ipynb", {"notebook": notebook("1", metadata={"x": deep(200)})}, "/notebook"),
        ("exam.ipynb", {"path": "../ann/a.ipynb"}, "/path"),
        ("exam.ipynb", {"path": "/etc/passwd"}, "/path"),
        ("exam.ipynb", {"path": ".ssh/a.ipynb"}, "/path"),
        ("exam.ipynb", {"path": "a.txt"}, "/path"),
        ("exam.ipynb", {"path": "a.ipynb", "server": "../x"}, "/server"),
        ("exam.ipynb", {"notebook": notebook("1"), "server": "x"}, "/server"),
    ],
)
def test_bad_input_is_refused_with_its_field(app, workshop, tina, filename, body, pointer):
    problem = problem_of(publish(app, tina.auth, filename, **body), 400)
    assert pointer in [each["pointer"] for each in problem["errors"]]
    assert listed(app, tina) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"directory": "../x"}, "/directory"), ({"server": "lab"}, "/server"), ({"x": 1}, "/x")],
)
def test_a_launch_with_bad_input_is_refused_with_its_field(app, workshop, tina, ann, body, pointer):
    publish(app, tina.auth)
    problem = problem_of(launch(app, ann, **body), 400)
    assert pointer in [each["pointer"] for each in problem["errors"]]


def test_a_service_publishes_a_notebook_and_has_no_home(app, fakehub, workshop):
    token = fakehub.add_service("access:services!service=launcher", "custom:launcher:events")
    auth = {"Authorization": f"token {token}"}
    assert publish(app, auth).status_code == 200
    assert problem_of(publish(app, auth, path="exam.ipynb"), 403)["detail"].startswith("A service")
    answer = app.post(f"{NOTEBOOKS}/exam.ipynb/launches", json={}, headers=auth)
    assert answer.status_code in (401, 403)
