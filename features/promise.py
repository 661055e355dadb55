"""How old an order is, and how much of the promised time is left: least slack is the rule to beat."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import days, hours, ratio, weekday
from features.known import Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, Feature, FeatureGroup

FEATURES = (
    Feature("slack_days", "days", "time left before the promise breaks, negative once it has",
            "no promise was made", "slack", allowed=(-400.0, 400.0), monotone=-1),
    Feature("promise_total_days", "days", "time promised from order to delivery", "no promise was made", "slack"),
    Feature("promise_used_share", "share of the promised time, above 1 once it has passed",
            "how much of the promised time is gone", "no promise, or promised for the moment of ordering", "slack"),
    Feature("order_age_days", "days", "time since the order was placed", "the order is not known yet", "slack"),
    Feature("approval_age_hours", "hours", "time since the order was approved", "not approved yet", "slack"),
    Feature("approval_wait_hours", "hours", "time from order to approval", "not approved yet", "payment"),
    Feature("is_handed_over", "1 once a parcel was handed over, else 0", "stage of the journey", "never null",
            "hand_over", allowed=(0.0, 1.0)),
    Feature("handed_over_age_days", "days", "time since the hand-over", "not handed over yet", "slack"),
    Feature("handling_hours", "hours", "time from approval to hand-over", "not approved or not handed over yet",
            "hand_over"),
    Feature("ship_by_slack_days", "days", "time left before the dispatch limit, negative once it has passed",
            "no dispatch limit, or handed over already", "hand_over", monotone=-1),
    Feature("ship_by_missed_days", "days", "how late the hand-over was, or is by now; 0 while in time",
            "no dispatch limit", "hand_over", allowed=(0.0, 1e4), monotone=1),
    Feature("promise_after_ship_by_days", "days", "time between the dispatch limit and the promise",
            "no dispatch limit or no promise", "slack"),
    Feature("slack_at_hand_over_days", "days", "time that was left before the promise when it was handed over",
            "not handed over yet, or no promise", "slack"),
    Feature("promise_weekday_code", "0 Monday to 6 Sunday (UTC)", "weekday of the promise", "no promise was made",
            "calendar", allowed=(0.0, 6.0)),
    Feature("order_weekday_code", "0 Monday to 6 Sunday (UTC)", "weekday of the order", "the order is not known yet",
            "calendar", allowed=(0.0, 6.0)),
)  # fmt: skip


def build(_known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES. Reads nothing beyond ``base``."""
    handed = F.col("handed_over_at")
    missed = F.greatest(days("ship_by", F.coalesce(handed, "as_of")), F.lit(0.0))
    values = {
        "slack_days": days("as_of", "promised_at"),
        "promise_total_days": days("created_at", "promised_at"),
        "promise_used_share": ratio(hours("created_at", "as_of"), hours("created_at", "promised_at")),
        "order_age_days": days("created_at", "as_of"),
        "approval_age_hours": hours("approved_at", "as_of"),
        "approval_wait_hours": hours("created_at", "approved_at"),
        "is_handed_over": handed.isNotNull(),
        "handed_over_age_days": days(handed, "as_of"),
        "handling_hours": hours("approved_at", handed),
        "ship_by_slack_days": F.when(handed.isNull(), days("as_of", "ship_by")),
        "ship_by_missed_days": F.when(F.col("ship_by").isNotNull(), missed),
        "promise_after_ship_by_days": days("ship_by", "promised_at"),
        "slack_at_hand_over_days": days(handed, "promised_at"),
        "promise_weekday_code": weekday("promised_at"),
        "order_weekday_code": weekday("created_at"),
    }
    return base.select(*KEYS, *[values[feature.name].cast("double").alias(feature.name) for feature in FEATURES])


GROUP = FeatureGroup("promise", ORDER_KEYS, FEATURES, build)
