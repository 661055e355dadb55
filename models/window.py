"""When an open order will arrive: the days by which 10, 50 and 90 % of orders like it have come.

Three quantiles of the days still to go, from one model so that they are learned together, put in order so that they
never cross, and widened or narrowed by what was seen on a later stretch of time (conformal, each tail by itself). An
order that has not come counts with the longest time that is looked at: leaving it out would promise too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

Array = npt.NDArray[np.float64]

QUANTILES = (0.1, 0.5, 0.9)
LONGEST_DAYS = 45.0
LEAST_ROWS = 400
ROUNDS = 80
LATER_SHARE = 0.25
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class DateWindow:
    """A fitted window. ``widen``: added to the low and the high quantile, in log days; ``longest_days``: as far as
    it looks.
    """

    features: tuple[str, ...]
    booster: xgb.Booster
    widen: tuple[float, float]
    longest_days: float

    def as_json(self) -> dict[str, Any]:
        return {"features": list(self.features), "widen": list(self.widen), "longest_days": self.longest_days}

    def dates(self, frame: pd.DataFrame) -> pd.DataFrame:
        """p10, p50, p90 (UTC moments) for each row of a frame with as_of and the features."""
        days = np.expm1(_ordered(_raw(self.booster, frame, self.features), self.widen))
        days = np.clip(days, 0.0, self.longest_days)
        as_of = pd.to_datetime(frame["as_of"], utc=True)
        moments = {
            name: as_of + pd.to_timedelta((days[:, place] * DAY_SECONDS).round(), unit="s")
            for place, name in enumerate(("p10", "p50", "p90"))
        }
        return pd.DataFrame(moments, index=frame.index)


def from_json(stored: Mapping[str, Any], booster: xgb.Booster) -> DateWindow:
    """The window of a card."""
    low, high = stored["widen"]
    return DateWindow(tuple(stored["features"]), booster, (float(low), float(high)), float(stored["longest_days"]))


def fit(frame: pd.DataFrame, features: tuple[str, ...], known_before: datetime, *, seed: int = 7) -> DateWindow | None:
    """Learn the window from rows old enough to have seen the longest time; None where there are too few.

    frame: features, as_of, ended_at (null: not delivered by known_before), weight.
    """
    span = (pd.Timestamp(known_before) - frame["as_of"].min()) / pd.Timedelta(days=1) if len(frame) else 0.0
    longest = min(LONGEST_DAYS, span / 3)
    old = frame[frame["as_of"] <= pd.Timestamp(known_before) - pd.Timedelta(days=longest)].sort_values(
        "as_of", kind="stable"
    )
    if len(old) < LEAST_ROWS:
        return None
    left = (old["ended_at"] - old["as_of"]).dt.total_seconds() / DAY_SECONDS
    target: Array = np.log1p(left.fillna(longest).clip(0.0, longest).to_numpy(np.float64))
    cut = int(len(old) * (1 - LATER_SHARE))
    trial = _grow(old.iloc[:cut], target[:cut], features, seed)
    later = old.iloc[cut:]
    unseen = np.sort(_raw(trial, later, features), axis=1)
    weight = later["weight"].to_numpy(np.float64)
    low = _quantile(target[cut:] - unseen[:, 0], weight, QUANTILES[0])
    high = _quantile(target[cut:] - unseen[:, 2], weight, QUANTILES[2])
    return DateWindow(features, _grow(old, target, features, seed), (low, high), longest)


def coverage(window: DateWindow, frame: pd.DataFrame) -> float:
    """Weighed share of rows whose parcel came between p10 and p90; not delivered counts as outside."""
    found = window.dates(frame)
    inside = (frame["ended_at"] >= found["p10"]) & (frame["ended_at"] <= found["p90"])
    return float(np.average(inside, weights=frame["weight"]))


def _grow(rows: pd.DataFrame, target: Array, features: tuple[str, ...], seed: int) -> xgb.Booster:
    weight = rows["weight"].to_numpy(np.float64)
    settings = {
        "objective": "reg:quantileerror",
        "quantile_alpha": list(QUANTILES),
        "tree_method": "hist",
        "learning_rate": 0.08,
        "max_depth": 4,
        "max_bin": 64,
        "min_child_weight": 20,
        "subsample": 0.8,
        "colsample_bytree": 0.5,
        "nthread": 2,
        "seed": seed,
    }
    data = xgb.DMatrix(
        _matrix(rows, features), label=target, weight=weight / weight.mean(), feature_names=list(features)
    )
    return xgb.train(settings, data, num_boost_round=ROUNDS)


def _raw(booster: xgb.Booster, rows: pd.DataFrame, features: tuple[str, ...]) -> Array:
    data = xgb.DMatrix(_matrix(rows, features), feature_names=list(features))
    return np.asarray(booster.predict(data), dtype=np.float64).reshape(len(rows), len(QUANTILES))


def _ordered(raw: Array, widen: tuple[float, float]) -> Array:
    moved: Array = np.sort(raw, axis=1) + np.array([widen[0], 0.0, widen[1]])
    moved[:, 0] = np.minimum(moved[:, 0], moved[:, 1])
    moved[:, 2] = np.maximum(moved[:, 2], moved[:, 1])
    return moved


def _quantile(values: Array, weight: Array, share: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(np.searchsorted(reached, share)), len(order) - 1)])


def _matrix(rows: pd.DataFrame, features: tuple[str, ...]) -> npt.NDArray[np.float32]:
    return rows[list(features)].to_numpy(dtype=np.float32, na_value=np.nan)
