"""Decide about every candidate of a day and plan the notices. Twice equals once; a rebuild plans, and tells nobody."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import date
from math import isnan
from typing import Any

from jobs import closings, track_record
from jobs.context import Context, StepReport, open_lake
from jobs.record import recorded
from lake.store import Lake
from notices.decide.decide import Candidate
from notices.decide.policy import Policy
from notices.keys import Keys
from notices.plan.day import decide_and_plan
from notices.plan.plan import Surroundings
from notices.write import wording
from notices.write.mime import Sender

WORDINGS = "wordings"  # under the home: every version of templates and sentences that was written with
PLANNED = ("send", "quiet", "digest")


class CandidatesUnreadable(RuntimeError):
    """Rows of a candidates table that cannot be decided about."""


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Run the step: counts of ``decide`` are ``candidates`` and one entry per decision."""
    with recorded(context, "decide") as box, open_lake(context.settings) as lake:
        policy = Policy()
        targets = [name for name in sorted(policy.kinds) if lake.exists(table_of(name))]
        if not targets:
            box.report = StepReport(
                "idle", f"{context.day}: there are no candidates yet. Run score for a target first."
            )
            return box.report
        candidates = [candidate for name in targets for candidate in read(lake, name, context.day)]
        if not options.disarmed:  # a rebuild told nobody, so it owes nobody the end
            candidates += closings.read(lake, box.state, policy, context.day, candidates)
        candidates = track_record.added(candidates, box.state, context.now)
        wording.keep(wording.installed(), context.settings.home / WORDINGS)
        s = surroundings(context, policy, armed=not options.disarmed, tables=lake.versions_read)
        counts = decide_and_plan(box.state, candidates, s)
        box.report = StepReport(_status(counts), _message(context.day, counts), counts, lake.versions_read)
        return box.report


def table_of(target: str) -> str:
    """Where score leaves a target's candidates."""
    return f"candidates_{target}"


def surroundings(
    context: Context, policy: Policy, *, armed: bool, tables: Mapping[str, int] | None = None
) -> Surroundings:
    """What planning needs, from the settings. tables: version of each table that the candidates were read from."""
    settings = context.settings
    return Surroundings(
        day=context.day,
        now=context.now,
        policy=policy,
        keys=Keys(settings.secret),
        sender=Sender.parse(settings.mail_from),
        platform=settings.platform_name,
        base_url=settings.console_url,
        armed=armed,
        tables=dict(tables or {}),
    )


def read(lake: Lake, target: str, day: date) -> Iterator[Candidate]:
    """The candidates of a day, ordered by subject. Raises CandidatesUnreadable for a row without its evidence."""
    rows = lake.day(table_of(target), day).toArrow().to_pylist()
    rows.sort(key=lambda row: (row["subject_id"], row.get("sku_id") or ""))
    for row in rows:
        yield candidate(target, row)


def candidate(target: str, row: Mapping[str, Any]) -> Candidate:
    """One row as deciding takes it. ``evidence`` and ``reasons`` are JSON, or already read."""
    evidence = {"kind": target, **_json(row.get("evidence"), {})}
    evidence.setdefault("reasons", _json(row.get("reasons"), []))
    evidence.setdefault("probability", row["probability"])
    recipient = evidence.get("recipient_id") or evidence.get("seller_id")
    if not recipient or not evidence.get("as_of"):
        subject = f"{row['subject_id']} {row.get('sku_id') or ''}".strip()
        raise CandidatesUnreadable(
            f"{table_of(target)}: the evidence of {subject} names no recipient or no as_of. Nothing was decided; "
            "the rows are in the lake. Run score for this day again."
        )
    stake = evidence.get("value_at_risk") if target == "stock_out" else evidence.get("value")
    return Candidate(
        kind=target,
        subject_id=row["subject_id"],
        sku_id=row.get("sku_id") or "",
        recipient_id=recipient,
        probability=None if row["probability"] is None or isnan(row["probability"]) else row["probability"],
        abstained=bool(row.get("abstained")),
        abstain_reason=row.get("abstain_reason"),
        value_at_stake=stake,
        evidence=evidence,
        model_version=row.get("model_version") or "",
    )


def _json(value: Any, nothing: Any) -> Any:
    """JSON with NaN and infinities as null: no DB takes them, and no sentence can say them."""
    return json.loads(value, parse_constant=lambda _name: None) if isinstance(value, str) else (value or nothing)


def _status(counts: Mapping[str, int]) -> str:
    planned = sum(counts.get(name, 0) for name in PLANNED)
    return "held" if counts.get("held") and not planned else "done"


def _message(day: date, counts: Mapping[str, int]) -> str:
    if not counts["candidates"]:
        return f"{day}: no candidates, nobody to tell"
    ended = ", ".join(f"{name} {count:,}" for name, count in counts.items() if name != "candidates")
    held = "; what is held waits for a person in the console" if counts.get("held") else ""
    return f"{day}: {counts['candidates']:,} candidates: {ended}{held}"
