"""Leaks that people really write, each caught by the checker that honest groups pass."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from conftest import in_memory, order_subjects
from leak_check import Build, knows_the_future
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from world import AS_OF, World

from features import catalog, promise, promotions, subjects
from features.known import span_of
from lake.store import Lake

CUTS = (AS_OF - timedelta(days=9), AS_OF - timedelta(days=2))


def _day() -> Column:
    return F.to_date("as_of")


def per_order(rows: DataFrame, asked: DataFrame, value: Column, when: Column | None = None) -> DataFrame:
    """One number per (order_id, as_of) from rows of the same order, kept where ``when`` holds."""
    joined = asked.select("order_id", "as_of").join(rows, "order_id", "left")
    kept = value if when is None else F.when(when, value)
    return joined.groupBy("order_id", "as_of").agg(F.sum(kept).cast("double").alias("leak"))


def scans(lake: Lake) -> DataFrame:
    parcels = lake.read("shipments").select("shipment_id", "order_id", "carrier")
    return lake.read("shipment_events").join(parcels, "shipment_id")


def event_time_instead_of_recorded(lake: Lake, asked: DataFrame) -> DataFrame:
    return per_order(scans(lake), asked, F.lit(1), F.col("event_at") < F.col("as_of"))


def recorded_at_or_before_the_end_of_the_day(lake: Lake, asked: DataFrame) -> DataFrame:
    return per_order(scans(lake), asked, F.lit(1), F.col("day") <= _day())


def delivered_date(lake: Lake, asked: DataFrame) -> DataFrame:
    delivered = scans(lake).where(F.col("event") == "delivered")
    return per_order(delivered, asked, F.unix_micros("event_at"))


def final_status(lake: Lake, asked: DataFrame) -> DataFrame:
    return per_order(lake.read("order_events"), asked, (F.col("event") == "cancelled").cast("int"))


def items_added_later(lake: Lake, asked: DataFrame) -> DataFrame:
    return per_order(lake.read("order_items"), asked, F.col("quantity"))


def carrier_average_of_all_time(lake: Lake, asked: DataFrame) -> DataFrame:
    usual = (
        scans(lake).groupBy("carrier").agg(F.avg((F.col("event") == "attempt_failed").cast("double")).alias("share"))
    )
    carriers = lake.read("shipments").groupBy("order_id").agg(F.min(F.struct("recorded_at", "carrier")).alias("first"))
    rows = asked.select("order_id", "as_of").join(carriers, "order_id", "left")
    named = rows.select("order_id", "as_of", F.col("first.carrier").alias("carrier"))
    return named.join(usual, "carrier", "left").select("order_id", "as_of", F.col("share").alias("leak"))


def seller_encoded_by_outcomes_of_all_time(lake: Lake, asked: DataFrame) -> DataFrame:
    late = scans(lake).where(F.col("event") == "delivered").join(
        lake.read("orders").select("order_id", "promised_at"), "order_id"
    )  # fmt: skip
    sellers = lake.read("order_items").select("order_id", "seller_id").distinct()
    rate = late.join(sellers, "order_id").groupBy("seller_id").agg(
        F.avg((F.col("event_at") > F.col("promised_at")).cast("double")).alias("rate")
    )  # fmt: skip
    return per_order(sellers.join(rate, "seller_id"), asked, F.col("rate"))


def volume_with_the_day_itself(lake: Lake, asked: DataFrame) -> DataFrame:
    daily = lake.read("orders").groupBy("day").agg(F.count("*").alias("orders"))
    rows = asked.select("order_id", "as_of").join(
        daily, (F.col("day") <= _day()) & (F.col("day") > F.date_sub(_day(), 7))
    )
    return rows.groupBy("order_id", "as_of").agg(F.sum("orders").cast("double").alias("leak"))


def promise_of_a_later_correction(lake: Lake, asked: DataFrame) -> DataFrame:
    """Honest features on a base that was read without the moment."""
    orders = lake.read("orders").select("order_id", "promised_at", "created_at", "ship_by")
    steps = scans(lake).groupBy("order_id").agg(F.min("event_at").alias("handed_over_at"))
    base = (
        asked.join(orders, "order_id", "left")
        .join(steps, "order_id", "left")
        .withColumn("approved_at", F.col("created_at"))
    )
    known = span_of(lake, asked)
    assert known is not None
    return promise.build(known, base)


def per_series(rows: DataFrame, asked: DataFrame, value: Column, when: Column) -> DataFrame:
    keys = ["seller_id", "sku_id", "as_of"]
    joined = asked.select(*keys).join(rows, ["seller_id", "sku_id"], "left")
    return joined.groupBy(*keys).agg(F.sum(F.when(when, value)).cast("double").alias("leak"))


def stock_of_the_day_itself(lake: Lake, asked: DataFrame) -> DataFrame:
    return per_series(lake.read("stock"), asked, F.col("in_stock_share"), F.col("stock_day") == _day())


def stock_by_its_day_and_not_its_report(lake: Lake, asked: DataFrame) -> DataFrame:
    return per_series(lake.read("stock"), asked, F.col("in_stock_share"), F.col("stock_day") < _day())


def promotions_not_yet_announced(lake: Lake, asked: DataFrame) -> DataFrame:
    return per_series(
        lake.read("promotions"), asked, F.lit(1.0), F.col("promo_day").between(_day(), F.date_add(_day(), 7))
    )


def arrival_known_when_ordered(lake: Lake, asked: DataFrame) -> DataFrame:
    rows = lake.read("inbound").where(F.col("event") == "received")
    return per_series(rows, asked, F.col("quantity"), F.col("event_at") >= F.col("as_of"))


def demand_scaled_by_the_series_mean_of_all_time(lake: Lake, asked: DataFrame) -> DataFrame:
    usual = lake.read("stock").groupBy("seller_id", "sku_id").agg(F.avg("units_sold").alias("leak"))
    keys = ["seller_id", "sku_id", "as_of"]
    return asked.select(*keys).join(usual, ["seller_id", "sku_id"], "left").select(*keys, "leak")


ORDER_LEAKS = (
    event_time_instead_of_recorded, recorded_at_or_before_the_end_of_the_day, delivered_date, final_status,
    items_added_later, carrier_average_of_all_time, seller_encoded_by_outcomes_of_all_time, volume_with_the_day_itself,
    promise_of_a_later_correction,
)  # fmt: skip
SERIES_LEAKS = (
    stock_of_the_day_itself, stock_by_its_day_and_not_its_report, promotions_not_yet_announced,
    arrival_known_when_ordered, demand_scaled_by_the_series_mean_of_all_time,
)  # fmt: skip


def asked_orders(lake: Lake) -> DataFrame:
    return in_memory(order_subjects(lake).where(F.col("as_of") <= F.lit(CUTS[-1])))


def asked_series(lake: Lake) -> DataFrame:
    return in_memory(subjects.stock_series(lake, (CUTS[0] - timedelta(days=3)).date(), CUTS[-1].date()))


@pytest.mark.parametrize("leak", ORDER_LEAKS, ids=lambda leak: leak.__name__)
def test_a_leak_about_orders_is_caught(
    spark: SparkSession, tmp_path: Path, world: World, world_lake: Lake, leak: Build
) -> None:
    assert knows_the_future(spark, tmp_path, world, asked_orders(world_lake), leak, CUTS)


@pytest.mark.parametrize("leak", SERIES_LEAKS, ids=lambda leak: leak.__name__)
def test_a_leak_about_stock_is_caught(
    spark: SparkSession, tmp_path: Path, world: World, world_lake: Lake, leak: Build
) -> None:
    assert knows_the_future(spark, tmp_path, world, asked_series(world_lake), leak, CUTS)


def test_an_honest_group_raises_no_alarm(spark: SparkSession, tmp_path: Path, world: World, world_lake: Lake) -> None:
    def honest(lake: Lake, asked: DataFrame) -> DataFrame:
        known = span_of(lake, asked)
        assert known is not None
        return catalog.group_rows(promotions.GROUP, known, asked)

    assert knows_the_future(spark, tmp_path, world, asked_series(world_lake), honest, CUTS) == {}
