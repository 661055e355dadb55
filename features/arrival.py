"""How an order arrived, and what its buyer has done about it so far."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import days, hours, known_before
from features.known import OPEN_DAYS, Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, Feature, FeatureGroup

_NOT_YET = "nothing of it has been delivered"

FEATURES = (
    Feature("is_delivered", "1 or 0", "a parcel of it has been delivered", "never null", "arrival", allowed=(0.0, 1.0)),
    Feature("delivered_age_hours", "hours", "time since the last parcel came", _NOT_YET, "arrival"),
    Feature("delivered_late_days", "days, negative where there was time to spare",
            "how long after the promise it came", f"{_NOT_YET}, or no promise was made", "arrival", monotone=1),
    Feature("delivered_total_days", "days", "time from order to delivery", _NOT_YET, "arrival"),
    Feature("is_return_requested", "1 or 0", "the buyer has asked to send it back, or has the money back", "never null",
            "arrival", allowed=(0.0, 1.0)),
    Feature("is_disputed", "1 or 0", "a claim was opened", "never null", "arrival", allowed=(0.0, 1.0)),
    Feature("is_reviewed", "1 or 0", "it was reviewed", "never null", "arrival", allowed=(0.0, 1.0)),
)  # fmt: skip


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    asked = base.select(*KEYS)
    rows = base.select(*KEYS, "created_at", "promised_at")
    claims = _count(known, asked, "disputes", F.col("event") == "opened")
    for part in (_came(known, asked), _events(known, asked), claims, _count(known, asked, "reviews", F.lit(True))):
        rows = rows.join(part, list(KEYS), "left")
    values = {
        "is_delivered": F.col("came_at").isNotNull(),
        "delivered_age_hours": hours("came_at", "as_of"),
        "delivered_late_days": days("promised_at", "came_at"),
        "delivered_total_days": days("created_at", "came_at"),
        "is_return_requested": F.coalesce("asked_back", F.lit(0)) > 0,
        "is_disputed": F.coalesce("disputes", F.lit(0)) > 0,
        "is_reviewed": F.coalesce("reviews", F.lit(0)) > 0,
    }
    return rows.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


def _came(known: Known, asked: DataFrame) -> DataFrame:
    parcels = known_before(known.read("shipments", days_back=OPEN_DAYS + 1), asked, "order_id")
    scans = known.read("shipment_events", days_back=OPEN_DAYS + 1).where(F.col("event") == "delivered")
    met = parcels.select(*KEYS, "shipment_id").join(scans, "shipment_id").where(F.col("recorded_at") < F.col("as_of"))
    # The scan of a parcel that became known first counts: a correction does not move the past.
    firsts = met.groupBy(*KEYS, "shipment_id").agg(F.min(F.struct("recorded_at", "event_at")).alias("first"))
    return firsts.groupBy(*KEYS).agg(F.max("first.event_at").alias("came_at"))


def _events(known: Known, asked: DataFrame) -> DataFrame:
    rows = known_before(known.read("order_events", days_back=OPEN_DAYS + 1), asked, "order_id")
    back = F.when(F.col("event").isin("return_requested", "refunded"), 1)
    return rows.groupBy(*KEYS).agg(F.count(back).alias("asked_back"))


def _count(known: Known, asked: DataFrame, table: str, which: Column) -> DataFrame:
    rows = known_before(known.read(table, days_back=OPEN_DAYS + 1), asked, "order_id")
    return rows.where(which).groupBy(*KEYS).agg(F.count("*").alias(table))


GROUP = FeatureGroup("arrival", ORDER_KEYS, FEATURES, build)
