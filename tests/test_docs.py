"""The documentation says what is true: its commands and snippets run, its links lead somewhere."""

import re
import sys

import pytest
from documents import CHECKOUT, PAGES, PASSWORD, Page, blocks

sys.path.append(str(CHECKOUT / "docs"))
from generate import problems

WITH_BLOCKS = [page for page in PAGES if any(not b.how.startswith("no, ") for b in blocks(page))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.fixture
def runner(fakehub, gunicorn, tmp_path, monkeypatch):
    """Runs the blocks of a page, as somebody who has the credentials of the page."""
    runner = Page(tmp_path, fakehub, gunicorn.url)
    for name, value in runner.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("getpass.getpass", lambda: PASSWORD)
    yield runner
    runner.close()


@every_page
def test_every_block_says_how_it_is_tested_or_why_not(page):
    for block in blocks(page):
        how, _, reason = block.how.partition(" ")
        if how == "no,":
            assert len(reason) > 5, block
        else:
            assert hasattr(Page, how.replace("-", "_")), block


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run_in_order(runner, page):
    for block in blocks(page):
        if not block.how.startswith("no, "):
            runner.run(block)


# links: `make docs` checks those of docs/, these are read in the repository

LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == CHECKOUT])
def test_a_link_of_a_page_in_the_repository_leads_to_a_heading(page):
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{path}#{anchor}"


def test_every_problem_type_has_advice():
    assert problems.advice()
