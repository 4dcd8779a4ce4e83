"""What is refused at the front door of git projects, with nothing stored and the hub not asked."""

import json
import sqlite3
from contextlib import closing
from urllib.parse import quote

import git_sites
import pytest
from application import NO_LIMITS_PER_ADDRESS, application, problem_of
from git_host import GitSite

CANARY = "canary-0123456789"
SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A GitLab with an open and a closed project."""
    site = git_sites.start(tmp_path_factory.mktemp("git"), "gitlab")
    site.projects["group/open"].repository.commit({"a.ipynb": "{}"})
    yield site
    site.stop()


@pytest.fixture(scope="module")
def wrong_certificate(tmp_path_factory):
    """A host whose certificate is for another address."""
    site = GitSite(tmp_path_factory.mktemp("wrong"), certificate={"address": "127.0.0.9"}).start()
    site.add("group/open")
    yield site
    site.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("launcher")


@pytest.fixture(scope="module")
def application_with_host(_fakehub, host, folder):
    """An application whose only git host is that GitLab, shared by the tests."""
    git_hosts = [git_sites.entry(host, "gitlab")]
    with application(_fakehub, folder, git_hosts=git_hosts, **NO_LIMITS_PER_ADDRESS) as client:
        yield client


@pytest.fixture
def site(application_with_host, fakehub, host):
    host.misbehaves, host.seen[:] = "", []
    return application_with_host


@pytest.fixture
def nothing_happened(fakehub, folder):
    """Says that nothing was taken for a server to start: no row, no call to the hub."""

    def check():
        with closing(sqlite3.connect(folder / "launcher.sqlite")) as database:
            for table in ("project_servers", "launches", "starts"):
                found = database.execute(f"SELECT count(*) FROM {table}").fetchone()
                assert found == (0,), table
        assert fakehub.beyond_identification == []

    return check


JSON = {"Content-Type": "application/json"}


def post(site, user, body, path="/servers"):
    """The answer to a body, whose lone surrogates are written as escapes."""
    content = json.dumps(body).encode("ascii")
    return site.post(path, content=content, headers={**user.auth, **JSON})


def refused(site, user, status, body, path="/servers"):
    """The problem in the answer to a request for a project, which names no secret."""
    answer = post(site, user, body, path)
    assert CANARY not in answer.text
    return problem_of(answer, status)


def field_of(problem):
    """The field that a problem points to."""
    (error,) = problem["errors"]
    assert problem["detail"]
    return error.get("pointer", "").removeprefix("/")


HOSTILE = [
    *("--upload-pack=touch /tmp/x", "-x", "--output=/tmp/x", "a..b", "a b", "a\nb", "a\x00b"),
    *("a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "/a", "a/", "a//b", ".a", "a.lock", "a.", "@"),
    *("@{-1}", "a\u202eb", "a\u200bb", "\ud800"),
]
HARMLESS = ["a;b", "$(id)", "`id`", "a|b", "a&b", "a'b", 'a"b', "a>b", "%2e%2e", "ä"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", ["ref", "branch"])
def test_what_git_takes_for_something_else_is_no_branch(
    site, alice, host, nothing_happened, field, name
):
    asked = {"repository": f"{host.url}/group/open.git", "ref": "main", field: name}
    problem = refused(site, alice, 400, asked)
    if problem.get("errors"):
        assert field_of(problem) == field
    assert host.seen == []
    nothing_happened()


@pytest.mark.parametrize("name", HARMLESS)
def test_a_branch_that_only_a_shell_would_read_is_one_that_does_not_exist(
    site, alice, host, nothing_happened, name
):
    url = f"{host.url}/group/open.git"
    problem = refused(site, alice, 404, {"repository": url, "ref": name})
    assert "no branch or tag" in problem["detail"]
    assert field_of(problem) == "ref"
    nothing_happened()


URLS = [
    *("file:///etc/passwd", "/etc/passwd", "../x", "ext::sh -c id", "ssh://git@HOST/group/open"),
    *(
        "git@HOST:group/open.git",
        "git://HOST/group/open",
        "http://HOST/group/open",
        "gopher://HOST/",
    ),
    *(
        "https://user@HOST/group/open",
        f"https://u:{CANARY}@HOST/group/open",
        "https:HOST/group/open",
    ),
    *("https://HOST/group/open?x=1", "https://HOST/group/open#x", "https://HOST/group/../open"),
    *("https://HOST/group/%2e%2e/open", "https://HOST\\@127.0.0.1/x/y", "https://HOST/-x/open"),
    *(
        "https://HOST/group/open/-/tree/main",
        "https://HOST/",
        "https://HOST",
        "https://HOST/open/.git",
    ),
    *("http://127.0.0.1:8081/hub/api", "http://[::1]/a/b", "http://[::ffff:127.0.0.1]/a/b"),
    *("https://127.0.0.1:8081/hub/api", "https://[::1]/a/b", "https://[::ffff:127.0.0.1]/a/b"),
    *(
        "https://2130706433/a/b",
        "https://0x7f.1/a/b",
        "https://localhost./a/b",
        "https://hub:8081/a/b",
    ),
    *(
        "https://169.254.169.254/latest/meta-data",
        "https://user@127.0.0.1/a/b",
        "https://[fe80::1]/a/b",
    ),
    *("https://localhost/group/open", "https://HOST.example.org/group/open", "https://x.HOST/a/b"),
    *("https://example.org/group/open", "https://HOST@example.org/group/open", "--upload-pack=id"),
    *("https://HOST:99999/a/b", "https://HOST:x/a/b", "https://[::1/a/b", "https://HOST/a\tb/c"),
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("where", ["servers", "resolve"])
def test_a_url_that_is_not_one_of_a_listed_host_is_refused(
    site, alice, host, nothing_happened, url, where
):
    at = host.url.removeprefix("https://")
    written = url.replace("HOST", at)
    if where == "servers":
        problem = refused(site, alice, 400, {"repository": written, "ref": "main"})
        assert field_of(problem) == "repository"
    else:
        problem = refused(site, alice, 400, {"url": written}, "/repositories/resolve")
        assert field_of(problem) == "url"
    assert host.seen == []
    nothing_happened()


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "/etc/passwd", ".git/config", "a/../../x", "a/.git/hooks/pre-commit", ".", ".."),
        *("a//b", "a//", "a\\..\\b", "a\nb", "a\u202eb.ipynb", " a.ipynb", "a%2f..%2fb"),
        "/".join("a" * 40),
        "a" * 300,
    ],
)
def test_a_notebook_outside_of_the_project_is_refused(site, alice, host, nothing_happened, path):
    url = f"{host.url}/group/open.git"
    asked = {"repository": url, "ref": "main", "notebook": path}
    problem = refused(site, alice, 400, asked)
    assert field_of(problem) == "notebook"
    nothing_happened()


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({}, 400, "namespace"),
        ({"namespace": "group"}, 400, "project"),
        ({"namespace": "group", "project": "open"}, 400, "commit_sha"),
        ({"namespace": "group", "project": "a/b", "commit_sha": SHA}, 400, "project"),
        ({"namespace": "../x", "project": "open", "commit_sha": SHA}, 400, "namespace"),
        ({"namespace": "-x", "project": "open", "commit_sha": SHA}, 400, "namespace"),
        ({"namespace": "group", "project": "--x", "commit_sha": SHA}, 400, "project"),
        ({"namespace": "group", "project": "open", "commit_sha": "main"}, 400, "commit_sha"),
        ({"namespace": "group", "project": "open", "commit_sha": "abc"}, 400, "commit_sha"),
        ({"namespace": "group", "project": "open", "commit_sha": SHA + "0"}, 400, "commit_sha"),
        ({"namespace": "group", "project": "open", "commit_sha": SHA}, 404, None),
        ({"repository": "OPEN", "commit_sha": SHA[:7]}, 404, None),
        ({"repository": "OPEN", "ref": SHA}, 404, None),
        ({"repository": "OPEN", "ref": "never-was"}, 404, None),
        ({"repository": "OPEN", "commit_sha": SHA, "ref": "main"}, 400, "ref"),
        ({"repository": "OPEN", "project": "open"}, 400, "project"),
        ({"repository": "OPEN", "ref": "main", "branch": SHA}, 400, "branch"),
        ({"repository": "OPEN", "follow": "branch", "commit_sha": SHA}, 400, "commit_sha"),
        ({"repository": "OPEN", "follow": "branch", "ref": SHA}, 400, "ref"),
        ({"repository": "OPEN", "follow": "tag"}, 400, "follow"),
        ({"repository": "CLOSED", "ref": "main"}, 404, None),
        ({"repository": "NEVER", "ref": "main"}, 404, None),
        ({"repository": "OPEN", "command": ["sh"]}, 400, None),
        ({"repository": "OPEN", "user": "bob"}, 400, None),
    ],
)
def test_a_project_that_cannot_be_meant_is_refused(
    site, alice, host, nothing_happened, asked, status, field
):
    names = {"OPEN": "group/open", "CLOSED": "group/closed", "NEVER": "group/never"}
    if "repository" in asked:
        asked = {**asked, "repository": f"{host.url}/{names[asked['repository']]}.git"}
    problem = refused(site, alice, status, asked)
    if field:
        assert field_of(problem) == field
    nothing_happened()


@pytest.mark.parametrize(
    "path",
    [
        "/group/open/main",
        f"/group/open/{SHA}0",
        "/group/open/abc",
        f"/-x/open/{SHA}",
        f"/group/--upload-pack=id/{SHA}",
        f"/group/open/{SHA}?branch=--upload-pack=id",
        f"/group/%2e%2e/{SHA}",
    ],
)
def test_the_path_of_a_commit_takes_nothing_else(site, alice, host, nothing_happened, path):
    answer = site.post(path, headers=alice.auth)
    assert answer.status_code in (400, 404), answer.text
    problem_of(answer, answer.status_code)
    assert host.seen == []
    nothing_happened()


BY_GIT, BY_API = {"ref": "main"}, {"commit_sha": SHA[:8]}


@pytest.mark.parametrize(
    ("behaviour", "asked", "status", "says"),
    [
        ("redirect", BY_GIT, 503, "redirects to another address"),
        ("redirect", BY_API, 503, "redirects to another address"),
        ("error", BY_GIT, 503, "an error"),
        ("error", BY_API, 503, "an error"),
        ("throttle", BY_GIT, 503, "limits the number of requests"),
        ("throttle", BY_API, 503, "limits the number of requests"),
        ("nonsense", BY_GIT, 503, "does not answer as a git host does"),
        ("nonsense", BY_API, 503, "does not answer as its API should"),
        ("flood", BY_GIT, 503, "does not answer as a git host does"),
        ("flood", BY_API, 503, "sends too large a response"),
    ],
)
def test_a_host_that_misbehaves_is_said_to(
    site, alice, host, nothing_happened, behaviour, asked, status, says
):
    host.misbehaves = behaviour
    host.redirect_to = f"{host.url}/{CANARY}"
    problem = refused(site, alice, status, {"repository": f"{host.url}/group/open.git", **asked})
    assert says in problem["detail"]
    assert "The lab's git" in problem["detail"]
    assert "postgres://" not in str(problem)
    assert not any(CANARY in each.path for each in host.seen)
    nothing_happened()


@pytest.mark.slow
@pytest.mark.parametrize("asked", [BY_GIT, BY_API])
def test_a_host_that_hangs_is_waited_for_in_bounds(site, alice, host, nothing_happened, asked):
    host.misbehaves = "hang"
    url = f"{host.url}/group/open.git"
    answer = post(site, alice, {"repository": url, **asked})
    assert "The lab's git" in problem_of(answer, answer.status_code)["detail"]
    assert answer.status_code in (503, 504)
    nothing_happened()


def test_a_certificate_for_another_address_is_refused(
    start_app, alice, wrong_certificate, tmp_path
):
    site = start_app(git_hosts=[git_sites.entry(wrong_certificate, "git")])
    url = f"{wrong_certificate.url}/group/open.git"
    problem = refused(site, alice, 502, {"repository": url, "ref": "main"})
    assert "certificate" in problem["detail"]
    assert not any(each.path for each in wrong_certificate.seen)


def test_a_certificate_of_an_unknown_authority_is_refused(start_app, alice, host):
    site = start_app(git_hosts=[git_sites.entry(host, "gitlab", ca_file="")])
    asked = {"repository": f"{host.url}/group/open.git", "ref": "main"}
    problem = refused(site, alice, 502, asked)
    assert "ca_file" in problem["detail"]


@pytest.mark.parametrize("provider", ["git", "gitlab"])
def test_a_name_with_a_private_address_is_not_connected_to(start_app, alice, host, provider):
    host.misbehaves, host.seen[:] = "", []
    entry = git_sites.entry(host, provider, url=f"https://localhost:{host.port}")
    site = start_app(git_hosts=[{**entry, "allow_private": False}])
    url = f"https://localhost:{host.port}/group/open.git"
    for asked in ({"ref": "main"}, {"commit_sha": SHA}, {"commit_sha": SHA[:8]}):
        answer = post(site, alice, {"repository": url, **asked})
        assert answer.status_code in (404, 502, 503), answer.text
    assert host.seen == []
    problem = refused(site, alice, 502, {"repository": url, "ref": "main"})
    assert "private network" in problem["detail"]


def test_a_token_that_the_host_refuses_is_said_without_it(site, alice, host, nothing_happened):
    name = quote(host.url.removeprefix("https://"))
    stored = site.put(f"/git-hosts/{name}/token", json={"token": CANARY}, headers=alice.auth)
    assert stored.status_code == 204
    url = f"{host.url}/group/closed.git"
    answer = post(site, alice, {"repository": url, "ref": "main"})
    problem = problem_of(answer, answer.status_code)
    assert answer.status_code in (403, 401, 409, 422), answer.text
    assert "does not accept your access token" in problem["detail"]
    assert CANARY not in answer.text
    nothing_happened()


def test_nobody_starts_servers_without_signing_in(site, host, nothing_happened):
    url = f"{host.url}/group/open.git"
    problem_of(site.post("/servers", json={"repository": url}), 401)
    problem_of(site.post(f"/group/open/{SHA}"), 401)
    problem_of(site.post("/repositories/resolve", json={"url": url}), 401)
    assert host.seen == []
    nothing_happened()


def test_a_site_without_git_hosts_starts_no_projects(start_app, alice, fakehub):
    site = start_app()
    asked = {"namespace": "group", "project": "open", "commit_sha": SHA}
    assert "no git host" in refused(site, alice, 400, asked)["detail"]
    problem = refused(site, alice, 400, {"repository": "https://gitlab.com/group/open"})
    assert field_of(problem) == "repository"
    assert fakehub.beyond_identification == []


def test_what_a_name_means_is_told_without_a_server(site, alice, host, nothing_happened):
    sha = host.projects["group/open"].repository.tip()
    url = f"{host.url}/Group/Open.git".lower()
    answer = post(site, alice, {"url": url}, "/repositories/resolve")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "repository": f"{host.url}/group/open",
        "namespace": "group",
        "project": "open",
        "commit_sha": sha,
        "branch": "main",
        "kind": "branch",
        "commit_url": f"{host.url}/group/open/-/commit/{sha}",
    }
    found = post(site, alice, {"url": url, "ref": sha[:7]}, "/repositories/resolve").json()
    assert (found["commit_sha"], found["branch"], found["kind"]) == (sha, None, "commit")
    nothing_happened()
