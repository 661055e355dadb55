"""Say what is missing, mistyped, duplicated or contradictory in a source, table by table, before anything runs.

Reads everything the source delivers with the same code that ``ingest`` uses, on the embedded engine and against an
empty lake. Writes nothing but a temporary folder, which is gone afterwards.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import SparkSession
from rich.console import Console
from rich.markup import escape

from jobs import findings
from jobs.context import Context, StepReport
from jobs.findings import Finding
from jobs.intake import judge_table
from jobs.world import source_of
from lake import engine
from lake.rules import Surroundings, allowed_bad, good_rows
from lake.store import Lake
from lake.tables import CONTRACT
from models.target import all_targets
from sources.source import ONLY_FOR, REQUIRED_FOR, Source, SourceError, missing_tables

WITHOUT = {
    "inbound": "stock_out looks one day ahead and names no order-by date: lead times are unknown",
    "promotions": "stock_out does not see planned discounts",
    "calendar": "holidays and sales events are not seen",
    "listings": "articles have no category",
    "sampling": "every order counts once",
    "people": "nobody can be told: put people.csv beside the tables",
}


@dataclass
class CheckReport:
    """problems: what keeps a table out as a whole. findings: table -> faults of single rows. off: target -> why."""

    rows: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    off: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing at all was found."""
        return not self.problems and not any(self.findings.values())


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The step: check the configured source. Held where anything was found, so that a script notices."""
    del options  # --source and --data are in the settings
    source = source_of(context.settings)
    with engine.session() as spark:  # the embedded one: the files are here, and a cluster need not see them
        report = run(source, Console(soft_wrap=True), spark)
    if report.ok:
        return StepReport("done", "Nothing is wrong. The tables can be loaded.")
    faults = sum(finding.rows for found in report.findings.values() for finding in found)
    whole = f"{len(report.problems)} problems with whole tables"
    return StepReport("held", f"{whole}, {faults:,} faults in single rows. Nothing was written.")


def run(source: Source, out: Console, spark: SparkSession) -> CheckReport:
    """Check everything ``source`` delivers, tell ``out`` as it goes, and return what was found."""
    report = CheckReport()
    for note in source.notes():
        out.print(f"[yellow]note[/] {escape(note)}", highlight=False)
    report.problems.update(missing_tables(source.tables, ()))
    try:
        first, last = source.span()
    except SourceError as error:
        report.problems.setdefault(error.table, str(error))
    else:
        with tempfile.TemporaryDirectory(prefix="beforehand-check-") as folder:
            around = Surroundings(Lake(Path(folder) / "lake", spark), first, last, {})
            for name in source.tables:
                _check_table(name, source, around, Path(folder), report)
                _tell_table(name, report, out)
    _check_people(source, report)
    _check_targets(source, report)
    _tell_rest(source, report, out)
    return report


def _check_table(name: str, source: Source, around: Surroundings, folder: Path, report: CheckReport) -> None:
    table = CONTRACT[name]
    try:
        judged = judge_table(source, table, around, folder)
    except SourceError as error:
        report.problems[name] = str(error)
        return
    report.rows[name] = judged.rows
    report.findings[name] = findings.of(judged)
    around.good[name] = good_rows(table, judged.frame)
    if not judged.rows and any(name in required for required in REQUIRED_FOR.values()):
        report.problems[name] = f"{name}: it holds no rows. Is this the whole file?"
    if judged.bad > allowed_bad(table, judged.rows):
        most = allowed_bad(table, judged.rows)
        found = f"{name}: {judged.bad:,} of {judged.rows:,} rows are wrong, and {most:,} may be"
        report.problems[name] = f"{found}: the table would be held as a whole."


def _check_people(source: Source, report: CheckReport) -> None:
    try:
        report.rows["people"] = sum(1 for _ in source.people())
    except SourceError as error:
        report.problems["people"] = str(error)


def _check_targets(source: Source, report: CheckReport) -> None:
    for target, required in _needs().items():
        absent = [name for name in required if name not in source.tables]
        broken = [name for name in required if name in report.problems and name not in absent]
        if absent:
            report.off[target] = f"{', '.join(absent)} missing"
        elif broken:
            report.off[target] = f"{', '.join(broken)} cannot be used"
    if all(target in report.off for target in REQUIRED_FOR) and not report.problems:
        needs = "; or ".join(f"{', '.join(required)} for {target}" for target, required in REQUIRED_FOR.items())
        report.problems["the whole source"] = f"No target can be predicted from these tables. They must be {needs}."


def _needs() -> dict[str, tuple[str, ...]]:
    """The tables without which a target cannot be predicted, by target: those that a delivery is judged by first."""
    further = {name: (spec.subject_table, *spec.needs) for name, spec in all_targets().items()}
    return REQUIRED_FOR | {name: needs for name, needs in further.items() if name not in REQUIRED_FOR}


def _tell_table(name: str, report: CheckReport, out: Console) -> None:
    wrong = name in report.problems or report.findings.get(name)
    mark = "[red]✗[/]" if wrong else "[green]✓[/]"
    out.print(f"{mark} [bold]{name}[/] {report.rows.get(name, 0):,} rows", highlight=False)
    if name in report.problems:
        out.print(f"    {escape(report.problems[name])}", highlight=False)
    for finding in report.findings.get(name, ()):
        out.print(f"    {finding.rows:,} rows: {escape(finding.says)}", highlight=False)
        for row in finding.shown:
            out.print(f"        {escape(row)}", highlight=False)


def _tell_rest(source: Source, report: CheckReport, out: Console) -> None:
    for name, problem in report.problems.items():
        if name not in source.tables:
            out.print(f"[red]✗[/] [bold]{name}[/] {escape(problem)}", highlight=False)
    present = {*source.tables, *([] if not report.rows.get("people") else ["people"])}
    for name, lost in WITHOUT.items():
        moot = name in ONLY_FOR["stock_out"] and "stock_out" in report.off
        if name not in present and name not in report.problems and not moot:
            out.print(f"[yellow]-[/] no {name}: {lost}", highlight=False)
    for target in _needs():
        reason = report.off.get(target)
        out.print(f"[red]✗[/] {target} is off: {reason}" if reason else f"[green]✓[/] {target} can be predicted")
