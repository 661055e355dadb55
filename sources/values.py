"""Values of a file turned into the contract's types, a whole column at a time.

Each function returns the converted column and, where a value could not be read, what is wrong with it: a string
column that is null where all is well. A bad value is never an exception and never a guess.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from lake.store import ARROW_TYPES

Converted = tuple[pa.Array, pa.Array | None]
Build = Callable[[pa.Array], pa.Array]

WHOLE = r"^[+-]?[0-9]{1,18}(\.0*)?$"
DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
CLOCK = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
OFFSET = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
INT32 = 2**31
UTC_US = ARROW_TYPES["timestamp"]
TRUE, FALSE = pa.array(["true", "t", "yes", "1"]), pa.array(["false", "f", "no", "0"])

NO_ZONE = "has no time zone (write 2026-03-01T14:05:00Z or …-03:00, or set time_zone in source.toml)"


def plain(values: pa.Array) -> pa.Array:
    """One array of a plain type: no chunks, no dictionary, no large or view strings; NaN means null."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        return values.cast(pa.string())
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float64())
        return pc.if_else(pc.is_nan(values), None, values)
    return values


def convert(name: str, type_: str, values: pa.Array, time_zone: str | None) -> Converted:
    """``values`` as the contract's ``type_``. time_zone: the zone of times that carry none; None: those are refused."""
    values = plain(values)
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), ARROW_TYPES[type_]), None
    if pa.types.is_string(values.type):
        return _from_text(name, type_, values, time_zone)
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return _nothing(name, type_, values, f"is a {values.type}, not a {type_}")
    return _from_typed(name, type_, values, time_zone)


def _from_text(name: str, type_: str, values: pa.Array, time_zone: str | None) -> Converted:
    if type_ == "string":
        return pc.if_else(pc.equal(values, ""), None, values), None
    text = pc.utf8_trim_whitespace(values)
    text = pc.if_else(pc.equal(text, ""), None, text)
    if type_ == "int":
        return _whole_text(name, text)
    if type_ == "double":
        return _decimal_text(name, text)
    if type_ == "bool":
        return _bool_text(name, text)
    if type_ == "date":
        return _day_text(name, text)
    return _time_text(name, text, time_zone)


def _whole_text(name: str, text: pa.Array) -> Converted:
    whole = pc.replace_substring_regex(_only(text, WHOLE), r"\.0*$|^\+", "")
    number = whole.cast(pa.int64())
    fits = pc.if_else(pc.and_(pc.less(number, INT32), pc.greater_equal(number, -INT32)), number, None)
    return fits.cast(pa.int32()), _wrong(name, text, fits, "is not a whole number")


def _decimal_text(name: str, text: pa.Array) -> Converted:
    number = pc.replace_substring_regex(_only(text, DECIMAL), r"^\+", "").cast(pa.float64())
    number = pc.if_else(pc.is_finite(number), number, None)
    return number, _wrong(name, text, number, "is not a number (decimals are written 12.50)")


def _bool_text(name: str, text: pa.Array) -> Converted:
    lower = pc.utf8_lower(text)
    known = pc.if_else(pc.is_in(lower, TRUE), True, pc.if_else(pc.is_in(lower, FALSE), False, None))
    known = known.cast(pa.bool_())
    return known, _wrong(name, text, known, "is neither true nor false")


def _day_text(name: str, text: pa.Array) -> Converted:
    days = cast_or_null(_only(text, DAY), lambda part: part.cast(pa.date32()))
    return days, _wrong(name, text, days, "is not a day like 2026-03-01")


def _time_text(name: str, text: pa.Array, time_zone: str | None) -> Converted:
    micro = pc.replace_substring_regex(text, r"(\.[0-9]{6})[0-9]+", r"\1")
    zoned = cast_or_null(_only(micro, CLOCK + OFFSET), lambda part: part.cast(UTC_US))
    local = _only(micro, CLOCK + "$")
    if time_zone is not None:
        naive = cast_or_null(local, lambda part: part.cast(pa.timestamp("us")))
        times = pc.coalesce(zoned, in_zone(naive, time_zone))
        return times, _wrong(name, text, times, "is not a time like 2026-03-01T14:05:00Z")
    no_zone = _wrong(name, pc.if_else(pc.is_valid(local), text, None), zoned, NO_ZONE)
    odd = _wrong(name, pc.if_else(pc.is_valid(local), None, text), zoned, "is not a time like 2026-03-01T14:05:00Z")
    if no_zone is None or odd is None:
        return zoned, odd if no_zone is None else no_zone
    return zoned, pc.coalesce(no_zone, odd)


