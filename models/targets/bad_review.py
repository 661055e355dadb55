"""The buyer, to whom it has just been delivered, gives one or two stars."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog, watched
from features.outcomes import BAD_STARS
from features.watched import DELIVERY
from lake.store import Lake
from models import horizon
from models.target import TargetSpec, nothing_known

HORIZON = timedelta(days=14)
FEWEST_STARS, MOST_STARS = 1, 5
FEATURES = catalog.features_of(
    "order_problems", "promise", "scans", "parcel", "platform", "lane", "seller", "category", "buyer", "offer",
    "troubles", "arrival", "messages", "silence",
)  # fmt: skip


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if it is reviewed with one or two stars in the 14 days from then.

    No review is no bad review. Null where it had been reviewed before, well or badly. Returns order_id, as_of, label
    (double), matured_at, deadline_at, ended_at (null), grade (0 for five stars or none, 1 for one).
    """
    known = lake.read("reviews", known_before=known_before).groupBy("order_id")
    reviews = known.agg(F.min("event_at").alias("reviewed_at"), F.min("score").alias("stars"))
    bad = horizon.first_of(lake, "reviews", F.col("score") <= BAD_STARS, known_before)
    asked = rows.select("order_id", "as_of").join(reviews, "order_id", "left")
    open_rows = asked.where(F.col("reviewed_at").isNull() | (F.col("reviewed_at") >= F.col("as_of")))
    until = horizon.after(F.col("as_of"), HORIZON)
    disliked = (MOST_STARS - F.col("stars")).cast("double") / (MOST_STARS - FEWEST_STARS)
    grade = F.when(F.col("reviewed_at") < until, disliked).otherwise(F.lit(0.0)).alias("grade")
    return horizon.within(open_rows, bad, until).join(
        open_rows.select("order_id", "as_of", grade), ["order_id", "as_of"]
    )


def lateness(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: the later it came, the worse the review."""
    return frame["delivered_late_days"]


def reviewed_already(frame: pd.DataFrame) -> pd.Series:
    """Whether it was reviewed before it was known to be delivered."""
    return frame["is_reviewed"] == 1


SPEC = TargetSpec(
    name="bad_review",
    event="one or two stars are given",
    recipient="buyer",
    horizon="14 days after the delivery became known",
    snapshots=(DELIVERY,),
    subject_table="orders",
    needs=("reviews", "shipment_events"),
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={
        "listing_price_ratio": -1,
        "article_reviewed_badly_share_90d": 1,
        "delivered_late_days": 1,
        **{feature.name: 1 for feature in FEATURES if feature.reason in {"contact", "buyer"} and feature.monotone == 1},
    },
    rule=lateness,
    rule_says="latest delivery first: days after the promise",
    abstain=nothing_known,
    known=reviewed_already,
    template="bad_review",
    graded=True,
    benefit=0.8,
    cost=0.4,
    threshold=0.3,
)
