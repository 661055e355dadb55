"""Rows of stock, plans, sales and replenishments brought together by series and laid out as a History.

One pass over the data serves all groups of a series. The sums run over 28 columns in a fixed order, so a value does not
depend on how rows are partitioned or how long the history is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

from features.asof import in_buckets, key_codes
from features.history import AHEAD_DAYS, PAST_DAYS, Floats, History, Ints, Kernel
from features.known import Known
from features.spec import SERIES_KEYS

INBOUND_DAYS = 120  # a replenishment still open this long after it was ordered is given up
PLAN_DAYS = 90  # a plan made earlier than this before its day is left out
_ASKED, _STOCK, _PROMOTION, _SALE, _INBOUND = range(5)
_SERIES = ("seller_id", "sku_id")
_VALUES = ("a", "b", "c", "d", "e")
_UNSEEN = 1 << 40  # later than any day


def series_rows(known: Known, subjects: DataFrame, kernels: tuple[Kernel, ...], names: tuple[str, ...]) -> DataFrame:
    """The features ``names``, made by ``kernels``, for each (seller_id, sku_id, as_of) of ``subjects``."""
    both = _asked(subjects)
    for part in (_stock(known), _promotions(known), _sales(known), _inbound(known)):
        both = both.unionByName(part)
    sale_days = _sale_days(known)
    fields = both.select(*_SERIES).schema.fields
    schema = StructType(
        [*fields, *subjects.select("as_of").schema.fields, *[StructField(name, DoubleType()) for name in names]]
    )

    def compute(table: pa.Table) -> pa.Table:
        return _compute(table, kernels, names, sale_days)

    return in_buckets(both, _SERIES).applyInArrow(compute, schema)


def _row(kind: int, day: Column, moment: Column, **values: Column) -> list[Column]:
    nothing = F.lit(None).cast("double")
    return [
        *[F.col(key) for key in _SERIES],
        F.lit(kind).alias("kind"),
        F.unix_date(day).cast("bigint").alias("day"),
        moment.cast("bigint").alias("moment"),
        *[values.get(name, nothing).cast("double").alias(name) for name in _VALUES],
    ]


def _asked(subjects: DataFrame) -> DataFrame:
    horizon = F.col("horizon_days") if "horizon_days" in subjects.columns else F.lit(1)
    return subjects.select(_row(_ASKED, F.to_date("as_of"), F.unix_micros("as_of"), a=horizon))


def _stock(known: Known) -> DataFrame:
    """moment: the first day on whose midnight the row is known."""
    rows = known.read("stock", days_back=PAST_DAYS + 2).where(
        F.col("recorded_day") >= F.date_sub("stock_day", 1)  # reported before it began: not a report
    )
    shown = F.unix_date(F.greatest("recorded_day", "stock_day")) + F.lit(1)
    values = {
        "a": F.col("in_stock_share"), "b": F.col("on_hand"), "c": F.col("units_sold"), "d": F.col("closing_share"),
        "e": F.col("ended_out"),
    }  # fmt: skip
    return rows.select(_row(_STOCK, F.col("stock_day"), shown, **values))


def _promotions(known: Known) -> DataFrame:
    first, last = known.first_day - timedelta(days=PAST_DAYS), known.last_day + timedelta(days=AHEAD_DAYS)
    rows = known.read("promotions", days_back=PAST_DAYS + PLAN_DAYS + 1).where(
        (F.date_diff("promo_day", "recorded_day") <= PLAN_DAYS) & F.col("promo_day").between(F.lit(first), F.lit(last))
    )
    discount = F.coalesce(F.col("discount_share").cast("double"), F.lit(0.0))
    activity = F.coalesce(F.col("has_activity").cast("double"), F.lit(0.0))
    return rows.select(_row(_PROMOTION, F.col("promo_day"), F.unix_micros("recorded_at"), a=discount, b=activity))


def _sales(known: Known) -> DataFrame:
    """Pieces ordered, by the day on which the order line became known."""
    rows = known.read("order_items", days_back=PAST_DAYS + 1)
    sums = rows.groupBy(*_SERIES, "recorded_day").agg(F.sum(F.col("quantity").cast("double")).alias("quantity"))
    return sums.select(_row(_SALE, F.col("recorded_day"), F.unix_date("recorded_day"), a=F.col("quantity")))


def _sale_days(known: Known) -> Ints:
    """The days on which any order line became known, as days since 1970-01-01, sorted: a few hundred numbers."""
    rows = (
        known.read("order_items", days_back=PAST_DAYS + 1).select(F.unix_date("recorded_day").alias("day")).distinct()
    )
    return np.sort(np.asarray(rows.toArrow().column("day").to_pylist(), dtype=np.int64))


def _inbound(known: Known) -> DataFrame:
    """One row per replenishment: moment: known to be ordered; a: quantity; b: known to be closed; c: expected at."""
    rows = known.read("inbound", days_back=INBOUND_DAYS + 1)
    ordered = F.when(
        F.col("event") == "ordered",
        F.struct("recorded_at", "event_at", "seller_id", "sku_id", "quantity", "expected_at"),
    )
    closed = F.when(F.col("event") != "ordered", F.col("recorded_at"))
    pairs = rows.groupBy("inbound_id").agg(F.min(ordered).alias("ordered"), F.min(closed).alias("closed_at"))
    plain = pairs.where(F.col("ordered").isNotNull()).select(
        "ordered.seller_id",
        "ordered.sku_id",
        "ordered.recorded_at",
        "ordered.quantity",
        "ordered.expected_at",
        "closed_at",
    )
    values = {"a": F.col("quantity"), "b": F.unix_micros("closed_at"), "c": F.unix_micros("expected_at")}
    return plain.select(_row(_INBOUND, F.to_date("recorded_at"), F.unix_micros("recorded_at"), **values))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one kind: which series, which day, and their values."""

    series: Ints
    day: Ints
    moment: Ints
    values: dict[str, Floats]


