"""launcher logs."""

import pytest
from fake_launcher import PROBLEM

HARMFUL = "\x1b]52;c;b3duZWQ=\x07\x1b[2J\u202eplain \x9b31mtext"


def at(position):
    """The header that says where the next lines are."""
    return {"Link": f'</services/launcher/logs/c-1?after={position}>; rel="next"'}


def test_the_last_lines_are_printed_without_what_controls_a_terminal(service, user):
    service.answers(["one", HARMFUL])
    done = user.run("logs", "c-1", "-n", "2")
    assert (done.status, done.output, done.error) == (0, "one\nplain text\n", "")
    assert service.last[1].endswith("/logs/c-1?max_lines=2")


def test_the_default_server_has_the_empty_name(service, user):
    service.answers([])
    assert user.run("logs", "").status == 0
    assert service.last[1].endswith("/log?max_lines=250")


@pytest.mark.parametrize("lines", ["0", "-1", "10001", "x"])
def test_a_number_of_lines_that_cannot_be_is_refused(service, user, lines):
    assert user.run("logs", "c-1", "-n", lines).status == 2
    assert service.seen == []


def test_new_lines_are_followed_until_the_user_interrupts(service, user):
    service.answers_first(["one"], **at("0123456789ab-4"))
    service.loses()
    service.answers_first(["two", HARMFUL], **at("0123456789ab-8"))
    service.answers([], **at("0123456789ab-8"))
    terminal = user.on_terminal("logs", "c-1", "-f")
    terminal.wait_for("plain text")
    terminal.interrupt()
    done = terminal.end()
    assert (done.status, done.output) == (130, "one\r\ntwo\r\nplain text\r\n")


def test_a_reader_that_has_seen_enough_ends_it_quietly(service, user):
    service.answers(["line"] * 250, **at("0123456789ab-8"))
    with user.process("logs", "c-1", "-f") as process:
        assert process.stdout.readline() == "line\n"
        process.stdout.close()
        assert process.wait(30) != 0
        assert process.stderr.read() == ""


def test_output_that_is_not_kept_is_a_sentence(service, user):
    service.answers({"detail": "The output is not kept.", "status": 501}, 501, PROBLEM)
    for words in ([], ["-f"]):
        done = user.run("logs", "c-1", *words)
        assert (done.status, done.output) == (1, "")
        assert "Error: The output is not kept." in done.error
