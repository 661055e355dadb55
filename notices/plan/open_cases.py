"""Cases that were told and have not ended: each is owed an all-clear or a correction, if it comes to that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from notices.decide.decision import HEADS_UP, UPDATE
from notices.state import cases, deliveries, notices, tellings


@dataclass(frozen=True, slots=True)
class OpenCase:
    """One case. told_as_of: as of when its first notice spoke (UTC). evidence: what its last accepted notice said."""

    kind: str
    recipient_id: str
    object_id: str
    told_as_of: datetime
    evidence: Mapping[str, Any]


def told_and_open(db: Connection, kind_names: Iterable[str], day: date) -> list[OpenCase]:
    """Cases of these kinds whose heads-up or update a relay accepted, of a day before ``day``, and that are not closed.

    Ordered by kind and object.
    """
    joined = (
        cases.join(tellings, tellings.c.case_id == cases.c.case_id)
        .join(notices, notices.c.notice_id == tellings.c.notice_id)
        .join(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    )
    query = (
        select(cases.c.kind, cases.c.recipient_id, cases.c.object_id, notices.c.evidence)
        .select_from(joined)
        .where(cases.c.kind.in_(list(kind_names)), cases.c.closed_at.is_(None))
        .where(tellings.c.stage.in_([HEADS_UP, UPDATE]), deliveries.c.state == "ACCEPTED", notices.c.day < day)
        .order_by(cases.c.kind, cases.c.object_id, notices.c.day)
    )
    found: dict[tuple[str, str, str], OpenCase] = {}
    for row in db.execute(query):
        key = (row.kind, row.recipient_id, row.object_id)
        first = found[key].told_as_of if key in found else datetime.fromisoformat(row.evidence["as_of"])
        found[key] = OpenCase(*key, first, row.evidence)
    return list(found.values())
