"""The state DB: what was decided, planned, sent and answered. Lake holds facts, this holds promises to people.

SQLite by default, PostgreSQL in production; the same tables (notices.state.schema), the same tests. Opening, writing
and the tables: what is needed to work with it is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from notices.state.database import StateError, UtcDateTime, chunks, engine_of, writing
from notices.state.schema import (
    DELIVERY_STATES,
    HEAD,
    NOTICE_STATES,
    RUN_STATES,
    attempts,
    audit,
    breaker,
    cases,
    control,
    decisions,
    deliveries,
    directory,
    holdouts,
    journals,
    kinds,
    mails,
    metadata,
    notices,
    outcomes,
    preferences,
    returns,
    reviews,
    runs,
    sent_before,
    suppressions,
    tellings,
    token_use,
)

__all__ = [
    "DELIVERY_STATES",
    "HEAD",
    "NOTICE_STATES",
    "RUN_STATES",
    "StateError",
    "UtcDateTime",
    "attempts",
    "audit",
    "breaker",
    "cases",
    "chunks",
    "control",
    "decisions",
    "deliveries",
    "directory",
    "holdouts",
    "journals",
    "kinds",
    "mails",
    "metadata",
    "notices",
    "open_state",
    "outcomes",
    "preferences",
    "record_run",
    "returns",
    "reviews",
    "runs",
    "sent_before",
    "suppressions",
    "tellings",
    "token_use",
    "writing",
]


def open_state(url: str) -> Engine:
    """An engine on a migrated state DB. Raises StateError where it cannot be reached or is newer than this code.

    SQLite runs in WAL with foreign keys on; its parent folder is made. Read with ``engine.connect()``; write inside
    ``writing(engine)``, which takes SQLite's write lock at the start instead of failing half-way through.
    """
    from notices.state.migrations.apply import migrate

    engine = engine_of(make_url(url))
    try:
        migrate(engine)
    except Exception:
        engine.dispose()
        raise
    return engine


def record_run(
    engine: Engine,
    *,
    run_id: str,
    day: date,
    step: str,
    target: str | None,
    status: str,
    counts: Mapping[str, Any],
    started_at: datetime,
    ended_at: datetime | None,
    versions: Mapping[str, Any] | None = None,
    message: str = "",
) -> None:
    """Write the row of one step execution; the same run_id again replaces it (running, then done, held or failed)."""
    if status not in RUN_STATES:
        raise StateError(f"a run's status is one of {', '.join(RUN_STATES)}, not {status!r}. Nothing was written.")
    row = {
        "run_id": run_id, "day": day, "step": step, "target": target, "status": status, "counts": dict(counts),
        "versions": dict(versions or {}), "message": message, "started_at": started_at, "ended_at": ended_at,
    }  # fmt: skip
    with writing(engine) as db:
        changed = db.execute(runs.update().where(runs.c.run_id == run_id).values(**row))
        if changed.rowcount == 0:
            db.execute(runs.insert().values(**row))
