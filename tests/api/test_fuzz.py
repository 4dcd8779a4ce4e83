"""The contract, fuzzed: whatever comes in, the answer is one that openapi.yaml describes.

schemathesis makes requests from openapi.yaml, and what it does not try follows: bodies and headers
that are no good JSON, no good text or no good credential. A run takes the same examples each time;
FUZZ_EXAMPLES=2000 pytest --timeout 7200 tests/test_contract.py takes that many new ones.
"""

import base64
import json
import os
import string
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from application import NO_LIMITS_PER_ADDRESS, application
from fakehub import Start
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec import OPERATIONS, PUBLIC, TOP, resolved
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks
from waiting import MAX_SECONDS

FUZZ_EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
EXAMPLES = int(FUZZ_EXAMPLES or 20)
fuzzed = settings(
    max_examples=EXAMPLES,
    derandomize=not FUZZ_EXAMPLES,
    deadline=None,
    # one user and one application serve all examples of a test; bodies that fit are rare and large
    suppress_health_check=list(HealthCheck),
)
many = settings(fuzzed, max_examples=10 * EXAMPLES)

CONTRACT = schemathesis.openapi.from_path(
    TOP,
    config=SchemathesisConfig.from_dict(
        {
            **({} if FUZZ_EXAMPLES else {"seed": 1}),
            "checks": {"enabled": True, "max_response_time": MAX_SECONDS},
        }
    ),
)


class Running:
    """The application that a fixture started: schemathesis wants one before there are fixtures."""

    app = None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


CONTRACT.app = Running()

# what stands in the paths of operations
PLACES = {"experiment": "hello", "launch_id": "0" * 32, "server_name": "gpu"}
PLACES |= {"user_name": "alice", "system": "desk"}
PLACES |= {"host": "gitlab.example.org"}
PLACES |= {"namespace": "climate", "project": "course", "commit_sha": "2f1c3a9"}
PLACES |= {"entrypoint_id": "0" * 32, "entrypoint_type": "conda"}
PLACES |= {"event_id": 1, "notebook_id": 1}
PLACES |= {"workshop": "python-2026", "filename": "day1.ipynb"}
# a stream that is let in does not end: see tests/workshops/test_stream.py
ENDLESS = "launcher.api.events.stream"
THAT_END = sorted(OPERATIONS.keys() - {ENDLESS})
# What can be asked of an answer whose request schemathesis did not make
OF_ANY_ANSWER = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# HTTP's own (RFC 9110), and those that launcher/web and launcher/logs.py give to every answer
OF_EVERY_ANSWER = {
    "date", "server", "connection", "content-type", "content-length", "transfer-encoding",
    "cache-control", "content-security-policy", "cross-origin-opener-policy",
    "cross-origin-resource-policy", "referrer-policy", "x-content-type-options", "x-request-id",
}  # fmt: skip
# What openapi.yaml says of these in words is more than a schema of OpenAPI 3.0 can say
SAID_IN_WORDS = (
    "/notebook/directory",
    "/notebook/filename",
    "/notebook/server",
    "/notebook/entrypoint",
    "/notebook/system",
    "/entrypoint",
    "/system",
    "/server",
    "/experiment",
    "/parameters",
    "/opendap",
    "/setup/period/end",
    "/namespace",
    "/project",
    "/repository",
    "/url",
    "/ref",
    "/branch",
    "/serverOptions",
    "/filename",
    "/path",
    "/directory",
    "/at",
    "/timestamp",
    "/since",
)
# a cursor is one that the service gave; a key is of visible characters; the site has no git host
PARAMETERS_SAID_IN_WORDS = (
    "cursor is not valid",
    "The header Idempotency-Key must have",
    "This site has no git host",
)


@pytest.fixture(scope="module")
def _app(_fakehub, tmp_path_factory):
    # ignored_auth guesses passwords, and wants to hear 401 each time
    folder = tmp_path_factory.mktemp("contract")
    limits = {"max_failed_logins": 10**6, **NO_LIMITS_PER_ADDRESS}
    with application(_fakehub, folder, **limits) as client:
        CONTRACT.app.app = client.app
        yield


@pytest.fixture
def app(fakehub, _app):
    """The application runs, in which one may be wrong about a password as often as one likes."""


def operation_of(name):
    path, method, _ = OPERATIONS[name]
    return CONTRACT[path][method.upper()]


