"""Formats and keywords of a schema are checked, and a sentence says what is wrong."""

import pytest

from launcher.errors import BadRequest
from launcher.formats import FORMATS
from launcher.schemas import Checker

GOOD = {
    "date-time": ["2000-01-31T00:00:00Z", "2000-01-31t23:59:59.123456789+01:00"],
    "date": ["2000-02-29"],
    "time": ["12:30:00Z", "12:30:00.5+01:00"],
    "email": ["a@example.org", "o'neil+x@sub.example.org", "root@localhost"],
    "uuid": ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"],
    "uri": ["https://example.org/a?b=c#d", "urn:x:y", "http://[::1]/a"],
    "http-url": [
        "https://example.org",
        "HTTPS://Example.org:8443/dods/x.nc?t[0:1:9][2],lat&time>=2000-01-01",
        "http://example.org/données/été.nc",
        'http://münchen.example/x?a={1,2}|"b"',
        "http://[::1]:8080/x",
    ],
    "ipv4": ["192.0.2.1"],
    "ipv6": ["2001:db8::1", "::"],
    "int32": [0, 2**31 - 1, -(2**31)],
    "int64": [2**63 - 1],
    "float": [1, 1.5],
    "double": [1, 1.5],
    "password": ["", "x"],
}
BAD = {
    "date-time": ["2000-01-31", "2000-02-30T00:00:00Z", "2000-01-31T00:00:00", ""],
    "date": ["2000-02-30", "20000101", "2000-1-1", "2000-01-31T00:00:00Z", "２０００-01-01", ""],
    "time": ["12:30", "12:30:00", "25:00:00Z", "Z"],
    "email": ["@", "a@", "a b@example.org", "a@exa_mple.org", "a@-x.org", "a@b@c", "a"],
    "uuid": ["f81d4fae7dec11d0a76500a0c91e6bf6", "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
             "f81d4fa_-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bfg"],
    "uri": ["example.org", "http://a b", "http://é", "http://a/%zz"],
    "http-url": ["ftp://x", "example.org", "http://", "http:///x", "http://[::1", "http://a b",
                 "http://a\u200b/", "http://a/\x00"],
    "ipv4": ["192.0.2.256", "1", "::1"],
    "ipv6": ["192.0.2.1", "fe80::1%eth0", ":"],
    "int32": [2**31],
    "int64": [2**63, -(2**63) - 1],
    "float": [],
    "double": [],
    "password": [],
}  # fmt: skip


def check(schema, value):
    """The sentence about a value, or ''."""
    try:
        Checker(schema).check(value, "/x")
    except BadRequest as error:
        return error.errors[0]["detail"]
    return ""


def cases(table):
    return [(name, value) for name, values in table.items() for value in values]


def test_every_format_is_tried():
    assert GOOD.keys() == BAD.keys() == FORMATS.keys()


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_what_has_the_format_is_taken(name, value):
    assert check({"format": name}, value) == ""


@pytest.mark.parametrize(("name", "value"), cases(BAD))
def test_what_has_not_is_refused_with_a_sentence(name, value):
    assert check({"format": name}, value).startswith(("must", "contains a"))


@pytest.mark.parametrize("name", sorted(name for name in FORMATS if name != "password"))
def test_a_newline_at_the_end_is_no_part_of_a_format(name):
    for value in GOOD[name]:
        if isinstance(value, str):
            assert check({"format": name}, f"{value}\n")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("value", [None, True, [], {}, 10**399, 1.5, ""])
def test_no_value_of_json_is_a_fault(name, value):
    check({"format": name}, value)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("http-url", "http://a/b c", "SPACE"),
        ("http-url", "http://a/b c", "its character 11"),
        ("http-url", "http://a/b c", "%20"),
        ("http-url", "http://a/\u200b", "ZERO WIDTH SPACE"),
        ("http-url", "http://a/\n", "U+000A"),
        ("uri", "http://a/é", "é (LATIN SMALL LETTER E WITH ACUTE)"),
        ("uri", "http://a/é", "%C3%A9"),
        ("uri", "http://a/?x[0]", "[ (LEFT SQUARE BRACKET), its character 12"),
        ("uri", "http://a/%z", "%25"),
    ],
)
def test_the_character_that_an_address_may_not_hold_is_named(name, value, named):
    assert named in check({"format": name}, value)


