"""What happens to a launch when the hub, the user's server and its contents API do as they do."""

import json
import unicodedata

import pytest
import requests
from application import problem_of
from fakehub import LOST, Start, hub_page, json_answer, page_answer
from launching import MINE, path_of, start_lines, stream_lines, uploads
from stored_launches import ended, left_by_a_dead_process, stored
from waiting import at_once, in_background, wait_until

from launcher import store

# a server that runs


def test_a_launch_to_a_running_server_asks_the_hub_for_nothing_but_who_it_is(
    client, fakehub, alice
):
    client.launch(alice)  # sees to the launcher's own token, and to alice's
    fakehub.calls.clear()
    assert client.launch(alice).status_code == 200
    assert fakehub.lines("GET /hub", "POST /hub") == []


def test_the_notebook_is_at_the_location_and_says_what_made_it(client, fakehub, alice):
    answer = client.launch(alice, directory="a/b", filename="x.ipynb")
    location = answer.json()["location"]
    assert location.startswith(f"{fakehub.url}/user/{alice.name}/lab/workspaces/launcher-")
    assert location.endswith("/tree/a/b/x.ipynb?reset=1")
    assert alice.notebooks == ["a/b/x.ipynb"]
    assert alice.leftovers == []
    made_by = json.loads(alice.files["a/b/x.ipynb"])["metadata"]["launcher"]
    assert made_by["experiment"] == "hello"
    assert len(made_by["launch_id"]) == 32
    assert len(made_by["template_sha256"]) == 64


def test_a_workspace_that_is_named_opens_as_it_was_left(client, alice):
    location = client.launch(alice, workspace="mine-1_A").json()["location"]
    assert "/lab/workspaces/mine-1_A/tree/" in location
    assert "reset" not in location


@pytest.mark.parametrize("name", ["a@b.c", "jöe <'&\">", "o'neil", "x y", "ünï.cödé", "50%25"])
def test_every_user_reaches_their_own_server(client, fakehub, name):
    user = fakehub.add_user(name, server="ready")
    assert client.launch(user, directory="a b/ä?#&", filename="ö #1?.ipynb").status_code == 200
    assert user.notebooks == ["a b/ä?#&/ö #1?.ipynb"]


# what is there already


def test_a_taken_name_is_left_alone_and_the_next_free_one_is_used(client, alice):
    for name in ("hello.ipynb", "hello-1.ipynb", "hello-2.ipynb"):
        alice.write(f"lab/{name}", MINE)
    assert path_of(client.launch(alice)) == "lab/hello-3.ipynb"
    assert [alice.files[f"lab/hello{n}.ipynb"] for n in ("", "-1", "-2")] == [MINE] * 3


def test_a_directory_of_the_wanted_name_counts_as_taken(client, alice):
    alice.directories |= {"lab", "lab/hello.ipynb"}
    assert path_of(client.launch(alice)) == "lab/hello-1.ipynb"


@pytest.mark.parametrize("kind", ["dangling", "loop", "fifo"])
def test_a_name_that_something_odd_has_counts_as_taken(client, alice, kind):
    alice.directories.add("lab")
    alice.odd["lab/hello.ipynb"] = kind
    assert path_of(client.launch(alice)) == "lab/hello-1.ipynb"
    assert problem_of(client.launch(alice, if_exists="fail"), 409)["type"].endswith(":file-exists")
    problem = problem_of(client.launch(alice, if_exists="replace"), 502)
    assert problem["type"].endswith(":checkpoint-failed")
    assert alice.odd == {"lab/hello.ipynb": kind}
    assert alice.notebooks == ["lab/hello-1.ipynb"]
    assert alice.leftovers == []


@pytest.mark.parametrize("extension", ["py", "md", "Rmd"])
def test_a_text_that_jupytext_pairs_counts_as_taken(client, alice, extension):
    alice.paired = extension
    for name in ("hello", "hello-1"):
        alice.write(f"lab/{name}.{extension}", b"# mine")
    assert path_of(client.launch(alice)) == "lab/hello-2.ipynb"
    assert problem_of(client.launch(alice, if_exists="fail"), 409)["type"].endswith(":file-exists")
    assert alice.notebooks == ["lab/hello-2.ipynb"]
    assert alice.leftovers == []
    assert alice.files[f"lab/hello.{extension}"] == b"# mine"


