"""How unusual the silence since the last scan is, for the carrier: the first sign of a parcel that stands still.

Gaps are taken between the moments at which scans became known, in that order. Gaps between the scans themselves would
change when a scan is reported late, which would let a later report alter what was known before.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.asof import Window as Rolled
from features.asof import days_between, first_known, hours, ratio, rolling, whole
from features.durations import Fit, hours_left, odds_ended, with_fit
from features.known import Known
from features.order_base import KEYS, PLATFORM
from features.spec import ORDER_KEYS, Feature, FeatureGroup

GAP_PRIOR = 50.0
LONGEST_GAP_DAYS = 60
_SUMS = ("gap_count", "gap_log", "gap_log_squared")
ROLLED = (Rolled(28, _SUMS),)
_NONE = "no scan yet, or no parcel on the platform was scanned twice in the window"

FEATURES = (
    Feature("scan_gap_usual_hours_28d", "hours", "usual time between two scans of this carrier (median)", _NONE,
            "scan_gap", 28, (0.0, 1e5)),
    Feature("scan_gap_excess_hours_28d", "hours", "silence beyond the longest that nine of ten parcels see", _NONE,
            "scan_gap", 28),
    Feature("scan_gap_chance_28d", "chance, 0 to 1", "how rare a silence at least this long is for this carrier", _NONE,
            "scan_gap", 28, (0.0, 1.0)),
)  # fmt: skip


def daily(known: Known) -> DataFrame:
    """Gaps per carrier, and under * for all of them: entity, day, the sums of ROLLED as bigint."""
    parcel = Window.partitionBy("shipment_id").orderBy("recorded_at", "event_at", "event")
    scans = known.read("shipment_events").withColumn("before", F.lag("recorded_at").over(parcel))
    gap = hours("before", "recorded_at")
    plans = known.read("shipments").groupBy("shipment_id").agg(first_known([], "carrier").alias("plan"))
    rows = (
        scans.where(F.col("before").isNotNull() & (gap <= LONGEST_GAP_DAYS * 24.0))
        .select("shipment_id", "recorded_day", F.ln(F.greatest(gap, F.lit(0.1))).alias("log"))
        .join(
            plans.select("shipment_id", "plan.carrier", F.to_date("plan.recorded_at").alias("plan_day")), "shipment_id"
        )
    )
    carrier = F.when(F.col("plan_day") <= F.col("recorded_day"), F.col("carrier"))
    both = rows.select("recorded_day", "log", F.explode(F.array(carrier, F.lit(PLATFORM))).alias("entity"))
    return (
        both.where(F.col("entity").isNotNull())
        .groupBy("entity", F.col("recorded_day").alias("day"))
        .agg(
            F.count("*").alias("gap_count"),
            F.sum(whole(F.col("log"))).alias("gap_log"),
            F.sum(whole(F.col("log") * F.col("log"))).alias("gap_log_squared"),
        )
    )


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    sums = known.once("scan_gaps", lambda: daily(known))
    carried = (*KEYS, "as_of_day", "last_known_at")
    asked = base.select(
        *KEYS, "as_of_day", F.col("last_scan_recorded_at").alias("last_known_at"), F.col("carrier").alias("entity")
    )
    days = days_between(known.lake.spark, known.first_day, known.last_day).withColumn("entity", F.lit(PLATFORM))
    names = [name for window in ROLLED for name in window.names()]
    platform = rolling(days, sums, ("entity",), ROLLED, ("as_of_day",)).select(
        "as_of_day", *[F.col(name).alias(f"p_{name}") for name in names]
    )
    rows = with_fit(rolling(asked, sums, ("entity",), ROLLED, carried).join(platform, "as_of_day", "left"), "gap",
                    "_28d", GAP_PRIOR)  # fmt: skip
    usual = Fit(F.col("gap_mean_28d"), F.col("gap_std_28d"))
    rows = rows.withColumn("silence", hours("last_known_at", "as_of"))
    rows = rows.withColumn("odds", odds_ended(usual, F.col("silence")))
    values: dict[str, Column] = {
        "scan_gap_usual_hours_28d": F.exp(usual.mean),
        "scan_gap_excess_hours_28d": F.col("silence") - hours_left(usual, F.lit(0.0), F.lit(0.0), 0.9),
        "scan_gap_chance_28d": ratio(F.lit(1.0), 1.0 + F.col("odds")),
    }
    was_scanned = F.col("last_known_at").isNotNull()
    return rows.select(*KEYS, *[F.when(was_scanned, values[f.name]).cast("double").alias(f.name) for f in FEATURES])


GROUP = FeatureGroup("scan_gaps", ORDER_KEYS, FEATURES, build)
