"""What became of the parcels that went the same way on the same day: all of them on, and this one not, is no delay.

A parcel that stays in its hub while the others of its day have left, or that was not seen again while those that left
with it were, is likelier lost than late. Where none of them moved, the hub or the way stands still.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import ALWAYS, Window, first_known, ratio, rolling
from features.known import Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, Feature, FeatureGroup

ROLLED = (Window(ALWAYS, ("went", "moved")),)
WAYS = {  # what parcels share, besides the day
    "came": ("hub", "came_day"),
    "left": ("hub", "left_day"),
    "way": ("hub", "region", "left_day"),
}
_IN = "it was never seen to come into a hub"
_OUT = "it was never seen to leave a hub"

FEATURES = (
    Feature("came_cohort_moved_share", "share of parcels, 0 to 1",
            "parcels that came into its last hub on the same day and have left it", _IN, "hub", None, (0.0, 1.0)),
    Feature("came_cohort_count", "parcels", "how many came into its last hub on the same day", _IN, "hub", None,
            (0.0, 1e9)),
    Feature("left_cohort_moved_share", "share of parcels, 0 to 1",
            "parcels that left its last hub on the same day and have been seen since", _OUT, "route", None, (0.0, 1.0)),
    Feature("way_cohort_moved_share", "share of parcels, 0 to 1",
            "parcels that left its last hub that day for the same region and have been seen since", _OUT, "route", None,
            (0.0, 1.0)),
    Feature("way_cohort_count", "parcels", "how many left its last hub for the same region on the same day", _OUT,
            "route", None, (0.0, 1e9)),
)  # fmt: skip


def stays(known: Known) -> DataFrame:
    """One row per (shipment_id, hub): came_day, left_day, seen_day: UTC days on which it became known that it came in,
    went out, and was seen after that, null where it did not; went_on: whether it was seen in a hub then, and not at the
    door; region and carrier, where it goes and by whom, null where that was known later.

    Not cut at any as_of: ``cohort`` does that by day.
    """
    scans = known.read("shipment_events").select("shipment_id", "event", "event_at", "hub", "recorded_day")
    at_hub = scans.where(F.col("hub").isNotNull()).groupBy("shipment_id", "hub")
    out = F.col("event") == "hub_out"
    rows = at_hub.agg(
        F.min(F.when(F.col("event") == "hub_in", F.col("recorded_day"))).alias("came_day"),
        F.min(F.when(out, F.struct("recorded_day", "event_at"))).alias("left"),
    )
    later = scans.select(
        "shipment_id", F.col("event").alias("later_event"), F.col("event_at").alias("later_at"),
        F.col("recorded_day").alias("later_day"),
    )  # fmt: skip
    met = (
        rows.where(F.col("left").isNotNull())
        .join(later, "shipment_id")
        .where(F.col("later_at") > F.col("left.event_at"))
    )
    seen_day = F.greatest("later_day", "left.recorded_day").alias("day")
    seen = met.groupBy("shipment_id", "hub").agg(F.min(F.struct(seen_day, "later_at", "later_event")).alias("seen"))
    plans = (
        known.read("shipments")
        .groupBy("shipment_id")
        .agg(first_known([], "destination_region", "carrier").alias("plan"))
    )
    both = rows.join(seen, ["shipment_id", "hub"], "left").join(plans, "shipment_id")
    is_known = F.to_date("plan.recorded_at") <= F.col("left.recorded_day")
    region = F.when(is_known, F.col("plan.destination_region")).alias("region")
    carrier = F.when(is_known, F.col("plan.carrier")).alias("carrier")
    return both.select(
        "shipment_id", "hub", "came_day", F.col("left.recorded_day").alias("left_day"),
        F.col("seen.day").alias("seen_day"), (F.col("seen.later_event") == "hub_in").alias("went_on"), region, carrier,
    )  # fmt: skip


def cohort(rows: DataFrame, keys: tuple[str, ...], went: str, moved: str) -> DataFrame:
    """Daily counts per cohort: ``keys``, day, went (1 on the day it went), moved (1 on the day that was known)."""
    there = rows.where(F.col(went).isNotNull())
    facts = {"went": F.col(went), "moved": F.when(F.col(moved).isNotNull(), F.greatest(went, moved))}
    dated = F.array(*[F.struct(F.lit(kind).alias("kind"), day.alias("on")) for kind, day in facts.items()])
    long = there.select(*keys, F.explode(dated).alias("fact")).where(F.col("fact.on").isNotNull())
    counts = [F.count(F.when(F.col("fact.kind") == kind, 1)).cast("bigint").alias(kind) for kind in facts]
    return long.groupBy(*keys, F.col("fact.on").alias("day")).agg(*counts)


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    every = known.once("cohort_stays", lambda: stays(known))
    own = _own(known, base, every)
    rows = base.select(*KEYS)
    for name, keys in WAYS.items():
        went, moved = ("came_day", "left_day") if name == "came" else ("left_day", "seen_day")
        asked = own.where(F.col(went).isNotNull()).select(*KEYS, "as_of_day", *keys)
        sums = rolling(asked, cohort(every, keys, went, moved), keys, ROLLED, KEYS)
        counted = sums.select(*KEYS, F.col("went_now").alias(f"{name}_went"), F.col("moved_now").alias(f"{name}_moved"))
        rows = rows.join(counted, list(KEYS), "left")
    values: dict[str, Column] = {f"{name}_cohort_moved_share": ratio(F.col(f"{name}_moved"), F.col(f"{name}_went"))
                                 for name in WAYS}  # fmt: skip
    values |= {f"{name}_cohort_count": F.col(f"{name}_went") for name in ("came", "way")}
    return rows.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


def _own(known: Known, base: DataFrame, every: DataFrame) -> DataFrame:
    """order_id, as_of, as_of_day, hub, region, came_day, left_day: its stay in its last hub, as known."""
    parcels = known.read("shipments").select("shipment_id", "order_id", F.col("recorded_at").alias("planned_at"))
    asked = base.select(*KEYS, "as_of_day", F.col("last_hub").alias("hub")).where(F.col("last_hub").isNotNull())
    met = (
        asked.join(parcels, "order_id").where(F.col("planned_at") < F.col("as_of")).join(every, ["shipment_id", "hub"])
    )
    day = F.col("as_of_day")
    came = F.when(F.col("came_day") < day, F.col("came_day"))
    left = F.when(F.col("left_day") < day, F.col("left_day"))
    return met.groupBy(*KEYS, "as_of_day", "hub").agg(
        F.max("region").alias("region"), F.max(came).alias("came_day"), F.max(left).alias("left_day")
    )


GROUP = FeatureGroup("cohorts", ORDER_KEYS, FEATURES, build)
