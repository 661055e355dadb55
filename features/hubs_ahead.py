"""How well the hubs keep up that a parcel is in and has still to pass: who came in and does not leave, late scans.

Which hubs lie ahead is nowhere written: the one that most parcels of the same carrier from the same region came into
first, and the one from which most of its parcels into the region went out for delivery, in the last 28 days.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.asof import Window as Rolled
from features.asof import days_between, first_known, hours, ratio, rolling, shrunk
from features.known import Known
from features.order_base import KEYS, PLATFORM
from features.spec import ORDER_KEYS, Feature, FeatureGroup

DELAYED_HOURS = 1.0
PRIOR = 3.0
WAITS_DAYS = (1, 2)  # after which a parcel that came in is looked at
_SUMS = ("scans", "delayed", *(f"{what}_{wait}" for wait in WAITS_DAYS for what in ("due", "stuck")))
ROLLED = (Rolled(1, _SUMS), Rolled(3, _SUMS))
_NAMES = tuple(name for window in ROLLED for name in window.names())
SCOPES = {
    "present_hub": "the hub it was seen in last",
    "first_hub": "the hub that its carrier's parcels from here come into first",
    "final_hub": "the hub from which its carrier's parcels go out for delivery there",
}

AHEAD = (("first_hub", "hub_in", "origin_region"), ("final_hub", "out_for_delivery", "destination_region"))


def _declare() -> tuple[Feature, ...]:
    found = []
    for scope, says in SCOPES.items():
        none = f"{says} is not known, or no hub scanned anything in the window"
        for days in (1, 3):
            found += [
                Feature(f"{scope}_stuck_{wait}_days_share_{days}d", "share of parcels, 0 to 1",
                        f"parcels in {says} that had not left {wait} days after they came", none, "hub", days,
                        (0.0, 1.0))
                for wait in WAITS_DAYS
            ]  # fmt: skip
            found.append(
                Feature(f"{scope}_delayed_share_{days}d", "share of scans, 0 to 1",
                        f"scans of {says} reported more than an hour late", none, "hub", days, (0.0, 1.0))
            )  # fmt: skip
    return tuple(found)


FEATURES = _declare()


def stays(known: Known) -> DataFrame:
    """One row per (shipment_id, hub): came_day, left_day: UTC days on which coming in and going out became known."""
    rows = known.read("shipment_events").where(F.col("hub").isNotNull())
    day = F.col("recorded_day")
    return rows.groupBy("shipment_id", "hub").agg(
        F.min(F.when(F.col("event") == "hub_in", day)).alias("came_day"),
        F.min(F.when(F.col("event") == "hub_out", day)).alias("left_day"),
    )


def daily(known: Known) -> DataFrame:
    """Daily sums of ROLLED per hub, and under * for all: hub, day, bigint. due_n: parcels that came n days before."""
    scans = known.read("shipment_events").where(F.col("hub").isNotNull())
    late = (hours("event_at", "recorded_at") > DELAYED_HOURS).cast("int")
    parts = [_counted(scans, F.col("recorded_day"), scans=F.lit(1), delayed=late)]
    came = known.once("hub_stays", lambda: stays(known)).where(F.col("came_day").isNotNull())
    for wait in WAITS_DAYS:
        due_day = F.date_add("came_day", wait)
        stuck = F.coalesce(F.col("left_day") > due_day, F.lit(True)).cast("int")
        parts.append(_counted(came, due_day, **{f"due_{wait}": F.lit(1), f"stuck_{wait}": stuck}))
    both = reduce(lambda left, part: left.unionByName(part), parts)
    named = both.withColumn("hub", F.explode(F.array("hub", F.lit(PLATFORM))))
    return named.groupBy("hub", "day").agg(*[F.sum(name).cast("bigint").alias(name) for name in _SUMS])


def _counted(rows: DataFrame, day: Column, **counts: Column) -> DataFrame:
    """hub, day and every one of the sums, 0 where ``counts`` does not name it."""
    return rows.select("hub", day.alias("day"), *[counts.get(name, F.lit(0)).alias(name) for name in _SUMS])


def usual_hubs(known: Known, asked: DataFrame, event: str, region: str) -> DataFrame:
    """carrier, region, as_of_day, hub: the hub that parcels of the carrier and region used most in 28 days.

    event hub_in: the first that they came into, by the region they leave from. out_for_delivery: the last that they
    were seen in before it. asked: carrier, region and as_of_day. Ties go to the name that is first.
    """
    scans = known.read("shipment_events").select(
        "shipment_id", "event", "event_at", "hub", "recorded_at", "recorded_day"
    )
    plans = known.read("shipments").groupBy("shipment_id").agg(first_known([], "carrier", region).alias("plan"))
    marks = (
        scans.where(F.col("event") == event)
        .groupBy("shipment_id")
        .agg(F.min(F.struct("recorded_at", "recorded_day")).alias("mark"))
    )
    met = (
        scans.where(F.col("hub").isNotNull())
        .join(marks, "shipment_id")
        .where(F.col("recorded_at") <= F.col("mark.recorded_at"))
    )
    last = met.groupBy("shipment_id", F.col("mark.recorded_day").alias("day")).agg(
        F.max(F.struct("event_at", "hub")).alias("at")
    )
    way = last.join(plans, "shipment_id").select(
        F.col("plan.carrier").alias("carrier"), F.col(f"plan.{region}").alias("region"), F.col("at.hub").alias("hub"),
        F.greatest("day", F.to_date("plan.recorded_at")).alias("day"),
    )  # fmt: skip
    used = way.where(F.col("carrier").isNotNull() & F.col("region").isNotNull())
    counts = used.groupBy("carrier", "region", "hub", "day").agg(F.count("*").alias("parcels"))
    pairs = (
        asked.select("carrier", "region", "as_of_day")
        .distinct()
        .join(counts.select("carrier", "region", "hub").distinct(), ["carrier", "region"])
    )
    keys = ("carrier", "region", "hub")
    sums = rolling(pairs, counts, keys, (Rolled(28, ("parcels",)),), ("as_of_day",)).where(F.col("parcels_28d") > 0)
    order = Window.partitionBy("carrier", "region", "as_of_day").orderBy(F.desc("parcels_28d"), "hub")
    return (
        sums.withColumn("place", F.row_number().over(order))
        .where(F.col("place") == 1)
        .select("carrier", "region", "as_of_day", "hub")
    )


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    sums = known.once("hubs_daily", lambda: daily(known))
    asked = known.once("asked_hubs", lambda: _with_hubs(known, base))
    days = days_between(known.lake.spark, known.first_day, known.last_day).withColumn("hub", F.lit(PLATFORM))
    platform = rolling(days, sums, ("hub",), ROLLED, ("as_of_day",)).select(
        "as_of_day", *[F.col(name).alias(f"p_{name}") for name in _NAMES]
    )
    rows = asked.select(*KEYS, "as_of_day").join(platform, "as_of_day", "left")
    values: dict[str, Column] = {}
    for scope in SCOPES:
        own = rolling(asked.select(*KEYS, "as_of_day", F.col(scope).alias("hub")), sums, ("hub",), ROLLED, KEYS)
        columns = [F.col(name).alias(f"{scope}_{name}") for name in _NAMES]
        rows = rows.join(
            own.select(*KEYS, F.col("hub").isNotNull().alias(f"has_{scope}"), *columns), list(KEYS), "left"
        )
        for n in (1, 3):
            for wait in WAITS_DAYS:
                share = _share(scope, f"stuck_{wait}_{n}d", f"due_{wait}_{n}d")
                values[f"{scope}_stuck_{wait}_days_share_{n}d"] = share
            values[f"{scope}_delayed_share_{n}d"] = _share(scope, f"delayed_{n}d", f"scans_{n}d")
    return rows.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


def _with_hubs(known: Known, base: DataFrame) -> DataFrame:
    """order_id, as_of, as_of_day and one hub for each of SCOPES, null where it is not known."""
    ways = ("carrier", "origin_region", "destination_region")
    asked = base.select(*KEYS, "as_of_day", *ways, F.col("last_hub").alias("present_hub"))
    for scope, event, region in AHEAD:
        usual = usual_hubs(known, asked.withColumnRenamed(region, "region"), event, region)
        named = usual.select("carrier", F.col("region").alias(region), "as_of_day", F.col("hub").alias(scope))
        asked = asked.join(named, ["carrier", region, "as_of_day"], "left")
    return asked.select(*KEYS, "as_of_day", *SCOPES)


def _share(scope: str, part: str, of: str) -> Column:
    parent = ratio(F.col(f"p_{part}"), F.col(f"p_{of}"))
    return F.when(F.col(f"has_{scope}"), shrunk(F.col(f"{scope}_{part}"), F.col(f"{scope}_{of}"), parent, PRIOR))


GROUP = FeatureGroup("hubs_ahead", ORDER_KEYS, FEATURES, build)
