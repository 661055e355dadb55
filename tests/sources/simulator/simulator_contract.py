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
    def count(sql: str) -> int:
        return int(db.execute(f"SELECT count(*) FROM {sql}").fetchone()[0])

    schema = arrow_schema(table)
    files = (folder / table.name).iterdir()
    found = [f"{file.name}: other columns or types" for file in files if not pq.read_schema(file).equals(schema)]
    for what, condition in _forbidden(table).items():
        rows = count(f"{table.name} WHERE {condition}")
        found += [f"{what} ({rows} rows)"] if rows else []
    twice = count(f"(SELECT {', '.join(table.key)} FROM {table.name} GROUP BY ALL HAVING count(*) > 1)")
    found += [f"key twice ({twice} keys)"] if twice else []
    for reference in table.references:
        orphans = count(
            f"{table.name} a LEFT JOIN {reference.table} b ON a.{reference.column} = b.{reference.to} WHERE "
            f"a.{reference.column} IS NOT NULL AND (b.{reference.to} IS NULL OR b.recorded_at > a.recorded_at)"
        )
        found += [f"{reference.column} refers to nothing known ({orphans} rows)"] if orphans else []
    return [f"{table.name}: {problem}" for problem in found]


def _forbidden(table: Table) -> dict[str, str]:
    """What no row may satisfy, as SQL conditions by what they mean."""
    columns = table.columns
    conditions = {"recorded on another day": "recorded_at::DATE <> file_day"}
    conditions |= {f"{column.name} is null": f'"{column.name}" IS NULL' for column in columns if not column.nullable}
    conditions |= {
        f"{column.name} is unknown": f'"{column.name}" NOT IN {(*column.allowed, column.allowed[0])}'
        for column in columns
        if column.allowed
    }
    for column in columns:
        low, high = column.minimum, column.maximum
        conditions |= {f"{column.name} too small": f"{column.name} < {low}"} if low is not None else {}
        conditions |= {f"{column.name} too large": f"{column.name} > {high}"} if high is not None else {}
    return conditions | {rule.name: f"NOT ({rule.holds})" for rule in table.rules}
