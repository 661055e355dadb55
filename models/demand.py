"""How many pieces will be wanted: one pooled model for all articles, as a mean a day and a spread that grows with time.

It learns from pairs of feature rows: what a row a week later says about the demand of that week, which is scaled for
the hours out of stock and so never the raw sales. Each article is measured against its own usual demand, newer weeks
count more. The mean is Tweedie trees and the usual demand in a mix, both chosen on a later stretch of time; so is the
spread (negative binomial: variance = a * mean + b * mean squared). Levels are then moved to where outcomes fell
(conformal, by probability integral transform), which keeps quantiles in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from models.negative_binomial import Array, quantile, reaches

AHEAD_DAYS = 7
WANTED, USUAL, RECENT = "demand_units_7d", "demand_units_28d", "demand_units_14d"
LEAST_USUAL = 0.02  # pieces a day: below it an article is measured against this
MOST_RATIO = 12.0
LEAST_ROWS = 300
LATER_SHARE = 0.25
HALF_LIFE_DAYS = 60.0
ROUNDS = 120
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Demand:
    """A fitted forecast. share: of the trees in the mean. level: factor on the mean. spread: (a, b) of the variance.

    moved: for each of LEVELS the level of the negative binomial below which that share of outcomes fell.
    """

    features: tuple[str, ...]
    booster: xgb.Booster
    share: float
    level: float
    spread: tuple[float, float]
    moved: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "features": list(self.features), "share": self.share, "level": self.level, "spread": list(self.spread),
            "moved": list(self.moved),
        }  # fmt: skip

    def daily(self, frame: pd.DataFrame) -> Array:
        """Expected pieces a day over the next week, (n,); NaN where nothing says what the article sells.

        frame: the features by name.
        """
        return self.level * _mixed(_ratios(self.booster, frame, self.features), frame, self.share)

    def variance(self, mean: Array) -> Array:
        """Variance of the demand of a stretch of days whose mean is ``mean``."""
        found: Array = self.spread[0] * mean + self.spread[1] * mean * mean
        return found

    def at(self, level: float | Array) -> Array:
        """The level to ask the negative binomial for, so that a share of ``level`` of outcomes lies below."""
        return np.asarray(np.interp(level, (0.0, *LEVELS, 1.0), (0.0, *self.moved, 1.0)), dtype=np.float64)

    def quantiles(self, frame: pd.DataFrame, days: float, levels: tuple[float, ...] = LEVELS) -> Array:
        """(n, levels) pieces wanted over ``days``; ascending along each row."""
        mean = self.daily(frame) * days
        known = np.nan_to_num(mean)
        columns = [quantile(known, self.variance(known), self.at(level)) for level in levels]
        return np.where(np.isnan(mean)[:, None], np.nan, np.stack(columns, axis=1))


def from_json(stored: Mapping[str, Any], booster: xgb.Booster) -> Demand:
    """The forecast of a card."""
    a, b = stored["spread"]
    return Demand(
        tuple(stored["features"]), booster, float(stored["share"]), float(stored["level"]), (float(a), float(b)),
        tuple(float(level) for level in stored["moved"]),
    )  # fmt: skip


def fit(rows: pd.DataFrame, features: tuple[str, ...], *, seed: int = 7) -> Demand | None:
    """Learn from feature rows, all of them known by then; None where there are too few pairs a week apart.

    rows: subject_id, sku_id, as_of and features, among them the demand of 7 and 28 days.
    """
    pairs = _pairs(rows)
    if len(pairs) < LEAST_ROWS:
        return None
    cut = pairs["as_of"].iloc[int(len(pairs) * (1 - LATER_SHARE))]
    earlier = pairs.loc[pairs["as_of"] <= cut - pd.Timedelta(days=AHEAD_DAYS)]
    later = pairs.loc[pairs["as_of"] > cut]
    if len(earlier) < LEAST_ROWS // 2 or len(later) < LEAST_ROWS // 6:
        return None
    trial = _grow(earlier, features, seed)
    ratios, wanted = _ratios(trial, later, features), later["wanted"].to_numpy(np.float64)
    off = {share: float(np.abs(_mixed(ratios, later, share) - wanted).sum()) for share in SHARES}
    share = min(SHARES, key=lambda name: (off[name], -name))
    mean = _mixed(ratios, later, share)
    level = float(np.clip(wanted.sum() / max(mean.sum(), 1e-9), 0.5, 2.0))
    spread = _spread(mean * level * AHEAD_DAYS, wanted * AHEAD_DAYS)
    moved = _moved(mean * level * AHEAD_DAYS, wanted * AHEAD_DAYS, spread)
    return Demand(features, _grow(pairs, features, seed), share, level, spread, moved)


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with ``wanted``: the demand a day of the seven days from as_of on, as a row a week later knew it."""
    keys = ["subject_id", "sku_id", "as_of"]
    then = rows[[*keys, WANTED]].rename(columns={WANTED: "wanted"})
    then["as_of"] = then["as_of"] - pd.Timedelta(days=AHEAD_DAYS)
    joined = rows.merge(then, on=keys, how="inner")
    known = joined[joined["wanted"].notna() & joined[USUAL].notna()]
    return known.sort_values(["as_of", "subject_id", "sku_id"], kind="stable")


