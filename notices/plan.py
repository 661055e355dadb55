"""From decisions to rows: decision, case, notice and delivery in one transaction. Twice equals once, from anywhere.

A notice's key is HMAC(kind | recipient | object | episode | stage): it holds no run, day or model, and it is unique for
ever, so that a second notice of the same stage cannot exist. What never left (held, expired, or planned by a
rebuild) may be planned again by a later day: the same row, with the new day's content.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, select, text, update

from notices import history, rows
from notices.catalog import MissingTranslation
from notices.compose import EvidenceUnusable, template_version
from notices.decide import Decision, fact_of
from notices.decision import Recipient
from notices.directory import Entry
from notices.keys import Keys
from notices.mime import Sender
from notices.policy import Policy
from notices.state import cases, chunks, decisions, deliveries, holdouts, notices, tellings, writing
from notices.written import MADE_WITH, House, made_with, write

UNITS_A_TRANSACTION = 200
PLAN_LOCK = 741_205_312  # PostgreSQL's advisory lock: one planner at a time, as SQLite's write lock gives
STATE_OF = {"review": "PROPOSED", "held": "HELD"}  # every other decision with a notice is APPROVED


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What planning needs beside the decisions. ``armed`` False: record what would have been told, tell nobody."""

    day: date
    now: datetime
    policy: Policy
    keys: Keys
    sender: Sender
    platform: str
    base_url: str
    armed: bool = True
    policy_version: str = ""  # digest of the policy
    tables: Mapping[str, int] = field(default_factory=dict)  # version of every table that the candidates came from

    @property
    def house(self) -> House:
        return House(self.keys, self.sender, self.platform, self.base_url)


@dataclass(frozen=True, slots=True)
class Unit:
    """Decisions that stand or fall together: one, or all lines of a digest; ``notice`` and ``delivery`` are rows."""

    decisions: tuple[Decision, ...]
    notice: Mapping[str, Any] | None = None
    delivery: Mapping[str, Any] | None = None


def plan(engine: Engine, decided: Iterable[Decision], recipients: Mapping[str, Recipient], s: Surroundings) -> None:
    """Write the decisions and what follows from them, a few hundred notices a transaction.

    A candidate of the day whose decision already stands is left as it is. Killed anywhere: what is written is whole,
    and the next run with the same day writes the rest.
    """
    units = [_prepared(group, recipients, s) for group in _grouped(decided, s.policy)]
    for chunk in chunks(units, UNITS_A_TRANSACTION):
        with writing(engine) as db:
            if db.dialect.name == "postgresql":
                db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": PLAN_LOCK})
            _write(db, chunk, s)


def counts(db: Connection, day: date) -> dict[str, int]:
    """How the candidates of a day ended: ``candidates`` and one entry per decision that occurred."""
    query = select(decisions.c.decision).where(decisions.c.day == day)
    ended = Counter(db.execute(query).scalars())
    return {"candidates": ended.total(), **dict(sorted(ended.items()))}


def _grouped(decided: Iterable[Decision], policy: Policy) -> Iterator[tuple[Decision, ...]]:
    """Each decision by itself; the told lines of a seller's digest together, the most valuable first."""
    digests: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for decision in decided:
        candidate = decision.candidate
        if decision.has_notice and policy.kinds[candidate.kind].digest:
            digests[(candidate.kind, candidate.recipient_id)].append(decision)
        else:
            yield (decision,)
    for lines in digests.values():
        lines.sort(key=lambda line: (-(line.expected_value or 0.0), line.candidate.key))
        yield tuple(lines)


def _prepared(group: tuple[Decision, ...], recipients: Mapping[str, Recipient], s: Surroundings) -> Unit:
    """The unit with its notice composed and sealed. A notice that cannot be written in its language is held."""
    first = group[0]
    entry = recipients[first.candidate.recipient_id].entry if first.has_notice else None
    if entry is None or first.case is None:
        return Unit(group)
    kind = s.policy.kinds[first.candidate.kind]
    object_id, episode = (
        ("digest", s.day.isoformat()) if kind.digest else (first.candidate.object_id, first.case.episode)
    )
    stage = "heads_up" if kind.digest else first.stage
    key = s.keys.digest("dedupe", kind.name, entry.person_id, object_id, episode, stage)
    notice: dict[str, Any] = {
        "notice_id": s.keys.digest("notice", key),
        "dedupe_key": key,
        "decision_id": _decision_id(first, s),
        "case_id": None if kind.digest else first.case.case_id,
        "kind": kind.name,
        "stage": stage,
        "recipient_id": entry.person_id,
        "day": s.day,
        "state": STATE_OF.get(first.decision, "APPROVED"),
        "state_reason": first.reason if first.decision in STATE_OF else "",
        "locale": entry.locale,
        "template_version": template_version(),
        "evidence": {
            **_evidence(group, is_digest=kind.digest),
            MADE_WITH: made_with(entry, s.house, s.policy_version, s.tables),
        },
        "planned_at": s.now,
        "expires_at": s.now + timedelta(hours=kind.expires_hours),
        "updated_at": s.now,
    }
    if not s.armed:
        return Unit(group, {**notice, "state": "SUPPRESSED", "state_reason": history.DISARMED})
    try:
        return Unit(group, notice, _delivery(notice, entry, max(line.send_at or s.now for line in group), s))
    except (MissingTranslation, EvidenceUnusable) as error:
        reason = "missing_translation" if isinstance(error, MissingTranslation) else "evidence_unusable"
        held = tuple(replace(line, decision="held", reason=reason) for line in group)
        return Unit(held, {**notice, "state": "HELD", "state_reason": str(error)[:200]})


