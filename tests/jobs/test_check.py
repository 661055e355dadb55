"""``check`` tells a newcomer everything at once, with the rows, and writes nothing."""

from __future__ import annotations

from io import StringIO

import deliveries
from rich.console import Console

from jobs import check
from sources.csv import CsvSource

SECRET = b"0123456789abcdef0123456789abcdef"


def test_check_tells_everything_before_anything_runs(tmp_path, spark):
    rows = deliveries.tables()
    rows["order_items"][4]["quantity"] = "two"
    rows["orders"][5]["promised_at"] = "2026-02-01T00:00:00Z"
    rows["stock"].append(dict(rows["stock"][0]))
    deliveries.write(tmp_path, {name: table for name, table in rows.items() if name != "listings"})
    (tmp_path / "order.csv").write_text("a,b\n")
    before = sorted(tmp_path.iterdir())
    out = StringIO()

    report = check.run(CsvSource(tmp_path, SECRET), Console(file=out, width=200), spark)

    said = out.getvalue()
    assert not report.ok
    assert "order.csv is not read: no table has that name (did you mean orders?)" in said
    assert "order_items.csv line 6: quantity 'two' is not a whole number" in said
    assert "orders.csv line 7: promised_at is before created_at" in said
    assert "stock.csv line 42: the same row is there once more, and is dropped" in said
    assert "stock_out is off: listings missing" in said
    assert "late_delivery can be predicted" in said
    assert "lost_parcel can be predicted" in said
    assert "bad_review is off: reviews missing" in said
    assert "no calendar: holidays and sales events are not seen" in said
    assert "nobody can be told: put people.csv beside the tables" in said
    assert sorted(tmp_path.iterdir()) == before


def test_check_finds_nothing_in_a_good_delivery(tmp_path, spark):
    deliveries.write(tmp_path, deliveries.tables(20))
    out = StringIO()

    report = check.run(CsvSource(tmp_path, SECRET), Console(file=out, width=200), spark)

    assert report.ok, out.getvalue()


def test_check_of_an_empty_folder_says_what_is_needed(tmp_path, spark):
    out = StringIO()

    report = check.run(CsvSource(tmp_path, SECRET), Console(file=out, width=200), spark)

    assert not report.ok
    assert "no table of the contract has a row with a readable recorded_at" in out.getvalue()
