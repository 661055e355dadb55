"""All SQL of the console: SQLAlchemy Core on the tables of notices.state, reading only.

Every list has a LIMIT, and picks its page by ids alone before it fetches the wide rows (evidence), so that a day of
100,000 decisions pages like a day of 30.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, case, func, or_, select

from notices.state import (
    attempts,
    breaker,
    cases,
    control,
    decisions,
    deliveries,
    directory,
    kinds,
    notices,
    runs,
    tellings,
)

PAGE_ROWS = 50
HISTORY_ROWS = 200
SORTS: dict[str, ColumnElement[float]] = {"value": decisions.c.expected_value, "chance": decisions.c.probability}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which decisions of ``day`` to list. Empty: all. ``text``: beginning of an id; ``page``: from 1."""

    day: date
    kind: str = ""
    decision: str = ""
    text: str = ""
    sort: str = "value"
    page: int = 1


def newest_day(db: Connection) -> date | None:
    """The last day that a step ran for or a decision was made for; None before the first run."""
    days = [db.scalar(select(func.max(table.c.day))) for table in (runs, decisions)]
    return max((day for day in days if day is not None), default=None)


def day_before(db: Connection, day: date) -> date | None:
    """The nearest earlier day that has runs."""
    before: date | None = db.scalar(select(func.max(runs.c.day)).where(runs.c.day < day))
    return before


def day_after(db: Connection, day: date) -> date | None:
    """The nearest later day that has runs."""
    after: date | None = db.scalar(select(func.min(runs.c.day)).where(runs.c.day > day))
    return after


def latest_runs(db: Connection, day: date) -> Sequence[RowMapping]:
    """The newest execution of each step and target of a day."""
    rank = func.row_number().over(
        partition_by=(runs.c.step, runs.c.target), order_by=(runs.c.started_at.desc(), runs.c.run_id)
    )
    ranked = select(runs, rank.label("rank")).where(runs.c.day == day).subquery()
    return db.execute(select(ranked).where(ranked.c.rank == 1).order_by(ranked.c.started_at)).mappings().all()


def run(db: Connection, run_id: str) -> RowMapping | None:
    return db.execute(select(runs).where(runs.c.run_id == run_id)).mappings().one_or_none()


def decision_counts(db: Connection, day: date) -> dict[tuple[str, str], int]:
    """(kind, decision) -> decisions of the day. Answered from the index alone."""
    grouped = (
        select(decisions.c.kind, decisions.c.decision, func.count())
        .where(decisions.c.day == day)
        .group_by(decisions.c.kind, decisions.c.decision)
    )
    return {(kind, decision): count for kind, decision, count in db.execute(grouped)}


def delivery_counts(db: Connection, day: date) -> dict[tuple[str, str], int]:
    """(kind, state) -> notices of the day; the delivery's state, or the notice's own where there is no delivery."""
    grouped = (
        select(notices.c.kind, _SHOWN_STATE, func.count())
        .select_from(_NOTICES_WITH_DELIVERY)
        .where(notices.c.day == day)
        .group_by(notices.c.kind, _SHOWN_STATE)
    )
    return {(kind, str(state).lower()): count for kind, state, count in db.execute(grouped)}


# What a notice has come to. Its delivery says it, unless the notice was stopped or still waits before any try.
_NOTICES_WITH_DELIVERY = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id)
_NOT_LEFT = and_(deliveries.c.state.in_(("READY", "LEASED", "CANCELLED")), notices.c.state != "APPROVED")
_SHOWN_STATE = case((or_(deliveries.c.state.is_(None), _NOT_LEFT), notices.c.state), else_=deliveries.c.state)


def alerts(db: Connection, wanted: AlertFilter) -> Sequence[RowMapping]:
    """One page of decisions, the most at stake or the most likely first, with the recipient's role."""
    ids = alert_ids(wanted).subquery()
    page = (
        select(decisions, directory.c.role)
        .join(ids, ids.c.decision_id == decisions.c.decision_id)
        .outerjoin(directory, directory.c.person_id == decisions.c.recipient_id)
        .order_by(*_order(wanted.sort))
    )
    return db.execute(page).mappings().all()


def alert_ids(wanted: AlertFilter) -> Select[tuple[str]]:
    """The ids of one page of decisions: the part of the query that must be quick."""
    offset = (max(wanted.page, 1) - 1) * PAGE_ROWS
    chosen = select(decisions.c.decision_id).where(*_conditions(wanted))
    return chosen.order_by(*_order(wanted.sort)).limit(PAGE_ROWS).offset(offset)


def count_alerts(db: Connection, wanted: AlertFilter) -> int:
    return db.scalar(select(func.count()).select_from(decisions).where(*_conditions(wanted))) or 0


