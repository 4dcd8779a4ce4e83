"""A user's server is its user's: whatever it answers hurts neither the launcher nor others."""

import threading
from http import HTTPStatus

import pytest
from aiohttp import web
from application import problem_of
from fakehub import LOST, SILENT, Start, json_answer, page_answer
from launching import begin, cancel, path_of, see, start_lines, uploads, wait_for
from waiting import at_once, in_background, wait_until


def raw(body: bytes, status=200, content_type="application/json"):
    """An answer of these bytes, to be scripted."""
    return lambda: web.Response(status=status, body=body, content_type=content_type)


MANY = b"[" + b"{}," * 7_000_000 + b"{}]"
DEEP = b"[" * 100_000
ANSWERS = {
    "an error number of 5,000 digits": json_answer({"message": f"[Errno {'9' * 5000}] x"}, 500),
    "half a character": json_answer({"message": "no such file: b\udce4r"}, 500),
    "a message that is none": json_answer({"message": [1, {"a": None}]}, 500),
    "20 MB of objects": raw(MANY),
    "20 MB of an error": raw(MANY, 500),
    "nesting": raw(DEEP),
    "a number without end": raw(b'{"path": ' + b"9" * 6000 + b"}"),
    "no JSON": raw(b"{"),
    "not UTF-8": raw(b'{"path": "\xff\xfe"}'),
    "a redirect to itself": page_answer(302, location="/user/x"),
}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "GET"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_without_measure_is_a_problem_and_no_fault(client, alice, method, answer):
    alice.write("lab/hello.ipynb", b"{}")  # so that free names are looked for
    alice.answers += [(method, answer)] * 40
    reply = client.launch(alice)
    assert reply.status_code in (200, 502), reply.text
    assert client.get("/health").status_code == 200
    assert alice.leftovers == [] or method != "PUT"


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422, 451])
def test_a_hook_that_refuses_is_quoted_without_what_messages_leave_out(
    client, fakehub, alice, status
):
    said = f"Your group's quota is used up, see /home/{alice.name}/.quota"
    alice.hook = lambda path, model: (status, said)
    problem = problem_of(client.launch(alice), 502)
    assert problem["type"].endswith(":upload-refused")
    assert "Your group's quota is used up" in problem["detail"]
    assert "/home" not in problem["detail"]
    assert start_lines(fakehub, alice) == []


@pytest.mark.parametrize("said", ["Forbidden", ""])
def test_a_hook_that_refuses_without_a_word_is_not_a_token_that_is_refused(client, alice, said):
    alice.hook = lambda path, model: (403, said)
    problem = problem_of(client.launch(alice), 502)
    assert problem["type"].endswith(":upload-refused")
    assert "without a reason" in problem["detail"]


@pytest.mark.parametrize("status", [400, 403, 409, 422])
def test_a_hook_that_gives_a_reason_in_place_of_a_message_is_quoted(client, alice, status):
    """`HTTPError(403, reason="…")` is a message "Forbidden" and that reason."""
    name = HTTPStatus(status).phrase
    answer = json_answer({"message": name, "reason": "No quota left, says the site"}, status)
    alice.answers += [("PUT", answer)] * 9
    problem = problem_of(client.launch(alice), 502)
    assert problem["type"].endswith(":upload-refused")
    assert "No quota left, says the site" in problem["detail"]


LIKE_THE_SERVERS_OWN = {
    "in the way": (400, "A report of that name already exists in the archive"),
    "permission": (403, "Permission denied: your project has ended"),
}


@pytest.mark.parametrize("which", LIKE_THE_SERVERS_OWN)
def test_a_hook_whose_words_are_like_the_servers_own_is_quoted(client, alice, which):
    status, said = LIKE_THE_SERVERS_OWN[which]
    alice.hook = lambda path, model: (status, said)
    problem = problem_of(client.launch(alice), 502)
    assert problem["type"].endswith(":upload-refused")
    assert said in problem["detail"]


@pytest.mark.parametrize("status", [404, 405, 500, 501, 502, 503, 504, 507])
@pytest.mark.parametrize("if_exists", ["rename", "replace"])
def test_a_hook_that_refuses_as_if_the_server_failed_is_quoted(
    client, fakehub, alice, status, if_exists
):
    said = "The storage is under maintenance until noon"
    alice.hook = lambda path, model: (status, f"{said}, see /srv/notice")
    problem = problem_of(client.launch(alice, if_exists=if_exists), 502)
    assert said in problem["detail"]
    assert f"HTTP {status}" in problem["detail"]
    assert "/srv" not in problem["detail"]
    assert start_lines(fakehub, alice) == []


