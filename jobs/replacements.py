"""Which corrected row stands for which quarantined one."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lake.rules import ROW_ID
from lake.tables import Table
from sources.source import ORIGIN_FILE, ORIGIN_ROW, REASONS, Source

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Replacements:
    """staged: every quarantined row as it is or corrected, row_id as before. corrected: row_ids that were replaced."""

    staged: pa.Table
    corrected: frozenset[int]


def find(table: Table, rows: pa.Table, source: Source | None) -> Replacements:
    """Replace ``rows`` by the source's rows of the same key; a row whose key cannot be read, by file and line.

    Where the source has several rows for one quarantined row the first is taken; each is taken once. Rows that correct
    nothing are left alone. Raises SourceError where the source cannot be read.
    """
    if source is None or table.name not in source.tables:
        return Replacements(rows, frozenset())
    by_key: dict[Key, list[int]] = {}
    by_origin: dict[Key, int] = {}
    for at, row in enumerate(rows.select([*table.key, ORIGIN_FILE, ORIGIN_ROW]).to_pylist()):
        key = tuple(row[name] for name in table.key)
        if None in key:
            by_origin[row[ORIGIN_FILE], row[ORIGIN_ROW]] = at
        else:
            by_key.setdefault(key, []).append(at)
    taken: dict[int, pa.RecordBatch] = {}
    spare: dict[Key, pa.RecordBatch] = {}
    for delivery in source.read(table.name, *source.span()):
        batch = delivery.rows
        for index in pc.indices_nonzero(_may_match(table, batch, by_key, by_origin)).to_pylist():
            one = batch.slice(index, 1)
            key = tuple(one[name][0].as_py() for name in table.key)
            origin: Key = (one[ORIGIN_FILE][0].as_py(), one[ORIGIN_ROW][0].as_py())
            if by_key.get(key):
                taken[by_key[key].pop(0)] = one
            elif origin in by_origin:
                spare.setdefault(origin, one)
    for origin, one in spare.items():
        taken[by_origin[origin]] = one
    changed = {at: one for at, one in taken.items() if _differs(table, rows, at, one)}
    return Replacements(_with(rows, changed), frozenset(changed))


def _differs(table: Table, rows: pa.Table, at: int, one: pa.RecordBatch) -> bool:
    """Whether a row was corrected at all: the same file once more corrects nothing."""
    names = [*table.column_names, REASONS]
    old, new = rows.slice(at, 1).select(names).to_pylist()[0], one.select(names).to_pylist()[0]
    return bool(old != new)


def _may_match(
    table: Table, batch: pa.RecordBatch, by_key: dict[Key, list[int]], by_origin: dict[Key, int]
) -> pa.Array:
    """Rows worth a look one by one: the first key column is wanted, or the line is."""
    first = batch[table.key[0]]
    by_first = pc.is_in(first, pa.array(sorted({key[0] for key in by_key}, key=str), first.type))
    lines = pa.array(sorted(int(str(line)) for _, line in by_origin), pa.int64())
    return pc.or_(by_first, pc.is_in(batch[ORIGIN_ROW], lines))


def _with(rows: pa.Table, taken: dict[int, pa.RecordBatch]) -> pa.Table:
    if not taken:
        return rows
    ids = rows[ROW_ID]
    parts = []
    for at in range(rows.num_rows):
        corrected = at in taken
        one = (
            pa.Table.from_batches([taken[at]]).append_column(ROW_ID, ids.slice(at, 1))
            if corrected
            else rows.slice(at, 1)
        )
        parts.append(one.cast(rows.schema))
    return pa.concat_tables(parts)
