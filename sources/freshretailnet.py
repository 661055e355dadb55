"""FreshRetailNet-50K, daily: 50,000 store and product series with the hours each was out of stock.

``train_daily.parquet`` as published, one row per store, product and day. There is no quantity on hand and no inbound.
The weather columns are left out: they say what the weather was, which nobody knows ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lake.store import ARROW_TYPES
from lake.tables import CONTRACT, PARTITION
from sources import files
from sources.conform import conform_texts
from sources.source import Delivery, Person, SourceError
from sources.values import plain

FILE = "train_daily.parquet"
SELLING_HOURS = 16  # 6 to 22 o'clock
LAST_HOURS = (18, 19, 20, 21)  # the last quarter of them
DAY_HOURS = 24
CLOSING = timedelta(hours=23, minutes=59)
CALENDAR_AHEAD = timedelta(days=7)
PLAN_AHEAD = timedelta(days=1)
ROW = "row"
TIME_ZONE = "Asia/Shanghai"
COLUMNS = (
    "store_id", "product_id", "dt", "third_category_id", "discount", "activity_flag", "holiday_flag", "sale_amount",
    "stockout_hours_6_22", "stock_mask", "city_id",
)  # fmt: skip


class FreshRetailNetSource:
    """Sellers are stores, articles are products. No person of it is real: addresses end in ``.example``."""

    name = "freshretailnet"
    tables = ("listings", "stock", "promotions", "calendar")

    def __init__(self, folder: Path, secret: bytes) -> None:
        del secret  # nobody in this data is a person
        self.path = folder / FILE
        if not self.path.is_file():
            raise SourceError("stock", FILE, f"it is not in {folder}", "Give the folder that holds it: --data DIR.")
        opened = files.open_parquet(self.path, "stock", FILE)
        absent = [name for name in COLUMNS if name not in opened.schema_arrow.names]
        if absent:
            raise SourceError(
                "stock", FILE, f"columns {', '.join(absent)} missing", "Use the file as it was published."
            )
        days = {day for batch in self._batches(["dt"]) for day in batch["dt"].unique().to_pylist()}
        if not days or None in days:
            raise SourceError(
                "stock", FILE, "rows have no day (dt), or there are none", "Use the file as it was published."
            )
        self._days: list[date] = sorted(days)

    def span(self) -> tuple[date, date]:
        """From the day on which the first holiday was known to the last day with stock."""
        return self._days[0] - CALENDAR_AHEAD, self._days[-1]

    def newest_day(self) -> date:
        """The last day with stock."""
        return self._days[-1]

    def read(self, table: str, first: date, last: date) -> Iterator[Delivery]:
        """See ``sources.source.Source.read``."""
        if table in {"stock", "promotions"}:
            yield from self._daily(table, first, last)
            return
        rows = self._listings() if table == "listings" else self._calendar()
        yield Delivery(table, rows.filter(_within(rows[PARTITION], first, last)))

    def people(self) -> Iterator[Person]:
        """One seller for each store."""
        stores = {store for batch in self._batches(["store_id"]) for store in batch["store_id"].unique().to_pylist()}
        for store in sorted(stores):
            yield Person(
                str(store), "seller", "", f"seller-{store}@sellers.example", "en", TIME_ZONE, None, consent=True
            )

    def notes(self) -> tuple[str, ...]:
        return ("weather is left out: the file says what it was, not what was forecast",)

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for part in files.rows(self.path, "stock", FILE, columns):
            yield pa.RecordBatch.from_pydict(part.columns | {ROW: part.numbers})

    def _daily(self, table: str, first: date, last: date) -> Iterator[Delivery]:
        build, known = (_stock, CLOSING) if table == "stock" else (_promotions, -PLAN_AHEAD)
        ahead = timedelta() if table == "stock" else PLAN_AHEAD
        for batch in self._batches(list(COLUMNS)):
            inside = _within(batch["dt"], first + ahead, last + ahead)
            kept = batch.filter(inside)
            if kept.num_rows:
                values = build(kept) | {"recorded_at": _moment(kept["dt"], known)}
                yield Delivery(table, _delivered(table, values, kept[ROW]))

    def _listings(self) -> pa.RecordBatch:
        columns = ["store_id", "product_id", "dt", "third_category_id", "city_id"]
        whole = pa.Table.from_batches(self._batches(columns))
        found = whole.group_by(columns[:2], use_threads=False).aggregate(
            [("dt", "min"), ("third_category_id", "first"), ("city_id", "first"), (ROW, "first")]
        )
        values = {
            "seller_id": found["store_id"].cast(pa.string()),
            "sku_id": found["product_id"].cast(pa.string()),
            "category": found["third_category_id_first"].cast(pa.string()),
            "active_from": found["dt_min"],
            "region": found["city_id_first"].cast(pa.string()),
            "recorded_at": _moment(found["dt_min"], timedelta()),
        }
        return _delivered("listings", values, found[f"{ROW}_first"])

    def _calendar(self) -> pa.RecordBatch:
        found = pa.Table.from_batches(self._batches(["dt", "holiday_flag"]))
        free = (
            found.filter(pc.equal(found["holiday_flag"], 1)).group_by("dt", use_threads=False).aggregate([(ROW, "min")])
        )
        free = free.sort_by("dt")
        count = free.num_rows
        values = {
            "region": pa.array(["*"] * count, pa.string()),
            "calendar_day": free["dt"],
            "name": pa.array(["day off"] * count, pa.string()),
            "kind": pa.array(["holiday"] * count, pa.string()),
            "recorded_at": _moment(free["dt"], -CALENDAR_AHEAD),
        }
        return _delivered("calendar", values, free[f"{ROW}_min"])


def _stock(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    hours_out = batch["stockout_hours_6_22"].cast(pa.float64())
    return _subject(batch) | {
        "stock_day": batch["dt"],
        "in_stock_share": pc.subtract(1.0, pc.divide(hours_out, float(SELLING_HOURS))),
        "units_sold": batch["sale_amount"],
        "closing_share": _closing_share(batch["stock_mask"]),
        "ended_out": _was_out(batch["stock_mask"], DAY_HOURS - 1),
    }


def _was_out(mask: pa.Array, hour: int) -> pa.Array:
    """Whether the hour was without stock: bit ``hour`` of the mask of the day's 24 hours."""
    bits = mask.cast(pa.int64())
    return pc.not_equal(pc.bit_wise_and(pc.shift_right(bits, hour), 1), 0)


