"""Dashboards, saves and exports of workshops through the API."""

import io
import json
import zipfile

import pytest
from saving import code, counted, notebook, save
from visiting import HOSTILE

from launcher.errors import TooManyRequests
from launcher.workshops import dashboards, export
from launcher.workshops.dashboards import Dashboard
from launcher.workshops.export import Exports
from launcher.workshops.people import Viewer

BODY = {
    "name": "course",
    "title": "Course",
    "notebooks": ["day1.ipynb", "day2-*.ipynb"],
    "participants": {"users": ["ann", "ben", "cem"]},
}
BOARD = "/workshops/course/dashboard"


@pytest.fixture
def app(start_app, fakehub):
    app = start_app(teacher_groups=["teachers"])
    teacher = fakehub.add_user("tina", groups=["teachers"]).auth
    assert app.post("/workshops", json=BODY, headers=teacher).status_code == 201
    return app


@pytest.fixture
def teacher(fakehub, app):
    return fakehub.users["tina"].auth


@pytest.fixture
def ann(fakehub):
    return fakehub.add_user("ann").auth


@pytest.fixture
def ben(fakehub):
    return fakehub.add_user("ben").auth


def test_a_dashboard_shows_how_far_each_participant_is(app, teacher, ann, ben):
    cells = code(count=1), code(error="NameError"), code(), code("")
    save(app, ben, "day1.ipynb", notebook("# Title", *cells))
    save(app, ann, "course/day1.ipynb", notebook(code(count=2)))
    save(app, ann, "course/day2-a.ipynb", notebook(code()))
    found = counted(app, teacher, BOARD)
    assert found["participants"] == 3
    first, second = found["notebooks"]
    assert [first["filename"], second["filename"]] == ["day1.ipynb", "day2-a.ipynb"]
    assert [row["user"] for row in first["participants"]] == ["ann", "ben"]
    assert (first["missing"], second["missing"]) == (["cem"], ["ben", "cem"])
    row = first["participants"][1]
    error = {"cell": 3, "name": "NameError", "text": "why"}
    assert (row["run_cells"], row["code_cells"], row["first_error"]) == (2, 3, error)
    assert row["is_quiet"] is False


def test_only_notebooks_of_the_workshop_and_its_participants_are_on_it(app, fakehub, teacher, ann):
    stranger = fakehub.add_user("stranger").auth
    save(app, stranger, "day1.ipynb", notebook(code()))
    save(app, ann, "DAY1.ipynb", notebook(code()))
    save(app, ann, "day20-a.ipynb", notebook(code()))
    save(app, ann, "other.ipynb", notebook(code()))
    [board] = counted(app, teacher, BOARD)["notebooks"]
    assert (board["filename"], board["participants"]) == ("day1.ipynb", [])
    everything = counted(app, teacher, "/notebooks")
    assert everything["participants"] is None
    assert [each["filename"] for each in everything["notebooks"]] == [
        *("DAY1.ipynb", "day1.ipynb", "day20-a.ipynb", "other.ipynb")
    ]


def test_a_workshop_has_a_time(app, teacher, ann):
    times = {"starts": "2026-11-02T00:00:00Z", "ends": "2026-11-03T00:00:00Z"}
    fields = {name: value for name, value in BODY.items() if name != "name"}
    answer = app.put("/workshops/course", json={**fields, **times}, headers=teacher)
    assert answer.status_code == 200
    for day in (1, 4, 2):  # of several that wait, the last one is counted
        for hour in (10, 11):
            at = f"2026-11-0{day}T{hour}:00:00Z"
            save(app, ann, "day1.ipynb", notebook(code(count=hour), code()), timestamp=at)
    [board] = counted(app, teacher, BOARD)["notebooks"]
    [row] = board["participants"]
    assert row["saved"] == "2026-11-02T11:00:00.000000+00:00"
    assert row["is_quiet"] is True


def test_copies_of_a_notebook_are_that_notebook(app, teacher, ann, ben):
    for name in ("day1.ipynb", "day1-1.ipynb", "day1-copy.ipynb", "day1-0.ipynb"):
        save(app, ann, f"course/{name}", notebook(code(count=1)))
    save(app, ben, "day1-12.ipynb", notebook(code()))
    [board] = counted(app, teacher, BOARD)["notebooks"]
    assert [row["path"] for row in board["participants"]] == [
        *("course/day1-1.ipynb", "course/day1.ipynb", "day1-12.ipynb")
    ]
    assert board["missing"] == ["cem"]