def test_a_contents_manager_that_has_no_answer_calls_no_name_taken(client, fakehub, alice):
    answer = json_answer({"message": "Slow down", "reason": None}, 503)
    alice.answers += [("GET", answer)] * 300
    problem = problem_of(client.launch(alice), 502)
    assert "Slow down" in problem["detail"]
    assert start_lines(fakehub, alice) == []


def test_a_server_whose_question_to_the_hub_failed_is_asked_again(client, fakehub, alice):
    said = {"message": "Failed to check authorization (upstream problem)", "reason": None}
    alice.answers.append(("PUT", json_answer(said, 502)))
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert start_lines(fakehub, alice) == []


def test_a_server_that_the_hub_does_not_know_any_more_is_to_be_stopped(client, alice):
    said = "Permission failure checking authorization, I may need a new token"
    alice.answers += [("PUT", json_answer({"message": said, "reason": None}, 500))] * 9
    assert "Stop the server" in problem_of(client.launch(alice), 502)["detail"]


@pytest.mark.parametrize("if_exists", ["rename", "fail", "replace"])
def test_a_text_that_jupytext_would_show_in_the_notebooks_place(client, alice, if_exists):
    alice.paired, alice.text_is_newer = "py", True
    alice.write("lab/hello.py", b"mine")
    answer = client.launch(alice, if_exists=if_exists)
    if if_exists == "rename":
        assert path_of(answer) == "lab/hello-1.ipynb"
    else:
        problem_of(answer, 409)
    assert alice.notebooks == ["lab/hello-1.ipynb"] * (if_exists == "rename")
    assert alice.files["lab/hello.py"] == b"mine"
    assert alice.leftovers == []


def test_a_hook_that_takes_notebooks_only_takes_the_launchers(client, fakehub, alice):
    def notebooks_only(path, model):
        return None if path.endswith(".ipynb") else (400, f"no {path}, only notebooks")

    alice.hook = notebooks_only
    alice.directories.add("lab")
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    alice.server = "stopped"
    assert path_of(client.launch(alice)) == "lab/hello-1.ipynb"
    problem = problem_of(client.launch(alice, directory="new"), 502)
    assert "no new, only notebooks" in problem["detail"]


@pytest.mark.parametrize(("directory", "hint"), [("new", True), ("lab", False), ("lab/x", False)])
def test_a_directory_that_is_not_writable_is_told_as_that(client, alice, directory, hint):
    alice.directories.add("lab")
    alice.unwritable |= {"", "lab"}
    problem = problem_of(client.launch(alice, directory=directory), 502)
    assert problem["type"].endswith(":not-writable")
    assert "permission denied" in problem["detail"]
    assert ("c.Launcher.home_path" in problem["detail"]) == hint


CHECKPOINTS = {
    "closed": (403, "Permission denied: lab/.ipynb_checkpoints", "permission denied"),
    "read-only": (500, "[Errno 30] Read-only file system: '/home/x'", "read-only"),
    "refused": (400, "No checkpoints here, says the site", "No checkpoints here, says the site"),
    "unknown": (500, "Unhandled error", "regular file"),
}


@pytest.mark.parametrize("why", CHECKPOINTS)
def test_a_checkpoint_that_fails_is_told_as_that(client, alice, why):
    status, said, words = CHECKPOINTS[why]
    alice.write("lab/hello.ipynb", b"{}")
    alice.answers.append(("POST", json_answer({"message": said}, status)))
    problem = problem_of(client.launch(alice, if_exists="replace"), 502)
    assert problem["type"].endswith(":checkpoint-failed")
    assert "was not replaced" in problem["detail"]
    assert words in problem["detail"]
    assert "/home" not in problem["detail"]
    assert alice.files == {"lab/hello.ipynb": b"{}"}


def test_no_space_for_a_checkpoint_is_507(client, alice):
    alice.write("lab/hello.ipynb", b"{}")
    alice.full = "POST"
    problem = problem_of(client.launch(alice, if_exists="replace"), 507)
    assert "checkpoint" in problem["detail"]


