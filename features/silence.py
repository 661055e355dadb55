"""Parcels that stand still: this one, and how many do so with its carrier, on its ways and in its hub.

A parcel is silent from SILENT_DAYS after a scan became known until the next one does. Silence is counted from the days
on which scans became known, so that a scan which arrives late does not change what was known before.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.asof import ALWAYS, days_between, first_known, ratio, rolling, shrunk
from features.asof import Window as Rolled
from features.known import Known
from features.open_orders import PARCEL_ENDS
from features.order_base import KEYS, PLATFORM
from features.spec import ORDER_KEYS, Feature, FeatureGroup

SILENT_DAYS = 3
WATCHED_DAYS = 45  # a parcel without a scan is counted out after this
PRIOR = 5.0
_FLOWS = ("moving", "silent", "silent_between")
ROLLED = (Rolled(ALWAYS, _FLOWS),)
SCOPES: dict[
    str, tuple[str, Callable[[], Column], str]
] = {  # how each is called, its column among ``gaps`` and in the order base, and the reason
    "carrier": ("this carrier", lambda: F.col("carrier"), "carrier"),
    "inbound_way": ("this carrier's way into the region", lambda: _way("destination_region"), "route"),
    "outbound_way": ("this carrier's way out of the region", lambda: _way("origin_region"), "route"),
}


def _way(region: str) -> Column:
    there = F.col("carrier").isNotNull() & F.col(region).isNotNull()
    return F.when(there, F.concat_ws(">", "carrier", region))


def _declare() -> tuple[Feature, ...]:
    found = [
        Feature("longest_gap_days", "whole days (UTC)", "longest time between two of its scans, or since the last one",
                "no scan yet", "scan_gap", allowed=(0.0, 1e4)),
        Feature("silent_days", "whole days (UTC)", "days since its last scan", "no scan yet", "scan_gap",
                allowed=(-2.0, 1e4)),
    ]  # fmt: skip
    for scope, (says, _, reason) in SCOPES.items():
        none = f"{says} is not known, or nothing moves on the platform"
        found += [
            Feature(f"{scope}_silent_share", "share of moving parcels, 0 to 1",
                    f"parcels of {says} without a scan for {SILENT_DAYS} days", none, reason, None, (0.0, 1e3)),
            Feature(f"{scope}_silent_between_share", "share of moving parcels, 0 to 1",
                    "the same, last seen when they left a hub", none, reason, None, (0.0, 1e3)),
        ]  # fmt: skip
    return tuple(found)


FEATURES = _declare()


def gaps(known: Known) -> DataFrame:
    """One row per scan: its parcel's carrier and regions, event, day it became known, next_day (null: none since).

    is_over: the parcel's end was known by then, so that a scan which is reported after it starts no wait. Not cut at
    any as_of: ``daily`` does that by day.
    """
    parcel = Window.partitionBy("shipment_id").orderBy("recorded_at", "event_at", "event")
    ended = F.max(F.col("event").isin(*PARCEL_ENDS).cast("int")).over(parcel.rowsBetween(Window.unboundedPreceding, 0))
    scans = known.read("shipment_events").withColumns(
        {"next_day": F.lead("recorded_day").over(parcel), "is_over": ended == 1}
    )
    plans = (
        known.read("shipments")
        .groupBy("shipment_id")
        .agg(first_known([], "carrier", "origin_region", "destination_region").alias("plan"))
    )
    met = scans.join(plans, "shipment_id")
    day = F.greatest("recorded_day", F.to_date("plan.recorded_at"))
    plan = ("plan.carrier", "plan.origin_region", "plan.destination_region")
    return met.select(*plan, "event", "next_day", "is_over", day.alias("day"))


def daily(known: Known, entity: Column) -> DataFrame:
    """Daily sums of ROLLED per entity: entity, day, bigint."""
    rows = known.once("gaps", lambda: gaps(known)).withColumn("entity", entity).where(F.col("entity").isNotNull())
    until = F.least(F.col("next_day"), F.date_add("day", WATCHED_DAYS))
    since = F.date_add("day", SILENT_DAYS)
    is_moving = ~F.col("is_over")
    goes, stands = is_moving & (F.col("day") < until), is_moving & (since < until)
    between = stands & (F.col("event") == "hub_out")
    facts = {
        "moving_in": F.when(goes, F.col("day")), "moving_out": F.when(goes, until),
        "silent_in": F.when(stands, since), "silent_out": F.when(stands, until),
        "silent_between_in": F.when(between, since), "silent_between_out": F.when(between, until),
    }  # fmt: skip
    dated = F.array(*[F.struct(F.lit(kind).alias("kind"), day.alias("on")) for kind, day in facts.items()])
    long = rows.select("entity", F.explode(dated).alias("fact")).where(F.col("fact.on").isNotNull())
    kind = F.col("fact.kind")
    sums = [F.sum(F.when(kind == f"{name}_in", 1).when(kind == f"{name}_out", -1)) for name in _FLOWS]
    named = [F.coalesce(total, F.lit(0)).cast("bigint").alias(name) for total, name in zip(sums, _FLOWS, strict=True)]
    return long.groupBy("entity", F.col("fact.on").alias("day")).agg(*named)


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    asked = base.select(*KEYS, "as_of_day", "carrier", "origin_region", "destination_region")
    days = days_between(known.lake.spark, known.first_day, known.last_day).withColumn("entity", F.lit(PLATFORM))
    names = [name for window in ROLLED for name in window.names()]
    platform = rolling(days, daily(known, F.lit(PLATFORM)), ("entity",), ROLLED, ("as_of_day",)).select(
        "as_of_day", *[F.col(name).alias(f"p_{name}") for name in names]
    )
    rows = (
        asked.select(*KEYS, "as_of_day").join(platform, "as_of_day", "left").join(_own(known, base), list(KEYS), "left")
    )
    for scope, (_, entity, _) in SCOPES.items():
        questions = asked.select(*KEYS, "as_of_day", entity().alias("entity"))
        own = rolling(questions, daily(known, entity()), ("entity",), ROLLED, KEYS)
        columns = [F.col(name).alias(f"{scope}_{name}") for name in names]
        rows = rows.join(
            own.select(*KEYS, F.col("entity").isNotNull().alias(f"has_{scope}"), *columns), list(KEYS), "left"
        )
    values = {"longest_gap_days": F.col("longest"), "silent_days": F.col("silent")}
    values |= {name: value for scope in SCOPES for name, value in _shares(scope).items()}
    return rows.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


def _shares(scope: str) -> dict[str, Column]:
    def share(part: str, of: str) -> Column:
        parent = ratio(F.col(f"p_{part}"), F.col(f"p_{of}"))
        return F.when(F.col(f"has_{scope}"), shrunk(F.col(f"{scope}_{part}"), F.col(f"{scope}_{of}"), parent, PRIOR))

    return {
        f"{scope}_silent_share": share("silent_now", "moving_now"),
        f"{scope}_silent_between_share": share("silent_between_now", "moving_now"),
    }


def _own(known: Known, base: DataFrame) -> DataFrame:
    """order_id, as_of, longest, silent: gaps between the days on which the order's own scans happened, as known."""
    parcels = known.read("shipments").select("shipment_id", "order_id", F.col("recorded_at").alias("planned_at"))
    asked = base.select(*KEYS, "as_of_day").join(parcels, "order_id").where(F.col("planned_at") < F.col("as_of"))
    met = (
        asked.drop("planned_at")
        .join(known.read("shipment_events"), "shipment_id")
        .where(F.col("recorded_at") < F.col("as_of"))
    )
    own = Window.partitionBy(*KEYS, "shipment_id").orderBy("event_at", "event")
    scan_day, next_day = F.to_date("event_at"), F.lead(F.to_date("event_at")).over(own)
    ended = F.col("event").isin(*PARCEL_ENDS)
    gap = F.when(next_day.isNotNull(), F.date_diff(next_day, scan_day)).when(
        ~ended, F.date_diff(F.date_sub("as_of_day", 1), scan_day)
    )
    rows = met.select(
        *KEYS, gap.alias("gap"), F.when(next_day.isNull(), F.date_diff("as_of_day", scan_day)).alias("since")
    )
    return rows.groupBy(*KEYS).agg(F.greatest(F.max("gap"), F.lit(0)).alias("longest"), F.min("since").alias("silent"))


GROUP = FeatureGroup("silence", ORDER_KEYS, FEATURES, build)