def test_finished_notebooks_are_not_quiet(app, teacher, ann, ben):
    old = {"timestamp": "2026-11-02T10:00:00Z"}
    save(app, ann, "day1.ipynb", notebook(code(count=1)), **old)
    save(app, ben, "day1.ipynb", notebook(code(count=1), code(error="E")), **old)
    [board] = counted(app, teacher, BOARD)["notebooks"]
    assert [row["is_quiet"] for row in board["participants"]] == [False, True]


def test_what_hardly_anybody_has_is_missed_by_nobody(app, teacher, ann, ben):
    users = ["ann", "ben", *(f"user{number}" for number in range(28))]
    body = {**BODY, "name": "large", "participants": {"users": users}}
    assert app.post("/workshops", json=body, headers=teacher).status_code == 201
    for number in range(101):
        save(app, ann, f"day2-{number:03}.ipynb")
    for number in range(3):
        user = {"user": users[number + 1]}
        save(app, teacher, "day2-common.ipynb", **user)
    found = app.get("/workshops/large/dashboard", headers=teacher).json()
    boards = {board["filename"]: board for board in found["notebooks"]}
    assert len(boards) == 100
    assert found["left_out"] == 3
    assert len(boards["day1.ipynb"]["missing"]) == 30
    assert len(boards["day2-common.ipynb"]["missing"]) == 27
    assert boards["day2-000.ipynb"]["missing"] == []


def test_others_do_not_hide_a_participant(app, teacher, ann, fakehub, mocker):
    mocker.patch.object(dashboards, "MOST_LISTED", 3)
    stranger = fakehub.add_user("stranger").auth
    for number in range(5):
        save(app, stranger, f"day2-{number}.ipynb")
    save(app, ann, "day2-a.ipynb")
    boards = counted(app, teacher, BOARD)["notebooks"]
    assert "day2-a.ipynb" in [board["filename"] for board in boards]
    assert len(counted(app, teacher, "/notebooks")["notebooks"]) == 3


def test_participants_see_themselves_only(app, ann, ben, fakehub):
    save(app, ann, "day1.ipynb", notebook(code()))
    number = save(app, ben, "day1.ipynb", notebook("secret"))
    [board] = counted(app, ann, BOARD)["notebooks"]
    assert [row["user"] for row in board["participants"]] == ["ann"]
    assert board["missing"] == []
    for address in (f"/notebooks/{number}", f"/notebooks/{number}/file"):
        assert app.get(address, headers=ann).status_code == 404
    [mine] = counted(app, ann, "/notebooks")["notebooks"]
    assert [row["user"] for row in mine["participants"]] == ["ann"]
    stranger = fakehub.add_user("stranger").auth
    assert app.get(BOARD, headers=stranger).status_code == 404


def test_broken_notebooks_hide_no_other(app, teacher, ann, ben):
    save(app, ann, "day1.ipynb", "{")
    save(app, ben, "day1.ipynb", notebook(code(count=1)))
    save(app, ben, "day2-a.ipynb")
    first, second = counted(app, teacher, BOARD)["notebooks"]
    broken, right = first["participants"]
    assert "not a complete notebook" in broken["problem"]
    assert (right["problem"], right["run_cells"]) == (None, 1)
    assert "too large" in second["participants"][0]["problem"]


def test_a_notebook_with_a_private_cell_is_forgotten(app, teacher, ann):
    number = save(app, ann, "day1.ipynb", notebook(code(tags=["private"])))
    [board] = counted(app, teacher, BOARD)["notebooks"]
    assert board["participants"] == []
    assert app.get(f"/notebooks/{number}", headers=teacher).status_code == 404


def test_members_of_a_group_take_part(start_app, fakehub):
    app = start_app(teacher_groups=["teachers"])
    teacher = fakehub.add_user("tina", groups=["teachers"]).auth
    member = fakehub.add_user("mia", groups=["course"]).auth
    body = {**BODY, "participants": {"group": "course", "users": ["zoe"]}}
    refused = app.post("/workshops", json=body, headers=teacher)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/participants/group"
    assert "read:groups!group=course" in refused.json()["detail"]
    fakehub.scopes += ("read:groups!group=course",)
    assert app.post("/workshops", json=body, headers=teacher).status_code == 201
    save(app, member, "day1.ipynb", notebook(code()))
    [board] = counted(app, teacher, BOARD)["notebooks"]
    assert [row["user"] for row in board["participants"]] == ["mia"]
    assert board["missing"] == ["zoe"]


