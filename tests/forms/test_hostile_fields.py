"""Fields that no page of ours would submit, and schemas whose texts hold HTML."""

import time

import pytest
from form_pages import FormPage, html_of, submitted
from form_schemas import TORTURE
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.forms import SchemaForm
from launcher.forms.fields import MAX_ALL_ROWS, MAX_FIELDS

FORM = SchemaForm(TORTURE, "/parameters", "Parameters")
PAYLOADS = [
    '"><script>alert(1)</script>',
    "' onfocus=alert(1) autofocus='",
    "</textarea><img src=x onerror=alert(1)>",
    "</template></select><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "<!--",
]


@pytest.mark.parametrize(
    "pairs",
    [
        [("/parameters/__proto__", "x"), ("/parameters/nobody/inside", "x"), ("", "x"), ("/", "x")],
        [("row:/parameters/numbers/1000000000", "on"), ("/parameters/numbers/1000000000", "1")],
        [("row:/parameters/numbers/-1", "on"), ("row:/parameters/numbers/٣", "on")],
        [("row:/parameters/numbers/00", "on"), ("/parameters/numbers/0", "1")],
        [("type:/parameters/either", "9" * 9999), ("type:/parameters/several", "٣")],
        [
            ("type:/parameters/either", "-1"),
            ("given:/parameters", "on"),
            ("null:/parameters", "on"),
        ],
        [("row:" * 9999, "on"), ("row:" + "/" * 99_999, "on")],
        [("/parameters/whole\ud800", "1")],
    ],
    ids=range(8),
)
def test_fields_that_nobody_asked_for_are_ignored(pairs):
    untouched = FORM.parse(FORM.fill({}))
    parsed = FORM.parse([*FORM.fill({}), *pairs])
    assert (parsed.value, parsed.errors) == (untouched.value, ())
    html_of(FORM, pairs).encode()


def test_a_row_far_down_a_list_costs_no_more_than_the_first():
    pairs = [("row:/parameters/numbers/999999", "on"), ("/parameters/numbers/999999", "1")]
    assert FORM.parse(pairs).value["numbers"] == [1]
    assert FORM.apply(pairs, "add /parameters/numbers")


def test_half_of_a_surrogate_pair_reaches_no_page():
    pairs = [
        ("/parameters/text", "a\ud800"),
        ("row:/parameters/names/~#0", "on"),
        ("key:/parameters/names/~#0", "\udfff"),
    ]
    parsed = FORM.parse(pairs)
    str(parsed.value).encode()
    html_of(FORM, pairs, FORM.problems(pairs, parsed, ())).encode()


NAMES = st.sampled_from([name for name, _ in FORM.fill({"rows": [{"on": True, "list": ["a"]}]})])
ANY_NAME = st.builds(
    "{}/parameters/{}{}".format,
    st.sampled_from(["", "row:", "key:", "type:", "null:", "json:", "given:", "focus:"]),
    st.sampled_from([*TORTURE["properties"], ""]),
    st.sampled_from(["", "/0", "/~#0", "/0/0", "/a", "/~n", "/inner", "/00"]),
)
TEXTS = st.text(max_size=8) | st.sampled_from(["on", "new", "0", "1", "{}", "[", "[[[]]]", "null"])


@settings(max_examples=200, deadline=None)
@given(
    pairs=st.lists(st.tuples(NAMES | ANY_NAME | st.text(max_size=8), TEXTS), max_size=30),
    action=st.text(max_size=8)
    | st.builds("{} {}".format, st.sampled_from(["add", "pair", "remove", "switch"]), ANY_NAME),
    pointer=ANY_NAME,
)
def test_no_fields_and_no_action_are_a_fault(pairs, action, pointer):
    pairs = FORM.apply(pairs, action) or pairs
    parsed = FORM.parse(pairs)
    errors = [{"pointer": pointer, "detail": "must match one of its schemas in anyOf"}]
    problems = FORM.problems(pairs, parsed, errors)
    html = html_of(FORM, pairs, problems)
    html.encode()
    assert all(problem.text for problem in problems)
    # submitted again and again, it stays as it is
    second = FormPage(html).pairs()
    third = FormPage(html_of(FORM, second)).pairs()
    assert third == second


@pytest.mark.parametrize(
    "pairs",
    [
        [(f"/parameters/x{number}", "x") for number in range(MAX_FIELDS + 1)],
        [(f"row:/parameters/rows/{number}", "on") for number in range(MAX_ALL_ROWS + 1)],
        [(f"row:/parameters/rows/{number}", "on") for number in range(201)],
    ],
    ids=["fields", "rows", "rows of one list"],
)
def test_too_many_fields_are_an_error_and_cost_little(pairs):
    begin = time.process_time()
    parsed = FORM.parse(pairs)
    assert len(html_of(FORM, pairs)) < 2_000_000
    assert parsed.errors[-1]["pointer"] == "/parameters"
    assert "has more than 5,000 fields" in parsed.errors[-1]["detail"]
    # many times of what it takes
    assert time.process_time() - begin < 5


def schema_of(text):
    """A schema with that text everywhere."""
    texts = {"title": text, "description": text}
    return {
        "type": "object",
        **texts,
        "properties": {
            "a": {"type": "string", **texts, "default": text, "example": text},
            "b": {"enum": [text, 1], **texts},
            "c": {"type": "array", **texts, "items": {"type": "string", **texts, "default": text}},
            "d": {"oneOf": [{"type": "string", **texts}, {"type": "array", **texts}], **texts},
            "e": {**texts, "default": {text: text}},
            text: {"type": "number", **texts},
        },
        "additionalProperties": {"type": "string", **texts},
    }


@pytest.mark.parametrize("text", PAYLOADS)
def test_texts_of_a_schema_are_shown_and_never_run(text):
    form = SchemaForm(schema_of(text), "/parameters", text)
    value = {"a": text, "b": text, "c": [text], "d": text, "e": {text: text}, "f": text}
    pairs = form.fill(value)
    names = ["", "/a", "/b", "/c", "/c/0", "/d", "/e", "/~#0", "/nobody"]
    errors = [{"pointer": f"/parameters{name}", "detail": text} for name in names]
    html = html_of(form, pairs, form.problems(pairs, form.parse(pairs), errors))
    elements = FormPage(html.replace("<template", "<div").replace("</template", "</div")).elements
    assert {tag for tag, _ in elements} <= ELEMENTS
    assert {name for _, attributes in elements for name in attributes} <= ATTRIBUTES
    links = [attributes["href"] for _, attributes in elements if "href" in attributes]
    assert all(link.startswith("#field") for link in links)
    assert form.parse(submitted(form, pairs)).value == value


ELEMENTS = {
    "a", "button", "code", "div", "fieldset", "form", "h2", "input", "label", "legend", "li",
    "option", "select", "span", "textarea", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "aria-describedby", "aria-invalid", "aria-label", "autocapitalize", "autocomplete", "checked",
    "class", "data-add", "data-alternative", "data-alternatives", "data-chosen", "data-focus",
    "data-form", "data-list", "data-most", "data-pointer", "data-remove", "data-row",
    "data-row-template", "data-rows", "data-said", "data-switch", "data-switch-button", "for",
    "hidden", "href", "id", "inputmode", "method", "name", "novalidate", "role", "rows",
    "selected", "spellcheck", "tabindex", "type", "value",
}  # fmt: skip
