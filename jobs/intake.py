"""One table's way in: staged on disk, judged row by row, gated as a whole, written by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import corrections, staging
from lake import quarantine
from lake.gates import Gates
from lake.rules import DUPLICATE, ORIGIN_FILE, ORIGIN_ROW, REASONS, Surroundings, allowed_bad, good_rows, judge, origin
from lake.tables import Table
from sources.source import ROWS_EVERY_DAY, Source

SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of one table's rows: rows_in = rows_kept + rows_quarantined + rows_repeated."""

    rows_in: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    rows_repeated: int = 0
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A table's checked rows on disk, with how many are what.

    settled: quarantine rows whose corrected twin is in the lake (see jobs.corrections), None where there are none;
    settled_elsewhere: how many of those went to a day outside this run.
    """

    table: Table
    frame: DataFrame
    rows: int
    bad: int
    repeated: int
    settled: DataFrame | None = None
    settled_elsewhere: int = 0


def judge_table(source: Source, table: Table, around: Surroundings, folder: Path) -> Judged:
    """Stage and check one table. Raises SourceError where the source cannot be read, OSError where the disk is full."""
    staged = staging.stage(source, table.name, around.first, around.last, folder)
    rows = around.lake.spark.read.parquet(str(staged.path))
    frame = judge_staged(table, rows, around, folder / f"{table.name}.judged")
    applied = corrections.apply(table, rows, frame, around, folder)
    if applied is None:
        return counted(table, frame)
    frame = judge_staged(table, applied.staged, around, folder / f"{table.name}.corrected")
    return counted(table, frame, applied.settled, applied.settled_elsewhere)


def judge_staged(table: Table, staged: DataFrame, around: Surroundings, into: Path) -> DataFrame:
    """Staged rows judged, on disk at ``into``: the reasons are worked out once and read many times."""
    judged = judge(table, staged, around)
    judged.write.parquet(str(into))
    return around.lake.spark.read.schema(judged.schema).parquet(
        str(into)
    )  # an empty frame leaves no file to take a schema from


def counted(table: Table, frame: DataFrame, settled: DataFrame | None = None, elsewhere: int = 0) -> Judged:
    """A judged frame with its counts."""
    bad, repeated = F.size(REASONS) > 0, F.col(DUPLICATE) & (F.size(REASONS) == 0)
    count = frame.agg(
        F.count("*").alias("rows"),
        F.coalesce(F.sum(bad.cast("long")), F.lit(0)).alias("bad"),
        F.coalesce(F.sum(repeated.cast("long")), F.lit(0)).alias("repeated"),
    ).collect()[0]
    return Judged(table, frame, count["rows"], count["bad"], count["repeated"], settled, elsewhere)


def write(judged: Judged, around: Surroundings) -> TableReport:
    """Good rows to the lake, bad ones to quarantine, both replacing the run's days.

    Quarantine first: killed between the two, no row is in neither. Raises LakeError where a write does not commit.
    """
    table, lake, first, last = judged.table, around.lake, around.first, around.last
    rows = quarantine.bad_rows(table, judged.frame)
    if judged.settled is not None:
        rows = rows.unionByName(judged.settled)
    count = judged.bad + (0 if judged.settled is None else 1)
    quarantine.replace(lake, table, rows, count, first, last)
    kept = judged.rows - judged.bad - judged.repeated
    version = None
    if kept or lake.exists(table.name):
        version = lake.replace_days(table.name, good_rows(table, judged.frame), first, last)
    away = judged.settled_elsewhere
    return TableReport(judged.rows + away, kept, judged.bad + away, judged.repeated, version)


def hold_reason(judged: Judged, gates: Gates, first: date, last: date) -> str | None:
    """Why the table must be held, with some of its bad rows; None where it is within its bound."""
    table = judged.table
    verdict = gates.table(table, judged.frame, judged.rows, rows_required=table.name in ROWS_EVERY_DAY)
    if verdict.passed:
        return None
    most = allowed_bad(table, judged.rows)
    return (
        f"{table.name}, {days(first, last)}: {'; '.join(verdict.failures)}. Up to {most} bad rows would have gone to "
        f"quarantine.{some_bad_rows(judged)}\n  Nothing of {table.name} was written, and the lake is as it was. "
        "Correct the files and run the same days again."
    )


def some_bad_rows(judged: Judged) -> str:
    """A few of the bad rows with their reasons, one a line; empty where there are none."""
    bad = judged.frame.where(F.size(REASONS) > 0).orderBy(ORIGIN_FILE, ORIGIN_ROW).limit(SHOWN_ROWS)
    shown = bad.select(origin(F.col(ORIGIN_FILE), F.col(ORIGIN_ROW)).alias("origin"), REASONS).collect()
    return "".join(f"\n  {row['origin']}: {'; '.join(row[REASONS])}" for row in shown)


def days(first: date, last: date) -> str:
    """``2026-03-01`` or ``2026-03-01 to 2026-03-07``."""
    return f"{first}" if first == last else f"{first} to {last}"
