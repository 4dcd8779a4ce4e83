"""A teacher gives a notebook to the class, on a real hub."""

import pytest
import requests
from site_of_launcher import Person, sites
from waiting import wait_until
from workshop_material import WORKSHOP, notebook
from workshop_site import WorkshopSite

PLACE = "/workshops/python-2026"
COPY = "python-2026/exam.ipynb"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A real hub with the launcher's side, a workshop, and the server of its teacher."""
    with sites(tmp_path_factory, WorkshopSite) as make:
        made = make()
        for name in ("ann", "ben"):
            made.hub.add_user(name)
        tina = made.participant("tina")
        assert tina.save("exam.ipynb", notebook("6 * 7", "")) == 201
        ask(made, "tina", "POST", "/workshops", json=WORKSHOP)
        yield made


def ask(site, name, method, path, **options):
    """What the launcher answers to somebody with their own token."""
    headers = {"Authorization": f"token {site.hub.token_of(name)}"}
    answer = requests.request(method, site.url + path, headers=headers, timeout=90, **options)
    assert answer.ok, answer.text
    return answer.json()


def publish(site):
    body = {"path": "exam.ipynb"}
    return ask(site, "tina", "PUT", f"{PLACE}/notebooks/exam.ipynb", json=body)


def report(site, launch):
    return ask(site, "tina", "GET", f"{PLACE}/launches/{launch['id']}")


def open_session(site, name, path):
    """Open a notebook in the user's server, as JupyterLab does."""
    answer = requests.post(
        f"{site.hub.url}/user/{name}/api/sessions",
        json={"path": path, "name": "", "type": "notebook", "kernel": {"name": "python3"}},
        headers={"Authorization": f"token {site.hub.token_of(name)}"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text


def test_a_participant_opens_what_the_teacher_published_from_their_server(site):
    published = publish(site)
    assert published["code_cells"] == 2
    [seen] = ask(site, "ann", "GET", f"{PLACE}/notebooks")["notebooks"]
    assert seen == published
    place = f"{PLACE}/notebooks/exam.ipynb/launches"
    opened = ask(site, "ann", "POST", place, json={"directory": "mine"})
    assert "/user/ann/lab/" in opened["location"]
    mine = site.hub.notebook("ann", "mine/exam.ipynb")
    assert [cell["source"] for cell in mine["cells"]] == ["6 * 7", ""]
    assert [cell["outputs"] for cell in mine["cells"]] == [[], []]


def test_everybody_gets_it_and_keeps_their_own_file(site):
    publish(site)
    own = site.hub.home("ben") / COPY
    own.parent.mkdir(parents=True)
    own.write_text("my own")
    launch = ask(site, "tina", "POST", f"{PLACE}/launches", json={"notebook": "exam.ipynb"})
    now = wait_until(lambda: (it := report(site, launch))["ended_at"] and it, "the end")
    assert (now["state"], now["counts"]) == ("done", {"done": 2})
    assert own.read_text() == "my own"
    assert site.hub.notebook("ben", "python-2026/exam-1.ipynb")["cells"]
    assert site.hub.notebook("ann", COPY)["cells"]
    assert [each["open"] for each in now["members"]] == [False, False]
    open_session(site, "ann", COPY)
    wait_until(
        lambda: [each["open"] for each in report(site, launch)["members"]] == [True, False],
        "who has it open",
    )
    page = Person(site, "tina").log_in().page(f"/home{PLACE}/launches/{launch['id']}")
    assert "open now: 1" in page.text


def test_everybodys_server_is_ready_at_a_time(site):
    site.hub.stop_server("ben")
    launch = ask(site, "tina", "POST", f"{PLACE}/launches", json={})
    wait_until(lambda: report(site, launch)["ended_at"], "the end")
    assert site.hub.is_ready("ben")
