"""What a build may read: the lake from as far back as the features look, up to the last moment asked for.

Reading less than this changes values, reading more costs time and changes none: every feature that looks back is
defined on a bounded stretch of days, so that a daily run and a backtest over years give the same row.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.store import Lake
from lake.tables import PARTITION, RECORDED_AT

LONGEST_WINDOW_DAYS = 90  # the longest rolling window of any feature
LONGEST_JOURNEY_DAYS = 120  # a fact whose first record is older than this is left out of the windows
OPEN_DAYS = 180  # an order is no longer watched this long after it was recorded
HISTORY_DAYS = LONGEST_WINDOW_DAYS + LONGEST_JOURNEY_DAYS + 1
WORK = "_work"
KEPT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Known:
    """The lake between the earliest and the latest ``as_of`` of a frame of subjects (both UTC and aware)."""

    lake: Lake
    first_as_of: datetime
    last_as_of: datetime
    _kept: dict[str, DataFrame] = field(default_factory=dict)

    @property
    def first_day(self) -> date:
        return self.first_as_of.astimezone(UTC).date()

    @property
    def last_day(self) -> date:
        return self.last_as_of.astimezone(UTC).date()

    def read(self, table: str, *, days_back: int = HISTORY_DAYS) -> DataFrame:
        """Rows recorded from ``days_back`` days before the first as_of until before the last one.

        A frame of many as_of moments still has to join ``recorded_at < as_of`` row by row: this only bounds it.
        """
        oldest = self.first_day - timedelta(days=days_back)
        rows = self.lake.read(table, known_before=self.last_as_of)
        return rows.where(F.col(PARTITION) >= F.lit(oldest)).withColumn("recorded_day", F.to_date(RECORDED_AT))

    def once(self, name: str, make: Callable[[], DataFrame]) -> DataFrame:
        """A frame that several groups need, computed at the first call and kept for the life of the process.

        It is kept as files under the lake's ``_work`` folder: the embedded engine has no cache of its own, and
        a cluster sees the same folder. The files go when the process ends; what a killed process left goes a day later.
        """
        if name not in self._kept:
            self._kept[name] = kept(self.lake, make())
        return self._kept[name]


def kept(lake: Lake, frame: DataFrame) -> DataFrame:
    """The frame, computed once and written to files that are read from now on; see ``Known.once``."""
    _sweep(Path(lake.root) / WORK)
    path = f"{lake.root}/{WORK}/{uuid.uuid4().hex}"
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    frame.write.parquet(path)
    # The schema is given because a frame without rows leaves no file to read it from.
    return lake.spark.read.schema(frame.schema).parquet(path)


def _sweep(work: Path) -> None:
    """Remove kept frames of processes that were killed: nothing here is needed for longer than one step."""
    for left in work.iterdir() if work.is_dir() else ():
        with contextlib.suppress(OSError):  # another process may sweep at the same moment
            if time.time() - left.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def span_of(lake: Lake, subjects: DataFrame) -> Known | None:
    """The moments that a frame of subjects asks about; None where it has no rows. Evaluates the frame once."""
    ends = subjects.agg(F.unix_micros(F.min("as_of")).alias("first"), F.unix_micros(F.max("as_of")).alias("last"))
    found = ends.toArrow()
    first, last = (found.column(name)[0].as_py() for name in ("first", "last"))
    if first is None or last is None:
        return None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Known(lake, epoch + timedelta(microseconds=first), epoch + timedelta(microseconds=last))