def _usual(rows: pd.DataFrame) -> Array:
    found: Array = np.maximum(rows[USUAL].to_numpy(np.float64), LEAST_USUAL)
    return np.where(np.isnan(rows[USUAL].to_numpy(np.float64)), np.nan, found)


def _grow(rows: pd.DataFrame, features: tuple[str, ...], seed: int) -> xgb.Booster:
    usual = _usual(rows)
    age = (rows["as_of"].max() - rows["as_of"]).dt.total_seconds().to_numpy(np.float64) / 86_400
    weight = usual * 0.5 ** (age / HALF_LIFE_DAYS)  # by pieces, so that totals come out right
    settings = {
        "objective": "reg:tweedie", "tweedie_variance_power": 1.3, "tree_method": "hist", "learning_rate": 0.06,
        "max_depth": 5, "max_bin": 64, "min_child_weight": 10, "subsample": 0.8, "colsample_bytree": 0.5,
        "reg_lambda": 3.0, "nthread": 2, "seed": seed,
    }  # fmt: skip
    label = np.minimum(rows["wanted"].to_numpy(np.float64) / usual, MOST_RATIO)
    data = xgb.DMatrix(
        _matrix(rows, features), label=label, weight=weight / weight.mean(), feature_names=list(features)
    )
    return xgb.train(settings, data, num_boost_round=ROUNDS)


def _ratios(booster: xgb.Booster, rows: pd.DataFrame, features: tuple[str, ...]) -> Array:
    data = xgb.DMatrix(_matrix(rows, features), feature_names=list(features))
    return np.asarray(booster.predict(data), dtype=np.float64)


def _mixed(ratios: Array, rows: pd.DataFrame, share: float) -> Array:
    usual = _usual(rows)
    recent = rows[RECENT].to_numpy(np.float64)
    plain = (usual + np.where(np.isnan(recent), usual, recent)) / 2
    found: Array = share * ratios * usual + (1 - share) * plain
    return found


def _spread(mean: Array, wanted: Array) -> tuple[float, float]:
    """(a, b) by least squares of squared misses on the mean and its square, each row weighed by its own size."""
    size = 1.0 / np.maximum(mean + mean * mean, 1e-6)
    about = np.stack([mean * size, mean * mean * size], axis=1)
    found, *_ = np.linalg.lstsq(about, (wanted - mean) ** 2 * size, rcond=None)
    return float(np.clip(found[0], 1.0, 20.0)), float(np.clip(found[1], 0.0, 4.0))


def _moved(mean: Array, wanted: Array, spread: tuple[float, float]) -> tuple[float, ...]:
    variance = spread[0] * mean + spread[1] * mean * mean
    pieces = np.round(wanted)
    fell = 1.0 - (reaches(mean, variance, pieces) + reaches(mean, variance, pieces + 1)) / 2  # middle of its step
    found = np.quantile(fell, LEVELS)
    return tuple(float(level) for level in np.maximum.accumulate(np.clip(found, 0.001, 0.999)))


def _matrix(rows: pd.DataFrame, features: tuple[str, ...]) -> npt.NDArray[np.float32]:
    return rows[list(features)].to_numpy(dtype=np.float32, na_value=np.nan)
