"""What is being sent, how far, and for how much."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import ratio
from features.known import Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, Feature, FeatureGroup

FEATURES = (
    Feature("distance_km", "km", "how far it goes", "the source does not say, or no parcel is planned yet", "parcel",
            allowed=(0.0, 20_100.0)),
    Feature("weight_kg", "kg", "weight of the whole order", "no item's weight is known", "parcel",
            allowed=(0.0, 1e6)),
    Feature("lines_count", "order lines", "size of the order", "no line is known", "parcel", allowed=(0.0, 1e5)),
    Feature("quantity_count", "pieces", "size of the order", "no line is known", "parcel", allowed=(0.0, 1e7)),
    Feature("sellers_count", "sellers", "how many must ship", "no line is known", "parcel", allowed=(0.0, 1e4)),
    Feature("value_currency", "the order's currency", "value of the goods", "the order is not known yet", "parcel",
            allowed=(0.0, 1e12)),
    Feature("freight_currency", "the order's currency", "what the buyer paid for delivery", "the source does not say",
            "parcel", allowed=(0.0, 1e12)),
    Feature("freight_share", "share of goods and freight, 0 to 1", "how costly the delivery is for what it is",
            "freight is not known, or both are 0", "parcel", allowed=(0.0, 1.0)),
    Feature("freight_per_kg_currency", "currency per kg", "price of the transport", "freight or weight is not known",
            "parcel", allowed=(0.0, 1e12)),
    Feature("promise_days_per_1000_km", "days per 1,000 km", "how generous the promise is for the way",
            "distance or promise is not known", "slack"),
    Feature("is_same_region", "1 or 0", "leaves from and goes to one region", "a region is not known", "route",
            allowed=(0.0, 1.0)),
)  # fmt: skip


def build(_known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES. Reads nothing beyond ``base``."""
    weight_kg = F.col("weight_g").cast("double") / F.lit(1000.0)
    value, freight = F.col("value").cast("double"), F.col("freight").cast("double")
    promised = (F.unix_micros("promised_at") - F.unix_micros("created_at")) / F.lit(86_400_000_000.0)
    values = {
        "distance_km": F.col("distance_km"),
        "weight_kg": weight_kg,
        "lines_count": F.col("items"),
        "quantity_count": F.col("quantity"),
        "sellers_count": F.col("sellers"),
        "value_currency": value,
        "freight_currency": freight,
        "freight_share": ratio(freight, value + freight),
        "freight_per_kg_currency": ratio(freight, weight_kg),
        "promise_days_per_1000_km": promised / ((F.col("distance_km").cast("double") + 100.0) / 1000.0),
        "is_same_region": F.col("origin_region") == F.col("destination_region"),
    }
    return base.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


GROUP = FeatureGroup("parcel", ORDER_KEYS, FEATURES, build)
