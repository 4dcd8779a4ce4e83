"""The page Projects: the form that starts a server for a git project, and the user's servers."""

import html
import re
from urllib.parse import unquote, urlencode

import git_sites
import pytest
from environments import HOOK_TOKEN, SITE
from fakehub import json_answer
from project_pages import OPTIONS, PAGE, error_at, filled, form
from visiting import HOSTILE, Visitor, text_of
from waiting import wait_until


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    """A GitLab with an open and a closed project."""
    site = git_sites.start(tmp_path_factory.mktemp("git"), "gitlab")
    yield site
    site.stop()


@pytest.fixture
def site(start_app, git):
    hosts = [git_sites.entry(git, "gitlab"), {"url": "https://github.com", "provider": "github"}]
    return start_app(
        git_hosts=hosts, hook_token=HOOK_TOKEN, server_options=OPTIONS, max_project_servers=2
    )


@pytest.fixture
def visitor(site, alice):
    return Visitor(site, alice)


@pytest.fixture
def project(git):
    """The open project, with a commit."""
    repository = git.projects["group/open"].repository
    repository.commit({"notebooks/start.ipynb": "{}"})
    return repository


def launch_of(visitor, answer):
    """The launch that a form began."""
    assert answer.status_code == 303, text_of(answer)
    path = answer.headers["location"].partition("?")[0]
    found = visitor.client.get(path.removeprefix("/home"), headers=visitor.user.auth)
    assert found.status_code == 200, found.text
    return found.json()


def servers(visitor):
    """The user's servers for projects, as the API lists them."""
    found = visitor.client.get("/servers", headers=visitor.user.auth).json()["servers"]
    return {name: each["project"] for name, each in found.items() if each["project"]}


def test_a_form_starts_a_server_for_the_default_branch(visitor, git, project):
    page = visitor.get(PAGE)
    assert page.status_code == 200, page.text
    assert "You have none yet" in text_of(page)
    launch_of(visitor, visitor.post(PAGE, filled(git, notebook="notebooks/start.ipynb")))
    [(name, kept)] = servers(visitor).items()
    assert kept["commit_sha"] == project.tip()
    assert kept["branch"] == "main"
    assert kept["serverOptions"]["cpu_request"] == 0.5
    assert kept["serverOptions"]["lfs_auto_fetch"] is False
    listed = text_of(visitor.get(PAGE))
    assert "group/open" in listed
    assert f"Commit {project.tip()[:8]} on main" in listed
    assert name in visitor.get(PAGE).text


def test_a_project_of_the_first_host_needs_no_url(visitor, git, project):
    host = git.url.removeprefix("https://")
    for written in ("group/open", "/group/open", f"{host}/group/open", f"{git.url}/group/open.git"):
        page = visitor.post(PAGE, filled(git, repository=written, action="share"))
        if written.startswith("/"):
            assert "group/project, or group/project" in error_at(page, "/repository")
        else:
            assert page.status_code == 200, text_of(page)
    launch_of(visitor, visitor.post(PAGE, filled(git, repository=" group/open ")))
    [kept] = servers(visitor).values()
    assert kept["repository"] == f"{git.url}/group/open"


def test_a_branch_is_followed(visitor, git, project):
    project.commit(branch="autumn", parent=project.tip())
    launch_of(visitor, visitor.post(PAGE, filled(git, ref="autumn", follow="branch")))
    [kept] = servers(visitor).values()
    assert (kept["follow"], kept["branch"], kept["commit_sha"]) == ("branch", "autumn", None)
    assert "Follows the branch autumn" in text_of(visitor.get(PAGE))


def test_the_same_form_sent_twice_is_one_launch(visitor, git, project):
    sent = filled(git) | {"key": "k" * 32}
    first, second = (visitor.post(PAGE, sent) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]


# what is wrong stands at its field, and nothing that was typed is lost

