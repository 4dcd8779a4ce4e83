"""Names of branches, tags and commits, compared with git's own rules."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import BadRequest
from launcher.projects import refs

LEGAL = ["main", "feature/x", "v1.0", "a;b", "$(id)", "`id`", "a.b", "ünïcode", "x@y", "a" * 255]
ILLEGAL = [
    "",
    "-x",
    "--upload-pack=touch PWN",
    "a b",
    "a..b",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a~1",
    "a^{}",
    "a:b",
    "a?",
    "a*",
    "a[b",
    "a\\b",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a.lock",
    "a.lock/b",
    "a.",
    "@",
    "a@{1}",
    "a\u202eb",
    "a\u200bb",
    "a\ud800",
    "a\u00a0b",
    "a\ue000b",
    "é" * 128,
]


@pytest.mark.parametrize("name", LEGAL)
def test_a_name_that_git_takes_is_taken(name):
    assert refs.parse(name) == name


@pytest.mark.parametrize("name", ILLEGAL)
def test_any_other_name_is_a_sentence(name):
    with pytest.raises(BadRequest, match=r"^ref must") as raised:
        refs.parse(name)
    assert raised.value.errors[0]["pointer"] == "/ref"


@given(st.text(alphabet="ab./@{}~^:-[\\ ", min_size=1, max_size=8))
def test_no_name_is_taken_that_git_refuses(name):
    if not refs.problem(name):
        command = ["git", "check-ref-format", "--branch", name]
        assert subprocess.run(command, capture_output=True).returncode == 0


def test_a_full_sha_is_written_in_lower_case():
    assert refs.parse("ABCDEF0123" * 4) == "abcdef0123" * 4
    assert refs.parse_sha("ABCDEF0") == "abcdef0"


@pytest.mark.parametrize(
    "text", ["", "abcdef", "main", "g" * 40, "a" * 41, "abcdef0\n", "-abcdef0"]
)
def test_what_is_no_sha_is_refused(text):
    with pytest.raises(BadRequest, match="commit_sha must be 7 to 40 hexadecimal digits"):
        refs.parse_sha(text)
