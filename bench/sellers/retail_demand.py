"""Tomorrow's demand on FreshRetailNet: what training on raw sales does, and what masking and scaling mend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from bench.sellers.panel import Chosen, Panel
from models import demand_quantiles
from models.negative_binomial import Array

LEVELS = (0.1, 0.5, 0.9)
FIRST_LEARNED = 22  # days of history before the first row that is learned from
HALF_LIFE_DAYS, MOST_RATIO, LEAST_USUAL, ROUNDS, LEVEL_DAYS = 14.0, 12.0, 0.05, 200, 7
FOLLOWED_DAYS = 1.5  # half-life of what a day teaches the next; chosen on four stretches that end before the test
DEMAND_ROWS = 60_000
QUANTILES = demand_quantiles.Params(depth=6, rounds=60, half_life=2.0, origins=1)  # chosen on the fortnight before


@dataclass(frozen=True, slots=True)
class Wanted:
    """Demand of the next day on days with every selling hour in stock, where sales are demand."""

    rows: int
    error: dict[str, float]
    bias: dict[str, float]
    off_by: float
    crossings: int


def demand(panel: Panel, first_test: int, last_test: int, *, rows: int = DEMAND_ROWS, seed: int = 7) -> Wanted:
    """Weighed absolute error and bias: trained on raw sales of all days; trained on days whose sales are demand, each
    article against its usual demand; quantiles with conformal moves. The days are as_of days, counted from the first.
    """
    rng = np.random.default_rng(seed)
    asked = panel.sample(rng, first_test - LEVEL_DAYS, last_test, rows, whole_days=True)
    raw = panel.sample(rng, FIRST_LEARNED, first_test - LEVEL_DAYS, rows, whole_days=False)
    clean = panel.sample(rng, FIRST_LEARNED, first_test - LEVEL_DAYS, rows, whole_days=True)
    actual = panel.sold(asked)
    raw_matrix, _ = panel.features(raw, scaled=False)
    asked_raw, _ = panel.features(asked, scaled=False)
    matrix_, usual = panel.features(clean, scaled=True)
    asked_matrix, asked_usual = panel.features(asked, scaled=True)
    sold = panel.sold(clean)
    found = {
        "raw": _grow(raw_matrix, panel.sold(raw), None, "reg:squarederror", seed).predict(xgb.DMatrix(asked_raw)),
        "28-day mean": asked_usual,
        "model": _followed(
            asked_usual * _ratio(matrix_, sold, usual, clean.day, first_test, asked_matrix, seed), asked, actual
        ),
    }
    quantiles = demand_quantiles.fit(
        matrix_, sold, usual, _origins(clean.day, first_test), LEVELS, QUANTILES
    ).quantiles(asked_matrix, asked_usual)
    quantiles = np.stack([_moved(quantiles[:, n], asked, actual, level) for n, level in enumerate(LEVELS)], axis=1)
    quantiles = np.maximum.accumulate(quantiles, axis=1)
    judged = asked.day >= first_test
    found = {name: part[judged] for name, part in found.items()}
    quantiles, actual = quantiles[judged], actual[judged]
    return Wanted(
        len(actual),
        {name: float(np.abs(part - actual).sum() / actual.sum()) for name, part in found.items()},
        {name: float(part.sum() / actual.sum() - 1) for name, part in found.items()},
        max(demand_quantiles.off_by(quantiles[:, n], actual, level) for n, level in enumerate(LEVELS)),
        int((np.diff(quantiles, axis=1) < 0).any(axis=1).sum()),
    )


def _ratio(
    matrix: npt.NDArray[np.float32], sold: Array, usual: Array, day: npt.NDArray[np.int64], first_test: int,
    asked: npt.NDArray[np.float32], seed: int,
) -> Array:  # fmt: skip
    """Tweedie trees on demand over usual demand, newer days counting more."""
    weight = usual * 0.5 ** ((first_test - day) / HALF_LIFE_DAYS)
    trees = _grow(matrix, np.minimum(sold / usual, MOST_RATIO), weight, "reg:tweedie", seed)
    return np.asarray(trees.predict(xgb.DMatrix(asked)), dtype=np.float64)


def _followed(found: Array, asked: Chosen, actual: Array) -> Array:
    """Each day's forecasts times sold over forecast of the days before it, recent ones counting most: the level as it
    is known that morning.
    """
    level = np.ones(len(found))
    for day in np.unique(asked.day)[1:]:
        past, weight = _before(asked, day)
        level[asked.day == day] = (weight * actual[past]).sum() / (weight * found[past]).sum()
    return found * level


def _moved(found: Array, asked: Chosen, actual: Array, level: float) -> Array:
    """A quantile times what would have covered its share of the days before, recent ones counting most: conformal with
    weights that fade (Barber and others, 2023: Conformal prediction beyond exchangeability).
    """
    factor = np.ones(len(found))
    for day in np.unique(asked.day)[1:]:
        past, weight = _before(asked, day)
        ratio = actual[past] / np.maximum(found[past], LEAST_USUAL)
        order = np.argsort(ratio)
        reached = np.cumsum(weight[order]) / weight.sum()
        factor[asked.day == day] = ratio[order][np.searchsorted(reached, level)]
    return found * factor


def _before(asked: Chosen, day: int) -> tuple[npt.NDArray[np.bool_], Array]:
    """The rows of the days before, and how much each counts."""
    past = asked.day < day
    return past, 0.5 ** ((day - asked.day[past]) / FOLLOWED_DAYS)


def _origins(day: npt.NDArray[np.int64], first_test: int) -> npt.NDArray[np.int64]:
    """Moments in order: weeks before the test."""
    return -((first_test - 1 - day) // LEVEL_DAYS)


def _grow(
    matrix: npt.NDArray[np.float32], label: Array, weight: Array | None, objective: str, seed: int
) -> xgb.Booster:
    settings = {
        "objective": objective, "tree_method": "hist", "max_bin": 64, "learning_rate": 0.06, "max_depth": 6,
        "min_child_weight": 20, "subsample": 0.8, "colsample_bytree": 0.5, "nthread": 2, "seed": seed,
    }  # fmt: skip
    settings |= {"tweedie_variance_power": 1.3} if objective == "reg:tweedie" else {}
    return xgb.train(settings, xgb.DMatrix(matrix, label=label, weight=weight), num_boost_round=ROUNDS)
