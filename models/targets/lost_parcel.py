"""The carrier declares the parcel lost."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog, watched
from features.subjects import ORDER_SNAPSHOTS
from lake.store import Lake
from models import horizon
from models.target import TargetSpec, never, nothing_known

HORIZON = timedelta(days=30)  # carriers search for two to three weeks before they give a parcel up
FEATURES = catalog.features_of(
    "order_problems",
    "promise",
    "scans",
    "parcel",
    "lane",
    "destination",
    "carrier",
    "hub",
    "scan_gaps",
    "silence",
    "hubs_ahead",
    "cohorts",
    "ways",
)


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (order_id, as_of): 1 if one of its parcels is declared lost in the 30 days from then.

    Returns order_id, as_of, label (double), matured_at, deadline_at, ended_at (null).
    """
    scans = horizon.scans_of(lake, known_before).where(F.col("event") == "lost")
    lost = scans.groupBy("order_id").agg(F.min("event_at").alias("happened_at"))
    return horizon.within(rows.select("order_id", "as_of"), lost, horizon.after(F.col("as_of"), HORIZON))


def silence(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: the longer a parcel has not been seen, the likelier it is lost."""
    return frame["silent_days"].fillna(0.0)


SPEC = TargetSpec(
    name="lost_parcel",
    event="the carrier declares a parcel of the order lost",
    recipient="buyer",
    horizon="30 days",
    snapshots=ORDER_SNAPSHOTS,
    subject_table="orders",
    needs=("shipment_events",),
    keys=("order_id",),
    subjects_at=watched.watched_orders,
    subjects_between=watched.watched_snapshots,
    label=label,
    built_as="order_problems",
    features=tuple(feature.name for feature in FEATURES),
    monotone={"silent_days": 1, "longest_gap_days": 1},
    rule=silence,
    rule_says="longest silence first: days since the last scan",
    abstain=nothing_known,
    known=never,
    template="lost_parcel",
    benefit=1.5,
    cost=0.4,
    threshold=0.4,
)
