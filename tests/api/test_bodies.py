"""Bad input: each is a 4xx problem that names the field, calls nobody and writes nothing."""

import gzip
import json
import socket

import pytest
import requests
from application import problem_of

from launcher.api.bodies import MAX_VALUES, parse

MEBIBYTE = 2**20
CANARY = "canary7f3a"
GOOD = {"notebook": {"directory": "lab", "filename": "hello.ipynb"}}


@pytest.fixture
def post(client, fakehub, alice):
    """Sends a body, and holds that nothing comes of one that is refused."""

    def send(body, path="/hello", media_type="application/json", **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**alice.auth, **headers}
        if media_type is not None:
            headers["Content-Type"] = media_type
        answer = client.post(path, content=content, headers=headers)
        if answer.status_code != 200:
            assert fakehub.beyond_identification == []
            assert alice.files == {}
            assert CANARY not in answer.text
        return answer

    return send


def notebook(**fields):
    return {"notebook": {"directory": "lab", **fields}}


BAD_FIELDS = [
    ({}, "/notebook"),
    ({"notebook": {}}, "/notebook/directory"),
    ({"notebook": None}, "/notebook"),
    ({"notebook": CANARY}, "/notebook"),
    ({"notebook": [CANARY]}, "/notebook"),
    ({**GOOD, CANARY: 1}, None),
    ({**GOOD, "user": CANARY}, "/user"),
    ({**GOOD, "parameters": {}}, "/parameters"),
    (notebook(extra=CANARY), "/notebook/extra"),
    (notebook(directory=1), "/notebook/directory"),
    (notebook(directory=None), "/notebook/directory"),
    (notebook(directory=[CANARY]), "/notebook/directory"),
    (notebook(directory=""), "/notebook/directory"),
    (notebook(directory=CANARY * 300), "/notebook/directory"),
    (notebook(directory=f"../{CANARY}"), "/notebook/directory"),
    (notebook(directory=f"/{CANARY}"), "/notebook/directory"),
    (notebook(directory=f".{CANARY}"), "/notebook/directory"),
    (notebook(directory=f"{CANARY}\x00"), "/notebook/directory"),
    (notebook(directory=f"{CANARY}\r\nX: y"), "/notebook/directory"),
    (notebook(directory=f"%252e%252e/{CANARY}"), "/notebook/directory"),
    (notebook(directory=f"%25252e%25252e/{CANARY}"), "/notebook/directory"),
    (notebook(directory=f"{CANARY}%00"), "/notebook/directory"),
    (notebook(filename=f"{CANARY}%00.ipynb"), "/notebook/filename"),
    (notebook(filename=f"{CANARY}.py"), "/notebook/filename"),
    (notebook(filename=f"a/{CANARY}.ipynb"), "/notebook/filename"),
    (notebook(filename=f".{CANARY}.ipynb"), "/notebook/filename"),
    (notebook(filename=f"{CANARY}.ipynb\n"), "/notebook/filename"),
    (notebook(filename=f"{CANARY * 30}.ipynb"), "/notebook/filename"),
    (notebook(filename="ä" * 115 + ".ipynb"), "/notebook/filename"),
    (notebook(filename=7), "/notebook/filename"),
    (notebook(filename=True), "/notebook/filename"),
    (notebook(workspace=f"{CANARY} "), "/notebook/workspace"),
    (notebook(workspace=f"{CANARY}\n"), "/notebook/workspace"),
    (notebook(workspace=f"../{CANARY}"), "/notebook/workspace"),
    (notebook(workspace="x" * 65), "/notebook/workspace"),
    (notebook(workspace=""), "/notebook/workspace"),
    (notebook(workspace="wörk"), "/notebook/workspace"),
    (notebook(workspace=None), "/notebook/workspace"),
    (notebook(if_exists=CANARY), "/notebook/if_exists"),
    (notebook(if_exists="RENAME"), "/notebook/if_exists"),
    (notebook(if_exists=None), "/notebook/if_exists"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD_FIELDS, ids=lambda value: ascii(value)[:60])
def test_a_bad_field_is_named_and_its_value_not_repeated(post, body, pointer):
    if pointer is None:
        assert body.pop(CANARY)  # an unknown name is a name: it may be repeated
        body, pointer = {**body, "unknown": CANARY}, "/unknown"
    problem = problem_of(post(body), 400)
    assert problem["type"].endswith(":bad-request")
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert all(error["detail"] for error in problem["errors"])


@pytest.mark.parametrize(("body", "pointer"), BAD_FIELDS[1:4] + BAD_FIELDS[8:], ids=lambda v: "")
@pytest.mark.parametrize("path", ["/experiments/hello", "/experiments/hello/preview"])
def test_the_general_operations_refuse_the_same(post, path, body, pointer):
    problem = problem_of(post(body, path), 400)
    assert pointer in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"unknown": CANARY}, "/parameters/unknown"),
        ({"a/b~c": CANARY}, "/parameters/a~1b~0c"),
        ({"__class__": CANARY}, "/parameters/__class__"),
        ({"x=1\nimport os": CANARY}, "/parameters/x=1\nimport os"),
        ([], "/parameters"),
        (None, "/parameters"),
        (CANARY, "/parameters"),
    ],
    ids=lambda value: ascii(value)[:40],
)
@pytest.mark.parametrize("path", ["/experiments/hello", "/experiments/hello/preview"])
def test_a_bad_parameter_is_named(post, path, parameters, pointer):
    problem = problem_of(post({**GOOD, "parameters": parameters}, path), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_several_bad_fields_are_named_at_once_and_once_each(post):
    body = {"notebook": {"filename": 1, "if_exists": "x", "extra": 1}, "more": 1}
    pointers = [error["pointer"] for error in problem_of(post(body), 400)["errors"]]
    fields = ("directory", "extra", "filename", "if_exists")
    assert sorted(pointers) == ["/more", *(f"/notebook/{field}" for field in fields)]


def test_a_thousand_unknown_fields_make_a_short_answer(post):
    body = {**GOOD, **{f"field{n}{'x' * 500}": 1 for n in range(1000)}}
    assert len(post(body).content) < 20_000


def nested(depth, opening="[", closing="]"):
    return (
        b'{"notebook": {"directory": "lab"}, "x": '
        + opening.encode() * depth
        + b"1"
        + closing.encode() * depth
        + b"}"
    )


NOT_JSON = {
    "empty": b"",
    "spaces": b"   ",
    "text": b"hello",
    "cut": b'{"notebook": {"directory": "la',
    "trailing": b"{} {}",
    "single quotes": b"{'notebook': 1}",
    "form": b"notebook=1",
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "NaN": b'{"notebook": {"directory": NaN}}',
    "Infinity": b'{"notebook": {"directory": Infinity}}',
    "-Infinity": b'{"notebook": {"directory": "a"}, "x": -Infinity}',
    "1e999": b'{"notebook": {"directory": "a"}, "x": 1e999}',
    "5000 digits": b'{"notebook": {"directory": ' + b"9" * 5000 + b"}}",
    "not UTF-8": b'{"notebook": {"directory": "\xff\xfe"}}',
    "overlong": b'{"notebook": {"directory": "\xc0\xaf"}}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "UTF-32": json.dumps(GOOD).encode("utf-32"),
    "BOM": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "half a character": b'{"notebook": {"directory": "\\ud800"}}',
    "half in a name": b'{"notebook": {"directory": "a"}, "\\udfff": 1}',
    "NUL byte": b'{"notebook": {"directory": "a\x00"}}',
    "NUL at the end": json.dumps(GOOD).encode() + b"\x00",
    "line break in a string": b'{"notebook": {"directory": "a\nb"}}',
    "a name twice": b'{"notebook": {"directory": "a", "directory": "b"}}',
    "notebook twice": b'{"notebook": {"directory": "a"}, "notebook": {"directory": "b"}}',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("path", ["/hello", "/experiments/hello/preview"])
def test_hostile_json_is_400(post, body, path):
    assert problem_of(post(body, path), 400)["type"].endswith(":bad-request")


@pytest.mark.parametrize("depth", [20, 100, 200, 400, 600, 800, 900, 950, 1000, 5000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", ('{"a":', "}")], ids=["lists", "objects"])
@pytest.mark.parametrize("path", ["/hello", "/experiments/hello"])
def test_json_of_any_depth_is_400(post, depth, brackets, path):
    problem_of(post(nested(depth, *brackets), path), 400)


@pytest.mark.parametrize("size", [MEBIBYTE + 1, 3 * MEBIBYTE])
def test_a_body_over_one_mebibyte_is_413(post, size):
    padding = b" " * (size - len(json.dumps(GOOD)))
    problem = problem_of(post(json.dumps(GOOD).encode() + padding), 413)
    assert problem["type"].endswith(":too-large")


def test_a_body_of_one_mebibyte_is_read(post):
    body = json.dumps(GOOD).encode()
    assert post(body + b" " * (MEBIBYTE - len(body))).status_code == 200


@pytest.mark.parametrize(
    "media_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/xml", "application/jsonx", "nonsense", "application/x-yaml", "text/json", ""],
)  # fmt: skip
def test_another_media_type_is_415(post, media_type):
    problem_of(post(GOOD, media_type=media_type), 415)


@pytest.mark.parametrize("media_type", [None, "APPLICATION/JSON", "text/plain", "application/x"])
def test_no_media_type_gets_round_the_bound(post, media_type):
    answer = post(b"[" + b" " * 3 * MEBIBYTE, media_type=media_type)
    assert problem_of(answer, answer.status_code)["status"] in (413, 415)


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;v=1"]
)
def test_json_with_a_parameter_is_json(post, media_type):
    assert post(GOOD, media_type=media_type).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
def test_a_compressed_body_is_refused(post, encoding):
    body = gzip.compress(json.dumps(GOOD).encode())
    assert post(body, **{"Content-Encoding": encoding}).status_code in (400, 415)


# paths, methods, queries


@pytest.mark.parametrize("path", ["/nothing", "/hello/x", "/.env", "/ui2"])
def test_a_path_that_is_not_there_is_404(client, alice, path):
    problem_of(client.get(path, headers=alice.auth), 404)


@pytest.mark.parametrize("path", ["/hello/", "/experiments/", "/experiments/hello/", "/ui"])
def test_a_slash_too_many_leads_to_no_host_that_a_request_named(client, alice, path):
    answer = client.get(path, headers={**alice.auth, "Host": "evil.example"})
    assert answer.status_code in (307, 404)
    assert "evil.example" not in answer.headers.get("location", "")


@pytest.mark.parametrize(
    "name",
    ["nothing", "Hello", "hello%20", "..%2fhello", "%2e%2e", "a" * 64, "%00", "%F0%9F%98%80"],
)
@pytest.mark.parametrize("suffix", ["", "/preview"])
def test_an_experiment_that_is_not_there_is_404(post, client, alice, name, suffix):
    problem_of(post(GOOD, f"/experiments/{name}{suffix}"), 404)


def test_a_name_longer_than_any_experiments_is_refused(client, alice):
    answer = client.get(f"/experiments/{'a' * 65}", headers=alice.auth)
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/hello"), ("PUT", "/hello"), ("DELETE", "/hello"), ("PATCH", "/experiments/hello"),
     ("POST", "/experiments"), ("POST", "/user"), ("POST", "/health"), ("DELETE", "/ready"),
     ("GET", "/experiments/hello/preview"), ("TRACE", "/health"), ("NONSENSE", "/hello")],
)  # fmt: skip
def test_another_method_is_405_and_says_which_are_allowed(client, alice, method, path):
    answer = client.request(method, path, headers=alice.auth)
    problem_of(answer, 405)
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/user", "/experiments", "/experiments/hello", "/health", "/ready"]
)
def test_an_unknown_query_parameter_is_400(client, alice, path):
    problem_of(client.get(f"{path}?unknown={CANARY}", headers=alice.auth), 400)