def check_headers(name, answer):
    """Hold that openapi.yaml names every header of the answer."""
    described = resolved(OPERATIONS[name][2]["responses"]).get(str(answer.status_code), {})
    names = {header.lower() for header in described.get("headers", {})}
    # RFC 9110 asks for it, in an answer that no operation can describe
    names |= {"allow"} if answer.status_code == 405 else set()
    assert {header.lower() for header in answer.headers} - OF_EVERY_ANSWER <= names


def check_documented(name, answer, *, provoked=False):
    """Hold that the answer is one of those that openapi.yaml describes."""
    case = operation_of(name).Case(path_parameters=PLACES)
    # 501: the hub of these tests has no spawn hook
    expected = provoked or answer.status_code == 501
    chosen = OF_ANY_ANSWER[1:] if expected else OF_ANY_ANSWER
    case.validate_response(answer, checks=chosen)
    check_headers(name, answer)


# what schemathesis makes of openapi.yaml


def named_as_a_notebook(case):
    """The case with a filename that ends as one must, so that more gets as far as a launch."""
    notebook = case.body.get("notebook", {}) if isinstance(case.body, dict) else {}
    if isinstance(notebook, str):
        return case  # the file of a project
    if case.meta.generation.mode.is_positive and len(notebook.get("filename", "x" * 230)) <= 224:
        notebook = {**notebook, "filename": f"{notebook['filename']}.ipynb"}
        case.body = {**case.body, "notebook": notebook}
    return case


def refused_for_what_words_say(answer):
    problem = json.loads(answer.text)
    if problem["detail"].startswith(PARAMETERS_SAID_IN_WORDS):
        return True
    pointers = [error["pointer"] for error in problem.get("errors", ())]
    # a notebook is required with an experiment; that of an event is base64 of gzip
    return bool(pointers) and all(
        pointer == "/notebook" or pointer.startswith(SAID_IN_WORDS) for pointer in pointers
    )


def exceptions(case, answer):
    """The checks that do not hold for this answer, each for its reason."""
    excluded = []
    if answer.status_code == 400 and refused_for_what_words_say(answer):
        # what fits the schema is refused: see SAID_IN_WORDS
        excluded.append(checks.positive_data_acceptance)
    if answer.status_code == 422 and "idempotency-key-reused" in answer.text:
        # an earlier case had the same key by chance
        excluded.append(checks.positive_data_acceptance)
    if answer.status_code == 501 and "logs-missing" in answer.text:
        # the hub of these tests has no spawn hook
        excluded.append(not_a_server_error)
    return excluded


@CONTRACT.exclude(operation_id=ENDLESS).parametrize()
@fuzzed
def test_every_answer_to_a_user_is_as_described(case, app, alice):
    answer = named_as_a_notebook(case).call(headers=alice.auth)
    case.validate_response(
        answer,
        excluded_checks=exceptions(case, answer),
        headers=alice.auth,
        transport_kwargs={"headers": alice.auth},
    )
    check_headers(case.operation.definition.raw["operationId"], answer)


@CONTRACT.exclude(tag="health").parametrize()
@fuzzed
def test_no_request_of_a_stranger_is_let_in(case, app, fakehub, alice):
    case.headers = {k: v for k, v in case.headers.items() if k.lower() != "authorization"}
    answer = case.call_and_validate()
    assert answer.status_code in (
        401,
        404,
        405,
    )  # 404: what has a line break in it is no path of ours
    assert fakehub.lines() == []
    assert alice.files == {}


# bodies that schemathesis does not try

WITH_BODY = sorted(name for name, (_, _, each) in OPERATIONS.items() if "requestBody" in each)
# the hook has a secret of its own, and a server its own token
OF_USERS = [name for name in WITH_BODY if not {"hub", "project_server"} & set(name.split("."))]
# they alone may fail because a server does not start, and do it with a request that is right
LAUNCHES = [
    name
    for name in WITH_BODY
    if "504" in OPERATIONS[name][2]["responses"]
    and not name.endswith((".change_default", ".change"))
    # they ask a git host first
    and ".projects." not in name
]


def path_of(name):
    return OPERATIONS[name][0].format(**PLACES)


def method_of(name):
    return OPERATIONS[name][1].upper()


def example_of(name):
    body = resolved(OPERATIONS[name][2]["requestBody"])
    return body["content"]["application/json"]["example"]


def places(value, place=()):
    """The way to every value inside a value of JSON, itself included."""
    yield place
    items = value.items() if isinstance(value, dict) else ()
    for key, item in items:
        yield from places(item, (*place, key))


def replaced(value, place, new):
    if not place:
        return new
    return {**value, place[0]: replaced(value[place[0]], place[1:], new)}


