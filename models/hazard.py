"""How likely an open subject is to end in each coming stretch of time, and so the chance that it has not by a deadline.

A discrete-time hazard: each row becomes one line for every stretch in which it was still open, labelled by whether it
ended there. Its chance of still being open after s days is the product of (1 - hazard) over the stretches before s.
Trees on the yes-or-no outcome alone never learn that a parcel which came nine days late and one which came an hour
late are different; together the two rank better than trees alone (figures: docs/models.md).

Cox (1972), "Regression models and life-tables", section 6, gives the discrete model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

Array = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

# Days: single ones for a month, then five at a time. Nothing is said of what is further away.
EDGES = np.array([*range(30), 30, 35, 40, 45, 50, 55, 60], dtype=np.float64)
CLOCK = ("stretch_from_days", "stretch_days", "stretch_weekday", "stretch_slack_days")
WEEKDAY = "as_of_weekday_code"
MOST_ROWS = 40_000  # subject rows to learn from; each becomes about a dozen lines
ROUNDS = 100
MAX_BIN = 32  # finer bins cost half as much again and ranked no better on Olist
FLOOR = 1e-6
DAY_SECONDS = 86_400
SETTINGS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_bin": MAX_BIN,
    "learning_rate": 0.12,
    "max_depth": 5,
    "min_child_weight": 50,
    "reg_lambda": 5,
    "subsample": 0.7,
    "colsample_bytree": 0.25,
    "nthread": 2,
}


@dataclass(frozen=True, slots=True)
class Hazard:
    """A fitted hazard. deadline: the feature that holds the days left until the event would be decided."""

    features: tuple[str, ...]
    deadline: str
    booster: xgb.Booster

    def as_json(self) -> dict[str, Any]:
        return {"features": list(self.features), "deadline": self.deadline}

    def log_odds(self, matrix: Matrix, pace: Array | float = 1.0) -> Array:
        """Log-odds that a row is still open at its deadline, (n,); NaN where it has none.

        pace: what every hazard is multiplied by (models.pace), for each row or for all.
        """
        return at_pace(self.log_open(matrix), pace)

    def log_open(self, matrix: Matrix) -> Array:
        """Logarithm of the chance that a row is still open at its deadline, (n,); NaN where it has none.

        matrix: (n, k) in the order of ``features``, NaN where null. A deadline beyond the last stretch counts as there.
        """
        deadline = matrix[:, self.features.index(self.deadline)].astype(np.float64)
        left = np.clip(deadline, 0.0, EDGES[-1])
        log_open = np.zeros(len(matrix))
        for start, end in pairwise(EDGES):
            rows = np.flatnonzero(left > start)
            if not len(rows):
                break
            part = np.minimum((left[rows] - start) / (end - start), 1.0)
            log_open[rows] += part * self._log_open_over(matrix[rows], start, end)
        found: Array = np.where(np.isfinite(deadline), log_open, np.nan)
        return found

    def cumulative(self, matrix: Matrix, span: timedelta) -> Array:
        """Ends that are expected of each row by 0, 1, 2 ... days after its as_of, (n, days + 1): minus ln of its chance
        to be open still.
        """
        by_day = [-self._log_open_over(matrix, day, day + 1) for day in range(span.days)]
        return np.cumsum([np.zeros(len(matrix)), *by_day], axis=0).T

    def _log_open_over(self, matrix: Matrix, start: float, end: float) -> Array:
        """Logarithm of the chance that a row which is open at ``start`` is so at ``end``, in days after its as_of."""
        lines = _lines(matrix, self.features, self.deadline, np.full(len(matrix), start), end - start)
        data = xgb.DMatrix(lines, feature_names=[*self.features, *CLOCK])
        ends = np.clip(self.booster.predict(data).astype(np.float64), FLOOR, 1 - FLOOR)
        found: Array = np.log1p(-ends)
        return found


def at_pace(log_open: Array, pace: Array | float = 1.0) -> Array:
    """Log-odds of being open still, (n,), where every hazard is multiplied by ``pace``; NaN where ``log_open`` is."""
    still_open = np.clip(np.exp(pace * log_open), FLOOR, 1 - FLOOR)
    found: Array = np.log(still_open) - np.log1p(-still_open)
    return found


def from_json(stored: Mapping[str, Any], booster: xgb.Booster) -> Hazard:
    """The hazard of a card."""
    return Hazard(tuple(stored["features"]), str(stored["deadline"]), booster)


def fit(
    rows: pd.DataFrame, matrix: Matrix, features: tuple[str, ...], deadline: str, known_before: datetime, *, seed: int
) -> Hazard:
    """Learn when rows end from what was known at ``known_before``.

    rows: as_of, ended_at (null: had not ended by then), weight; matrix: their features, in the same order. A stretch
    counts for a row if it was over, or the row had ended in it, by then.
    """
    if len(rows) > MOST_ROWS:
        kept = np.sort(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False))
        rows, matrix = rows.iloc[kept], matrix[kept]
    row, start, width, ended = _stretches(rows, known_before)
    lines = _lines(matrix[row], features, deadline, start, width)
    weight = rows["weight"].to_numpy(np.float64)[row]
    names = [*features, *CLOCK]
    data = xgb.DMatrix(lines, label=ended, weight=weight / weight.mean(), feature_names=names)
    return Hazard(features, deadline, xgb.train({**SETTINGS, "seed": seed}, data, num_boost_round=ROUNDS))


def _stretches(rows: pd.DataFrame, known_before: datetime) -> tuple[npt.NDArray[np.intp], Array, Array, Array]:
    """Which row, from which day after its as_of, how many days, and whether it ended there: one entry a line."""
    moment = pd.Timestamp(known_before)
    # What ended later than was known had not ended yet.
    ended_at = rows["ended_at"].where(rows["ended_at"] < moment)
    ended = ((ended_at - rows["as_of"]).dt.total_seconds() / DAY_SECONDS).fillna(np.inf).to_numpy(np.float64)
    watched = ((moment - rows["as_of"]).dt.total_seconds() / DAY_SECONDS).to_numpy(np.float64)
    parts = []
    for start, end in pairwise(EDGES):
        ends_here = (ended > start) & (ended <= end)
        at = np.flatnonzero((ended > start) & ((watched >= end) | ends_here))
        parts.append((at, np.full(len(at), start), np.full(len(at), end - start), ends_here[at].astype(np.float64)))
    row, begin, width, happened = (np.concatenate(column) for column in zip(*parts, strict=True))
    return row, begin, width, happened


def _lines(matrix: Matrix, features: tuple[str, ...], deadline: str, start: Array, width: Array | float) -> Matrix:
    """The rows' features and, for each line, what its stretch is: CLOCK."""
    weekday = matrix[:, features.index(WEEKDAY)] if WEEKDAY in features else np.full(len(matrix), np.nan)
    left = matrix[:, features.index(deadline)]
    clock = (start, np.broadcast_to(width, start.shape), (weekday + start) % 7, left - start)
    return np.column_stack([matrix, *clock]).astype(np.float32)
