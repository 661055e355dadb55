"""A stock-out day comes within the horizon: a quarter or more of the selling hours are lost, or nothing is left at
its end.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features import catalog, subjects
from lake.store import Lake
from models.target import TargetSpec

FEATURES = catalog.features_of("stock_out")
DEMAND_FEATURES = tuple(
    feature.name for feature in catalog.features_of("stock_out", "demand", "week", "promotions", "series_calendar")
)
LEAST_DAYS_KNOWN = 7
WORST_LOST_SHARE = 0.5  # twice what makes a stock-out day


def label(lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Label of each (seller_id, sku_id, as_of): 1 if one of the days as_of .. as_of + horizon_days - 1 is a
    stock-out day.

    Null where none of the reported days is one and a day was not reported. Matures when the horizon has ended
    and its reports were known, whatever the outcome. Returns seller_id, sku_id, as_of, label (double),
    matured_at, deadline_at (start of the first stock-out day, null if none), ended_at (null: a stock-out has no
    end that is asked about), grade (of the worst reported day: 0 for no hour lost, 0.5 where a stock-out day begins, 1
    for half of the hours and more).
    """
    ahead = F.expr("sequence(0, horizon_days - 1)")
    asked = rows.select("seller_id", "sku_id", "as_of", "horizon_days", F.explode(ahead).alias("ahead"))
    dated = asked.withColumn("stock_day", F.date_add(F.to_date("as_of"), F.col("ahead")))
    reports = lake.read("stock", known_before=known_before).select(
        "seller_id",
        "sku_id",
        "stock_day",
        F.col("recorded_at").alias("reported_at"),
        subjects.is_out(F.col("in_stock_share"), F.col("on_hand")).alias("is_out"),
        "in_stock_share",
    )
    joined = dated.join(reports, ["seller_id", "sku_id", "stock_day"], "left")
    counted = joined.groupBy("seller_id", "sku_id", "as_of", "horizon_days").agg(
        F.count("reported_at").alias("reported"),
        F.max(F.col("is_out").cast("int")).alias("seen"),
        F.max(_lost()).alias("grade"),
        F.max("reported_at").alias("last_report"),
        F.min(F.when(F.col("is_out"), F.col("stock_day"))).alias("first_out"),
    )
    closed = (F.unix_timestamp("as_of") + F.col("horizon_days") * F.lit(86_400)).cast("timestamp")
    happened = F.coalesce(F.col("seen"), F.lit(0)) == 1
    complete = F.col("reported") >= F.col("horizon_days")
    return counted.select(
        "seller_id",
        "sku_id",
        "as_of",
        F.when(happened, F.lit(1.0)).when(complete, F.lit(0.0)).alias("label"),
        F.greatest(closed, F.coalesce("last_report", closed)).alias("matured_at"),
        F.col("first_out").cast("timestamp").alias("deadline_at"),
        F.lit(None).cast("timestamp").alias("ended_at"),
        "grade",
    )


def _lost() -> Column:
    """How bad a day was, 0 to 1: the share of its selling hours that were lost, where half of them count as all; 0.5 at
    the least for a stock-out day.
    """
    hours = F.least(F.lit(1.0), (1.0 - F.coalesce("in_stock_share", F.lit(1.0))) / WORST_LOST_SHARE)
    return F.when(F.col("is_out"), F.greatest(hours, F.lit(0.5))).otherwise(hours)


def usual_rate(frame: pd.DataFrame) -> pd.Series:
    """The rule of thumb: fewest days of cover first where pieces are counted, else the share of stock-out days of
    the last 28.
    """
    cover = frame["cover_days"] if "cover_days" in frame else pd.Series(float("nan"), index=frame.index)
    rate = frame["stock_out_share_28d"].fillna(0.0)
    return rate.where(cover.isna(), 1.0 / (1.0 + cover.clip(lower=0.0)))


def abstain(frame: pd.DataFrame) -> pd.Series:
    """Why to say nothing about a series, and from when on there will be enough: hardly anything is known of it."""
    known = frame["reported_days_28d"].fillna(0).clip(lower=0)
    enough = frame["as_of"] + pd.to_timedelta((LEAST_DAYS_KNOWN - known).clip(lower=0), unit="D")
    reason = (
        f"fewer than {LEAST_DAYS_KNOWN} days of stock are known; enough from "
        + enough.dt.strftime("%Y-%m-%d")
        + " on if every day is reported"
    )
    told: pd.Series = reason.astype(object).where(known < LEAST_DAYS_KNOWN, None)
    return told


def never(frame: pd.DataFrame) -> pd.Series:
    """A stock-out of days to come has never happened already."""
    return pd.Series(False, index=frame.index)


def at_midnights(lake: Lake, first: datetime, last: datetime) -> DataFrame:
    """Every series at every UTC midnight, first <= as_of < last."""
    until = (last - timedelta(microseconds=1)).astimezone(UTC).date()
    since = (first + timedelta(days=1, microseconds=-1)).astimezone(UTC).date()
    return subjects.stock_series(lake, since, until)


SPEC = TargetSpec(
    name="stock_out",
    event="a day with at most 75 % of its selling hours in stock, or nothing left at its end, within the horizon",
    recipient="seller",
    horizon="one day where the source has no replenishments, else the seller's usual lead time",
    snapshots=subjects.SERIES_SNAPSHOTS,
    subject_table="stock",
    keys=("seller_id", "sku_id"),
    subjects_at=subjects.stock_series_of,
    subjects_between=at_midnights,
    label=label,
    built_as="stock_out",
    features=tuple(feature.name for feature in FEATURES),
    monotone={feature.name: feature.monotone for feature in FEATURES if feature.monotone},
    rule=usual_rate,
    rule_says="fewest days of cover first where pieces are counted, else the most stock-out days in the last 28",
    abstain=abstain,
    known=never,
    template="stock_out",
    graded=True,
    benefit=1.0,
    cost=0.25,
    threshold=0.7,
    warm_up=timedelta(days=21),
    block="seller",
    demand=DEMAND_FEATURES,
)
