"""The seller cancels the order before it is handed over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog, watched
from features.subjects import ORDER_SNAPSHOTS
from lake.store import Lake
from models import horizon
from models.target import TargetSpec, never

HORIZON = timedelta(days=10)
FEATURES = catalog.features_of(
    "order_problems", "promise", "parcel", "order_calendar", "platform", "seller", "category", "payment", "offer",
    "seller_pace",
    "troubles",
)  # fmt: skip


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if the seller cancels it in the 10 days from then.

    Returns order_id, as_of, label (double), matured_at, deadline_at, ended_at (null).
    """
    by_seller = (F.col("event") == "cancelled") & (F.col("by") == "seller")
    cancelled = horizon.first_of(lake, "order_events", by_seller, known_before)
    return horizon.within(rows.select("order_id", "as_of"), cancelled, horizon.after(F.col("as_of"), HORIZON))


def past_the_limit(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: the less time is left to hand over, the likelier the seller gives up."""
    return -frame["ship_by_slack_days"]


def abstain(frame: pd.DataFrame) -> pd.Series:
    """Why to say nothing: what was handed over can no longer be cancelled."""
    reason = pd.Series(None, index=frame.index, dtype=object)
    return reason.mask(frame["is_handed_over"] == 1, "it was handed over: the seller can no longer cancel it")


SPEC = TargetSpec(
    name="seller_cancellation",
    event="the seller cancels the order",
    recipient="buyer",
    horizon="10 days",
    snapshots=ORDER_SNAPSHOTS,
    subject_table="orders",
    needs=("order_events", "order_items"),
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={
        "article_paused_share_3d": 1,
        "article_paused_share_7d": 1,
        "article_given_up_share_28d": 1,
        "seller_given_up_share_28d": 1,
    },
    rule=past_the_limit,
    rule_says="least time left before the dispatch limit first",
    abstain=abstain,
    known=never,
    template="seller_cancellation",
    benefit=1.0,
    cost=0.5,
    threshold=0.35,
)
