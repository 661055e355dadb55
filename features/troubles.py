"""How the orders of an article, of its seller and of this buyer ended lately."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import Window, days_between, ratio, rolling, shrunk
from features.known import Known
from features.order_base import KEYS, PLATFORM
from features.outcomes import FACTS, daily, first_lines
from features.spec import ORDER_KEYS, Feature, FeatureGroup

WINDOWS = (28, 90)
ROLLED = tuple(Window(days, FACTS) for days in WINDOWS)
PRIOR = {"article": 8.0, "seller": 15.0}
ENTITY = {"article": ("seller_id", "sku_id"), "seller": ("seller_id",)}
SHARES = {  # what is counted, out of what, and what to call it
    "given_up": ("ordered", "orders that the seller cancelled"),
    "returned": ("delivered", "deliveries that were sent back or refunded"),
    "disputed": ("delivered", "deliveries with a claim"),
    "reviewed_badly": ("delivered", "deliveries with one or two stars"),
    "wrote": ("ordered", "orders that someone asked about"),
}
BUYER_COUNTS = ("returned", "disputed", "reviewed_badly", "wrote")


def _declare() -> tuple[Feature, ...]:
    found = [
        Feature(
            f"{scope}_{fact}_share_{days}d", "share, 0 to 1",
            f"{says} of this {scope}, drawn towards the platform's share",
            "no line is known, or the platform had none in the window", "article" if scope == "article" else "seller",
            days, (0.0, 1e3),
        )
        for scope in ENTITY for fact, (_, says) in SHARES.items() for days in WINDOWS
    ]  # fmt: skip
    found.append(Feature("article_ordered_count_28d", "orders", "how much is known of this article",
                         "no line is known", "article", 28, (0.0, 1e9)))  # fmt: skip
    found += [
        Feature(f"buyer_{fact}_count_90d", "orders", f"orders of this buyer that were {fact.replace('_', ' ')}"
                if fact != "wrote" else "orders that this buyer asked about", "the order is not known yet", "buyer", 90,
                (0.0, 1e6), 1)
        for fact in BUYER_COUNTS
    ]  # fmt: skip
    return tuple(found)


FEATURES = _declare()


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    asked = base.select(*KEYS, "as_of_day", "buyer_id")
    lines = known.once("first_lines", lambda: first_lines(known, base))
    rows = asked.join(lines, list(KEYS), "left").join(_platform(known), "as_of_day", "left")
    for scope, entity in ENTITY.items():
        own = rolling(
            rows.select(*KEYS, "as_of_day", *entity), daily(known, entity), entity, ROLLED, (*KEYS, "as_of_day")
        )
        rows = rows.join(
            own.select(*KEYS, *[F.col(name).alias(f"{scope}_{name}") for name in _NAMES]), list(KEYS), "left"
        )
    buyers = rolling(rows.select(*KEYS, "as_of_day", "buyer_id"), daily(known, ("buyer_id",), BUYER_COUNTS),
                     ("buyer_id",), (Window(90, BUYER_COUNTS),), (*KEYS, "as_of_day"))  # fmt: skip
    counts = [F.col(f"{fact}_90d").alias(f"buyer_{fact}_90d") for fact in BUYER_COUNTS]
    rows = rows.join(buyers.select(*KEYS, *counts), list(KEYS), "left")
    values = {**_shares(), **_counts()}
    return rows.select(*KEYS, *[values[f.name].cast("double").alias(f.name) for f in FEATURES])


_NAMES = tuple(name for window in ROLLED for name in window.names())


def _platform(known: Known) -> DataFrame:
    """The platform's sums for each day that is asked about, under p_ names: one row per as_of_day."""
    every = daily(known, ("seller_id",)).groupBy("day").agg(*[F.sum(fact).alias(fact) for fact in FACTS])
    asked = days_between(known.lake.spark, known.first_day, known.last_day).withColumn("entity", F.lit(PLATFORM))
    sums = rolling(asked, every.withColumn("entity", F.lit(PLATFORM)), ("entity",), ROLLED, ("as_of_day",))
    return sums.select("as_of_day", *[F.col(name).alias(f"p_{name}") for name in _NAMES])


def _shares() -> dict[str, Column]:
    values = {}
    for scope in ENTITY:
        for fact, (of, _) in SHARES.items():
            for days in WINDOWS:
                parent = ratio(F.col(f"p_{fact}_{days}d"), F.col(f"p_{of}_{days}d"))
                own = (F.col(f"{scope}_{fact}_{days}d"), F.col(f"{scope}_{of}_{days}d"))
                known = F.col("seller_id").isNotNull()
                values[f"{scope}_{fact}_share_{days}d"] = F.when(known, shrunk(*own, parent, PRIOR[scope]))
    return values


def _counts() -> dict[str, Column]:
    values = {f"buyer_{fact}_count_90d": F.when(F.col("buyer_id").isNotNull(), F.col(f"buyer_{fact}_90d"))
              for fact in BUYER_COUNTS}  # fmt: skip
    values["article_ordered_count_28d"] = F.when(F.col("seller_id").isNotNull(), F.col("article_ordered_28d"))
    return values


GROUP = FeatureGroup("troubles", ORDER_KEYS, FEATURES, build)
