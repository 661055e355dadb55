"""How orders stand: delivered, cancelled, handed over, lost, asked back, disputed, reviewed, as known at a moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.store import Lake

EVENTS = ("cancelled", "return_requested", "refunded")
SCANS = ("handed_over", "lost", "returned")


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What is known of one order; None: not so, as far as is known.

    delivered_at: when its last parcel came, if all did. All moments are UTC and say when it happened; each is the first
    of its kind.
    """

    promised_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    return_requested_at: datetime | None = None
    refunded_at: datetime | None = None
    handed_over_at: datetime | None = None
    lost_at: datetime | None = None
    returned_at: datetime | None = None
    disputed_at: datetime | None = None
    reviewed_at: datetime | None = None
    contacted_at: datetime | None = None  # the newest contact, not the first


def read(lake: Lake, order_ids: Iterable[str], known_before: datetime) -> dict[str, OrderFacts]:
    """What was known of these orders before a moment; an order that the lake does not know is absent."""
    wanted = sorted(set(order_ids))
    if not wanted:
        return {}
    asked = lake.spark.createDataFrame([(order,) for order in wanted], "order_id string")
    orders = lake.read("orders", known_before=known_before).join(asked, "order_id")
    first = orders.groupBy("order_id").agg(F.min(F.struct("recorded_at", "promised_at")).alias("row"))
    found = first.select("order_id", F.col("row.promised_at").alias("promised_at"))
    for part in (_parcels(lake, asked, known_before), *_events(lake, asked, known_before)):
        found = found.join(part, "order_id", "outer")
    names = OrderFacts.__dataclass_fields__
    return {row["order_id"]: OrderFacts(**{name: row[name] for name in names}) for row in found.toArrow().to_pylist()}


def _parcels(lake: Lake, asked: DataFrame, known_before: datetime) -> DataFrame:
    """order_id, delivered_at (null while a parcel is on its way), and the first of each scan of SCANS."""
    parcels = lake.read("shipments", known_before=known_before).join(asked, "order_id")
    parcels = parcels.select("shipment_id", "order_id").distinct()
    scans = lake.read("shipment_events", known_before=known_before).join(parcels, "shipment_id")
    when = {event: F.min(F.when(F.col("event") == event, F.col("event_at"))) for event in ("delivered", *SCANS)}
    seen = scans.groupBy("shipment_id").agg(*(first.alias(f"{event}_at") for event, first in when.items()))
    both = parcels.join(seen, "shipment_id", "left").groupBy("order_id")
    counted = both.agg(
        F.max("delivered_at").alias("last_came"),
        F.count("delivered_at").alias("came"),
        F.count("*").alias("sent"),
        *(F.min(f"{event}_at").alias(f"{event}_at") for event in SCANS),
    )
    whole = F.when(F.col("came") == F.col("sent"), F.col("last_came")).alias("delivered_at")
    return counted.select("order_id", whole, *(f"{event}_at" for event in SCANS))


def _events(lake: Lake, asked: DataFrame, known_before: datetime) -> list[DataFrame]:
    """One frame for each table that tells of something that happened to an order."""
    events = lake.read("order_events", known_before=known_before).join(asked, "order_id").groupBy("order_id")
    firsts = (F.min(F.when(F.col("event") == event, F.col("event_at"))).alias(f"{event}_at") for event in EVENTS)
    disputes = lake.read("disputes", known_before=known_before).where(F.col("event") == "opened")
    reviews = lake.read("reviews", known_before=known_before)
    contacts = lake.read("contacts", known_before=known_before)
    return [
        events.agg(*firsts),
        disputes.join(asked, "order_id").groupBy("order_id").agg(F.min("event_at").alias("disputed_at")),
        reviews.join(asked, "order_id").groupBy("order_id").agg(F.min("event_at").alias("reviewed_at")),
        contacts.join(asked, "order_id").groupBy("order_id").agg(F.max("event_at").alias("contacted_at")),
    ]
