"""How pages look: light, dark, on a phone and on a desk.

Faults of accessibility are found by axe-core (https://github.com/dequelabs/axe-core).
"""

import functools
import shutil
from pathlib import Path

SERIOUS = ("serious", "critical")
WIDTHS = (360, 1280, 1600)
# of a frame whose sandbox permits no script, axe would wait for an answer
RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"], iframes: false});
  return found.violations.map(({id, impact, help, nodes}) => (
    {id, impact, help, nodes: nodes.map((node) => node.html.slice(0, 200))}
  ));
}"""


@functools.cache
def source():
    """The script of axe-core, which deploy/install.py puts beside the hub's proxy."""
    command = shutil.which("configurable-http-proxy")
    assert command, "node_modules/.bin is not in PATH"
    return (Path(command).parent.parent / "axe-core/axe.min.js").read_text(encoding="utf-8")


def faults(page, impacts=SERIOUS):
    """The faults of the page as lines of text."""
    if not page.evaluate("() => Boolean(window.axe)"):
        # not in the page's source, so its policy does not apply
        page.evaluate(f"() => {{ {source()} }}")
    return [
        f"{fault['impact']} {fault['id']}: {fault['help']}: {fault['nodes']}"
        for fault in page.evaluate(RUN)
        if fault["impact"] in impacts
    ]


def assert_accessible(page):
    """Fail if axe has serious or critical findings in the page."""
    found = faults(page)
    assert not found, "\n".join([page.url, *found])


def assert_looks_right(page):
    """Fail if the page, light or dark, has findings, or if it does not fit a phone or a desk."""
    for colours in ("dark", "light"):
        # with less motion, colours change at once
        page.emulate_media(color_scheme=colours, reduced_motion="reduce")
        assert_accessible(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert_fits(page)


def assert_fits(page):
    """Fail if the page has to be scrolled sideways."""
    width, wanted = page.evaluate(
        "() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]"
    )
    assert wanted <= width, f"{page.url}: {wanted} px in a window of {width} px"
