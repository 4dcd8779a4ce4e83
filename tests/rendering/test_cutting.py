"""A view shows a part of a saved notebook."""

import pytest
from hostile_notebooks import packed

from launcher.errors import RenderingFailed
from launcher.rendering import SUMMARY, WHOLE, View


def code(*outputs, source="x"):
    return {"cell_type": "code", "source": source, "outputs": outputs}


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data):
    return {"output_type": "display_data", "metadata": {}, "data": data}


def test_a_summary_shows_the_last_cells_that_are_not_empty(show):
    cells = [{**code(), "source": f"number_{n}", "outputs": []} for n in range(15)]
    cells[7]["source"] = " \n"
    cells += [{"cell_type": "raw", "source": ""}, {"cell_type": "markdown", "source": ["\n"]}]
    document = show(packed({"cells": cells}), SUMMARY)
    found = [n for n in range(15) if f">number_{n}<" in document]
    assert found == [4, 5, 6, 8, 9, 10, 11, 12, 13, 14]


@pytest.mark.slow
def test_all_of_10_000_cells_are_shown_or_take_too_long(show):
    content = packed({"cells": [code(source=f"number_{n}") for n in range(10_000)]})
    try:
        assert "number_9999" in show(content)
    except RenderingFailed as failure:
        assert str(failure) == "The notebook takes too long to show."  # noqa: PT017


def test_of_10_000_cells_a_summary_shows_ten(show):
    content = packed({"cells": [code(source=f"number_{n}") for n in range(10_000)]})
    document = show(content, SUMMARY)
    assert document.count("number_") == 10
    assert ">number_9990<" in document


def text_of_output(show, output, view=SUMMARY):
    """What the document of a cell with this output has in <pre>."""
    content = packed({"cells": [code(output, source="")]})
    document = show(content, view)
    return document.rpartition("<pre>")[2].partition("</pre>")[0]


def lines(first, last):
    return "\n".join(f"line {n}" for n in range(first, last + 1))


CUT = f"{lines(1, 12)}\n… 76 lines are left out …\n{lines(89, 100)}"


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (stream(lines(1, 100) + "\n"), CUT + "\n"),
        (stream(lines(1, 100)), CUT),
        (stream(lines(1, 100).replace("\n", "\r")), CUT),
        (shown(**{"text/plain": lines(1, 100).replace("\n", "\r\n")}), CUT),
        ({"output_type": "error", "traceback": [lines(1, 50), lines(51, 100)]}, CUT),
        (stream(lines(1, 25) + "\n"), lines(1, 25) + "\n"),
        (stream(lines(1, 26)), f"{lines(1, 12)}\n… 2 lines are left out …\n{lines(15, 26)}"),
        (stream("x" * 5000 + "\ny"), "x" * 1000 + "…\ny"),
        (
            stream(lines(1, 5000)),
            f"{lines(1, 12)}\n… 4,976 lines are left out …\n{lines(4989, 5000)}",
        ),
        (
            shown(**{"text/html": "<p>x</p>" * 4000}),
            "This output is too large to show here: it has 32,000 characters.",
        ),
        (
            shown(**{"image/png": "A" * 1_000_000, "text/plain": "Figure"}),
            "This output is too large to show here: it has 1,000,000 characters.",
        ),
    ],
    ids=range(11),
)
def test_a_summary_cuts_outputs(show, output, text):
    assert text_of_output(show, output) == text


def test_the_whole_notebook_is_not_cut(show):
    assert text_of_output(show, stream(lines(1, 100)), WHOLE) == lines(1, 100)
    table = packed({"cells": [code(shown(**{"text/html": "<p>x</p>" * 4000}))]})
    assert show(table).count("<p>x</p>") == 4000


def test_a_view_may_show_a_single_line_or_none(show):
    output = stream("a\nb\nc")
    one, two = View(None, 1), View(None, 2)
    assert text_of_output(show, output, one) == "… 3 lines are left out …"
    assert text_of_output(show, output, two) == "… 2 lines are left out …\nc"
    none = show(packed({"cells": [code(source="text")]}), View(0, None))
    assert "text" not in none


def test_the_line_in_place_of_others_has_no_colour_of_theirs(show):
    text = text_of_output(show, stream("\x1b[31m" + lines(1, 100)))
    assert text == f'<span class="ansi-red-fg">{CUT.replace("… 76", "</span>… 76")}'


def test_parts_of_a_stream_are_one_output(show):
    parts = [stream(f"line {n}\n") for n in range(1, 101)]
    content = packed({"cells": [code(*parts, source="")]})
    assert CUT in show(content, SUMMARY)


def test_of_many_outputs_those_in_the_middle_are_left_out(show):
    many = [shown(**{"text/plain": f"output-{n}"}) for n in range(1, 101)]
    document = show(packed({"cells": [code(*many)]}), SUMMARY)
    found = [n for n in range(1, 101) if f"output-{n}<" in document]
    assert found == [*range(1, 13), *range(89, 101)]
    assert "… 76 outputs are left out …" in document


def test_the_summary_of_large_outputs_is_small(show):
    content = packed({"cells": [code(stream("text\n" * 5_000_000))]})
    assert len(show(content, SUMMARY)) < 3000
    with pytest.raises(RenderingFailed, match="too l"):
        show(content)
