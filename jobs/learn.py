"""Note which cases came true. A kind that fell below its precision floor two weeks running pauses itself.

The labels are those that models learn from, read as they are known now; a case counts when its outcome could be known.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import functions as F
from sqlalchemy import Engine

from jobs.context import Context, StepReport, open_lake
from jobs.record import recorded
from lake.store import Lake
from models import target
from models.target import TargetSpec
from notices import state
from notices.control import changes as control
from notices.control import outcomes
from notices.control.changes import By
from notices.control.outcomes import Wanted
from notices.decide.policy import Kind, Policy
from notices.keys import Keys
from notices.plan import history

ACTOR = "learn"


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Run the step. Counts: outcomes noted, and kinds paused."""
    del options
    with recorded(context, "learn") as box, open_lake(context.settings) as lake:
        keys, counts, said = Keys(context.settings.secret), {"outcomes": 0, "paused": 0}, []
        with box.state.connect() as db:
            kinds = history.load_policy(db, Policy()).kinds
        for name, spec in target.all_targets().items():
            if name not in kinds or target.lacking(lake, spec):
                continue
            counts["outcomes"] += note(lake, box.state, spec, context.now)
            counts["paused"] += pause_if_low(box.state, keys, kinds[name], context.now)
            with box.state.connect() as db:
                kept = outcomes.precision(db, kinds[name], context.now)
            if kept is not None:
                said.append(f"{name} {kept.share:.0%} of {kept.cases:,}")
        measured = f"; came true in the last {outcomes.WINDOW_DAYS} days: {', '.join(said)}" if said else ""
        message = f"{context.day}: {counts['outcomes']:,} outcomes noted, {counts['paused']} kinds paused{measured}"
        box.report = StepReport("done", message, counts, lake.versions_read)
        return box.report


def note(lake: Lake, engine: Engine, spec: TargetSpec, now: datetime) -> int:
    """Write the outcomes of the kind's cases that are mature at ``now``; returns how many."""
    with engine.connect() as db:
        waiting = outcomes.waiting(db, spec.name, now.date())
    found = mature(lake, spec, waiting, now)
    with state.writing(engine) as db:
        return outcomes.record(db, found)


def mature(lake: Lake, spec: TargetSpec, cases: Sequence[Wanted], now: datetime) -> list[tuple[Wanted, bool, datetime]]:
    """The cases whose outcome could be known at ``now``: the case, whether it came true, and when that was known."""
    if not cases:
        return []
    by_key = {(case.subject_id, case.sku_id, case.evidence["as_of"]): case for case in cases}
    rows = [(*key, case.evidence.get("horizon_days")) for key, case in by_key.items()]
    asked = lake.spark.createDataFrame(rows, "subject_id string, sku_id string, asked_at string, horizon_days int")
    first, *more = spec.keys
    named = asked.select(
        F.col("subject_id").alias(first),
        *(F.col("sku_id").alias(name) for name in more),
        F.to_timestamp("asked_at").alias("as_of"),
        "horizon_days",
    )
    labels = spec.label(lake, named, now).where(F.col("label").isNotNull() & (F.col("matured_at") <= F.lit(now)))
    found = []
    moments = {(key[0], key[1], datetime.fromisoformat(key[2])): case for key, case in by_key.items()}
    for row in labels.toArrow().to_pylist():
        case = moments[row[first], row[more[0]] if more else "", row["as_of"]]
        found.append((case, bool(row["label"]), row["matured_at"]))
    return found


def pause_if_low(engine: Engine, keys: Keys, kind: Kind, now: datetime) -> bool:
    """Pause a kind that was below its floor in each of the last two weeks. Returns whether it was paused now."""
    with state.writing(engine) as db:
        low = outcomes.below_floor_twice(db, kind, now)
        if not low:
            return False
        shares = " and ".join(f"{week.share:.0%} of {week.cases}" for week in low)
        reason = f"precision {shares} in two weeks running, below the floor of {kind.floor:.0%}"
        return control.pause(db, keys, kind.name, By(ACTOR, now), reason=reason)
