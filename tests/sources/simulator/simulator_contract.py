"""Checks every row of a folder of tables against the contract, in DuckDB: an oracle apart from the product's own
gates."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from lake.store import arrow_schema
from lake.tables import CONTRACT, Table


def broken_promises(folder: Path) -> list[str]:
    """What the tables under ``folder`` do that the contract forbids; empty where all is well."""
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        there = [table for table in CONTRACT.values() if (folder / table.name).is_dir()]
        for table in there:
            db.execute(
                f"CREATE VIEW {table.name} AS SELECT *, regexp_extract(filename, 'day=([0-9-]+)', 1)::DATE AS file_day "
                f"FROM read_parquet('{folder / table.name}/*.parquet', filename = true)"
            )
        return [problem for table in there for problem in _of_table(db, table, folder)]


def _of_table(db: duckdb.DuckDBPyConnection, table: Table, folder: Path) -> list[str]:
    found = []
    for file in (folder / table.name).iterdir():
        if not pq.read_schema(file).equals(arrow_schema(table)):
            found.append(f"{table.name}: {file.name} has other columns or types")
    conditions = {"recorded on another day": "recorded_at::DATE <> file_day"}
    for column in table.columns:
        if not column.nullable:
            conditions[f"{column.name} is null"] = f"{column.name} IS NULL"
        if column.allowed:
            values = ", ".join(f"'{value}'" for value in column.allowed)
            conditions[f"{column.name} is unknown"] = f'"{column.name}" NOT IN ({values})'
        if column.minimum is not None:
            conditions[f"{column.name} too small"] = f"{column.name} < {column.minimum}"
        if column.maximum is not None:
            conditions[f"{column.name} too large"] = f"{column.name} > {column.maximum}"
    for rule in table.rules:
        conditions[rule.name] = f"NOT ({rule.holds})"
    for what, condition in conditions.items():
        rows = db.execute(f"SELECT count(*) FROM {table.name} WHERE {condition}").fetchone()[0]
        found += [f"{table.name}: {what} ({rows} rows)"] if rows else []
    key = ", ".join(table.key)
    twice = db.execute(
        f"SELECT count(*) FROM (SELECT {key} FROM {table.name} GROUP BY ALL HAVING count(*) > 1)"
    ).fetchone()[0]
    found += [f"{table.name}: key twice ({twice} keys)"] if twice else []
    for reference in table.references:
        orphans = db.execute(
            f"SELECT count(*) FROM {table.name} a LEFT JOIN {reference.table} b ON a.{reference.column} = b.{reference.to} "
            f"WHERE a.{reference.column} IS NOT NULL AND (b.{reference.to} IS NULL OR b.recorded_at > a.recorded_at)"
        ).fetchone()[0]
        found += [f"{table.name}: {reference.column} refers to nothing known ({orphans} rows)"] if orphans else []
    return found
