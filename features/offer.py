"""What was offered when it was bought: the price beside its usual one, and whether the article's listing was paused.

A price far below the usual one, or a listing paused while the count says that pieces are there, comes before
complaints and cancellations more often than chance.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import Window, days, ratio, rolling
from features.known import Known
from features.order_base import KEYS
from features.outcomes import first_lines
from features.spec import ORDER_KEYS, Feature, FeatureGroup
from features.subjects import is_out

PRICE_DAYS = 400  # a price older than this is left out
_ARTICLE = ("seller_id", "sku_id")
_SUMS = ("reported", "paused", "out")
ROLLED = (Window(3, _SUMS), Window(7, _SUMS), Window(28, _SUMS))
_NO_STOCK = "no line is known, or the source reported no stock of it in the window"
_NO_PRICE = "no line is known, or the source names no price"

FEATURES = (
    Feature("listing_price_ratio", "price when it was ordered, over the highest of 400 days",
            "whether it was cheapened", _NO_PRICE, "article", allowed=(0.0, 1.0)),
    Feature("listing_price_age_days", "days", "time since the price last changed", _NO_PRICE, "article"),
    *[
        Feature(f"article_paused_share_{n}d", "share of reported days, 0 to 1",
                "days on which its listing was paused though pieces were there", _NO_STOCK, "article", n, (0.0, 1.0))
        for n in (3, 7, 28)
    ],
    *[
        Feature(f"article_out_share_{n}d", "share of reported days, 0 to 1", "stock-out days of the article", _NO_STOCK,
                "article", n, (0.0, 1.0))
        for n in (3, 7, 28)
    ],
)  # fmt: skip


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    lines = known.once("first_lines", lambda: first_lines(known, base))
    asked = base.select(*KEYS, "as_of_day", "order_recorded_at").join(lines, list(KEYS), "left")
    stock = rolling(asked.select(*KEYS, "as_of_day", *_ARTICLE), _shelf_days(known), _ARTICLE, ROLLED, KEYS)
    rows = asked.select(*KEYS).join(_prices(known, asked), list(KEYS), "left").join(stock, list(KEYS), "left")
    values = {
        "listing_price_ratio": ratio(F.col("now.price"), F.col("highest")),
        "listing_price_age_days": days("now.recorded_at", "as_of"),
        **{f"article_paused_share_{n}d": ratio(F.col(f"paused_{n}d"), F.col(f"reported_{n}d")) for n in (3, 7, 28)},
        **{f"article_out_share_{n}d": ratio(F.col(f"out_{n}d"), F.col(f"reported_{n}d")) for n in (3, 7, 28)},
    }
    return rows.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


def _prices(known: Known, asked: DataFrame) -> DataFrame:
    """order_id, as_of, now (the price that was known when the order was), highest of those known by then."""
    listed = known.read("listings", days_back=PRICE_DAYS + 1).where(F.col("price").isNotNull())
    listed = listed.select(*_ARTICLE, "price", "recorded_at")
    met = asked.select(*KEYS, *_ARTICLE, "order_recorded_at").join(listed, list(_ARTICLE))
    before = (F.col("recorded_at") < F.col("as_of")) & (F.col("recorded_at") <= F.col("order_recorded_at"))
    recent = F.col("recorded_at") >= F.col("as_of") - F.expr(f"INTERVAL {PRICE_DAYS} DAYS")
    return (
        met.where(before & recent)
        .groupBy(*KEYS)
        .agg(F.max(F.struct("recorded_at", "price")).alias("now"), F.max("price").alias("highest"))
    )


def _shelf_days(known: Known) -> DataFrame:
    """Reported days per article by the day on which they became known: day, the sums of ROLLED."""
    rows = known.read("stock").where(F.date_diff("recorded_day", "stock_day") <= ROLLED[0].days)
    there, share = F.coalesce(F.col("on_hand") > 0, F.lit(False)), F.col("in_stock_share")
    out = is_out(share, F.col("on_hand"))
    return rows.groupBy(*_ARTICLE, F.col("recorded_day").alias("day")).agg(
        F.count("*").alias("reported"),
        F.count(F.when(there & ~out & (share < 1.0), 1)).alias("paused"),
        F.count(F.when(out, 1)).alias("out"),
    )


GROUP = FeatureGroup("offer", ORDER_KEYS, FEATURES, build)