@pytest.mark.parametrize(("status", "words"), [(413, "HTTP 413"), (429, "HTTP 429")])
def test_the_limit_of_a_proxy_is_named_and_no_reason_to_start_the_server(
    client, fakehub, alice, status, words
):
    alice.answers += [("PUT", page_answer(status))] * 99
    problem = problem_of(client.launch(alice), 502)
    assert problem["type"].endswith(":proxy-refused")
    assert words in problem["detail"]
    assert start_lines(fakehub, alice) == []
    assert len(uploads(fakehub, alice)) <= 3


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("status", [401, 403, 405])
def test_a_firewall_that_blocks_a_method_is_named_and_no_reason_to_start_the_server(
    client, fakehub, alice, status, method
):
    alice.answers += [(method, page_answer(status, "blocked"))] * 99
    problem = problem_of(client.launch(alice), 502)
    assert problem["type"].endswith(":proxy-refused")
    assert f"HTTP {status}" in problem["detail"]
    assert method in problem["detail"]
    assert start_lines(fakehub, alice) == []
    assert alice.leftovers == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_page_that_refuses_once_is_no_firewall(client, fakehub, alice, method):
    """The hub's own, of which a proxy has removed the mark, until the route is there."""
    alice.answers.append((method, page_answer(403)))
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert alice.leftovers == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_why_no_answer_came_is_in_the_problem(client, alice, method, monkeypatch):
    monkeypatch.setattr("launcher.launches.engine.MAX_ATTEMPTS", 1)
    alice.answers += [(method, LOST)] * 999
    problem = problem_of(client.launch(alice), 502)
    assert "it closed the connection without a response" in problem["detail"]


def test_a_server_that_calls_every_name_taken_is_asked_for_a_hundred_at_most(
    client, fakehub, alice
):
    taken = json_answer({"message": "File already exists"}, 409)
    alice.answers += [("PATCH", taken)] * 300
    alice.answers += [("GET", json_answer({"path": "x", "type": "notebook"}))] * 300
    problem = problem_of(client.launch(alice), 502)
    lines = [line for line in fakehub.lines() if "/api/contents/" in line]
    assert len(lines) <= 110
    assert max(map(len, lines)) < 1000
    assert problem["type"].endswith(":contents-failed")
    assert alice.leftovers == []


def test_a_launch_that_looks_for_a_free_name_can_be_cancelled(client, fakehub, alice):
    gate = threading.Event()

    def taken():
        gate.wait(0.2)
        name = [line for line in fakehub.lines("GET") if "/api/contents/" in line][-1]
        return json_answer({"path": name.split("/contents/")[1].split("?")[0], "type": "file"})()

    alice.write("lab/hello.ipynb", b"{}")
    alice.answers += [("GET", taken)] * 300
    begun = begin(client, alice)
    wait_until(lambda: fakehub.lines(f"GET /user/{alice.name}/api/contents"), "the search")
    cancel(client, alice, begun)
    wait_until(lambda: fakehub.lines("DELETE"), "the tidying up")
    asked = len(fakehub.lines("GET"))
    assert see(client, alice, begun)["state"] == "cancelled"
    assert asked < 60


def test_a_server_that_never_answers_fails_the_launch_in_time(start_app, fakehub, alice):
    client = start_app(upload_timeout=5)
    alice.answers += [("PUT", SILENT)] * 9
    problem = problem_of(client.launch(alice), 504)
    assert problem["type"].endswith(":server-unresponsive")


def test_a_server_that_never_answers_holds_few_connections_and_nobody_else(
    start_app, fakehub, alice
):
    client = start_app(upload_timeout=5)
    greedy = fakehub.add_user(server="ready")
    client.launch(greedy)
    fakehub.calls.clear()
    greedy.answers += [("PUT", SILENT)] * 999
    begun = [begin(client, greedy) for _ in range(60)]
    wait_until(lambda: len(fakehub.lines(f"PUT /user/{greedy.name}/")) >= 10, "the uploads")
    assert client.get("/health").status_code == 200
    assert path_of(client.launch(alice)) == "lab/hello.ipynb"
    assert len(fakehub.lines(f"PUT /user/{greedy.name}/")) <= 16
    for launch in begun:
        wait_for(client, greedy, launch, "failed")


def test_a_spawner_that_says_half_a_character_is_quoted_without_it(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, "fails", reason="no such file: b\udce4r")])
    assert "no such file: b\ufffdr" in problem_of(client.launch(user), 502)["detail"]


