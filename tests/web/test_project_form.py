"""The form of a project: what a link shows, what people paste, and what they are told."""

import html
import re

import git_sites
import pytest
from environments import HOOK_TOKEN, SITE, ask
from project_pages import OPTIONS, PAGE, error_at, filled, form
from visiting import Visitor, text_of

GITHUB = {"url": "https://github.com", "provider": "github"}
GITEA = {"url": "https://codeberg.org", "provider": "gitea"}


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    """A GitLab with an open project of two branches, and a closed one."""
    site = git_sites.start(tmp_path_factory.mktemp("git"), "gitlab")
    repository = site.projects["group/open"].repository
    first = repository.commit({"notebooks/start.ipynb": "{}"})
    repository.commit({"README.md": "More"}, branch="autumn", parent=first)
    site.projects["group/closed"].repository.commit()
    yield site
    site.stop()


@pytest.fixture
def visitor(start_app, git, alice):
    hosts = [git_sites.entry(git, "gitlab"), GITHUB, GITEA]
    site = start_app(git_hosts=hosts, hook_token=HOOK_TOKEN, server_options=OPTIONS)
    return Visitor(site, alice)


def fields(page):
    """The repository, the reference and the file that are filled in."""
    names = ("/repository", "/ref", "/notebook")
    found = [re.search(rf'name="{name}" value="([^"]*)"', page.text) for name in names]
    return tuple(html.unescape(each[1]) for each in found)


def more_options(page):
    """The opening tag of what can be unfolded."""
    return re.search('<details class="mb-4 place"( open)?>', page.text)[0]


# a link


def test_a_link_says_what_it_opens_above_the_fields_with_a_button(visitor):
    page = form(visitor, "repo=group/open&ref=autumn")
    assert "This link opens group/open (autumn)." in text_of(page)
    above = page.text.partition("This link opens")[2].partition('name="/repository"')[0]
    assert '<button class="btn btn-primary" name="action" value="start">Start</button>' in above
    assert "open" not in more_options(page)
    assert "This link opens group/open." in text_of(form(visitor, "repo=group/open"))
    sha = "0123456789" * 4
    assert "opens group/open (01234567)." in text_of(form(visitor, f"repo=group/open&ref={sha}"))


@pytest.mark.parametrize("query", ["", "ref=autumn", "repo=group/open&bogus=1", "repo=open"])
def test_a_link_with_a_mistake_or_without_a_repository_has_no_such_button(visitor, query):
    page = visitor.get(f"{PAGE}?{query}")
    assert "This link opens" not in text_of(page)


@pytest.mark.parametrize("value", ["2G", "99G"])
def test_options_that_a_link_sets_can_be_seen(visitor, value):
    page = form(visitor, f"repo=group/open&option.mem_request={value}")
    assert more_options(page).endswith(" open>")


# what people paste

