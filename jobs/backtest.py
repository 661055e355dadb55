"""Learn from the past of a source and predict what came next, beside the naive rule and a logistic model on the
same rows.

The source's files go into a lake of their own that is gone afterwards. What is predicted at a moment uses what
was recorded before it; what is learned from was mature before the origin. Rows after ``test_before`` give
labels and nothing else.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs import backtest_report, ingest, world
from jobs.context import Context, StepReport
from lake import engine
from lake.store import Lake, as_of
from models import frames, origins, target
from models.target import TargetSpec
from sources.source import Source

log = logging.getLogger(__name__)

SEED = 7
PREDICTIONS = pa.schema(
    [
        pa.field("subject_id", pa.string()),
        pa.field("sku_id", pa.string()),
        pa.field("as_of", pa.timestamp("us", tz="UTC")),
        pa.field("snapshot", pa.string()),
        pa.field("target", pa.string()),
        pa.field("probability", pa.float64()),
        pa.field("abstained", pa.bool_()),
        pa.field("weight", pa.float64()),
        pa.field("label", pa.int8()),
    ]
)


class BacktestError(RuntimeError):
    """A backtest cannot be made from what was asked for."""


@dataclass(frozen=True, slots=True)
class Period:
    """What is learned before and predicted before; both UTC midnights."""

    train_before: datetime
    test_before: datetime


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The command: ingest, learn, predict, write predictions.parquet, report.json and report.html to
    ``options.out``.
    """
    period = period_of(options.train_before, options.test_before)
    spec = target.spec(options.target)
    source = world.source_of(context.settings)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="beforehand-backtest-") as scratch,
        engine.session(context.settings.spark_remote) as spark,
    ):
        lake = Lake(Path(scratch) / "lake", spark)
        known_until = fill(lake, source, Path(scratch))
        rows, walked = predict(lake, spec, period, known_until)
        judged = backtest_report.build(spec, rows, walked, period.train_before, period.test_before)
    write(rows, spec, out / "predictions.parquet")
    backtest_report.write(judged, out)
    return StepReport("done", backtest_report.sentence(judged, out))


def period_of(train_before: date, test_before: date) -> Period:
    """The two days as UTC midnights. Raises BacktestError where they are not in order."""
    if test_before <= train_before:
        raise BacktestError(
            f"--test-before {test_before} is not after --train-before {train_before}: there is nothing to test."
        )
    midnight = datetime.min.time()
    return Period(
        datetime.combine(train_before, midnight, tzinfo=UTC), datetime.combine(test_before, midnight, tzinfo=UTC)
    )


def fill(lake: Lake, source: Source, home: Path, progress: Callable[[str], None] = log.info) -> datetime:
    """Everything that the source tells, through the gates. Returns the first moment that it does not know.

    Raises BacktestError where a table is held.
    """
    first, last = source.span()
    report = ingest.run(lake, source, first, last, home=home, progress=progress)
    if report.held:
        told = "\n".join(f"{name}: {reason}" for name, reason in report.held.items())
        raise BacktestError(f"The gates hold {', '.join(report.held)}; nothing was learned or predicted.\n{told}")
    return as_of(last)


def predict(
    lake: Lake,
    spec: TargetSpec,
    period: Period,
    known_until: datetime,
    *,
    seed: int = SEED,
    most: int = frames.MOST_ROWS,
) -> tuple[pd.DataFrame, list[origins.Origin]]:
    """``learnable`` and ``walk`` in one."""
    learning = learnable(lake, spec, period, known_until, seed=seed, most=most)
    return walk(spec, learning, period, known_until, seed=seed)


def learnable(
    lake: Lake,
    spec: TargetSpec,
    period: Period,
    known_until: datetime,
    *,
    seed: int = SEED,
    most: int = frames.MOST_ROWS,
) -> frames.Learnable:
    """Feature rows of the past and of the test period. Raises BacktestError where the source has no such subjects."""
    begin = frames.first_known(lake, spec)
    if begin is None:
        raise BacktestError(
            f"The source delivers no {spec.subject_table}, which {spec.name} is about. Choose another target."
        )
    found = frames.learnable(
        lake, spec, begin + spec.warm_up, period.test_before, whole_from=period.train_before, seed=seed, most=most
    )
    if not (found.rows["as_of"] >= pd.Timestamp(period.train_before)).any():
        raise BacktestError(
            f"{spec.name}: no subject between {period.train_before:%Y-%m-%d} and {period.test_before:%Y-%m-%d}. "
            f"The source tells from {begin:%Y-%m-%d} to {known_until:%Y-%m-%d}."
        )
    return found


def walk(
    spec: TargetSpec, learning: frames.Learnable, period: Period, known_until: datetime, *, seed: int = SEED
) -> tuple[pd.DataFrame, list[origins.Origin]]:
    """Every subject of the test period with its forecast, its peers' and its outcome, and the origins that were walked.

    Rows: SUBJECT_COLUMNS, features, probability, logistic, rule, abstained, abstain_reason, and the outcome as known by
    ``known_until`` (label NaN where it does not count or is not known).
    """
    asked = learning.rows[learning.rows["as_of"] >= pd.Timestamp(period.train_before)].reset_index(drop=True)
    past = learning.outcomes(known_until)
    predicted, walked = origins.walk(
        spec, asked, learning.known_at, period.train_before, period.test_before, past=past, seed=seed
    )
    outcomes = past[[*frames.KEY_COLUMNS, *frames.OUTCOME_COLUMNS]]
    return predicted.merge(outcomes, on=list(frames.KEY_COLUMNS), how="left"), walked


def write(rows: pd.DataFrame, spec: TargetSpec, path: Path) -> None:
    """predictions.parquet: one row per subject_id, sku_id and as_of, sorted by them; label null where there is
    none to judge by.
    """
    ordered = rows.sort_values(["as_of", "subject_id", "sku_id"], kind="stable")
    skus: Any = [sku or None for sku in ordered["sku_id"]]
    made = ordered.assign(target=spec.name, sku_id=skus, label=ordered["label"].astype("Int8"))
    table = pa.Table.from_pandas(made[PREDICTIONS.names], schema=PREDICTIONS, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd")