def test_saves_are_listed_and_downloaded(app, teacher, ann):
    for day in (1, 2):
        text = notebook(f"day {day}")
        number = save(app, ann, "day1.ipynb", text, timestamp=f"2026-11-0{day}T12:00:00Z")
    found = app.get(f"/notebooks/{number}", headers=teacher).json()
    assert (found["user"], found["path"]) == ("ann", "day1.ipynb")
    last, first = found["saves"]
    assert first["saved"] == "2026-11-01T12:00:00.000000+00:00"
    for query, day in (("", 2), (f"?save={last['id']}", 2), (f"?save={first['id']}", 1)):
        answer = app.get(f"/notebooks/{number}/file{query}", headers=teacher)
        assert answer.text == notebook(f"day {day}")
        assert answer.headers["content-type"] == "application/x-ipynb+json"
        assert answer.headers["content-disposition"].startswith("attachment;")
    assert app.get(f"/notebooks/{number}/file?save=999", headers=teacher).status_code == 404


def files(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_notebooks_of_a_day_are_exported(app, teacher, ann, ben):
    for hour in (10, 12):
        at = f"2026-11-02T{hour}:00:00Z"
        save(app, ann, "day1.ipynb", notebook(f"hour {hour}"), timestamp=at)
    save(app, ann, "day1.ipynb", notebook("next day"), timestamp="2026-11-03T10:00:00Z")
    save(app, ben, "day1.ipynb", "{", timestamp="2026-11-02T10:00:00Z")
    save(app, ben, "other.ipynb", notebook("other"), timestamp="2026-11-02T10:00:00Z")
    found = files(app.get("/workshops/course/export?day=2026-11-02", headers=teacher))
    assert sorted(found) == [
        *("dashboard.json", "day1/ann.html", "day1/ann.ipynb", "day1/ben.html", "day1/ben.ipynb"),
        *("index.html", "notebook.css"),
    ]
    assert found["day1/ann.ipynb"] == notebook("hour 12")
    assert "hour 12" in found["day1/ann.html"]
    for page, title in (
        ("day1/ann.html", "day1.ipynb of ann, saved 2026-11-02 12:00 UTC"),
        ("day1/ben.html", "day1.ipynb of ben, saved 2026-11-02 10:00 UTC"),
        ("index.html", "Saved notebooks"),
    ):
        assert f"<title>{title}</title>" in found[page]
        assert f"<h1>{title}</h1>" in found[page]
        assert "script-src 'none'" in found[page]
    for address in ("day1/ann.html", "day1/ann.ipynb", "day1/ben.html", "day1/ben.ipynb"):
        assert f'<a href="{address}">' in found["index.html"]
    assert 'href="../notebook.css"' in found["day1/ann.html"]
    assert "script-src 'none'" in found["day1/ann.html"]
    assert "not a complete notebook" in found["day1/ben.html"]
    assert json.loads(found["dashboard.json"])["participants"] == 3
    everything = files(app.get("/notebooks/export?day=2026-11-02", headers=teacher))
    assert "other/ben.ipynb" in everything
    mine = files(app.get("/workshops/course/export?day=2026-11-02", headers=ann))
    assert [name for name in mine if "ben" in name] == []


def test_a_day_begins_earlier_in_the_east(app, teacher, ann):
    save(app, ann, "day1.ipynb", notebook("x"), timestamp="2026-11-02T23:30:00Z")
    address = "/workshops/course/export?day=2026-11-03"
    assert app.get(address, headers=teacher).status_code == 404
    assert "day1/ann.ipynb" in files(app.get(f"{address}&utc_offset=60", headers=teacher))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "day"),
        ("day=yesterday", "day"),
        ("day=0000-01-01", "day"),
        ("day=20261130", "day"),
        ("day=2026-02-30", "day"),
        ("day=2026-11-02&utc_offset=900", "utc_offset"),
        ("day=2026-11-02&utc_offset=x", "utc_offset"),
    ],
)
def test_a_wrong_day_is_refused(app, teacher, query, field):
    for address in ("/workshops/course/export", "/notebooks/export"):
        answer = app.get(f"{address}?{query}", headers=teacher)
        assert answer.status_code == 400
        assert field in answer.json()["detail"]


@pytest.mark.parametrize("day", ["0001-01-01", "0075-01-28", "9999-12-31"])
def test_nothing_was_saved_on_a_day_of_another_age(app, teacher, day):
    answer = app.get(f"/notebooks/export?day={day}&utc_offset=-840", headers=teacher)
    assert answer.status_code == 404


