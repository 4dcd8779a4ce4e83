"""URLs of repositories, and names of projects (attacks A19 and A20)."""

import pytest

from launcher.errors import BadRequest
from launcher.projects.hosts import read_git_hosts
from launcher.projects.repositories import parse_project, parse_url

HOSTS = read_git_hosts(
    [
        {"url": "https://gitlab.example.org", "provider": "gitlab"},
        {"url": "https://github.com", "provider": "github"},
        {"url": "https://codeberg.org", "provider": "gitea"},
        {"url": "https://git.example.org:8443", "provider": "git"},
    ]
)


@pytest.mark.parametrize(
    ("url", "fetched", "canonical"),
    [
        (
            "https://gitlab.example.org/Group/Sub/Project",
            "https://gitlab.example.org/Group/Sub/Project.git",
            "https://gitlab.example.org/group/sub/project",
        ),
        (
            "HTTPS://GitHub.com:443/Owner/Name.git/",
            "https://github.com/Owner/Name.git",
            "https://github.com/owner/name",
        ),
        (
            "https://github.com/owner/.github",
            "https://github.com/owner/.github.git",
            "https://github.com/owner/.github",
        ),
        (
            "https://codeberg.org/a/b.git",
            "https://codeberg.org/a/b.git",
            "https://codeberg.org/a/b",
        ),
        (
            "https://git.example.org:8443/~ada/Notes.git/",
            "https://git.example.org:8443/~ada/Notes.git",
            "https://git.example.org:8443/~ada/Notes.git",
        ),
    ],
)
def test_a_url_has_one_canonical_form(url, fetched, canonical):
    repository = parse_url(HOSTS, url)
    assert (repository.url, repository.canonical_url) == (fetched, canonical)
    assert parse_url(HOSTS, canonical) == repository


def test_a_project_is_on_the_first_host():
    repository = parse_project(HOSTS, "group/sub", "project")
    assert repository == parse_url(HOSTS, "https://gitlab.example.org/group/sub/project.git")
    assert (repository.namespace, repository.project) == ("group/sub", "project")
    assert repository.web_url == "https://gitlab.example.org/group/sub/project"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("file:///etc/passwd", "must begin with https://"),
        ("/etc/passwd", "must begin with https://"),
        ("../x", "must begin with https://"),
        ("ext::sh -c id", "ASCII characters without spaces"),
        ("ext::sh", "must begin with https://"),
        ("ssh://git@github.com/a/b", "must begin with https://"),
        ("git@github.com:a/b.git", "must begin with https://"),
        ("gopher://github.com/a/b", "must begin with https://"),
        ("http://github.com/a/b", "must begin with https://"),
        ("--upload-pack=touch", "must begin with https://"),
        ("https:///a/b", "must begin with https://"),
        ("https://user:canary@github.com/a/b", "must not contain a user name, password"),
        ("https://canary@github.com/a/b", "store an access token instead"),
        ("https://user@127.0.0.1/a", "must not contain a user name"),
        ("https://127.0.0.1:8081/hub/api", "must be on one of the git hosts"),
        ("https://[::1]/a", "must be on one of the git hosts"),
        ("https://[::ffff:127.0.0.1]/a", "must be on one of the git hosts"),
        ("https://2130706433/a", "must be on one of the git hosts"),
        ("https://0x7f.1/a", "must be on one of the git hosts"),
        ("https://localhost./a", "must be on one of the git hosts"),
        ("https://169.254.169.254/latest", "must be on one of the git hosts"),
        ("https://github.com.evil.example/a/b", "must be on one of the git hosts"),
        ("https://github.com:444/a/b", "must be on one of the git hosts"),
        (r"https://github.com\@evil.example/a", "must not contain a user name"),
        (r"https://github.com\.evil.example/a", r"must not contain '%' or"),
        ("https://github.com/a/b?x=1", "must be without"),
        ("https://github.com/a/b#x", "must be without"),
        ("https://github.com/a/%2e%2e", "must not contain '%'"),
        ("https://github.com/a/..", "neither '.' nor '..'"),
        ("https://github.com/../b", "neither '.' nor '..'"),
        ("https://gitlab.example.org/a/../b", "neither '.' nor '..'"),
        ("https://github.com/-x/b", "must not contain a name that begins with '-'"),
        ("https://github.com/a/--upload-pack=x", "must not contain a name that begins with '-'"),
        ("https://github.com/a//b", "two slashes"),
        ("https://github.com/a", "must name an owner and a repository"),
        ("https://github.com/a/.git", "must name a repository"),
        ("https://github.com/a/...git", "neither '.' nor '..'"),
        ("https://github.com/a/b/tree/main", "and nothing after them"),
        ("https://gitlab.example.org/a", "must name a group or user and a project"),
        ("https://gitlab.example.org/a/b/-/tree/main", "must end before '/-/'"),
        ("https://github.com", "must name a repository"),
        ("https://github.com/a/b;id", "must contain names of"),
        ("https://github.com/a/$(id)", "must contain names of"),
        ("https://github.com/a/b\n", "ASCII characters"),
        ("https://github.com/a/b\x00", "ASCII characters"),
        ("https://github.com/a/ü", "ASCII characters"),
        ("https://gіthub.com/a/b", "ASCII characters"),
        ("https://github.com/a/" + "b" * 256, "at most 255"),
        ("https://gitlab.example.org" + "/a" * 21, "at most 20 names"),
        ("https://github.com/" + "a" * 2000, "at most 2000"),
        ("", "must begin with https://"),
    ],
)
def test_any_other_url_is_a_sentence_that_names_the_field(url, sentence):
    with pytest.raises(BadRequest, match=sentence) as raised:
        parse_url(HOSTS, url, "/repository")
    assert raised.value.detail.startswith("repository must")
    assert raised.value.errors[0]["pointer"] == "/repository"
    assert "canary" not in str(raised.value.problem())


@pytest.mark.parametrize(
    ("namespace", "project", "pointer"),
    [
        ("", "project", "/namespace"),
        ("/group", "project", "/namespace"),
        ("group/..", "project", "/namespace"),
        ("group", "..", "/project"),
        ("group", "", "/project"),
        ("group", "-", "/project"),
        ("group", "a/b", "/project"),
        ("group", "--upload-pack=x", "/project"),
        ("-x", "project", "/namespace"),
        ("group?", "project", "/namespace"),
        ("user:secret@evil.example", "project", "/namespace"),
    ],
)
def test_a_wrong_name_of_a_project_is_refused(namespace, project, pointer):
    with pytest.raises(BadRequest) as raised:
        parse_project(HOSTS, namespace, project)
    assert raised.value.errors[0]["pointer"] == pointer


def test_two_hosts_never_share_a_repository():
    other = read_git_hosts([{"url": "https://gitlab.com", "provider": "gitlab"}])
    assert parse_project(other, "group", "project") != parse_project(HOSTS, "group", "project")
