"""How a DAG runs a step: as a child process, and with nothing of the product imported into Airflow's own.

A step imports Spark, XGBoost or Great Expectations; none of these may live in a scheduler's worker. A child is also
what an ``execution_timeout`` can really stop. This module is the only one that ``dags/`` imports.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import settings

ROOT = Path(__file__).resolve().parents[1]
# A target is a spec file; the DAGs need its name and must not import it.
ALL_TARGETS = tuple(
    sorted(path.stem for path in (ROOT / "models" / "targets").glob("*.py") if not path.stem.startswith("_"))
)

DONE = 0
FAILED = 1
HELD = 3
NOTHING_TO_DO = 4

_log = logging.getLogger(__name__)
_STOP_GRACE_SECONDS = 20


class StepFailed(RuntimeError):
    """A step ended with an error; trying again may help."""


class StepHeld(RuntimeError):
    """A gate held the day: a person must look, trying again will not help."""


class NothingToDo(RuntimeError):
    """The step does not apply here, for example a seller-side target where the source has no stock."""


def target_names() -> tuple[str, ...]:
    """The targets that the scheduled steps handle: all, or those that BEFOREHAND_TARGETS names."""
    return settings.daily_targets(ALL_TARGETS)


def command(step: str, *arguments: str) -> list[str]:
    """The command line of a step, for a person to copy as well."""
    return [sys.executable, "-m", "jobs.run", step, *arguments]


def run_days(step: str, days: Iterable[str], *arguments: str) -> None:
    """Run a step for each day, oldest first. Raises NothingToDo only if that was so for every day."""
    days = sorted(days)
    idle = 0
    for day in days:
        try:
            run(step, "--day", day, *arguments)
        except NothingToDo as reason:
            _log.info("nothing to do: %s", reason)
            idle += 1
    if idle == len(days):
        raise NothingToDo(f"{step}: nothing to do on {', '.join(days) or 'any day'}")


def run(step: str, *arguments: str) -> list[str]:
    """Run a step to its end, its output going to the task's log line by line. Returns the lines.

    Raises StepHeld, NothingToDo or StepFailed with the step's last line, which says what to do next. Whatever ends
    this call (a timeout, a kill of the task) ends the child too.
    """
    call = command(step, *arguments)
    _log.info("step starts: %s", " ".join(call[1:]))
    lines: list[str] = []
    # The commands are our own step names and dates; no shell is involved.
    with subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:  # noqa: S603
        try:
            for line in child.stdout or ():
                lines.append(line.rstrip())
                _log.info("%s", lines[-1])
            code = child.wait()
        except BaseException:
            _end(child)
            raise
    last = next((line for line in reversed(lines) if line.strip()), f"{step} said nothing")
    if code == HELD:
        raise StepHeld(last)
    if code == NOTHING_TO_DO:
        raise NothingToDo(last)
    if code != DONE:
        raise StepFailed(f"{last} (exit code {code})")
    return lines


def _end(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(_STOP_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def days_to_do(announced: Sequence[str]) -> list[str]:
    """The days a daily run must take: those just announced, and earlier ones that no run took.

    Airflow may merge several asset events into one run, or lose one with a killed scheduler; the state DB knows
    which days were ingested and never decided. Empty while no model is in service.
    """
    arguments = [part for day in announced for part in ("--announced", day)]
    return list(json.loads(run("pending-days", *arguments)[-1]))
