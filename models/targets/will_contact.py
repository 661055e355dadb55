"""Someone writes or calls about the order within 72 hours."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog, watched
from features.watched import WATCHED_SNAPSHOTS
from lake.store import Lake
from models import horizon
from models.target import TargetSpec, never, nothing_known

HORIZON = timedelta(hours=72)
DAYS_PER_MESSAGE = 3.0
FEATURES = catalog.features_of(
    "order_problems", "promise", "scans", "parcel", "order_calendar", "carrier", "seller", "buyer", "scan_gaps",
    "silence", "hubs_ahead", "cohorts", "ways",
    "seller_pace", "offer", "troubles", "arrival", "messages",
)  # fmt: skip


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if someone writes or calls about it in the 72 hours from then.

    Returns order_id, as_of, label (double), matured_at, deadline_at (the first such contact), ended_at (null).
    """
    asked = rows.select("order_id", "as_of")
    wrote = lake.read("contacts", known_before=known_before).select("order_id", "event_at")
    later = asked.join(wrote, "order_id").where(F.col("event_at") >= F.col("as_of"))
    first = later.groupBy("order_id", "as_of").agg(F.min("event_at").alias("happened_at"))
    until = horizon.after(F.col("as_of"), HORIZON)
    return horizon.within(asked, first, until, on=("order_id", "as_of"), wait=timedelta(days=1))


def recent_words_and_lateness(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: who wrote lately writes again, and so does who waits past the promise."""
    late = frame["delivered_late_days"].fillna(-frame["slack_days"])
    return late + DAYS_PER_MESSAGE * frame["contacts_72h_count"]


SPEC = TargetSpec(
    name="will_contact",
    event="someone writes or calls about the order",
    recipient="buyer",
    horizon="72 hours",
    snapshots=WATCHED_SNAPSHOTS,
    subject_table="orders",
    needs=("contacts",),
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={
        feature.name: 1 for feature in FEATURES if feature.reason in {"contact", "buyer"} and feature.monotone == 1
    },
    rule=recent_words_and_lateness,
    rule_says="most days past the promise first, each message of three days counting as three",
    abstain=nothing_known,
    known=never,
    template="will_contact",
    benefit=0.6,
    cost=0.3,
    threshold=0.3,
)
