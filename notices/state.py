"""The state DB: what was decided, planned, sent and answered. Lake holds facts, this holds promises to people.

SQLite by default, PostgreSQL in production; the same tables, the same tests. Times are aware UTC. ``sku_id`` is the
empty string where a subject has no article, because NULLs would slip through a unique constraint. Sealed columns hold
ciphertext (notices.directory); nothing else here names a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

HEAD = "0001"
BUSY_TIMEOUT_MS = 30_000
CHUNK = 500  # rows a statement: below SQLite's limit of bound values
WRITES = "beforehand_writes"

T = TypeVar("T")

NOTICE_STATES = ("PROPOSED", "APPROVED", "HELD", "SUPPRESSED", "EXPIRED", "WITHDRAWN")
DELIVERY_STATES = (
    "READY", "LEASED", "SENDING", "ACCEPTED", "UNCERTAIN", "PARKED", "FAILED", "CANCELLED", "BOUNCED", "COMPLAINED",
)  # fmt: skip
RUN_STATES = ("running", "done", "idle", "held", "failed")


class StateError(RuntimeError):
    """The state DB cannot be opened, migrated or written."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. Refuses naive values: a time without a zone is a guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise StateError(f"{value.isoformat()} has no time zone. Nothing was written. Pass an aware UTC datetime.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, String(64), primary_key=primary_key, nullable=nullable)


