"""When the parcels of an order came, and how late that was: what several targets are labelled by or learn from."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.store import Lake

MOST_DAYS_LATE = 10
NOT_COME, NOT_SENT = MOST_DAYS_LATE + 1, MOST_DAYS_LATE + 2


def delivered(lake: Lake, known_before: datetime | None) -> DataFrame:
    """When the last parcel of each order was delivered: order_id, sent (parcels), ended_at, ended_known_at; the moments
    are null while one of its parcels was not, and there is no row while none was sent.
    """
    parcels = lake.read("shipments", known_before=known_before).select("shipment_id", "order_id").distinct()
    scans = lake.read("shipment_events", known_before=known_before).where(F.col("event") == "delivered")
    came = scans.groupBy("shipment_id").agg(
        F.min("event_at").alias("came_at"), F.min("recorded_at").alias("came_known_at")
    )
    both = parcels.join(came, "shipment_id", "left").groupBy("order_id")
    counted = both.agg(
        F.max("came_at").alias("ended_at"),
        F.max("came_known_at").alias("ended_known_at"),
        F.count("came_at").alias("came"),
        F.count("*").alias("sent"),
    )
    has_come = F.col("came") == F.col("sent")
    moments = (F.when(has_come, F.col(name)).alias(name) for name in ("ended_at", "ended_known_at"))
    return counted.select("order_id", "sent", *moments)


def lateness(lake: Lake, rows: DataFrame, until: Column, known_before: datetime | None) -> DataFrame:
    """How each order ended by ``until``: 0 on time, 1 to MOST_DAYS_LATE begun days after the promise, NOT_COME or
    NOT_SENT; null where nothing was promised.

    rows: order_id, as_of, promised_at and what ``until`` is made from. Returns order_id, as_of, surrogate (double).
    """
    asked = rows.join(delivered(lake, known_before), "order_id", "left")
    seconds = F.unix_seconds("ended_at") - F.unix_seconds("promised_at")
    days = F.least(F.greatest(F.ceil(seconds / 86_400), F.lit(0)), F.lit(MOST_DAYS_LATE))
    level = (
        F.when(F.col("promised_at").isNull(), F.lit(None))
        .when(F.col("ended_at") < until, days)
        .when(F.col("sent").isNotNull(), F.lit(NOT_COME))
        .otherwise(F.lit(NOT_SENT))
    )
    return asked.select("order_id", "as_of", level.cast("double").alias("surrogate"))
