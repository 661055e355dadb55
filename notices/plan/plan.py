"""From decisions to rows: decision, case, notice and delivery in one transaction. Twice equals once, from anywhere.

A notice's key is HMAC(kind | recipient | object | episode | stage): it holds no run, day or model, and it is unique for
ever, so that a second notice of the same stage cannot exist. What never left (held, expired, or planned by a
rebuild) may be planned again by a later day: the same row, with the new day's content.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from notices.decide.decision import Decision, Recipient
from notices.decide.policy import Policy
from notices.decide.stages import before
from notices.plan import told
from notices.plan.plan_rows import decision_id
from notices.plan.plan_rows import write as write_rows
from notices.plan.unit import Surroundings, Unit
from notices.state import decisions, writing
from notices.write.catalog import MissingTranslation
from notices.write.compose import EvidenceUnusable, template_version
from notices.write.written import MADE_WITH, Written, made_with, write

__all__ = ["Surroundings", "counts", "lock", "plan"]

UNITS_A_TRANSACTION = 200
LIGHT = 0.05  # what a decision without a notice weighs, of one with
PLAN_LOCK = 741_205_312  # PostgreSQL's advisory lock: one planner at a time, as SQLite's write lock gives
STATE_OF = {"review": "PROPOSED", "held": "HELD"}  # every other decision with a notice is APPROVED


def plan(engine: Engine, decided: Iterable[Decision], recipients: Mapping[str, Recipient], s: Surroundings) -> None:
    """Write the decisions and what follows from them, a few hundred notices a transaction.

    A candidate of the day whose decision already stands is left as it is. Killed anywhere: what is written is whole,
    and the next run with the same day writes the rest.
    """
    units = (_prepared(group, recipients, s) for group in _grouped(decided, s.policy))  # few in memory at a time
    for chunk in _transactions(units):
        with writing(engine) as db:
            lock(db)
            write_rows(db, chunk, recipients, s)


def _transactions(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Units in groups that one transaction writes: a few hundred with a notice, or more without."""
    group: list[Unit] = []
    weight = 0.0
    for unit in units:
        group.append(unit)
        weight += 1.0 if unit.notice is not None else LIGHT
        if weight >= UNITS_A_TRANSACTION:
            yield group
            group, weight = [], 0.0
    if group:
        yield group


def lock(db: Connection) -> None:
    """Until the transaction ends, nobody else plans."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": PLAN_LOCK})


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
        "decision_id": decision_id(first, s),
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
        return Unit(group, {**notice, "state": "SUPPRESSED", "state_reason": told.DISARMED})
    try:
        message = write(notice, entry, s.house)
        delivery = _delivery(notice, message, max(line.send_at or s.now for line in group), s)
        mail = {"delivery_id": delivery["delivery_id"], "sealed_mime": s.keys.seal(message.mime)}
        return Unit(group, notice, delivery, mail)
    except (MissingTranslation, EvidenceUnusable) as error:
        reason = "missing_translation" if isinstance(error, MissingTranslation) else "evidence_unusable"
        held = tuple(replace(line, decision="held", reason=reason) for line in group)
        return Unit(held, {**notice, "state": "HELD", "state_reason": str(error)[:200]})


def _evidence(group: Sequence[Decision], *, is_digest: bool) -> dict[str, Any]:
    first = group[0]
    if is_digest:
        shared = {name: first.candidate.evidence.get(name) for name in ("kind", "seller_id", "as_of")}
        return {**shared, "lines": [dict(line.candidate.evidence) for line in group]}
    more = before(first.stage, first.case) if first.case else {}
    return {**first.candidate.evidence, **more}


def _delivery(notice: Mapping[str, Any], message: Written, send_at: datetime, s: Surroundings) -> dict[str, Any]:
    return {
        "delivery_id": notice["notice_id"],
        "notice_id": notice["notice_id"],
        "message_id": message.path.message_id,
        "envelope_from": message.path.sender,
        "sealed_to": s.keys.seal(message.path.recipient.encode()),
        "state": "READY",
        "next_try_at": send_at,
        "updated_at": s.now,
    }
