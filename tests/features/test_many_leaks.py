"""A hundred ways to mistake time: every leaky column is caught, and none of its honest twins raises an alarm."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import leaks
import pytest
from conftest import in_memory, order_subjects
from leak_check import Build, knows_the_future
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from world import AS_OF, World

from features import subjects
from lake.store import Lake

CUTS = tuple(AS_OF - timedelta(days=days) for days in (16, 9, 2))
KINDS = {"order": leaks.order_columns, "encoded": leaks.encoded_columns, "series": leaks.series_columns}
AT_LEAST = {"order": 45, "encoded": 20, "series": 40}


def asked_of(kind: str, lake: Lake) -> DataFrame:
    if kind == "series":
        return in_memory(subjects.stock_series(lake, (CUTS[0] - timedelta(days=3)).date(), CUTS[-1].date()))
    return in_memory(order_subjects(lake).where(F.col("as_of") <= F.lit(CUTS[-1])))


def columns_of(build: Build, lake: Lake, asked: DataFrame) -> set[str]:
    return {name for name, kind in build(lake, asked).dtypes if kind == "double"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_leak_is_caught(spark: SparkSession, tmp_path: Path, world: World, world_lake: Lake, kind: str) -> None:
    build, asked = partial(KINDS[kind], honest=False), asked_of(kind, world_lake)
    planted = columns_of(build, world_lake, asked)
    assert len(planted) >= AT_LEAST[kind]
    assert planted - set(knows_the_future(spark, tmp_path, world, asked, build, CUTS)) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_no_honest_twin_raises_an_alarm(
    spark: SparkSession, tmp_path: Path, world: World, world_lake: Lake, kind: str
) -> None:
    build = partial(KINDS[kind], honest=True)
    assert knows_the_future(spark, tmp_path, world, asked_of(kind, world_lake), build, CUTS) == {}
