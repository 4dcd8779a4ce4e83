"""Saved notebooks full of scripts, in the pages of the launcher and in its exports (A17)."""

import json
import re
import zipfile

import pytest
import requests
from browser_site import SPAWNER
from browser_watch import OWN_SCHEMES
from hostile_notebooks import ALL, notebook_of
from playwright.sync_api import Error, expect
from saving import event, noon
from site_of_launcher import sites
from workshop_site import WorkshopSite

# of one notebook: each payload is that of another participant, all of them are on one page
GROUPS = [range(first, min(first + 20, len(ALL))) for first in range(0, len(ALL), 20)]


def name_of(group):
    """A filename with payloads, as far as a filename can have them."""
    text = re.sub(r"[/\\*?\[\]\x00-\x1f]", "", f"{ALL[group[0]]}{ALL[group[-1]]}")
    return f"{text.strip()[:120]}{group[0]}.ipynb"


def user_of(number):
    """The participant with that payload: their name is one, too."""
    text = ALL[number]
    return text if text.isprintable() and len(text) < 200 else f"participant-{number}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A workshop whose participants have saved all payloads."""
    with sites(tmp_path_factory, WorkshopSite) as make:
        made = make(extra=SPAWNER)
        with requests.Session() as teacher:
            teacher.headers["Authorization"] = f"token {made.hub.token_of('tina')}"
            body = {"name": "course", "title": "".join(ALL)[:200]}
            body["participants"] = {"users": [user_of(number) for number in range(len(ALL))]}
            # patterns have no other wildcards: a name with brackets would be one
            body["notebooks"] = [name_of(group) for group in GROUPS]
            post(teacher, f"{made.url}/workshops", body)
            for group in GROUPS:
                for number in group:
                    content = json.dumps(notebook_of(ALL[number]))
                    one = event(name_of(group), content, user=user_of(number))
                    post(teacher, f"{made.url}/events", one)
        yield made


def post(session, url, body):
    answer = session.post(url, json=body, timeout=60)
    assert answer.status_code == 201, answer.text


@pytest.fixture
def page(make_page):
    """A window of the teacher, so high that no frame waits until it is scrolled to."""
    return make_page("tina", height=16_000)


def documents(page, group):
    """The frames of the page, once each shows its notebook."""
    frames = page.locator("iframe")
    expect(frames).to_have_count(len(group))
    for number in range(len(group)):
        body = frames.nth(number).content_frame.locator("body.notebook")
        expect(body).to_contain_text("x")
    return page.frames[1:]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_nothing_of_a_saved_notebook_runs_or_loads(page, watch, group):
    page.goto("home/workshops/course/summary")
    page.get_by_label("Notebook", exact=True).select_option(name_of(group))
    page.get_by_role("button", name="Show").click()
    headings = page.get_by_role("heading", level=2)
    expect(headings).to_have_count(len(group))
    users = {" ".join(user_of(number).split()) for number in group}
    assert {" ".join(text.split()) for text in headings.all_inner_texts()} == users
    assert_without_origin(documents(page, group))
    # and whole, in the same frames
    page.evaluate(
        "document.querySelectorAll('iframe').forEach(it => { it.src = it.src.split('?')[0]; })"
    )
    for frame in page.frames[1:]:
        frame.wait_for_url(lambda url: "?" not in url)
    assert_without_origin(documents(page, group))
    assert (watch.dialogs, watch.unexpected()) == ([], [])


def assert_without_origin(frames):
    for frame in frames:
        assert frame.evaluate("window.origin") == "null"
        with pytest.raises(Error, match="SecurityError"):
            frame.evaluate("document.cookie")


def test_the_lists_show_names_as_text(page, watch):
    for address in ("home/workshops", "home/workshops/course", "home/notebooks"):
        page.goto(address)
        expect(page.get_by_role("main")).to_contain_text("alert(1)")
    assert (watch.dialogs, watch.unexpected()) == ([], [])


def test_a_document_in_a_window_of_its_own_has_no_origin_and_no_script(page, watch):
    page.goto("home/notebooks")
    addresses = page.evaluate("[...document.querySelectorAll('main a')].map(it => it.href)")
    first = next(filter(None, (re.match(r".*/home/notebooks/\d+", each) for each in addresses)))
    page.goto(f"{first[0]}/document")
    expect(page.locator("body.notebook")).to_contain_text("x")
    assert_without_origin([page.main_frame])
    assert (watch.dialogs, watch.unexpected()) == ([], [])


def test_exported_pages_run_and_load_nothing(browser, site, tmp_path):
    headers = {"Authorization": f"token {site.hub.token_of('tina')}"}
    address = f"{site.url}/workshops/course/export?{noon()}"
    (tmp_path / "export.zip").write_bytes(requests.get(address, headers=headers).content)
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        archive.extractall(tmp_path / "export")
    pages = sorted((tmp_path / "export").glob("*/*.html"))
    assert len(pages) == len(ALL)
    context = browser.new_context()
    dialogs, asked = [], []
    context.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    for each in pages:
        page.goto(each.as_uri(), wait_until="load")
        expect(page.locator("body.notebook")).to_contain_text("x")
        assert dialogs == [], each
    # the control: what has no protection runs here, too
    (tmp_path / "export" / "unsafe.html").write_text(f"<!DOCTYPE html><body>{ALL[0]}")
    page.goto((tmp_path / "export" / "unsafe.html").as_uri())
    assert dialogs == ["1"]
    page.goto(pages[0].as_uri())
    own = (tmp_path / "export").as_uri() + "/"
    assert [url for url in asked if not url.startswith((own, *OWN_SCHEMES))] == []
    style = page.locator("body.notebook").evaluate("e => getComputedStyle(e).fontFamily")
    assert "system-ui" in style or "sans-serif" in style
    context.close()
