"""A logistic model beside the trees: what rises and falls evenly, it carries on to where trees have seen few rows.

Trees and a straight line err apart. On FreshRetailNet the mean of both log-odds ranks better than either
(docs/models.md); where it does not, the rows that were met unseen give it no share (``choose_share``). Values are
clipped at the edges of what was seen. A feature with a direction is left to the trees, which keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.judge import average_precision

Array = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

SHARES = (0.0, 0.2, 0.4)
EDGE = 0.005  # of the rows lie beyond each edge
L2 = 1.0
ITERATIONS = 100
LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class Linear:
    """Log-odds = intercept + slopes x values + null_slopes x nulls. places: columns of the matrix that are read; low,
    high: edges of their values; middle: the value where null. Each is one number per place.
    """

    places: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    middle: tuple[float, ...]
    slopes: tuple[float, ...]
    null_slopes: tuple[float, ...]
    intercept: float

    def log_odds(self, matrix: Matrix) -> Array:
        """(n,). matrix: (n, k) in the order of the model's features, NaN where null."""
        values, nulls = self.read(matrix)
        found: Array = self.intercept + values @ np.asarray(self.slopes) + nulls @ np.asarray(self.null_slopes)
        return found

    def contributions(self, matrix: Matrix) -> Array:
        """(n, k) of log-odds: what each feature adds to those of its middle value."""
        values, nulls = self.read(matrix)
        found = np.zeros(matrix.shape, dtype=np.float64)
        found[:, self.places] = (values - np.asarray(self.middle)) * np.asarray(self.slopes)
        found[:, self.places] += nulls * np.asarray(self.null_slopes)
        return found

    def as_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def read(self, matrix: Matrix) -> tuple[Array, Array]:
        """(n, places) values, filled and clipped, and whether each was null (1 or 0)."""
        values = matrix[:, self.places].astype(np.float64)
        nulls = np.isnan(values)
        filled = np.where(nulls, np.asarray(self.middle), values)
        return np.clip(filled, np.asarray(self.low), np.asarray(self.high)), nulls.astype(np.float64)


def from_json(stored: Mapping[str, Any]) -> Linear:
    """The linear model of a card."""
    numbers = {name: tuple(map(float, stored[name])) for name in ("low", "high", "middle", "slopes", "null_slopes")}
    return Linear(tuple(map(int, stored["places"])), **numbers, intercept=float(stored["intercept"]))


def fit(matrix: Matrix, label: Array, weight: Array, directed: tuple[int, ...] = ()) -> Linear:
    """Learn from rows of features, NaN where null. directed: columns with a direction, which are not read."""
    from sklearn.linear_model import LogisticRegression

    known = np.isfinite(matrix).any(axis=0)
    places = tuple(place for place in np.flatnonzero(known).tolist() if place not in directed)
    read = matrix[:, places].astype(np.float64)
    low, middle, high = np.nanquantile(read, (EDGE, 0.5, 1 - EDGE), axis=0)
    plain = Linear(places, tuple(low), tuple(high), tuple(middle), (), (), 0.0)
    both = np.hstack(plain.read(matrix))
    centre, deviation = both.mean(axis=0), both.std(axis=0)
    varies = deviation > LEAST_DEVIATION
    scaled = (both[:, varies] - centre[varies]) / deviation[varies]
    learned = LogisticRegression(C=1 / L2, solver="newton-cholesky", max_iter=ITERATIONS)
    learned.fit(scaled, label.astype(int), sample_weight=weight / weight.mean())
    slopes = np.zeros(both.shape[1])
    slopes[varies] = learned.coef_[0] / deviation[varies]
    intercept = float(learned.intercept_[0] - centre @ slopes)
    of_values, of_nulls = np.split(slopes, 2)
    return Linear(
        places, tuple(low.tolist()), tuple(high.tolist()), tuple(middle.tolist()), tuple(of_values.tolist()),
        tuple(of_nulls.tolist()), intercept,
    )  # fmt: skip


def choose_share(straight: Array, trees: Array, label: Array, weight: Array) -> float:
    """How much the linear model counts beside the trees: the share with the best average precision over rows that both
    met unseen, by their log-odds; where equal, the least.
    """
    found = {share: average_precision(beside(trees, straight, share), label, weight) for share in SHARES}
    return max(SHARES, key=lambda share: (round(found[share], 4), -share))


def beside(trees: Array, straight: Array, share: float) -> Array:
    """Log-odds of both, mixed."""
    return (1 - share) * trees + share * straight
