"""Trees behind a forecast of demand: a low, a middle and a high quantile, against the usual demand and in pieces.

Quantiles and not means: one wild order in a thousand would have the say otherwise. A mean and a variance follow from
the three, as in Swanson's rule (0.3, 0.4, 0.3) with more of the middle, which is better known, and from how far the
outer two lie apart, or how far the high one lies above that mean; the level is set later by totals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from models.negative_binomial import Array

Matrix = npt.NDArray[np.float32]
AT = (0.1, 0.5, 0.9)
COUNTS = np.array([0.15, 0.7, 0.15])  # chosen on months of 2017 of a ledger, pinball loss half a percent lower
APART = 2.5631  # standard deviations between the outer two of a normal
ABOVE = APART / 2  # from its mean to the high one; below it, demand has little room
MOST_RATIO = 30.0


@dataclass(frozen=True, slots=True)
class Params:
    """How trees are grown. half_life_days: after which a row counts half. parallel_trees: a round; three steady what
    few rows say and cost three times as much.
    """

    depth: int = 5
    rounds: int = 100
    half_life_days: float = 60.0
    child_weight: float = 5.0
    row_share: float = 0.8
    column_share: float = 0.4
    parallel_trees: int = 1
    threads: int = 2


@dataclass(frozen=True, slots=True)
class DemandTrees:
    """relative: of demand over usual demand. pieces: of demand itself, which is steadier where little is usual."""

    relative: xgb.Booster
    pieces: xgb.Booster

    def predict(self, rows: pd.DataFrame, features: tuple[str, ...], usual: Array) -> tuple[Array, Array]:
        """Pieces at each of AT by either, (n, 3); NaN where ``usual`` is."""
        data = xgb.DMatrix(_matrix(rows, features), feature_names=list(features))
        relative, pieces = (
            np.asarray(trees.predict(data), dtype=np.float64).reshape(len(rows), len(AT))
            for trees in (self.relative, self.pieces)
        )
        return relative * usual[:, None], np.where(np.isnan(usual)[:, None], np.nan, pieces)


def grow(
    rows: pd.DataFrame, features: tuple[str, ...], usual: Array, newer: Array, params: Params, seed: int
) -> DemandTrees:
    """rows: features and ``wanted``. usual: (n,) above 0. newer: (n,) how much a row counts for its age."""
    settings = {
        "objective": "reg:quantileerror", "quantile_alpha": list(AT), "tree_method": "hist", "max_bin": 64,
        "learning_rate": 0.06, "max_depth": params.depth, "min_child_weight": params.child_weight,
        "subsample": params.row_share, "colsample_bytree": params.column_share,
        "num_parallel_tree": params.parallel_trees, "reg_lambda": 2.0, "nthread": params.threads, "seed": seed,
    }  # fmt: skip
    wanted, known, names = rows["wanted"].to_numpy(np.float64), _matrix(rows, features), list(features)
    by_size = np.sqrt(usual) * newer
    ratio = np.minimum(wanted / usual, MOST_RATIO)
    data = (
        xgb.DMatrix(known, label=ratio, weight=by_size / by_size.mean(), feature_names=names),
        xgb.DMatrix(known, label=wanted, weight=newer / newer.mean(), feature_names=names),
    )
    relative, pieces = (xgb.train(settings, part, num_boost_round=params.rounds) for part in data)
    return DemandTrees(relative, pieces)


def moments(at: Array, above: float = 0.0) -> tuple[Array, Array]:
    """Mean and standard deviation, (n,) each, from pieces at AT, (n, 3), in any order. above: how much of the deviation
    is read from the high one alone, 0 to 1; the rest from the outer two.
    """
    ordered = np.sort(np.maximum(at, 0.0), axis=1)
    mean: Array = ordered @ COUNTS
    apart: Array = (ordered[:, -1] - ordered[:, 0]) / APART
    return mean, (1 - above) * apart + above * (ordered[:, -1] - mean) / ABOVE


def _matrix(rows: pd.DataFrame, features: tuple[str, ...]) -> Matrix:
    return rows[list(features)].to_numpy(dtype=np.float32, na_value=np.nan)
