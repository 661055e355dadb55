"""One day from the source's files to the sent mail, without Airflow: the same steps in the same order.

On a new machine it first makes what is missing: the simulator's world, the history in the lake, the first models.
"""

from __future__ import annotations

import argparse
import dataclasses
from datetime import UTC, datetime

from rich.console import Console

from jobs import simulate, summary, world
from jobs.context import Context, StepReport, clock, open_lake
from jobs.steps import STEPS
from jobs.submit import ALL_TARGETS
from settings import DEMO_TARGETS, daily_targets


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Run every step for ``options.day`` (default: the source's last). Stops at the first step that is held."""
    out = Console(stderr=True, soft_wrap=True)  # a path that is broken in two cannot be copied
    settings = context.settings
    with out.status("Looking for a marketplace to work on; where there is none, one is written ..."):
        simulate.write_if_missing(settings)
    source = world.source_of(settings)
    day = world.last_day(source, options.day)
    context = dataclasses.replace(context, day=day, now=clock(day, datetime.now(UTC)))
    with open_lake(settings):
        options.since = world.history_from(settings, source)
        options.disarmed, options.force = False, False
        for name, target in plan():
            options.target = target
            label = f"{name} {target or ''}".strip()
            with out.status(f"{label} ..."):
                report = STEPS[name].run(context, options)
            out.print(f"  {label}: {report.message}", highlight=False)
            if report.status == "held":
                return report
    return StepReport("done", summary.text(summary.read(settings, context.day)))


def plan() -> list[tuple[str, str | None]]:
    """The steps of a day in order, as (step, target); target is None for a step that handles all."""
    names = daily_targets(ALL_TARGETS, unset=DEMO_TARGETS)
    return [
        ("ingest", None),
        *(("train", target) for target in names),
        *(("score", target) for target in names),
        ("decide", None),
        ("send", None),
        ("learn", None),
    ]
