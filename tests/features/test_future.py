"""The as-of rule: another future changes no feature and no subject; another past changes every one."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import KEYS, TARGETS, Built, order_subjects
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from leak_check import differing, future_rewritten, past_rewritten, rows_of, without_future
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from world import AS_OF, END, START, World, write

from features import catalog, subjects
from lake.store import Lake

CUTS = st.datetimes((AS_OF - timedelta(days=12)).replace(tzinfo=None), AS_OF.replace(tzinfo=None))


def rebuilt(spark: SparkSession, folder: Path, world: World, asked: DataFrame, target: str) -> tuple[Lake, object]:
    shutil.rmtree(folder / "lake", ignore_errors=True)
    lake = write(Lake(folder / "lake", spark), world)
    return lake, rows_of(catalog.build(target, lake, asked), KEYS[target])


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cut=CUTS, seed=st.integers(0, 10_000))
def test_another_future_changes_no_feature(
    spark: SparkSession, tmp_path: Path, world: World, built: dict[str, Built], target: str, cut: datetime, seed: int
) -> None:
    cut = cut.replace(tzinfo=AS_OF.tzinfo)
    honest = built[target]
    asked = honest.subjects.where(F.col("as_of") <= F.lit(cut))
    _, other = rebuilt(spark, tmp_path, future_rewritten(world, cut, seed), asked, target)
    before = honest.rows[honest.rows.index.get_level_values("as_of") <= cut]
    assert len(before) > 20
    assert differing(before, other) == {}


@pytest.mark.parametrize("target", TARGETS)
def test_the_past_changes_every_feature(
    spark: SparkSession, tmp_path: Path, world: World, built: dict[str, Built], target: str
) -> None:
    honest = built[target]
    noticed: set[str] = set()
    wanted = {feature.name for feature in catalog.features_of(target)}
    for seed in range(3):
        _, other = rebuilt(spark, tmp_path, past_rewritten(world, END, seed), honest.subjects, target)
        noticed |= set(differing(honest.rows, other))
    # What the asked moment alone says does not hang on any record.
    assert wanted - noticed == ({"weekday_code", "is_weekend"} if target == "stock_out" else {"as_of_weekday_code"})


@pytest.mark.parametrize("target", TARGETS)
def test_a_history_cut_off_at_the_moment_gives_the_same_rows_as_one_that_goes_on(
    spark: SparkSession, tmp_path: Path, world: World, built: dict[str, Built], target: str
) -> None:
    cut = AS_OF - timedelta(days=5)
    honest = built[target]
    asked = honest.subjects.where(F.col("as_of") <= F.lit(cut))
    _, other = rebuilt(spark, tmp_path, without_future(world, cut), asked, target)
    assert differing(honest.rows[honest.rows.index.get_level_values("as_of") <= cut], other) == {}


def test_another_future_changes_no_subject(spark: SparkSession, tmp_path: Path, world: World, world_lake: Lake) -> None:
    cut = AS_OF - timedelta(days=3)
    other = write(Lake(tmp_path / "lake", spark), future_rewritten(world, cut, seed=3))

    def known(lake: Lake) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
        orders = order_subjects(lake).where(F.col("as_of") <= F.lit(cut))
        series = subjects.stock_series(lake, START.date(), cut.date())
        return {tuple(row) for row in orders.collect()}, {tuple(row) for row in series.collect()}

    assert known(world_lake) == known(other)