def _compute(table: pa.Table, kernels: tuple[Kernel, ...], names: tuple[str, ...], sale_days: Ints) -> pa.Table:
    series = np.unique(key_codes(table, _SERIES), return_inverse=True)[1].astype(np.int64)
    kind = table.column("kind").to_numpy()
    numbers = {name: table.column(name).to_numpy() for name in ("day", "moment", *_VALUES)}

    def rows(wanted: int) -> _Rows:
        at = np.flatnonzero(kind == wanted)
        values = {name: numbers[name][at].astype(np.float64) for name in _VALUES}
        return _Rows(series[at], numbers["day"][at], numbers["moment"][at], values)

    asked = rows(_ASKED)
    kept = table.take(pa.array(np.flatnonzero(kind == _ASKED)))
    history = _history(asked, rows(_STOCK), rows(_PROMOTION), rows(_SALE), rows(_INBOUND), sale_days)
    features: dict[str, Floats] = {}
    for kernel in kernels:
        features |= kernel(history)
    as_of = pa.array(asked.moment).cast(pa.timestamp("us", tz="UTC"))
    columns = [kept.column("seller_id"), kept.column("sku_id"), as_of]
    columns += [pa.array(features[name].astype(np.float64), from_pandas=True) for name in names]
    return pa.table(columns, names=[*SERIES_KEYS, *names])


def _history(asked: _Rows, stock: _Rows, promotions: _Rows, sales: _Rows, inbound: _Rows, sale_days: Ints) -> History:
    past, ahead = -np.arange(1, PAST_DAYS + 1), np.arange(AHEAD_DAYS)
    reported = _Grid(asked, stock, past)
    is_shown = reported.moments() <= asked.day[:, None]
    share, on_hand, units = (np.where(is_shown, reported.values(name), np.nan) for name in ("a", "b", "c"))
    # Where orders are delivered at all, a day on which nobody ordered the article is a day with no sale.
    recent = np.searchsorted(sale_days, asked.day) - np.searchsorted(sale_days, asked.day - PAST_DAYS)
    sold = np.where(recent[:, None] > 0, np.nan_to_num(_Grid(asked, sales, past).values("a")), np.nan)
    units = np.where(is_shown & np.isnan(units), sold, units)
    before, after = _Grid(asked, promotions, past), _Grid(asked, promotions, ahead)
    was_planned = before.moments() < asked.moment[:, None]
    is_planned = after.moments() < asked.moment[:, None]
    return History(
        day=asked.day,
        horizon_days=np.nan_to_num(asked.values["a"], nan=1.0).astype(np.int64),
        in_stock_share=share,
        closing_share=np.where(is_shown, reported.values("d"), np.nan),
        ended_out=np.where(is_shown, reported.values("e"), np.nan),
        on_hand=on_hand,
        units=units,
        discount_past=np.where(was_planned, before.values("a"), np.nan),
        has_activity_past=np.where(was_planned, before.values("b"), np.nan),
        discount_ahead=np.where(is_planned, after.values("a"), np.nan),
        has_activity_ahead=np.where(is_planned, after.values("b"), np.nan),
        **_open_inbound(asked, inbound),
    )


