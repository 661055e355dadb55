"""What the recipient pages read from the state DB: one notice, what became of it, and newer facts of its case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from notices.keys import Keys
from notices.people import directory
from notices.people.directory import Entry
from notices.state import cases, decisions, deliveries, notices


@dataclass(frozen=True, slots=True)
class Told:
    """One notice with what became of it. Moments are UTC; ``accepted_at`` and ``closed_at`` None: has not happened."""

    notice_id: str
    kind: str
    stage: str
    recipient_id: str
    case_id: str | None
    state: str
    locale: str
    evidence: Mapping[str, Any]
    planned_at: datetime
    expires_at: datetime
    updated_at: datetime
    accepted_at: datetime | None
    closed_at: datetime | None

    def __repr__(self) -> str:  # evidence never reaches a log
        return f"Told({self.kind!r}, {self.stage!r}, {self.state!r})"


def told(db: Connection, notice_id: str) -> Told | None:
    """The notice, or None where there is none, or none in a language."""
    columns = [column for column in notices.c if column.name in Told.__dataclass_fields__]
    joined = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id).outerjoin(
        cases, cases.c.case_id == notices.c.case_id
    )
    query = select(*columns, deliveries.c.accepted_at, cases.c.closed_at).select_from(joined)
    row = db.execute(query.where(notices.c.notice_id == notice_id)).mappings().first()
    return Told(**row) if row is not None and row["locale"] else None


def listener(db: Connection, keys: Keys, told: Told) -> Entry:
    """Whose language and zone the page uses, without their name: a link may be forwarded.

    Someone who is no longer in the directory is spoken to by the notice's own language and where the order went.
    """
    known = directory.find(db, keys, [told.recipient_id]).get(told.recipient_id)
    zone = known.time_zone if known else None
    region = known.region if known else told.evidence.get("destination_region")
    role = known.role if known else ""
    return Entry(told.recipient_id, role, None, None, told.locale, zone, region, consent=False)


def newer_evidence(db: Connection, told: Told) -> Mapping[str, Any] | None:
    """The newest record of the same case, if facts after the notice's own are known. A digest has no one case."""
    if told.case_id is None:
        return None
    query = (
        select(decisions.c.evidence)
        .where(decisions.c.case_id == told.case_id, decisions.c.decision != "abstained")
        .order_by(decisions.c.day.desc())
        .limit(1)
    )
    found: Mapping[str, Any] | None = db.execute(query).scalar()
    if not found or not found.get("as_of"):
        return None
    is_newer = datetime.fromisoformat(found["as_of"]) > datetime.fromisoformat(told.evidence["as_of"])
    return found if is_newer else None
