"""What was written about an order lately, and how it sounds. It raises the chance of trouble, never lowers it."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import known_before
from features.known import OPEN_DAYS, Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, Feature, FeatureGroup

RECENT_HOURS = 72

FEATURES = (
    Feature("contacts_72h_count", "messages and calls", "how often someone asked in the last three days", "never null",
            "contact", allowed=(0.0, 1e4), monotone=1),
    Feature("contact_topics_count", "topics", "different matters that were asked about", "never null", "contact",
            allowed=(0.0, 1e3), monotone=1),
    Feature("contact_exclamations_count", "exclamation marks", "how loud the loudest message is", "never null",
            "contact", allowed=(0.0, 1e4), monotone=1),
    Feature("is_contact_about_goods", "1 or 0", "someone wrote that it is not as described", "never null", "contact",
            allowed=(0.0, 1.0), monotone=1),
)  # fmt: skip


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    wrote = known_before(known.read("contacts", days_back=OPEN_DAYS + 1), base.select(*KEYS), "order_id")
    recent = F.col("event_at") >= F.col("as_of") - F.expr(f"INTERVAL {RECENT_HOURS} HOURS")
    marks = F.length("text") - F.length(F.replace(F.col("text"), F.lit("!"), F.lit("")))
    told = wrote.groupBy(*KEYS).agg(
        F.count(F.when(recent, 1)).alias("recent"),
        F.count_distinct("topic").alias("topics"),
        F.max(marks).alias("marks"),
        F.max((F.col("topic") == "not_as_described").cast("int")).alias("goods"),
    )
    rows = base.select(*KEYS).join(told, list(KEYS), "left")
    values = {
        "contacts_72h_count": F.col("recent"),
        "contact_topics_count": F.col("topics"),
        "contact_exclamations_count": F.col("marks"),
        "is_contact_about_goods": F.col("goods"),
    }
    return rows.select(*KEYS, *[F.coalesce(values[f.name], F.lit(0)).cast("double").alias(f.name) for f in FEATURES])


GROUP = FeatureGroup("messages", ORDER_KEYS, FEATURES, build)
