"""How others fare: the same article at other sellers, the category, the seller's whole shelf, the region, the platform.

What the others' evenings and the same weekday were like says more than their whole day: a depot that did not deliver to
one shop of a region has often not delivered to its neighbours either.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import MICRO, Window, days_between, ratio, rolling, shrunk, weekday, whole
from features.known import Known
from features.listed import categories, regions
from features.order_base import PLATFORM
from features.spec import SERIES_KEYS, Feature, FeatureGroup
from features.subjects import is_out

SHARE_PRIOR = 5.0
_SUMS = ("reported", "out", "lost")
_EVENING = ("evenings", "dark", "ends", "emptied")
ROLLED = (Window(1, (*_SUMS, *_EVENING)), Window(7, (*_SUMS, *_EVENING)), Window(28, _SUMS))
WEEKDAY = (Window(28, ("reported", "out", "evenings", "dark")),)
SCOPES = {
    "sku": ("the same article at all sellers", "neighbours"),
    "category": ("the same category at all sellers", "neighbours"),
    "seller": ("all articles of this seller", "seller_shelf"),
    "region_sku": ("the same article in this region", "neighbours"),
    "region_category": ("the same category in this region", "neighbours"),
    "region": ("all articles in this region", "neighbours"),
    "platform": ("the whole platform", "neighbours"),
}


_WEEKDAY_NAMED = tuple(
    Window(28, tuple(f"{stat}_weekday" for stat in window.stats)) for window in WEEKDAY
)  # fmt: skip


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
        features += [
            Feature(f"{scope}_evening_lost_share_{days}d", "share of evening selling hours, 0 to 1",
                    f"evening hours that {says} missed, drawn towards the platform's share", nothing, reason, days,
                    (0.0, 1.0))
            for days in (1, 7)
        ]  # fmt: skip
        features += [
            Feature(f"{scope}_ended_out_share_1d", "share of reported days, 0 to 1",
                    f"how much of {says} had nothing left when yesterday ended", nothing, reason, 1, (0.0, 1.0)),
            Feature(f"{scope}_stock_out_weekday_share_28d", "share of this weekday's reported days, 0 to 1",
                    f"stock-out days of {says} on this weekday, drawn towards the platform's", nothing, reason, 28,
                    (0.0, 1.0)),
            Feature(f"{scope}_evening_lost_weekday_share_28d", "share of evening selling hours, 0 to 1",
                    f"evening hours that {says} missed on this weekday", nothing, reason, 28, (0.0, 1.0)),
        ]  # fmt: skip
    return tuple(features)


FEATURES = _declare()


def reports(known: Known) -> DataFrame:
    """Reports by the day they count on: day, a column for each scope, reported, out, lost (millionths), and where the
    evening was measured evenings, dark (millionths lost of it), ends, emptied (nothing left at the end).
    """
    rows = known.read("stock", days_back=30)
    share = F.col("in_stock_share").cast("double")
    is_known = share.isNotNull() | F.col("on_hand").isNotNull()
    day = F.greatest("recorded_day", "stock_day")
    listed = categories(known)
    seen = rows.where(is_known).select(
        "seller_id", "sku_id", day.alias("day"),
        is_out(share, F.col("on_hand")).cast("bigint").alias("out"),
        whole(1.0 - F.coalesce(share, F.when(F.col("on_hand") == 0, 0.0).otherwise(1.0))).alias("lost"),
        F.col("closing_share").isNotNull().cast("bigint").alias("evenings"),
        F.coalesce(whole(1.0 - F.col("closing_share")), F.lit(0).cast("bigint")).alias("dark"),
        F.col("ended_out").isNotNull().cast("bigint").alias("ends"),
        F.coalesce(F.col("ended_out").cast("bigint"), F.lit(0).cast("bigint")).alias("emptied"),
    )  # fmt: skip
    placed = seen.join(listed, ["seller_id", "sku_id"], "left").join(regions(known), ["seller_id", "sku_id"], "left")
    category = F.when(F.col("listed_day") <= F.col("day"), F.col("category"))
    region = F.when(F.col("placed_day") <= F.col("day"), F.col("region"))
    return placed.select(
        "day", "out", "lost", *_EVENING, F.lit(1).cast("bigint").alias("reported"), *_scopes(category, region)
    )


def _scopes(category: Column, region: Column) -> list[Column]:
    """A column for each of SCOPES, null where it is not known."""
    both = F.when(region.isNotNull() & category.isNotNull(), F.concat_ws("|", region, category))
    named = {
        "sku": F.col("sku_id"), "category": category, "seller": F.col("seller_id"),
        "region_sku": F.when(region.isNotNull(), F.concat_ws("|", region, F.col("sku_id"))), "region_category": both,
        "region": region, "platform": F.lit(PLATFORM),
    }  # fmt: skip
    return [named[scope].alias(scope) for scope in SCOPES]


def build(known: Known, subjects: DataFrame) -> DataFrame:
    """One row per (seller_id, sku_id, as_of) of ``subjects`` with FEATURES."""
    as_of_day = F.to_date("as_of").alias("as_of_day")
    named = subjects.select(*SERIES_KEYS, as_of_day).join(categories(known), ["seller_id", "sku_id"], "left")
    named = named.join(regions(known), ["seller_id", "sku_id"], "left")
    category = F.when(F.col("listed_day") < F.col("as_of_day"), F.col("category"))
    region = F.when(F.col("placed_day") < F.col("as_of_day"), F.col("region"))
    rows = named.select(*SERIES_KEYS, "as_of_day", *_scopes(category, region))
    rows = reduce(lambda left, scope: left.join(_sums(known, scope), ["as_of_day", scope], "left"), SCOPES, rows)
    return rows.select(*SERIES_KEYS, *[_named(f.name).cast("double").alias(f.name) for f in FEATURES])


def _sums(known: Known, scope: str) -> DataFrame:
    """The rolled sums of every entity of a scope on every asked day, under names that begin with the scope."""
    rows = known.once("stock_reports", lambda: reports(known)).where(F.col(scope).isNotNull())
    daily = rows.groupBy(scope, "day").agg(*[F.sum(stat).alias(stat) for stat in (*_SUMS, *_EVENING)])
    asked = daily.select(scope).distinct().crossJoin(
        days_between(known.lake.spark, known.first_day, known.last_day)
    )  # fmt: skip
    rolled = known.once(f"{scope}_stock", lambda: rolling(asked, daily, (scope,), ROLLED, ("as_of_day",)))
    on_weekday = known.once(f"{scope}_weekday", lambda: _on_weekday(scope, asked, daily))
    names = [name for window in (*ROLLED, *_WEEKDAY_NAMED) for name in window.names()]
    both = rolled.join(on_weekday, ["as_of_day", scope], "left")
    return both.select("as_of_day", scope, *[F.col(name).alias(f"{scope}_{name}") for name in names])


def _on_weekday(scope: str, asked: DataFrame, daily: DataFrame) -> DataFrame:
    """The sums over the days of the last four weeks that were the weekday of the asked day."""
    keyed = asked.withColumn("weekday", weekday("as_of_day"))
    counted = daily.withColumn("weekday", weekday("day"))
    found = rolling(keyed, counted, (scope, "weekday"), WEEKDAY, ("as_of_day",))
    renamed = [F.col(name).alias(name.replace("_28d", "_weekday_28d")) for window in WEEKDAY for name in window.names()]
    return found.select("as_of_day", scope, *renamed)


def _named(name: str) -> Column:
    """The feature; null where it is not known what the series belongs to."""
    scope = max((known for known in SCOPES if name.startswith(f"{known}_")), key=len)
    return F.when(F.col(scope).isNotNull(), _value(scope, name))


def _value(scope: str, name: str) -> Column:
    kind = name.removeprefix(f"{scope}_")
    if kind.startswith("evening_lost"):
        window = "weekday_28d" if "weekday" in kind else kind.rsplit("_", 1)[1]
        return _drawn(scope, "dark", "evenings", window, float(MICRO))
    if kind.startswith("ended_out"):
        return _drawn(scope, "emptied", "ends", "1d")
    if kind.startswith("stock_out_weekday"):
        return _drawn(scope, "out", "reported", "weekday_28d")
    if kind.startswith("in_stock"):
        return 1.0 - ratio(F.col(f"{scope}_lost_1d") / MICRO, F.col(f"{scope}_reported_1d"))
    if kind.startswith("stock_out_change"):
        return _share(scope, 1) - _share(scope, 7)
    return _share(scope, int(kind.rsplit("_", 1)[1].removesuffix("d")))


def _share(scope: str, days: int) -> Column:
    return _drawn(scope, "out", "reported", f"{days}d")


def _drawn(scope: str, part: str, of: str, window: str, unit: float = 1.0) -> Column:
    parent = ratio(F.col(f"platform_{part}_{window}") / F.lit(unit), F.col(f"platform_{of}_{window}"))
    hits, n = (F.coalesce(f"{scope}_{name}_{window}", F.lit(0)) for name in (part, of))
    return shrunk(hits / F.lit(unit), n, parent, SHARE_PRIOR)


GROUP = FeatureGroup("neighbours", SERIES_KEYS, FEATURES, build)
