"""Whom a prediction is about, and as of when: open orders, and the stock series of sellers.

A subject row exists only where everything that makes it one was known before its ``as_of``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.known import OPEN_DAYS, Known
from features.lead_time import horizon_of, lead_times
from features.open_orders import AGE_SNAPSHOTS_DAYS, first_moments, snapshot_name, still_open
from lake.store import Lake

ORDER_SNAPSHOTS = ("approval", "hand_over", *(f"day_{n}" for n in AGE_SNAPSHOTS_DAYS))
SERIES_SNAPSHOTS = ("in_stock", "out")
SERIES_DAYS = 28  # a series is watched while its last report is at most so many days old
OUT_SHARE = 0.75  # a day with at most this share of selling hours in stock is a stock-out day


def open_orders(lake: Lake, as_of: datetime) -> DataFrame:
    """Orders still open as known at ``as_of``: one row per order_id; order_id, as_of, snapshot.

    Open: the order was recorded in the last 180 days, none of its ends was known (cancelled, refunded, closed; every
    known parcel delivered, returned or lost), and its promise, if any, is at most 60 days past. ``snapshot`` is the
    latest of ORDER_SNAPSHOTS that it had reached.
    """
    known = Known(lake, as_of, as_of)
    moments = first_moments(known).select("order_id", F.lit(as_of).alias("as_of"))
    return _named(known, moments)


def order_snapshots(lake: Lake, first: datetime, last: datetime, *, every_day: bool = False) -> DataFrame:
    """Orders at the moments that fitting and backtests ask about, first <= as_of < last: order_id, as_of, snapshot.

    approval: 1 s after the approval became known (after the order did, where the source has no approvals at all).
    hand_over: 1 s after the first hand-over became known. day_n: n days after the approval became known. A row exists
    only while the order is open as known at that moment. ``every_day``: instead one row per order and UTC midnight, as
    the daily runs of those days would have had them.
    """
    known = Known(lake, first, last)
    moments = _midnights(known) if every_day else _stages(known)
    inside = moments.where((F.col("as_of") >= F.lit(first)) & (F.col("as_of") < F.lit(last)))
    if every_day:
        return _named(known, inside)
    # One moment can carry two names; the later stage is kept, so that (order_id, as_of) stays a key.
    rank = F.array_position(F.array(*[F.lit(name) for name in ORDER_SNAPSHOTS]), F.col("stage"))
    once = inside.groupBy("order_id", "as_of").agg(F.max(F.struct(rank.alias("rank"), "stage")).alias("top"))
    return still_open(known, once.select("order_id", "as_of", F.col("top.stage").alias("snapshot")))


def _stages(known: Known) -> DataFrame:
    """order_id, as_of, stage: every stage an order passed, whether or not it was still open then."""
    moments = first_moments(known)
    has_approvals = moments.agg((F.count("approved_recorded_at") > 0).alias("has_approvals"))
    fallback = F.when(~F.col("has_approvals"), F.col("order_recorded_at"))
    starts = moments.crossJoin(has_approvals).withColumn("start", F.coalesce("approved_recorded_at", fallback))
    times = {"approval": F.col("start") + F.expr("INTERVAL 1 SECOND")}
    times["hand_over"] = F.col("handed_over_recorded_at") + F.expr("INTERVAL 1 SECOND")
    times |= {f"day_{n}": F.col("start") + F.expr(f"INTERVAL {n} DAYS") for n in AGE_SNAPSHOTS_DAYS}
    stages = [F.struct(at.alias("as_of"), F.lit(name).alias("stage")) for name, at in times.items()]
    rows = starts.select("order_id", F.explode(F.array(*stages)).alias("at"))
    return rows.select("order_id", "at.as_of", "at.stage").where(F.col("as_of").isNotNull())


def _midnights(known: Known) -> DataFrame:
    """order_id, as_of: the midnights after an order became known until it surely was not open any more."""
    moments = first_moments(known)
    until = F.least(
        F.col("order_recorded_at") + F.expr(f"INTERVAL {OPEN_DAYS} DAYS"), F.lit(known.last_as_of), "surely_ended_at"
    )
    days = F.sequence(F.date_add(F.to_date("order_recorded_at"), 1), F.date_add(F.to_date(until), 1))
    return moments.select("order_id", F.explode(days).alias("date")).select(
        "order_id", F.col("date").cast("timestamp").alias("as_of")
    )


def _named(known: Known, moments: DataFrame) -> DataFrame:
    """The moments at which the order is open, each called by the latest stage it had reached."""
    return still_open(known, moments, snapshot_name)


def is_out(in_stock_share: Column, on_hand: Column) -> Column:
    """Whether a day was a stock-out day: a quarter or more of the selling hours lost, or nothing left at its end."""
    return F.coalesce(in_stock_share <= OUT_SHARE, F.lit(False)) | F.coalesce(on_hand == 0, F.lit(False))


def stock_series(lake: Lake, first_day: date, last_day: date) -> DataFrame:
    """Seller x SKU series at each midnight that begins first_day .. last_day (both included).

    One row per (seller_id, sku_id, as_of) whose last report, as known then, is at most 28 days old: seller_id, sku_id,
    as_of, snapshot (``out`` where the last known day was a stock-out day, else ``in_stock``), horizon_days (int).
    """
    first, last = _midnight(first_day), _midnight(last_day)
    known = Known(lake, first, last)
    rows = known.read("stock", days_back=SERIES_DAYS)
    # A day counts from the day on which it was known to have ended, whatever came first: the day or its report.
    shown_from = F.date_add(F.greatest("recorded_day", "stock_day"), 1)
    reports = rows.select(
        "seller_id", "sku_id", "stock_day", shown_from.alias("shown_from"),
        F.when(is_out(F.col("in_stock_share"), F.col("on_hand")), "out").otherwise("in_stock").alias("snapshot"),
    )  # fmt: skip
    series = Window.partitionBy("seller_id", "sku_id").orderBy("shown_from", "stock_day")
    newest = F.max("stock_day").over(series.rowsBetween(Window.unboundedPreceding, -1))
    # A report that arrives after a newer one is not the last known day.
    kept = reports.withColumn("newest", newest).where(F.col("newest").isNull() | (F.col("stock_day") > F.col("newest")))
    until = F.least(
        F.date_sub(F.lead("shown_from").over(series), 1), F.date_add("shown_from", SERIES_DAYS - 1), F.lit(last_day)
    )
    since = F.greatest("shown_from", F.lit(first_day))
    spans = kept.select("seller_id", "sku_id", "snapshot", since.alias("since"), until.alias("until"))
    days = F.explode(F.sequence("since", "until")).alias("as_of_day")
    dated = spans.where(F.col("since") <= F.col("until")).select("seller_id", "sku_id", "snapshot", days)
    horizon = horizon_of(F.col("has_inbound"), F.col("lead_log")).alias("horizon_days")
    return lead_times(known, dated).select(
        "seller_id", "sku_id", F.col("as_of_day").cast("timestamp").alias("as_of"), "snapshot", horizon
    )


def stock_series_of(lake: Lake, as_of: datetime) -> DataFrame:
    """The rows of ``stock_series`` for one midnight. Raises ValueError where as_of is not a UTC midnight."""
    day = as_of.astimezone(UTC).date()
    if as_of != _midnight(day):
        raise ValueError(f"as_of {as_of.isoformat()} is not midnight UTC; stock is predicted for whole days.")
    return stock_series(lake, day, day)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)