PASTED = {
    "GITLAB/group/open/-/tree/autumn": ("GITLAB/group/open", "autumn", ""),
    "GITLAB/group/open/-/tree/autumn?ref_type=heads": ("GITLAB/group/open", "autumn", ""),
    "GITLAB/group/open/tree/autumn/": ("GITLAB/group/open", "autumn", ""),
    "GITLAB/a/b/c/-/blob/main/my%20files/start.ipynb#L7": (
        "GITLAB/a/b/c", "main", "my files/start.ipynb",
    ),
    "group/open/-/tree/main/notebooks": ("GITLAB/group/open", "main", "notebooks"),
    "https://github.com/a/b/tree/main": ("https://github.com/a/b", "main", ""),
    "github.com/a/b/blob/main/start.ipynb": ("https://github.com/a/b", "main", "start.ipynb"),
    "https://codeberg.org/a/b/src/branch/main/c.ipynb": (
        "https://codeberg.org/a/b", "main", "c.ipynb",
    ),
    # of no page, or of one at a host that is not known
    "https://github.com/a/b": ("https://github.com/a/b", "", ""),
    "https://elsewhere.example.org/a/b/tree/main": (
        "https://elsewhere.example.org/a/b/tree/main", "", "",
    ),
    "https://me@github.com/a/b/tree/main": ("https://me@github.com/a/b/tree/main", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("pasted", PASTED)
def test_the_address_of_a_page_fills_in_branch_and_file(visitor, git, pasted):
    expected = tuple(each.replace("GITLAB", git.url) for each in PASTED[pasted])
    sent = filled(git, repository=pasted.replace("GITLAB", git.url), follow="tag")
    assert fields(visitor.post(PAGE, sent)) == expected


def test_the_address_of_a_page_beside_another_branch_is_a_mistake(visitor, git):
    page = visitor.post(PAGE, filled(git, "group/open/-/tree/autumn", ref="main"))
    assert "must end before '/-/'" in error_at(page, "/repository")
    assert fields(page)[1] == "main"


def test_branches_are_offered_for_the_address_of_a_page(visitor, git):
    found = visitor.get(f"{PAGE}/references?repository={git.url}/group/open/-/tree/autumn")
    assert "autumn" in found.json()["branches"]


@pytest.mark.parametrize("text", ["open", "git@gitlab.example.org:group/open", "/group/open"])
def test_what_is_no_address_is_refused_with_both_forms(visitor, git, text):
    said = error_at(visitor.post(PAGE, filled(git, repository=text)), "/repository")
    assert said == f"Repository must be like {git.url}/group/project, or group/project."


def test_a_folder_may_end_with_a_slash(visitor, git):
    page = visitor.post(PAGE, filled(git, notebook="notebooks/"))
    assert page.status_code == 303, text_of(page)


# errors


def test_the_summary_is_in_the_order_of_the_fields(visitor, git):
    wrong = {"/repository": "", "/ref": "-x", "/notebook": "/a", "/follow": "x"}
    wrong |= {"/serverOptions/mem_request": "99G", "/serverOptions/cpu_request": "64"}
    page = visitor.post(PAGE, filled(git) | wrong)
    summary = page.text.partition('id="problems"')[2].partition("</div>")[0]
    found = re.findall(r'href="#field([^"]*)"', summary)
    named = ["repository", "ref", "follow", "notebook"]
    named += ["serverOptions.2f.cpu_request", "serverOptions.2f.mem_request"]
    assert found == [f".2f.{name}" for name in named]
    assert more_options(page).endswith(" open>")


def test_an_error_of_a_private_project_leads_to_the_access_tokens(visitor, git):
    page = visitor.post(PAGE, filled(git, "group/closed", ref="main"))
    words = f'href="{PAGE}/tokens">access token</a> for the host.'
    summary, _, rest = page.text.partition("<form method")[2].partition("data-project")
    assert f'store an <a class="alert-link" {words}' in " ".join(summary.split())
    field = rest.partition('data-pointer="/repository"')[2]
    assert f"store an <a {words}" in " ".join(field.split())
    assert "does not exist" in error_at(page, "/repository")


# sharing


def test_what_is_shared_names_the_host(visitor, git):
    page = visitor.post(PAGE, filled(git, repository="group/open", ref="autumn", action="share"))
    assert page.status_code == 200, text_of(page)
    assert f"/launch/?repo={git.url}/group/open&ref=autumn" in html.unescape(page.text)
    assert f'formaction="{PAGE}#share-title"' in page.text
    assert 'id="share-title"' in page.text


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"ref": "nothing-there"}, "/ref"),
        ({"ref": "v0", "follow": "branch"}, "/ref"),
        ({"repository": "group/nothing-there"}, "/repository"),
    ],
)
def test_what_is_not_there_is_not_shared(visitor, git, changed, name):
    page = visitor.post(PAGE, filled(git, action="share", **changed))
    assert page.status_code == 404
    assert error_at(page, name)
    assert 'id="share-title"' not in page.text


# options


def test_the_help_of_a_size_has_an_example(visitor):
    text = text_of(visitor.get(PAGE))
    assert "From 1G to 8G, such as 2G (gigabytes); 1G if it is left empty." in text


def test_options_that_a_known_spawner_cannot_set_have_no_effect(start_app, git, alice):
    hosts = [git_sites.entry(git, "gitlab")]
    site = start_app(**SITE, git_hosts=hosts, server_options=OPTIONS)
    visitor, words = Visitor(site, alice), "This has no effect on this site's servers."
    assert words not in text_of(visitor.get(PAGE))
    ask(site, alice)
    assert text_of(visitor.get(PAGE)).count(words) == 2
