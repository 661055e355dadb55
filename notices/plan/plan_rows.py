"""The rows of a plan: decisions, cases, holdouts, notices, tellings and deliveries, inside one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from notices.decide.decision import CORRECTION, PLANNED, Decision, Recipient
from notices.decide.stages import ends_case, fact_of
from notices.plan import told
from notices.plan.unit import Surroundings, Unit
from notices.state import cases, chunks, decisions, deliveries, holdouts, mails, notices, rows, tellings


def write(db: Connection, units: Sequence[Unit], recipients: Mapping[str, Recipient], s: Surroundings) -> None:
    """One transaction's worth. What another run decided or told meanwhile wins over these units."""
    standing = _standing_decisions(db, units, s)
    open_units = [unit for unit in units if not any(decision_id(one, s) in standing for one in unit.decisions)]
    there = _standing_keys(db, open_units, armed=s.armed)
    overtaken = _overtaken if s.armed else _without_notice
    open_units = [overtaken(unit) if unit.key in there else unit for unit in open_units]
    if s.armed:
        open_units = _within_caps(db, open_units, recipients, s)
    rows.put(db, decisions, [decision_row(decision, s) for unit in open_units for decision in unit.decisions])
    _put_cases(db, open_units, s)
    put_notices(db, open_units, s)


def decision_id(decision: Decision, s: Surroundings) -> str:
    """A decision's id: one per candidate and day."""
    return s.keys.digest("decision", s.day.isoformat(), *decision.candidate.key)


def _standing_decisions(db: Connection, units: Sequence[Unit], s: Surroundings) -> set[str]:
    """Ids of these units' decisions that an armed run made already."""
    found: set[str] = set()
    for chunk in chunks(decision_id(one, s) for unit in units for one in unit.decisions):
        query = select(decisions.c.decision_id).where(decisions.c.decision_id.in_(chunk), decisions.c.armed)
        found.update(db.execute(query).scalars())
    return found


def _standing_keys(db: Connection, units: Sequence[Unit], *, armed: bool) -> set[str]:
    """Keys of notices that may not be written anew: they left or are on their way; to a rebuild, any true notice."""
    joined = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    stands = told.was_told() if armed else notices.c.state_reason != told.DISARMED
    query = select(notices.c.dedupe_key).select_from(joined).where(stands)
    found: set[str] = set()
    for chunk in chunks(unit.key for unit in units if unit.key is not None):
        found.update(db.execute(query.where(notices.c.dedupe_key.in_(chunk))).scalars())
    return found


def _overtaken(unit: Unit) -> Unit:
    return _ended(unit, "already_told", "told_meanwhile")


def _without_notice(unit: Unit) -> Unit:
    return Unit(unit.decisions)


def _within_caps(
    db: Connection, units: Sequence[Unit], recipients: Mapping[str, Recipient], s: Surroundings
) -> list[Unit]:
    """The units again, capped where another run planned for the same people since this one read what they were told.

    Deciding keeps the caps by what it read; two runs at once each read before the other wrote. Here nobody else writes.
    """
    written = [unit.notice for unit in units if unit.notice is not None]
    people = dict.fromkeys(notice["recipient_id"] for notice in written)
    ids = [notice["notice_id"] for notice in written]
    used = Counter(told.in_7_days(db, people, s.now, told.counting(s.day, armed=True), but_ids=ids))
    found = []
    for unit in units:
        notice = unit.notice
        if notice is None:
            found.append(unit)
            continue
        person = notice["recipient_id"]
        in_lane = s.policy.kinds[notice["kind"]].in_lane or notice["stage"] == CORRECTION
        cap = s.policy.caps[recipients[person].role] + (s.policy.lane if in_lane else 0)
        used[person] += 1
        if used[person] <= cap:
            found.append(unit)
            continue
        used[person] -= 1
        found.append(_ended(unit, "capped", "recipient_7_days"))
    return found


def _ended(unit: Unit, decision: str, reason: str) -> Unit:
    """The unit without its notice."""
    return Unit(tuple(replace(line, decision=decision, reason=reason, send_at=None) for line in unit.decisions))


def decision_row(decision: Decision, s: Surroundings) -> dict[str, Any]:
    """A decision as the state DB keeps it."""
    candidate = decision.candidate
    return {
        "decision_id": decision_id(decision, s),
        "day": s.day,
        "kind": candidate.kind,
        "subject_id": candidate.subject_id,
        "sku_id": candidate.sku_id,
        "recipient_id": candidate.recipient_id,
        "case_id": decision.case.case_id if decision.case else None,
        "decision": decision.decision,
        "reason": decision.reason,
        "probability": candidate.probability,
        "expected_value": decision.expected_value,
        "evidence": candidate.evidence,
        "model_version": candidate.model_version,
        "armed": s.armed,
        "decided_at": s.now,
    }


