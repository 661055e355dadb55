"""The buyer asks to send it back, or gets the money back because it never came."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog, watched
from features.watched import WATCHED_SNAPSHOTS
from lake.store import Lake
from models import horizon
from models.target import TargetSpec, nothing_known

HORIZON = timedelta(days=30)
FEATURES = catalog.features_of(
    "order_problems", "promise", "scans", "parcel", "carrier", "seller", "category", "buyer", "scan_gaps", "silence",
    "hubs_ahead", "cohorts", "ways",
    "seller_pace", "offer", "troubles", "arrival", "messages",
)  # fmt: skip


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if a return is requested or money refunded in the 30 days from then.

    Null where it had been before. Returns order_id, as_of, label (double), matured_at, deadline_at, ended_at (null).
    """
    asked_back = F.col("event").isin("return_requested", "refunded")
    happened = horizon.first_of(lake, "order_events", asked_back, known_before)
    return horizon.within(rows.select("order_id", "as_of"), happened, horizon.after(F.col("as_of"), HORIZON))


def often_sent_back(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: what is often sent back will be again."""
    return frame["article_returned_share_90d"]


def asked_already(frame: pd.DataFrame) -> pd.Series:
    """Whether the buyer has asked already."""
    return frame["is_return_requested"] == 1


SPEC = TargetSpec(
    name="return_or_refund",
    event="a return is requested, or the money refunded",
    recipient="buyer",
    horizon="30 days",
    snapshots=WATCHED_SNAPSHOTS,
    subject_table="orders",
    needs=("order_events",),
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={
        "listing_price_ratio": -1,
        "article_returned_share_90d": 1,
        "article_reviewed_badly_share_90d": 1,
        "delivered_late_days": 1,
        **{feature.name: 1 for feature in FEATURES if feature.reason in {"contact", "buyer"} and feature.monotone == 1},
    },
    rule=often_sent_back,
    rule_says="most returns of the article in 90 days first",
    abstain=nothing_known,
    known=asked_already,
    template="return_or_refund",
    benefit=0.8,
    cost=0.5,
    threshold=0.35,
)
