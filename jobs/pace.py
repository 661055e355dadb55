"""How fast orders have come lately, against what the model in service expects: once a day, before scoring."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa

from lake.store import Lake, as_of
from models.pace import USUAL, paces
from models.registry import Served
from models.target import TargetSpec

TABLE = pa.schema([("pace", pa.float64()), ("rows", pa.int64()), ("day", pa.date32())])


def table_of(spec: TargetSpec) -> str:
    """Where the pace of each day is kept: one row a day."""
    return f"pace_{spec.name}"


def measure(lake: Lake, spec: TargetSpec, served: Served, day: date, lately: pd.DataFrame) -> float:
    """The pace at the end of ``day``; written to the lake. lately: of jobs.lately, with the model's features."""
    found = float(paces(served.model.hazard, lately, pd.Series([pd.Timestamp(as_of(day))]))[0])
    row = pa.table({"pace": [found], "rows": [len(lately)], "day": [day]}, schema=TABLE)
    lake.replace_days(table_of(spec), lake.frame(row), day, day)
    return found


def read(lake: Lake, spec: TargetSpec, day: date) -> float:
    """What ``measure`` wrote for the day; the usual pace where it was not worked out."""
    if not lake.exists(table_of(spec)):
        return USUAL
    rows = lake.day(table_of(spec), day).select("pace").toArrow().column(0).to_pylist()
    return float(rows[0]) if rows else USUAL
