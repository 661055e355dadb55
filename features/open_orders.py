"""When an order is open, as known at a moment, and which stage it had reached."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.known import OPEN_DAYS, Known

AGE_SNAPSHOTS_DAYS = (5, 10, 15, 20)
OVERDUE_DAYS = 60  # an order is no longer watched this long after its promise
ORDER_ENDS = ("cancelled", "refunded", "closed")
PARCEL_ENDS = ("delivered", "returned", "lost")

Name = Callable[[Column, Column, Column], Column]


def first_moments(known: Known) -> DataFrame:
    """When the stages of each order became known: one row per order_id recorded in the last 180 days.

    Orders that a source delivers as history alone (``sampling`` weight 0, known with the order) are left out.
    order_id, promised_at, order_recorded_at, approved_recorded_at, handed_over_recorded_at, ended_recorded_at (an end
    of the order itself), surely_ended_at (no later moment finds it open), all UTC, null where it did not happen before
    the last as_of. Later than a row's as_of they are not yet known: callers compare.
    """
    orders = watched(known).select("order_id", "promised_at", F.col("recorded_at").alias("order_recorded_at"))
    events = known.read("order_events", days_back=OPEN_DAYS + 1)
    moments = events.groupBy("order_id").agg(
        F.min(F.when(F.col("event") == "approved", F.col("recorded_at"))).alias("approved_recorded_at"),
        F.min(F.when(F.col("event").isin(*ORDER_ENDS), F.col("recorded_at"))).alias("ended_recorded_at"),
    )
    parcels = parcel_moments(known)
    journeys = parcels.groupBy("order_id").agg(
        F.min("handed_over_recorded_at").alias("handed_over_recorded_at"),
        F.when(
            F.count("parcel_ended_at") == F.count("*"),
            F.greatest(F.max("parcel_ended_at"), F.max("shipment_recorded_at")),
        ).alias("parcels_ended_at"),
    )
    both = orders.join(moments, "order_id", "left").join(journeys, "order_id", "left")
    overdue = F.col("promised_at") + F.expr(f"INTERVAL {OVERDUE_DAYS} DAYS")
    surely = F.least("ended_recorded_at", "parcels_ended_at", overdue)
    return both.withColumn("surely_ended_at", surely).drop("parcels_ended_at")


def watched(known: Known) -> DataFrame:
    """The orders of the last 180 days that are subjects: not those that the source delivers as history alone.

    A weight of 0 that became known after its order changes nothing, else a later fact would choose the subjects.
    """
    orders = known.read("orders", days_back=OPEN_DAYS)
    if not known.lake.exists("sampling"):
        return orders
    nothing = known.read("sampling", days_back=OPEN_DAYS + 1).where(F.col("weight") == 0)
    history = nothing.groupBy("order_id").agg(F.min("recorded_at").alias("history_from"))
    rows = orders.join(history, "order_id", "left")
    is_subject = F.col("history_from").isNull() | (F.col("history_from") > F.col("recorded_at"))
    return rows.where(is_subject).drop("history_from")


def parcel_moments(known: Known) -> DataFrame:
    """One row per shipment_id: order_id, shipment_recorded_at, handed_over_recorded_at, parcel_ended_at (all UTC)."""
    scans = known.read("shipment_events", days_back=OPEN_DAYS + 1)
    handed = F.when(F.col("event") == "handed_over", F.col("recorded_at"))
    ended = F.when(F.col("event").isin(*PARCEL_ENDS), F.col("recorded_at"))
    moments = scans.groupBy("shipment_id").agg(
        F.min(handed).alias("handed_over_recorded_at"), F.min(ended).alias("parcel_ended_at")
    )
    parcels = known.read("shipments", days_back=OPEN_DAYS + 1).select(
        "shipment_id", "order_id", F.col("recorded_at").alias("shipment_recorded_at")
    )
    return parcels.join(moments, "shipment_id", "left")


def still_open(known: Known, moments: DataFrame, name: Name | None = None) -> DataFrame:
    """The (order_id, as_of) of ``moments`` at which the order is open as known then: order_id, as_of, snapshot.

    name: makes the snapshot from (started_at, handed_over_at, as_of); without it ``moments`` brings a snapshot.
    """
    stage = ["snapshot"] if name is None else []
    rows = moments.join(first_moments(known), "order_id")
    as_of = F.col("as_of")
    is_open = (
        (F.col("order_recorded_at") < as_of)
        & (F.col("order_recorded_at") >= as_of - F.expr(f"INTERVAL {OPEN_DAYS} DAYS"))
        & (F.col("ended_recorded_at").isNull() | (F.col("ended_recorded_at") >= as_of))
        & (F.col("promised_at").isNull() | (F.col("promised_at") + F.expr(f"INTERVAL {OVERDUE_DAYS} DAYS") >= as_of))
    )
    approved = F.when(F.col("approved_recorded_at") < as_of, F.col("approved_recorded_at"))
    started = F.coalesce(approved, "order_recorded_at").alias("started_at")
    candidates = rows.where(is_open).select("order_id", "as_of", *stage, started)
    parcels = parcel_moments(known).select(
        "order_id",
        "shipment_recorded_at",
        "handed_over_recorded_at",
        "parcel_ended_at",
    )
    known_parcel = F.col("shipment_recorded_at") < as_of
    handed = F.when(known_parcel & (F.col("handed_over_recorded_at") < as_of), F.col("handed_over_recorded_at"))
    counted = (
        candidates.join(parcels, "order_id", "left")
        .groupBy("order_id", "as_of", *stage, "started_at")
        .agg(
            F.count(F.when(known_parcel, 1)).alias("parcels"),
            F.count(F.when(known_parcel & (F.col("parcel_ended_at") < as_of), 1)).alias("ended"),
            F.min(handed).alias("handed_over_at"),
        )
    )
    kept = counted.where((F.col("parcels") == 0) | (F.col("ended") < F.col("parcels")))
    snapshot = F.col("snapshot") if name is None else name(F.col("started_at"), F.col("handed_over_at"), as_of)
    return kept.select("order_id", "as_of", snapshot.alias("snapshot"))


def snapshot_name(started_at: Column, handed_over_at: Column, as_of: Column) -> Column:
    """The latest stage reached at ``as_of``: approval, hand_over, day_5, day_10, day_15 or day_20.

    started_at: when the approval (else the order) became known; handed_over_at: when the hand-over did, null before.
    """
    age = (F.unix_micros(as_of) - F.unix_micros(started_at)) / F.lit(86_400_000_000.0)
    handed_age = (F.unix_micros(handed_over_at) - F.unix_micros(started_at)) / F.lit(86_400_000_000.0)
    name = F.when(handed_over_at.isNotNull(), "hand_over").otherwise("approval")
    for n in AGE_SNAPSHOTS_DAYS:
        was_later = handed_over_at.isNotNull() & (handed_age >= n)
        name = F.when(age >= n, F.when(was_later, "hand_over").otherwise(f"day_{n}")).otherwise(name)
    return name
