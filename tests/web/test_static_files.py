"""Static files: our own, and the look of the hub's pages."""

import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from jupyterhub._data import DATA_FILES_PATH

from launcher.web import static_files

PREFIX = "/services/launcher"
OWN = sorted(path.name for path in static_files.OWN.iterdir())
HUB = sorted(static_files.HUB)
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@pytest.fixture
def site(start_app):
    """The application below a prefix."""
    return start_app({"BASE_PATH": PREFIX})


@pytest.mark.parametrize("name", [*OWN, *HUB])
def test_a_file_is_served_with_its_type(site, name):
    address = static_files.url(PREFIX, name)
    answer = site.get(address)
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    kind = TYPES.get(Path(name).suffix, answer.headers["content-type"])
    assert answer.headers["content-type"] == kind
    head = site.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.content))


def test_the_address_of_a_page_changes_with_the_file_which_is_kept_for_a_year(site):
    address = static_files.url(PREFIX, "form.js")
    assert re.fullmatch(rf"{PREFIX}/static/form\.js\?v=[0-9a-f]{{12}}", address)
    assert site.get(address).headers["cache-control"] == "public, max-age=31536000, immutable"
    unversioned = site.get(f"{PREFIX}/static/form.js")
    assert unversioned.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": unversioned.headers["etag"]}
    assert site.get(f"{PREFIX}/static/form.js", headers=known).status_code in (200, 304)


def test_only_what_portals_load_may_be_loaded_by_other_origins(site):
    for name in [*OWN, *HUB]:
        headers = site.get(static_files.url(PREFIX, name)).headers
        policy = headers["cross-origin-resource-policy"]
        if name in ("launcher.js", "poll.js", "badge.svg"):
            assert (policy, headers["access-control-allow-origin"]) == ("cross-origin", "*")
            assert headers["cache-control"] == "public, max-age=600"
        else:
            assert "access-control-allow-origin" not in headers
            assert policy == ("cross-origin" if name == "notebook.css" else "same-origin")


def test_the_hubs_style_sheets_find_what_they_refer_to(site):
    """Except what they say for another font than that of the icons in use."""
    for name in (name for name in HUB if name.endswith(".css")):
        text = (Path(DATA_FILES_PATH) / static_files.HUB[name]).read_text(encoding="utf-8")
        here = f"{PREFIX}/static/{name}"
        imports = re.findall(r'@import ?(?:url\()?"?([^");]+\.css)', text)
        fonts = re.findall(r"url\(\"?([^)\"]+\.woff2)", text)
        for reference in imports + [font for font in fonts if "solid" in font]:
            address = urljoin(here, reference)
            assert not urlsplit(address).netloc
            assert site.get(address).status_code == 200, address


@pytest.mark.parametrize(
    "path",
    ["", "/", "none.js", ".hidden", "../pages.py", "%2e%2e/pages.py", "..%2fpages.py",
     "%2e%2e%2f%2e%2e%2fapp.py", "..%5cpages.py", "jupyterhub/", "jupyterhub/css",
     "jupyterhub/css/style.min.css.map", "jupyterhub/js/home.js", "jupyterhub/%2e%2e/launcher.js",
     "jupyterhub/%2e%2e/%2e%2e/templates/page.html", "%00", "launcher.js%00", "launcher.js/",
     "//etc/passwd", "%2fetc%2fpasswd", "LAUNCHER.JS", pytest.param("x" * 5000, id="long")],
)  # fmt: skip
def test_nothing_else_is_served(site, path):
    answer = site.get(f"{PREFIX}/static/{path}")
    assert answer.status_code in (400, 404)
    assert "etag" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_file_can_only_be_read(site, method):
    assert site.request(method, f"{PREFIX}/static/launcher.js").status_code in (404, 405)