def _open_inbound(asked: _Rows, inbound: _Rows) -> dict[str, Floats]:
    """What was on its way, as known at each asked moment: a series' replenishments are gone through one by one."""
    n = len(asked.day)
    day_micros = 86_400_000_000.0
    order = np.lexsort((inbound.moment, inbound.series))
    series = inbound.series[order]
    start = np.searchsorted(series, asked.series, side="left")
    count = np.searchsorted(series, asked.series, side="right") - start
    horizon_end = asked.moment + np.nan_to_num(asked.values["a"], nan=1.0) * day_micros
    units, number, within = np.zeros(n), np.zeros(n), np.zeros(n)
    expected, oldest = np.full(n, np.inf), np.full(n, np.inf)
    for nth in range(int(count.max(initial=0))):
        at = np.flatnonzero(count > nth)
        row = order[start[at] + nth]
        now, ordered, closed = asked.moment[at], inbound.moment[row], inbound.values["b"][row]
        is_open = (ordered < now) & ~(closed < now) & (now - ordered <= INBOUND_DAYS * day_micros)
        quantity, due = np.nan_to_num(inbound.values["a"][row]), inbound.values["c"][row]
        units[at] += np.where(is_open, quantity, 0.0)
        number[at] += is_open
        within[at] += np.where(is_open & (due < horizon_end[at]), quantity, 0.0)
        expected[at] = np.minimum(expected[at], np.where(is_open & ~np.isnan(due), due, np.inf))
        oldest[at] = np.minimum(oldest[at], np.where(is_open, ordered, np.inf))
    return {
        "inbound_units": units,
        "inbound_count": number,
        "inbound_within_units": within,
        "inbound_days": np.where(np.isinf(expected), np.nan, (expected - asked.moment) / day_micros),
        "inbound_age_days": np.where(np.isinf(oldest), np.nan, (asked.moment - oldest) / day_micros),
    }


class _Grid:
    """Rows laid out by series and day, looked up at ``offsets`` days from each asked day. A key is one row at most."""

    def __init__(self, asked: _Rows, rows: _Rows, offsets: npt.NDArray[np.int_]) -> None:
        first = int(asked.day.min(initial=0 if not len(asked.day) else int(asked.day[0]))) + int(offsets.min())
        days = int(asked.day.max(initial=first)) + int(offsets.max()) - first + 1
        series = int(max(asked.series.max(initial=0), rows.series.max(initial=0))) + 1
        inside = (rows.day >= first) & (rows.day < first + days)
        self._rows = rows
        self._inside = np.flatnonzero(inside)
        place = rows.series[inside] * days + rows.day[inside] - first
        index = np.full(series * days, -1, dtype=np.int64)
        index[place] = self._inside
        wanted = asked.series[:, None] * days + asked.day[:, None] + offsets[None, :] - first
        self._index = index[wanted]

    def values(self, name: str) -> Floats:
        return self._look_up(self._rows.values[name], np.nan)

    def moments(self) -> Floats:
        return self._look_up(self._rows.moment.astype(np.float64), float(_UNSEEN) * 1e9)

    def _look_up(self, values: Floats, missing: float) -> Floats:
        found: Floats = np.append(values, missing)[self._index]
        return found
