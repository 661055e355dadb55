"""A past day again, with sending disarmed: what was decided is recorded, nobody is told about a day that is over."""

from __future__ import annotations

import argparse

from jobs import decide, ingest, score
from jobs.context import Context, StepReport, open_lake
from jobs.submit import target_names


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Ingest, score and decide ``context.day``. Ends held where a gate held it; nothing after that step is done."""
    options.since, options.disarmed = None, True
    with open_lake(context.settings):
        report = ingest.main(context, options)
        if report.status == "held":
            return report
        for options.target in target_names():
            report = score.main(context, options)
            if report.status == "held":
                return report
        return decide.main(context, options)