WRONG = {
    "/repository": [
        ("", "Repository has to be filled in"),
        ("file:///etc", "must begin with https://"),
        ("ext::sh -c id", "must be ASCII characters without spaces"),
        ("git@github.com:group/open", "/group/project, or group/project"),
        ("https://user:secret@github.com/group/open", "must not contain a user name"),
        ("https://elsewhere.example.org/a/b", "must be on one of the git hosts"),
        ("group/nothing-there", "does not exist"),
    ],
    "/ref": [
        ("--upload-pack=id", "must not begin with '-'"),
        ("a..b", "must not contain '..'"),
        ("nothing-there", "no branch or tag"),
        ("0" * 40, "no such commit"),
    ],
    "/follow": [("tag", "must be one of the choices")],
    "/notebook": [("../../etc/passwd", "File to open"), ("/etc/passwd", "must be relative")],
    "/serverOptions/mem_request": [("99G", "must be from 1G to 8G"), ("much", "must be a size")],
    "/serverOptions/cpu_request": [("64", "must be one of 0.5, 1, 2")],
}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [(name, text, sentence) for name, wrong in WRONG.items() for text, sentence in wrong],
)
def test_a_wrong_value_is_shown_at_its_field(visitor, git, project, name, text, sentence):
    sent = filled(git, notebook="a-file.ipynb") | {name: text}
    page = visitor.post(PAGE, sent)
    assert page.status_code in (400, 404, 422), text_of(page)
    assert sentence in error_at(page, name)
    assert servers(visitor) == {}
    for each in ("/repository", "/ref", "/notebook"):
        assert f'name="{each}" value="{html.escape(sent[each])}"' in page.text


def test_a_private_project_needs_a_token(visitor, git):
    git.projects["group/closed"].repository.commit()
    page = visitor.post(PAGE, filled(git, "group/closed"))
    assert page.status_code == 404
    assert "does not exist" in error_at(page, "/repository")
    assert f'href="{PAGE}/tokens"' in page.text.partition("<form")[2].partition("data-project")[0]
    stored = visitor.post(f"{PAGE}/tokens", {"host": git.url, "token": "token-of-alice"})
    assert stored.status_code == 303
    launch_of(visitor, visitor.post(PAGE, filled(git, "group/closed")))


def test_a_host_that_is_away_loses_nothing(visitor, git, project):
    git.misbehaves = "error"
    try:
        page = visitor.post(PAGE, filled(git, ref="main"))
    finally:
        git.misbehaves = ""
    assert page.status_code >= 500
    assert git.url in page.text
    assert 'name="/ref" value="main"' in page.text


def test_the_quota_says_which_server_could_be_stopped(visitor, git, project, alice):
    for branch in ("a", "b", "c"):
        project.commit(branch=branch, parent=project.tip())
    for branch in ("a", "b"):
        launch_of(visitor, visitor.post(PAGE, filled(git, ref=branch)))
    page = visitor.post(PAGE, filled(git, ref="c"))
    assert page.status_code == 429
    assert all(name in text_of(page) for name in servers(visitor))


def test_hostile_texts_stay_texts(visitor, git, project):
    for name in ("repository", "ref", "notebook", "follow"):
        page = visitor.post(PAGE, filled(git, action="share", **{name: HOSTILE}))
        assert page.status_code == (200 if name == "notebook" else 400)
        assert HOSTILE not in page.text
        assert "<svg onload" not in page.text


# sessions, and what may not be done


def test_a_get_starts_nothing(visitor, git, project, fakehub):
    for path in ("/launch/", "/launch", PAGE):
        page = visitor.get(f"{path}?repo={git.url}/group/open&ref=main")
        assert page.status_code in (200, 303)
    assert servers(visitor) == {}
    assert fakehub.lines("POST /hub/api/users") == []


def test_a_form_of_an_ended_session_comes_back_after_the_sign_in(visitor, git, project):
    sent = filled(git, ref="main", follow="branch", notebook="a b.ipynb")
    sent |= {"/serverOptions/mem_request": "2G", "/serverOptions/lfs_auto_fetch": "true"}
    asked = visitor.client.post(PAGE, data=sent, headers={"Sec-Fetch-Mode": "navigate"})
    assert asked.status_code == 303
    place = asked.headers["location"]
    assert place.startswith("/home/sign-in?next=")
    back = unquote(place.partition("next=")[2])
    assert back.startswith(f"{PAGE}?repo=")
    page = visitor.get(back)
    for name in ("/repository", "/ref", "/notebook", "/serverOptions/mem_request"):
        assert f'value="{sent[name]}"' in page.text, name
    assert re.search(r'id="follow-branch" value="branch"[^>]* checked', page.text)
    assert re.search(r'name="/serverOptions/lfs_auto_fetch" value="true" checked', page.text)
    assert servers(visitor) == {}


