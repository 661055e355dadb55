"""Whom the buyer targets are about: orders while they are open, and once more when they have arrived.

One population for all of them, so that a day's features are built once and every target takes the rows of its own
snapshots.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import subjects
from features.known import OPEN_DAYS, Known
from features.open_orders import watched
from features.subjects import ORDER_SNAPSHOTS
from lake.store import Lake

DELIVERY = "delivery"
WATCHED_SNAPSHOTS = (*ORDER_SNAPSHOTS, DELIVERY)
A_DAY = timedelta(days=1)


def watched_orders(lake: Lake, as_of: datetime) -> DataFrame:
    """The orders of a daily run: those open at ``as_of``, and those whose delivery became known in the day before it.

    One row per order_id: order_id, as_of, snapshot (``delivery`` for the latter). An order is in one of the two.
    """
    arrived = _arrivals(Known(lake, as_of - A_DAY, as_of))
    fresh = arrived.where((F.col("arrived_at") >= F.lit(as_of - A_DAY)) & (F.col("arrived_at") < F.lit(as_of)))
    delivered = fresh.select("order_id", F.lit(as_of).alias("as_of"), F.lit(DELIVERY).alias("snapshot"))
    return _beside(subjects.open_orders(lake, as_of), delivered)


def watched_snapshots(lake: Lake, first: datetime, last: datetime, *, every_day: bool = False) -> DataFrame:
    """``subjects.order_snapshots``, and each order once more 1 s after its delivery became known.

    first <= as_of < last; order_id, as_of, snapshot. ``every_day``: at UTC midnights instead, as ``watched_orders``.
    """
    known = Known(lake, first - A_DAY, last)
    arrived = _arrivals(known)
    next_midnight = F.date_add(F.to_date(F.col("arrived_at")), 1).cast("timestamp")
    moment = next_midnight if every_day else F.col("arrived_at") + F.expr("INTERVAL 1 SECOND")
    moments = arrived.select("order_id", moment.alias("as_of"), F.lit(DELIVERY).alias("snapshot"))
    inside = moments.where((F.col("as_of") >= F.lit(first)) & (F.col("as_of") < F.lit(last)))
    return _beside(subjects.order_snapshots(lake, first, last, every_day=every_day), inside)


def _beside(open_orders: DataFrame, delivered: DataFrame) -> DataFrame:
    """Both, an open order before a delivered one: a second parcel that became known on the day keeps it open."""
    rest = delivered.join(open_orders.select("order_id", "as_of"), ["order_id", "as_of"], "left_anti")
    return open_orders.select("order_id", "as_of", "snapshot").unionByName(rest)


def _arrivals(known: Known) -> DataFrame:
    """order_id, arrived_at: the first moment at which every parcel known of an order was known to be delivered.

    Only parcels that were known by then count, so what becomes known later moves no arrival of the past.
    """
    scans = known.read("shipment_events", days_back=OPEN_DAYS + 1).where(F.col("event") == "delivered")
    came = scans.groupBy("shipment_id").agg(F.min("recorded_at").alias("came_at"))
    parcels = known.read("shipments", days_back=OPEN_DAYS + 1).groupBy("order_id", "shipment_id")
    both = parcels.agg(F.min("recorded_at").alias("planned_at")).join(came, "shipment_id", "left")
    moments = both.where(F.col("came_at").isNotNull()).select(
        "order_id", F.greatest("planned_at", "came_at").alias("moment")
    )
    met = moments.join(both, "order_id")
    counted = met.groupBy("order_id", "moment").agg(
        F.count(F.when(F.col("planned_at") <= F.col("moment"), 1)).alias("parcels"),
        F.count(F.when((F.col("planned_at") <= F.col("moment")) & (F.col("came_at") <= F.col("moment")), 1)).alias(
            "came"
        ),
    )
    whole = (
        counted.where(F.col("came") == F.col("parcels")).groupBy("order_id").agg(F.min("moment").alias("arrived_at"))
    )
    orders = watched(known).select("order_id", F.col("recorded_at").alias("ordered_at"))
    recent = (F.col("ordered_at") < F.col("arrived_at")) & (
        F.col("ordered_at") >= F.col("arrived_at") - F.expr(f"INTERVAL {OPEN_DAYS - 1} DAYS")
    )
    return whole.join(orders, "order_id").where(recent).select("order_id", "arrived_at")
