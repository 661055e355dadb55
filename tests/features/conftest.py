"""One hand-made world for the whole folder, its subjects, and its features as they honestly are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from aftermath import with_aftermath
from leak_check import rows_of
from pyspark.sql import DataFrame, SparkSession
from world import AS_OF, END, START, World, hand_made, write

from features import catalog, subjects, watched
from lake.store import Lake

KEYS = {
    "late_delivery": ["order_id", "as_of"],
    "order_problems": ["order_id", "as_of"],
    "stock_out": ["seller_id", "sku_id", "as_of"],
}


@dataclass(frozen=True)
class Built:
    """A target's subjects of the whole world, held in memory, and their features."""

    target: str
    subjects: DataFrame
    rows: pd.DataFrame


@pytest.fixture(scope="session")
def world() -> World:
    return with_aftermath(hand_made())


@pytest.fixture(scope="session")
def world_lake(spark: SparkSession, world: World, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return write(Lake(tmp_path_factory.mktemp("features") / "lake", spark), world)


def in_memory(frame: DataFrame) -> DataFrame:
    return frame.sparkSession.createDataFrame(frame.toArrow())


def order_subjects(lake: Lake) -> DataFrame:
    """Open orders at their stages and those just delivered, and both at the midnights around AS_OF."""
    stages = watched.watched_snapshots(lake, START - timedelta(days=400), END)
    daily = watched.watched_snapshots(lake, AS_OF - timedelta(days=2), AS_OF + timedelta(days=1), every_day=True)
    return stages.unionByName(daily).dropDuplicates(["order_id", "as_of"])


@pytest.fixture(scope="session")
def built(world_lake: Lake) -> dict[str, Built]:
    days = {
        "order_problems": order_subjects(world_lake),
        "stock_out": subjects.stock_series(world_lake, (AS_OF - timedelta(days=20)).date(), AS_OF.date()),
    }
    done = {}
    for target, frame in days.items():
        asked = in_memory(frame)
        done[target] = Built(target, asked, rows_of(catalog.build(target, world_lake, asked), KEYS[target]))
    # The features of late_delivery are among those: the same rows serve the tests that ask about them alone.
    done["late_delivery"] = replace(done["order_problems"], target="late_delivery")
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


TARGETS = ("order_problems", "stock_out")  # the first holds everything about orders
