"""The hub that a parcel was last seen in: how long parcels usually stay there, and how many stand there now."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import ALWAYS, Window, days_between, hours, ratio, rolling, shrunk, whole
from features.durations import Fit, odds_ended, with_fit
from features.known import LONGEST_JOURNEY_DAYS, Known
from features.order_base import KEYS, PLATFORM
from features.spec import ORDER_KEYS, Feature, FeatureGroup

DWELL_PRIOR = 10.0
LONG_DWELL_HOURS = 48.0
STAY_DAYS = 30  # a parcel without an exit scan is counted out of a hub after this
_SUMS = ("dwell_count", "dwell_log", "dwell_log_squared", "arrived", "long_stays")
ROLLED = (Window(7, _SUMS), Window(28, _SUMS), Window(ALWAYS, ("inside",)))
_NONE = "the last scan names no hub, or no parcel left any hub in the window"

FEATURES = (
    Feature("hub_dwell_usual_hours_28d", "hours", "usual stay in this hub (median)", _NONE, "hub", 28, (0.0, 1e5)),
    Feature("hub_dwell_trend_ratio_7d", "usual stay of 7 days over that of 28", "whether the hub is backing up", _NONE,
            "hub", 7, (0.0, 1e3)),
    Feature("hub_dwell_chance_28d", "chance, 0 to 1",
            "how rare a stay at least this long is here: chance that a stay exceeds the time it has taken",
            f"{_NONE}, or it is not in a hub", "hub", 28, (0.0, 1.0)),
    Feature("hub_long_stay_share_7d", "share of parcels that left, 0 to 1",
            "stays above 48 hours, drawn towards the platform's share", _NONE, "hub", 7, (0.0, 1.0)),
    Feature("hub_inside_days", "days of usual arrivals", "parcels that stand in the hub, in days of its arrivals",
            "the last scan names no hub, or nothing arrived there in 28 days", "hub", None),
    Feature("hub_arrived_ratio_7d", "arrivals a day, over the same in 28 days", "whether more arrives than usual",
            "the last scan names no hub, or nothing arrived there in 28 days", "hub", 7, (0.0, 4.0)),
)  # fmt: skip


def stays(known: Known) -> DataFrame:
    """One row per (shipment_id, hub): in_at, in_day, out_at, out_day; the scans of it that became known first."""
    rows = known.read("shipment_events").where(F.col("hub").isNotNull())

    def first_of(event: str) -> DataFrame:
        first = F.min(F.struct("recorded_at", "event_at")).alias("first")
        return rows.where(F.col("event") == event).groupBy("shipment_id", "hub").agg(first)

    came = first_of("hub_in").select(
        "shipment_id", "hub", F.col("first.event_at").alias("in_at"), F.to_date("first.recorded_at").alias("in_day")
    )
    left = first_of("hub_out").select(
        "shipment_id", "hub", F.col("first.event_at").alias("out_at"), F.to_date("first.recorded_at").alias("out_day")
    )
    return came.join(left, ["shipment_id", "hub"], "left")


def daily(known: Known) -> DataFrame:
    """Daily sums per hub, and under * for all of them: entity, day, the sums of ROLLED as bigint."""
    rows = known.once("stays", lambda: stays(known)).select(
        "*", F.explode(F.array("hub", F.lit(PLATFORM))).alias("entity")
    )
    known_day = F.greatest("in_day", "out_day")
    recent = F.abs(F.date_diff("in_day", "out_day")) <= LONGEST_JOURNEY_DAYS
    gone = F.least(F.date_add("in_day", STAY_DAYS), F.when(F.col("out_day").isNotNull(), known_day))
    facts = {
        "arrived": F.col("in_day"),
        "dwell": F.when(F.col("out_day").isNotNull() & recent, known_day),
        "in": F.when(F.col("in_day") < gone, F.col("in_day")),
        "out": F.when(F.col("in_day") < gone, gone),
    }
    dated = F.array(*[F.struct(F.lit(kind).alias("kind"), day.alias("day")) for kind, day in facts.items()])
    long = rows.select("*", F.explode(dated).alias("fact")).where(F.col("fact.day").isNotNull())
    stay = F.greatest(hours("in_at", "out_at"), F.lit(1.0))
    kind = F.col("fact.kind")

    def total(condition: str, value: Column) -> Column:
        return F.coalesce(F.sum(F.when(kind == condition, value)), F.lit(0)).cast("bigint")

    return long.groupBy("entity", F.col("fact.day").alias("day")).agg(
        total("arrived", F.lit(1)).alias("arrived"),
        total("dwell", F.lit(1)).alias("dwell_count"),
        total("dwell", whole(F.ln(stay))).alias("dwell_log"),
        total("dwell", whole(F.ln(stay) * F.ln(stay))).alias("dwell_log_squared"),
        total("dwell", (stay > LONG_DWELL_HOURS).cast("int")).alias("long_stays"),
        F.coalesce(F.sum(F.when(kind == "in", 1).when(kind == "out", -1)), F.lit(0)).cast("bigint").alias("inside"),
    )


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    sums = known.once("hub_daily", lambda: daily(known))
    carried = (*KEYS, "as_of_day", "hub_in_at")
    own = rolling(base.select(*carried, F.col("last_hub").alias("entity")), sums, ("entity",), ROLLED, carried)
    days = days_between(known.lake.spark, known.first_day, known.last_day).withColumn("entity", F.lit(PLATFORM))
    names = [name for window in ROLLED for name in window.names()]
    platform = rolling(days, sums, ("entity",), ROLLED, ("as_of_day",)).select(
        "as_of_day", *[F.col(name).alias(f"p_{name}") for name in names]
    )
    rows = own.join(platform, "as_of_day", "left")
    for suffix in ("_7d", "_28d"):
        rows = with_fit(rows, "dwell", suffix, DWELL_PRIOR)
    usual = Fit(F.col("dwell_mean_28d"), F.col("dwell_std_28d"))
    rows = rows.withColumn("stayed", F.greatest(hours("hub_in_at", "as_of"), F.lit(1.0)))
    rows = rows.withColumn("odds", odds_ended(usual, F.when(F.col("hub_in_at").isNotNull(), F.col("stayed"))))
    parent = ratio(F.col("p_long_stays_7d"), F.col("p_dwell_count_7d"))
    values = {
        "hub_dwell_usual_hours_28d": F.exp("dwell_mean_28d"),
        "hub_dwell_trend_ratio_7d": F.exp(F.col("dwell_mean_7d") - F.col("dwell_mean_28d")),
        "hub_dwell_chance_28d": ratio(F.lit(1.0), 1.0 + F.col("odds")),
        "hub_long_stay_share_7d": shrunk(F.col("long_stays_7d"), F.col("dwell_count_7d"), parent, DWELL_PRIOR),
        "hub_inside_days": ratio(F.col("inside_now") * 28.0, F.col("arrived_28d")),
        "hub_arrived_ratio_7d": ratio(F.col("arrived_7d") * 4.0, F.col("arrived_28d")),
    }
    has_hub = F.col("entity").isNotNull()
    return rows.select(*KEYS, *[F.when(has_hub, values[f.name]).cast("double").alias(f.name) for f in FEATURES])


GROUP = FeatureGroup("hub", ORDER_KEYS, FEATURES, build)
