"""Rows that may not enter the lake, kept with their reasons until someone corrects them or what they lacked arrives.

One Delta table for each table of the contract, ``quarantine_<table>``, replaced by day like every other. It holds no
clock time, so that a rerun of a day writes the same rows.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DateType, StringType, StructField, StructType

from lake.rules import ORIGIN_FILE, ORIGIN_ROW, REASONS, origin
from lake.store import Lake
from lake.tables import PARTITION, Table

OPEN, REPLAYED = "open", "replayed"
SCHEMA = StructType(
    [
        StructField("origin", StringType()),  # where the row stands in what the source delivered
        StructField("reasons", ArrayType(StringType())),  # never empty
        StructField("raw", StringType()),  # the row as JSON, values as they were delivered, ids of people hashed
        StructField("state", StringType()),  # open, or replayed: a corrected row is in the lake in its place
        StructField("corrected", StringType()),  # the corrected row as JSON, null while open
        StructField("lake_day", DateType()),  # the day of the lake that the corrected row went to, null while open
        StructField(PARTITION, DateType()),
    ]
)


def name_of(table: Table) -> str:
    return f"quarantine_{table.name}"


def with_origin(table: Table, judged: DataFrame) -> DataFrame:
    """Judged rows with ``origin`` as a person reads it, and ``raw`` for those that were read whole, too."""
    values = F.to_json(F.struct(*table.column_names))
    return judged.withColumn("origin", origin(F.col(ORIGIN_FILE), F.col(ORIGIN_ROW))).withColumn(
        "raw", F.coalesce("raw", values)
    )


def bad_rows(table: Table, judged: DataFrame) -> DataFrame:
    """The rows of ``lake.rules.judge`` that carry reasons, as quarantine keeps them: state open."""
    return with_origin(table, judged.where(F.size(REASONS) > 0)).select(
        "origin",
        REASONS,
        "raw",
        F.lit(OPEN).alias("state"),
        F.lit(None).cast("string").alias("corrected"),
        F.lit(None).cast("date").alias("lake_day"),
        PARTITION,
    )


def read(lake: Lake, table: Table) -> DataFrame:
    """All of a table's quarantine, empty where it has none."""
    if not lake.exists(name_of(table)):
        return lake.spark.createDataFrame([], SCHEMA)
    return lake.read(name_of(table))


def replace(lake: Lake, table: Table, rows: DataFrame, count: int, first: date, last: date) -> None:
    """Make ``rows`` (``count`` of them) the quarantine of these days.

    Writes no table where there is nothing to keep or clear.
    """
    if count or lake.exists(name_of(table)):
        lake.replace_days(name_of(table), rows, first, last)
