"""A room of participants with real servers: what they saved is shown and kept."""

import io
import zipfile

import pytest
import room as rooms
from hostile_notebooks import Document
from saving import noon
from site_of_launcher import Person, sites
from waiting import at_once, in_background

pytestmark = pytest.mark.slow

# a save is tried again after 32 s at most here; then the 50 MB are read once more
SECONDS = 240


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A room in which six participants saved, also while the launcher was away."""
    with sites(tmp_path_factory, rooms.Room) as make:
        made = make()
        made.enter(6)

        def all_save(_=None):
            at_once(6, lambda number: made.members[number].save())

        all_save()
        with in_background(lambda: made.launcher.stop() or True):
            all_save()
        all_save()
        made.launcher.start()
        all_save()
        made.relay.open(made.launcher.origin)
        yield made


@pytest.fixture(scope="module")
def rows(room):
    """The dashboard, once it is right."""
    room.wait_until_right(SECONDS)
    return room.rows()


@pytest.fixture(scope="module")
def tina(room):
    """The teacher, signed in to the hub."""
    return Person(room, "tina").log_in()


def test_no_save_failed(room):
    assert room.failed() == []


def test_every_last_save_is_on_the_dashboard(room, rows):
    assert sorted(rows) == sorted(each.name for each in room.members)
    assert rows["hostile"]["first_error"]["name"]
    assert "too large" in rows["large"]["problem"]


def test_the_page_of_each_notebook_has_no_script(room, rows, tina):
    for member in room.members:
        number = rows[member.name]["id"]
        page = tina.page(f"/home/notebooks/{number}")
        assert f"{rooms.FILENAME} of {member.name}" in " ".join(page.text.split())
        for save in room.get(f"/notebooks/{number}").json()["saves"]:
            for view in ("", "&cells=10&lines=25"):
                address = f"/home/notebooks/{number}/document?save={save['id']}{view}"
                document = tina.page(address)
                assert document.status_code == (200 if save["has_content"] else 404)
                assert document.headers["content-security-policy"].startswith("sandbox;")
                assert Document(document.text).wrong == []


def test_the_export_has_each_participant(room, rows):
    answer = room.get(f"/workshops/{rooms.NAME}/export?{noon()}")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    for member in room.members:
        page = archive.read(f"day1/{member.name}.html").decode()
        assert Document(page).wrong == []
        if member.name == "large":
            assert "too large" in page
        else:
            assert archive.read(f"day1/{member.name}.ipynb") == member.saved()
