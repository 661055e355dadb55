"""The state DB's clock: the only one that leases, attempts and the breaker know, whichever machine asks."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Connection, literal_column, select

from notices.state import UtcDateTime


def db_now(db: Connection, seconds: float = 0.0) -> ColumnElement[datetime]:
    """The DB's clock, moved by some seconds, as an SQL expression: the only clock that leases know."""
    return now_sql(db.dialect.name, seconds)


@cache
def now_sql(dialect: str, seconds: float = 0.0) -> ColumnElement[datetime]:
    """The same for a dialect by its name: for statements that are made once."""
    if dialect == "sqlite":
        sql = f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '{seconds:+.3f} seconds')"
    else:
        sql = f"(clock_timestamp() + interval '{seconds:.3f} seconds')"
    return literal_column(sql, UtcDateTime())


def read_clock(db: Connection) -> datetime:
    """What the DB's clock says now."""
    now: datetime = db.execute(select(db_now(db).label("now"))).scalar_one()
    return now