def test_nothing_is_replaced_that_jupytext_would_not_open(client, alice):
    alice.paired = "py"
    alice.write("lab/hello.py", b"# mine")
    problem = problem_of(client.launch(alice, if_exists="replace"), 409)
    assert problem["type"].endswith(":in-the-way")
    assert "jupytext pairs it with a text" in problem["detail"]
    assert alice.notebooks == []
    alice.write("lab/hello.ipynb", b'{"cells": []}')
    assert "not replaced" in problem_of(client.launch(alice, if_exists="replace"), 409)["detail"]
    assert alice.files["lab/hello.ipynb"] == b'{"cells": []}'


def test_a_text_that_nothing_pairs_is_no_reason_for_another_name(client, alice):
    alice.write("lab/hello.py", b"# mine")
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"


def test_a_file_system_that_rounds_times_is_no_reason_for_another_name(client, alice):
    model = {"path": "lab/hello.ipynb", "type": "notebook"}

    def earlier():
        alice.write("lab/hello.ipynb", alice.files.pop(alice.leftovers[0]))
        return json_answer(model | {"last_modified": "2026-01-01T23:59:50Z"})()

    alice.answers.append(("PATCH", earlier))
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"


def test_a_launch_to_a_running_server_takes_three_short_calls(client, fakehub, alice):
    client.launch(alice)
    fakehub.calls.clear()
    client.launch(alice, filename="x.ipynb")
    calls = [call for call in fakehub.calls if call.path.startswith("/user/")]
    looks = [call.path.rpartition("/")[2] for call in calls if call.method == "GET"]
    assert looks == ["x.ipynb?content=0"]
    assert [call.method for call in calls if call.method != "GET"] == ["PUT", "PATCH"]


@pytest.mark.parametrize("directory", ["trust/x", "checkpoints/foo", "a/checkpoints/b", "trust"])
def test_words_of_the_contents_api_are_names(client, alice, directory):
    for if_exists in ("rename", "replace"):
        path = path_of(client.launch(alice, directory=directory, if_exists=if_exists))
        assert path == f"{directory}/hello.ipynb"


def test_a_directory_in_another_normal_form_is_used(client, alice):
    there = unicodedata.normalize("NFD", "Données/été")
    alice.directories |= {there, there.partition("/")[0]}
    answers = at_once(4, lambda _: client.launch(alice, directory="Données/été"))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {path.rpartition("/")[0] for path in alice.notebooks} == {there}
    assert len(alice.notebooks) == 4
    assert alice.leftovers == []


def test_a_name_in_another_normal_form_counts_as_taken(client, alice):
    alice.write(unicodedata.normalize("NFD", "lab/é.ipynb"), MINE)
    client.launch(alice, filename="é.ipynb")
    assert "lab/é-1.ipynb" in alice.notebooks


def test_the_home_may_lie_below_the_servers_root(start_app, alice):
    client = start_app(home_path="home/{username}")
    alice.root = f"home/{alice.name}"
    assert path_of(client.launch(alice)) == f"home/{alice.name}/lab/hello.ipynb"
    assert alice.notebooks == [f"home/{alice.name}/lab/hello.ipynb"]
    assert alice.directories == {f"home/{alice.name}/lab"}
    headers = alice.auth
    assert client.get("/launches", headers=headers).json()["launches"][0]["path"] == (
        "lab/hello.ipynb"
    )
    alice.root = "elsewhere"
    problem = problem_of(client.launch(alice, directory="new"), 502)
    assert "c.Launcher.home_path" in problem["detail"]


def test_a_crowded_directory_takes_few_calls(client, fakehub, alice):
    alice.write("lab/hello.ipynb", MINE)
    for number in range(1, 300):
        alice.write(f"lab/hello-{number}.ipynb", MINE)
    assert path_of(client.launch(alice)) == "lab/hello-300.ipynb"
    assert len(fakehub.lines()) < 35


def test_fail_answers_409_and_leaves_everything_as_it_was(client, alice):
    alice.write("lab/hello.ipynb", MINE)
    problem = problem_of(client.launch(alice, if_exists="fail"), 409)
    assert problem["type"].endswith(":file-exists")
    assert alice.files == {"lab/hello.ipynb": MINE}


def test_fail_takes_a_name_that_is_free(client, alice):
    assert path_of(client.launch(alice, if_exists="fail")) == "lab/hello.ipynb"