def test_a_form_of_another_page_starts_nothing_and_is_shown_again(visitor, git, project):
    page = visitor.post(PAGE, filled(git, ref="main"), xsrf="of another session")
    assert page.status_code == 403
    assert "Press the button again" in text_of(page)
    assert 'name="/ref" value="main"' in page.text
    assert servers(visitor) == {}


@pytest.mark.parametrize("path", ["servers", "servers/x/remove", "tokens"])
def test_every_change_needs_the_token_of_the_session(visitor, path):
    sent = {"action": "stop", "server": "x", "host": "x"}
    assert visitor.post(f"{PAGE}/{path}", sent, xsrf="wrong").status_code == 403


# links


def test_a_link_fills_in_the_form(visitor, git):
    page = form(
        visitor,
        f"repo={git.url}/group/open&ref=main&follow=branch&notebook=a.ipynb&option.cpu_request=2",
    )
    assert page.status_code == 200
    assert 'role="alert"' not in page.text
    assert f'name="/repository" value="{git.url}/group/open"' in page.text
    assert re.search(r'id="follow-branch" value="branch"[^>]* checked', page.text)
    assert '<option value="2" selected>2</option>' in page.text


@pytest.mark.parametrize(
    ("query", "name", "sentence"),
    [
        ("repo=https://elsewhere.example.org/a/b", "/repository", "git hosts of this site"),
        ("repo=group/open&ref=-x", "/ref", "must not begin with '-'"),
        ("repo=group/open&follow=maybe", "/follow", "one of the choices"),
        ("repo=group/open&notebook=/etc/passwd", "/notebook", "must be relative"),
        ("repo=group/open&option.mem_request=99G", "/serverOptions/mem_request", "from 1G to 8G"),
        ("repo=group/open&ref=a&ref=b", "/ref", "is in this link twice"),
    ],
)
def test_a_wrong_link_says_what_is_wrong_at_its_field(visitor, query, name, sentence):
    assert sentence in error_at(form(visitor, query), name)


@pytest.mark.parametrize("query", ["bogus=1", "option.bogus=1", "if_exists=replace"])
def test_a_link_with_something_unknown_says_so(visitor, query):
    page = form(visitor, f"repo=group/open&{query}")
    assert f"“{query.partition('=')[0]}” in this link is not known" in text_of(page)


def test_a_link_leads_through_the_sign_in_to_its_form(visitor, git):
    led = visitor.client.get(f"/launch/?repo={git.url}/group/open&follow=branch")
    asked = visitor.client.get(led.headers["location"], headers={"Sec-Fetch-Mode": "navigate"})
    back = unquote(asked.headers["location"].partition("next=")[2])
    assert back == f"{PAGE}?repo={git.url}/group/open&follow=branch"


def test_what_is_shared_leads_to_the_same_form(visitor, git, project):
    sent = filled(git, action="share", ref="main", follow="branch", notebook="a.ipynb")
    page = visitor.post(PAGE, sent | {"/serverOptions/mem_request": "2G"})
    assert page.status_code == 200, text_of(page)
    link, markdown, shown = (
        html.unescape(text).strip()
        for text in re.findall(r"<textarea[^>]*>(.*?)</textarea>", page.text, re.DOTALL)
    )
    assert link.endswith(
        f"/launch/?repo={git.url}/group/open&ref=main&follow=branch&notebook=a.ipynb"
        "&option.mem_request=2G"
    )
    picture = link.partition("/launch/")[0] + "/static/badge.svg"
    assert markdown == f"[![Launch this project]({picture})]({link})"
    assert f'<a href="{html.escape(link)}">' in shown
    again = form(visitor, link.partition("?")[2])
    assert 'value="2G"' in again.text
    assert servers(visitor) == {}


# the servers


@pytest.fixture
def started(visitor, git, project):
    """The name of a server for a project that runs."""
    launch_of(visitor, visitor.post(PAGE, filled(git, notebook="notebooks/start.ipynb")))
    [name] = servers(visitor)
    wait_until(lambda: "running" in text_of(visitor.get(PAGE)), "the start")
    return name


def change(visitor, action, server):
    return visitor.post(f"{PAGE}/servers", {"action": action, "server": server})


def test_a_server_is_stopped_and_resumed(visitor, started, alice):
    stopped = change(visitor, "stop", started)
    assert stopped.headers["location"] == f"{PAGE}#servers"
    wait_until(lambda: alice.servers[started].state == "stopped", "the stop")
    assert "Resume" in text_of(visitor.get(PAGE))
    launch = launch_of(visitor, change(visitor, "resume", started))
    assert launch["server"] == started
    wait_until(lambda: alice.servers[started].state == "ready", "the start")