def test_a_query_is_refused_on_a_launch_too(post):
    problem_of(post(GOOD, f"/hello?directory={CANARY}"), 400)


# bodies as bytes on the wire, under the real server


def request(alice, *headers, body=b"", path="/hello"):
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Connection: close",
        "Content-Type: application/json",
        f"Authorization: token {alice.token}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*chunks):
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def test_a_chunked_body_is_accepted(gunicorn, alice):
    body = json.dumps(GOOD).encode()
    chunks = chunked(body[:5], body[5:20], body[20:])
    status, _, answer = gunicorn.raw(request(alice, "Transfer-Encoding: chunked", body=chunks))
    assert status == 200, answer
    assert alice.notebooks == ["lab/hello.ipynb"]


@pytest.mark.parametrize("size", [MEBIBYTE + 1, 5 * MEBIBYTE])
def test_a_chunked_body_over_one_mebibyte_is_413(gunicorn, fakehub, alice, size):
    chunks = chunked(*[b" " * 65536] * (size // 65536), b" " * (size % 65536 + 1))
    status, head, _ = gunicorn.raw(request(alice, "Transfer-Encoding: chunked", body=chunks))
    assert status == 413
    assert "application/problem+json" in head
    assert fakehub.beyond_identification == []


@pytest.mark.parametrize("path", ["/hello", "/events", "/events/withdraw", "/workshops"])
def test_a_length_over_the_limit_is_413_before_the_body_comes(gunicorn, alice, path):
    length = f"Content-Length: {50 * MEBIBYTE}"
    status, head, _ = gunicorn.raw(request(alice, length, path=path))
    assert status == 413
    assert "application/problem+json" in head


def test_an_event_in_chunks_over_its_limit_is_413(gunicorn, alice):
    chunks = chunked(*[b" " * MEBIBYTE] * 50)
    message = request(alice, "Transfer-Encoding: chunked", body=chunks, path="/events")
    status, head, _ = gunicorn.raw(message)
    assert status == 413
    assert "application/problem+json" in head


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: -1",),
        ("Content-Length: abc",),
        ("Content-Length: +5",),
        ("Content-Length: 0x10",),
        ("Content-Length: 1_0",),
        ("Content-Length: \u00b2",),
        ("Content-Length: 5, 5",),
        ("Content-Length: " + "9" * 30,),
        ("Content-Length: " + "9" * 5000,),
        ("Content-Length:",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Content-Length: 1", "Content-Length: 2"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: nonsense",),
    ],
    ids=lambda headers: " ".join(headers)[:60],
)
def test_a_length_that_makes_no_sense_is_a_4xx(gunicorn, fakehub, alice, headers):
    body = chunked(json.dumps(GOOD).encode())
    status, _, _ = gunicorn.raw(request(alice, *headers, body=body))
    assert 400 <= status < 500 or status == 501
    assert fakehub.beyond_identification == []
    assert alice.files == {}