def _evidence(group: Sequence[Decision], *, is_digest: bool) -> dict[str, Any]:
    first = group[0]
    if is_digest:
        shared = {name: first.candidate.evidence.get(name) for name in ("kind", "seller_id", "as_of")}
        return {**shared, "lines": [dict(line.candidate.evidence) for line in group]}
    told = first.case.told if first.case else {}
    before = {"before": dict(told["heads_up"])} if first.stage != "heads_up" and "heads_up" in told else {}
    return {**first.candidate.evidence, **before}


def _delivery(notice: Mapping[str, Any], entry: Entry, send_at: datetime, s: Surroundings) -> dict[str, Any]:
    message = write(notice, entry, s.house)
    return {
        "delivery_id": notice["notice_id"],
        "notice_id": notice["notice_id"],
        "message_id": message.path.message_id,
        "envelope_from": message.path.sender,
        "sealed_to": s.keys.seal(message.path.recipient.encode()),
        "sealed_mime": s.keys.seal(message.mime),
        "state": "READY",
        "next_try_at": send_at,
        "updated_at": s.now,
    }


def _write(db: Connection, units: Sequence[Unit], s: Surroundings) -> None:
    """One transaction's worth. What another run decided or told meanwhile wins over these units."""
    keys_of = {decision.candidate.key for unit in units for decision in unit.decisions}
    standing = history.decided(db, s.day, {key[0] for key in keys_of})
    open_units = [unit for unit in units if not any(decision.candidate.key in standing for decision in unit.decisions)]
    told = _standing_keys(db, open_units, armed=s.armed)
    overtaken = _overtaken if s.armed else _without_notice
    open_units = [overtaken(unit) if unit.notice and unit.notice["dedupe_key"] in told else unit for unit in open_units]
    rows.put(db, decisions, [_decision_row(decision, s) for unit in open_units for decision in unit.decisions])
    _put_cases(db, open_units, s)
    _put_notices(db, open_units, s)


def _standing_keys(db: Connection, units: Sequence[Unit], *, armed: bool) -> set[str]:
    """Keys of notices that may not be written anew: they left or are on their way; to a rebuild, any true notice."""
    wanted = [unit.notice["dedupe_key"] for unit in units if unit.notice is not None]
    joined = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    stands = history.was_told() if armed else notices.c.state_reason != history.DISARMED
    query = select(notices.c.dedupe_key).select_from(joined).where(notices.c.dedupe_key.in_(wanted), stands)
    return set(db.execute(query).scalars())


def _overtaken(unit: Unit) -> Unit:
    lines = [replace(line, decision="already_told", reason="told_meanwhile", send_at=None) for line in unit.decisions]
    return Unit(tuple(lines))


def _without_notice(unit: Unit) -> Unit:
    return Unit(unit.decisions)


def _decision_id(decision: Decision, s: Surroundings) -> str:
    return s.keys.digest("decision", s.day.isoformat(), *decision.candidate.key)


def _decision_row(decision: Decision, s: Surroundings) -> dict[str, Any]:
    candidate = decision.candidate
    return {
        "decision_id": _decision_id(decision, s),
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
        "evidence": json.loads(json.dumps(candidate.evidence)),
        "model_version": candidate.model_version,
        "armed": s.armed,
        "decided_at": s.now,
    }


def _put_cases(db: Connection, units: Sequence[Unit], s: Surroundings) -> None:
    """Open the cases that are new, move the others on; note who is held out."""
    opened: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    held_out: list[dict[str, Any]] = []
    for decision in (decision for unit in units for decision in unit.decisions):
        case, candidate = decision.case, decision.candidate
        if case is None or decision.decision == "below_value":
            continue
        change: dict[str, Any] = {"case_id": case.case_id, "updated_at": s.now}
        if decision.has_notice and s.armed:
            change |= {"stage": decision.stage, "fact": fact_of(candidate)}
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


def _put_notices(db: Connection, units: Sequence[Unit], s: Surroundings) -> None:
    """Write notices, or write them anew over what never left; their deliveries; and which cases each tells."""
    written = [unit for unit in units if unit.notice is not None]
    rows.put(db, notices, [unit.notice for unit in written if unit.notice is not None])
    ids = [unit.notice["notice_id"] for unit in written if unit.notice is not None]
    db.execute(delete(tellings).where(tellings.c.notice_id.in_(ids)))
    told = [row for unit in written for row in _tellings(unit)]
    rows.add(db, tellings, _not_told_elsewhere(db, told, s))
    _put_deliveries(db, written)


def _tellings(unit: Unit) -> Iterator[dict[str, Any]]:
    for line in unit.decisions:
        if line.case is not None and unit.notice is not None:
            yield {
                "case_id": line.case.case_id, "stage": line.stage, "notice_id": unit.notice["notice_id"],
                "fact": fact_of(line.candidate),
            }  # fmt: skip


def _not_told_elsewhere(db: Connection, told: Sequence[dict[str, Any]], s: Surroundings) -> list[dict[str, Any]]:
    """The tellings to write. Another notice that was to tell the same and never left is put aside.

    It would tell twice if a person let it go later. A rebuild puts nothing aside.
    """
    there = rows.known(db, tellings, told)
    taken = [row for row in told if rows.key_of(tellings, row) in there]
    if not s.armed:
        return [row for row in told if rows.key_of(tellings, row) not in there]
    for row in taken:
        this = and_(tellings.c.case_id == row["case_id"], tellings.c.stage == row["stage"])
        older = db.execute(select(tellings.c.notice_id).where(this)).scalar_one()
        aside = {"state": "SUPPRESSED", "state_reason": "overtaken by a later notice", "updated_at": s.now}
        waits = notices.c.state.in_(["HELD", "PROPOSED"])
        db.execute(update(notices).where(notices.c.notice_id == older, waits).values(**aside))
        db.execute(delete(tellings).where(this))
    return list(told)


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
