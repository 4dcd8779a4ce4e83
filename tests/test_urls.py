"""One function builds URLs, and one grammar says what may be in a notebook's path."""

import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jupyterhub.utils import url_escape_path

from launcher import urls
from launcher.errors import BadRequest, LauncherError

BASE = "http://hub.example:8000/jupyter"

TRAVERSALS = [
    "../x", "a/../../b", "..", ".", "%2e%2e/x", "%252e%252e", "%25252e%25252e/x", "..;/x", "a/./b",
    "\\..\\x", "/abs", "//host/x", "a//b", "a/", "/", "./a", "a/..", "%2e", ".%2e", "%2E./x",
]  # fmt: skip

LOOK_ALIKES = [
    "\u2024\u2024/x", "\uff0e\uff0e/x", "\u2024hidden", "a\u2215b", "a\u2044b", "a\uff0fb",
    "a\u29f8b", "a\ufe68b", "a\uff3cb", "a\u202eb", "a\u200fb", "a\u2066b", "a\u2028b", "a\ufeffb",
]  # fmt: skip

CONTROLS = ["a\x00b", "a\nb", "a\r\nX: y", "a\tb", "a\x7fb", "a\x85b", "a\ud800b"]
EDGES = [" a", "a ", "a/ b", "a /b", "a.", "a./b", "\u00a0a", "\u3000a", "a" * 300, "ä" * 128]
INVISIBLE = {
    "\u200b.ssh": "U+200B", "a\u200bb": "U+200B", "a\u2060": "U+2060", "\u00ad": "U+00AD",
    "a\u3164b": "U+3164", "\u115fa": "U+115F", "\uffa0a": "U+FFA0", "a\U000e0041": "U+E0041",
    "x/a\u034fb": "U+034F", "a\u180eb": "U+180E", "a\ufe0fb": "U+FE0F", "\u200d.ssh": "U+200D",
    "a\u200cb": "U+200C", "\u2800a": "U+2800", "a\U000e0100": "U+E0100", "\ufff9a": "U+FFF9",
    "%E2%80%8B.ssh": "U+200B", "é\u200d\u200da": "U+200D",
    "é\u200d": "U+200D", "caf\u00e9\u200c": "U+200C", "é\ufe0f": "U+FE0F",
    "日\u200d\u200d": "U+200D",
}  # fmt: skip
HIDDEN = [
    ".ssh", ".jupyter/x", "a/.ipython/profile_default/startup", ".config", ".local/share/jupyter",
    ".ipynb_checkpoints", "a/.hidden/b", "%2ehidden", "...", ".a.",
]  # fmt: skip

ACCEPTED_DIRECTORIES = [
    "a", "a/b", "a b/c", "a?b", "a#b", "a;b", "a&b=c", "100%", "%41", "ä/ö", "a..b", "a'b\"<>",
    "-x", "~", "~root", "@", "日本語", "😀", "a:b", "a*b", "$HOME", "`id`", "/".join("abcdefghij"),
    "a" * 255, "👩\u200d💻", "❤\ufe0f", "❤\ufe0f\u200d🔥", "🏳\ufe0f\u200d🌈", "👩🏽\u200d💻",
    "می\u200cخواهم", "क्\u200dष",
]  # fmt: skip


@pytest.mark.parametrize(
    "directory",
    [*TRAVERSALS, *LOOK_ALIKES, *CONTROLS, *EDGES, *HIDDEN, "", "/".join("abcdefghijk")],
    ids=ascii,
)
def test_a_directory_that_leaves_the_home_or_hides_is_refused(directory):
    with pytest.raises(BadRequest) as refused:
        urls.parse_directory(directory)
    assert refused.value.errors[0]["pointer"] == "/notebook/directory"
    assert refused.value.errors[0]["detail"]


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("field", ["directory", "filename"])
def test_an_invisible_character_is_refused_and_named(field, text):
    check = urls.parse_directory if field == "directory" else urls.parse_filename
    with pytest.raises(BadRequest) as refused:
        check(text if field == "directory" else f"{text.replace('/', '_')}.ipynb")
    assert refused.value.errors[0]["pointer"] == f"/notebook/{field}"
    assert INVISIBLE[text] in refused.value.detail
    assert f"notebook.{field}" in refused.value.detail


@pytest.mark.parametrize("directory", ["a%2f..%2fb", "a%2Fb", "a%5cb", "a%252fb", "a%00b"])
def test_an_encoded_slash_in_a_directory_is_refused_or_stays_one_name(directory):
    try:
        (component,) = urls.parse_directory(directory)
    except BadRequest:
        return
    path = urlsplit(urls.join(BASE, "user", "alice", component)).path
    assert unquote(path.rpartition("/")[2]) == directory


@pytest.mark.parametrize("directory", ACCEPTED_DIRECTORIES, ids=ascii)
def test_an_odd_directory_reaches_the_wire_as_it_is(directory):
    components = urls.parse_directory(directory)
    url = urls.join(BASE, "user", "alice", "api", "contents", *components)
    assert unquote(urlsplit(url).path) == f"/jupyter/user/alice/api/contents/{directory}"
    assert urlsplit(url).query == urlsplit(url).fragment == ""


