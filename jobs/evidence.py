"""The evidence record of a candidate: every number and date that a message may say, with the rows they come from.

Read as it was known at the candidate's moment and never later, so that a replay says the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from jobs import evidence_orders, evidence_series
from lake.store import Lake
from models.demand import Demand
from models.target import TargetSpec

DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class About:
    """What is known of one candidate. fields: parts of its record. sources: table -> source row {"table", "key",
    "recorded_at"}.
    """

    fields: Mapping[str, Any]
    sources: Mapping[str, Mapping[str, Any]]


def gather(lake: Lake, spec: TargetSpec, frame: pd.DataFrame, moment: datetime) -> list[About]:
    """What was known of each row of ``frame`` before ``moment``, in its order. frame: subject_id, sku_id,
    features, probability.
    """
    if frame.empty:
        return []
    keys = frame[["subject_id", "sku_id"]].drop_duplicates()
    asked: DataFrame = lake.spark.createDataFrame(keys)
    if spec.keys == ("order_id",):
        fields, sources = evidence_orders.read(lake, asked, moment)
    else:
        fields, sources = evidence_series.read(lake, asked, moment)
    subjects = list(zip(frame["subject_id"], frame["sku_id"], strict=True))
    return [About(fields.get(subject, {}), sources.get(subject, {})) for subject in subjects]


def planned(spec: TargetSpec, frame: pd.DataFrame, demand: Demand | None) -> pd.DataFrame:
    """``frame`` with what ``record`` needs beyond features: the order plan of each article; orders need nothing."""
    return frame if spec.keys == ("order_id",) else evidence_series.planned(frame, demand)


def record(
    spec: TargetSpec, row: pd.Series, about: About, reasons: list[dict[str, Any]], window: pd.Series | None
) -> dict[str, Any]:
    """The evidence record of one candidate, ready for JSON."""
    shared = {
        "kind": spec.name,
        "as_of": iso(row["as_of"]),
        "probability": round(float(row["probability"]), 4),
        "reasons": reasons,
    }
    if spec.keys == ("order_id",):
        dates = {name: iso(window[name]) if window is not None else None for name in ("p10", "p50", "p90")}
        return {**shared, **about.fields, "snapshot": row["snapshot"], "window": dates if window is not None else None}
    return {**shared, **evidence_series.plan(row, about.fields)}


def iso(moment: datetime | pd.Timestamp | None) -> str | None:
    """A moment as ISO-8601 UTC text; None for none."""
    if moment is None or pd.isna(moment):
        return None
    return pd.Timestamp(moment).tz_convert("UTC").isoformat()


@cache
def code_version() -> str:
    """A digest over the code that makes evidence out of tables: features, models, and these files."""
    root = Path(__file__).parents[1]
    files = [*(root / "features").glob("*.py"), *(root / "models").rglob("*.py"), *(root / "jobs").glob("evidence*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:DIGEST_LENGTH]
