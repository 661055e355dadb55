"""Whether the seller hands over what they sold these days: orders that wait, and those of the last days that did not
go out when they usually do.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import ALWAYS, Window, days_between, ratio, rolling, shrunk
from features.journeys import journeys
from features.known import Known
from features.order_base import KEYS, PLATFORM
from features.spec import ORDER_KEYS, Feature, FeatureGroup

PRIOR = 3.0
USUAL_DAYS = (2, 4)  # days after the approval at which an order is looked at
WATCHED_DAYS = 30  # an order that was not handed over is counted out after this
_WINDOWS = (3, 7)
_DUE = tuple(f"{what}_{after}" for after in USUAL_DAYS for what in ("due", "held"))
ROLLED = (*(Window(days, (*_DUE, "approved", "handed")) for days in _WINDOWS), Window(ALWAYS, ("waiting", "past")))
_NAMES = tuple(name for window in ROLLED for name in window.names())
_NONE = "the seller is not known, or nothing was approved on the platform in the window"

FEATURES = (
    *[
        Feature(f"seller_held_{after}_days_share_{days}d", "share of orders, 0 to 1",
                f"orders of this seller not handed over {after} days after their approval", _NONE, "seller", days,
                (0.0, 1.0))
        for after in USUAL_DAYS for days in _WINDOWS
    ],
    *[
        Feature(f"seller_handed_ratio_{days}d", "hand-overs per approved order", "whether the seller keeps up",
                _NONE, "seller", days, (0.0, 1e4))
        for days in _WINDOWS
    ],
    Feature("seller_past_limit_share", "share of waiting orders, 0 to 1",
            "waiting orders of this seller whose dispatch limit has passed", _NONE, "seller", None, (0.0, 1.0)),
    Feature("seller_waiting_days", "days of usual approvals",
            "orders that wait for hand-over, in days of the seller's approvals", _NONE, "seller", None),
)  # fmt: skip


def daily(known: Known, entity: Column) -> DataFrame:
    """Daily sums of ROLLED per entity: entity, day, bigint. A fact counts on the day on which it was known."""
    rows = known.once("journeys", lambda: journeys(known)).withColumn("entity", entity)
    there = rows.where(F.col("entity").isNotNull() & F.col("approved_day").isNotNull())
    came = F.greatest("approved_day", "order_day", "items_day")
    gone = F.least("handed_over_day", "ended_day", F.date_add(came, WATCHED_DAYS))
    since = there.withColumns({"came": came, "gone": gone, "limit": F.greatest(came, F.to_date("ship_by"))})
    waits, is_past = F.col("came") < F.col("gone"), F.col("limit") < F.col("gone")
    handed = F.col("handed_over_day").isNotNull()
    facts = {
        "approved": (F.col("came"), 1),
        "handed": (F.when(handed, F.greatest("came", "handed_over_day")), 1),
        "waiting": (F.when(waits, F.col("came")), 1),
        "waiting_out": (F.when(waits, F.col("gone")), -1),
        "past": (F.when(F.col("ship_by").isNotNull() & is_past, F.col("limit")), 1),
        "past_out": (F.when(F.col("ship_by").isNotNull() & is_past, F.col("gone")), -1),
    }
    for after in USUAL_DAYS:
        due = F.date_add("came", after)
        # What had ended by then, other than by hand-over, says nothing of the seller's pace.
        over = F.coalesce(F.col("ended_day") <= due, F.lit(False)) & ~F.coalesce(
            F.col("handed_over_day") <= due, F.lit(False)
        )
        held = ~F.coalesce(F.col("handed_over_day") <= due, F.lit(False))
        facts[f"due_{after}"] = (F.when(~over, due), 1)
        facts[f"held_{after}"] = (F.when(~over & held, due), 1)
    dated = [
        F.struct(F.lit(kind.removesuffix("_out")).alias("kind"), day.alias("on"), F.lit(sign).alias("sign"))
        for kind, (day, sign) in facts.items()
    ]
    long = since.select("entity", F.explode(F.array(*dated)).alias("fact")).where(F.col("fact.on").isNotNull())
    names = dict.fromkeys(kind.removesuffix("_out") for kind in facts)
    sums = [
        F.sum(F.when(F.col("fact.kind") == name, F.col("fact.sign")).otherwise(0)).cast("bigint").alias(name)
        for name in names
    ]
    return long.groupBy("entity", F.col("fact.on").alias("day")).agg(*sums)


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    asked = base.select(*KEYS, "as_of_day", F.col("seller_id").alias("entity"))
    own = rolling(asked, daily(known, F.col("seller_id")), ("entity",), ROLLED, (*KEYS, "as_of_day"))
    days = days_between(known.lake.spark, known.first_day, known.last_day).withColumn("entity", F.lit(PLATFORM))
    platform = rolling(days, daily(known, F.lit(PLATFORM)), ("entity",), ROLLED, ("as_of_day",)).select(
        "as_of_day", *[F.col(name).alias(f"p_{name}") for name in _NAMES]
    )
    rows = own.join(platform, "as_of_day", "left")
    values: dict[str, Column] = {
        "seller_past_limit_share": _share("past_now", "waiting_now"),
        "seller_waiting_days": ratio(F.col("waiting_now") * 7.0, F.col("approved_7d")),
    }
    for days_back in _WINDOWS:
        values[f"seller_handed_ratio_{days_back}d"] = _share(f"handed_{days_back}d", f"approved_{days_back}d")
        for after in USUAL_DAYS:
            share = _share(f"held_{after}_{days_back}d", f"due_{after}_{days_back}d")
            values[f"seller_held_{after}_days_share_{days_back}d"] = share
    has_seller = F.col("entity").isNotNull()
    return rows.select(*KEYS, *[F.when(has_seller, values[f.name]).cast("double").alias(f.name) for f in FEATURES])


def _share(part: str, of: str) -> Column:
    return shrunk(F.col(part), F.col(of), ratio(F.col(f"p_{part}"), F.col(f"p_{of}")), PRIOR)


GROUP = FeatureGroup("seller_pace", ORDER_KEYS, FEATURES, build)