def _put_cases(db: Connection, units: Sequence[Unit], s: Surroundings) -> None:
    """Open the cases that are new, move the others on, close what has ended; note who is held out."""
    opened: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    held_out: list[dict[str, Any]] = []
    for decision in (decision for unit in units for decision in unit.decisions):
        case, candidate = decision.case, decision.candidate
        if case is None or decision.decision == "below_value":
            continue
        change = {"case_id": case.case_id, "updated_at": s.now, **(_moved(decision, s) if s.armed else {})}
        moved.append(change)
        opened.append({
            "kind": candidate.kind, "recipient_id": candidate.recipient_id, "object_id": candidate.object_id,
            "episode": case.episode, "stage": "open", "opened_at": s.now, "closed_at": None,
            "fact": fact_of(candidate), **change,
        })  # fmt: skip
        if decision.decision == "hold_out":
            held_out.append({
                "kind": candidate.kind, "case_id": case.case_id, "recipient_id": candidate.recipient_id, "day": s.day,
            })  # fmt: skip
    there = rows.known(db, cases, moved)
    rows.change(db, cases, [row for row in moved if (row["case_id"],) in there])
    rows.add(db, cases, [row for row in opened if (row["case_id"],) not in there])
    there = rows.known(db, holdouts, held_out)
    rows.add(db, holdouts, [row for row in held_out if rows.key_of(holdouts, row) not in there])


def _moved(decision: Decision, s: Surroundings) -> dict[str, Any]:
    """What a decision changes of its case."""
    change: dict[str, Any] = {}
    if decision.has_notice:
        change |= {"stage": decision.stage, "fact": fact_of(decision.candidate)}
    has_said = decision.decision in PLANNED or decision.stage != CORRECTION
    if has_said and decision.case and not decision.case.is_closed and ends_case(decision.candidate, decision.stage):
        change["closed_at"] = s.now
    return change


def put_notices(db: Connection, units: Sequence[Unit], s: Surroundings) -> None:
    """Write notices, or write them anew over what never left; their deliveries; and which cases each tells."""
    written = [unit for unit in units if unit.notice is not None]
    rows.put(db, notices, [unit.notice for unit in written if unit.notice is not None])
    ids = [unit.notice["notice_id"] for unit in written if unit.notice is not None]
    db.execute(delete(tellings).where(tellings.c.notice_id.in_(ids)))
    told_rows = [row for unit in written for row in _tellings(unit)]
    rows.add(db, tellings, _not_told_elsewhere(db, told_rows, s))
    _put_deliveries(db, written)


def _tellings(unit: Unit) -> Iterator[dict[str, Any]]:
    for line in unit.decisions:
        if line.case is not None and unit.notice is not None:
            yield {
                "case_id": line.case.case_id, "stage": line.stage, "notice_id": unit.notice["notice_id"],
                "fact": fact_of(line.candidate),
            }  # fmt: skip


def _not_told_elsewhere(db: Connection, wanted: Sequence[dict[str, Any]], s: Surroundings) -> list[dict[str, Any]]:
    """The tellings to write. Another notice that was to tell the same and never left is put aside.

    It would tell twice if a person let it go later. A rebuild puts nothing aside.
    """
    there = rows.known(db, tellings, wanted)
    taken = [row for row in wanted if rows.key_of(tellings, row) in there]
    if not s.armed:
        return [row for row in wanted if rows.key_of(tellings, row) not in there]
    for row in taken:
        this = and_(tellings.c.case_id == row["case_id"], tellings.c.stage == row["stage"])
        older = db.execute(select(tellings.c.notice_id).where(this)).scalar_one()
        aside = {"state": "SUPPRESSED", "state_reason": "overtaken by a later notice", "updated_at": s.now}
        waits = notices.c.state.in_(["HELD", "PROPOSED"])
        db.execute(update(notices).where(notices.c.notice_id == older, waits).values(**aside))
        db.execute(delete(tellings).where(this))
    return list(wanted)


def _put_deliveries(db: Connection, units: Sequence[Unit]) -> None:
    """A delivery for each notice that may go. One that never left is made anew, with a new epoch."""
    ids = [unit.notice["notice_id"] for unit in units if unit.notice is not None]
    there = set(db.execute(select(deliveries.c.notice_id).where(deliveries.c.notice_id.in_(ids))).scalars())
    for unit in units:
        if unit.notice is not None and unit.notice["notice_id"] in there:
            row = unit.delivery or {"state": "CANCELLED"}
            anew = {**row, "epoch": deliveries.c.epoch + 1, "tries": 0, "lease_token": None}
            db.execute(update(deliveries).where(deliveries.c.notice_id == unit.notice["notice_id"]).values(**anew))
    rows.add(
        db, deliveries, [unit.delivery for unit in units if unit.delivery and unit.delivery["notice_id"] not in there]
    )
    rows.put(db, mails, [unit.mail for unit in units if unit.mail is not None])
