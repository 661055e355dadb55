"""Statements that run for each mail, with their text made once: making it took longer than SQLite took to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Delete, Insert, Update
from sqlalchemy.dialects import sqlite

Statement = Update | Insert | Delete


def run_many(db: Connection, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> CursorResult[Any]:
    """Run a statement for many rows of parameters that name the same keys.

    On SQLite the values go to the driver as they are: for strings, numbers and None, not for moments. ``statement`` is
    one object that was made once.
    """
    if db.dialect.name != "sqlite":
        return db.execute(statement, rows)
    text, names, constants = _text(statement, frozenset(rows[0]))
    values = ({**constants, **row} for row in rows)
    return db.exec_driver_sql(text, [tuple([row[name] for name in names]) for row in values])


@cache
def _text(statement: Statement, given: frozenset[str]) -> tuple[str, list[str], dict[str, Any]]:
    """The text, its parameters in their order, and the values of those that no row gives."""
    keys = sorted(given) if isinstance(statement, Insert) else None
    compiled = statement.compile(dialect=sqlite.dialect(), column_keys=keys)
    names = list(compiled.positiontup or [])
    constants = {name: value for name, value in compiled.params.items() if name not in given}
    return str(compiled), names, constants