def test_replace_makes_a_checkpoint_first(client, alice):
    alice.write("lab/hello.ipynb", MINE)
    assert path_of(client.launch(alice, if_exists="replace")) == "lab/hello.ipynb"
    assert alice.checkpoints == {"lab/hello.ipynb": MINE}
    assert alice.files["lab/hello.ipynb"] != MINE
    assert alice.leftovers == []


def test_replace_without_a_checkpoint_does_not_replace(client, alice):
    alice.write("lab/hello.ipynb", MINE)
    alice.answers.append(("POST", json_answer({"message": "no"}, 500)))
    problem_of(client.launch(alice, if_exists="replace"), 502)
    assert alice.files["lab/hello.ipynb"] == MINE


def test_replace_survives_a_checkpoint_whose_answer_is_lost(client, fakehub, alice):
    alice.write("lab/hello.ipynb", MINE)
    fakehub.drop_next("POST", user=alice)
    assert path_of(client.launch(alice, if_exists="replace")) == "lab/hello.ipynb"
    assert alice.checkpoints["lab/hello.ipynb"] == MINE


def test_replace_keeps_the_last_bytes_of_the_user_when_the_write_is_repeated(
    client, fakehub, alice
):
    alice.write("lab/hello.ipynb", MINE)
    alice.answers.append(("PUT", "carry out"))
    alice.answers += [("PUT", page_answer(503))]
    assert path_of(client.launch(alice, if_exists="replace")) == "lab/hello.ipynb"
    assert alice.checkpoints["lab/hello.ipynb"] == MINE


@pytest.mark.parametrize("how", ["directory", "file"])
def test_something_in_the_way_is_409(client, alice, how):
    if how == "directory":
        alice.directories |= {"lab", "lab/hello.ipynb"}
        answer = client.launch(alice, if_exists="replace")
    else:
        alice.write("lab/x", b"a file")
        answer = client.launch(alice, directory="lab/x/y")
    assert problem_of(answer, 409)["type"].endswith(":in-the-way")
    assert alice.leftovers == []


def test_fifty_simultaneous_launches_onto_one_name_make_fifty_notebooks(client, fakehub, alice):
    alice.write("lab/hello.ipynb", MINE)
    answers = at_once(50, lambda _: client.launch(alice))
    assert len({path_of(answer) for answer in answers}) == 50
    assert len(alice.notebooks) == 51
    assert alice.files["lab/hello.ipynb"] == MINE
    assert alice.leftovers == []


def test_two_processes_do_not_overwrite_each_others_notebooks(start_app, fakehub, alice):
    apps = [start_app(), start_app()]
    fakehub.rename_seconds = 0.02
    answers = at_once(16, lambda n: apps[n % 2].launch(alice))
    assert len({path_of(answer) for answer in answers}) == 16
    assert len(alice.notebooks) == 16


def test_a_neighbour_that_asks_for_the_next_name_is_not_overwritten(client, fakehub, alice):
    alice.write("lab/x.ipynb", MINE)
    fakehub.rename_seconds = 0.02
    names = ["x.ipynb", "x-1.ipynb"] * 5
    answers = at_once(10, lambda n: client.launch(alice, filename=names[n]))
    assert len({path_of(answer) for answer in answers}) == 10
    assert len(alice.notebooks) == 11


# answers that are lost


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_lost_answer_neither_loses_nor_duplicates_the_notebook(
    client, fakehub, alice, method, times, carried_out
):
    fakehub.drop_next(method, user=alice, carried_out=carried_out, times=times)
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert alice.notebooks == ["lab/hello.ipynb"]
    assert alice.leftovers == []


def test_a_rename_whose_answer_is_lost_does_not_claim_a_file_of_somebody_else(
    client, fakehub, alice
):
    alice.write("lab/hello.ipynb", MINE)
    fakehub.drop_next("PATCH", user=alice)
    assert path_of(client.launch(alice)) == "lab/hello-1.ipynb"
    assert alice.files["lab/hello.ipynb"] == MINE


def test_a_server_that_dies_after_the_rename_gets_no_second_notebook(client, fakehub, alice):
    alice.answers += [("PATCH", "carry out"), ("PATCH", page_answer(503))]
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert alice.notebooks == ["lab/hello.ipynb"]
    assert alice.leftovers == []


