"""Delta tables under one root, read as they were known and written a day at a time.

A step replaces exactly the days it worked on (``replaceWhere``), so running it twice equals running it once, late data
becomes a new version, and two writers of one day end with one winner and one clear error. Every version that was
read is noted, which is what makes a replay possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)  # fmt: skip

from lake.tables import CONTRACT, PARTITION, RECORDED_AT, Table

SPARK_TYPES: dict[str, DataType] = {
    "string": StringType(), "int": IntegerType(), "double": DoubleType(),
    "bool": BooleanType(), "timestamp": TimestampType(), "date": DateType(),
}  # fmt: skip
ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(), "int": pa.int32(), "double": pa.float64(),
    "bool": pa.bool_(), "timestamp": pa.timestamp("us", tz="UTC"), "date": pa.date32(),
}  # fmt: skip


class LakeError(RuntimeError):
    """A table could not be read or written."""


def spark_schema(table: Table) -> StructType:
    """The table's columns and the partition column, as Spark types."""
    fields = [StructField(column.name, SPARK_TYPES[column.type]) for column in table.columns]
    return StructType([*fields, StructField(PARTITION, DateType())])


def arrow_schema(table: Table) -> pa.Schema:
    """The table's columns as Arrow types, without the partition column: what a source delivers."""
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in table.columns])


def as_of(day: date) -> datetime:
    """First moment not yet known when ``day`` has ended: the next midnight, UTC."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=UTC)


class Lake:
    """The Delta tables under ``root``, seen through one Spark session.

    pinned: the version that each table is read at, as an earlier run recorded them; a table that is not named did not
    exist for that run. None: the newest of every table.
    """

    def __init__(self, root: Path | str, spark: SparkSession, pinned: Mapping[str, int] | None = None) -> None:
        self.root = str(root)
        self.spark = spark
        self.pinned = pinned
        self.versions_read: dict[str, int] = {}

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        if self.pinned is not None and name not in self.pinned:
            return False
        return bool(DeltaTable.is_deltatable(self.path(name)))

    def version(self, name: str) -> int:
        """The version that a table is read at. Raises LakeError where there is no such table."""
        if not self.exists(name):
            raise LakeError(f"there is no table {name} under {self.root}. Run the step that writes it first.")
        return self.pinned[name] if self.pinned is not None else int(DeltaTable(self.path(name)).version())

    def read(self, name: str, *, known_before: datetime | None = None, version: int | None = None) -> DataFrame:
        """A table, whole, or only what was known before a moment.

        known_before: keeps ``recorded_at < known_before`` (and prunes partitions); the one way to read for a feature.
        version: time travel; the newest if None. Either way the version is noted in ``versions_read``.
        A table of the contract that no source delivered reads as empty; any other missing table raises LakeError.
        """
        if name in CONTRACT and not self.exists(name):
            return self.spark.createDataFrame([], spark_schema(CONTRACT[name]))
        at = self.version(name) if version is None else version
        self.versions_read[name] = at
        frame = self.spark.read.format("delta").option("versionAsOf", at).load(self.path(name))
        if known_before is None:
            return frame
        last_day = (known_before - timedelta(microseconds=1)).date()
        return frame.where((F.col(PARTITION) <= F.lit(last_day)) & (F.col(RECORDED_AT) < F.lit(known_before)))

    def day(self, name: str, day: date) -> DataFrame:
        """One day's partition of a table. Raises LakeError where there is no such table."""
        return self.read(name).where(F.col(PARTITION) == F.lit(day))

    def frame(self, rows: pa.Table) -> DataFrame:
        """An Arrow table as a frame. One without rows keeps its columns, which Spark by itself refuses."""
        if rows.num_rows:
            return self.spark.createDataFrame(rows)
        return self.spark.createDataFrame([], from_arrow_schema(rows.schema))

    def replace_days(self, name: str, frame: DataFrame, first: date, last: date) -> int:
        """Make ``frame`` the whole content of days ``first`` to ``last`` (inclusive). Returns the new version.

        frame: holds the partition column ``day``, with no value outside the range. Atomic: a kill leaves the old
        content or the new, never a mixture. Raises LakeError where another writer changed the same days meanwhile,
        or where frame holds other days: Spark refuses those, Sail would append them.
        """
        outside = frame.where(~F.col(PARTITION).between(F.lit(first), F.lit(last)) | F.col(PARTITION).isNull()).limit(1)
        if not outside.isEmpty():
            raise LakeError(
                f"{name}: rows outside days {first} to {last} were about to be written. Nothing was written."
            )
        writer = frame.write.format("delta").mode("overwrite")
        if self.exists(name):
            writer = writer.option("replaceWhere", f"{PARTITION} >= DATE'{first}' AND {PARTITION} <= DATE'{last}'")
        else:
            writer = writer.partitionBy(PARTITION)
        try:
            writer.save(self.path(name))
        except Exception as error:
            raise LakeError(
                f"{name}, days {first} to {last}: the write did not commit, and the table is as it was. "
                f"If another run wrote the same days, run this step again. Cause: {error}"
            ) from error
        return self.version(name)

    def names(self) -> Iterable[str]:
        """Every table under root, sorted."""
        root = Path(self.root)
        return sorted(entry.name for entry in root.iterdir() if self.exists(entry.name)) if root.exists() else []