@pytest.mark.parametrize(
    "filename",
    [
        ".ssh/authorized_keys", ".bashrc", ".jupyter/jupyter_server_config.py", ".ipynb", "..ipynb",
        ".ipython/profile_default/startup/0.py", ".config/x", "x.sh", "sitecustomize.py",
        "a/b.ipynb", ".local/share/jupyter/kernels/p/kernel.json", "usercustomize.py",
        "conftest.py",
        "x.IPYNB.py", "x.ipynb/", "x.ipynb.", ".ipynb_checkpoints/x.ipynb", "x.ipynb ", "x.IPYNB",
        "x.ipynb\n", "", "ipynb", "x.ipynb\x00", "../x.ipynb", "a\\b.ipynb", "a\u2215b.ipynb",
        "%2ex.ipynb", "x",
        "a\u202eb.ipynb", " x.ipynb", "a" * 225 + ".ipynb", "ä" * 113 + ".ipynb", "a\r\nb.ipynb",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_filename_that_is_hidden_or_no_notebook_is_refused(filename):
    with pytest.raises(BadRequest) as refused:
        urls.parse_filename(filename)
    assert refused.value.errors[0]["pointer"] == "/notebook/filename"


@pytest.mark.parametrize(
    "filename",
    ["x.ipynb", "a b.ipynb", "x.py.ipynb", "ä?#&;.ipynb", "a" * 224 + ".ipynb", "1-2_3.ipynb"],
)
def test_a_notebooks_name_is_accepted(filename):
    assert urls.parse_filename(filename) == filename


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_two_spellings_of_a_letter_are_one_name(form):
    assert urls.parse_filename(unicodedata.normalize(form, "é.ipynb")) == "\u00e9.ipynb"
    assert urls.parse_directory(unicodedata.normalize(form, "é/ü")) == ("\u00e9", "\u00fc")


@pytest.mark.parametrize(
    "segment",
    ["", ".", "..", "%2e", "%2e%2e", "%252e%252e", ".%2E", "a/b", "/", "a\x00", "a%00", "\ud800"],
    ids=ascii,
)
def test_a_segment_that_is_no_name_builds_no_url(segment):
    with pytest.raises(ValueError):
        urls.join(BASE, "user", segment, "api")


@pytest.mark.parametrize(
    "name", ["alice", "a@b.c", "j\u00f6e <'&\">", "o'neil", "a%2fb", "~a", "a;b"]
)
def test_a_user_name_is_quoted_as_jupyterhub_quotes_it(name):
    assert urls.join(BASE, "user", name) == f"{BASE}/user/{url_escape_path(name)}"


def test_a_query_is_quoted():
    assert urls.join(BASE, "x", query={"a": "b&c=d"}) == f"{BASE}/x?a=b%26c%3Dd"


_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
_TRICKY = st.lists(
    st.sampled_from(
        ["a", ".", "%", "2e", "2f", "%25", "/", "\\", " ", "?", "#", ";", "é", "\u2024"]
    ),
    min_size=1,
    max_size=8,
).map("".join)


@given(user=_TEXT | _TRICKY, directory=_TEXT | _TRICKY, filename=_TEXT | _TRICKY)
@settings(max_examples=2000, deadline=None)
def test_what_is_accepted_decodes_to_exactly_its_segments(user, directory, filename):
    assume("/" not in user)
    try:
        components = urls.parse_directory(directory)
        name = urls.parse_filename(filename + ".ipynb")
        url = urls.join(BASE, "user", user, "api", "contents", *components, name)
    except (LauncherError, ValueError):
        return
    parts = urlsplit(url)
    assert parts.netloc == "hub.example:8000"
    assert parts.query == parts.fragment == ""
    wire = [unquote(segment, errors="strict") for segment in parts.path.split("/")]
    assert wire == ["", "jupyter", "user", user, "api", "contents", *components, name]
    assert "/".join(components) == unicodedata.normalize("NFC", directory)


@given(directory=_TEXT | _TRICKY)
@settings(max_examples=1000, deadline=None)
def test_no_accepted_directory_has_a_component_that_is_hidden_or_moves(directory):
    try:
        components = urls.parse_directory(directory)
    except BadRequest:
        return
    for component in components:
        decoded = unicodedata.normalize("NFKC", component)
        while (again := unquote(decoded)) != decoded:
            decoded = again
        assert not decoded.startswith("."), component
        assert component == component.strip()


@pytest.mark.timeout(30)  # for a hang; it takes milliseconds
@pytest.mark.parametrize("check", [urls.parse_directory, urls.parse_filename])
def test_a_hundred_kilobytes_are_refused_at_once(check):
    with pytest.raises(BadRequest):
        check("a/" * 50_000 + "%25" * 10_000)


def test_a_folder_of_a_project_may_end_with_a_slash():
    assert urls.parse_project_path("notebooks/day-1/", "/notebook") == "notebooks/day-1"
    for wrong in ("notebooks//", "/", "//", "../"):
        with pytest.raises(BadRequest):
            urls.parse_project_path(wrong, "/notebook")
