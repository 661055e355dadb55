"""The parcel comes after the moment that was promised, or has not come when that moment passes."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog, watched
from features.subjects import ORDER_SNAPSHOTS
from lake.store import Lake
from models.arrivals import delivered
from models.target import TargetSpec

FEATURES = catalog.features_of(
    "order_problems", *catalog.names_of("late_delivery"), "silence", "hubs_ahead", "cohorts", "ways", "seller_pace"
)


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if the last parcel came after promised_at, or had not come when it
    passed.

    Null without a promise, and where the order was cancelled before it. Matures at promised_at, whatever the
    outcome. Returns order_id, as_of, label (double), matured_at, deadline_at (the promise), ended_at (when the
    last parcel came, null if not), over_known_at (when it became known that it came, or that the order was cancelled).
    """
    orders = lake.read("orders", known_before=known_before).select("order_id", "promised_at")
    events = lake.read("order_events", known_before=known_before).where(F.col("event") == "cancelled")
    cancelled = events.groupBy("order_id").agg(
        F.min("event_at").alias("cancelled_at"), F.min("recorded_at").alias("cancelled_known_at")
    )
    known = orders.join(delivered(lake, known_before), "order_id", "left").join(cancelled, "order_id", "left")
    void = F.col("promised_at").isNull() | F.coalesce(F.col("cancelled_at") < F.col("promised_at"), F.lit(False))
    is_late = F.coalesce(F.col("ended_at") > F.col("promised_at"), F.lit(True))
    return (
        rows.select("order_id", "as_of")
        .join(known, "order_id", "inner")
        .select(
            "order_id",
            "as_of",
            F.when(~void, is_late.cast("double")).alias("label"),
            F.col("promised_at").alias("matured_at"),
            F.col("promised_at").alias("deadline_at"),
            "ended_at",
            F.least("ended_known_at", "cancelled_known_at").alias("over_known_at"),
        )
    )


def least_slack(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: the less time is left before the promise, the likelier it breaks."""
    return -frame["slack_days"]


def abstain(frame: pd.DataFrame) -> pd.Series:
    """Why to say nothing about an order: there is no promise that could break."""
    reason = pd.Series(None, index=frame.index, dtype=object)
    return reason.mask(frame["slack_days"].isna(), "no delivery date was promised")


def promise_has_passed(frame: pd.DataFrame) -> pd.Series:
    """Whether the promise is already broken."""
    return frame["slack_days"] <= 0


SPEC = TargetSpec(
    name="late_delivery",
    event="the last parcel is delivered after promised_at, or not at all by then",
    recipient="buyer",
    horizon="until promised_at",
    snapshots=ORDER_SNAPSHOTS,
    subject_table="orders",
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={feature.name: feature.monotone for feature in FEATURES if feature.monotone},
    rule=least_slack,
    rule_says="least slack first: days left before the promise",
    abstain=abstain,
    known=promise_has_passed,
    template="late_delivery",
    benefit=1.0,
    cost=0.35,
    threshold=0.3,
    has_date_window=True,
    deadline="slack_days",
)
