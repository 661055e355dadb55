"""How good forecasts are, beside their peers on the same rows, with intervals.

Average precision for ranking, precision at capacity for what people will see, Brier score and calibration error
for honesty, lead time for usefulness. Never accuracy: with rare events it praises silence. Intervals come from
a bootstrap over blocks (a week, a seller), because rows of one week share their weather.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]
Measure = Callable[[Array, Array, Array], float]

INTERVAL = (5.0, 95.0)
BINS = 10


class JudgeError(ValueError):
    """There is nothing to judge."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 90 % interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def average_precision(score: Array, label: Array, weight: Array) -> float:
    """Area under precision over recall, by steps; rows with one score are one step. NaN where nothing happened."""
    order = np.argsort(-score, kind="stable")
    score, weight = score[order], weight[order]
    hits = weight * label[order]
    if hits.sum() <= 0:
        return float("nan")
    ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    found = np.cumsum(hits)[ends]
    precision = found / np.cumsum(weight)[ends]
    return float(np.sum(np.diff(found, prepend=0.0) * precision) / hits.sum())


def precision_at(score: Array, label: Array, weight: Array, capacity: int) -> float:
    """Share that came true among the ``capacity`` highest-scored rows."""
    top = np.argsort(-score, kind="stable")[:capacity]
    return float(np.average(label[top], weights=weight[top]))


def brier(probability: Array, label: Array, weight: Array) -> float:
    """Mean squared distance of the forecast from the outcome."""
    return float(np.average((probability - label) ** 2, weights=weight))


def brier_skill(probability: Array, label: Array, weight: Array) -> float:
    """1 minus Brier over that of always saying the mean. Above 0 is better than the mean."""
    mean = float(np.average(label, weights=weight))
    reference = brier(np.full(len(label), mean), label, weight)
    return 1 - brier(probability, label, weight) / reference if reference > 0 else float("nan")


def reliability(probability: Array, label: Array, weight: Array, bins: int = BINS) -> list[dict[str, float]]:
    """Mean forecast and mean outcome in ``bins`` groups of equal weight, ascending."""
    order = np.argsort(probability, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    group = np.minimum((reached * bins - 1e-9).astype(int), bins - 1)
    found = []
    for number in np.unique(group):
        rows = order[group == number]
        share = weight[rows]
        found.append(
            {
                "forecast": float(np.average(probability[rows], weights=share)),
                "outcome": float(np.average(label[rows], weights=share)),
                "weight": float(share.sum()),
                "rows": float(len(rows)),
            }
        )
    return found


def calibration_error(probability: Array, label: Array, weight: Array, bins: int = BINS) -> float:
    """Expected calibration error: mean distance of forecast from outcome over groups of equal weight."""
    groups = reliability(probability, label, weight, bins)
    total = sum(group["weight"] for group in groups)
    return sum(group["weight"] * abs(group["forecast"] - group["outcome"]) for group in groups) / total


def figures(probability: Array, label: Array, weight: Array) -> dict[str, float]:
    """Every figure of one slice, plain."""
    if len(label) == 0:
        raise JudgeError("no rows with a mature label: nothing to judge. Choose a window whose outcomes are known.")
    outcome = float(np.average(label, weights=weight))
    forecast = float(np.average(probability, weights=weight))
    return {
        "rows": float(len(label)),
        "positives": float(label.sum()),
        "base_rate": outcome,
        "average_precision": average_precision(probability, label, weight),
        "precision_at_100": precision_at(probability, label, weight, 100),
        "brier": brier(probability, label, weight),
        "brier_skill": brier_skill(probability, label, weight),
        "calibration_error": calibration_error(probability, label, weight),
        "mean_forecast": forecast,
        "forecast_over_outcome": forecast / outcome if outcome > 0 else float("nan"),
    }


def intervals(
    scores: Mapping[str, Array],
    label: Array,
    weight: Array,
    block: Sequence[object],
    *,
    measure: Measure = average_precision,
    against: str,
    draws: int = 200,
    seed: int = 7,
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """A measure for each scorer, and ``against`` divided by each other scorer, with 90 % block-bootstrap
    intervals.

    scores: name -> (n,) score. block: (n,) names; whole blocks are drawn, the same ones for every scorer, so
    that a ratio's interval is not widened by what both share. Returns ({name: estimate}, {other name: ratio
    estimate}).
    """
    codes, names = pd.factorize(pd.Series(list(block)), sort=True)
    rng = np.random.default_rng(seed)
    point = {name: measure(score, label, weight) for name, score in scores.items()}
    # Sorted once: sorting sorted rows again costs next to nothing, and every draw does so.
    orders = {name: np.argsort(-score, kind="stable") for name, score in scores.items()}
    laid = {name: (scores[name][by], label[by], weight[by], codes[by]) for name, by in orders.items()}
    drawn: dict[str, list[float]] = {name: [] for name in scores}
    for _ in range(draws):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)).astype(float)
        if not np.any(label[times[codes] > 0] > 0):
            continue
        for name, (score, happened, stands_for, code) in laid.items():
            taken = stands_for * times[code]
            kept = taken > 0
            drawn[name].append(measure(score[kept], happened[kept], taken[kept]))
    ratios = {
        name: _estimate(point[against] / point[name], np.divide(drawn[against], drawn[name]))
        for name in scores
        if name != against and point[name] > 0
    }
    return {name: _estimate(point[name], np.asarray(drawn[name])) for name in scores}, ratios


def lead_time(rows: pd.DataFrame, threshold: float) -> dict[str, float]:
    """How long before its deadline an event was first announced.

    rows: subject_id, as_of, probability, label, weight, deadline_at; one row per subject and as_of. A subject
    is announced by its first row at or above ``threshold``. Returns share announced of those that happened,
    precision, median hours.
    """
    happened = rows[rows["label"] == 1].groupby("subject_id")["weight"].first()
    told = rows[rows["probability"] >= threshold].sort_values("as_of").groupby("subject_id").first()
    true = told[told["label"] == 1]
    hours = (true["deadline_at"] - true["as_of"]).dt.total_seconds() / 3600
    announced = float(true["weight"].sum())
    return {
        "threshold": threshold,
        "subjects_told": float(len(told)),
        "share_of_events_announced": announced / float(happened.sum()) if len(happened) else float("nan"),
        "share_announced_48h_before": (
            float(true["weight"][hours >= 48].sum()) / float(happened.sum()) if len(happened) else float("nan")  # noqa: PLR2004 - 48 is in the name
        ),
        "precision": announced / float(told["weight"].sum()) if len(told) else float("nan"),
        "median_hours": float(hours.median()) if len(true) else float("nan"),
    }


def by_slice(rows: pd.DataFrame, column: str, scores: Sequence[str]) -> list[dict[str, Any]]:
    """Figures of ``probability`` and average precision of each other score, per value of ``column``, sorted by it."""
    found: list[dict[str, Any]] = []
    for value, part in rows.groupby(column, sort=True):
        label, weight = part["label"].to_numpy(float), part["weight"].to_numpy(float)
        entry: dict[str, Any] = {column: str(value), **figures(part["probability"].to_numpy(float), label, weight)}
        for name in scores:
            entry[f"average_precision_{name}"] = average_precision(part[name].to_numpy(float), label, weight)
        found.append(entry)
    return found


def _estimate(value: float, drawn: Array) -> Estimate:
    if len(drawn) == 0:
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.nanpercentile(drawn, INTERVAL)
    return Estimate(float(value), float(low), float(high))
