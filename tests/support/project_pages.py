"""The form of a project as a browser sends it, and what its page says."""

import html
import re

from visiting import text_of

PAGE = "/home/projects"
OPTIONS = {
    "cpu_request": {
        "order": 1, "displayName": "CPUs", "type": "enum", "default": 0.5, "options": [0.5, 1, 2],
    },
    "mem_request": {
        "order": 2, "displayName": "Memory", "type": "int", "default": "1G", "range": ["1G", "8G"],
    },
    "lfs_auto_fetch": {
        "order": 3, "displayName": "Fetch large files", "type": "boolean", "default": False,
    },
}  # fmt: skip


def filled(git, path="group/open", action="start", **changed):
    """What a browser sends for the form."""
    form = {"/repository": f"{git.url}/{path}", "/ref": "", "/follow": "", "/notebook": ""}
    form |= {"/serverOptions/cpu_request": "0.5", "/serverOptions/mem_request": "1G"}
    return {"action": action, **form, **{f"/{name}": text for name, text in changed.items()}}


def error_at(page, name):
    """The sentences at a field."""
    found = re.search(rf'data-pointer="{re.escape(name)}">(.*?)</div></div>', page.text, re.DOTALL)
    assert found, text_of(page)
    return html.unescape(re.sub(r"<[^>]*>", "", found[1]))


def form(visitor, query):
    """The form that a link leads to."""
    led = visitor.get(f"/launch/?{query}")
    assert led.status_code == 303
    return visitor.get(led.headers["location"])
