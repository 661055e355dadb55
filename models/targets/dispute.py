"""The buyer opens a claim."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog, watched
from features.watched import WATCHED_SNAPSHOTS
from lake.store import Lake
from models import arrivals, horizon
from models.target import TargetSpec, nothing_known

AFTER_PROMISE = timedelta(days=10)
DAYS_PER_MESSAGE = 3.0
FEATURES = catalog.features_of(
    "order_problems", "promise", "scans", "scan_gaps", "silence", "hubs_ahead", "cohorts", "ways", "offer", "troubles",
    "arrival", "messages", "platform", "lane", "destination", "carrier", "seller", "hub", "seller_pace",
    "order_calendar", "parcel",
)  # fmt: skip


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if a claim is opened within 10 days after the promise, or after as_of where
    that is later or nothing was promised.

    Null where one had been before. Claims are rare, late parcels are not, and the one comes of the other: how late it
    came is the surrogate. Returns order_id, as_of, label (double), matured_at, deadline_at, ended_at (null), surrogate.
    """
    opened = horizon.first_of(lake, "disputes", F.col("event") == "opened", known_before)
    promises = lake.read("orders", known_before=known_before).select("order_id", "promised_at")
    asked = rows.select("order_id", "as_of").join(promises, "order_id", "left")
    until = horizon.after(F.greatest("as_of", F.coalesce("promised_at", "as_of")), AFTER_PROMISE)
    came = arrivals.lateness(lake, asked, until, known_before)
    return horizon.within(asked, opened, until).join(came, ["order_id", "as_of"])


def past_the_promise(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: the later it is, or came, the likelier a claim; each message counts as three days."""
    late = frame["delivered_late_days"].fillna(-frame["slack_days"])
    return late + DAYS_PER_MESSAGE * frame["contacts_count"]


def opened_already(frame: pd.DataFrame) -> pd.Series:
    """Whether a claim was opened already."""
    return frame["is_disputed"] == 1


SPEC = TargetSpec(
    name="dispute",
    event="a claim is opened about the order",
    recipient="buyer",
    horizon="until 10 days after promised_at, or after the moment itself where that is later",
    snapshots=WATCHED_SNAPSHOTS,
    subject_table="orders",
    needs=("disputes",),
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={
        "listing_price_ratio": -1,
        "article_disputed_share_90d": 1,
        "delivered_late_days": 1,
        **{feature.name: 1 for feature in FEATURES if feature.reason in {"contact", "buyer"} and feature.monotone == 1},
    },
    rule=past_the_promise,
    rule_says="most days past the promise first, each message about it counting as three",
    abstain=nothing_known,
    known=opened_already,
    template="dispute",
    has_surrogate=True,
    benefit=2.0,
    cost=0.6,
    growth={"depth": 4, "child_weight": 10.0},
    threshold=0.3,
)
