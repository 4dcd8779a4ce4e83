"""A workshop on a real hub: what a participant saves, their teacher sees."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from site_of_launcher import Person, sites
from waiting import wait_until
from workshop_site import WorkshopSite


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A real hub with the launcher's side, and the save hook in its servers."""
    with sites(tmp_path_factory, WorkshopSite) as make:
        yield make()


@pytest.fixture(scope="module")
def ann(site):
    return site.participant("ann")


@pytest.fixture(scope="module")
def tina(site):
    """The teacher, signed in to the hub."""
    return Person(site, "tina").log_in()


def notebook(text):
    return new_notebook(cells=[new_markdown_cell(text), new_code_cell("1 + 1")])


def saved(site, path, teacher="tina"):
    """The event of a notebook, once it is there."""

    def look():
        return [each for each in site.events_for(teacher) if each["path"] == path]

    [event] = wait_until(look, f"the event of {path}")
    return event


def test_a_participant_saves_a_notebook_and_the_teacher_sees_it(site, ann, tina):
    assert ann.save("day1.ipynb", notebook("# My answer is 42")) == 201
    event = saved(site, "day1.ipynb")
    assert (event["user"], event["type"]) == ("ann", "save-notebook")
    page = tina.page("/home/notebooks").text
    assert "ann" in page
    assert f"/home/notebooks/{event['id']}" in page
    document = tina.page(f"/home/notebooks/{event['id']}/document")
    assert "My answer is 42" in document.text
    assert ann.save("day1.ipynb", notebook("# Or is it 43?")) == 200
    wait_until(
        lambda: "43?" in tina.page(f"/home/notebooks/{event['id']}/document").text,
        "the second save",
    )


def test_another_participant_sees_nothing_of_it(site, ann):
    ann.save("own.ipynb", notebook("mine"))
    event = saved(site, "own.ipynb")
    assert site.events_for("mallory") == []
    mallory = Person(site, "mallory").log_in()
    assert "ann" not in mallory.page("/home/notebooks").text
    assert mallory.page(f"/home/notebooks/{event['id']}").status_code == 404


def test_no_save_fails_and_no_event_is_lost_while_the_launcher_is_away(site, ann):
    site.launcher.stop()
    try:
        for number in range(3):
            assert ann.save(f"away{number}.ipynb", notebook("x")) == 201
    finally:
        site.launcher.start()
    for number in range(3):
        saved(site, f"away{number}.ipynb")


def test_a_private_notebook_stays_with_its_owner(site, ann):
    secret = notebook("x")
    secret.cells[0].metadata["tags"] = ["private"]
    assert ann.save("private-diary.ipynb", notebook("x")) == 201
    assert ann.save("tagged.ipynb", secret) == 201
    ann.save("after.ipynb", notebook("x"))
    saved(site, "after.ipynb")
    paths = {each["path"] for each in site.events_for("tina")}
    assert not {"private-diary.ipynb", "tagged.ipynb"} & paths
