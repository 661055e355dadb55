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

from jobs import disk, staging
from jobs.context import Context, StepReport, open_lake
from jobs.intake import TableReport, days, hold_reason, judge_table, write
from jobs.record import recorded
from jobs.world import source_of
from lake.gates import Gates
from lake.rules import Surroundings, good_rows
from lake.store import Lake
from lake.tables import CONTRACT, Table
from notices.keys import Keys
from notices.people import directory
from sources.source import Source, SourceError, missing_tables

log = logging.getLogger(__name__)


@dataclass
class IngestReport:
    """What became of each table. held: table -> why nothing of it was written. docs: the page of the gates."""

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
        """Table -> rows_in, rows_kept, rows_quarantined, rows_repeated, for tables that were written."""
        names = ("rows_in", "rows_kept", "rows_quarantined", "rows_repeated")
        return {table: {name: getattr(report, name) for name in names} for table, report in self.tables.items()}

    @property
    def versions(self) -> dict[str, int]:
        return {name: report.version for name, report in self.tables.items() if report.version is not None}

    @property
    def message(self) -> str:
        """What a person reads: figures, then why a table is held."""
        reports = self.tables.values()
        figures = (
            f"{days(self.first, self.last)}: {sum(report.rows_in for report in reports):,} rows in, "
            f"{sum(report.rows_kept for report in reports):,} kept, "
            f"{sum(report.rows_quarantined for report in reports):,} to quarantine."
        )
        repeated = sum(report.rows_repeated for report in reports)
        twice = f" {repeated:,} rows were there already and were dropped." if repeated else ""
        held = f"\nHeld: {', '.join(self.held)}." if self.held else ""
        reasons = "".join(f"\n{reason}" for reason in self.held.values())
        return f"{figures}{twice}{held}{reasons}\nThe gates' page: {self.docs}"


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The step: ingest ``context.day``, or with ``options.since`` all days from then on. Held where a table is held."""
    settings = context.settings
    with recorded(context, "ingest") as box, open_lake(settings) as lake:
        source = source_of(settings)
        report = run(lake, source, options.since or context.day, context.day, home=settings.home)
        directory.put(box.state, Keys(settings.secret), source.people())
        box.report = StepReport(report.status, report.message, report.counts, report.versions)
        return box.report


def run(
    lake: Lake, source: Source, first: date, last: date, *, home: Path, progress: Callable[[str], None] = log.info
) -> IngestReport:
    """Replace days ``first`` to ``last`` of every table that ``source`` delivers. See IngestReport.

    progress: told the name of each table as its turn comes. Raises LakeError where a write does not commit, GateError
    where a gate cannot be run, OSError where the disk is full; tables written before that are whole, and the step can
    be run again.
    """
    report = IngestReport(first, last)
    for name, reason in missing_tables(source.tables, [name for name in CONTRACT if lake.exists(name)]).items():
        report.held[name] = f"{name}, {days(first, last)}: {reason} The lake's {name} is as it was."
    gates = Gates(home / "data_docs" / "ingest" / days(first, last).replace(" ", "_"))
    with disk.full_told(home), staging.folder(home, "ingest") as folder:
        around = Surroundings(lake, first, last, {})
        for name in source.tables:
            progress(name)
            _take(CONTRACT[name], source, around, folder, gates, report)
        report.docs = gates.build_page()
    return report


def _take(table: Table, source: Source, around: Surroundings, folder: Path, gates: Gates, report: IngestReport) -> None:
    reason = held_by_parent(table, report.held)
    if reason is None:
        try:
            judged = judge_table(source, table, around, folder)
        except SourceError as error:
            reason = f"{error} Nothing of {table.name} was written."
        else:
            reason = hold_reason(judged, gates, report.first, report.last)
    if reason is not None:
        report.held[table.name] = reason
        log.warning("table held", extra={"table": table.name, "first": str(report.first), "last": str(report.last)})
        return
    around.good[table.name] = good_rows(table, judged.frame)
    report.tables[table.name] = write(judged, around)


def held_by_parent(table: Table, held: dict[str, str]) -> str | None:
    """Why a table must be held because one it refers to is; None where it need not."""
    parents = [reference.table for reference in table.references if reference.table in held]
    if not parents:
        return None
    return f"{table.name}: it refers to {', '.join(parents)}, which is held. Nothing of {table.name} was written."
