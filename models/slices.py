"""Where date windows have not held lately: slices that leave their band say nothing of a date at the next run.

A slice is a carrier into a region in the week before the run. What counts are windows whose last day fell into that
week, so that each is decided: the parcel came within it, or did not. Whether a row counts hangs on its window alone,
never on how it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

SLICE = ("carrier", "destination_region")
WEEK = timedelta(days=7)
BAND = (0.75, 0.85)  # of windows that should hold 80 %
FEWEST_ORDERS = 100  # fewer say nothing
MANY_ORDERS = 500  # from here on the share that was seen is taken at its word
SPREAD = 1.64  # standard errors by which a smaller slice has to be outside
COLUMNS = (*SLICE, "orders", "coverage", "is_silent")


@dataclass(frozen=True, slots=True)
class Silence:
    """The slices of one run. table: one row per slice with COLUMNS."""

    table: pd.DataFrame

    def of(self, rows: pd.DataFrame) -> pd.Series:
        """Whether a row's slice says nothing; False where its carrier or region is not known. rows: SLICE columns."""
        quiet = set(self.table.loc[self.table["is_silent"], list(SLICE)].itertuples(index=False, name=None))
        return pd.Series([pair in quiet for pair in zip(rows[SLICE[0]], rows[SLICE[1]], strict=True)], rows.index, bool)


def silence(rows: pd.DataFrame, moment: datetime) -> Silence:
    """Which slices to keep silent about at ``moment``.

    rows: announced windows: subject_id, carrier, destination_region, p10, p90, ended_at (null: not come by then),
    weight. Those whose p90 lies in the week before ``moment`` count; a subject counts once, with the mean of its rows.
    """
    now = pd.Timestamp(moment)
    decided = rows[(rows["p90"] <= now) & (rows["p90"] > now - pd.Timedelta(WEEK))]
    inside = (decided["ended_at"] >= decided["p10"]) & (decided["ended_at"] <= decided["p90"])
    each = decided.assign(inside=inside.astype(float)).groupby([*SLICE, "subject_id"], as_index=False)
    orders = each.agg(inside=("inside", "mean"), weight=("weight", "first"))
    orders["held"] = orders["inside"] * orders["weight"]
    found = orders.groupby(list(SLICE), as_index=False).agg(
        orders=("subject_id", "size"), held=("held", "sum"), weight=("weight", "sum")
    )
    found["coverage"] = found["held"] / found["weight"]
    found["is_silent"] = _has_left(found["coverage"], found["orders"])
    return Silence(found[list(COLUMNS)].sort_values(list(SLICE)).reset_index(drop=True))


def _has_left(coverage: pd.Series, orders: pd.Series) -> npt.NDArray[np.bool_]:
    """Whether a slice's coverage lies outside the band: small slices by more than chance would explain."""
    low, high = BAND
    share, count = coverage.to_numpy(np.float64), orders.to_numpy(np.float64)
    near = np.clip(share, 0.05, 0.95)
    error = np.where(count < MANY_ORDERS, SPREAD * np.sqrt(near * (1 - near) / np.maximum(count, 1.0)), 0.0)
    return (count >= FEWEST_ORDERS) & ((share + error < low) | (share - error > high))
