"""Files of the world: one Parquet file per table and recorded day, always the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 200_000


def write_day(folder: Path, day: date, pieces: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write pieces to ``folder/day=YYYY-MM-DD.parquet``. Returns the rows; no file where there are none.

    Pieces are gathered into row groups of at least ROW_GROUP_ROWS, whatever their number: the bytes depend on the rows
    alone.
    """
    writer: pq.ParquetWriter | None = None
    waiting: list[pa.Table] = []
    rows = held = 0
    for piece in pieces:
        if piece.num_rows == 0:
            continue
        waiting.append(piece.select(schema.names).cast(schema))
        held += piece.num_rows
        if held >= ROW_GROUP_ROWS:
            writer = writer or _open(folder, day, schema)
            writer.write_table(pa.concat_tables(waiting).combine_chunks(), row_group_size=2 * held)
            rows, held, waiting = rows + held, 0, []
    if waiting:
        writer = writer or _open(folder, day, schema)
        writer.write_table(pa.concat_tables(waiting).combine_chunks(), row_group_size=2 * held)
    if writer is not None:
        writer.close()
    return rows + held


def _open(folder: Path, day: date, schema: pa.Schema) -> pq.ParquetWriter:
    folder.mkdir(parents=True, exist_ok=True)
    return pq.ParquetWriter(folder / f"day={day}.parquet", schema, compression="snappy")


class GrowingFile:
    """One Parquet file that grows over the whole run, in row groups of at least ROW_GROUP_ROWS."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="snappy")
        self._waiting: list[pa.Table] = []
        self._held = 0

    def add(self, pieces: Iterable[pa.Table]) -> None:
        for piece in pieces:
            self._waiting.append(piece.select(self._schema.names).cast(self._schema))
            self._held += piece.num_rows
            if self._held >= ROW_GROUP_ROWS:
                self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.concat_tables(self._waiting).combine_chunks(), row_group_size=2 * self._held)
        self._waiting, self._held = [], 0
