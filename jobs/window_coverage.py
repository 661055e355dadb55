"""Which slices' date windows have not held in the last week: worked out once a day, before anybody is told a date."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import first_known
from lake.store import Lake, as_of
from models import frames
from models.registry import Served
from models.slices import COLUMNS, SLICE, Silence, silence
from models.target import TargetSpec

LOOK_DAYS = 28  # a window announced longer ago has long been decided
MOST_ROWS = 60_000  # past windows that are looked at; more say no more about a share
TABLE = pa.schema(
    [
        ("carrier", pa.string()), ("destination_region", pa.string()), ("orders", pa.int64()),
        ("coverage", pa.float64()), ("is_silent", pa.bool_()), ("day", pa.date32()),
    ]
)  # fmt: skip


def table_of(spec: TargetSpec) -> str:
    """Where a day's coverage by slice is kept."""
    return f"coverage_{spec.name}"


def measure(lake: Lake, spec: TargetSpec, served: Served, day: date) -> Silence:
    """Coverage by slice of the windows that were decided in the week before the end of ``day``; written to the lake.

    Windows are those that the model in service gives to the features of the days before, as they were recorded.
    """
    found = silence(_past(lake, spec, served, day), as_of(day))
    rows = pa.Table.from_pandas(found.table.assign(day=day), schema=TABLE, preserve_index=False)
    lake.replace_days(table_of(spec), lake.frame(rows), day, day)
    return found


def read(lake: Lake, spec: TargetSpec, day: date) -> Silence:
    """What ``measure`` wrote for the day; nothing is silent where it was not worked out."""
    if not lake.exists(table_of(spec)):
        return Silence(pd.DataFrame(columns=list(COLUMNS)).astype({"is_silent": bool}))
    return Silence(lake.day(table_of(spec), day).select(*COLUMNS).toArrow().to_pandas())


def _past(lake: Lake, spec: TargetSpec, served: Served, day: date) -> pd.DataFrame:
    window = served.model.window
    if window is None:
        raise ValueError(f"{spec.name}: the model in service has no date window whose coverage could be measured.")
    table = lake.read(f"features_{spec.name}")
    days = table.where(F.col("day").between(F.lit(day - timedelta(days=LOOK_DAYS)), F.lit(day - timedelta(days=1))))
    named = days.withColumn(spec.keys[0], F.col("subject_id"))
    share = min(1.0, MOST_ROWS / max(named.count(), 1))
    rows = frames.to_pandas(
        frames.sampled(named, spec, share, seed=1).select(*frames.SUBJECT_COLUMNS, *window.features)
    )
    dated = (
        rows[["subject_id", "as_of"]].join(window.dates(rows))
        if len(rows)
        else rows.assign(p10=None, p50=None, p90=None)
    )
    asked = (
        lake.spark.createDataFrame(dated[["subject_id", "as_of"]])
        if len(rows)
        else named.select("subject_id", "as_of").limit(0)
    )
    outcomes = spec.label(lake, asked.withColumnRenamed("subject_id", spec.keys[0]), as_of(day))
    ended = outcomes.select(F.col(spec.keys[0]).alias("subject_id"), "as_of", "ended_at").toArrow().to_pandas()
    ways = _ways(lake, day).toArrow().to_pandas()
    for name in ("as_of", "ended_at"):
        ended[name] = pd.to_datetime(ended[name], utc=True)
    return dated.merge(ended, on=["subject_id", "as_of"]).merge(ways, on="subject_id").assign(weight=1.0)


def _ways(lake: Lake, day: date) -> DataFrame:
    """subject_id, carrier, destination_region of every order whose carrier is known."""
    plans = lake.read("shipments", known_before=as_of(day)).groupBy("order_id")
    first = plans.agg(first_known(["shipment_id"], "carrier").alias("plan"))
    orders = lake.read("orders", known_before=as_of(day)).select("order_id", "destination_region")
    both = orders.join(first.select("order_id", "plan.carrier"), "order_id").where(F.col("carrier").isNotNull())
    return both.select(F.col("order_id").alias("subject_id"), *SLICE)
