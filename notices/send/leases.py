"""Leases of deliveries: what a dead sender leaves is taken back, what a living one holds is held on to.

Leases live by the DB's clock, never by a sender's. Every function runs inside the caller's writing transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, and_, func, select, update

from notices.send import outbox
from notices.state import attempts, deliveries
from notices.state.db_clock import db_now, now_sql


def left_open(db: Connection) -> Sequence[Row[Any]]:
    """Tries of senders whose leases ran out while SENDING: delivery_id, epoch, token, message_id."""
    return db.execute(_over_while_sending(db.dialect.name)).all()


def expire_leases(db: Connection, lost: Sequence[Row[Any]]) -> dict[str, int]:
    """Take back what dead senders held: LEASED waits again; SENDING may have been accepted, so it is UNCERTAIN.

    lost: those of ``left_open`` whose end nobody knows. Returns counts: uncertain, returned.
    """
    free = {"lease_token": None, "lease_until": None, "updated_at": db_now(db)}
    for row in lost:
        this = and_(deliveries.c.delivery_id == row.delivery_id, deliveries.c.epoch == row.epoch)
        sending = update(deliveries).where(this, deliveries.c.state == "SENDING")
        db.execute(sending.values(**outbox.one_more_uncertain(), **free))
        ended = {"ended_at": db_now(db), "phase": "lost", "reply": "the sender ended before the reply was recorded"}
        one = and_(
            attempts.c.delivery_id == row.delivery_id, attempts.c.epoch == row.epoch, attempts.c.ended_at.is_(None)
        )
        db.execute(update(attempts).where(one).values(**ended))
    returned = db.execute(_over_while_leased(db.dialect.name)).rowcount
    return {"uncertain": len(lost), "returned": returned}


@cache
def _over_while_sending(dialect: str) -> Select[Any]:
    over = and_(deliveries.c.state == "SENDING", deliveries.c.lease_until <= now_sql(dialect))
    token = deliveries.c.lease_token.label("token")
    kept = (deliveries.c.delivery_id, deliveries.c.epoch, token, deliveries.c.message_id)
    return select(*kept).where(over).with_for_update(skip_locked=True)


@cache
def _over_while_leased(dialect: str) -> Update:
    over = and_(deliveries.c.state == "LEASED", deliveries.c.lease_until <= now_sql(dialect))
    free = {"lease_token": None, "lease_until": None, "updated_at": now_sql(dialect)}
    return update(deliveries).where(over).values(state=outbox.waiting_again(), **free)


def renew(db: Connection, token: str, lease_seconds: float) -> None:
    """Lengthen every lease of this sender that has not run out."""
    mine = and_(deliveries.c.lease_token == token, deliveries.c.state.in_(["LEASED", "SENDING"]))
    alive = deliveries.c.lease_until > db_now(db)
    db.execute(update(deliveries).where(mine, alive).values(lease_until=db_now(db, lease_seconds)))


def next_foreign_lease(db: Connection, token: str) -> datetime | None:
    """When the first lease of another sender runs out, by the DB's clock; None where nobody else holds anything."""
    held = deliveries.c.state.in_(["LEASED", "SENDING"])
    query = select(func.min(deliveries.c.lease_until)).where(held, deliveries.c.lease_token != token)
    first: datetime | None = db.execute(query).scalar()
    return first
