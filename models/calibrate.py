"""From a score to a probability that can be taken at its word.

Fitted on a trailing window of mature labels that the model has not seen, so that a month with four times the usual
lateness is still calibrated. Kept as plain JSON in the model's card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

Array = npt.NDArray[np.float64]

LEAST_FOR_ISOTONIC = 20_000  # weighed rows of the rarer outcome; below it a step function follows noise
LEAST_FOR_PLATT = 30
# Rows of one month share its weather: thousands of them say about as much on the level of the next as this many
# independent ones would. Taking each for a witness moved Olist's forecasts by up to 0.6 log-odds, the wrong way in two
# months of five.
INDEPENDENT_ROWS = 150.0
SLOPE_PRIOR = 10.0
SHIFT_PRIOR = 10.0
FLOOR = 1e-4


class CalibrationError(ValueError):
    """A calibration cannot be read."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone map from log-odds to a probability. ``knots`` empty: slope and intercept; else straight lines
    between knots.
    """

    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()
    rows: int = 0

    def __call__(self, log_odds: Array) -> Array:
        """Probability for each log-odds value, in FLOOR..1-FLOOR."""
        if self.knots:
            at, to = (np.asarray(side) for side in zip(*self.knots, strict=True))
            inside = np.interp(log_odds, at, to)
            # outside the knots the line goes on with slope 1, so that the order of rows is kept
            beyond = np.minimum(log_odds - at[0], 0) + np.maximum(log_odds - at[-1], 0)
            log_odds = inside + beyond
        found: Array = np.clip(expit(self.slope * log_odds + self.intercept), FLOOR, 1 - FLOOR)
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "slope": self.slope,
            "intercept": self.intercept,
            "knots": [list(knot) for knot in self.knots],
            "rows": self.rows,
        }


def from_json(stored: Mapping[str, Any]) -> Calibration:
    """The calibration of a card. Raises CalibrationError where it is not monotone or not complete."""
    try:
        knots = tuple((float(at), float(to)) for at, to in stored["knots"])
        found = Calibration(float(stored["slope"]), float(stored["intercept"]), knots, int(stored["rows"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(f"a calibration needs slope, intercept, knots and rows; found {stored}") from error
    falls = any(b[0] <= a[0] or b[1] < a[1] for a, b in pairwise(knots))
    if falls or found.slope <= 0:
        raise CalibrationError("a calibration must rise with the score; this one falls. The model is not used.")
    return found


def fit(log_odds: Array, label: Array, weight: Array) -> Calibration:
    """The calibration that a window supports: none, slope and intercept, or isotonic.

    log_odds, label (0 or 1), weight: (n,) of rows whose labels are mature and that the model was not fitted on.
    """
    rarer = min(float(np.sum(weight * label)), float(np.sum(weight * (1 - label))), _count(label))
    if rarer < LEAST_FOR_PLATT:
        return Calibration(rows=len(label))
    if rarer >= LEAST_FOR_ISOTONIC:
        return _isotonic(log_odds, label, weight)
    return _platt(log_odds, label, weight)


def _count(label: Array) -> float:
    return float(min(label.sum(), len(label) - label.sum()))


def _platt(log_odds: Array, label: Array, weight: Array) -> Calibration:
    weight = weight / weight.sum() * min(INDEPENDENT_ROWS, len(label))

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        z = np.exp(parameters[0]) * log_odds + parameters[1]
        fit_loss = np.sum(weight * (np.logaddexp(0, z) - label * z))
        return float(fit_loss + SLOPE_PRIOR * parameters[0] ** 2 / 2 + SHIFT_PRIOR * parameters[1] ** 2 / 2)

    log_slope, intercept = minimize(loss, np.zeros(2), method="L-BFGS-B").x
    return Calibration(float(np.exp(log_slope)), float(intercept), rows=len(label))


def _isotonic(log_odds: Array, label: Array, weight: Array) -> Calibration:
    """Isotonic steps, joined by straight lines between their centres so that no two scores become one."""
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(log_odds, kind="stable")
    steps = IsotonicRegression().fit_transform(log_odds[order], label[order], sample_weight=weight[order])
    values, starts = np.unique(steps, return_index=True)
    ends = np.append(starts[1:], len(steps))
    knots: list[tuple[float, float]] = []
    for value, start, end in zip(values, starts, ends, strict=True):
        piece = slice(start, end)
        at = float(np.average(log_odds[order][piece], weights=weight[order][piece]))
        to = float(logit(np.clip(value, FLOOR, 1 - FLOOR)))
        if end - start >= LEAST_FOR_PLATT and (not knots or at > knots[-1][0]):
            knots.append((at, to))
    return Calibration(knots=tuple(knots), rows=len(label)) if len(knots) > 1 else _platt(log_odds, label, weight)
