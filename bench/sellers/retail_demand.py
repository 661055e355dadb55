"""Tomorrow's demand on FreshRetailNet by the product's model, beside the same day's forecast from raw sales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xgboost as xgb

from bench.sellers import pinball
from bench.sellers.panel import Chosen, Panel
from models import demand as demands
from models.demand import Demand
from models.demand_trees import Params
from models.negative_binomial import Array

LEVELS = (0.1, 0.5, 0.9)
KEYS = ("subject_id", "sku_id", "as_of")
FIRST_LEARNED = 22  # days of history before the first row that is learned from
FOLLOWED_DAYS = 7  # days before each day that level and moves follow
HALF_LIFE_DAYS = 3.0  # of what a day teaches the next; chosen on two fortnights that end before the test
LEARNED, ASKED = 60_000, 60_000
PARAMS = Params(depth=6, half_life_days=14.0, child_weight=20.0)
RAW = {
    "objective": "reg:squarederror", "tree_method": "hist", "max_bin": 64, "learning_rate": 0.06, "max_depth": 6,
    "min_child_weight": 20, "subsample": 0.8, "colsample_bytree": 0.5, "nthread": 2,
}  # fmt: skip
RAW_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Demand of the next day on days with every selling hour in stock, where sales are demand."""

    rows: int
    error: dict[str, float]
    bias: dict[str, float]
    off_by: float
    crossings: int


def demand(panel: Panel, first_test: int, last_test: int, *, seed: int = 7) -> Wanted:
    """Weighed absolute error and bias of forecasts that were learned a week before the first tested day: on raw sales
    of all days, and by the product's model, which follows the days before each day. The days are as_of days, counted
    from the first. Articles of which four weeks say nothing are left out, as the engine says nothing of them.
    """
    rng = np.random.default_rng(seed)
    asked = panel.sample(rng, first_test - FOLLOWED_DAYS, last_test, ASKED, whole_days=True)
    raw = panel.sample(rng, FIRST_LEARNED, first_test - FOLLOWED_DAYS, LEARNED, whole_days=False)
    clean = panel.sample(rng, FIRST_LEARNED, first_test - FOLLOWED_DAYS, LEARNED, whole_days=True)
    told = _told(panel, asked, scaled=True)
    learned = _learned(panel, clean, seed)
    mean, quantiles = _day_by_day(learned, told, asked.day, first_test)
    judged = (asked.day >= first_test) & told[demands.USUAL].notna().to_numpy()
    actual = panel.sold(asked)[judged]
    found = {
        "raw": _raw(panel, raw, asked, seed)[judged],
        "28-day mean": told[demands.USUAL].to_numpy(np.float64)[judged],
        "model": mean[judged],
    }
    quantiles = quantiles[judged]
    return Wanted(
        len(actual),
        {name: float(np.abs(part - actual).sum() / actual.sum()) for name, part in found.items()},
        {name: float(part.sum() / actual.sum() - 1) for name, part in found.items()},
        max(pinball.off_by(quantiles[:, n], actual, level) for n, level in enumerate(LEVELS)),
        int((np.diff(quantiles, axis=1) < 0).any(axis=1).sum()),
    )


def _told(panel: Panel, chosen: Chosen, *, scaled: bool) -> pd.DataFrame:
    return panel.features(chosen, scaled=scaled).assign(wanted=panel.sold(chosen))


def _learned(panel: Panel, clean: Chosen, seed: int) -> Demand:
    rows = _told(panel, clean, scaled=True)
    rows = rows[rows[demands.USUAL].notna()].sort_values("as_of", kind="stable")
    features = tuple(name for name in rows if name not in (*KEYS, "wanted"))
    learned = demands.learn(rows, features, PARAMS, days=1, seed=seed)
    if learned is None:
        raise ValueError(f"{len(rows)} rows are too few to learn a demand from.")
    return learned


def _day_by_day(learned: Demand, told: pd.DataFrame, day: np.ndarray, first_test: int) -> tuple[Array, Array]:  # type: ignore[type-arg]
    """Mean, (n,), and quantiles, (n, levels), of the tested days, each by what the days before it told."""
    mean, quantiles = np.full(len(told), np.nan), np.full((len(told), len(LEVELS)), np.nan)
    for origin in np.unique(day[day >= first_test]):
        here, before = day == origin, (day < origin) & (day >= origin - FOLLOWED_DAYS)
        followed = learned.followed(told[before], 0.5 ** ((origin - day[before]) / HALF_LIFE_DAYS))
        mean[here] = followed.forecast(told[here]).daily
        quantiles[here] = followed.quantiles(told[here], 1.0, LEVELS)
    return mean, quantiles


def _raw(panel: Panel, raw: Chosen, asked: Chosen, seed: int) -> Array:
    known, told = (_told(panel, chosen, scaled=False) for chosen in (raw, asked))
    features = [name for name in known if name not in (*KEYS, "wanted")]
    data = xgb.DMatrix(known[features], label=known["wanted"])
    trees = xgb.train({**RAW, "seed": seed}, data, num_boost_round=RAW_ROUNDS)
    return np.asarray(trees.predict(xgb.DMatrix(told[features])), dtype=np.float64)
