"""The connection to the state DB: SQLite or PostgreSQL, aware times, writers that lock from their start."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, DateTime, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT_MS = 30_000
PAUSE_SECONDS = 0.01
CHUNK = 500  # rows a statement: below SQLite's limit of bound values
WRITES = "beforehand_writes"

T = TypeVar("T")


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


def engine_of(url: URL) -> Engine:
    """An engine as the state DB needs it; SQLite's parent folder is made. Nothing is opened yet."""
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
    _keep_a_log(cursor)
    cursor.execute("PRAGMA synchronous=FULL")  # an intent that a power cut can undo is no intent
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _keep_a_log(cursor: Any) -> None:
    """SQLite's write-ahead log, so that readers and a writer do not wait for each other.

    A file that another process is just turning to it is refused at once, whatever the busy timeout says: SQLite asks
    its busy handler only where waiting cannot end in a deadlock. So the wait is here. Raises OperationalError where the
    file is still locked after BUSY_TIMEOUT_MS.
    """
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while not _switched(cursor, last_try=time.monotonic() > until):
        time.sleep(PAUSE_SECONDS)


def _switched(cursor: Any, *, last_try: bool) -> bool:
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if last_try or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
