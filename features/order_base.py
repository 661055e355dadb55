"""An order as it was known at a moment: what the order-side groups compute from.

Every column is made from rows with recorded_at < as_of of the same order. Where several rows tell the same thing, the
one that became known first counts (a plan, a first approval) or the one that happened last (the last scan).
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import first_known, known_before
from features.known import OPEN_DAYS, Known

KEYS = ("order_id", "as_of")
PLATFORM = "*"


def order_base(known: Known, subjects: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``subjects``; null columns where nothing was known yet.

    as_of_day, platform (always *), lane (origin>destination), and from the tables: the order's own columns;
    seller_id, category, items, quantity, sellers, weight_g; approved_at, paid_at; parcels, carrier, origin_region,
    distance_km; handed_over_at, scans, hubs, attempts_failed, last_event, last_hub, last_scan_at,
    last_scan_recorded_at, hub_in_at (where the last scan is a hub_in).
    """
    asked = subjects.select(*KEYS)
    base = asked
    for part in (_order, _items, _events, _parcels, _scans):
        base = base.join(part(known, asked), list(KEYS), "left")
    lane = F.concat_ws(">", "origin_region", "destination_region")
    has_lane = F.col("origin_region").isNotNull() & F.col("destination_region").isNotNull()
    return base.select(
        "*",
        F.to_date("as_of").alias("as_of_day"),
        F.lit(PLATFORM).alias("platform"),
        F.when(has_lane, lane).alias("lane"),
    )


def _order(known: Known, asked: DataFrame) -> DataFrame:
    columns = (
        "buyer_id", "created_at", "promised_at", "ship_by", "destination_region", "payment_type", "currency", "value",
        "freight",
    )  # fmt: skip
    rows = known_before(known.read("orders", days_back=OPEN_DAYS + 1), asked, "order_id")
    return rows.select(*KEYS, *columns, F.col("recorded_at").alias("order_recorded_at"))


def _items(known: Known, asked: DataFrame) -> DataFrame:
    rows = known_before(known.read("order_items", days_back=OPEN_DAYS + 1), asked, "order_id")
    quantity = F.col("quantity").cast("double")
    return (
        rows.groupBy(*KEYS)
        .agg(
            first_known(["line_no"], "seller_id", "category").alias("first"),
            F.count("*").alias("items"),
            F.sum(quantity).alias("quantity"),
            F.count_distinct("seller_id").alias("sellers"),
            F.sum(quantity * F.col("weight_g").cast("double")).alias("weight_g"),
        )
        .select(*KEYS, "first.seller_id", "first.category", "items", "quantity", "sellers", "weight_g")
    )


def _events(known: Known, asked: DataFrame) -> DataFrame:
    rows = known_before(known.read("order_events", days_back=OPEN_DAYS + 1), asked, "order_id")
    approved = F.when(F.col("event") == "approved", F.struct("recorded_at", "event_at"))
    paid = F.when(F.col("event") == "paid", F.struct("recorded_at", "event_at"))
    firsts = rows.groupBy(*KEYS).agg(F.min(approved).alias("approved"), F.min(paid).alias("paid"))
    return firsts.select(
        *KEYS, F.col("approved.event_at").alias("approved_at"), F.col("paid.event_at").alias("paid_at")
    )


def _parcels(known: Known, asked: DataFrame) -> DataFrame:
    rows = known_before(known.read("shipments", days_back=OPEN_DAYS + 1), asked, "order_id")
    plan = first_known(["shipment_id"], "carrier", "service_level", "origin_region", "distance_km")
    firsts = rows.groupBy(*KEYS).agg(plan.alias("plan"), F.count("*").alias("parcels"))
    return firsts.select(
        *KEYS, "plan.carrier", "plan.service_level", "plan.origin_region", "plan.distance_km", "parcels"
    )


def _scans(known: Known, asked: DataFrame) -> DataFrame:
    parcels = known_before(known.read("shipments", days_back=OPEN_DAYS + 1), asked, "order_id")
    scans = known.read("shipment_events", days_back=OPEN_DAYS + 1)
    rows = parcels.select(*KEYS, "shipment_id").join(scans, "shipment_id").where(F.col("recorded_at") < F.col("as_of"))
    handed = F.when(F.col("event") == "handed_over", F.struct("recorded_at", "event_at"))
    # Scans arrive out of order, so the last one is the one that happened last among those known.
    last = F.max(F.struct("event_at", "recorded_at", "event", "hub", "shipment_id")).alias("last")
    facts = rows.groupBy(*KEYS).agg(
        F.min(handed).alias("handed"),
        last,
        F.count("*").alias("scans"),
        F.count_distinct("hub").alias("hubs"),
        F.count(F.when(F.col("event") == "attempt_failed", 1)).alias("attempts_failed"),
    )
    return facts.select(
        *KEYS, "scans", "hubs", "attempts_failed",
        F.col("handed.event_at").alias("handed_over_at"), F.col("last.event").alias("last_event"),
        F.col("last.hub").alias("last_hub"), F.col("last.event_at").alias("last_scan_at"),
        F.col("last.recorded_at").alias("last_scan_recorded_at"), F.col("last.shipment_id").alias("last_shipment_id"),
        F.when(F.col("last.event") == "hub_in", F.col("last.event_at")).alias("hub_in_at"),
    )  # fmt: skip
