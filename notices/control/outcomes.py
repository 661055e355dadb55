"""What became of the cases: came true or not; the precision that follows; and the pause of a kind that lost it.

A case counts once, from the first day on which telling was wanted, whoever was told: held out, in shadow and capped
too. Where telling changes what happens (Kind.judged_untold), only those who were not told are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from notices.decide.decision import PLANNED, WANTED
from notices.decide.policy import Kind
from notices.state import control, decisions, outcomes, rows

CAME_TRUE = "came_true"
RESUMED = "resumed:"  # control: from when on a kind's precision is measured anew
WINDOW_DAYS = 28  # for a move up the ladder
WEEK = timedelta(days=7)  # for the pause: two in a row
FEWEST_CASES = 20  # below it a share says nothing


@dataclass(frozen=True, slots=True)
class Wanted:
    """A case that telling was wanted for, whose outcome is not known. sku_id is empty where there is no article."""

    case_id: str
    kind: str
    subject_id: str
    sku_id: str
    day: date
    was_told: bool
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Precision:
    """The share of cases that came true."""

    share: float
    cases: int


def waiting(db: Connection, kind: str, before: date) -> list[Wanted]:
    """Cases first wanted on a day before ``before`` by an armed run and without an outcome, by subject."""
    first = (
        select(decisions.c.case_id, func.min(decisions.c.day).label("day"))
        .where(decisions.c.kind == kind, decisions.c.armed, decisions.c.day < before)
        .where(decisions.c.decision.in_(sorted(WANTED)), decisions.c.case_id.is_not(None))
        .group_by(decisions.c.case_id)
        .subquery()
    )
    known = select(outcomes.c.case_id).where(outcomes.c.name == CAME_TRUE, outcomes.c.kind == kind)
    query = (
        select(decisions)
        .join(first, (first.c.case_id == decisions.c.case_id) & (first.c.day == decisions.c.day))
        .where(decisions.c.kind == kind, decisions.c.case_id.not_in(known))
        .order_by(decisions.c.subject_id, decisions.c.sku_id)
    )
    return [
        Wanted(row.case_id, kind, row.subject_id, row.sku_id, row.day, row.decision in PLANNED, row.evidence)
        for row in db.execute(query)
    ]


def record(db: Connection, known: Iterable[tuple[Wanted, bool, datetime]]) -> int:
    """Write outcomes: the case, whether it came true, and when that could be known. Returns how many."""
    written = [
        {
            "case_id": case.case_id,
            "name": CAME_TRUE,
            "kind": case.kind,
            "value": float(came_true),
            "detail": {"day": case.day.isoformat(), "was_told": case.was_told},
            "at": matured_at,
        }
        for case, came_true, matured_at in known
    ]
    rows.put(db, outcomes, written)
    return len(written)


def precision(
    db: Connection, kind: Kind, until: datetime, span: timedelta = timedelta(days=WINDOW_DAYS)
) -> Precision | None:
    """Of the kind's cases that matured in the span before ``until``, the share that came true; None below 20 cases.

    Only what matured since the kind was last resumed by a person.
    """
    since = max(until - span, _resumed_at(db, kind.name) or until - span)
    query = select(outcomes.c.value, outcomes.c.detail).where(
        outcomes.c.name == CAME_TRUE, outcomes.c.kind == kind.name, outcomes.c.at > since, outcomes.c.at <= until
    )
    values = [row.value for row in db.execute(query) if not (kind.judged_untold and row.detail["was_told"])]
    return Precision(sum(values) / len(values), len(values)) if len(values) >= FEWEST_CASES else None


def below_floor_twice(db: Connection, kind: Kind, until: datetime) -> Sequence[Precision]:
    """The two last weeks' precision where each is below the kind's floor; empty where the kind may go on."""
    if kind.floor is None:
        return ()
    weeks = [precision(db, kind, until - back, WEEK) for back in (WEEK, timedelta(0))]
    low = [week for week in weeks if week is not None and week.share < kind.floor]
    return low if len(low) == len(weeks) else ()


def _resumed_at(db: Connection, kind: str) -> datetime | None:
    said = db.execute(select(control.c.value).where(control.c.name == RESUMED + kind)).scalar()
    return datetime.fromisoformat(said) if said else None
