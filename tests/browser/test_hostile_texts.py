"""Texts that hold HTML are shown as text: of experiments, links, files, spawners (A17, A18)."""

import json
from urllib.parse import quote

import pytest
from browser_site import expect_lab, launch, launched, make_site
from playwright.sync_api import expect
from xss_payloads import PAYLOADS

# those of one experiment; its link has to be shorter than the 4,094 bytes of gunicorn
GROUPS = [PAYLOADS[first : first + 5] for first in range(0, len(PAYLOADS), 5)]
NUMBERS = range(len(GROUPS))
PLACES = ("directory", "filename", "workspace", "server")
# a hub that says such things about a start
SPAWNER = f"""
PAYLOADS = {PAYLOADS!r}

class HostileSpawner(BrowserSpawner):
    async def progress(self):
        for payload in PAYLOADS:
            yield {{"progress": 20, "message": payload, "html_message": payload}}

    async def start(self):
        if self.user.name.startswith("hostile"):
            await asyncio.sleep(2)
            raise RuntimeError("image pull failed: " + "".join(PAYLOADS[:20]))
        return await super().start()

c.JupyterHub.spawner_class = HostileSpawner
"""


def hostile(number):
    """An experiment in which everything that can be text is one of the group's payloads."""
    properties, lines = {}, ['# %% tags=["parameters"]']
    for index, payload in enumerate(GROUPS[number]):
        values = [payload, f"{payload} 2"]
        text = {"type": "string", "title": payload, "description": payload, "default": payload}
        properties[f"text{index}"] = {**text, "example": payload}
        properties[f"plain{index}"] = {**text, "enum": values}
        lines += [f'text{index} = ""', f'plain{index} = ""']
    schema = {
        "title": title_of(number),
        "description": " ".join(GROUPS[number]),
        "properties": properties,
    }
    return f"x{number}", json.dumps(schema), "\n".join([*lines, "", "# %%", "print(text0)", ""])


def title_of(number):
    """The title of the experiment with that number."""
    return " ".join([*GROUPS[number], str(number)])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site whose experiments have hostile texts."""
    experiments = [hostile(number) for number in NUMBERS]
    made = make_site(tmp_path_factory.mktemp("hostile"), experiments, extra=SPAWNER)
    yield made.start()
    made.stop()


def assert_only_text(page):
    """No element of the page came from a text; the watch sees the rest."""
    odd = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) =>
            [...element.attributes].some((each) => each.name.startsWith("on")
              || /^\\s*javascript:/i.test(each.value)
                 && ["href", "src", "action", "xlink:href"].includes(each.name))
            || ["BASE", "OBJECT", "EMBED", "MARQUEE", "MATH", "X", "VIDEO", "STYLE"]
                 .includes(element.tagName.toUpperCase())
            || element.tagName === "SCRIPT" && !element.src
        ).map((element) => element.outerHTML)"""
    )
    assert odd == []


def test_there_are_enough_payloads():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 60


def test_titles_and_descriptions_are_text_on_the_home_page(make_page, site, watch):
    page = make_page("alice")
    page.goto("home/")
    cards = page.get_by_role("region", name="Experiments").get_by_role("heading", level=3)
    titles = set(cards.all_inner_texts())
    for number in NUMBERS:
        assert " ".join(title_of(number).split()) in titles
    assert_only_text(page)
    page.get_by_label("Search the experiments").fill("<script>alert(1)</script>")
    page.keyboard.press("Enter")
    page.wait_for_url("**/home/?q=*")
    assert_only_text(page)
    assert watch.dialogs == []


def link_to(number):
    """A link whose names and values are payloads of the group."""
    group = [quote(payload, safe="") for payload in GROUPS[number]]
    words = [f"p.{group[0]}={group[1]}", f"{group[1]}={group[0]}"]
    words += [f"{place}={text}" for place, text in zip(PLACES, group, strict=False)]
    for index, text in enumerate(group):
        words += [f"p.text{index}={text}", f"p.plain{index}={text}"]
    return f"launch/x{number}?{'&'.join(words)}"


@pytest.mark.parametrize("number", NUMBERS)
def test_texts_of_an_experiment_and_its_link_are_text(make_page, watch, number):
    page = make_page("alice")
    page.goto(link_to(number))
    expect(page.locator("h1")).to_contain_text(" ".join(title_of(number).split()))
    for index, payload in enumerate(GROUPS[number]):
        expect(page.locator(f"[name='/parameters/text{index}']")).to_have_value(payload)
    expect(page.locator("[name='/notebook/directory']")).to_have_value(GROUPS[number][0])
    assert_only_text(page)
    launch(page)
    expect(page.get_by_role("alert")).to_be_visible()
    assert_only_text(page)
    page.goto(f"launch/x{number}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    expect(page.frame_locator("iframe[sandbox]").locator("body")).to_contain_text("print(text0)")
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_role("heading", name="Share")).to_be_visible()
    assert_only_text(page)
    assert watch.dialogs == []


def test_what_a_spawner_says_is_text(make_page, site, watch):
    page = make_page("hostile-hugo")
    page.goto("launch/x0")
    launch(page)
    launched(page, site)
    expect(page.get_by_role("alert")).to_contain_text(PAYLOADS[0], timeout=60_000)
    assert_only_text(page)
    page.goto("home/")
    assert_only_text(page)
    assert watch.dialogs == []


def test_a_notebook_with_a_hostile_name_is_launched_and_listed_as_text(make_page, site, watch):
    name = "\"><img src=x onerror=alert(1)>'{{7*7}}.ipynb"
    page = make_page("ines")
    page.goto(f"launch/x1?directory={quote('<svg onload=alert(1)>')}&filename={quote(name)}")
    launch(page)
    begun = launched(page, site)
    expect_lab(page, "alert(1)", "onerror")
    page.goto(f"home/launches/{begun}")
    expect(page.get_by_role("main")).to_contain_text(name)
    assert_only_text(page)
    page.goto("home/")
    expect(page.get_by_role("main")).to_contain_text(name)
    assert_only_text(page)
    assert watch.dialogs == []


@pytest.mark.parametrize("path", ["home/", "launch/", "home/launches/", "home/sign-in?next="])
def test_an_address_with_html_is_text(make_page, path):
    page = make_page("alice")
    page.goto(f"{path}{quote('<script>alert(1)</script><img src=x onerror=alert(1)>')}")
    assert_only_text(page)