@pytest.mark.parametrize(
    "path",
    ["/../hello", "/ui/../hello", "//hello", "/ui/%2e%2e/hello", "/./hello", "/ui/page/..%2f"],
)
def test_dot_segments_in_our_own_path_lead_nowhere(gunicorn, alice, path):
    body = json.dumps(GOOD).encode()
    status, _, _ = gunicorn.raw(
        request(alice, f"Content-Length: {len(body)}", body=body, path=path)
    )
    assert status in (400, 404, 405)
    assert alice.files == {}


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\n", b"-5\r\nhello\r\n", b"5;" + b"x" * 70_000],
    ids=["no number", "negative", "a long extension"],
)
def test_chunks_that_make_no_sense_are_a_4xx(gunicorn, fakehub, alice, chunks):
    status, _, _ = gunicorn.raw(request(alice, "Transfer-Encoding: chunked", body=chunks))
    assert 400 <= status < 500
    assert alice.files == {}


def test_whoever_waits_to_be_told_to_go_on_is_told(gunicorn, alice):
    body = json.dumps(GOOD).encode()
    head = request(alice, f"Content-Length: {len(body)}", "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", gunicorn.port), timeout=20) as wire:
        wire.sendall(head)
        assert wire.recv(65536).startswith(b"HTTP/1.1 100")
        wire.sendall(body)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")