@pytest.mark.parametrize(
    ("kind", "first", "second", "good"),
    [
        ("date-time", "2000-01-01T00:00:00Z", "2000-01-01T00:00:00z", True),
        ("date-time", "2000-01-01T00:00:00Z", "1999-12-31T23:59:59Z", False),
        ("date-time", "2000-01-01T12:00:00+02:00", "2000-01-01T11:00:00Z", True),
        ("date-time", "2000-01-01T11:00:00Z", "2000-01-01T12:00:00+02:00", False),
        ("date-time", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", True),
        ("date-time", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", False),
        ("date", "2000-01-31", "2000-02-01", True),
        ("date", "2000-02-01", "2000-01-31", False),
        ("time", "12:00:00Z", "11:00:00Z", False),
        ("", 1, 2, True),
        ("", 2, 1.5, False),
        ("", 10**399, 1.5, False),
        ("", None, 1, True),
        ("", [], {}, True),
    ],
)
def test_values_that_must_ascend_are_compared(kind, first, second, good):
    inner = {"format": kind} if kind else {}
    schema = {"properties": {"a": inner, "b": inner}, "x-ascending": ["a", "b"]}
    assert check(schema, {"a": first, "b": second}) == ("" if good else "must not be before a")
    assert check(schema, {"b": second}) == ""


@pytest.mark.parametrize(
    ("value", "good"), [(0.3, True), (0.35, False), (10**399, True), (1e300, True), (True, True)]
)
def test_multiples_are_exact(value, good):
    assert (check({"multipleOf": 0.1}, value) == "") is good


@pytest.mark.parametrize(
    ("items", "good"),
    [
        ([1, True, "1", 0, False, None, [], {}], True),
        ([1, 1.0], False),
        ([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False),
        ([{"a": 1}, {"a": True}], True),
        ([[1, 2], [2, 1]], True),
        ([[], []], False),
        ([["a", 1], {"a": 1}], True),
    ],
)
def test_items_are_the_same_as_json_has_it(items, good):
    assert (check({"uniqueItems": True}, items) == "") is good
    assert check({"uniqueItems": False}, items) == ""


@pytest.mark.timeout(60)  # comparing all pairs takes minutes
def test_many_items_are_compared_at_once():
    assert check({"uniqueItems": True}, [{"a": n} for n in range(9000)]) == ""


@pytest.mark.parametrize("depth", [100, 400, 900])
def test_items_that_are_nested_deep_are_no_fault(depth):
    deep = []
    for _ in range(depth):
        deep = [deep]
    assert check({"uniqueItems": True}, [deep, deep])


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"required": ["b"]}, ""),
        ({"maxProperties": 1}, "at most 1"),
        ({"x-ascending": ["a", "b"]}, "must not be before a"),
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_defaults_are_looked_at_wherever_properties_stand(schema, said, last):
    properties = {"properties": {"a": {}, "b": {"default": 1}}}
    whole = {**schema, **properties} if last else {**properties, **schema}
    assert said in check({"items": whole}, [{"a": 2}])
    assert bool(check({"items": whole}, [{"a": 2}])) is bool(said)


@pytest.mark.parametrize(
    ("schema", "value", "named"),
    [
        ({"multipleOf": 2}, 3, "a multiple of 2"),
        ({"uniqueItems": True}, [1, 1], "twice"),
        ({"maximum": 2, "exclusiveMaximum": True}, 2, "below 2"),
        ({"minimum": 2, "exclusiveMinimum": True}, 2, "above 2"),
        ({"anyOf": [{"type": "string"}]}, 2, "anyOf"),
        ({"oneOf": [{"type": "string"}]}, 2, "oneOf"),
        ({"not": {}}, 2, "not"),
    ],
)
def test_every_keyword_has_a_sentence(schema, value, named):
    assert named in check(schema, value)
