"""Values become the contract's types, and what cannot is told and never guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.values import convert

SAO_PAULO = "America/Sao_Paulo"
EARLY, LATE = datetime(1990, 1, 1), datetime(2090, 1, 1)  # noqa: DTZ001  the offset is drawn beside it
FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def one(
    type_: str, value: object, kind: pa.DataType | None = None, time_zone: str | None = None
) -> tuple[object, object]:
    """The value and what is wrong with it."""
    array, wrong = convert("x", type_, pa.array([value], kind), time_zone)
    return array[0].as_py(), None if wrong is None else wrong[0].as_py()


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("int", " 42 ", 42),
        ("int", "-7", -7),
        ("int", "3.0", 3),
        ("double", "12.50", 12.5),
        ("double", "+1e3", 1000.0),
        ("bool", "Yes", True),
        ("bool", "0", False),
        ("date", "2026-02-28", date(2026, 2, 28)),
        ("timestamp", "2026-03-01T14:05:00Z", datetime(2026, 3, 1, 14, 5, tzinfo=UTC)),
        ("timestamp", "2026-03-01 14:05:00.123456789+0530", datetime(2026, 3, 1, 8, 35, 0, 123456, tzinfo=UTC)),
        ("timestamp", "2026-03-01T14:05-03:00", datetime(2026, 3, 1, 17, 5, tzinfo=UTC)),
        ("string", "", None),
        ("int", "  ", None),
    ],
)
def test_text_that_says_a_value(type_, text, value):
    assert one(type_, text) == (value, None)


@pytest.mark.parametrize(
    ("type_", "text", "says"),
    [
        ("int", "two", "x 'two' is not a whole number"),
        ("int", "2.5", "x '2.5' is not a whole number"),
        ("int", "99999999999", "x '99999999999' is not a whole number"),
        ("double", "12,50", "x '12,50' is not a number (decimals are written 12.50)"),
        ("double", "nan", "x 'nan' is not a number (decimals are written 12.50)"),
        ("double", "1e999", "x '1e999' is not a number (decimals are written 12.50)"),
        ("bool", "perhaps", "x 'perhaps' is neither true nor false"),
        ("date", "2026-02-30", "x '2026-02-30' is not a day like 2026-03-01"),
        ("date", "01/03/2026", "x '01/03/2026' is not a day like 2026-03-01"),
        ("timestamp", "2026-02-30T00:00:00Z", "x '2026-02-30T00:00:00Z' is not a time like 2026-03-01T14:05:00Z"),
        ("timestamp", "2026-03-01", "x '2026-03-01' is not a time like 2026-03-01T14:05:00Z"),
    ],
)
def test_text_that_does_not(type_, text, says):
    assert one(type_, text) == (None, says)


def test_a_time_without_zone_needs_the_source_s():
    value, wrong = one("timestamp", "2026-03-01T14:05:00")
    assert value is None
    assert "has no time zone" in str(wrong)
    expected = datetime(2026, 3, 1, 17, 5, tzinfo=UTC)
    assert one("timestamp", "2026-03-01T14:05:00", time_zone=SAO_PAULO) == (expected, None)


def test_clock_changes_have_a_rule():
    # On 18 February 2018 the hour before midnight came twice in São Paulo.
    # On 15 October 2017 the one after midnight was skipped.
    assert one("timestamp", "2018-02-17 23:30:00", time_zone=SAO_PAULO)[0] == datetime(2018, 2, 18, 1, 30, tzinfo=UTC)
    assert one("timestamp", "2017-10-15 00:30:00", time_zone=SAO_PAULO)[0] == datetime(2017, 10, 15, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_", "value", "kind", "expected"),
    [
        ("string", 17, pa.int64(), "17"),
        ("string", 17.0, pa.float64(), "17"),
        ("int", 3.0, pa.float64(), 3),
        ("double", 3, pa.int8(), 3.0),
        ("double", float("nan"), pa.float64(), None),
        ("bool", 1, pa.int8(), True),
        ("date", datetime(2026, 3, 1), pa.timestamp("ns"), date(2026, 3, 1)),  # noqa: DTZ001  a file without zones
        ("timestamp", FIRST, pa.timestamp("ns", "America/Bahia"), FIRST),
        ("string", "a", pa.dictionary(pa.int8(), pa.string()), "a"),
        ("string", "a", pa.large_string(), "a"),
    ],
)
def test_typed_values_are_taken_where_nothing_is_lost(type_, value, kind, expected):
    assert one(type_, value, kind) == (expected, None)


@pytest.mark.parametrize(
    ("type_", "value", "kind", "says"),
    [
        ("int", 3.5, pa.float64(), "x '3.5' is not a whole number"),
        ("int", 2**40, pa.int64(), "x '1099511627776' is not a whole number of up to nine digits"),
        ("double", float("inf"), pa.float64(), "x 'inf' is not a finite number"),
        ("double", True, pa.bool_(), "x 'true' is a bool, not a double"),
        ("timestamp", date(2026, 3, 1), pa.date32(), "x '2026-03-01' is a date32[day], not a timestamp"),
        ("date", datetime(2026, 3, 1, 5), pa.timestamp("us"), "x '2026-03-01 05:00:00.000000' is a time, not a day"),  # noqa: DTZ001
        ("string", ["a"], pa.list_(pa.string()), "x 'a value' is a list<item: string>, not a string"),
    ],
)
def test_typed_values_of_another_kind_are_told(type_, value, kind, says):
    assert one(type_, value, kind) == (None, says)


@given(st.lists(st.one_of(st.none(), st.text(max_size=12), st.integers().map(str), st.floats().map(str)), max_size=30))
def test_no_text_is_ever_an_exception_and_each_value_is_read_empty_or_told(texts):
    for type_ in ("int", "double", "bool", "date", "timestamp"):
        array, wrong = convert("x", type_, pa.array(texts, pa.string()), None)
        told = [None] * len(texts) if wrong is None else wrong.to_pylist()
        for text, value, says in zip(texts, array.to_pylist(), told, strict=True):
            empty = text is None or not text.strip()
            assert (value is None) == (empty or says is not None)


@given(st.datetimes(min_value=EARLY, max_value=LATE), st.integers(-14 * 4, 14 * 4))
def test_every_offset_is_converted_exactly(moment, quarters):
    sign, minutes = "-" if quarters < 0 else "+", abs(quarters) * 15
    text = f"{moment.isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert one("timestamp", text)[0] == datetime.fromisoformat(text).astimezone(UTC)
