"""Rebuild notices from what was recorded, and compare them byte for byte with what was sent.

Three links, each rebuilt from the one before: tables at their recorded versions give the features, features and the
recorded model give the evidence, evidence and the recorded wording give the message. Writes nothing.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from jobs import replay_evidence, replay_message
from jobs.context import Context, StepReport, open_lake
from jobs.replay_evidence import Origin
from jobs.replay_message import Verdict
from models.registry import Registry
from notices import state
from notices.decide.decision import STAGES
from notices.decide.policy import Policy
from notices.keys import Keys
from notices.plan.open_cases import OpenCase
from notices.state import deliveries, mails, notices, runs, tellings

SHOWN = 5


class NoticeUnknown(LookupError):
    """There is no such notice, or more than one."""


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The step. held where anything differs or is missing. Raises NoticeUnknown."""
    engine = state.open_state(context.settings.state_url)
    try:
        with engine.connect() as db:
            found = chosen(db, options.notice, context.day)
            verdicts = list(replay(db, context, found))
    finally:
        engine.dispose()
    if len(verdicts) == 1:
        return StepReport("done" if verdicts[0].same else "held", verdicts[0].words())
    wrong = [verdict for verdict in verdicts if not verdict.same]
    same, size = len(verdicts) - len(wrong), sum(verdict.size for verdict in verdicts if verdict.same)
    words = f"{same:,} of {len(verdicts):,} notices are the same, {size:,} bytes"
    shown = [f"{verdict.notice_id}: {verdict.words()}" for verdict in wrong[:SHOWN]]
    more = [f"and {len(wrong) - SHOWN:,} more"] if len(wrong) > SHOWN else []
    return StepReport("held" if wrong else "done", "\n".join([words, *shown, *more]))


def chosen(db: Connection, notice: str | None, day: date | None) -> list[Mapping[str, Any]]:
    """The notices asked for, with what was sent. One by its id or the beginning of it, or all of a day."""
    if not notice and day is None:
        raise NoticeUnknown(
            "say which: --notice ID, or --day YYYY-MM-DD for all notices of a day. Nothing was rebuilt."
        )
    joined = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id).outerjoin(
        mails, mails.c.delivery_id == deliveries.c.delivery_id
    )
    query = select(notices, mails.c.sealed_mime).select_from(joined).order_by(notices.c.notice_id)
    if notice:
        found = (
            db.execute(query.where(notices.c.notice_id.startswith(notice, autoescape=True)).limit(2)).mappings().all()
        )
        if len(found) != 1:
            many = "more than one notice begins" if found else "there is no notice whose id begins"
            raise NoticeUnknown(f"{many} with {notice!r}. Nothing was rebuilt. The console shows ids on each alert.")
    else:
        found = db.execute(query.where(notices.c.day == day)).mappings().all()
    return [dict(row) for row in found]


def replay(db: Connection, context: Context, found: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    """Every notice's verdict. Notices that came from one scoring share its rebuilding."""
    keys = Keys(context.settings.secret)
    groups: dict[tuple[str, date, str | None], list[Mapping[str, Any]]] = defaultdict(list)
    origins: dict[str | None, Origin] = {}
    scored = [notice for notice in found if "ended" not in notice["evidence"]]
    for notice in found:
        if "ended" in notice["evidence"]:
            yield _closing(db, context, notice, keys)
    for notice in scored:
        origin = origin_of(db, notice)
        origins[origin.run_id if origin else None] = origin or Origin("", {})
        groups[notice["kind"], notice["day"], origin.run_id if origin else None].append(notice)
    is_rebuilt = any(run_id is not None for _kind, _day, run_id in groups)
    registry = Registry(context.settings.mlflow_url, context.settings.home / "mlruns") if is_rebuilt else None
    for (kind, day, run_id), members in groups.items():
        subjects = [subject for notice in members for subject in subjects_of(notice)]
        if run_id is None or registry is None:
            rebuilt = replay_evidence.Rebuilt({}, "the scoring run that wrote its candidates recorded no versions")
        else:
            with open_lake(context.settings) as lake:
                rebuilt = replay_evidence.rebuild(lake, registry, kind, day, origins[run_id], subjects)
        for notice in members:
            yield replay_message.compare(notice, rebuilt, told_before(db, notice), keys, context.settings.home)


def origin_of(db: Connection, notice: Mapping[str, Any]) -> Origin | None:
    """The scoring run whose candidates the notice was decided from: the last before the version that was read."""
    made = notice["evidence"].get("made_with") or {}
    table = f"candidates_{notice['kind']}"
    read = made.get("tables", {}).get(table)
    query = select(runs.c.run_id, runs.c.versions).where(
        runs.c.day == notice["day"], runs.c.step == "score", runs.c.target == notice["kind"], runs.c.status == "done"
    )
    writers = [row for row in db.execute(query) if row.versions.get(table) is not None]
    if read is None or not writers:
        return None
    before = [row for row in writers if row.versions[table] <= read]
    newest = max(before, key=lambda row: int(row.versions[table]), default=None)
    return Origin(newest.run_id, newest.versions) if newest else None


def subjects_of(notice: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(subject_id, sku_id) of every record that the notice tells."""
    evidence = notice["evidence"]
    if "lines" in evidence:
        return [(line["seller_id"], line["sku_id"]) for line in evidence["lines"]]
    return [(evidence["order_id"], "")]


def told_before(db: Connection, notice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the last stage before this one told, from its own record; None for a digest, or where nothing was told."""
    if not notice["case_id"]:
        return None
    earlier = STAGES[: STAGES.index(notice["stage"])]
    query = select(tellings.c.stage, tellings.c.fact).where(
        tellings.c.case_id == notice["case_id"], tellings.c.stage.in_(earlier)
    )
    facts = {row.stage: row.fact for row in db.execute(query)}
    return next((facts[stage] for stage in reversed(earlier) if stage in facts), None)


def _closing(db: Connection, context: Context, notice: Mapping[str, Any], keys: Keys) -> Verdict:
    """An all-clear or a correction: no model made it, but the end of its case."""
    evidence = notice["evidence"]
    first = (
        select(notices.c.evidence)
        .select_from(tellings.join(notices, notices.c.notice_id == tellings.c.notice_id))
        .where(tellings.c.case_id == notice["case_id"], tellings.c.stage == STAGES[0])
    )
    told = db.execute(first).scalar() or evidence
    moment = datetime.fromisoformat(told["as_of"])
    case = OpenCase(notice["kind"], notice["recipient_id"], evidence["order_id"], moment, told)
    tables = (evidence.get("made_with") or {}).get("tables", {})
    with open_lake(context.settings) as lake:
        rebuilt = replay_evidence.rebuild_closing(lake, case, Policy().kinds[case.kind], notice["day"], tables)
    return replay_message.compare(notice, rebuilt, told_before(db, notice), keys, context.settings.home)
