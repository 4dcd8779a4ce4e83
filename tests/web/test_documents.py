"""The headers of every answer that has texts of users as HTML, or as a file (A17)."""

import pytest
from saving import notebook, save
from visiting import HOSTILE, Visitor

from launcher.web import content_security

PAGE = "/home/notebooks"
# the address of a document, and its status
DOCUMENTS = {
    "whole": (f"{PAGE}/{{right}}/document", 200),
    "summary": (f"{PAGE}/{{right}}/document?cells=3&lines=5", 200),
    "summary with wrong numbers": (f"{PAGE}/{{right}}/document?cells=x&lines=-1", 200),
    "earlier save": (f"{PAGE}/{{right}}/document?save={{first}}", 200),
    "summary of an earlier save": (f"{PAGE}/{{right}}/document?save={{first}}&cells=1", 200),
    "unknown save": (f"{PAGE}/{{right}}/document?save=999&cells=1", 404),
    "broken": (f"{PAGE}/{{broken}}/document", 422),
    "summary of a broken one": (f"{PAGE}/{{broken}}/document?cells=3", 422),
    "without content": (f"{PAGE}/{{empty}}/document", 404),
    "unknown": (f"{PAGE}/999999/document", 404),
    "preview": ("/launch/hello/preview", 200),
    "preview with a wrong name": (f"/launch/hello/preview?p.{HOSTILE.replace('&', '')}=1", 400),
}
FILES = {
    "notebook": ("/notebooks/{right}/file", "application/x-ipynb+json"),
    "earlier save": ("/notebooks/{right}/file?save={first}", "application/x-ipynb+json"),
    "export": ("/notebooks/export?day=2026-11-02", "application/zip"),
    "export of a workshop": ("/workshops/course/export?day=2026-11-02", "application/zip"),
    "export of the page": (f"{PAGE}/export?day=2026-11-02", "application/zip"),
    "export of the page of a workshop": (
        "/home/workshops/course/export?day=2026-11-02",
        "application/zip",
    ),
}


@pytest.fixture
def site(start_app):
    return start_app(teacher_groups=["teachers"])


@pytest.fixture
def teacher(site, fakehub):
    return Visitor(site, fakehub.add_user("tina", groups=["teachers"]))


@pytest.fixture
def places(site, fakehub, teacher):
    """The numbers in the addresses, of notebooks of a participant."""
    ann = fakehub.add_user("ann").auth
    body = {"name": "course", "title": HOSTILE, "notebooks": ["day1.ipynb"]}
    body["participants"] = {"users": ["ann"]}
    assert site.post("/workshops", json=body, headers=teacher.user.auth).status_code == 201
    for hour in (10, 11):
        at = f"2026-11-02T{hour}:00:00Z"
        right = save(site, ann, "day1.ipynb", notebook(HOSTILE), timestamp=at)
    saves = site.get(f"/notebooks/{right}", headers=teacher.user.auth).json()["saves"]
    broken = save(site, ann, "broken.ipynb", HOSTILE)
    empty = save(site, ann, "empty.ipynb")
    return {"right": right, "first": saves[-1]["id"], "broken": broken, "empty": empty}


@pytest.mark.parametrize(("address", "status"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_has_no_origin_and_no_script(teacher, places, address, status):
    answer = teacher.get(address.format(**places))
    assert answer.status_code == status, answer.text
    assert_framed(answer)


def test_a_document_for_nobody_has_neither(site, places):
    answer = site.get(f"{PAGE}/{places['right']}/document?cells=1")
    assert answer.status_code == 404
    assert_framed(answer)


def assert_framed(answer):
    """The answer is a document as design.md has it for texts of users."""
    headers = answer.headers
    assert headers.get_list("content-security-policy") == [content_security.PREVIEW]
    assert headers["content-security-policy"].startswith("sandbox;")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert "no-store" in headers["cache-control"]
    assert "set-cookie" not in headers
    assert "<svg onload" not in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize(("address", "kind"), FILES.values(), ids=FILES)
def test_a_file_is_downloaded_and_not_shown(teacher, places, address, kind):
    by_token = {} if address.startswith("/home") else teacher.user.auth
    answer = teacher.get(address.format(**places), **by_token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-security-policy"] == content_security.NO_PAGE
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_the_frame_of_a_page_gets_no_permission(teacher, places):
    for address in (
        f"{PAGE}/{places['right']}",
        f"{PAGE}/summary",
        "/home/workshops/course/summary",
    ):
        page = teacher.get(address)
        assert '<iframe class="preview' in page.text
        assert page.text.count("<iframe") == page.text.count(" sandbox ")
        assert "allow-" not in page.text
