"""Which lines of a log are given, and where the next ones begin."""

import pytest

from launcher.jupyterhub.log_lines import WINDOW_BYTES, Extent, choose, divide, run_of

RUN = run_of("2026-03-02T09:14:31+00:00")


def read(output, most=250, after="", *, first=0, run=RUN, has_ended=False):
    """Lines of an output of which the bytes before `first` were left out."""
    part = choose(Extent(run, first, len(output)), after)
    data = output[part.begin : part.begin + WINDOW_BYTES]
    return divide(part, data, most, has_ended=has_ended)


def test_the_last_lines_are_given():
    assert read(b"a\nb\nc\n", 2) == (["b", "c"], f"{RUN}-6")
    assert read(b"", 2) == ([], f"{RUN}-0")


def test_a_line_that_is_being_written_is_given_when_it_is_complete():
    lines, position = read(b"a\nhal")
    assert lines == ["a"]
    assert read(b"a\nhalf\nc\n", after=position) == (["half", "c"], f"{RUN}-9")
    assert read(b"a\nhal", has_ended=True) == (["a", "hal"], f"{RUN}-5")


def test_no_line_is_lost_or_doubled_for_somebody_who_follows():
    output, seen, position = b"", [], f"{RUN}-0"
    for number in range(100):
        output += b"line %d\n" % number
        lines, position = read(output, 3, position)
        seen += lines
    while lines:
        lines, position = read(output, 3, position)
        seen += lines
    assert seen == [f"line {number}" for number in range(100)]


@pytest.mark.parametrize("after", [f"{'0' * 12}-2", f"{RUN}-1", f"{RUN}-99", "", "../x", "x-2"])
def test_a_position_that_is_not_there_any_more_leads_to_the_end(after):
    assert read(b"--a\nb\n", 1, after, first=2) == (["b"], f"{RUN}-6")


def test_a_part_of_a_line_before_the_window_is_left_out():
    output = b"x" * WINDOW_BYTES + b"\nlast\n"
    assert read(output)[0] == ["last"]


def test_a_line_without_an_end_does_not_stop_somebody_who_follows():
    output = b"a\n" + b"x" * 2 * WINDOW_BYTES
    lines, position = read(output, after=f"{RUN}-2")
    assert lines == ["x" * WINDOW_BYTES]
    assert position == f"{RUN}-{WINDOW_BYTES + 2}"


def test_bytes_that_are_no_text_are_replaced_and_progress_bars_are_one_line():
    assert read(b"\xff\xfe\n10\r20\r\n")[0] == ["\ufffd\ufffd", "10\r20"]
