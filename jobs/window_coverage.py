"""Which slices' date windows have not held in the last week: worked out once a day, before anybody is told a date."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import first_known
from lake.store import Lake, as_of
from models.registry import Served
from models.slices import COLUMNS, SLICE, Silence, silence
from models.target import TargetSpec

TABLE = pa.schema(
    [
        ("carrier", pa.string()), ("destination_region", pa.string()), ("orders", pa.int64()),
        ("coverage", pa.float64()), ("is_silent", pa.bool_()), ("day", pa.date32()),
    ]
)  # fmt: skip


def table_of(spec: TargetSpec) -> str:
    """Where a day's coverage by slice is kept."""
    return f"coverage_{spec.name}"


def measure(lake: Lake, spec: TargetSpec, served: Served, day: date, lately: pd.DataFrame) -> Silence:
    """Coverage by slice of the windows that were decided in the week before the end of ``day``; written to the lake.

    Windows are those that the model in service gives to the features of the days before, as they were recorded: lately,
    of jobs.lately, with the window's features. Raises ValueError where the model has no window.
    """
    window = served.model.window
    if window is None:
        raise ValueError(f"{spec.name}: the model in service has no date window whose coverage could be measured.")
    dated = lately[["subject_id", "ended_at", "weight"]].join(window.dates(lately)[["p10", "p90"]])
    ways = _ways(lake, day).toArrow().to_pandas()
    found = silence(dated.merge(ways, on="subject_id"), as_of(day))
    rows = pa.Table.from_pandas(found.table.assign(day=day), schema=TABLE, preserve_index=False)
    lake.replace_days(table_of(spec), lake.frame(rows), day, day)
    return found


def read(lake: Lake, spec: TargetSpec, day: date) -> Silence:
    """What ``measure`` wrote for the day; nothing is silent where it was not worked out."""
    if not lake.exists(table_of(spec)):
        return Silence(pd.DataFrame(columns=list(COLUMNS)).astype({"is_silent": bool}))
    return Silence(lake.day(table_of(spec), day).select(*COLUMNS).toArrow().to_pandas())


def _ways(lake: Lake, day: date) -> DataFrame:
    """subject_id, carrier, destination_region of every order whose carrier is known."""
    plans = lake.read("shipments", known_before=as_of(day)).groupBy("order_id")
    first = plans.agg(first_known(["shipment_id"], "carrier").alias("plan"))
    orders = lake.read("orders", known_before=as_of(day)).select("order_id", "destination_region")
    both = orders.join(first.select("order_id", "plan.carrier"), "order_id").where(F.col("carrier").isNotNull())
    return both.select(F.col("order_id").alias("subject_id"), *SLICE)
