"""Writing many rows by their primary key: insert what is new, update what is known, in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, insert, select, tuple_, update

from notices.state import chunks

Row = Mapping[str, Any]
Key = tuple[Any, ...]


def known(db: Connection, table: Table, rows: Sequence[Row]) -> set[Key]:
    """Which of the rows' primary keys the table already has."""
    columns = list(table.primary_key)
    found: set[Key] = set()
    for chunk in chunks(key_of(table, row) for row in rows):
        query = select(*columns)
        if len(columns) == 1:
            query = query.where(columns[0].in_([key[0] for key in chunk]))
        else:
            query = query.where(tuple_(*columns).in_(chunk))
        found.update(tuple(row) for row in db.execute(query))
    return found


def add(db: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows whose keys are new. Rows of one call may name different columns."""
    for group in _alike(rows):
        for chunk in chunks(group):
            db.execute(insert(table), [dict(row) for row in chunk])


def change(db: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Update known rows: each holds its key and the columns to set."""
    keys = [column.name for column in table.primary_key]
    for group in _alike(rows):
        names = [name for name in group[0] if name not in keys]
        this = and_(*(table.c[key] == bindparam(f"key_{key}") for key in keys))
        statement = update(table).where(this).values({name: bindparam(f"new_{name}") for name in names})
        values = [{f"{'key' if name in keys else 'new'}_{name}": value for name, value in row.items()} for row in group]
        for chunk in chunks(values):
            db.execute(statement, chunk)


def put(db: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert or replace whole rows by their key."""
    there = known(db, table, rows)
    change(db, table, [row for row in rows if key_of(table, row) in there])
    add(db, table, [row for row in rows if key_of(table, row) not in there])


def key_of(table: Table, row: Row) -> Key:
    """The primary key of a row, in the order of the table's columns."""
    return tuple(row[column.name] for column in table.primary_key)


def _alike(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that name the same columns, together: one statement serves them all."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(sorted(row))].append(row)
    return list(groups.values())
