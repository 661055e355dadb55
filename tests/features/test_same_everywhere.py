"""One feature has one value: however rows are split, and whether a day is asked for alone or among many."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from conftest import KEYS, TARGETS, Built, in_memory, order_subjects
from leak_check import differing, rows_of
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from world import AS_OF, World, write

from features import catalog, subjects, watched
from lake.store import Lake


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("parts", [2, 7])
def test_partition_counts_do_not_matter(
    spark: SparkSession, tmp_path: Path, world: World, built: dict[str, Built], target: str, parts: int
) -> None:
    lake = write(Lake(tmp_path / "lake", spark), world, files=parts)
    asked = built[target].subjects.repartition(parts)
    other = rows_of(catalog.build(target, lake, asked), KEYS[target])
    assert differing(built[target].rows, other) == {}


def test_the_orders_of_a_daily_run_are_those_of_a_backtest(world_lake: Lake, built: dict[str, Built]) -> None:
    one_day = in_memory(watched.watched_orders(world_lake, AS_OF))
    rows = rows_of(catalog.build("order_problems", world_lake, one_day), KEYS["order_problems"])
    among_many = built["order_problems"].rows
    wanted = among_many[among_many.index.get_level_values("as_of") == AS_OF]
    assert len(rows) > 5
    assert set(rows.index) == set(wanted.index)
    assert differing(wanted, rows) == {}
    assert (rows["snapshot"] == wanted.loc[rows.index, "snapshot"]).all()


def test_the_series_of_a_daily_run_are_those_of_a_backtest(world_lake: Lake, built: dict[str, Built]) -> None:
    one_day = in_memory(subjects.stock_series_of(world_lake, AS_OF))
    rows = rows_of(catalog.build("stock_out", world_lake, one_day), KEYS["stock_out"])
    among_many = built["stock_out"].rows
    wanted = among_many[among_many.index.get_level_values("as_of") == AS_OF]
    assert set(rows.index) == set(wanted.index)
    assert differing(wanted, rows) == {}
    for column in ("snapshot", "horizon_days"):
        assert (rows[column] == wanted.loc[rows.index, column]).all()


def test_a_daily_run_asks_about_the_orders_a_backtest_would_have_asked_about(world_lake: Lake) -> None:
    daily = subjects.order_snapshots(world_lake, AS_OF - timedelta(days=1), AS_OF + timedelta(hours=1), every_day=True)
    of_that_day = {tuple(row) for row in daily.where(F.col("as_of") == F.lit(AS_OF)).collect()}
    assert of_that_day == {tuple(row) for row in subjects.open_orders(world_lake, AS_OF).collect()}
    assert order_subjects(world_lake).count() > len(of_that_day)


def test_history_alone_is_never_a_subject_unless_that_became_known_after_the_order(
    spark: SparkSession, tmp_path: Path, world: World
) -> None:
    known = {row["order_id"]: row["recorded_at"] for row in world["orders"]}
    early, late, counted = sorted(known, key=lambda order: known[order])[-12:-9]
    weights = ((early, 0.0, timedelta(0)), (late, 0.0, timedelta(seconds=1)), (counted, 9.5, timedelta(0)))
    sampling = [
        {"order_id": order, "weight": weight, "recorded_at": known[order] + after} for order, weight, after in weights
    ]
    lake = write(Lake(tmp_path / "lake", spark), world | {"sampling": sampling})
    before = {row["order_id"] for row in order_subjects(write(Lake(tmp_path / "plain", spark), world)).collect()}
    assert {early, late, counted} <= before
    assert {row["order_id"] for row in order_subjects(lake).collect()} == before - {early}


@pytest.mark.parametrize("target", TARGETS)
def test_values_lie_where_they_are_declared_to(built: dict[str, Built], target: str) -> None:
    for feature in catalog.features_of(target):
        values = built[target].rows[feature.name]
        assert values.notna().any(), feature.name
        assert values.min() >= feature.allowed[0], feature.name
        assert values.max() <= feature.allowed[1], feature.name
        if feature.null_means.startswith("never null"):
            assert values.notna().all(), feature.name
