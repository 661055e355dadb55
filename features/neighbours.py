"""How others fare: the same article at other sellers, the category, the seller's whole shelf, the platform."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import MICRO, Window, days_between, first_known, ratio, rolling, shrunk, whole
from features.known import Known
from features.order_base import PLATFORM
from features.spec import SERIES_KEYS, Feature, FeatureGroup
from features.subjects import is_out

LISTED_DAYS = 3650  # a category is a lasting fact: listings are read this far back
SHARE_PRIOR = 5.0
_SUMS = ("reported", "out", "lost")
ROLLED = (Window(1, _SUMS), Window(7, _SUMS), Window(28, _SUMS))
SCOPES = {
    "sku": ("the same article at all sellers", "neighbours"),
    "category": ("the same category at all sellers", "neighbours"),
    "seller": ("all articles of this seller", "seller_shelf"),
    "platform": ("the whole platform", "neighbours"),
}


def _declare() -> tuple[Feature, ...]:
    features = []
    for scope, (says, reason) in SCOPES.items():
        nothing = f"nothing was reported for {says}, or for the platform, in the window"
        features += [
            Feature(f"{scope}_stock_out_share_{days}d", "share of reported days, 0 to 1",
                    f"stock-out days of {says}, drawn towards the platform's share", nothing, reason, days, (0.0, 1.0))
            for days in (1, 7, 28)
        ]  # fmt: skip
        features.append(
            Feature(f"{scope}_in_stock_share_1d", "share of selling hours, 0 to 1",
                    f"how well {says} was in stock yesterday", nothing, reason, 1, (0.0, 1.0))
        )  # fmt: skip
        features.append(
            Feature(f"{scope}_stock_out_change_share_7d", "share, yesterday minus 7 days",
                    f"whether more of {says} ran out yesterday than usual", nothing, reason, 7, (-1.0, 1.0))
        )  # fmt: skip
    return tuple(features)


FEATURES = _declare()


def categories(known: Known) -> DataFrame:
    """The category each series was first listed under: seller_id, sku_id, category, listed_day."""
    rows = known.read("listings", days_back=LISTED_DAYS).where(F.col("category").isNotNull())
    firsts = rows.groupBy("seller_id", "sku_id").agg(first_known(["active_from"], "category").alias("first"))
    return firsts.select(
        "seller_id",
        "sku_id",
        F.col("first.category").alias("category"),
        F.to_date("first.recorded_at").alias("listed_day"),
    )


def reports(known: Known) -> DataFrame:
    """Reports by the day they count on: day, seller, sku, category, platform, reported, out, lost (millionths)."""
    rows = known.read("stock", days_back=30)
    share = F.col("in_stock_share").cast("double")
    is_known = share.isNotNull() | F.col("on_hand").isNotNull()
    day = F.greatest("recorded_day", "stock_day")
    listed = categories(known)
    seen = rows.where(is_known).select(
        "seller_id", "sku_id", day.alias("day"),
        is_out(share, F.col("on_hand")).cast("bigint").alias("out"),
        whole(1.0 - F.coalesce(share, F.when(F.col("on_hand") == 0, 0.0).otherwise(1.0))).alias("lost"),
    )  # fmt: skip
    return seen.join(listed, ["seller_id", "sku_id"], "left").select(
        "day", "out", "lost", F.lit(1).cast("bigint").alias("reported"), F.lit(PLATFORM).alias("platform"),
        F.col("seller_id").alias("seller"), F.col("sku_id").alias("sku"),
        F.when(F.col("listed_day") <= F.col("day"), F.col("category")).alias("category"),
    )  # fmt: skip


def build(known: Known, subjects: DataFrame) -> DataFrame:
    """One row per (seller_id, sku_id, as_of) of ``subjects`` with FEATURES."""
    as_of_day = F.to_date("as_of").alias("as_of_day")
    named = subjects.select(*SERIES_KEYS, as_of_day).join(categories(known), ["seller_id", "sku_id"], "left")
    rows = named.select(
        *SERIES_KEYS, "as_of_day", F.col("seller_id").alias("seller"), F.col("sku_id").alias("sku"),
        F.when(F.col("listed_day") < F.col("as_of_day"), F.col("category")).alias("category"),
        F.lit(PLATFORM).alias("platform"),
    )  # fmt: skip
    rows = reduce(lambda left, scope: left.join(_sums(known, scope), ["as_of_day", scope], "left"), SCOPES, rows)
    return rows.select(*SERIES_KEYS, *[_value(f.name).cast("double").alias(f.name) for f in FEATURES])


def _sums(known: Known, scope: str) -> DataFrame:
    """The rolled sums of every entity of a scope on every asked day, under names that begin with the scope."""
    rows = known.once("stock_reports", lambda: reports(known)).where(F.col(scope).isNotNull())
    daily = rows.groupBy(scope, "day").agg(*[F.sum(stat).alias(stat) for stat in _SUMS])
    asked = daily.select(scope).distinct().crossJoin(
        days_between(known.lake.spark, known.first_day, known.last_day)
    )  # fmt: skip
    names = [name for window in ROLLED for name in window.names()]
    rolled = known.once(f"{scope}_stock", lambda: rolling(asked, daily, (scope,), ROLLED, ("as_of_day",)))
    return rolled.select("as_of_day", scope, *[F.col(name).alias(f"{scope}_{name}") for name in names])


def _value(name: str) -> Column:
    scope, kind = name.split("_", 1)
    if kind.startswith("in_stock"):
        return 1.0 - ratio(F.col(f"{scope}_lost_1d") / MICRO, F.col(f"{scope}_reported_1d"))
    if kind.startswith("stock_out_change"):
        return _share(scope, 1) - _share(scope, 7)
    return _share(scope, int(kind.rsplit("_", 1)[1].removesuffix("d")))


def _share(scope: str, days: int) -> Column:
    parent = ratio(F.col(f"platform_out_{days}d"), F.col(f"platform_reported_{days}d"))
    out, reported = (F.coalesce(f"{scope}_{name}_{days}d", F.lit(0)) for name in ("out", "reported"))
    return shrunk(out, reported, parent, SHARE_PRIOR)


GROUP = FeatureGroup("neighbours", SERIES_KEYS, FEATURES, build)