directory = Table(
    "directory",
    metadata,
    _id("person_id", primary_key=True),
    Column("role", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # name, email, locale, zone, region, consent
)

preferences = Table(
    "preferences",
    metadata,
    _id("person_id", primary_key=True),
    Column("kind", String(32), primary_key=True),  # '*' for all kinds
    Column("muted", Boolean, nullable=False, default=False, server_default="0"),
    Column("snoozed_until", UtcDateTime),
    Column("quiet_start", Integer),  # local hour 0..23; null: the default
    Column("quiet_end", Integer),
    Column("digest_hour", Integer),
)

suppressions = Table(
    "suppressions",
    metadata,
    _id("address_key", primary_key=True),  # keyed hash of the address
    Column("reason", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    _id("case_id", primary_key=True),
    Column("kind", String(32), nullable=False),
    _id("recipient_id"),
    Column("object_id", String(200), nullable=False),  # order_id, or seller's sku_id
    Column("episode", String(32), nullable=False),
    Column("stage", String(16), nullable=False),  # open (nothing told yet), heads_up, update, all_clear, correction
    Column("opened_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("fact", JSON, nullable=False),  # what the recipient was last told, or what was first seen
    Index("ix_cases_subject", "kind", "recipient_id", "object_id"),
)

tellings = Table(
    "tellings",
    metadata,
    _id("case_id", primary_key=True),
    Column("stage", String(16), primary_key=True),  # one notice per stage, ever; a digest tells many cases at once
    Column("notice_id", String(64), ForeignKey("notices.notice_id"), nullable=False),
    Column("fact", JSON, nullable=False),  # what was told: the next stage is measured against it
    Index("ix_tellings_notice_id", "notice_id"),
)

decisions = Table(
    "decisions",
    metadata,
    _id("decision_id", primary_key=True),
    Column("day", Date, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject_id", String(128), nullable=False),
    Column("sku_id", String(128), nullable=False, default="", server_default=""),
    _id("recipient_id"),
    _id("case_id", nullable=True),
    Column("decision", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("probability", Float),
    Column("expected_value", Float),
    Column("evidence", JSON, nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("armed", Boolean, nullable=False, default=True),  # false: recorded by a rebuild, nobody was told
    Column("decided_at", UtcDateTime, nullable=False),
    UniqueConstraint("day", "kind", "subject_id", "sku_id", name="uq_decisions_candidate"),
    Index("ix_decisions_day", "day", "kind", "decision"),
    Index("ix_decisions_value", "day", "expected_value", "decision_id"),  # the console's pages, in their two orders
    Index("ix_decisions_chance", "day", "probability", "decision_id"),
    Index("ix_decisions_case_id", "case_id"),
)

notices = Table(
    "notices",
    metadata,
    _id("notice_id", primary_key=True),
    _id("dedupe_key"),
    Column("decision_id", String(64), ForeignKey("decisions.decision_id"), nullable=False),
    _id("case_id", nullable=True),  # null for a digest: its lines name their cases
    Column("kind", String(32), nullable=False),
    Column("stage", String(16), nullable=False),
    _id("recipient_id"),
    Column("day", Date, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_reason", String(200), nullable=False, default="", server_default=""),
    Column("locale", String(16)),
    Column("template_version", String(32), nullable=False, default="", server_default=""),
    Column("evidence", JSON, nullable=False),
    Column("planned_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("dedupe_key"),
    Index("ix_notices_recipient", "recipient_id", "day"),
    Index("ix_notices_day", "day", "kind"),
    Index("ix_notices_case_id", "case_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id("delivery_id", primary_key=True),
    Column("notice_id", String(64), ForeignKey("notices.notice_id"), nullable=False),
    Column("message_id", String(200), nullable=False),
    Column("envelope_from", String(320), nullable=False),
    Column("sealed_to", LargeBinary, nullable=False),
    Column("sealed_mime", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("epoch", Integer, nullable=False, default=0, server_default="0"),
    Column("lease_token", String(64)),
    Column("lease_until", UtcDateTime),
    Column("tries", Integer, nullable=False, default=0, server_default="0"),
    Column("uncertain", Integer, nullable=False, default=0, server_default="0"),  # tries whose end is not known
    Column("next_try_at", UtcDateTime, nullable=False),
    Column("last_code", Integer),
    Column("last_reply", Text),
    Column("relay", String(200)),
    Column("accepted_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("notice_id"),
    UniqueConstraint("message_id"),
    Index("ix_deliveries_due", "state", "next_try_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", Integer, primary_key=True, autoincrement=True),
    Column("delivery_id", String(64), ForeignKey("deliveries.delivery_id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("phase", String(16)),  # where it ended: connect, mail, rcpt, data, dot, done, or lost
    Column("code", Integer),
    Column("reply", Text),
    UniqueConstraint("delivery_id", "epoch", name="uq_attempts_delivery_epoch"),
)

reviews = Table(
    "reviews",
    metadata,
    _id("review_id", primary_key=True),
    Column("notice_id", String(64), ForeignKey("notices.notice_id"), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("answer", String(16)),
    Column("reviewer", String(128)),
    Column("note", Text),
    Index("ix_reviews_notice_id", "notice_id"),
)

holdouts = Table(
    "holdouts",
    metadata,
    Column("kind", String(32), primary_key=True),
    _id("case_id", primary_key=True),
    _id("recipient_id"),
    Column("day", Date, nullable=False),  # first day on which the case would have been told
)

outcomes = Table(
    "outcomes",
    metadata,
    _id("case_id", primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("value", Float),
    Column("detail", JSON),
    Column("at", UtcDateTime, nullable=False),
)

kinds = Table(
    "kinds",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("ladder", String(8), nullable=False, default="all", server_default="all"),  # shadow, 1%, 10%, all
    Column("floor", Float),  # precision below which the kind pauses itself
    Column("paused", Boolean, nullable=False, default=False, server_default="0"),
    Column("pause_reason", String(200)),
    Column("budget", Integer),  # notices a day; null: no limit
    Column("holdout_share", Float),  # null: the default share
)

breaker = Table(
    "breaker",
    metadata,
    Column("relay", String(200), primary_key=True),
    Column("state", String(16), nullable=False),  # closed, open
    Column("failures", Integer, nullable=False, default=0, server_default="0"),
    Column("opened_at", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Column("last_reply", Text),
)

control = Table(
    "control",
    metadata,
    Column("name", String(64), primary_key=True),  # kill, kill:<kind>
    Column("value", String(200), nullable=False),
    Column("changed_by", String(128), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

token_use = Table(
    "token_use",
    metadata,
    _id("token_id", primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("used_at", UtcDateTime, nullable=False),
    Column("detail", JSON),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("previous_hash"),
)

runs = Table(
    "runs",
    metadata,
    _id("run_id", primary_key=True),
    Column("day", Date, nullable=False),
    Column("step", String(32), nullable=False),
    Column("target", String(32)),
    Column("status", String(16), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("message", Text, nullable=False, default="", server_default=""),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_runs_day", "day", "step", "target"),
)


def open_state(url: str) -> Engine:
    """An engine on a migrated state DB. Raises StateError where it cannot be reached or is newer than this code.

    SQLite runs in WAL with foreign keys on; its parent folder is made. Read with ``engine.connect()``; write inside
    ``writing(engine)``, which takes SQLite's write lock at the start instead of failing half-way through.
    """
    from notices.migrations.apply import migrate

    engine = _engine(make_url(url))
    try:
        migrate(engine)
    except Exception:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end of the block, rolled back whole on any exception."""
    with engine.execution_options(**{WRITES: True}).begin() as db:
        yield db


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most ``size``, for statements that name rows one by one."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


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


def _engine(url: URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an intent that a power cut can undo is no intent
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
