"""How fast open subjects have ended lately, against what the hazard expected: the level, weeks before labels tell.

A label of a late parcel is mature when its promise has passed, weeks after the carrier slowed down. But every day some
parcels come, and the hazard says how many should have: observed over expected, over the rows that were asked about in
the last fortnight. Every hazard is multiplied by it (proportional hazards). Known as the standardised mortality ratio;
Breslow and Day (1987), "Statistical Methods in Cancer Research" II, chapter 2.

A pace that stays below 1 for months is in the calibration, too, so that it is not counted twice: its folds are met at
the pace of their days. What it did on Olist is in docs/models.md.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.hazard import DAY_SECONDS, Hazard

Array = npt.NDArray[np.float64]

LOOK_BACK = timedelta(days=14)
PRIOR_ENDS = 50.0  # ends that were expected and came: few rows leave the pace where it is
SLOWEST, FASTEST = 0.25, 4.0
USUAL = 1.0
COLUMNS = ("as_of", "ended_at", "over_known_at", "weight")


def paces(hazard: Hazard | None, past: pd.DataFrame, moments: pd.Series) -> Array:
    """The pace at the day of each moment, (n,): 1 where things end as the hazard expects, 2 where twice as fast.

    past: rows that were asked about, in any order: the hazard's features and COLUMNS. ``over_known_at`` is when it
    became known that a row is over, null while it is not; ``ended_at`` is null for what is over without its end
    (cancelled). Only what was known before the day of the moment is used. All 1 without a hazard.
    """
    found = np.full(len(moments), USUAL)
    if hazard is None or not len(moments):
        return found
    days = moments.dt.floor("D")
    lately = past[(past["as_of"] >= days.min() - pd.Timedelta(LOOK_BACK)) & (past["as_of"] < days.max())]
    if lately.empty:
        return found
    expected = hazard.cumulative(lately[list(hazard.features)].to_numpy(np.float32, na_value=np.nan), LOOK_BACK)
    for day in days.unique():
        found[(days == day).to_numpy()] = _pace(lately, expected, day)
    return found


def _pace(lately: pd.DataFrame, expected: Array, day: pd.Timestamp) -> float:
    """Observed over expected ends of the rows of the fortnight before ``day``.

    expected: (n, d + 1) ends that the hazard expects of a row by so many days after its as_of.
    """
    asked = ((lately["as_of"] >= day - pd.Timedelta(LOOK_BACK)) & (lately["as_of"] < day)).to_numpy()
    rows = lately[asked]
    is_over = rows["over_known_at"] < day
    has_ended = is_over & (rows["ended_at"] < day)
    counts = (has_ended | ~is_over).to_numpy()  # what was cancelled could no longer end
    if not counts.any():
        return USUAL
    until = rows["ended_at"].where(has_ended, day)
    watched = np.asarray((until - rows["as_of"]).dt.total_seconds() / DAY_SECONDS, dtype=np.float64)[counts]
    weight = rows["weight"].to_numpy(np.float64)[counts]
    due = _by(expected[asked][counts], watched)
    prior = PRIOR_ENDS * float(weight.mean())
    came = weight[has_ended.to_numpy()[counts]].sum()
    return float(np.clip((came + prior) / (weight @ due + prior), SLOWEST, FASTEST))


def _by(expected: Array, watched: Array) -> Array:
    """What is expected of each row by its own number of days, along straight lines between whole ones."""
    rows, last = np.arange(len(watched)), expected.shape[1] - 1
    whole = np.minimum(watched.astype(np.intp), last - 1)
    part = np.minimum(watched - whole, 1.0)
    found: Array = (1 - part) * expected[rows, whole] + part * expected[rows, whole + 1]
    return found
