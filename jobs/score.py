"""Score one day: its subjects, their features as they were known when it ended, a chance for each, reasons for the
candidates.

Writes ``features_<target>``, ``scores_<target>`` and ``candidates_<target>``, each a partition of its own,
replaced whole: run again it gives the same rows. Without a model in service the rule speaks through its usual
shares, and abstains.
"""

from __future__ import annotations

import argparse
import json
import logging
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import functions as F

from features import catalog
from jobs import demand_lately, evidence, lately, pace, window_coverage
from jobs.context import Context, StepReport, open_lake
from jobs.record import recorded
from lake import evolve
from lake.engine import is_embedded
from lake.gates import Gates
from lake.store import Lake, as_of
from models import explain, frames, predict, shared, target
from models.registry import Registry, Served
from models.slices import SLICE
from models.target import TargetSpec

log = logging.getLogger(__name__)

BATCH_ROWS = 100_000
SCORES = pa.schema(
    [
        *predict.SCORED,
        pa.field("target", pa.string()),
        pa.field("model_version", pa.string()),
        pa.field("day", pa.date32()),
    ]
)
CANDIDATES = pa.schema([*SCORES, pa.field("reasons", pa.string()), pa.field("evidence", pa.string())])


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The step."""
    spec = target.spec(options.target)
    registry = Registry(context.settings.mlflow_url, context.settings.home / "mlruns")
    with recorded(context, "score", spec.name) as box:
        served = registry.champion(spec.name)
        if served is None:
            box.report = StepReport("idle", f"{spec.name}: no model is in service. Run train for this target first.")
            return box.report
        with open_lake(context.settings) as lake:
            embedded = is_embedded(context.settings.spark_remote)
            box.report = run(lake, spec, context.day, served, docs=context.settings.data_docs, embedded=embedded)
        return box.report


def run(lake: Lake, spec: TargetSpec, day: date, served: Served, *, docs: Path, embedded: bool = True) -> StepReport:
    """Score every subject of ``day``. idle where the source lacks a table that the target needs, held where a feature
    is outside its bounds. Counts: scored, abstained, candidates. docs: where the gate's page goes.
    """
    lacking = target.lacking(lake, spec)
    if lacking:
        return StepReport("idle", f"{lacking}; nothing to score")
    version, made_from = build_features(lake, spec, day)
    refused = gate(lake, spec, day, docs)
    if refused:
        return StepReport("held", refused, versions=lake.versions_read)
    _look_back(lake, spec, served, day)
    scored = score(lake, spec, day, served, embedded=embedded)
    lake.replace_days(f"scores_{spec.name}", lake.frame(scored), day, day)
    chosen = scored.filter(_is_candidate(spec, scored))
    candidates = told(lake, spec, as_of(day), served, chosen)
    written = lake.replace_days(f"candidates_{spec.name}", lake.frame(candidates), day, day)
    counts = {
        "scored": scored.num_rows,
        "abstained": sum(1 for quiet in scored.column("abstained").to_pylist() if quiet),
        "candidates": candidates.num_rows,
    }
    message = f"{spec.name}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items())
    # what a replay needs: the same tables, the same model, and which writing of the candidates this run made
    versions: dict[str, int | str] = {
        **made_from,
        **lake.versions_read,
        f"features_{spec.name}": version,
        f"candidates_{spec.name}": written,
        "model": served.version,
        "model_digest": served.digest,
        "code": evidence.code_version(),
    }
    return StepReport("done", message, counts, versions)


def _look_back(lake: Lake, spec: TargetSpec, served: Served, day: date) -> None:
    """What the last weeks say about today's forecasts: the pace of endings, and date windows that did not hold."""
    model = served.model
    if model.hazard is None and model.window is None:
        return
    past = lately.scored(lake, spec, model.features, day)
    if model.hazard is not None:
        pace.measure(lake, spec, served, day, past)
    if model.window is not None:
        window_coverage.measure(lake, spec, served, day, past)


def build_features(lake: Lake, spec: TargetSpec, day: date) -> tuple[int, dict[str, int]]:
    """Write the day's rows of ``features_<target>``, from those that it shares with other targets where it does.

    Returns the table's version and those of the tables that the features were made from.
    """
    name = f"features_{spec.name}"
    rows, made_from = shared.features_of_day(lake, spec, day)
    version = lake.replace_days(name, evolve.fitted(lake, name, rows.withColumn("day", F.lit(day))), day, day)
    return version, made_from


