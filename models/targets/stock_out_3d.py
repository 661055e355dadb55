"""A stock-out day comes within three days, whatever the source counts: time enough for a seller without a lead time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import subjects
from lake.store import Lake
from models.targets import stock_out

DAYS_AHEAD = 3


def at_midnight(lake: Lake, as_of: datetime) -> DataFrame:
    """Every series at one UTC midnight, asked about three days ahead."""
    return _ahead(subjects.stock_series_of(lake, as_of))


def at_midnights(lake: Lake, first: datetime, last: datetime) -> DataFrame:
    """The same at every UTC midnight, first <= as_of < last."""
    return _ahead(stock_out.at_midnights(lake, first, last))


def _ahead(series: DataFrame) -> DataFrame:
    return series.withColumn("horizon_days", F.lit(DAYS_AHEAD))


SPEC = replace(
    stock_out.SPEC,
    name="stock_out_3d",
    event="a day with at most 75 % of its selling hours in stock, or nothing left at its end, within three days",
    horizon="three days",
    subjects_at=at_midnight,
    subjects_between=at_midnights,
)
