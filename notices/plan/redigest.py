"""A digest that was withdrawn because lines of it were no longer true, planned anew without them.

Its bytes were fixed at planning, so a line cannot be taken out of it; and it never left, so the same notice (same key,
same Message-ID) may be written again. Nobody is told twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, select, update

from notices.keys import Keys
from notices.plan import told
from notices.plan.plan import lock
from notices.state import cases, decisions, deliveries, mails, notices, tellings, writing
from notices.write.written import MADE_WITH, house_of, made_with, reader_of, write

Series = tuple[str, str]  # subject_id, sku_id
NO_LONGER_TRUE = "untrue_at_send"


def replan(engine: Engine, keys: Keys, dropped: Mapping[str, Mapping[Series, str]], now: datetime) -> int:
    """Write these digests again without the dropped lines; returns how many may go now.

    dropped: by notice id, the lines that are no longer true. What was not withdrawn, or may have left, stays as it is.
    A digest of which nothing is left stays withdrawn. ``now``: the day's clock; the rest goes when the whole was due.
    """
    again = 0
    for notice_id, lines in dropped.items():
        with writing(engine) as db:
            lock(db)
            row = _withdrawn(db, notice_id)
            if row is not None:
                _drop(db, row, lines)
                again += _write_again(db, keys, row, lines, now)
    return again


def _withdrawn(db: Connection, notice_id: str) -> Row[Any] | None:
    joined = notices.join(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    never_left = and_(notices.c.state == "WITHDRAWN", ~told.was_told(), deliveries.c.state == "CANCELLED")
    query = select(notices).select_from(joined).where(notices.c.notice_id == notice_id, never_left)
    return db.execute(query).first()


def _drop(db: Connection, row: Row[Any], lines: Mapping[Series, str]) -> None:
    """The dropped lines were not told: their decisions say so, and a later day may tell them."""
    for subject_id, sku_id in lines:
        this = and_(
            decisions.c.day == row.day,
            decisions.c.kind == row.kind,
            decisions.c.subject_id == subject_id,
            decisions.c.sku_id == sku_id,
        )
        case_id = db.execute(select(decisions.c.case_id).where(this)).scalar()
        db.execute(update(decisions).where(this).values(decision="covered", reason=NO_LONGER_TRUE))
        db.execute(delete(tellings).where(tellings.c.case_id == case_id, tellings.c.notice_id == row.notice_id))
        stage = select(tellings.c.stage).where(tellings.c.case_id == case_id)
        if db.execute(stage).first() is None:
            db.execute(update(cases).where(cases.c.case_id == case_id).values(stage="open"))


def _write_again(db: Connection, keys: Keys, row: Row[Any], lines: Mapping[Series, str], now: datetime) -> bool:
    left = [line for line in row.evidence["lines"] if (line["seller_id"], line["sku_id"]) not in lines]
    if not left or row.expires_at <= now:
        return False
    made = row.evidence[MADE_WITH]
    entry, house = reader_of(made, keys), house_of(made, keys)
    evidence = {**row.evidence, "lines": left, MADE_WITH: made_with(entry, house, made["policy"], made["tables"])}
    values = {"evidence": evidence, "state": "APPROVED", "state_reason": "", "planned_at": now, "updated_at": now}
    notice = {**row._mapping, **values}  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    message = write(notice, entry, house)
    fresh = {
        "state": "READY", "epoch": deliveries.c.epoch + 1, "tries": 0,
        "lease_token": None, "lease_until": None, "updated_at": now,
    }  # fmt: skip
    db.execute(update(notices).where(notices.c.notice_id == row.notice_id).values(**values))
    this = deliveries.c.notice_id == row.notice_id
    db.execute(update(deliveries).where(this).values(**fresh))
    mail = mails.c.delivery_id == select(deliveries.c.delivery_id).where(this).scalar_subquery()
    db.execute(update(mails).where(mail).values(sealed_mime=keys.seal(message.mime)))
    return True