def test_a_server_is_removed_after_a_question(visitor, started, alice):
    page = visitor.get(f"{PAGE}/servers/{started}/remove")
    assert f"projects/{started}" in text_of(page)
    assert "stays in your home" in text_of(page)
    assert servers(visitor)
    removed = visitor.post(f"{PAGE}/servers/{started}/remove")
    assert removed.headers["location"] == f"{PAGE}#removed"
    assert "You have none yet" in text_of(visitor.get(PAGE))
    assert started not in alice.servers


def test_a_server_that_the_hub_has_lost_can_be_resumed_and_removed(visitor, started, alice):
    del alice.servers[started]
    assert "stopped" in text_of(visitor.get(PAGE))
    assert change(visitor, "stop", started).status_code == 303
    assert visitor.post(f"{PAGE}/servers/{started}/remove").status_code == 303
    assert servers(visitor) == {}


def test_nobody_reaches_the_server_of_somebody_else(site, fakehub, started):
    other = Visitor(site, fakehub.add_user())
    assert started not in other.get(PAGE).text
    for end in ("log", "badge", "remove"):
        assert other.get(f"{PAGE}/servers/{started}/{end}").status_code == 404
    assert other.post(f"{PAGE}/servers/{started}/remove").status_code == 404
    for action in ("stop", "resume"):
        assert change(other, action, started).status_code == 404


def test_a_server_that_runs_with_other_options_is_not_changed_without_a_choice(
    visitor, git, started, alice
):
    sent = filled(git) | {"/serverOptions/mem_request": "2G"}
    page = visitor.post(PAGE, sent)
    assert page.status_code == 409
    assert "runs with other options" in text_of(page)
    assert servers(visitor)[started]["serverOptions"]["mem_request"] == "1G"
    launch_of(visitor, visitor.post(PAGE, sent | {"action": "open"}))
    assert servers(visitor)[started]["serverOptions"]["mem_request"] == "1G"
    launch_of(visitor, visitor.post(PAGE, sent | {"action": "replace"}))
    assert servers(visitor)[started]["serverOptions"]["mem_request"] == "2G"


def test_the_list_is_shown_while_the_hub_is_away(visitor, started, fakehub):
    fakehub.away = "proxy"
    page = visitor.get(PAGE)
    assert page.status_code in (200, 503)


def test_the_home_page_names_the_project_of_a_server(visitor, started):
    page = visitor.get("/home/")
    assert "group/open" in text_of(page)
    assert f'href="{PAGE}#server-{started}"' in page.text


def test_the_badges_of_a_server_are_for_its_branch_and_its_commit(visitor, git, project, started):
    page = visitor.get(f"{PAGE}/servers/{started}/badge")
    text = html.unescape(page.text)
    assert f"/launch/?repo={git.url}/group/open&ref=main&follow=branch" in text
    assert f"/launch/?repo={git.url}/group/open&ref={project.tip()}" in text


# the log


def log(visitor, fakehub, server, answer):
    path = f"/launcher/logs/{visitor.user.name}/servers/{server}"
    fakehub.hub_answers.append(("GET", path, answer))
    return visitor.get(f"{PAGE}/servers/{server}/log")


def test_the_log_shows_the_last_lines_as_text(visitor, started, fakehub):
    lines = {"lines": ["first", HOSTILE], "next": "7-x"}
    page = log(visitor, fakehub, started, json_answer(lines))
    assert page.status_code == 200, text_of(page)
    assert HOSTILE not in page.text
    assert html.escape(HOSTILE) in page.text or "&lt;svg" in page.text
    assert 'data-next="7-x"' in page.text
    assert f'data-lines="/logs/{started}"' in page.text


def test_a_log_that_is_not_kept_says_why(visitor, started, fakehub):
    refused = json_answer({"message": "This spawner keeps no output."}, 501)
    page = log(visitor, fakehub, started, refused)
    assert page.status_code == 501
    assert "This spawner keeps no output." in text_of(page)
    assert "project_log.js" not in page.text


# names to choose from


def names(visitor, repository, prefix=""):
    return visitor.get(
        f"{PAGE}/references?{urlencode({'repository': repository, 'prefix': prefix})}"
    )


