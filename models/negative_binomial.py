"""The distribution of pieces wanted: a negative binomial by its mean and variance, in closed form on whole arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

Array = npt.NDArray[np.float64]

FEW_PIECES = 40  # up to here the distribution's terms are added up, three times as fast as its closed form
LEAST_MEAN = 1e-9
LEAST_EXCESS = 1e-6  # a variance hardly above the mean is a Poisson's; this keeps the formula finite
STEPS = 40


def _parts(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Size and chance of the usual form: mean = size * (1 - chance) / chance."""
    middle = np.maximum(mean, LEAST_MEAN)
    spread = np.maximum(variance, middle * (1 + LEAST_EXCESS))
    size: Array = middle * middle / (spread - middle)
    chance: Array = middle / spread
    return size, chance


def variance_of(mean: Array, spread: tuple[float, float]) -> Array:
    """Of the demand of a stretch of days whose mean is ``mean``. spread: (a, b) of a * mean + b * mean squared."""
    found: Array = spread[0] * mean + spread[1] * mean * mean
    return found


def reaches(mean: Array, variance: Array, pieces: Array, more: float = 0.0) -> Array:
    """Chance that demand is ``pieces`` or more; 1 where pieces is 0 or less. All of one shape, or broadcast.

    more: added to the size; with 1 this is the share of the mean that stands in demands of ``pieces + 1`` or more.
    """
    size, chance = _parts(*np.broadcast_arrays(mean, variance))
    least = np.ceil(np.asarray(pieces, dtype=np.float64) - 1e-9)
    size, chance, least = np.broadcast_arrays(size + more, chance, least)
    found: Array = np.ones(least.shape)
    few, many = (least > 0) & (least <= FEW_PIECES), least > FEW_PIECES
    found[few] = 1.0 - _below(size[few], chance[few], least[few].astype(np.int64))
    found[many] = 1.0 - betainc(size[many], least[many], chance[many])
    return found


def _below(size: Array, chance: Array, pieces: npt.NDArray[np.int64]) -> Array:
    """Chance of fewer than ``pieces`` (1 or more), all (n,): the terms of 0 .. pieces - 1, each from the one before."""
    order = np.argsort(-pieces, kind="stable")  # those that need a further term always come first
    size, other = size[order], 1.0 - chance[order]
    term = chance[order] ** size
    total = term.copy()
    needing = np.searchsorted(-pieces[order], -np.arange(pieces.max(initial=1)), side="left")
    for nth, count in enumerate(needing[1:].tolist(), start=1):
        term[:count] *= (size[:count] + (nth - 1)) * other[:count] / nth
        total[:count] += term[:count]
    found = np.empty_like(total)
    found[order] = np.minimum(total, 1.0)
    return found


def short(mean: Array, variance: Array, pieces: Array) -> Array:
    """Expected pieces wanted beyond ``pieces``: E[(D - pieces)+], from E[D; D >= s] = mean * P(D' >= s - 1)."""
    stock = np.maximum(pieces, 0.0)
    least = np.ceil(stock - 1e-9)
    inside = reaches(mean, variance, least - 1.0, more=1.0)
    found: Array = np.maximum(mean * inside - stock * reaches(mean, variance, least), 0.0)
    return found


def quantile(mean: Array, variance: Array, level: float | Array) -> Array:
    """The least whole number that demand does not exceed with chance ``level``."""
    middle, spread = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64))
    low = np.full(middle.shape, -1.0)
    high = np.ceil(middle + 12.0 * np.sqrt(np.maximum(spread, middle)) + 12.0)
    for _ in range(STEPS):
        between = np.floor((low + high) / 2)
        enough = 1.0 - reaches(middle, spread, between + 1.0) >= level
        high, low = np.where(enough, between, high), np.where(enough, low, between)
        if np.all(high - low <= 1):
            break
    found: Array = high
    return found
