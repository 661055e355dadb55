"""The parcel's own journey so far: the last scan, how long ago, and how much has happened."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import days, hours
from features.known import Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, Feature, FeatureGroup

FEATURES = (
    Feature("last_scan_age_hours", "hours", "time since the last scan that is known happened", "no scan yet",
            "scan_gap"),
    Feature("last_scan_known_age_hours", "hours", "time since the last scan became known", "no scan yet", "scan_gap"),
    Feature("last_scan_delay_hours", "hours", "how late the last scan was reported", "no scan yet", "scan_gap"),
    Feature("scans_count", "scans", "how much of the journey was seen", "never null; 0 before the first", "scan_gap",
            allowed=(0.0, 1e4)),
    Feature("hubs_count", "hubs", "hubs passed", "never null; 0 before the first", "hub", allowed=(0.0, 1e3)),
    Feature("attempts_failed_count", "attempts", "deliveries that failed", "never null", "attempt",
            allowed=(0.0, 100.0), monotone=1),
    Feature("hub_dwell_hours", "hours", "time in the hub that it entered last and has not left",
            "the last scan is not the entry into a hub", "hub"),
    Feature("is_at_hub", "1 or 0", "the last scan is the entry into a hub", "never null", "hub", allowed=(0.0, 1.0)),
    Feature("is_between_hubs", "1 or 0", "the last scan is the exit from a hub", "never null", "scan_gap",
            allowed=(0.0, 1.0)),
    Feature("is_out_for_delivery", "1 or 0", "the last scan is out for delivery", "never null", "scan_gap",
            allowed=(0.0, 1.0)),
    Feature("is_attempt_failed", "1 or 0", "the last scan is a failed attempt", "never null", "attempt",
            allowed=(0.0, 1.0)),
    Feature("parcels_count", "parcels", "parcels of the order known so far", "never null", "parcel",
            allowed=(0.0, 1e3)),
    Feature("scans_per_days_ratio", "scans a day since hand-over", "how often it is seen", "not handed over yet",
            "scan_gap", allowed=(0.0, 1e4)),
)  # fmt: skip


def build(_known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES. Reads nothing beyond ``base``."""
    last = F.col("last_event")
    zero = F.lit(0)
    moving_days = F.greatest(days("handed_over_at", "as_of"), F.lit(1.0))
    values = {
        "last_scan_age_hours": hours("last_scan_at", "as_of"),
        "last_scan_known_age_hours": hours("last_scan_recorded_at", "as_of"),
        "last_scan_delay_hours": hours("last_scan_at", "last_scan_recorded_at"),
        "scans_count": F.coalesce("scans", zero),
        "hubs_count": F.coalesce("hubs", zero),
        "attempts_failed_count": F.coalesce("attempts_failed", zero),
        "hub_dwell_hours": hours("hub_in_at", "as_of"),
        "is_at_hub": F.coalesce(last == "hub_in", F.lit(False)),
        "is_between_hubs": F.coalesce(last == "hub_out", F.lit(False)),
        "is_out_for_delivery": F.coalesce(last == "out_for_delivery", F.lit(False)),
        "is_attempt_failed": F.coalesce(last == "attempt_failed", F.lit(False)),
        "parcels_count": F.coalesce("parcels", zero),
        "scans_per_days_ratio": F.when(F.col("handed_over_at").isNotNull(), F.col("scans") / moving_days),
    }
    return base.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


GROUP = FeatureGroup("scans", ORDER_KEYS, FEATURES, build)
