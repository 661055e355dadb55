"""Try quarantined rows of one table and day again: as they are, or replaced by corrected rows.

A row that is good by now (the order it names has arrived since) goes to the lake day that it belongs to and leaves
quarantine. A corrected row does too, and its original stays as ``replayed``, so that a later ingest of the day can put
the correction in its place again. What is still wrong stays, with its reasons as they are now.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs import corrections, disk, staging
from jobs.context import Context, StepReport, open_lake
from jobs.intake import judge_staged
from jobs.replacements import Replacements, find
from jobs.world import source_of
from lake import quarantine
from lake.rules import DUPLICATE, REASONS, ROW_ID, Surroundings, good_rows
from lake.store import Lake
from lake.tables import CONTRACT, PARTITION, Table
from sources.source import Source


class ReplayError(RuntimeError):
    """The replay was asked for something that is not there."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """Open rows: rows_in = rows_kept (in the lake now) + rows_quarantined (still wrong) + rows_repeated (in it before).

    still: some of the rows that are still wrong; where no row was open, the days that have some.
    """

    table: str
    day: date
    rows_in: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    rows_repeated: int = 0
    still: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What a person reads: figures, then some of the rows that are still wrong."""
        repeated = f", {self.rows_repeated} were in the lake already" if self.rows_repeated else ""
        figures = (
            f"{self.table}, {self.day}: of {self.rows_in} quarantined rows {self.rows_kept} went to the lake"
            f"{repeated}, {self.rows_quarantined} stay in quarantine."
        )
        return "\n".join([figures, *[f"  {line}" for line in self.still]])


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The step: replay ``options.table`` for ``context.day``.

    Corrected rows are taken from ``--data``, if it is given.
    """
    corrected = source_of(context.settings) if options.data else None
    with open_lake(context.settings) as lake:
        report = run(lake, options.table, context.day, home=context.settings.home, corrected=corrected)
        return StepReport("done", report.message, {report.table: {"rows_kept": report.rows_kept}})


def run(lake: Lake, name: str, day: date, *, home: Path, corrected: Source | None = None) -> ReplayReport:
    """Check the open rows of one table and day again and write each to where it belongs now.

    corrected: a source whose rows replace quarantined ones of the same key or, where the key cannot be read, of the
    same file and line. Raises ReplayError for a table that the contract does not have, SourceError where ``corrected``
    cannot be read, LakeError where a write does not commit; run it again then: rows that are in the lake already are
    not added twice.
    """
    if name not in CONTRACT:
        raise ReplayError(f"There is no table {name}. The contract has {', '.join(CONTRACT)}.")
    table = CONTRACT[name]
    rows = quarantine.read(lake, table).where(F.col(PARTITION) == F.lit(day)).orderBy("origin", "raw").collect()
    still_open = [row for row in rows if row["state"] == quarantine.OPEN]
    if not still_open:
        return ReplayReport(name, day, still=_other_days(lake, table))
    with disk.full_told(home), staging.folder(home, "replay") as folder:
        as_they_are = corrections.as_staged(table, [(row["origin"], day, row["raw"]) for row in still_open], 0)
        found = find(table, as_they_are, corrected)
        pq.write_table(found.staged, folder / "staged.parquet")
        staged = lake.spark.read.parquet(str(folder / "staged.parquet"))
        judged = judge_staged(table, staged, Surroundings.whole(lake), folder / "judged")
        verdicts = judged.select(
            ROW_ID, REASONS, DUPLICATE, PARTITION, F.to_json(F.struct(*table.column_names)).alias("row")
        ).collect()
        _add_to_lake(lake, table, good_rows(table, judged))
        by_id = {verdict[ROW_ID]: verdict for verdict in verdicts}
        kept = [row.asDict() for row in rows if row["state"] != quarantine.OPEN]
        kept += _afterwards(still_open, by_id, found)
        frame = _frame(lake, kept, folder / "quarantine.parquet")
        quarantine.replace(lake, table, frame, len(kept), day, day)
    return _report(name, day, still_open, by_id)


def _add_to_lake(lake: Lake, table: Table, good: DataFrame) -> None:
    """Add rows to the days that they belong to, each day written whole."""
    days = sorted(row[PARTITION] for row in good.select(PARTITION).distinct().collect())
    for day in days:
        own = good.where(F.col(PARTITION) == F.lit(day))
        whole = own.unionByName(lake.day(table.name, day).select(*own.columns)) if lake.exists(table.name) else own
        lake.replace_days(table.name, whole, day, day)


def _afterwards(rows: Sequence[Row], by_id: dict[int, Row], found: Replacements) -> list[dict[str, object]]:
    """What quarantine keeps: rows that are still wrong, and originals whose corrected row is in the lake."""
    kept: list[dict[str, object]] = []
    for at, row in enumerate(rows):
        verdict = by_id[at]
        if at not in found.corrected:
            if verdict[REASONS]:
                kept.append({**row.asDict(), REASONS: verdict[REASONS]})
        elif verdict[REASONS]:
            refused = [f"corrected row: {reason}" for reason in verdict[REASONS]]
            kept.append({**row.asDict(), REASONS: [*_own(row[REASONS]), *refused]})
        else:
            settled = {"state": quarantine.REPLAYED, "corrected": verdict["row"], "lake_day": verdict[PARTITION]}
            kept.append({**row.asDict(), **settled})
    return kept


def _own(reasons: Sequence[str]) -> list[str]:
    return [reason for reason in reasons if not reason.startswith("corrected row: ")]


def _frame(lake: Lake, rows: list[dict[str, object]], path: Path) -> DataFrame:
    schema = pa.schema(
        [
            ("origin", pa.string()),
            (REASONS, pa.list_(pa.string())),
            ("raw", pa.string()),
            ("state", pa.string()),
            ("corrected", pa.string()),
            ("lake_day", pa.date32()),
            (PARTITION, pa.date32()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return lake.spark.read.parquet(str(path))


def _other_days(lake: Lake, table: Table) -> tuple[str, ...]:
    """Where there is something to replay, for someone who named a day without."""
    open_rows = quarantine.read(lake, table).where(F.col("state") == quarantine.OPEN)
    days = open_rows.groupBy(PARTITION).agg(F.count("*").alias("rows")).orderBy(PARTITION).collect()
    return tuple(f"{row[PARTITION]}: {row['rows']} rows of {table.name} are in quarantine" for row in days)


def _report(name: str, day: date, rows: Sequence[Row], by_id: dict[int, Row]) -> ReplayReport:
    wrong = [at for at in range(len(rows)) if by_id[at][REASONS]]
    repeated = sum(bool(by_id[at][DUPLICATE]) for at in range(len(rows)) if not by_id[at][REASONS])
    still = tuple(f"{rows[at]['origin']}: {'; '.join(by_id[at][REASONS])}" for at in wrong[:5])
    return ReplayReport(name, day, len(rows), len(rows) - len(wrong) - repeated, len(wrong), repeated, still)
