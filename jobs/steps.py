"""The table of steps: what each is called, what it takes and where it lives. ``jobs.run`` makes the command line of it.

A step's module is imported when the step runs, so that ``--help`` is instant and sending starts no engine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from typing import Any

from jobs.context import Context, StepReport
from jobs.submit import ALL_TARGETS

Run = Callable[[Context, argparse.Namespace], StepReport]
Option = tuple[tuple[str, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One command. ``needs_day``: yes, maybe (has a default) or no; ``module``: where ``main`` lives under jobs."""

    help: str
    module: str
    example: str
    needs_day: str = "yes"
    options: tuple[Option, ...] = ()

    def run(self, context: Context, options: argparse.Namespace) -> StepReport:
        """Run the step. Raises the step's own errors."""
        main: Run = import_module(self.module).main
        return main(context, options)


def a_day(text: str) -> date:
    """A day written YYYY-MM-DD. Raises ArgumentTypeError, which argparse shows as it is."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write YYYY-MM-DD, for example 2026-03-01") from None


_TARGET: Option = (("--target",), {"choices": ALL_TARGETS, "required": True, "help": "what is predicted"})
_SINCE: Option = (
    ("--since",),
    {"type": a_day, "metavar": "YYYY-MM-DD", "help": "first day, to work on several days at once"},
)

STEPS: dict[str, Step] = {
    "simulate": Step(
        "Write a marketplace with known truth, to try everything on.",
        "jobs.simulate",
        "Example: python -m jobs.run simulate --orders 20000 --seed 7",
        needs_day="no",
        options=(
            (("--orders",), {"type": int, "default": 6000, "help": "how many orders, about (default: 6000)"}),
            (("--seed",), {"type": int, "default": 7, "help": "same seed, same world, byte for byte (default: 7)"}),
            (("--reactions",), {"metavar": "FILE", "help": "notices sent, for the world to react to"}),
        ),
    ),
    "check": Step(
        "Read a source and say what is missing, mistyped, duplicated or contradictory. Writes nothing.",
        "jobs.check",
        "Example: python -m jobs.run check --source csv --data ./my-tables",
        needs_day="no",
    ),
    "ingest": Step(
        "Bring a day (or, with --since, many) into the lake, through the gates.",
        "jobs.ingest",
        "Example: python -m jobs.run ingest --day 2026-03-01",
        options=(_SINCE,),
    ),
    "train": Step(
        "Fit, calibrate and judge a model; put it in service only if it is better.",
        "jobs.train",
        "Example: python -m jobs.run train --day 2026-03-01 --target late_delivery --force",
        options=(_TARGET, (("--force",), {"action": "store_true", "help": "even if the champion is young"})),
    ),
    "score": Step(
        "Build the features as they were known at the end of the day, score, and explain the candidates.",
        "jobs.score",
        "Example: python -m jobs.run score --day 2026-03-01 --target stock_out",
        options=(_TARGET,),
    ),
    "decide": Step(
        "Decide about every candidate, with a reason, and plan the notices.",
        "jobs.decide",
        "Example: python -m jobs.run decide --day 2026-03-01",
        options=((("--disarmed",), {"action": "store_true", "help": "record decisions, tell nobody"}),),
    ),
    "send": Step(
        "Send what is due, after reading each fact once more.",
        "jobs.send",
        "Example: python -m jobs.run send --day 2026-03-01",
    ),
    "learn": Step(
        "Note which cases came true; a kind that was below its precision floor two weeks running is paused.",
        "jobs.learn",
        "Example: python -m jobs.run learn --day 2026-03-01",
    ),
    "control": Step(
        "Change by hand what is sent: switches, pauses, the ladder, budgets, rates, held batches. All is audited.",
        "jobs.control",
        "Example: python -m jobs.run control ladder lost_parcel 1%   (or: stop carrier:NAME, release KIND DAY)",
        needs_day="no",
        options=(
            (("action",), {"choices": ["stop", "start", "pause", "resume", "ladder", "budget", "rate", "release"]}),
            (("what",), {"help": "a kind, 'all', 'carrier:NAME', or a currency"}),
            (("to",), {"nargs": "?", "help": "a rung (shadow, 1%%, 10%%, all), a number, or the day to release"}),
            (("--notice",), {"action": "append", "default": [], "metavar": "ID", "help": "release this one notice"}),
            (("--by",), {"metavar": "WHO", "help": "your account, for the audit (default: the system's)"}),
            (("--note",), {"metavar": "TEXT", "help": "why, for the audit"}),
            (("--force",), {"action": "store_true", "help": "up the ladder without its precision kept"}),
        ),
    ),
    "returns": Step(
        "Read bounces and complaints from the Maildir that BEFOREHAND_RETURNS names, and suppress.",
        "jobs.returns",
        "Example: python -m jobs.run returns",
        needs_day="no",
    ),
    "day": Step(
        "All of the above for one day, without Airflow.",
        "jobs.day",
        "Example: python -m jobs.run day --day 2026-03-01",
        needs_day="maybe",
    ),
    "rebuild": Step(
        "Work through a past day again with sending disarmed.",
        "jobs.rebuild",
        "Example: python -m jobs.run rebuild --day 2026-02-14",
    ),
    "replay": Step(
        "Rebuild a notice from the recorded versions of tables, model and wording, and compare it byte for byte.",
        "jobs.replay",
        "Example: python -m jobs.run replay --notice 4f0c1a   (or --day 2026-03-01 for all of a day)",
        needs_day="maybe",
        options=((("--notice",), {"metavar": "ID", "help": "the notice's id, or how it begins"}),),
    ),
    "replay-quarantine": Step(
        "Try quarantined rows again, as they are or corrected.",
        "jobs.replay_quarantine",
        "Example: python -m jobs.run replay-quarantine --table orders --day 2026-03-01",
        options=((("--table",), {"required": True, "help": "the table of the contract"}),),
    ),
    "backtest": Step(
        "Learn from the past of a source and predict what came next, beside the naive rule and a logistic model.",
        "jobs.backtest",
        "Example: python -m jobs.run backtest --source olist --data DIR --target late_delivery "
        "--train-before 2018-01-01 --test-before 2018-05-01 --out out",
        needs_day="no",
        options=(
            _TARGET,
            (("--train-before",), {"type": a_day, "required": True, "metavar": "YYYY-MM-DD",
                                   "help": "learn from what was known before this day"}),
            (("--test-before",), {"type": a_day, "required": True, "metavar": "YYYY-MM-DD",
                                  "help": "predict at snapshots before this day"}),
            (("--out",), {"required": True, "metavar": "DIR", "help": "where predictions and the report go"}),
        ),
    ),
    "pending-days": Step(
        "List the days that were ingested and never decided, as JSON.",
        "jobs.pending_days",
        "Example: python -m jobs.run pending-days",
        needs_day="no",
        options=((("--announced",), {"action": "append", "default": [], "metavar": "YYYY-MM-DD",
                                     "help": "a day to take in any case; may be repeated"}),),
    ),
    "demo": Step(
        "The whole product on this machine, through Airflow.",
        "jobs.demo",
        "Example: python -m jobs.run demo --once",
        needs_day="maybe",
        options=((("--once",), {"action": "store_true", "help": "end after the run, for scripts"}),),
    ),
}  # fmt: skip
