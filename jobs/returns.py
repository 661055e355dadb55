"""Read what came back: bounces and complaints in a Maildir become states and suppressions."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from jobs.context import Context, StepReport
from jobs.record import recorded
from notices.keys import Keys
from notices.send import returns
from notices.state import writing

NAMES = (returns.BOUNCE, returns.COMPLAINT, returns.DELAY, returns.SEEN, returns.UNKNOWN)


class NoFolder(RuntimeError):
    """The folder that BEFOREHAND_RETURNS names is not a Maildir."""


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Run the step. Raises NoFolder where the folder is missing; idle where none is set."""
    del options
    folder = context.settings.returns
    if folder is None:
        return StepReport("idle", "BEFOREHAND_RETURNS names no Maildir: nothing to read")
    if context.day is None:
        context = replace(context, day=context.now.date())
    with recorded(context, "returns") as box:
        counts = read(box.state, Keys(context.settings.secret), folder, datetime.now(UTC))
        said = ", ".join(f"{counts[name]:,} {name}" for name in NAMES if counts[name])
        box.report = StepReport("done", f"{sum(counts.values()):,} mails read in {folder}: {said or 'none'}", counts)
        return box.report


def read(engine: Engine, keys: Keys, folder: Path, at: datetime) -> dict[str, int]:
    """Take every mail of the Maildir's ``new``; each then moves to ``cur``. Returns how many were what.

    Killed between the two, the mail is read again and counts as seen.
    """
    if not (folder / "new").is_dir():
        raise NoFolder(f"{folder} is not a Maildir (it has no folder new). Nothing was read. Set BEFOREHAND_RETURNS.")
    read_before = folder / "cur"
    read_before.mkdir(exist_ok=True)
    counts: Counter[str] = Counter(dict.fromkeys(NAMES, 0))
    for file in sorted((folder / "new").iterdir()):
        if not file.is_file():
            continue
        raw = file.read_bytes() if file.stat().st_size <= returns.MAX_BYTES else b""
        with writing(engine) as db:
            counts[returns.take(db, keys, raw, at)] += 1
        file.replace(read_before / f"{file.name.partition(':')[0]}:2,S")  # seen, as a Maildir says it
    return dict(counts)
