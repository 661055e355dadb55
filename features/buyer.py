"""The buyer's own history with the platform, and what they wrote about this order. Priority, never more."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import Window, hours, known_before, rolling
from features.journeys import daily
from features.known import OPEN_DAYS, Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, Feature, FeatureGroup

ROLLED = (Window(90, ("orders", "matured", "matured_late")),)

FEATURES = (
    Feature("buyer_orders_count_90d", "orders", "how often this buyer ordered before today",
            "the order is not known yet", "buyer", 90, (0.0, 1e6)),
    Feature("buyer_late_count_90d", "orders", "orders of this buyer that missed their promise",
            "the order is not known yet", "buyer", 90, (0.0, 1e6)),
    Feature("buyer_matured_count_90d", "orders", "orders of this buyer whose promise ran out",
            "the order is not known yet", "buyer", 90, (0.0, 1e6)),
    Feature("contacts_count", "messages and calls", "how often someone asked about this order", "never null", "contact",
            allowed=(0.0, 1e4)),
    Feature("last_contact_age_hours", "hours", "time since someone last asked about this order", "nobody did",
            "contact", allowed=(-24.0, 1e5)),
)  # fmt: skip


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    asked = base.select(*KEYS, "as_of_day", F.col("buyer_id").alias("entity"))
    sums = daily(known, F.col("buyer_id"), F.col("order_day"))
    rows = rolling(asked, sums, ("entity",), ROLLED, (*KEYS, "as_of_day"))
    wrote = known_before(known.read("contacts", days_back=OPEN_DAYS + 1), base.select(*KEYS), "order_id")
    contacts = wrote.groupBy(*KEYS).agg(F.count("*").alias("contacts"), F.max("event_at").alias("last_contact_at"))
    both = rows.join(contacts, list(KEYS), "left")
    has_buyer = F.col("entity").isNotNull()
    values = {
        "buyer_orders_count_90d": F.when(has_buyer, F.col("orders_90d")),
        "buyer_late_count_90d": F.when(has_buyer, F.col("matured_late_90d")),
        "buyer_matured_count_90d": F.when(has_buyer, F.col("matured_90d")),
        "contacts_count": F.coalesce("contacts", F.lit(0)),
        "last_contact_age_hours": hours("last_contact_at", "as_of"),
    }
    return both.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


GROUP = FeatureGroup("buyer", ORDER_KEYS, FEATURES, build)
