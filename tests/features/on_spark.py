"""Every feature of the hand-made world, computed by Apache Spark on the JVM: ``python on_spark.py TABLES OUT``.

A process of its own, because a process has one Spark session. TABLES holds one Parquet file per table: the reader of
Delta tables on the JVM is a package that a cluster brings and a bare machine has not.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from conftest import KEYS, TARGETS, in_memory, order_subjects
from leak_check import rows_of
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from world import AS_OF

from features import catalog, subjects
from lake import engine
from lake.store import Lake, spark_schema
from lake.tables import CONTRACT

SHUFFLES = "4"  # the default of 200 is for a cluster


class ParquetLake(Lake):
    """The lake's tables as plain Parquet files, read-only."""

    def exists(self, name: str) -> bool:
        return Path(self.path(name)).is_file()

    def path(self, name: str) -> str:
        return f"{self.root}/{name}.parquet"

    def read(self, name: str, *, known_before: datetime | None = None, version: int | None = None) -> DataFrame:
        assert version is None, "a Parquet file has one version"
        if not self.exists(name):
            return self.spark.createDataFrame([], spark_schema(CONTRACT[name]))
        rows = self.spark.read.parquet(self.path(name))
        return rows if known_before is None else rows.where(F.col("recorded_at") < F.lit(known_before))


def main(tables: Path, out: Path) -> None:
    """Write one Parquet file of features per target."""
    with engine.session("local[2]") as spark:
        spark.conf.set("spark.sql.shuffle.partitions", SHUFFLES)
        lake = ParquetLake(tables, spark)
        for target in TARGETS:
            asked = in_memory(_asked(target, lake))
            rows_of(catalog.build(target, lake, asked), KEYS[target]).to_parquet(out / f"{target}.parquet")


def _asked(target: str, lake: Lake) -> DataFrame:
    """The subjects of the fixture ``built``."""
    if target == "stock_out":
        return subjects.stock_series(lake, (AS_OF - timedelta(days=20)).date(), AS_OF.date())
    return order_subjects(lake)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