def test_a_notebook_has_a_number(app, teacher):
    for path in ("null/file", "1,2/file", "x", f"{'9' * 20}/file"):
        answer = app.get(f"/notebooks/{path}", headers=teacher)
        assert answer.status_code in (400, 404), answer.text


def test_names_in_the_zip_file_are_safe_and_different(app, teacher, fakehub):
    names = ["a\\b", "..", "A\\B", "ä ö", HOSTILE]
    for name in names:
        auth = fakehub.add_user(name).auth
        save(app, auth, "day1.ipynb", notebook(HOSTILE), timestamp="2026-11-02T10:00:00Z")
    found = files(app.get("/notebooks/export?day=2026-11-02", headers=teacher))
    pages = sorted(name for name in found if name.endswith(".html") and name != "index.html")
    assert len(pages) == len(names)
    assert "<svg onload" not in found["index.html"]
    for page in pages:
        assert page.count("/") == 1
        assert not set('\\:*?"<>|') & set(page)
        assert not page.rpartition("/")[2].startswith(".")
        assert "<svg onload" not in found[page]


def test_no_name_hides_the_files_of_the_export(app, teacher, ann):
    paths = ["Notebook.css", "dashboard.json", "INDEX.html", "con", "COM1.x", "-rf", "ä" * 120]
    for path in paths:
        at = "2026-11-02T10:00:00Z"
        save(app, ann, f"{path}.ipynb", notebook("x"), timestamp=at)
    found = files(app.get("/notebooks/export?day=2026-11-02", headers=teacher))
    folders = {name.partition("/")[0] for name in found if name.endswith(".ipynb")}
    assert folders == {
        *("Notebook.css-2", "dashboard.json-2", "INDEX.html-2", "_con", "_COM1.x", "_-rf"),
        "ä" * 100,
    }


def test_a_large_notebook_has_no_page(app, teacher, ann, mocker):
    mocker.patch.object(export, "MAX_SHOWN", 1000)
    save(app, ann, "day1.ipynb", notebook("x" * 1000), timestamp="2026-11-02T10:00:00Z")
    found = files(app.get("/notebooks/export?day=2026-11-02", headers=teacher))
    assert found["day1/ann.ipynb"] == notebook("x" * 1000)
    assert "too large for a page" in found["day1/ann.html"]
    assert '<a href="ann.ipynb">ann.ipynb</a>' in found["day1/ann.html"]


def test_an_export_has_a_bound(app, teacher, ann, ben, mocker):
    mocker.patch.object(export, "MAX_UNPACKED", 1000)
    save(app, ann, "day1.ipynb", notebook("x"), timestamp="2026-11-02T10:00:00Z")
    for path in ("day1.ipynb", "day2-a.ipynb"):
        save(app, ben, path, notebook("x" * 1000), timestamp="2026-11-02T10:00:00Z")
    found = files(app.get("/notebooks/export?day=2026-11-02", headers=teacher))
    assert [name for name in found if name.endswith(".ipynb")] == ["day1/ann.ipynb"]
    for filename in ("day1.ipynb", "day2-a.ipynb"):
        assert f"{filename} of ben, saved 2026-11-02 10:00 UTC" in found["left-out.txt"]
    assert found["index.html"].count("left out") == 2


async def test_one_export_of_a_viewer_is_made_at_a_time(mocker, tmp_path):
    style = tmp_path / "notebook.css"
    style.write_text("")
    exports = Exports(mocker.Mock(), mocker.Mock(), style)
    nothing = Dashboard(notebooks=[], participants=None, left_out=0)
    tina, ann = Viewer("tina", sees_all=True), Viewer("ann", sees_all=False)
    first = exports.zip(tina, nothing)
    with pytest.raises(TooManyRequests, match="export"):
        exports.zip(tina, nothing)
    assert exports.zip(ann, nothing)
    content = b"".join([part async for part in first])
    assert "index.html" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    again = exports.zip(tina, nothing)
    del again
    assert exports.zip(tina, nothing), "nobody wants that one any more"


def test_a_deleted_workshop_keeps_the_notebooks(app, teacher, ann):
    number = save(app, ann, "day1.ipynb", notebook("x"))
    assert app.delete("/workshops/course", headers=teacher).status_code == 204
    assert app.get(BOARD, headers=teacher).status_code == 404
    assert app.get(f"/notebooks/{number}", headers=teacher).status_code == 200
