"""Rows that wait for their day: kept in memory up to a bound, beyond it on disk.

A parcel's whole life is drawn on the day it is ordered, and its scans become known over the weeks that follow. Waiting
rows are small beside a day's work, but at 50 million orders they are not: past the bound they move to scratch files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from sources.simulator.arrays import Ints

MEMORY_BOUND_BYTES = 256 * 2**20
BYTES_PER_VALUE = 14


class DayBuckets:
    """Tables of rows by name and day index."""

    def __init__(self, scratch: Path, bound: int) -> None:
        self._scratch = scratch
        self._bound = bound
        self._bytes = 0
        self._files = 0
        self._waiting: dict[tuple[str, int], list[pa.Table | Path]] = defaultdict(list)

    def add(self, name: str, day: Ints, rows: pa.Table) -> None:
        """Put each row where its day is. day: (rows,) day indexes. The order of rows within a day is kept."""
        if day.size and (day == day[0]).all():
            self._keep(name, int(day[0]), rows)
        elif day.size:
            order = np.argsort(day, kind="stable")
            waits = day[order]
            bounds = np.flatnonzero(np.append(True, waits[1:] != waits[:-1]))
            for low, high in pairwise([*bounds.tolist(), day.size]):
                # a copy: a slice would keep the whole chunk alive
                self._keep(name, int(waits[low]), rows.take(pa.array(order[low:high])))
        if self._bytes > self._bound:
            self._to_disk()

    def _keep(self, name: str, day: int, rows: pa.Table) -> None:
        self._waiting[name, day].append(rows)
        self._bytes += _size(rows)

    def take(self, name: str, day: int) -> Iterator[pa.Table]:
        """The rows of a day in the order in which they were added, piece by piece; they are gone from here after."""
        for piece in self._waiting.pop((name, day), []):
            if isinstance(piece, Path):
                with pa.OSFile(str(piece), "rb") as file:
                    yield pa.ipc.open_file(file).read_all()
                piece.unlink()
            else:
                self._bytes -= _size(piece)
                yield piece

    def days(self, name: str) -> list[int]:
        """Day indexes for which rows of this name wait."""
        return sorted(day for waiting, day in self._waiting if waiting == name)

    def _to_disk(self) -> None:
        self._scratch.mkdir(parents=True, exist_ok=True)
        for pieces in self._waiting.values():
            in_memory = [piece for piece in pieces if not isinstance(piece, Path)]
            if not in_memory:
                continue
            path = self._scratch / f"{self._files:08d}.arrow"
            self._files += 1
            table = pa.concat_tables(in_memory)
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            pieces[:] = [piece for piece in pieces if isinstance(piece, Path)] + [path]
        self._bytes = 0


def _size(rows: pa.Table) -> int:
    """About how many bytes rows take; the exact figure costs more than the rows are worth."""
    return int(rows.num_rows) * int(rows.num_columns) * BYTES_PER_VALUE
