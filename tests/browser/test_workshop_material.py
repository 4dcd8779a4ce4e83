"""The page of a workshop: a teacher gives a notebook to the class, who open it in JupyterLab."""

import pytest
import requests
from browser_axe import assert_looks_right
from browser_site import SPAWNER
from playwright.sync_api import expect
from site_of_launcher import sites
from workshop_material import WORKSHOP, notebook
from workshop_site import WorkshopSite

PAGE = "home/workshops/python-2026"
CLASS = f"{PAGE}/class"
# as JupyterLab saves it; without a kernel it would ask for one
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a workshop of tina's, in which ann and ben take part."""
    with sites(tmp_path_factory, WorkshopSite) as make:
        made = make(extra=SPAWNER)
        for name in ("ann", "ben"):
            made.hub.add_user(name)
        assert (
            made.participant("tina").save("exam.ipynb", notebook("6 * 7", metadata=KERNEL)) == 201
        )
        auth = {"Authorization": f"token {made.hub.token_of('tina')}"}
        answer = requests.post(f"{made.url}/workshops", json=WORKSHOP, headers=auth, timeout=30)
        assert answer.status_code == 201, answer.text
        yield made


def publish(teacher, path):
    teacher.goto(CLASS)
    teacher.get_by_label("Path in your home").fill(path)
    teacher.get_by_role("button", name="Publish").click()


def test_a_teacher_publishes_and_a_participant_opens_it_in_jupyterlab(make_page, site):
    teacher = make_page("tina", width=360, bypass_csp=True)
    publish(teacher, "missing/exam.ipynb")
    expect(teacher.get_by_role("alert")).to_contain_text("There is no file missing/exam.ipynb")
    assert_looks_right(teacher)
    publish(teacher, "exam.ipynb")
    expect(teacher.get_by_role("main")).to_contain_text("1 code cell")
    assert_looks_right(teacher)
    ann = make_page("ann", width=360, bypass_csp=True)
    ann.goto(PAGE)
    assert_looks_right(ann)
    ann.get_by_role("button", name="Open exam.ipynb").click()
    cell = ann.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    expect(cell).to_contain_text("6 * 7", timeout=90_000)
    again = make_page("ann")
    again.goto(PAGE)
    expect(again.get_by_role("link", name="Open again exam.ipynb")).to_be_visible()
    expect(again.get_by_role("button", name="Fresh copy exam.ipynb")).to_be_visible()


def test_a_teacher_opens_it_for_everybody_and_sees_who_has_it_open(make_page, site):
    teacher = make_page("tina", width=360, bypass_csp=True)
    publish(teacher, "exam.ipynb")
    teacher.get_by_role("button", name="Put it into everybody's home").click()
    # without a reload
    expect(teacher.get_by_role("status")).to_contain_text("has a copy: 2", timeout=90_000)
    assert_looks_right(teacher)
    ben = make_page("ben")
    ben.goto("home/")
    ben.get_by_role("link", name="Open exam.ipynb of python-2026").first.click()
    expect(ben.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible(timeout=90_000)
    row = teacher.get_by_role("row", name="ben")
    expect(row).to_contain_text("yes", timeout=60_000)