def in_zone(naive: pa.Array, time_zone: str) -> pa.Array:
    """Local wall-clock times as UTC. In the hour that a clock change repeats the first is meant;
    in the one it skips, the end.
    """
    zoned = pc.assume_timezone(naive, time_zone, ambiguous="earliest", nonexistent="latest")
    return zoned.cast(UTC_US)


def _from_typed(name: str, type_: str, values: pa.Array, time_zone: str | None) -> Converted:
    kind = values.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if type_ in {"int", "string"} and number:
        whole, wrong = _whole_number(name, values)
        return _small(name, values, whole, wrong) if type_ == "int" else (whole.cast(pa.string()), wrong)
    if type_ == "double" and number:
        finite = values.cast(pa.float64())
        finite = pc.if_else(pc.is_finite(finite), finite, None)
        return finite, _wrong(name, values, finite, "is not a finite number")
    if type_ == "bool" and (pa.types.is_boolean(kind) or pa.types.is_integer(kind)):
        return _bool_text(name, values.cast(pa.string()))
    if type_ == "timestamp" and pa.types.is_timestamp(kind):
        return _time_typed(name, values, time_zone)
    if type_ == "date" and (pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None)):
        day = values.cast(pa.date32(), safe=False)
        back = pc.equal(day.cast(pa.timestamp("us")), values.cast(pa.timestamp("us"), safe=False))
        return pc.if_else(back, day, None), _wrong(name, values, pc.if_else(back, day, None), "is a time, not a day")
    return _nothing(name, type_, values, f"is a {kind}, not a {type_}")


def _time_typed(name: str, values: pa.Array, time_zone: str | None) -> Converted:
    micro = values.cast(pa.timestamp("us", tz=values.type.tz), safe=False)
    if values.type.tz is not None:
        return micro.cast(UTC_US), None
    if time_zone is not None:
        return in_zone(micro, time_zone), None
    return _nothing(name, "timestamp", values, NO_ZONE)


def _whole_number(name: str, values: pa.Array) -> Converted:
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64()), None
    number = values.cast(pa.float64())
    whole = pc.and_(pc.equal(number, pc.floor(number)), pc.less(pc.abs(number), 2.0**53))
    whole = pc.if_else(whole, number, None).cast(pa.int64())
    return whole, _wrong(name, values, whole, "is not a whole number")


def _small(name: str, values: pa.Array, whole: pa.Array, wrong: pa.Array | None) -> Converted:
    fits = pc.if_else(pc.and_(pc.less(whole, INT32), pc.greater_equal(whole, -INT32)), whole, None)
    too_big = _wrong(name, values, fits, "is not a whole number of up to nine digits")
    return fits.cast(pa.int32()), too_big if wrong is None else pc.coalesce(wrong, too_big)


def cast_or_null(values: pa.Array, build: Build) -> pa.Array:
    """``build(values)``, with null where a single value cannot be built (30 February).

    Halves until it finds the odd ones.
    """
    try:
        return build(values)
    except pa.ArrowInvalid:
        if len(values) == 1:
            return build(pa.nulls(1, values.type))
        middle = len(values) // 2
        halves = (cast_or_null(values.slice(0, middle), build), cast_or_null(values.slice(middle), build))
        return pa.concat_arrays(halves)


def _only(text: pa.Array, pattern: str) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(text, pattern), text, None)


def _wrong(name: str, values: pa.Array, good: pa.Array, says: str) -> pa.Array | None:
    bad = pc.and_(pc.is_valid(values), pc.is_null(good))
    if not pc.any(bad).as_py():
        return None
    text = values if pa.types.is_string(values.type) else values.cast(pa.string())
    shown = pc.utf8_slice_codeunits(text, 0, 80)
    return pc.if_else(bad, pc.binary_join_element_wise(f"{name} '", shown, f"' {says}", ""), None)


def _nothing(name: str, type_: str, values: pa.Array, says: str) -> Converted:
    nulls = pa.nulls(len(values), ARROW_TYPES[type_])
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        text = pc.if_else(pc.is_valid(values), "a value", None)
        return nulls, _wrong(name, text, nulls, says)
    return nulls, _wrong(name, values, nulls, says)
