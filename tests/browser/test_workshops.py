"""Workshops in a browser: made by a teacher, filled by participants, looked at, exported."""

import re
import zipfile

import pytest
import requests
from browser_axe import assert_looks_right
from browser_site import SPAWNER
from playwright.sync_api import expect
from saving import code, event, notebook
from site_of_launcher import sites
from workshop_site import WorkshopSite

NAMES = ["ann", "ben", "cem", "dora", "eve"]
LONG = "print('a line')\n" * 40


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a teacher, tina."""
    with sites(tmp_path_factory, WorkshopSite) as make:
        yield make(extra=SPAWNER)


def save(site, name, path, content=None, **fields):
    """Save a notebook, as a participant's server reports it."""
    headers = {"Authorization": f"token {site.hub.token_of(name)}"}
    body = event(path, content, **fields)
    answer = requests.post(f"{site.url}/events", json=body, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def workshop(site):
    """A workshop whose participants are at different places."""
    for name in NAMES:
        site.hub.add_user(name)
    headers = {"Authorization": f"token {site.hub.token_of('tina')}"}
    body = {"name": "python-2026", "title": "Python for beginners", "starts": None}
    body |= {"notebooks": ["day1-*.ipynb", "exam.ipynb"], "participants": {"users": NAMES}}
    answer = requests.post(f"{site.url}/workshops", json=body, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    path = "course/day1-loops.ipynb"
    done = [code(LONG, count=number) for number in range(1, 9)]
    save(site, "ann", path, notebook("# Loops", *done, code()))
    save(
        site, "ben", path, notebook("# Loops", code(count=1), code("y", error="NameError"), code())
    )
    save(site, "cem", path, "{")
    save(site, "dora", path, notebook(code()), timestamp="2026-11-02T10:00:00Z")
    return "home/workshops/python-2026"


def test_a_teacher_creates_a_workshop_and_corrects_it(make_page, site):
    page = make_page("tina", bypass_csp=True)
    page.goto("home/workshops")
    page.get_by_role("link", name="New workshop").click()
    page.get_by_label("Title").fill("R for beginners")
    page.locator("#name").fill("R 2026")
    page.get_by_label("Notebooks").fill("*.ipynb\nday1.ipynb")
    page.get_by_label("Begins").fill("2026-11-30T09:00")
    page.get_by_role("button", name="Create").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("would match every notebook")
    expect(alert).to_contain_text("must name a group, or users")
    expect(page.get_by_label("Title")).to_have_value("R for beginners")
    expect(page.get_by_label("Begins")).to_have_value("2026-11-30T09:00")
    assert_looks_right(page)
    page.locator("#name").fill("r-2026")
    page.get_by_label("Notebooks").fill("day1.ipynb")
    page.get_by_label("Users").fill("ann\nben")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("R for beginners")
    expect(page.get_by_role("main")).to_contain_text("2 have not saved it yet")
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Begins")).to_have_value("2026-11-30T09:00")
    page.get_by_label("Users").fill("ann")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("main")).to_contain_text("1 has not saved it yet")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="R for beginners")).to_have_count(0)


def test_the_dashboard_shows_where_everybody_is_and_follows_them(make_page, site, workshop):
    page = make_page("tina", bypass_csp=True)
    page.goto(workshop)
    main = page.get_by_role("main")
    expect(main).to_contain_text(
        "4 of 5 participants saved it, 1 with an error, 1 without a change"
    )
    expect(main).to_contain_text("8 of 9")
    expect(main).to_contain_text("cell 3: NameError")
    expect(main).to_contain_text("not a complete notebook")
    expect(main).to_contain_text("1 has not saved it yet")
    assert_looks_right(page)
    # without a reload
    save(site, "eve", "day1-loops.ipynb", notebook(code(count=1), code(count=2)))
    expect(page.get_by_role("link", name="eve")).to_be_visible(timeout=30_000)
    expect(main).to_contain_text("2 of 2", timeout=30_000)


def test_the_summary_shows_the_last_cells_of_everybody(make_page, site, workshop):
    page = make_page("tina", bypass_csp=True)
    page.goto(workshop)
    page.get_by_role("link", name="Summary of day1-loops.ipynb").click()
    expect(page.get_by_role("heading", level=2, name="ann")).to_be_visible()
    frame = page.frame_locator("iframe[title='Last cells of ben']").locator("body")
    expect(frame).to_contain_text("NameError")
    page.get_by_label("Last cells").select_option("1")
    page.get_by_role("button", name="Show").click()
    expect(frame).not_to_contain_text("NameError")
    broken = page.frame_locator("iframe[title='Last cells of cem']").locator("body")
    expect(broken).to_contain_text("not a complete notebook")
    assert_looks_right(page)
    new = page.get_by_role("link", name="Show the new saves")
    expect(new).to_be_hidden()
    save(site, "ben", "course/day1-loops.ipynb", notebook("# Solved", code(count=1)))
    expect(page.get_by_role("status")).to_contain_text("Saved since: ben.", timeout=30_000)
    assert_looks_right(page)
    new.click()
    page.get_by_label("Last cells").select_option("5")
    page.get_by_role("button", name="Show").click()
    expect(frame).to_contain_text("Solved")
    save(site, "ben", "course/day1-loops.ipynb", notebook("# Loops", code("y", error="NameError")))


def test_a_notebook_of_a_participant_has_a_summary_too(make_page, site, workshop):
    page = make_page("tina", bypass_csp=True)
    page.goto(workshop)
    page.get_by_role("link", name="ben").click()
    page.get_by_role("link", name="Last cells").click()
    frame = page.frame_locator("iframe[sandbox]").locator("body")
    expect(frame).to_contain_text("NameError")
    assert_looks_right(page)


def test_the_notebooks_of_a_day_are_downloaded(make_page, site, workshop):
    page = make_page("tina")
    page.goto(workshop)
    expect(page.get_by_label("Download the notebooks of")).to_have_value(
        re.compile(r"\d{4}-\d\d-\d\d")
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert "day1-loops/ann.html" in names
    page.get_by_label("Download the notebooks of").fill("2020-01-01")
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("alert")).to_contain_text("No notebook was saved on 2020-01-01")
    expect(page.get_by_role("heading", level=1)).to_have_text("Python for beginners")


def test_participants_see_their_own(make_page, site, workshop):
    page = make_page("ann", bypass_csp=True)
    page.goto("home/workshops")
    assert_looks_right(page)
    page.get_by_role("link", name="Python for beginners").click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("Your teachers see these notebooks")
    expect(main).to_contain_text("8 of 9")
    expect(main).not_to_contain_text("ben")
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    assert_looks_right(page)


def test_three_hundred_participants_can_be_read(make_page, site):
    headers = {"Authorization": f"token {site.hub.token_of('tina')}"}
    names = [f"participant-{number:03}" for number in range(300)]
    body = {"name": "many", "title": "Many", "notebooks": ["many.ipynb"]}
    body["participants"] = {"users": names}
    answer = requests.post(f"{site.url}/workshops", json=body, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    for name in names[:290]:
        one = {**event("many.ipynb"), "user": name}
        answer = requests.post(f"{site.url}/events", json=one, headers=headers, timeout=30)
        assert answer.status_code == 201
    page = make_page("tina", bypass_csp=True)
    page.goto("home/workshops/many")
    expect(page.get_by_role("row")).to_have_count(291)
    expect(page.get_by_role("main")).to_contain_text("10 have not saved it yet")
    assert_looks_right(page)
