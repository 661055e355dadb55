"""What became of the rows that were scored lately, as far as it was known by the end of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
from pyspark.sql import functions as F

from lake.store import Lake, as_of
from models import frames
from models.target import TargetSpec

LOOK_DAYS = 28
MOST_ROWS = 60_000  # more say no more about a share


def scored(lake: Lake, spec: TargetSpec, features: Sequence[str], day: date) -> pd.DataFrame:
    """The rows of ``features_<target>`` of the LOOK_DAYS before ``day``, as they were recorded then, at most about
    MOST_ROWS of them: SUBJECT_COLUMNS, ``features`` and OUTCOME_COLUMNS as known when ``day`` ended.
    """
    table = lake.read(f"features_{spec.name}")
    days = table.where(F.col("day").between(F.lit(day - timedelta(days=LOOK_DAYS)), F.lit(day - timedelta(days=1))))
    named = days.withColumns(dict(zip(spec.keys, (F.col("subject_id"), F.col("sku_id")), strict=False)))
    share = min(1.0, MOST_ROWS / max(named.count(), 1))
    taken = frames.sampled(named, spec, share, seed=1)
    rows = frames.to_pandas(taken.select(*frames.SUBJECT_COLUMNS, *features))
    return frames.Learnable(lake, spec, taken.select(*spec.keys, "as_of"), rows).outcomes(as_of(day))