def _closing_share(mask: pa.Array) -> pa.Array:
    out = [_was_out(mask, hour).cast(pa.float64()) for hour in LAST_HOURS]
    hours_out = pc.add(pc.add(out[0], out[1]), pc.add(out[2], out[3]))
    return pc.subtract(1.0, pc.divide(hours_out, float(len(LAST_HOURS))))


def _promotions(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """A discount is the share of the list price still to pay; a few stand above 1, which is no discount."""
    off = pc.subtract(1.0, batch["discount"])
    return _subject(batch) | {
        "promo_day": batch["dt"],
        "discount_share": pc.max_element_wise(pc.min_element_wise(off, 1.0), 0.0),
        "has_activity": pc.not_equal(batch["activity_flag"], 0),
    }


def _subject(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return {"seller_id": batch["store_id"].cast(pa.string()), "sku_id": batch["product_id"].cast(pa.string())}


def _moment(days: pa.Array, after_midnight: timedelta) -> pa.Array:
    midnight = days.cast(pa.timestamp("us")).cast(ARROW_TYPES["timestamp"])
    return pc.add(midnight, pa.scalar(after_midnight, pa.duration("us")))


def _within(days: pa.Array, first: date, last: date) -> pa.Array:
    return pc.and_(pc.greater_equal(days, pa.scalar(first)), pc.less_equal(days, pa.scalar(last)))


def _delivered(table: str, values: dict[str, pa.Array], rows: pa.Array) -> pa.RecordBatch:
    first = datetime(1970, 1, 1, tzinfo=UTC).date()  # never used: every row has a recorded_at
    return conform_texts(CONTRACT[table], values, file=FILE, numbers=plain(rows), time_zone=TIME_ZONE, fallback=first)
