"""How well the hubs keep up that a parcel is in and has still to pass: who came in and does not leave, late scans.

Which hubs lie ahead is nowhere written. By the parcels of the same carrier in the last 28 days: the one that most of
those from the same region came into first, the one that most of those on the same lane came through in between, and the
one from which most of those into the region went out for delivery.
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
USUAL_DAYS = 28  # which hub is usual is told by the parcels of so many days
# After which a parcel that came in is looked at. On the day itself half of them have left a hub that keeps up, and
# hardly one has left a hub that begins to slow: it is the earliest trace there is.
WAITS_DAYS = (0, 1, 2)
_SUMS = ("scans", "delayed", *(f"{what}_{wait}" for wait in WAITS_DAYS for what in ("due", "stuck")))
ROLLED = (Rolled(1, _SUMS), Rolled(3, _SUMS))
_NAMES = tuple(name for window in ROLLED for name in window.names())
SCOPES = {
    "present_hub": "the hub it was seen in last",
    "first_hub": "the hub that its carrier's parcels from here come into first",
    "middle_hub": "the hub that its carrier's parcels come through on this lane",
    "final_hub": "the hub from which its carrier's parcels go out for delivery there",
}

_WHEN = {0: "on the day they came", 1: "by the next day", 2: "two days after they came"}
_ENDS = ("origin_region", "destination_region")
_SECOND = 2  # the place of the hub between the first and the last
_NO_HUB = "\uffff"  # sorts behind every name


def _declare() -> tuple[Feature, ...]:
    found = []
    for scope, says in SCOPES.items():
        none = f"{says} is not known, or no hub scanned anything in the window"
        for days in (1, 3):
            found += [
                Feature(f"{scope}_stuck_{wait}_days_share_{days}d", "share of parcels, 0 to 1",
                        f"parcels in {says} that had not left {_WHEN[wait]}", none, "hub", days, (0.0, 1.0))
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


def last_hubs(known: Known, event: str) -> DataFrame:
    """shipment_id, day, hub: the last hub that a parcel was seen in by its first ``event``, and when that was known."""
    met = _in_hubs_by(known, event)
    last = met.groupBy("shipment_id", "day").agg(F.max(F.struct("event_at", "hub")).alias("at"))
    return last.select("shipment_id", "day", F.col("at.hub").alias("hub"))


def middle_hubs(known: Known) -> DataFrame:
    """shipment_id, day, hub: the second hub that a parcel came into, null where it came into no more than two.

    One row per parcel that went out for delivery, on the day on which that became known, by what was known then.
    """
    came = _in_hubs_by(known, "out_for_delivery").where(F.col("event") == "hub_in")
    first = came.groupBy("shipment_id", "hub", "day").agg(F.min("event_at").alias("came_at"))
    order = Window.partitionBy("shipment_id", "day").orderBy("came_at", "hub")
    placed = first.withColumn("place", F.row_number().over(order))
    passed = placed.groupBy("shipment_id", "day").agg(
        F.count("*").alias("hubs"), F.max(F.when(F.col("place") == _SECOND, F.col("hub"))).alias("second")
    )
    return passed.select("shipment_id", "day", F.when(F.col("hubs") > _SECOND, F.col("second")).alias("hub"))


def _in_hubs_by(known: Known, event: str) -> DataFrame:
    """Scans of parcels in hubs that were known when their first ``event`` was: shipment_id, event, event_at, hub, and
    the day of that.
    """
    scans = known.read("shipment_events")
    marks = (
        scans.where(F.col("event") == event)
        .groupBy("shipment_id")
        .agg(F.min(F.struct("recorded_at", "recorded_day")).alias("mark"))
    )
    met = scans.where(F.col("hub").isNotNull()).join(marks, "shipment_id")
    return met.where(F.col("recorded_at") <= F.col("mark.recorded_at")).select(
        "shipment_id", "event", "event_at", "hub", F.col("mark.recorded_day").alias("day")
    )


def usual(known: Known, asked: DataFrame, met: DataFrame, ends: tuple[str, ...]) -> DataFrame:
    """carrier, ``ends``, as_of_day, hub: the hub that most parcels of the carrier with these ends met.

    met: shipment_id, day, hub; where most met none (null), that is what is usual. asked: carrier, ``ends`` and
    as_of_day. Of as many the name that is first; none comes after any name.
    """
    way = ("carrier", *ends)
    plans = known.read("shipments").groupBy("shipment_id").agg(first_known([], *way).alias("plan"))
    used = met.join(plans, "shipment_id").select(
        *[F.col(f"plan.{name}").alias(name) for name in way], F.coalesce("hub", F.lit(_NO_HUB)).alias("hub"),
        F.greatest("day", F.to_date("plan.recorded_at")).alias("day"),
    ).dropna(subset=list(way))  # fmt: skip
    keys = (*way, "hub")
    counts = used.groupBy(*keys, "day").agg(F.count("*").alias("parcels"))
    pairs = asked.select(*way, "as_of_day").distinct().join(counts.select(*keys).distinct(), list(way))
    sums = rolling(pairs, counts, keys, (Rolled(USUAL_DAYS, ("parcels",)),), ("as_of_day",))
    parcels = f"parcels_{USUAL_DAYS}d"
    order = Window.partitionBy(*way, "as_of_day").orderBy(F.desc(parcels), "hub")
    return (
        sums.where(F.col(parcels) > 0)
        .withColumn("place", F.row_number().over(order))
        .where(F.col("place") == 1)
        .select(*way, "as_of_day", F.when(F.col("hub") != _NO_HUB, F.col("hub")).alias("hub"))
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
    asked = base.select(*KEYS, "as_of_day", "carrier", *_ENDS, F.col("last_hub").alias("present_hub"))
    for scope, met, ends in (
        ("first_hub", last_hubs(known, "hub_in"), ("origin_region",)),
        ("middle_hub", middle_hubs(known), _ENDS),
        ("final_hub", last_hubs(known, "out_for_delivery"), ("destination_region",)),
    ):
        named = usual(known, asked, met, ends).withColumnRenamed("hub", scope)
        asked = asked.join(named, ["carrier", *ends, "as_of_day"], "left")
    return asked.select(*KEYS, "as_of_day", *SCOPES)


def _share(scope: str, part: str, of: str) -> Column:
    parent = ratio(F.col(f"p_{part}"), F.col(f"p_{of}"))
    return F.when(F.col(f"has_{scope}"), shrunk(F.col(f"{scope}_{part}"), F.col(f"{scope}_{of}"), parent, PRIOR))


GROUP = FeatureGroup("hubs_ahead", ORDER_KEYS, FEATURES, build)
