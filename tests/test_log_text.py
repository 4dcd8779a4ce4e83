"""Lines of a program's output: what controls a terminal goes, the text stays."""

import time

import pytest

from launcher.log_text import MOST_CHARACTERS, cleaned

LINES = {
    "colours": ("\x1b[1;31mred\x1b[0m", "red"),
    "8-bit colours": ("\x9b31mred", "red"),
    "cursor": ("a\x1b[2J\x1b[Hb\x1b7", "ab"),
    "title": ("\x1b]0;evil\x07text", "text"),
    "link": ("\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"),
    "clipboard that does not end": ("\x1b]52;c;ZXZpbA==", "]52;c;ZXZpbA=="),
    "character set": ("\x1b(0text", "text"),
    "progress": ("10 %\r20 %\r30 %", "30 %"),
    "line end of Windows": ("text\r", "text"),
    "control characters": ("a\x00b\x08c\x7fd", "abcd"),
    "direction of text": ("a\u202eb\u200bc", "abc"),
    "half a character": ("a\ud800", "a\ufffd"),
    "tabs, paths and hosts": ("\t/home/alice/x.py on node-7:80", "\t/home/alice/x.py on node-7:80"),
    "other scripts": ("ü 漢字 \u3000 🙂", "ü 漢字 \u3000 🙂"),
    "a password in a URL": (
        "https://me:pw@git.example.org/x",
        "https://[secret]@git.example.org/x",
    ),
    "a variable": ("GIT_PASSWORD='a b'", "GIT_PASSWORD=[secret]"),
    "a git host's token": ("glpat-0123456789abcdefghij", "[secret]"),
    "a commit": ("at 0123456789abcdef0123456789abcdef01234567",) * 2,
}


@pytest.mark.parametrize(("line", "shown"), LINES.values(), ids=LINES)
def test_a_line_is_shown_without_what_controls_a_terminal_and_without_secrets(line, shown):
    assert cleaned([line]) == [shown]


def test_a_known_secret_is_not_shown():
    assert cleaned(["a 0123 b", "c"], ["0123"]) == ["a [secret] b", "c"]


def test_a_private_key_is_not_shown():
    key = ["-----BEGIN OPENSSH PRIVATE KEY-----", "b3BlbnNz", "-----END OPENSSH PRIVATE KEY-----"]
    assert cleaned(["a", *key, "b"]) == ["a", *["[secret]"] * 3, "b"]


def test_a_long_line_is_cut():
    (line,) = cleaned(["x" * 10 * MOST_CHARACTERS])
    assert len(line) == MOST_CHARACTERS + 1
    assert line.endswith("…")


@pytest.mark.parametrize("part", ["\x1b]", "\x1b[", "token ", "a=", "\x9b", "pass", "://a:"])
def test_hostile_lines_take_linear_time(part):
    begun = time.process_time()
    cleaned([part * MOST_CHARACTERS] * 50)
    # one hundredth of it on an idle machine
    assert time.process_time() - begun < 10