huge_numbers = st.builds(
    lambda sign, digits, rest: f"{sign}{'9' * digits}{rest}",
    st.sampled_from(["", "-"]),
    st.sampled_from([1, 16, 17, 20, 309, 310, 1000, 4300, 4301, 20_000]),
    st.sampled_from(["", ".5", "e9", "e-9", "e308", "e309", "E+99999", ".0"]),
)
# text with every kind of character, half characters too
texts = st.text(st.characters(exclude_categories=()), max_size=300)
hostile_texts = st.sampled_from(
    [
        "\ud800",
        "a\udfffb",
        "\0",
        "\u2028",
        "\x1b[2J",
        "'\"\\",
        '"""',
        "{{ 7 * 7 }}",
        "${HOME}",
        "../x",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
nestings = st.builds(
    lambda depth, pair, core: pair[0] * depth + core + pair[1] * depth,
    st.sampled_from([1, 10, 100, 900, 990, 1000, 3000, 30_000, 300_000]),
    st.sampled_from([("[", "]"), ('{"notebook":', "}"), ('{"a":[', "]}"), ("[", "")]),
    st.sampled_from(["", "1", "{}", '"x"']),
)
codecs = st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "cp037"]
)


@st.composite
def edited_examples(draw, example):
    """The example of an operation with one or two of its values, or all of it, exchanged."""
    body = example
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(list(places(body))))
        body = replaced(body, place, draw(hostile_texts | values))
    return json.dumps(body, ensure_ascii=draw(st.booleans()))


@st.composite
def examples_with_a_splinter(draw, example):
    """The text of the example with something that is no JSON value, or too much of one, in it."""
    text = json.dumps(example)
    splinter = draw(huge_numbers | nestings | st.sampled_from(["NaN", "Infinity", "{", "\x00", ""]))
    start = draw(st.integers(0, len(text)))
    return text[:start] + splinter + text[draw(st.integers(start, len(text))) :]


@st.composite
def broken_bytes(draw, sources):
    """Text in some encoding, of which some bytes are lost, doubled or others."""
    body = draw(sources).encode(draw(codecs), errors="replace")
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 8)))
        body = body[:start] + draw(st.binary(max_size=8)) + body[end:]
    return body


def bodies(example):
    edited = edited_examples(example)
    surrogates = edited.map(lambda text: text.encode("utf-8", errors="surrogatepass"))
    whole = (huge_numbers | nestings | edited | examples_with_a_splinter(example)).filter(bool)
    return st.binary(max_size=300) | surrogates | broken_bytes(whole)


JSON_TYPES = ["application/json", "application/json; charset=utf-16", "Application/JSON;a=b"]
tokens = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=20)
media_types = (
    st.sampled_from(JSON_TYPES)
    | st.sampled_from(["application/problem+json", "multipart/form-data", "text/json", "*/*", ""])
    | st.builds(lambda *parts: "/".join(parts), tokens, tokens)
)


@pytest.mark.parametrize("name", OF_USERS)
def test_no_body_gets_an_answer_that_is_not_described(client, fakehub, alice, name):
    seen = []

    @many
    @given(body=bodies(example_of(name)), media_type=st.sampled_from(JSON_TYPES))
    def sends(body, media_type):
        headers = {**alice.auth, "Content-Type": media_type}
        answer = client.request(method_of(name), path_of(name), content=body, headers=headers)
        check_documented(name, answer)
        seen.append(answer.status_code)

    sends()
    assert 400 in seen
    assert len(alice.files) <= seen.count(200)  # what is refused writes nothing
    assert alice.leftovers == []


@many
@given(
    name=st.sampled_from(OF_USERS),
    media_type=media_types,
    encoding=st.none() | st.sampled_from(["gzip", "br", "identity", "deflate, gzip"]) | tokens,
)
def test_no_media_type_gets_an_answer_that_is_not_described(
    client, alice, name, media_type, encoding
):
    headers = {**alice.auth, "Content-Type": media_type}
    headers |= {} if encoding is None else {"Content-Encoding": encoding}
    body = json.dumps(example_of(name))
    answer = client.request(method_of(name), path_of(name), content=body, headers=headers)
    check_documented(name, answer)
    kind = media_type.split(";")[0].strip().lower()
    assert (answer.status_code == 415) >= (kind != "application/json")


queries = st.lists(st.tuples(texts | tokens, texts), min_size=1, max_size=4).map(
    lambda pairs: "&".join(
        "=".join(quote(text, safe="", errors="surrogatepass") for text in pair) for pair in pairs
    )
) | st.text(string.ascii_letters + "%&=;+[]/?:@!$'()*,-._~0123456789", min_size=1, max_size=40)


