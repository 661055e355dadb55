"""A table lives through a release that adds columns or drops some."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from lake import evolve
from lake.store import Lake

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)


def put(lake: Lake, day: date, **columns: list[object]) -> None:
    rows = pa.table({**columns, "day": pa.array([day] * len(next(iter(columns.values()))), pa.date32())})
    lake.replace_days("t", evolve.fitted(lake, "t", lake.frame(rows)), day, day)


def test_new_columns_are_null_where_they_were_not_and_old_ones_where_they_no_longer_are(lake: Lake) -> None:
    put(lake, FIRST, a=[1.5], gone=["x"])
    put(lake, SECOND, a=[2.5], fresh=[7.0])
    rows = {row["day"]: row for row in lake.read("t").toArrow().to_pylist()}
    assert rows[FIRST] == {"a": 1.5, "gone": "x", "fresh": None, "day": FIRST}
    assert rows[SECOND] == {"a": 2.5, "gone": None, "fresh": 7.0, "day": SECOND}


def test_a_day_written_again_after_the_change_is_replaced_whole(lake: Lake) -> None:
    put(lake, FIRST, a=[1.5, 1.75])
    put(lake, FIRST, a=[3.5], fresh=[1.0])
    assert lake.read("t").toArrow().to_pylist() == [{"a": 3.5, "day": FIRST, "fresh": 1.0}]
