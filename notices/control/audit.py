"""What people and machines changed, in a chain: each entry's hash covers the one before, under a key of the secret.

An entry that is altered, taken out of the middle or put in later breaks the chain. Entries cut off at its end do not:
keep the last hash that ``verify`` gives somewhere else to notice that too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text

from notices.keys import Keys
from notices.state import audit

FIRST = "0" * 64  # what the first entry follows
AUDIT_LOCK = 741_205_313  # PostgreSQL's advisory lock: one writer of the chain at a time, as SQLite's write lock gives
BATCH = 1_000


class AuditBroken(RuntimeError):
    """An entry does not follow from the one before it. ``seq`` is the first such entry."""

    def __init__(self, seq: int, entries_before: int) -> None:
        self.seq = seq
        super().__init__(
            f"audit: entry {seq} does not follow from the one before it: it was altered or put in, one before it was "
            f"taken out, or BEFOREHAND_SECRET is not the one it was written under. The {entries_before} entries before "
            "it are whole. Nothing was changed. Compare the table with a backup."
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that holds: how many entries, and the hash of the last (FIRST where there is none)."""

    entries: int
    last_hash: str


def lock(db: Connection) -> None:
    """Until the transaction ends, nobody else writes to the chain. The same transaction may ask again."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": AUDIT_LOCK})


def append(db: Connection, keys: Keys, *, at: datetime, actor: str, action: str, detail: Mapping[str, Any]) -> str:
    """Add an entry inside the caller's writing transaction, so that it stands or falls with the change it tells of.

    detail: JSON, without names, addresses or tokens. Returns the entry's hash.
    """
    lock(db)
    previous = db.execute(select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).scalar() or FIRST
    hash_ = _hash(keys, previous, at, actor, action, detail)
    row = {"at": at, "actor": actor, "action": action, "detail": dict(detail), "previous_hash": previous, "hash": hash_}
    db.execute(insert(audit).values(row))
    return hash_


def verify(db: Connection, keys: Keys) -> Chain:
    """Read the whole chain, a batch at a time. Raises AuditBroken at the first entry that does not hold."""
    previous, entries = FIRST, 0
    with db.execute(select(audit).order_by(audit.c.seq).execution_options(yield_per=BATCH)) as rows:
        for row in rows:
            due = _hash(keys, previous, row.at, row.actor, row.action, row.detail)
            if (row.previous_hash, row.hash) != (previous, due):
                raise AuditBroken(row.seq, entries)
            previous, entries = row.hash, entries + 1
    return Chain(entries, previous)


def _hash(keys: Keys, previous: str, at: datetime, actor: str, action: str, detail: Mapping[str, Any]) -> str:
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    return keys.digest("audit", json.dumps([previous, moment, actor, action, detail], sort_keys=True))