@many
@given(name=st.sampled_from(THAT_END), query=queries)
def test_no_query_gets_an_answer_that_is_not_described(client, alice, name, query):
    operation = OPERATIONS[name][2]
    body = {"json": example_of(name)} if "requestBody" in operation else {}
    path = f"{path_of(name)}?{query}"
    answer = client.request(method_of(name), path, headers=alice.auth, **body)
    check_documented(name, answer)


# headers and credentials, as bytes on the wire under the real server

LINE = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), 0x09})
line_bytes = st.lists(st.sampled_from(LINE), max_size=60).map(bytes)
FORWARDED = [
    b"Accept", b"Accept-Encoding", b"Accept-Language", b"Cookie", b"Date", b"Expect", b"Forwarded",
    b"From", b"Host", b"If-Match", b"If-Modified-Since", b"If-None-Match", b"If-Range",
    b"Max-Forwards", b"Origin", b"Range", b"Referer", b"Sec-Fetch-Mode", b"Sec-Fetch-Site", b"TE",
    b"Upgrade", b"User-Agent", b"Via", b"X-Forwarded-For", b"X-Forwarded-Host",
    b"X-Forwarded-Prefix", b"X-Forwarded-Proto", b"X-HTTP-Method-Override", b"X-Original-URL",
    b"X-Real-IP", b"X-Request-ID", b"X-Script-Name",
]  # fmt: skip
header_values = line_bytes | st.sampled_from(
    [b"", b"1", b"-1", b"*", b"bytes=0-0", b"gzip;q=x", b"navigate", b"null", b"https://evil.example",
     b"127.0.0.1, ::1", b"for=_x;proto=https", b"a=b; c", b'W/"x"', b"x" * 4000]
)  # fmt: skip
header_lists = st.lists(
    st.tuples(st.sampled_from(FORWARDED) | tokens.map(str.encode), header_values), max_size=6
)


