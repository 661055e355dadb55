"""Bring a source's rows for some days into the lake: read, check, gate, write each day whole. Twice equals once.

Bad rows go to quarantine with their reasons. A table that is worse than its bound is held: nothing of it, nor of what
refers to it, is written, and the lake stays as it was.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import staging, world
from jobs.context import Context, StepReport, open_lake
from jobs.record import recorded
from lake import quarantine
from lake.gates import Gates
from lake.rules import DUPLICATE, REASONS, Surroundings, allowed_bad, good_rows, judge
from lake.store import Lake
from lake.tables import CONTRACT, Table
from notices.directory import put as put_people
from notices.keys import Keys
from sources.source import Source, SourceError

log = logging.getLogger(__name__)

# A day without a new order or without a stock row is a delivery that did not arrive; other tables may have quiet days.
ROWS_EVERY_DAY = ("orders", "stock")
SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of one table's rows: rows_in = rows_kept + rows_quarantined + rows_repeated, unless it is held."""

    rows_in: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    rows_repeated: int = 0
    version: int | None = None


@dataclass
class IngestReport:
    """status: done or held. held: table -> why nothing of it was written. docs:
    the gates' page, None where none was made.
    """

    first: date
    last: date
    tables: dict[str, TableReport] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    docs: Path | None = None

    @property
    def status(self) -> str:
        return "held" if self.held else "done"

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Table -> rows_in, rows_kept, rows_quarantined, rows_repeated."""
        return {
            name: {
                "rows_in": report.rows_in,
                "rows_kept": report.rows_kept,
                "rows_quarantined": report.rows_quarantined,
                "rows_repeated": report.rows_repeated,
            }
            for name, report in self.tables.items()
        }

    @property
    def versions(self) -> dict[str, int]:
        return {name: report.version for name, report in self.tables.items() if report.version is not None}


@dataclass(frozen=True, slots=True)
class Judged:
    """A table's checked rows on disk, with how many are what."""

    table: Table
    frame: DataFrame
    rows: int
    bad: int
    repeated: int


def run(
    lake: Lake, source: Source, first: date, last: date, *, home: Path, progress: Callable[[str], None] = log.info
) -> IngestReport:
    """Replace days ``first`` to ``last`` of every table that ``source`` delivers. See IngestReport.

    progress: told the name of each table as its turn comes. Raises LakeError where a write does not commit; tables
    written before that are whole, and the step can be run again.
    """
    report = IngestReport(first, last)
    gates = Gates(home / "data_docs" / "ingest" / f"{first}_{last}")
    with staging.folder(home, "ingest") as folder:
        around = Surroundings(lake, first, last, {})
        for name in source.tables:
            progress(name)
            _take(name, source, around, folder, gates, report)
    report.docs = gates.build_page()
    return report


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The step: ``context.day``, or all from ``options.since`` to it. People go to the directory, never to the lake."""
    settings = context.settings
    source = world.source_of(settings)
    first = options.since or context.day
    with recorded(context, "ingest") as box, open_lake(settings) as lake:
        report = run(lake, source, first, context.day, home=settings.home)
        put_people(box.state, Keys(settings.secret), source.people())
        box.report = _told(report)
    return box.report


def _told(report: IngestReport) -> StepReport:
    rows = sum(table.rows_in for table in report.tables.values())
    bad = sum(table.rows_quarantined for table in report.tables.values())
    days = f"{report.first}" if report.first == report.last else f"{report.first} to {report.last}"
    message = f"{days}: {rows:,} rows read, {bad:,} in quarantine."
    if report.held:
        message = f"{message} Held: {' '.join(report.held.values())}"
    return StepReport(report.status, message, report.counts, report.versions)


def _take(name: str, source: Source, around: Surroundings, folder: Path, gates: Gates, report: IngestReport) -> None:
    table = CONTRACT[name]
    reason = held_by_parent(table, report.held)
    if reason is None:
        try:
            judged = judge_table(source, table, around, folder)
        except SourceError as error:
            reason = str(error)
        else:
            reason = too_bad(judged, gates, report.first, report.last)
    if reason is not None:
        report.held[name] = reason
        log.warning("table held", extra={"table": name, "first": str(report.first), "last": str(report.last)})
        return
    around.good[name] = good_rows(table, judged.frame)
    report.tables[name] = write(judged, around)


def judge_table(source: Source, table: Table, around: Surroundings, folder: Path) -> Judged:
    """Stage and check one table. Raises SourceError where the source cannot be read."""
    staged = staging.stage(source, table.name, around.first, around.last, folder)
    spark = around.lake.spark
    judged_path = str(folder / f"{table.name}.judged")
    judge(table, spark.read.parquet(str(staged.path)), around).write.parquet(judged_path)
    frame = spark.read.parquet(judged_path)
    bad, repeated = F.size(REASONS) > 0, F.col(DUPLICATE) & (F.size(REASONS) == 0)
    count = frame.agg(
        F.count("*").alias("rows"),
        F.coalesce(F.sum(bad.cast("long")), F.lit(0)).alias("bad"),
        F.coalesce(F.sum(repeated.cast("long")), F.lit(0)).alias("repeated"),
    ).collect()[0]
    return Judged(table, frame, count["rows"], count["bad"], count["repeated"])


def write(judged: Judged, around: Surroundings) -> TableReport:
    """Good rows to the lake, bad ones to quarantine, both replacing the run's days. Quarantine first:
    a kill between loses nothing.
    """
    table, lake, first, last = judged.table, around.lake, around.first, around.last
    quarantine.replace(lake, table, quarantine.bad_rows(table, judged.frame), judged.bad, first, last)
    kept = judged.rows - judged.bad - judged.repeated
    version = None
    if kept or lake.exists(table.name):
        version = lake.replace_days(table.name, good_rows(table, judged.frame), first, last)
    return TableReport(judged.rows, kept, judged.bad, judged.repeated, version)


def some_bad_rows(judged: Judged) -> str:
    """A few of the bad rows with their reasons, one a line; empty where there are none."""
    rows = quarantine.bad_rows(judged.table, judged.frame).orderBy("origin").limit(SHOWN_ROWS).collect()
    return "".join(f"\n  {row['origin']}: {'; '.join(row['reasons'])}" for row in rows)


def too_bad(judged: Judged, gates: Gates, first: date, last: date) -> str | None:
    """Why the table must be held, with some of its bad rows; None where it is within its bound."""
    table = judged.table
    verdict = gates.table(table, judged.frame, judged.rows, rows_required=table.name in ROWS_EVERY_DAY)
    if verdict.passed:
        return None
    return (
        f"{table.name}, {first} to {last}: {'; '.join(verdict.failures)}; up to {allowed_bad(table, judged.rows)} bad "
        f"rows may be.{some_bad_rows(judged)}\n  Nothing of {table.name} was written, and the lake is as it was. Correct "
        "the files and run the same days again."
    )


def held_by_parent(table: Table, held: dict[str, str]) -> str | None:
    """Why a table must be held because one it refers to is; None where it need not."""
    parents = [reference.table for reference in table.references if reference.table in held]
    if not parents:
        return None
    return f"{', '.join(parents)} is held, and {table.name} refers to it. Nothing of {table.name} was written."