# what one user may have


def test_a_user_begins_so_many_launches_and_no_more(start_app, fakehub):
    client = start_app(max_starts=1, max_launches_per_user=5)
    greedy = fakehub.add_user(starts=[Start(202, "never")])
    begun = [begin(client, greedy) for _ in range(5)]
    answer = client.launch(greedy)
    problem = problem_of(answer, 429)
    assert problem["type"].endswith(":too-many-launches")
    assert int(answer.headers["retry-after"]) > 0
    assert client.launch(fakehub.add_user(server="ready")).status_code == 200
    cancel(client, greedy, begun[0])
    # a cancelled launch ends a moment after the answer
    headers = greedy.auth | {"Prefer": "respond-async"}
    wait_until(lambda: client.launch(greedy, headers=headers).status_code == 202, "room")
    for launch in begun[1:]:
        cancel(client, greedy, launch)


def test_a_launch_that_is_repeated_by_its_key_is_no_further_one(start_app, fakehub):
    client = start_app(max_launches_per_user=1)
    user = fakehub.add_user(starts=[Start(202, seconds=1)])
    headers = user.auth | {"Idempotency-Key": "k", "Prefer": "respond-async"}
    first = client.launch(user, headers=headers).json()
    assert client.launch(user, headers=headers).json()["id"] == first["id"]
    wait_for(client, user, first, "done")


def test_launches_that_fail_at_once_are_limited_by_the_minute(start_app, fakehub, alice):
    client = start_app(max_launches_per_minute=10)
    alice.write("lab/hello.ipynb", b"{}")
    answers = [client.launch(alice, if_exists="fail") for _ in range(12)]
    assert [a.status_code for a in answers] == [409] * 10 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert client.launch(fakehub.add_user(server="ready")).status_code == 200


# the token for a server


def minted(fakehub, user):
    return fakehub.lines(f"POST /hub/api/users/{user.name}/tokens")


def test_simultaneous_launches_share_one_token(client, fakehub, alice):
    answers = at_once(8, lambda n: client.launch(alice, filename=f"{n}.ipynb"))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len(minted(fakehub, alice)) == 1


def test_a_server_is_sent_its_own_token_and_the_hub_the_launchers(client, fakehub, alice):
    client.launch(alice)
    for call in fakehub.calls:
        sent = call.headers.get("Authorization", "")
        if call.path.startswith("/user/"):
            assert fakehub.token not in sent
            assert alice.token not in sent
        else:
            assert not any(token in sent for token in alice.server_tokens)


def test_a_token_that_a_server_refuses_is_made_anew_once(client, fakehub, alice):
    client.launch(alice)
    alice.server_tokens.clear()
    assert client.launch(alice).status_code == 200
    assert len(minted(fakehub, alice)) == 2


def test_a_server_that_refuses_every_token_is_a_problem(client, fakehub, alice):
    fakehub.revoking = 99
    problem = problem_of(client.launch(alice), 503)
    assert problem["type"].endswith(":hub-refused")
    assert len(minted(fakehub, alice)) <= 4


def test_a_lifetime_above_the_hubs_maximum_is_lowered(start_app, fakehub, alice):
    fakehub.most_seconds = 300
    client = start_app()
    assert client.launch(alice).status_code == 200
    another = fakehub.add_user(server="ready")
    assert client.launch(another).status_code == 200
    assert len(minted(fakehub, alice)) == 2
    assert len(minted(fakehub, another)) == 1


def test_a_user_whose_server_may_not_be_opened_is_told_why(client, fakehub, alice):
    alice.may_be_opened = False
    problem = problem_of(client.launch(alice), 503)
    assert "tokens!group" in problem["detail"]


def test_the_token_is_made_while_the_server_starts(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.5)])
    with in_background(lambda: client.launch(user)) as results:
        wait_until(lambda: minted(fakehub, user), "the token")
        assert user.server == "spawning"
    assert results[0].status_code == 200


def test_a_token_is_not_sent_where_no_server_is(client, fakehub):
    user = fakehub.add_user(starts=[Start(202, seconds=0.2)])
    assert client.launch(user).status_code == 200
    first = next(call for call in fakehub.calls if call.path.startswith("/user/"))
    assert first.line == f"GET /user/{user.name}/api"
    assert "Authorization" not in first.headers
