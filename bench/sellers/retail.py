"""FreshRetailNet: who has a stock-out day within one day or three, beside peers on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import lightgbm as lgb
import numpy as np
import pandas as pd

from models import fit as fitting
from models import judge, peers, windows
from models.fit import matrix
from models.negative_binomial import Array
from models.predict import probability
from models.target import TargetSpec

ONSET = "in_stock"  # nothing was out on the day before
SCORERS = ("logistic", "lightgbm", "rule")
LIGHTGBM = {
    "objective": "binary", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 50, "feature_fraction": 0.5,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0, "verbosity": -1, "num_threads": 2, "seed": 7,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """Average precision on rows of the onset, the model's ratio to each peer with a 90 % interval (low, high)."""

    rows: int
    found: dict[str, float]
    ratios: dict[str, tuple[float, float, float]]
    all_rows: dict[str, float]


def running_out(spec: TargetSpec, known: pd.DataFrame, asked: pd.DataFrame, origin: datetime) -> Compared:
    """Fit on ``known`` as of ``origin``, score ``asked``. Both: SUBJECT_COLUMNS, features and outcomes."""
    model = fitting.fit(spec, known, origin)
    learned = windows.trainable(spec, known, origin)
    rows = asked[asked["label"].notna()].reset_index(drop=True)
    scores = {
        "model": probability(spec, model, rows),
        "logistic": peers.logistic(learned, rows, spec.features),
        "lightgbm": _lightgbm(spec, learned, rows, origin),
        "rule": spec.rule(rows).to_numpy(np.float64),
    }
    label, weight = rows["label"].to_numpy(np.float64), rows["weight"].to_numpy(np.float64)
    onset = (rows["snapshot"] == ONSET).to_numpy()
    found, ratios = judge.intervals(
        {name: score[onset] for name, score in scores.items()}, label[onset], weight[onset],
        rows["subject_id"][onset].tolist(), against="model",
    )  # fmt: skip
    return Compared(
        int(onset.sum()),
        {name: estimate.value for name, estimate in found.items()},
        {name: (ratio.value, ratio.low, ratio.high) for name, ratio in ratios.items()},
        {name: judge.average_precision(score, label, weight) for name, score in scores.items()},
    )


def _lightgbm(spec: TargetSpec, learned: pd.DataFrame, rows: pd.DataFrame, origin: datetime) -> Array:
    """Stopped early on the same selection window, then grown on everything mature."""
    parts = windows.assign(learned, windows.split(learned, origin))

    def data(mask: object) -> lgb.Dataset:
        part = learned[mask]
        return lgb.Dataset(matrix(part, spec.features), part["label"].to_numpy())

    trial = lgb.train(
        LIGHTGBM, data(parts.fit), 600, valid_sets=[data(parts.select)],
        callbacks=[lgb.early_stopping(40, verbose=False)],
    )  # fmt: skip
    final = lgb.train(LIGHTGBM, data(np.ones(len(learned), dtype=bool)), trial.best_iteration)
    return np.asarray(final.predict(matrix(rows, spec.features)), dtype=np.float64)


def some(rows: pd.DataFrame, most: int, seed: int = 7) -> pd.DataFrame:
    """At most ``most`` of the rows, in their order."""
    if len(rows) <= most:
        return rows
    return rows.iloc[np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])].reset_index(drop=True)
