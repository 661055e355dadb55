"""The relay breaker: when a relay is in trouble, stop asking it, and ask again after a while with one message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from notices.state import breaker
from notices.state.db_clock import db_now, read_clock

OPENS_AFTER = 3
FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """An open breaker. ``retry_at`` by the DB's clock; ``reply`` is the last thing the relay or network said."""

    relay: str
    failures: int
    retry_at: datetime
    reply: str


def open_trouble(db: Connection, relay: str) -> Trouble | None:
    """The relay's trouble if its breaker is open and it is too early to ask again; None where sending may go on."""
    row = db.execute(select(breaker).where(breaker.c.relay == relay, breaker.c.state == "open")).first()
    if row is None or row.retry_at <= read_clock(db):
        return None
    return Trouble(relay, row.failures, row.retry_at, row.last_reply or "")


def note_trouble(db: Connection, relay: str, reply: str) -> bool:
    """Count one failure of the relay. Returns whether the breaker is open now: at the third in a row, then at each."""
    row = db.execute(select(breaker.c.failures).where(breaker.c.relay == relay)).first()
    failures = (row.failures if row else 0) + 1
    is_open = failures >= OPENS_AFTER
    wait = timedelta(seconds=min(FIRST_WAIT_SECONDS * 2 ** max(0, failures - OPENS_AFTER), LONGEST_WAIT_SECONDS))
    values = {
        "state": "open" if is_open else "closed",
        "failures": failures,
        "opened_at": db_now(db) if is_open else None,
        "retry_at": db_now(db, wait.total_seconds()) if is_open else None,
        "last_reply": reply[:500],
    }
    if row is None:
        db.execute(insert(breaker).values(relay=relay, **values))
    else:
        db.execute(update(breaker).where(breaker.c.relay == relay).values(**values))
    return is_open


def note_success(db: Connection, relay: str) -> None:
    """The relay works: forget its failures."""
    troubled = (breaker.c.relay == relay) & (breaker.c.failures > 0)
    values = {"state": "closed", "failures": 0, "opened_at": None, "retry_at": None}
    db.execute(update(breaker).where(troubled).values(**values))
