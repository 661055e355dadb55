"""How good our last reminders to each seller were: what a digest says of itself, from outcomes that are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from notices.control.outcomes import CAME_TRUE
from notices.decide.decide import Candidate
from notices.state import cases, outcomes

KIND = "stock_out"
LAST = 10  # reminders that a record looks back on


def added(candidates: Iterable[Candidate], state: Engine, now: datetime) -> list[Candidate]:
    """The candidates, those about stock with ``track_record`` in their evidence: {"reminders", "came_true"} of the last
    ten articles that this seller was told of and whose outcome was known by ``now``; without where there is none.
    """
    known = list(candidates)
    sellers = {candidate.recipient_id for candidate in known if candidate.kind == KIND}
    if not sellers:
        return known
    with state.connect() as db:
        found = records(db, sellers, now)
    return [
        replace(candidate, evidence={**candidate.evidence, "track_record": found[candidate.recipient_id]})
        if candidate.kind == KIND and candidate.recipient_id in found
        else candidate
        for candidate in known
    ]


def records(db: Connection, sellers: Iterable[str], now: datetime) -> dict[str, dict[str, int]]:
    """The track record of each seller who has one."""
    wanted = set(sellers)
    query = (
        select(cases.c.recipient_id, outcomes.c.value, outcomes.c.detail)
        .join(cases, cases.c.case_id == outcomes.c.case_id)
        .where(outcomes.c.name == CAME_TRUE, outcomes.c.kind == KIND, outcomes.c.at <= now)
        .order_by(outcomes.c.at.desc(), outcomes.c.case_id)
    )
    told: dict[str, list[float]] = {}
    for row in db.execute(query):
        if row.recipient_id in wanted and (row.detail or {}).get("was_told"):
            told.setdefault(row.recipient_id, []).append(row.value)
    return {
        seller: {"reminders": len(values[:LAST]), "came_true": int(sum(values[:LAST]))}
        for seller, values in told.items()
    }