@pytest.mark.parametrize(
    "gone",
    [page_answer(503), hub_page(403), hub_page(404), hub_page(405), json_answer({}, 424)],
    ids=["503", "403 page", "404 page", "405 page", "424"],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_server_that_seems_gone_is_started_again_and_not_called_forbidden(
    client, fakehub, alice, method, gone
):
    alice.answers.append((method, gone))
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert len(start_lines(fakehub, alice)) == 1
    assert alice.notebooks == ["lab/hello.ipynb"]
    assert alice.leftovers == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_and_never_success(client, fakehub, alice, status):
    alice.answers.append(("PUT", page_answer(status, location=f"{fakehub.url}/user/elsewhere/")))
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert fakehub.lines("GET /user/elsewhere", "PUT /user/elsewhere") == []


@pytest.mark.parametrize(
    "nonsense",
    [
        page_answer(200, "hello"),
        json_answer({}),
        json_answer([]),
        json_answer({"path": "another"}),
        json_answer({"path": "lab/hello.ipynb"}, 299),
    ],
    ids=["page", "empty", "list", "other path", "other status"],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_success_is_status_type_and_content(client, alice, method, nonsense):
    alice.answers.append((method, nonsense))
    problem_of(client.launch(alice), 502)
    assert alice.notebooks == []


@pytest.mark.parametrize("metadata", [[1], "text", {"launcher": "text"}, None])
def test_a_file_with_strange_metadata_is_not_taken_for_ours(client, fakehub, alice, metadata):
    alice.write("lab/hello.ipynb", json.dumps({"metadata": metadata}).encode())
    fakehub.drop_next("PATCH", user=alice, carried_out=False)
    assert path_of(client.launch(alice)) == "lab/hello-1.ipynb"


# homes that do not take the notebook


@pytest.mark.parametrize("methods", ["PUT", "PATCH"])
def test_a_full_home_is_507_and_nothing_is_left_in_it(client, alice, methods):
    alice.full = methods
    problem = problem_of(client.launch(alice), 507)
    assert "/home" not in json.dumps(problem)
    assert alice.files == {}


def test_a_name_that_the_file_system_does_not_take_is_told_as_that(client, alice):
    said = {"message": f"[Errno 36] File name too long: '/home/{alice.name}/lab'"}
    alice.answers += [("PUT", json_answer(said, 500))] * 3
    assert problem_of(client.launch(alice), 502)["type"].endswith(":name-too-long")


@pytest.mark.parametrize("number", [1, 13, 30, 36, 5])
def test_the_home_path_in_a_servers_message_goes_no_further(client, alice, number):
    said = {"message": f"[Errno {number}] something: '/home/{alice.name}/lab'"}
    alice.answers += [("PUT", json_answer(said, 500))] * 3
    problem = problem_of(client.launch(alice), 502)
    assert "/home" not in json.dumps(problem)
    assert "Errno" not in json.dumps(problem)


# a server that has to be started


@pytest.mark.parametrize("status", [201, 202])
def test_nothing_is_uploaded_before_the_server_is_ready(client, fakehub, status):
    user = fakehub.add_user(starts=[Start(status, seconds=0.3)])
    with in_background(lambda: client.launch(user)) as results:
        wait_until(lambda: user.server == "spawning", "the start")
        before = len(uploads(fakehub, user))
        wait_until(lambda: user.server == "ready", "the server")
    assert path_of(results[0]) == "lab/hello.ipynb"
    lines = fakehub.lines()
    begun = lines.index(f"POST /hub/api/users/{user.name}/server")
    stream = lines.index(f"GET /hub/api/users/{user.name}/server/progress")
    assert before == 0  # a look at the proxy says that it is not there
    assert not [line for line in lines[begun:stream] if "/api/contents" in line]
    assert user.notebooks == ["lab/hello.ipynb"]


def test_twenty_simultaneous_launches_share_one_start_and_one_stream(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.8)])
    answers = at_once(20, lambda _: client.launch(user))
    assert {answer.status_code for answer in answers} == {200}
    assert len(user.notebooks) == 20
    assert len(start_lines(fakehub, user)) == 1
    assert len(stream_lines(fakehub, user)) == 1


def test_a_server_that_runs_already_is_what_was_wanted(client, fakehub, alice):
    alice.answers.append(("PUT", hub_page(403)))  # the route lags behind
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert stream_lines(fakehub, alice) == []