def gate(lake: Lake, spec: TargetSpec, day: date, docs: Path) -> str:
    """Why the day's features must not reach the model; empty where they may. A day without subjects passes."""
    name = f"features_{spec.name}"
    rows = lake.day(name, day)
    if rows.isEmpty():
        return ""
    gates = Gates(docs / "score" / f"{spec.name}_{day}")
    declared = [feature for feature in catalog.features_of(spec.built_as) if feature.name in spec.features]
    verdict = gates.features(name, rows, [(feature.name, feature.allowed, True) for feature in declared])
    page = gates.build_page()
    if verdict.passed:
        return ""
    return (
        f"{name}, {day}: {'; '.join(verdict.failures)}. Nothing was scored and the features stay in the lake for a "
        f"look. Mend the source or the feature and run score again. The gate's page: {page}"
    )


def score(lake: Lake, spec: TargetSpec, day: date, served: Served, *, embedded: bool = True) -> pa.Table:
    """SCORES of the day's feature rows, sorted by subject. Embedded: fed in the process; on a cluster by mapInArrow."""
    rows = lake.day(f"features_{spec.name}", day).drop("day")
    generator = predict.scorer(spec, served.model, pace.read(lake, spec, day))
    if embedded:
        table = rows.toArrow()
        batches = generator(table.to_batches(max_chunksize=BATCH_ROWS))
        scored = pa.Table.from_batches(list(batches), schema=predict.SCORED)
    else:
        scored = rows.mapInArrow(generator, _spark_schema()).toArrow().cast(predict.SCORED)
    scored = scored.sort_by([("subject_id", "ascending"), ("sku_id", "ascending")])
    constant = {"target": spec.name, "model_version": served.version, "day": day}
    for name, value in constant.items():
        scored = scored.append_column(SCORES.field(name), pa.array([value] * scored.num_rows, SCORES.field(name).type))
    return scored


def told(lake: Lake, spec: TargetSpec, moment: datetime, served: Served, chosen: pa.Table) -> pa.Table:
    """CANDIDATES: the chosen scores with their reasons and the evidence that every message draws on."""
    frame = _features_of(lake, spec, chosen, moment)
    frame = evidence.planned(spec, frame, demand_lately.followed(lake, spec, served.model.demand, moment))
    about = evidence.gather(lake, spec, frame, moment)
    reasons = explain.reasons(served.model, frame, explain.told(spec), [fact.sources for fact in about])
    windows = _windows(lake, spec, moment, served, frame, about)
    records = [evidence.record(spec, frame.iloc[n], fact, reasons[n], windows[n]) for n, fact in enumerate(about)]
    return chosen.append_column(
        CANDIDATES.field("reasons"), pa.array([_json(item) for item in reasons], pa.string())
    ).append_column(CANDIDATES.field("evidence"), pa.array([_json(item) for item in records], pa.string()))


def _windows(
    lake: Lake, spec: TargetSpec, moment: datetime, served: Served, frame: pd.DataFrame, about: list[evidence.About]
) -> list[pd.Series | None]:
    """The date window of each row; None without one, and where its slice's windows have not held lately."""
    if served.model.window is None or frame.empty:
        return [None] * len(frame)
    dates = served.model.window.dates(frame)
    ways = pd.DataFrame([{name: fact.fields.get(name) for name in SLICE} for fact in about], index=frame.index)
    day = (pd.Timestamp(moment) - pd.Timedelta(days=1)).date()
    quiet = window_coverage.read(lake, spec, day).of(ways).to_numpy(bool)
    return [None if quiet[n] else dates.iloc[n] for n in range(len(frame))]


def _features_of(lake: Lake, spec: TargetSpec, chosen: pa.Table, moment: datetime) -> pd.DataFrame:
    """Feature rows of the chosen subjects with their probability, in the order of ``chosen``."""
    wanted: pd.DataFrame = chosen.select(["subject_id", "sku_id", "probability"]).to_pandas()
    wanted["sku_id"] = wanted["sku_id"].fillna("")
    keys = lake.frame(chosen.select(["subject_id"]).group_by("subject_id").aggregate([]))
    day_rows = lake.day(f"features_{spec.name}", (pd.Timestamp(moment) - pd.Timedelta(days=1)).date())
    rows = frames.to_pandas(day_rows.join(keys, "subject_id", "left_semi").drop("day"))
    return wanted.merge(rows, on=["subject_id", "sku_id"], how="left")


def _is_candidate(spec: TargetSpec, scored: pa.Table) -> pa.Array:
    likely = scored.column("probability").to_numpy() >= spec.threshold
    happened = [reason == predict.HAPPENED for reason in scored.column("abstain_reason").to_pylist()]
    return pa.array(likely & ~pd.Series(happened, dtype=bool).to_numpy())


def _spark_schema() -> str:
    kinds = {
        "string": "string",
        "int32": "int",
        "double": "double",
        "bool": "boolean",
        "timestamp[us, tz=UTC]": "timestamp",
    }
    return ", ".join(f"{field.name} {kinds[str(field.type)]}" for field in predict.SCORED)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
