"""Quantiles of demand from a pooled model: trees measured against the usual demand and trees in pieces, in a mix.

What the mix is, and how far each quantile is moved so that the right share of outcomes lies below it, is chosen on
later origins that the trees have not seen (conformal, in units of the usual demand, by size of the article). Quantiles
are put in order at the end: they never cross.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from models.negative_binomial import Array

Matrix = npt.NDArray[np.float32]
MOST_RATIO = 30.0
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
SIZES = 3  # groups of articles by usual demand, each with its own move


@dataclass(frozen=True, slots=True)
class Params:
    """How trees are grown. half_life: moments after which a row counts half. origins: the last moments, held back to
    choose the mix and the moves; one where the level drifts.
    """

    depth: int = 5
    rounds: int = 150
    half_life: float = 12.0
    child_weight: float = 5.0
    threads: int = 2
    origins: int = 3


@dataclass(frozen=True, slots=True)
class DemandQuantiles:
    """A fitted forecast. share: of the relative trees. bounds: usual demands between sizes. moves: (sizes, levels)."""

    levels: tuple[float, ...]
    relative: xgb.Booster
    plain: xgb.Booster
    share: float
    bounds: tuple[float, ...]
    moves: Array

    def quantiles(self, matrix: Matrix, usual: Array) -> Array:
        """(n, levels), ascending, never below 0. matrix: (n, k) as fitted. usual: (n,) above 0."""
        mixed = _mixed(_predict(self.relative, matrix, usual), _predict(self.plain, matrix), self.share)
        return _moved(mixed, usual, self.bounds, self.moves)


def fit(
    matrix: Matrix, wanted: Array, usual: Array, moment: npt.NDArray[np.int64], levels: tuple[float, ...],
    params: Params | None = None, *, seed: int = 7,
) -> DemandQuantiles:  # fmt: skip
    """Learn from rows whose ``wanted`` is demand and not censored sales.

    matrix: (n, k). usual: (n,) above 0, what each row is measured against. moment: (n,) whole numbers in order of time;
    the last few of them choose the mix and the moves, each met by trees that knew what came before.
    """
    used = params or Params()
    held = np.unique(moment)[-used.origins :]
    relative, plain, seen = [], [], []
    for origin in held:
        before, here = moment < origin, moment == origin
        trees = _grow(matrix[before], wanted[before], usual[before], moment[before], levels, used, seed)
        relative.append(_predict(trees[0], matrix[here], usual[here]))
        plain.append(_predict(trees[1], matrix[here]))
        seen.append(np.flatnonzero(here))
    rows = np.concatenate(seen)
    first, second = np.concatenate(relative), np.concatenate(plain)
    share = min(SHARES, key=lambda part: loss(_mixed(first, second, part), wanted[rows], levels))
    bounds = tuple(float(value) for value in np.quantile(usual, np.arange(1, SIZES) / SIZES))
    moves = _moves(_mixed(first, second, share), wanted[rows], usual[rows], bounds, levels)
    trees = _grow(matrix, wanted, usual, moment, levels, used, seed)
    return DemandQuantiles(levels, *trees, share, bounds, moves)


def losses(found: Array, wanted: Array, levels: tuple[float, ...]) -> Array:
    """(n,) pinball loss of each row, summed over levels."""
    miss = wanted[:, None] - found
    at = np.asarray(levels)[None, :]
    each: Array = np.maximum(at * miss, (at - 1) * miss).sum(axis=1)
    return each


def loss(found: Array, wanted: Array, levels: tuple[float, ...]) -> float:
    """Mean of ``losses``."""
    return float(losses(found, wanted, levels).mean())


def off_by(found: Array, wanted: Array, level: float) -> float:
    """How far ``level`` is from the share of outcomes below ``found``: 0 where it lies between below and at most, as it
    must where many outcomes are equal.
    """
    below, at_most = float((wanted < found).mean()), float((wanted <= found).mean())
    return max(below - level, level - at_most, 0.0)


def _grow(
    matrix: Matrix, wanted: Array, usual: Array, moment: npt.NDArray[np.int64], levels: tuple[float, ...],
    params: Params, seed: int,
) -> tuple[xgb.Booster, xgb.Booster]:  # fmt: skip
    newer = 0.5 ** ((moment.max() - moment) / params.half_life)
    settings = {
        "objective": "reg:quantileerror", "quantile_alpha": list(levels), "tree_method": "hist", "max_bin": 64,
        "learning_rate": 0.05, "max_depth": params.depth, "min_child_weight": params.child_weight, "subsample": 0.8,
        "colsample_bytree": 0.4, "reg_lambda": 2.0, "nthread": params.threads, "seed": seed,
    }  # fmt: skip
    by_size = np.sqrt(usual) * newer
    ratio = np.minimum(wanted / usual, MOST_RATIO)
    data = (
        xgb.DMatrix(matrix, label=ratio, weight=by_size / by_size.mean()),
        xgb.DMatrix(matrix, label=wanted, weight=newer / newer.mean()),
    )
    first, second = (xgb.train(settings, part, num_boost_round=params.rounds) for part in data)
    return first, second


def _predict(trees: xgb.Booster, matrix: Matrix, usual: Array | None = None) -> Array:
    found = np.asarray(trees.predict(xgb.DMatrix(matrix)), dtype=np.float64).reshape(len(matrix), -1)
    return found if usual is None else found * usual[:, None]


def _mixed(relative: Array, plain: Array, share: float) -> Array:
    found: Array = np.sort(np.maximum(share * relative + (1 - share) * plain, 0.0), axis=1)
    return found


def _moves(found: Array, wanted: Array, usual: Array, bounds: tuple[float, ...], levels: tuple[float, ...]) -> Array:
    size = np.searchsorted(np.asarray(bounds), usual)
    moves = np.zeros((len(bounds) + 1, len(levels)))
    for group in range(len(bounds) + 1):
        rows = size == group
        if rows.sum() < 2 * SIZES / (1 - max(levels)):
            continue
        missed = (wanted[rows, None] - found[rows]) / usual[rows, None]
        moves[group] = [float(np.quantile(missed[:, n], level)) for n, level in enumerate(levels)]
    return moves


def _moved(found: Array, usual: Array, bounds: tuple[float, ...], moves: Array) -> Array:
    size = np.searchsorted(np.asarray(bounds), usual)
    shifted: Array = np.sort(np.maximum(found + moves[size] * usual[:, None], 0.0), axis=1)
    return shifted
