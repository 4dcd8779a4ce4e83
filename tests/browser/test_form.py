"""An experiment's form, as people fill it in: wrongly and rightly, with and without JavaScript."""

import pytest
from browser_site import launch, launched, wait
from playwright.sync_api import expect

SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
WHEN = "2000-01-31T12:30:00Z"


def fill_in(page, **values):
    """Fill in fields by their labels, as people find them."""
    for label, value in values.items():
        page.get_by_label(label, exact=False).first.fill(value)


@SCRIPTS
def test_wrong_values_are_explained_at_their_fields_and_kept(make_page, watch, javascript):
    page = make_page("alice", javascript=javascript)
    page.goto("launch/fields")
    fill_in(page, Depth="0", Start="yesterday", Name="kept")
    launch(page)
    problems = page.get_by_role("alert")
    expect(problems).to_contain_text("Depth must be 1 or more.")
    expect(problems).to_contain_text("Start must be a date")
    for label, value in {"Depth": "0", "Start": "yesterday", "Name": "kept"}.items():
        expect(page.get_by_label(label).first).to_have_value(value)
    depth = page.get_by_label("Depth").first
    expect(depth).to_have_attribute("aria-invalid", "true")
    described = depth.get_attribute("aria-describedby").split()
    texts = [page.locator(f"[id='{each}']").inner_text() for each in described]
    assert "Depth must be 1 or more." in " ".join(texts)
    expect(page.get_by_label("Name").first).not_to_have_attribute("aria-invalid", "true")


def test_the_summary_has_the_focus_and_leads_to_the_field(page):
    page.goto("launch/fields")
    fill_in(page, Depth="0", Start="yesterday")
    launch(page)
    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Depth").first).to_be_focused()


@SCRIPTS
def test_a_form_that_was_corrected_launches_what_was_typed(make_page, site, javascript):
    user = f"slow-form-{'with' if javascript else 'without'}"
    page = make_page(user, javascript=javascript)
    page.goto("launch/fields")
    launch(page)
    expect(page.get_by_role("alert")).to_contain_text("Depth has to be filled in")
    fill_in(page, Depth="7", Start=WHEN)
    page.get_by_role("button", name="Add a row to Tags").click()
    page.locator("[name='/parameters/tags/0']").fill("first")
    page.get_by_role("button", name="Add a row to Tags").click()
    page.locator("[name='/parameters/tags/1']").fill("second")
    page.get_by_role("button", name="Remove this row of Tags").first.click()
    page.get_by_label("Colour").select_option("blue")
    launch(page)
    launched(page, site)
    path = "experiments/fields.ipynb"
    home = site.hub.home(user)
    wait(page, lambda: (home / path).exists())
    [cell] = [
        cell
        for cell in site.hub.notebook(user, path)["cells"]
        if "injected-parameters" in cell["metadata"].get("tags", [])
        or "parameters" in cell["metadata"].get("tags", [])
    ][-1:]
    source = "".join(cell["source"])
    assert "depth = 7" in source
    assert "'second'" in source
    assert "first" not in source
    assert "'blue'" in source


def test_a_form_can_be_used_with_the_keyboard_alone(make_page, site):
    page = make_page("slow-keyboard")
    page.goto("launch/fields")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "/parameters/depth":
            break
    expect(page.get_by_label("Depth").first).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Tab")
    page.keyboard.type(WHEN)
    page.keyboard.press("Enter")
    launched(page, site)


# whether there is an outline with a contrast of 3:1 to what is behind it (WCAG 1.4.11)
HAS_RING = """(element) => {
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => {
            const value = part / 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const style = getComputedStyle(element);
    let behind = element.parentElement;
    while (getComputedStyle(behind).backgroundColor.endsWith(", 0)")) behind = behind.parentElement;
    const two = [style.outlineColor, getComputedStyle(behind).backgroundColor].map(light);
    return style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2 &&
        Math.max(...two) / Math.min(...two) >= 3;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_that_can_be_used_shows_when_it_has_the_focus(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto("launch/fields")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        element = page.evaluate(
            f"""() => {{
                const element = document.activeElement;
                const box = element.getBoundingClientRect();
                return [element.tagName + element.id + element.name + element.textContent,
                        box.width > 1 && box.height > 1,
                        element === document.body || ({HAS_RING})(element)];
            }}"""
        )
        name, visible, shown = element
        if name.startswith("BODY"):
            break
        assert visible, f"{name} has the focus and cannot be seen"
        assert shown, f"{name} has the focus and does not show it"
        seen.add(name)
    assert len(seen) > 15


@SCRIPTS
def test_the_preview_shows_the_notebook_and_starts_nothing(make_page, site, javascript):
    page = make_page("previewer", javascript=javascript)
    page.goto("launch/fields")
    fill_in(page, Depth="4", Start=WHEN)
    page.get_by_role("button", name="Preview").click()
    frame = page.frame_locator("iframe[sandbox]")
    expect(frame.get_by_role("heading", name="Fields")).to_be_visible()
    expect(frame.locator("body")).to_contain_text("depth = 4")
    expect(page.get_by_label("Depth").first).to_have_value("4")
    if javascript:
        assert page.evaluate("document.querySelector('iframe').contentDocument") is None
    assert not site.hub.servers("previewer")
    assert not (site.hub.home("previewer") / "experiments").exists()


def test_what_is_shared_opens_the_form_as_it_was(make_page, site):
    page = make_page("alice")
    page.goto("launch/fields")
    fill_in(page, Depth="4", Start=WHEN, Name="a name & more = ?#", Factor="0.5", Code="A1")
    page.get_by_label("Exact").check()
    page.get_by_role("button", name="Share", exact=True).click()
    link = page.get_by_label("Link", exact=True).input_value()
    assert link.startswith(f"{site.url}/launch/fields?")
    other = make_page("bob")
    other.goto(link)
    values = "els => els.map((e) => [e.name, e.type === 'checkbox' ? e.checked : e.value])"
    fields = "form[data-form] [name^='/'], form[data-form] select"
    assert other.locator(fields).evaluate_all(values) == page.locator(fields).evaluate_all(values)
    for label in ("Badge", "curl", "Python"):
        assert "fields" in page.get_by_label(label).input_value()


def test_the_place_of_the_notebook_is_folded_away_and_opens_for_its_error(page):
    page.goto("launch/hello")
    folder = page.get_by_label("Folder")
    expect(folder).to_be_hidden()
    page.locator("summary").click()
    folder.fill("../elsewhere")
    launch(page)
    expect(page.get_by_role("alert")).to_contain_text("Folder")
    expect(page.get_by_label("Folder")).to_be_visible()
    expect(page.get_by_label("Folder")).to_have_value("../elsewhere")