def test_a_start_of_somebody_else_is_waited_for(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.5)])
    portal = fakehub.url + f"/hub/api/users/{user.name}/server"
    requests.post(portal, headers={"Authorization": f"token {fakehub.token}"}, timeout=5)
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert user.notebooks == ["lab/hello.ipynb"]


def test_a_server_that_stops_is_waited_for_and_started_again(client, fakehub):
    user = fakehub.add_user(server="stopping", polls_until_stopped=2)
    assert path_of(client.launch(user)) == "lab/hello.ipynb"


def test_a_server_that_dies_between_start_and_upload_is_started_again(client, fakehub):
    user = fakehub.add_user(dies_after_ready=2)
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert user.notebooks == ["lab/hello.ipynb"]


def test_a_server_that_died_unnoticed_is_started_again(client, fakehub):
    user = fakehub.add_user(server="dead")
    assert path_of(client.launch(user)) == "lab/hello.ipynb"


def test_a_user_whom_the_hub_no_longer_knows_is_told_so(client, fakehub):
    user = fakehub.add_user(known=False)
    problem = problem_of(client.launch(user), 409)
    assert problem["type"].endswith(":unknown-user")
    assert "Sign in to the hub" in problem["detail"]


@pytest.mark.parametrize("start", [Start(202), Start(201), Start(500, outcome="ready")])
def test_a_broken_progress_stream_is_taken_up_again(client, fakehub, start):
    user = fakehub.add_user(starts=[Start(start.status, start.outcome or "ready", seconds=0.4)])
    fakehub.broken_streams = 2
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert len(start_lines(fakehub, user)) == 1


# starts that fail


SECRET = "ab" * 20
REASON = (
    f"image pull failed: https://registry.example/v2 {SECRET} /home/x/y/z\n\ud800 10.3.4.5:8888 and"
    " hub.jupyter.svc.cluster.local, password=hunter2, '/srv/My Data'"
)


@pytest.mark.parametrize("start", [Start(201, "fails", reason=REASON), Start(202, "fails"),
                                   Start(500, "fails", message="Internal Server Error"),
                                   Start(202, "fails", seconds=0.2)])  # fmt: skip
def test_a_failed_start_is_told_and_not_repeated(client, fakehub, start):
    """A hub may count failures in a row and exit: whether to try again, the user decides."""
    user = fakehub.add_user(starts=[start] * 9)
    problem = problem_of(client.launch(user), 502)
    assert problem["type"].endswith(":spawn-failed")
    assert start.reason.split(":")[0] in problem["detail"]
    for secret in ("://", SECRET, "/home", "\n", "10.3", "hub.jupyter", "hunter2", "My Data"):
        assert secret not in problem["detail"]
    assert len(start_lines(fakehub, user)) == 1
    assert user.files == {}


@pytest.mark.parametrize("status", [201, 202])
def test_a_start_that_ends_without_a_word_is_told_too(client, fakehub, status):
    user = fakehub.add_user(starts=[Start(status, "vanishes")] * 9)
    problem = problem_of(client.launch(user), 502)
    assert problem["type"].endswith(":spawn-failed")
    assert len(start_lines(fakehub, user)) == 1


@pytest.mark.parametrize("outcome", ["fails", "vanishes"])
def test_after_a_start_that_failed_the_next_launch_starts_the_server(client, fakehub, outcome):
    user = fakehub.add_user(starts=[Start(201, outcome)])
    problem_of(client.launch(user), 502)
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert len(start_lines(fakehub, user)) == 2
    assert user.notebooks == ["lab/hello.ipynb"]


def test_a_process_that_ends_before_the_server_is_ready_is_told_as_that(
    client, fakehub, monkeypatch
):
    monkeypatch.setattr("launcher.hub.starts.REASON_SECONDS", 0.2)  # 10 s, that a hub may need
    user = fakehub.add_user(starts=[Start(500, "never", message="Internal Server Error")])
    problem = problem_of(client.launch(user), 502)
    assert problem["type"].endswith(":server-exited")
    assert "log" in problem["detail"]


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_hook_that_refuses_is_quoted_and_not_asked_again(client, fakehub, status):
    user = fakehub.add_user(starts=[Start(status, message="You have no quota left")] * 9)
    problem = problem_of(client.launch(user), 502)
    assert problem["type"].endswith(":spawn-refused")
    assert problem["detail"].startswith("You have no quota left")
    assert len(start_lines(fakehub, user)) == 1


