"""hello, on a real hub: launched, on the disk, and open."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
import requests
from realhub import open_in_lab
from waiting import wait_until

NAMES = ["alice", "a.b@c.d", "jöe <'&\">", "ünï cödé"]


@pytest.mark.parametrize("name", NAMES)
def test_hello_is_written_and_opens(hub, beside, name):
    token = hub.token_of(name, scopes=["access:servers!user", "access:services!service=launcher"])
    answer = beside.post("/hello", {"notebook": {"directory": "a/b ?#&ü"}}, token=token)
    assert answer.status_code == 200, answer.text
    location = answer.json()["location"]
    assert location.startswith(f"{hub.url}/user/")
    assert unquote(location).endswith("/tree/a/b ?#&ü/experiment.ipynb?reset=1")
    assert hub.notebook(name, "a/b ?#&ü/experiment.ipynb")["cells"]
    model = open_in_lab(hub, location, token)
    assert model["path"] == "a/b ?#&ü/experiment.ipynb"
    assert model["content"]["metadata"]["launcher"]["experiment"] == "hello"


def test_name_and_password_are_checked_by_the_hub(hub, beside):
    body = {"notebook": {"directory": "by-password"}}
    right = beside.post("/hello", body, auth=("Émile", "pässwörd of émile"))
    assert right.status_code == 200, right.text
    assert "/user/%C3%A9mile/" in right.json()["location"]
    assert (hub.home("émile") / "by-password/experiment.ipynb").is_file()
    wrong = beside.post("/hello", body, auth=("émile", "pässwörd"))
    assert wrong.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == 'Basic realm="JupyterHub", charset="UTF-8"'


def test_fifty_launches_onto_one_name_make_fifty_notebooks(hub, beside):
    token = hub.token_of("alice")
    there = hub.home("alice") / "crowd"
    there.mkdir(parents=True)
    (there / "experiment.ipynb").write_bytes(b"precious")
    body = {"notebook": {"directory": "crowd"}}
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: beside.post("/hello", body, token=token), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    names = {unquote(a.json()["location"]).split("/")[-1].split("?")[0] for a in answers}
    assert len(names) == 50
    assert (there / "experiment.ipynb").read_bytes() == b"precious"
    written = {path.name: path for path in there.glob("*.ipynb")}
    assert names == written.keys() - {"experiment.ipynb"}
    launches = {
        json.loads(written[name].read_text())["metadata"]["launcher"]["launch_id"] for name in names
    }
    assert len(launches) == 50
    assert not list(there.glob("launcher-*"))


def test_fail_and_replace(hub, beside):
    token = hub.token_of("alice")
    there = hub.home("alice") / "choices"
    there.mkdir(parents=True)
    (there / "mine.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    before = (there / "mine.ipynb").read_bytes()
    notebook = {"directory": "choices", "filename": "mine.ipynb"}
    body = {"notebook": {**notebook, "if_exists": "fail"}}
    answer = beside.post("/hello", body, token=token)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith(":file-exists")
    assert (there / "mine.ipynb").read_bytes() == before
    body = {"notebook": {**notebook, "if_exists": "replace"}}
    assert beside.post("/hello", body, token=token).status_code == 200
    assert hub.notebook("alice", "choices/mine.ipynb")["metadata"]["launcher"]
    checkpoint = there / ".ipynb_checkpoints" / "mine-checkpoint.ipynb"
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("directory", ["trust", "a/checkpoints"])
def test_a_directory_may_be_named_as_a_route_of_the_contents_api(hub, beside, directory):
    answer = beside.hello("alice", directory, hub=hub)
    assert answer.status_code == 200, answer.text
    assert hub.notebook("alice", f"{directory}/experiment.ipynb")


def test_the_launcher_is_ready(beside):
    answer = wait_until(lambda: requests.get(f"{beside.url}/ready", timeout=10))
    assert answer.status_code == 200, answer.text
    assert {check["name"] for check in answer.json()["checks"]} == {"database", "hub", "token"}
