"""What a seller's article was first listed as: its category and its region, lasting facts, and since when known."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import first_known
from features.known import Known

LISTED_DAYS = 3650  # listings are read this far back


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


def regions(known: Known) -> DataFrame:
    """The region each series was first listed in: seller_id, sku_id, region, placed_day."""
    rows = known.read("listings", days_back=LISTED_DAYS).where(F.col("region").isNotNull())
    firsts = rows.groupBy("seller_id", "sku_id").agg(first_known(["active_from"], "region").alias("first"))
    return firsts.select(
        "seller_id", "sku_id", F.col("first.region").alias("region"), F.to_date("first.recorded_at").alias("placed_day")
    )
