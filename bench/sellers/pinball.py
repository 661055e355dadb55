"""How good quantiles are: pinball loss, and how far the share of outcomes below one is from its level."""

from __future__ import annotations

import numpy as np

from models.negative_binomial import Array


def losses(found: Array, wanted: Array, levels: tuple[float, ...]) -> Array:
    """(n,) pinball loss of each row, summed over levels. found: (n, levels)."""
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