def test_whoever_waits_with_too_large_a_body_is_told_not_to_send_it(gunicorn, alice):
    expecting = request(alice, f"Content-Length: {50 * MEBIBYTE}", "Expect: 100-continue")
    status, _, _ = gunicorn.raw(expecting)
    assert status == 413


def test_the_workers_are_the_same_as_before_all_that(gunicorn, alice):
    """The last of this file."""
    for _ in range(8):
        answer = requests.get(f"{gunicorn.url}/health", timeout=20)
        assert answer.status_code == 200


@pytest.mark.parametrize("length", ["-1", "abc", "+5", "1_0", "\u0665", "9" * 5000, ""])
def test_a_length_is_no_500_under_a_server_that_passes_anything_on(client, alice, length):
    headers = alice.auth | {"Content-Type": "application/json"}
    headers |= {"Content-Length": length.encode()}
    answer = client.post("/hello", content=json.dumps(GOOD), headers=headers)
    assert problem_of(answer, 413 if length.startswith("9") else 400)


# what a body costs before it is refused


def many(item, count):
    return b'{"notebook": {"directory": "lab"}, "parameters": {"a": [%s]}}' % b",".join(
        [item] * count
    )


@pytest.mark.parametrize(
    "body",
    [
        many(b"0", 300_000),
        many(b"[]", 300_000),
        many(b'{"a":1}', 100_000),
        b"{%s}" % b",".join(b'"%x":0' % number for number in range(90_000)),
        b"[" * 900_000,
        b'{"a":' * 200_000,
    ],
    ids=["numbers", "lists", "objects", "fields", "depth", "deep objects"],
)
@pytest.mark.parametrize("path", ["/hello", "/experiments/hello/preview"])
def test_more_values_than_anybody_needs_are_refused_before_they_are_parsed(post, body, path):
    assert f"at most {MAX_VALUES} values" in problem_of(post(body, path), 400)["detail"]


@pytest.mark.parametrize("text", ["x," * 400_000, '\\"[{,' * 100_000], ids=["commas", "escaped"])
def test_a_long_text_is_one_value(post, text):
    assert parse(b'{"a": "%s"}' % text.encode()) == {"a": json.loads(f'"{text}"')}


def test_a_number_of_hundreds_of_digits_is_400(post):
    problem_of(post(many(b"9" * 401, 1), "/experiments/hello"), 400)


def test_of_ten_thousand_unknown_fields_few_are_named(post):
    body = b"{%s}" % b",".join(b'"%x":0' % number for number in range(9_000))
    problem = problem_of(post(body), 400)
    assert len(problem["errors"]) <= 10