def wire(method, path, *header_lines, body=b""):
    """A request in HTTP/1.1, after which the connection ends."""
    head = [f"{method} {path} HTTP/1.1".encode(), b"Host: x", b"Connection: close", *header_lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def request_of(name, *header_lines):
    """A request for an operation, with its example where it takes a body."""
    if "requestBody" not in OPERATIONS[name][2]:
        return wire(method_of(name), path_of(name), *header_lines)
    body = json.dumps(example_of(name)).encode()
    header_lines = (b"Content-Type: application/json", *header_lines)
    return wire(method_of(name), path_of(name), *header_lines, body=body)


def answer_of(gunicorn, name, request):
    """What comes back, as the checks take it."""
    status, head, body = gunicorn.raw(request)
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    answer = httpx.Response(status, headers=[(k, v.strip()) for k, _, v in lines], content=body)
    answer.request = httpx.Request(OPERATIONS[name][1], f"{gunicorn.url}{path_of(name)}")
    answer.elapsed = timedelta()
    return answer


def token_line(user):
    return f"Authorization: token {user.token}".encode()


def refused_by_gunicorn(answer):
    """Whether it is no HTTP: gunicorn says so itself, before the application is asked."""
    return answer.status_code in (400, 431) and "content-security-policy" not in answer.headers


@many
@given(name=st.sampled_from(THAT_END), headers=header_lists)
def test_no_header_gets_an_answer_that_is_not_described(gunicorn, alice, name, headers):
    lines = [b"%s: %s" % header for header in headers]
    answer = answer_of(gunicorn, name, request_of(name, token_line(alice), *lines))
    if not refused_by_gunicorn(answer):
        check_documented(name, answer)


SECURED = sorted(OPERATIONS.keys() - PUBLIC)
kinds = st.sampled_from(
    ["token ", "Token ", "bearer ", "Bearer  ", "token\t", "token", "Basic ", ""]
)


def almost(token):
    """Texts that are nearly the token."""
    at = st.integers(0, len(token) - 1)
    return st.one_of(
        at.map(lambda n: token[:n]),
        at.map(lambda n: token[:n] + token[n + 1 :]),
        at.map(lambda n: f"{token[:n]}{'0' if token[n] != '0' else '1'}{token[n + 1 :]}"),
        st.sampled_from([token * 2, token + "\0", f"{token},{token}", f'"{token}"', f"{token}="]),
        st.sampled_from(
            [quote(token[0]).join(["%", token]), token[::-1], token + " x", "*", "null"]
        ),
    ).filter(lambda text: text != token)


def almost_basic(user):
    """Names and passwords of which at least one is not the user's."""
    names = st.sampled_from([user.name, user.name.upper(), "", f"{user.name}\0"]) | texts
    passwords = st.sampled_from(["", user.password.upper(), user.token, "\0"]) | almost(
        user.password
    )
    pairs = st.tuples(names, passwords | texts).map(":".join)
    return pairs.map(lambda pair: base64.b64encode(pair.encode("utf-8", "surrogatepass")))


def credentials(user):
    """Values of the header Authorization, none of which the hub ever gave."""
    of_token = st.builds(lambda kind, text: (kind + text).encode(), kinds, almost(user.token))
    of_basic = (almost_basic(user) | line_bytes).map(lambda value: b"Basic " + value)
    return of_token | of_basic | line_bytes


def test_a_credential_that_the_hub_never_gave_lets_nobody_in(gunicorn, fakehub, alice):
    @settings(many, max_examples=50 * EXAMPLES)
    @given(name=st.sampled_from(SECURED), credential=credentials(alice))
    def tries(name, credential):
        request = request_of(name, b"Authorization: " + credential)
        answer = answer_of(gunicorn, name, request)
        if not refused_by_gunicorn(answer):
            check_documented(name, answer)
            assert answer.status_code in (401, 429)

    tries()
    assert fakehub.beyond_identification == []
    assert alice.files == {}


@pytest.mark.parametrize("name", SECURED)
@pytest.mark.parametrize(
    "line",
    ["Cookie: jupyterhub-hub-login={0}", "Cookie: jupyterhub-services={0}", "X-Auth-Token: {0}",
     "Cookie: Authorization=token {0}", "Proxy-Authorization: token {0}", "Authorised: token {0}",
     "X-Forwarded-User: {1}", "Remote-User: {1}", "X-Remote-User: {1}", "From: {1}"],
)  # fmt: skip
def test_a_credential_in_another_place_lets_nobody_in(gunicorn, fakehub, alice, name, line):
    request = request_of(name, line.format(alice.token, alice.name).encode())
    answer = answer_of(gunicorn, name, request)
    check_documented(name, answer)
    assert answer.status_code == 401
    assert fakehub.lines() == []


@pytest.mark.parametrize("name", SECURED)
@pytest.mark.parametrize("field", ["token", "access_token", "Authorization"])
def test_a_token_in_the_query_lets_nobody_in(client, fakehub, alice, name, field):
    operation = OPERATIONS[name][2]
    body = {"json": example_of(name)} if "requestBody" in operation else {}
    query = {field: f"token {alice.token}"}
    answer = client.request(method_of(name), path_of(name), params=query, **body)
    check_documented(name, answer)
    assert answer.status_code == 401
    assert fakehub.lines() == []


# failures that are provoked: of 5xx there are these, and openapi.yaml describes them


def fails_to_start(fakehub, user):
    user.server, user.starts = "stopped", [Start(outcome="fails")] * 9


def is_refused(fakehub, user):
    user.server, user.starts = "stopped", [Start(400, message="no such profile")] * 9


def never_gets_ready(fakehub, user):
    user.server, user.starts = "stopped", [Start(outcome="never")] * 9


def finds_the_hub_busy(fakehub, user):
    user.server = "stopped"
    user.starts = [Start(429, message="no room")] * 9


def finds_the_hub_away(fakehub, user):
    user.server, fakehub.away = "stopped", "proxy"


def finds_the_token_refused(fakehub, user):
    fakehub.token_refused = True


def has_a_full_home(fakehub, user):
    user.full = "PUT"


def has_left_the_hub(fakehub, user):
    user.server, user.known = "stopped", False


@pytest.mark.parametrize(
    ("happens", "status"),
    [(fails_to_start, 502), (is_refused, 502), (never_gets_ready, 504), (finds_the_hub_busy, 503),
     (finds_the_hub_away, 503), (finds_the_token_refused, 503), (has_a_full_home, 507),
     (has_left_the_hub, 409)],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_a_user_to_whom_this_happens_is_told_as_described(
    start_app, fakehub, alice, happens, status
):
    client = start_app(hub_patience=0, start_timeout=1)
    assert client.get("/user", headers=alice.auth).status_code == 200
    happens(fakehub, alice)
    answer = client.launch(alice)
    assert answer.status_code == status, answer.text
    for name in LAUNCHES:
        check_documented(name, answer, provoked=True)
