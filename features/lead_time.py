"""How long a seller's replenishment takes, learned from what has arrived, mixed with the platform's."""

from __future__ import annotations

import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import MICRO, Window, days, days_between, first_known, ratio, rolling, whole
from features.known import Known
from features.spec import SERIES_KEYS, Feature, FeatureGroup

LEAD_TIME_DAYS = 90  # arrivals that a lead time is learned from
LONGEST_LEAD_DAYS = 120  # an arrival later than this is left out
LEAD_PRIOR = 5.0  # platform arrivals that a seller's own are mixed with
USUAL_LEAD_DAYS = 7.0  # where a source has inbound, but nothing has arrived yet
MAX_HORIZON_DAYS = 30
_SUMS = ("arrivals", "log_lead", "log_lead_squared")


def arrivals(known: Known) -> DataFrame:
    """Sums of a day's arrivals: one row per (seller_id, day); arrivals, log_lead, log_lead_squared in millionths."""
    rows = known.read("inbound", days_back=LEAD_TIME_DAYS + LONGEST_LEAD_DAYS + 1)
    ordered = rows.where(F.col("event") == "ordered").groupBy("inbound_id")
    received = rows.where(F.col("event") == "received").groupBy("inbound_id")
    pairs = ordered.agg(first_known(["event_at"], "seller_id").alias("o")).join(
        received.agg(first_known(["event_at"]).alias("r")), "inbound_id"
    )
    lead = days("o.event_at", "r.event_at")
    day = F.to_date(F.greatest("o.recorded_at", "r.recorded_at"))
    facts = pairs.select(
        F.col("o.seller_id").alias("seller_id"), day.alias("day"), F.ln(F.greatest(lead, F.lit(0.25))).alias("log"),
        F.date_diff(day, F.to_date(F.least("o.recorded_at", "r.recorded_at"))).alias("span"),
    ).where(F.col("span") <= LONGEST_LEAD_DAYS)  # fmt: skip
    return facts.groupBy("seller_id", "day").agg(
        F.count("*").alias("arrivals"),
        F.sum(whole(F.col("log"))).alias("log_lead"),
        F.sum(whole(F.col("log") * F.col("log"))).alias("log_lead_squared"),
    )


def lead_times(known: Known, sellers: DataFrame) -> DataFrame:
    """Usual lead time of each asked seller: one row per (seller_id, as_of_day) of ``sellers``.

    has_inbound (whether the source was known to have any), arrivals_90d (the seller's own), lead_log and lead_std (mean
    and standard deviation of ln days): m = (sum + k * platform mean) / (n + k) with k = LEAD_PRIOR, the second moment
    likewise. The median is exp(m) where lead times are lognormal, a quantile exp(m + z * std).
    """
    windows = (Window(LEAD_TIME_DAYS, _SUMS),)
    own = rolling(sellers, arrivals(known), ("seller_id",), windows, ("as_of_day",))
    both = own.join(_platform(known), "as_of_day", "left")
    n = F.col(f"arrivals_{LEAD_TIME_DAYS}d") + F.lit(LEAD_PRIOR)
    mean = (F.col(f"log_lead_{LEAD_TIME_DAYS}d") / MICRO + F.col("platform_log") * LEAD_PRIOR) / n
    square = (F.col(f"log_lead_squared_{LEAD_TIME_DAYS}d") / MICRO + F.col("platform_square") * LEAD_PRIOR) / n
    return both.select(
        "seller_id", "as_of_day", "has_inbound", f"arrivals_{LEAD_TIME_DAYS}d", mean.alias("lead_log"),
        F.sqrt(F.greatest(square - mean * mean, F.lit(0.01))).alias("lead_std"),
    )  # fmt: skip


def _platform(known: Known) -> DataFrame:
    """as_of_day, has_inbound, platform_log, platform_square: one row per day that is asked about."""
    everywhere = F.lit("*").alias("scope")
    sums = arrivals(known).groupBy("day").agg(*[F.sum(stat).alias(stat) for stat in _SUMS])
    seen = known.read("inbound", days_back=LEAD_TIME_DAYS + LONGEST_LEAD_DAYS + 1).groupBy(
        F.col("recorded_day").alias("day")
    )
    daily = seen.agg(F.count("*").alias("inbound_rows")).join(sums, "day", "full").select(everywhere, "*")
    asked = days_between(known.lake.spark, known.first_day, known.last_day).select(everywhere, "as_of_day")
    windows = (Window(LEAD_TIME_DAYS, _SUMS), Window(LEAD_TIME_DAYS + LONGEST_LEAD_DAYS, ("inbound_rows",)))
    rolled = rolling(asked, daily, ("scope",), windows, ("as_of_day",))
    n, log = F.col(f"arrivals_{LEAD_TIME_DAYS}d"), F.col(f"log_lead_{LEAD_TIME_DAYS}d")
    mean = F.coalesce(ratio(log, n) / MICRO, F.lit(math.log(USUAL_LEAD_DAYS)))
    square = ratio(F.col(f"log_lead_squared_{LEAD_TIME_DAYS}d"), n) / MICRO
    return rolled.select(
        "as_of_day", (F.col(f"inbound_rows_{LEAD_TIME_DAYS + LONGEST_LEAD_DAYS}d") > 0).alias("has_inbound"),
        mean.alias("platform_log"), F.coalesce(square, mean * mean + 0.25).alias("platform_square"),
    )  # fmt: skip


def horizon_of(has_inbound: Column, lead_log: Column) -> Column:
    """Days that a stock-out prediction looks ahead: 1 without inbound, else the median lead time, rounded up, 1..30."""
    median = F.ceil(F.round(F.exp(lead_log), 6)).cast("int")
    return F.when(has_inbound, F.least(F.greatest(median, F.lit(1)), F.lit(MAX_HORIZON_DAYS))).otherwise(F.lit(1))


FEATURES = (
    Feature("lead_time_days", "days", "usual time from ordering to arrival at this seller (median)",
            "the source has no inbound", "lead_time", allowed=(0.0, 400.0)),
    Feature("lead_time_p90_days", "days", "the lead time that one in ten exceeds", "the source has no inbound",
            "lead_time", allowed=(0.0, 4000.0)),
    Feature("arrivals_count_90d", "replenishments", "how much is known about this seller's lead time", "never null",
            "lead_time", 90, (0.0, 1e9)),
)  # fmt: skip
_Z90 = 1.2815515655446004


def build(known: Known, subjects: DataFrame) -> DataFrame:
    """One row per (seller_id, sku_id, as_of) of ``subjects`` with FEATURES."""
    rows = subjects.select(*SERIES_KEYS, F.to_date("as_of").alias("as_of_day"))
    usual = lead_times(known, rows.select("seller_id", "as_of_day").distinct())
    has_inbound = F.col("has_inbound")
    values = {
        "lead_time_days": F.when(has_inbound, F.exp("lead_log")),
        "lead_time_p90_days": F.when(has_inbound, F.exp(F.col("lead_log") + F.col("lead_std") * _Z90)),
        "arrivals_count_90d": F.col(f"arrivals_{LEAD_TIME_DAYS}d"),
    }
    both = rows.join(usual, ["seller_id", "as_of_day"], "left")
    return both.select(*SERIES_KEYS, *[values[f.name].cast("double").alias(f.name) for f in FEATURES])


GROUP = FeatureGroup("lead_time", SERIES_KEYS, FEATURES, build)
