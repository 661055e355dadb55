"""A source's rows on disk, in Parquet, so that the engine can check them; removed when the step ends."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lake.rules import ROW_ID
from lake.tables import CONTRACT
from sources.source import Source, delivered_schema

COMPRESSION = "zstd"
LOCK = "run.lock"


@dataclass(frozen=True, slots=True)
class Staged:
    """One table's rows as they were delivered. path: a Parquet file with ``delivered_schema`` and row_id."""

    table: str
    path: Path
    rows: int


@contextmanager
def folder(home: Path, step: str) -> Iterator[Path]:
    """A folder of this run's own under ``home/staging``, gone afterwards; so are those of runs that were killed.

    A run holds a lock on a file in its folder. The kernel drops it when the run ends in whatever way, so a folder whose
    lock can be had belongs to nobody any more.
    """
    root = home / "staging"
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with (root / "sweep.lock").open("w") as sweep:  # no folder is judged while it is being made
            fcntl.flock(sweep, fcntl.LOCK_EX)
            _sweep(root)
            made = Path(tempfile.mkdtemp(prefix=f"{step}-", dir=root))
            fcntl.flock(held.enter_context((made / LOCK).open("w")), fcntl.LOCK_EX)
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _sweep(root: Path) -> None:
    for left in root.iterdir():
        if not left.is_dir():
            continue
        with (left / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(left, ignore_errors=True)


def stage(source: Source, table: str, first: date, last: date, into: Path) -> Staged:
    """Write what ``source`` delivers of ``table`` for these days to one Parquet file, batch by batch.

    Raises SourceError where the source cannot be read, OSError where the disk is full.
    """
    schema = pa.schema([*delivered_schema(CONTRACT[table]), pa.field(ROW_ID, pa.int64())])
    path = into / f"{table}.parquet"
    count = 0
    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for delivery in source.read(table, first, last):
            ids = pa.array(np.arange(count, count + delivery.rows.num_rows))
            arrays = [*delivery.rows.columns, ids]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            count += delivery.rows.num_rows
    return Staged(table, path, count)
