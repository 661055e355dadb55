"""How long a seller's replenishment takes, by what has arrived: drawn towards the category's, then the platform's."""

from __future__ import annotations

import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import MICRO, Window, days, days_between, first_known, ratio, rolling, whole
from features.known import Known
from features.listed import categories
from features.spec import SERIES_KEYS, Feature, FeatureGroup

LEAD_TIME_DAYS = 90  # arrivals that a lead time is learned from
LONGEST_LEAD_DAYS = 120  # an arrival later than this is left out
LEAD_PRIOR = 5.0  # arrivals of the next larger group that the own ones are mixed with
USUAL_LEAD_DAYS = 7.0  # where a source has inbound, but nothing has arrived yet
MAX_HORIZON_DAYS = 30
_SUMS = ("arrivals", "log_lead", "log_lead_squared")


def arrivals(known: Known) -> DataFrame:
    """Sums of a day's arrivals: one row per (seller_id, category, day); arrivals, log_lead, log_lead_squared in
    millionths. category: of the article, null where it was not known by then.
    """
    rows = known.read("inbound", days_back=LEAD_TIME_DAYS + LONGEST_LEAD_DAYS + 1)
    ordered = rows.where(F.col("event") == "ordered").groupBy("inbound_id")
    received = rows.where(F.col("event") == "received").groupBy("inbound_id")
    pairs = ordered.agg(first_known(["event_at"], "seller_id", "sku_id").alias("o")).join(
        received.agg(first_known(["event_at"]).alias("r")), "inbound_id"
    )
    lead = days("o.event_at", "r.event_at")
    day = F.to_date(F.greatest("o.recorded_at", "r.recorded_at"))
    facts = pairs.select(
        F.col("o.seller_id").alias("seller_id"), F.col("o.sku_id").alias("sku_id"), day.alias("day"),
        F.ln(F.greatest(lead, F.lit(0.25))).alias("log"),
        F.date_diff(day, F.to_date(F.least("o.recorded_at", "r.recorded_at"))).alias("span"),
    ).where(F.col("span") <= LONGEST_LEAD_DAYS)  # fmt: skip
    placed = facts.join(categories(known), ["seller_id", "sku_id"], "left")
    category = F.when(F.col("listed_day") <= F.col("day"), F.col("category")).alias("category")
    return placed.groupBy("seller_id", category, "day").agg(
        F.count("*").alias("arrivals"),
        F.sum(whole(F.col("log"))).alias("log_lead"),
        F.sum(whole(F.col("log") * F.col("log"))).alias("log_lead_squared"),
    )


def lead_times(known: Known, series: DataFrame) -> DataFrame:
    """``series`` with the usual lead time of each. series: seller_id, sku_id, as_of_day and more, which is kept.

    has_inbound (whether the source was known to have any), arrivals_90d (the seller's own), lead_log and lead_std (mean
    and standard deviation of ln days). Each group's moments are mixed with those of the next larger: the seller's with
    its article's category's, that one's with the platform's: m = (sum + k * larger mean) / (n + k) with k = LEAD_PRIOR,
    the second moment likewise. Where no category is known the platform's stand for it. The median is exp(m) where lead
    times are lognormal, a quantile exp(m + z * std).
    """
    placed = series.join(categories(known), ["seller_id", "sku_id"], "left")
    category = F.when(F.col("listed_day") < F.col("as_of_day"), F.col("category"))
    placed = placed.select(*series.columns, F.coalesce(category, F.lit("")).alias("category"))
    asked = placed.select("seller_id", "category", "as_of_day").distinct()
    daily = known.once("arrivals", lambda: arrivals(known))
    rolled = {
        key: rolling(
            asked.select(key, "as_of_day").distinct(),
            daily.where(F.col(key).isNotNull()).groupBy(key, "day").agg(*[F.sum(stat).alias(stat) for stat in _SUMS]),
            (key,), (Window(LEAD_TIME_DAYS, _SUMS),), ("as_of_day",),
        )
        for key in ("category", "seller_id")
    }  # fmt: skip
    larger = _platform(known, daily)
    larger = _drawn(rolled["category"].join(larger, "as_of_day"), "has_inbound", "category")
    both = asked.join(rolled["seller_id"], ["seller_id", "as_of_day"]).join(larger, ["category", "as_of_day"])
    own = _drawn(both, "has_inbound", "category", "seller_id", f"arrivals_{LEAD_TIME_DAYS}d")
    spread = F.sqrt(F.greatest(F.col("square") - F.col("log") * F.col("log"), F.lit(0.01)))
    found = placed.join(own, ["seller_id", "category", "as_of_day"], "left")
    return found.select(
        *series.columns, "has_inbound", f"arrivals_{LEAD_TIME_DAYS}d", F.col("log").alias("lead_log"),
        spread.alias("lead_std"),
    )  # fmt: skip


def _drawn(rolled: DataFrame, *kept: str) -> DataFrame:
    """as_of_day, ``kept``, log, square: a group's sums mixed with the ``log`` and ``square`` of the larger one."""
    n = F.col(f"arrivals_{LEAD_TIME_DAYS}d") + F.lit(LEAD_PRIOR)
    log = (F.col(f"log_lead_{LEAD_TIME_DAYS}d") / MICRO + F.col("log") * LEAD_PRIOR) / n
    square = (F.col(f"log_lead_squared_{LEAD_TIME_DAYS}d") / MICRO + F.col("square") * LEAD_PRIOR) / n
    return rolled.select("as_of_day", *kept, log.alias("log"), square.alias("square"))


def _platform(known: Known, arrived: DataFrame) -> DataFrame:
    """as_of_day, has_inbound, log, square: one row per day that is asked about."""
    everywhere = F.lit("*").alias("scope")
    sums = arrived.groupBy("day").agg(*[F.sum(stat).alias(stat) for stat in _SUMS])
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
        mean.alias("log"), F.coalesce(square, mean * mean + 0.25).alias("square"),
    )  # fmt: skip


def horizon_of(has_inbound: Column, lead_log: Column) -> Column:
    """Days that a stock-out prediction looks ahead: 1 without inbound, else the median lead time, rounded up, 1..30."""
    median = F.ceil(F.round(F.exp(lead_log), 6)).cast("int")
    return F.when(has_inbound, F.least(F.greatest(median, F.lit(1)), F.lit(MAX_HORIZON_DAYS))).otherwise(F.lit(1))


FEATURES = (
    Feature("lead_time_days", "days", "usual time from ordering to arrival here, drawn towards the category's",
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
    has_inbound = F.col("has_inbound")
    values = {
        "lead_time_days": F.when(has_inbound, F.exp("lead_log")),
        "lead_time_p90_days": F.when(has_inbound, F.exp(F.col("lead_log") + F.col("lead_std") * _Z90)),
        "arrivals_count_90d": F.col(f"arrivals_{LEAD_TIME_DAYS}d"),
    }
    found = lead_times(known, rows)
    return found.select(*SERIES_KEYS, *[values[f.name].cast("double").alias(f.name) for f in FEATURES])


GROUP = FeatureGroup("lead_time", SERIES_KEYS, FEATURES, build)