def _conditions(wanted: AlertFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [decisions.c.day == wanted.day]
    if wanted.kind:
        conditions.append(decisions.c.kind == wanted.kind)
    if wanted.decision:
        conditions.append(decisions.c.decision.in_(wanted.decision.split(",")))
    if wanted.text and "\0" not in wanted.text:  # PostgreSQL refuses to look for what cannot be in a text
        searched = (decisions.c.subject_id, decisions.c.sku_id, decisions.c.recipient_id, decisions.c.case_id)
        conditions.append(or_(*(column.startswith(wanted.text, autoescape=True) for column in searched)))
    return conditions


def _order(sort: str) -> tuple[ColumnElement[float], ColumnElement[str]]:
    # SQLite puts nulls last when descending by itself; PostgreSQL is told, and its index is declared the same way.
    return SORTS.get(sort, decisions.c.expected_value).desc().nulls_last(), decisions.c.decision_id.desc()


def decision(db: Connection, decision_id: str) -> RowMapping | None:
    return db.execute(select(decisions).where(decisions.c.decision_id == decision_id)).mappings().one_or_none()


def case_row(db: Connection, case_id: str) -> RowMapping | None:
    return db.execute(select(cases).where(cases.c.case_id == case_id)).mappings().one_or_none()


def decisions_about(db: Connection, kind: str, subject_id: str, sku_id: str) -> Sequence[RowMapping]:
    """Every day's decision about one object, newest first."""
    about = select(decisions).where(
        decisions.c.kind == kind, decisions.c.subject_id == subject_id, decisions.c.sku_id == sku_id
    )
    return db.execute(about.order_by(decisions.c.day.desc()).limit(HISTORY_ROWS)).mappings().all()


def decisions_of_case(db: Connection, case_id: str) -> Sequence[RowMapping]:
    """Every day's decision in one case, newest first."""
    of_case = select(decisions).where(decisions.c.case_id == case_id)
    return db.execute(of_case.order_by(decisions.c.day.desc()).limit(HISTORY_ROWS)).mappings().all()


def notices_of_case(db: Connection, case_id: str) -> Sequence[RowMapping]:
    """The notices that told a case something, digests included, with their deliveries, newest first."""
    told = select(tellings.c.notice_id).where(tellings.c.case_id == case_id)
    chosen = _notices_with_state().where(or_(notices.c.case_id == case_id, notices.c.notice_id.in_(told)))
    return db.execute(chosen.order_by(notices.c.planned_at.desc()).limit(HISTORY_ROWS)).mappings().all()


def attempts_of(db: Connection, delivery_ids: Collection[str]) -> Sequence[RowMapping]:
    """Every try to hand these deliveries to the relay, oldest first."""
    chosen = select(attempts).where(attempts.c.delivery_id.in_(delivery_ids)).order_by(attempts.c.started_at)
    return db.execute(chosen.limit(HISTORY_ROWS)).mappings().all()


def notices_of_day(db: Connection, day: date, kind: str, state: str, page: int) -> tuple[Sequence[RowMapping], int]:
    """One page of a day's notices and how many there are in all. ``kind`` and ``state`` empty: all of them."""
    conditions: list[ColumnElement[bool]] = [notices.c.day == day]
    if kind:
        conditions.append(notices.c.kind == kind)
    if state:
        conditions.append(func.lower(_SHOWN_STATE) == state.lower())
    offset = (max(page, 1) - 1) * PAGE_ROWS
    chosen = _notices_with_state().where(*conditions).order_by(notices.c.planned_at.desc(), notices.c.notice_id)
    rows = db.execute(chosen.limit(PAGE_ROWS).offset(offset)).mappings().all()
    total = db.scalar(select(func.count()).select_from(_NOTICES_WITH_DELIVERY).where(*conditions)) or 0
    return rows, total


def notices_by_message(db: Connection, message_ids: Collection[str]) -> dict[str, RowMapping]:
    """message_id -> its notice and delivery, for the mails that this system planned."""
    chosen = _notices_with_state().where(deliveries.c.message_id.in_(message_ids))
    return {row["message_id"]: row for row in db.execute(chosen).mappings()}


def _notices_with_state() -> Select[tuple[object, ...]]:
    return (
        select(
            notices,
            func.lower(_SHOWN_STATE).label("shown_state"),
            deliveries.c.delivery_id,
            deliveries.c.message_id,
            deliveries.c.tries,
            deliveries.c.next_try_at,
            deliveries.c.last_code,
            deliveries.c.last_reply,
            deliveries.c.relay,
            deliveries.c.accepted_at,
            directory.c.role,
        )
        .select_from(_NOTICES_WITH_DELIVERY)
        .outerjoin(directory, directory.c.person_id == notices.c.recipient_id)
    )


def switches(db: Connection) -> list[tuple[str, str, str]]:
    """(what, which kind or relay, why) of everything that holds sending back: kill switches, pauses, open breakers."""
    killed = select(control.c.name, control.c.changed_by).where(
        control.c.name.startswith("kill"), control.c.value == "on"
    )
    paused = select(kinds.c.kind, kinds.c.pause_reason).where(kinds.c.paused)
    broken = select(breaker.c.relay, breaker.c.last_reply).where(breaker.c.state == "open")
    found = [("kill", row.name.partition(":")[2], f"switched on by {row.changed_by}") for row in db.execute(killed)]
    found += [("paused", row.kind, row.pause_reason or "") for row in db.execute(paused)]
    return [*found, *(("breaker", row.relay, row.last_reply or "") for row in db.execute(broken))]


def role(db: Connection, person_id: str) -> str | None:
    return db.scalar(select(directory.c.role).where(directory.c.person_id == person_id))