def test_branches_and_tags_are_offered(visitor, git, project):
    project.tag("v1.0", project.tip())
    found = names(visitor, "group/open").json()
    assert found["branches"][0] == found["default"] == "main"
    assert "v1.0" in found["tags"]
    assert names(visitor, "group/open", "v1").json()["branches"] == []


def test_names_of_what_somebody_cannot_read_are_not_offered(visitor, git):
    answer = names(visitor, "group/closed")
    assert answer.status_code == 404
    assert "does not exist" in answer.json()["detail"]
    assert names(visitor, "https://elsewhere.example.org/a/b").status_code == 400
    assert visitor.client.get(f"{PAGE}/references?repository=group/open").status_code == 401


# sites without git hosts, and with environments


def test_a_site_without_git_hosts_tells_its_administrator_what_to_do(client, alice):
    visitor = Visitor(client, alice)
    assert "c.Launcher.git_hosts" in text_of(visitor.get(PAGE))
    assert f'href="{PAGE}"' not in visitor.get("/home/").text
    assert visitor.post(PAGE, {"/repository": "a/b"}).status_code == 400
    assert visitor.post(PAGE, {"/repository": "https://a.example.org/b/c"}).status_code == 400


def test_the_environment_is_chosen(start_app, alice, git, project):
    visitor = Visitor(start_app(**SITE, git_hosts=[git_sites.entry(git, "gitlab")]), alice)
    page = visitor.get(f"{PAGE}?repo=group/open&entrypoint=climate:1&system=desk")
    assert '<option value="desk/climate:1" selected>' in page.text
    page = visitor.post(PAGE, filled(git, environment="desk/nothing-there"))
    assert page.status_code == 400
    assert "nothing-there" in error_at(page, "/environment")


# the page of a launch


def launch_page(visitor, launch):
    page = visitor.get(f"/home/launches/{launch['id']}")
    assert page.status_code == 200
    return page


def test_the_page_of_a_launch_shows_the_project_and_the_step_of_its_checkout(visitor, git, project):
    launch = launch_of(visitor, visitor.post(PAGE, filled(git, notebook="notebooks/start.ipynb")))
    page = launch_page(visitor, launch)
    text = text_of(page)
    assert "group/open" in text
    assert f'href="{git.url}/group/open/-/commit/{project.tip()}"' in page.text
    assert "Opens: notebooks/start.ipynb" in text
    assert "Open the project" in text
    assert "Write the notebook" not in text
    change = f"{PAGE}?repo={git.url}/group/open&ref={project.tip()}&notebook=notebooks/start.ipynb"
    assert f'href="{html.escape(change)}"' in page.text


def test_a_launch_of_a_project_is_repeated_with_what_it_opened(visitor, git, project, started):
    [first] = visitor.client.get("/launches", headers=visitor.user.auth).json()["launches"]
    wait_until(lambda: launch_page(visitor, first).text.count("/again"), "the end")
    again = launch_of(visitor, visitor.post(f"/home/launches/{first['id']}/again"))
    assert again["id"] != first["id"]
    assert again["server"] == started
    assert "Opens: notebooks/start.ipynb" in text_of(launch_page(visitor, again))


def test_a_launch_whose_server_was_removed_leads_to_the_form(visitor, git, project, started):
    [first] = visitor.client.get("/launches", headers=visitor.user.auth).json()["launches"]
    wait_until(lambda: launch_page(visitor, first).text.count("/again"), "the end")
    visitor.post(f"{PAGE}/servers/{started}/remove")
    led = visitor.post(f"/home/launches/{first['id']}/again")
    assert led.headers["location"].startswith(f"{PAGE}?repo={git.url}/group/open&ref=")


def test_the_badge_of_a_commit_on_a_branch_of_ones_own_names_no_branch(visitor, git, project):
    body = {"repository": f"{git.url}/group/open", "commit_sha": project.tip(), "branch": "mine"}
    headers = {**visitor.user.auth, "Prefer": "respond-async"}
    assert visitor.client.post("/servers", json=body, headers=headers).status_code == 202
    [(name, kept)] = servers(visitor).items()
    page = visitor.get(f"{PAGE}/servers/{name}/badge")
    assert page.status_code == 200
    assert kept["branch"] == "mine"
    assert "follow=branch" not in page.text
    assert f"ref={project.tip()}" in page.text
