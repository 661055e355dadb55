"""Labels of things that happen, or do not, within some days from a moment: one rule of maturity for all of them.

A label matures when its horizon has ended and late reports have come in, whatever the outcome was: an event seen on
the first day is as immature as its absence.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.store import Lake

REPORTED_LATE = timedelta(days=2)  # by then nearly every scan and event of the horizon has reached the platform


def after(moment: Column, span: timedelta) -> Column:
    """The moment so much later."""
    return moment + F.expr(f"INTERVAL {int(span.total_seconds())} SECONDS")


def within(
    rows: DataFrame,
    happened: DataFrame,
    until: Column,
    *,
    on: tuple[str, ...] = ("order_id",),
    wait: timedelta = REPORTED_LATE,
) -> DataFrame:
    """Label of each (order_id, as_of): 1 if it happens in [as_of, until), else 0; null where it already had.

    rows: order_id, as_of and what ``until`` is made from. happened: ``on`` and happened_at, one row for each. Returns
    order_id, as_of, label (double), matured_at (``until`` and the wait for late reports), deadline_at (when it happens,
    null if it does not), ended_at (null).
    """
    met = rows.join(happened, list(on), "left").withColumn("until", until)
    at = F.col("happened_at")
    comes = F.coalesce((at >= F.col("as_of")) & (at < F.col("until")), F.lit(False))
    already = F.coalesce(at < F.col("as_of"), F.lit(False))
    return met.select(
        "order_id",
        "as_of",
        F.when(~already, comes.cast("double")).alias("label"),
        after(F.col("until"), wait).alias("matured_at"),
        F.when(comes, at).alias("deadline_at"),
        F.lit(None).cast("timestamp").alias("ended_at"),
    )


def first_of(lake: Lake, table: str, condition: Column, known_before: datetime | None) -> DataFrame:
    """order_id, happened_at: the first ``event_at`` among an order's rows of ``table`` that meet the condition."""
    rows = lake.read(table, known_before=known_before).where(condition & F.col("order_id").isNotNull())
    return rows.groupBy("order_id").agg(F.min("event_at").alias("happened_at"))


def scans_of(lake: Lake, known_before: datetime | None) -> DataFrame:
    """order_id, shipment_id, event, event_at: every scan of an order's parcels."""
    parcels = lake.read("shipments", known_before=known_before).select("shipment_id", "order_id").distinct()
    scans = lake.read("shipment_events", known_before=known_before).select("shipment_id", "event", "event_at")
    return scans.join(parcels, "shipment_id")
