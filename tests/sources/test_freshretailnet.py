"""FreshRetailNet as published: 3.8 million rows, streamed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sources.freshretailnet import FreshRetailNetSource
from sources.source import REASONS, SourceError

SECRET = b"0123456789abcdef0123456789abcdef"
DAY = date(2024, 5, 1)


@pytest.fixture(scope="module")
def retail(real_data: Path) -> FreshRetailNetSource:
    return FreshRetailNetSource(real_data / "freshretailnet", SECRET)


def test_a_day_of_stock(retail):
    rows = pa.Table.from_batches([delivery.rows for delivery in retail.read("stock", DAY, DAY)])
    assert rows.num_rows == 50_000
    assert rows[REASONS].null_count == 50_000
    first = rows.slice(0, 1).to_pylist()[0]
    assert first["recorded_at"] == datetime(2024, 5, 1, 23, 59, tzinfo=UTC)
    assert first["stock_day"] == DAY
    assert first["on_hand"] is None
    source = pq.read_table(retail.path, filters=[("dt", "=", DAY)])
    expected = 1 - source["stockout_hours_6_22"].to_numpy() / 16
    assert rows["in_stock_share"].to_numpy() == pytest.approx(expected)
    hours = (source["stock_mask"].to_numpy()[:, None] >> range(24)) & 1
    assert rows["closing_share"].to_numpy() == pytest.approx(1 - hours[:, 18:22].mean(axis=1))
    assert (rows["ended_out"].to_numpy() == (hours[:, 23] == 1)).all()
    assert rows["units_sold"].to_numpy() == pytest.approx(source["sale_amount"].to_numpy())


def test_promotions_are_known_the_day_before(retail):
    rows = pa.Table.from_batches([delivery.rows for delivery in retail.read("promotions", DAY, DAY)])
    assert rows.num_rows == 50_000
    assert set(rows["promo_day"].unique().to_pylist()) == {date(2024, 5, 2)}
    assert set(rows["recorded_at"].unique().to_pylist()) == {datetime(2024, 5, 1, tzinfo=UTC)}
    assert rows["discount_share"].to_numpy().min() >= 0


def test_listings_and_calendar(retail):
    (listings,) = retail.read("listings", *retail.span())
    assert listings.rows.num_rows == 50_000
    assert set(listings.rows["active_from"].unique().to_pylist()) == {date(2024, 3, 28)}
    (calendar,) = retail.read("calendar", *retail.span())
    days = dict(zip(calendar.rows["calendar_day"].to_pylist(), calendar.rows["recorded_at"].to_pylist(), strict=True))
    assert days[date(2024, 5, 1)] == datetime(2024, 4, 24, tzinfo=UTC)
    assert len(days) == calendar.rows.num_rows == 27


def test_span_and_people(retail):
    assert retail.span() == (date(2024, 3, 21), date(2024, 6, 11))
    people = list(retail.people())
    assert len(people) == 898
    assert {person.role for person in people} == {"seller"}
    assert {person.time_zone for person in people} == {"Asia/Shanghai"}


def test_a_missing_or_foreign_file_is_told(tmp_path):
    with pytest.raises(SourceError, match=r"stock, train_daily\.parquet: it is not in"):
        FreshRetailNetSource(tmp_path, SECRET)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "train_daily.parquet")
    with pytest.raises(SourceError, match=r"columns store_id, product_id, dt, .* missing"):
        FreshRetailNetSource(tmp_path, SECRET)
