"""What has been told: which notices count, which stages of a case, and how many a person had in 7 days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from notices.state import chunks, deliveries, notices, tellings

CAP_DAYS = 7
CLOCK_MARGIN = timedelta(hours=1)  # two clocks may differ by this much before a window of 7 days is wrong
DISARMED = "disarmed"


@dataclass(frozen=True, slots=True)
class Told:
    """The stages of one case. facts: by stage, told or on its way; accepted: those that a relay took."""

    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)


def was_told() -> ColumnElement[bool]:
    """Whether a notice, joined to its delivery, reached its recipient, may have, or is on its way.

    A notice that never left (held, expired or withdrawn before its first sure try, or planned by a rebuild) told
    nobody: a later day may plan it again, under the same key.
    """
    left = or_(notices.c.state == "APPROVED", deliveries.c.uncertain > 0)
    return and_(deliveries.c.delivery_id.is_not(None), left)


def counting(day: date, *, armed: bool) -> ColumnElement[bool]:
    """What counts as told on ``day``. A rebuild (not armed) also counts what its earlier days would have told."""
    rebuilt = and_(notices.c.state_reason == DISARMED, notices.c.day < day)
    return was_told() if armed else or_(was_told(), rebuilt)


def stages(db: Connection, case_ids: Sequence[str], counts_as_told: ColumnElement[bool]) -> dict[str, Told]:
    """What was told of each case; a case of which nothing was told is absent."""
    found: dict[str, Told] = defaultdict(Told)
    joined = tellings.join(notices, notices.c.notice_id == tellings.c.notice_id).outerjoin(
        deliveries, deliveries.c.notice_id == notices.c.notice_id
    )
    query = select(tellings.c.case_id, tellings.c.stage, tellings.c.fact, deliveries.c.state).select_from(joined)
    for chunk in chunks(case_ids):
        for row in db.execute(query.where(tellings.c.case_id.in_(chunk), counts_as_told)):
            found[row.case_id].facts[row.stage] = row.fact
            if row.state == "ACCEPTED":
                found[row.case_id].accepted.add(row.stage)
    return dict(found)


def in_7_days(
    db: Connection,
    people: Iterable[str],
    now: datetime,
    counts_as_told: ColumnElement[bool],
    *,
    but_day: date | None = None,
    but_ids: Collection[str] = (),
) -> dict[str, int]:
    """Notices by recipient that fall in one window of 7 days with a notice that goes at ``now`` or later.

    An accepted one counts from when it went; one that is on its way, waits for a person or may have gone counts as if
    it went at its last moment. What a relay refused for good reached nobody. but_day, but_ids: not these.
    """
    counts: Counter[str] = Counter()
    joined = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    refused = func.coalesce(deliveries.c.state, "") == "FAILED"
    waiting = notices.c.state.in_(["PROPOSED", "HELD"])
    since = now - timedelta(days=CAP_DAYS) - CLOCK_MARGIN
    for chunk in chunks(people):
        query = (
            select(notices.c.recipient_id, func.count().label("n"))
            .select_from(joined)
            .where(notices.c.recipient_id.in_(chunk), notices.c.expires_at > since, _went_at() > since)
            .where(or_(and_(counts_as_told, ~refused), waiting))
            .group_by(notices.c.recipient_id)
        )
        if but_day is not None:
            query = query.where(notices.c.day != but_day)
        if but_ids:
            query = query.where(notices.c.notice_id.not_in(list(but_ids)))
        counts.update({row.recipient_id: row.n for row in db.execute(query)})
    return dict(counts)


def _went_at() -> ColumnElement[datetime]:
    """When a notice went, by the day's clock, or the last moment at which it may have.

    A past day that is lived again is accepted long after its notices' time: there the hour it was due says when. Two
    clocks that disagree by more than that leave the last moment.
    """
    is_accepted = deliveries.c.state == "ACCEPTED"
    lived_again = and_(is_accepted, deliveries.c.accepted_at > notices.c.expires_at)
    was_due_later = deliveries.c.next_try_at > notices.c.planned_at
    return case(
        (and_(lived_again, was_due_later), deliveries.c.next_try_at),
        (lived_again, notices.c.planned_at),
        (and_(is_accepted, deliveries.c.accepted_at >= notices.c.planned_at), deliveries.c.accepted_at),
        else_=notices.c.expires_at,
    )