@pytest.mark.parametrize("reason", ["timed out after 30 s", "failed to start in 60 seconds", ""])
def test_a_start_that_timed_out_on_the_hub_is_504_and_not_repeated(client, fakehub, reason):
    user = fakehub.add_user(starts=[Start(202, "fails", reason=reason)] * 9)
    problem_of(client.launch(user), 504)
    assert len(start_lines(fakehub, user)) == 1


@pytest.mark.timeout(60)  # the default of start_timeout is 300
def test_a_server_that_is_never_ready_is_504(start_app, fakehub):
    client = start_app(start_timeout=1)
    user = fakehub.add_user(starts=[Start(202, "never")])
    assert problem_of(client.launch(user), 504)["type"].endswith(":start-timeout")
    assert user.files == {}


def test_a_throttled_hub_is_asked_again(client, fakehub):
    """When it said: see test_what_the_hub_asked_for_is_obeyed_by_all_processes."""
    user = fakehub.add_user(starts=[Start(429, headers=(("Retry-After", "1"),))])
    assert path_of(client.launch(user)) == "lab/hello.ipynb"
    assert len(start_lines(fakehub, user)) == 2


@pytest.mark.parametrize("asked", [None, "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "²"])
def test_a_hub_without_room_is_503_with_retry_after(client, fakehub, asked):
    headers = (("Retry-After", asked),) if asked else ()
    user = fakehub.add_user(starts=[Start(429, message="Active server limit", headers=headers)])
    answer = client.launch(user)
    problem = problem_of(answer, 503)
    assert problem["type"].endswith(":server-limit")
    assert problem["detail"].startswith("Active server limit")
    assert int(answer.headers["retry-after"]) > 0


def test_a_throttled_hub_that_asks_for_longer_than_a_launch_waits_is_503(start_app, fakehub):
    client = start_app(queue_timeout=1)
    user = fakehub.add_user(starts=[Start(429, headers=(("Retry-After", "3600"),))])
    answer = client.launch(user)
    assert problem_of(answer, 503)["type"].endswith(":hub-busy")
    assert int(answer.headers["retry-after"]) > 0
    assert len(start_lines(fakehub, user)) == 1


# a hub that is away


@pytest.mark.parametrize("how", ["proxy", "refused", "starting"])
def test_a_hub_that_comes_back_within_the_patience_is_waited_for(client, fakehub, how):
    user = fakehub.add_user()
    client.get("/user", headers=user.auth)
    client.launch(fakehub.add_user(server="ready"))
    fakehub.away, fakehub.away_for = how, 3
    assert path_of(client.launch(user)) == "lab/hello.ipynb"


@pytest.mark.parametrize("how", ["proxy", "refused", "starting"])
def test_a_hub_that_stays_away_is_503_with_retry_after(start_app, fakehub, how):
    client = start_app(hub_patience=1)
    user = fakehub.add_user()
    client.launch(fakehub.add_user(server="ready"))
    client.get("/user", headers=user.auth)
    fakehub.away = how
    answer = client.launch(user)
    assert problem_of(answer, 503)["type"].endswith(":hub-unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_a_hub_that_goes_away_while_the_server_starts_is_waited_for(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.6)])
    with in_background(lambda: client.launch(user)) as results:
        wait_until(lambda: stream_lines(fakehub, user), "the stream")
        fakehub.away, fakehub.away_for = "proxy", 2
    assert path_of(results[0]) == "lab/hello.ipynb"


def test_a_running_server_is_enough_while_the_hub_is_away(client, fakehub, alice):
    client.launch(alice)
    fakehub.away = "proxy"
    assert client.launch(alice).status_code == 200


def test_a_server_that_must_ask_an_absent_hub_about_the_token_is_waited_for(client, fakehub, alice):
    client.launch(alice)
    alice.token_seen = False
    fakehub.away, fakehub.away_for = "proxy", 3
    assert path_of(client.launch(alice)) == "lab/hello-1.ipynb"


@pytest.mark.parametrize("lost", ["GET", "POST"])
def test_a_lost_answer_of_the_hub_is_asked_for_again(client, fakehub, lost):
    user = fakehub.add_user(starts=[Start(202, seconds=0.2)])
    client.get("/user", headers=user.auth)
    client.launch(fakehub.add_user(server="ready"))
    end = "/server" if lost == "POST" else "/server/progress"
    fakehub.hub_answers.append((lost, end, LOST))
    assert path_of(client.launch(user)) == "lab/hello.ipynb"


def test_a_hub_that_takes_the_launchers_token_away_is_503_and_blames_nobody(client, fakehub, alice):
    fakehub.token_refused = True
    problem = problem_of(client.launch(alice), 503)
    assert problem["type"].endswith(":hub-refused")
    fakehub.token_refused = False
    wait_until(lambda: client.launch(alice).status_code == 200, "the launch")


def test_a_server_that_was_used_lately_needs_no_hub_for_the_next_launch(start_app, fakehub, alice):
    client = start_app()
    assert client.launch(alice).status_code == 200
    fakehub.away = "proxy"
    assert client.launch(alice).status_code == 200


@pytest.mark.parametrize("missing", ["servers", "tokens"])
def test_a_launcher_without_its_scopes_launches_nothing(start_app, fakehub, alice, missing):
    fakehub.scopes = tuple(scope for scope in ("servers", "tokens") if scope != missing)
    problem = problem_of(start_app().launch(alice), 503)
    assert f"lacks the scope {missing}" in problem["detail"]
    assert fakehub.beyond_identification == []


@pytest.mark.parametrize(
    ("version", "serves"), [("6.1.1", True), ("5.5.3", True), ("5.5.2", False), ("5.2.1", False)]
)
def test_a_filter_that_the_hub_does_not_heed_is_told_before_anything_starts(
    start_app, fakehub, alice, version, serves
):
    fakehub.version, fakehub.scopes = version, ("servers", "tokens!group=launcher-users")
    client = start_app()
    answer = client.launch(alice)
    assert (answer.status_code == 200) is serves
    if not serves:
        assert f"JupyterHub {version} issues" in problem_of(answer, 503)["detail"]
        wait_until(lambda: "without a filter" in client.get("/ready").text, "the report")
        assert set(fakehub.beyond_identification) == {"GET /hub/api"}


# what is stored


def test_a_launch_that_has_ended_is_kept_without_its_notebook(start_app, fakehub, alice):
    client = start_app()
    client.launch(alice)
    made_by = json.loads(alice.files["lab/hello.ipynb"])["metadata"]["launcher"]
    row = stored(client.settings, made_by["launch_id"])
    assert (row.state, row.notebook.path, row.user) == ("done", "lab/hello.ipynb", alice.name)
    assert row.notebook.content == ""


@pytest.mark.parametrize("left", ["x.ipynb", "launcher-{}.ipynb", None])
@pytest.mark.parametrize("state", ["queued", "starting", "uploading"])
def test_a_launch_taken_up_again_after_a_crash_makes_one_notebook(
    start_app, fakehub, alice, state, left
):
    """Whatever a process left of it when it died, another one brings it to its end."""
    client = start_app()
    launch = left_by_a_dead_process(client.settings, alice, state=state)
    if left:
        alice.write(f"lab/{left.format(launch.id)}", launch.notebook.content.encode())
    row = wait_until(lambda: ended(client.settings, launch.id), "the end")
    assert (row.state, row.notebook.path, row.worker_id) == ("done", "lab/x.ipynb", None)
    assert alice.notebooks == ["lab/x.ipynb"]
    assert alice.leftovers == []


def test_a_launch_that_was_cancelled_as_its_process_died_is_tidied_up_after(
    start_app, fakehub, alice
):
    client = start_app()
    launch = left_by_a_dead_process(client.settings, alice, state="cancelled")
    alice.write("lab/x.ipynb", launch.notebook.content.encode())
    wait_until(lambda: stored(client.settings, launch.id).worker_id is None, "the end")
    assert alice.files == {}


def test_a_database_that_is_gone_stops_a_launch_before_anything_is_written(
    start_app, fakehub, alice
):
    client = start_app()
    client.launch(alice)
    before = dict(alice.files)
    engine = store.connect(client.settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE launches")
    engine.dispose()
    answer = client.launch(alice)
    assert problem_of(answer, 503)["type"].endswith(":store-unavailable")
    assert alice.files == before
