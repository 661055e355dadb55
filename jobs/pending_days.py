"""Which days a daily run must take: those just announced, and those ingested later than the last decided one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Engine, select

from jobs.context import Context, StepReport
from jobs.submit import target_names
from notices import state


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Print the days as a JSON list, oldest first; an empty one while no target has a champion."""
    from models import registry

    known = registry.Registry(context.settings.mlflow_url, context.settings.home / "mlruns")
    if not any(known.has_champion(target) for target in target_names()):
        return StepReport("done", "[]")
    engine = state.open_state(context.settings.state_url)
    try:
        days = pending(engine, [date.fromisoformat(day) for day in options.announced])
    finally:
        engine.dispose()
    return StepReport("done", json.dumps([day.isoformat() for day in days]))


def pending(engine: Engine, announced: Iterable[date]) -> list[date]:
    """Announced days, and days with an ingest that is done but no decide that is; nothing older than the last decided.

    An older gap is a matter for ``rebuild``: its notices would come too late, and must not be sent.
    """
    runs = state.runs
    with engine.connect() as db:
        ended = db.execute(
            select(runs.c.day, runs.c.step).where(runs.c.status == "done", runs.c.step.in_(["ingest", "decide"]))
        ).all()
    ingested = {row.day for row in ended if row.step == "ingest"}
    decided = {row.day for row in ended if row.step == "decide"}
    newest = max(decided, default=date.min)
    return sorted({day for day in ingested - decided if day > newest} | set(announced))
