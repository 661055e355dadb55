"""The parcel stands still: five days pass between two of its scans, or after the last one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features import catalog, watched
from features.open_orders import PARCEL_ENDS
from features.subjects import ORDER_SNAPSHOTS
from lake.store import Lake
from models import horizon
from models.target import TargetSpec, nothing_known

STALLED_DAYS = 5  # between the UTC dates of two scans
HORIZON = timedelta(days=14)
FEATURES = catalog.features_of(
    "order_problems", "promise", "scans", "parcel", "order_calendar", "platform", "lane", "destination", "carrier",
    "seller", "hub", "scan_gaps", "silence", "hubs_ahead", "cohorts", "ways",
    "seller_pace",
)  # fmt: skip


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if one of its parcels begins to stand still in the 14 days from then.

    Null where one had before. Returns order_id, as_of, label (double), matured_at, deadline_at, ended_at (null).
    """
    until = horizon.after(F.col("as_of"), HORIZON)
    return horizon.within(rows.select("order_id", "as_of"), stalled(lake, known_before), until)


def stalled(lake: Lake, known_before: datetime | None) -> DataFrame:
    """order_id, happened_at: the first midnight at which a parcel had gone five days without a scan."""
    parcel = Window.partitionBy("order_id", "shipment_id").orderBy("event_at", "event")
    scans = horizon.scans_of(lake, known_before).withColumn("next_at", F.lead("event_at").over(parcel))
    seen_until = F.current_timestamp() if known_before is None else F.lit(known_before)
    ended = F.col("event").isin(*PARCEL_ENDS)
    waited = F.when(F.col("next_at").isNotNull(), F.col("next_at")).when(~ended, seen_until)
    stands = F.date_diff(F.to_date(waited), F.to_date("event_at")) >= STALLED_DAYS
    began = F.date_add(F.to_date("event_at"), STALLED_DAYS).cast("timestamp")
    return scans.where(stands).groupBy("order_id").agg(F.min(began).alias("happened_at"))


def silence(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: the longer a parcel has not been seen, the likelier it stands still."""
    return frame["silent_days"].fillna(0.0)


def stands_already(frame: pd.DataFrame) -> pd.Series:
    """Whether five days have passed already."""
    return frame["longest_gap_days"] >= STALLED_DAYS


SPEC = TargetSpec(
    name="stalled_parcel",
    event="five days pass between two scans of a parcel, or after its last one",
    recipient="buyer",
    horizon="14 days",
    snapshots=ORDER_SNAPSHOTS,
    subject_table="orders",
    needs=("shipment_events",),
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={"silent_days": 1},
    rule=silence,
    rule_says="longest silence first: days since the last scan",
    abstain=nothing_known,
    known=stands_already,
    template="stalled_parcel",
    benefit=0.8,
    cost=0.3,
    growth={"least_rounds": 100},
    threshold=0.35,
)
