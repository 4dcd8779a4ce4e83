"""The page Notebooks: saved in JupyterLab, seen by the teacher, deleted by its owner."""

import json
import re

import pytest
from browser_axe import assert_looks_right
from browser_site import SPAWNER
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, output_from_msg
from playwright.sync_api import expect
from site_of_launcher import sites
from workshop_site import WorkshopSite

PATH = "course/day1.ipynb"
# without one, JupyterLab asks for a kernel
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a teacher, tina."""
    with sites(tmp_path_factory, WorkshopSite) as make:
        yield make(extra=SPAWNER)


def notebook(text):
    """A notebook with a cell that ran, and hostile outputs."""
    data = {"text/html": SCRIPT, "text/plain": "x"}
    message = {"header": {"msg_type": "display_data"}, "content": {"data": data, "metadata": {}}}
    code = new_code_cell("1 + 1", execution_count=1, outputs=[output_from_msg(message)])
    return new_notebook(cells=[new_markdown_cell(text), code], metadata=KERNEL)


def shown(page):
    """The notebook in the frame."""
    return page.frame_locator("iframe[sandbox]").locator("body.notebook")


def test_what_is_saved_in_jupyterlab_is_seen_by_the_teacher(make_page, site):
    ann = site.participant("ann")
    home = site.hub.home("ann") / PATH
    home.parent.mkdir(parents=True)
    home.write_text(json.dumps(notebook("# Nothing yet")))
    teacher = make_page("tina")
    teacher.goto("home/notebooks")
    expect(teacher.get_by_role("main")).to_contain_text("No notebook was saved yet")
    page = make_page(ann.name)
    page.goto(f"{site.hub.url}/user/ann/lab/tree/{PATH}")
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    cell.wait_for(timeout=90_000)
    cell.click()
    page.keyboard.press("End")
    page.keyboard.type(" + 40")
    page.keyboard.press("Control+s")
    # without a reload
    link = teacher.get_by_role("link", name="ann")
    expect(link).to_be_visible(timeout=60_000)
    link.click()
    expect(teacher.get_by_role("heading", level=1)).to_have_text("day1.ipynb of ann")
    expect(shown(teacher)).to_contain_text(re.compile(r"1 \+ 1\s*\+ 40"))


def test_hostile_notebooks_are_seen_and_run_nothing(make_page, site, watch):
    site.participant("mallory").save("evil.ipynb", notebook(SCRIPT))
    page = make_page("tina")
    page.goto("home/notebooks")
    page.get_by_role("link", name="mallory").click()
    expect(shown(page)).to_contain_text("1 + 1")
    assert watch.dialogs == []


def test_participants_see_what_is_kept_and_delete_it(make_page, site):
    ben = site.participant("ben")
    for number in range(2):
        ben.save("own.ipynb", notebook(f"save {number}"))
    page = make_page("ben", width=360, bypass_csp=True)
    page.goto("home/notebooks")
    expect(page.get_by_role("main")).to_contain_text("Your teachers see these notebooks")
    expect(page.get_by_role("link", name="own.ipynb")).to_be_visible(timeout=30_000)
    assert_looks_right(page)
    page.get_by_role("link", name="own.ipynb").click()
    expect(shown(page)).to_contain_text("save 1")
    assert_looks_right(page)
    page.get_by_role("button", name="Delete the copies").click()
    expect(page.get_by_role("main")).to_contain_text("None yet")


def test_the_teachers_pages_are_accessible_and_fit_a_phone(make_page, site):
    site.participant("cleo").save("a-rather-long-name-of-a-notebook-of-day-1.ipynb", notebook("x"))
    page = make_page("tina", width=360, bypass_csp=True)
    page.goto("home/notebooks")
    link = page.get_by_role("link", name="cleo")
    expect(link).to_be_visible(timeout=30_000)
    assert_looks_right(page)
    link.click()
    assert_looks_right(page)
