"""The last four weeks of a seller's article as it was known on each asked day, as matrices that features are read from.

The features of a series are read from these by kernels: plain functions on matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.subjects import OUT_SHARE

PAST_DAYS = 28
AHEAD_DAYS = 30  # as far as a horizon reaches

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
FEWEST_FOR_SPREAD = 3


@dataclass(frozen=True, slots=True)
class History:
    """What was known of n asked (series, as_of). Matrices are (n, 28): column j is the day j + 1 days before as_of's.

    in_stock_share, closing_share, on_hand, units, ended_out (1 or 0): NaN where the day was not reported by then, or
    the source has none. units are sales as they were, not demand. day: days since 1970-01-01 of as_of. horizon_days:
    days ahead that are asked about.
    discount_past (n, 28), has_activity_past (n, 28), discount_ahead (n, 30), has_activity_ahead (n, 30): as planned,
    known by then; column j ahead is the day j days after as_of's; NaN where nothing was planned. inbound_units,
    inbound_count: open replenishments as known; inbound_within_units: those announced for before the horizon's end;
    inbound_days: days to the earliest announced arrival, inbound_age_days: since the oldest was ordered; NaN for none.
    """

    day: Ints
    horizon_days: Ints
    in_stock_share: Floats
    closing_share: Floats
    ended_out: Floats
    on_hand: Floats
    units: Floats
    discount_past: Floats
    has_activity_past: Floats
    discount_ahead: Floats
    has_activity_ahead: Floats
    inbound_units: Floats
    inbound_count: Floats
    inbound_within_units: Floats
    inbound_days: Floats
    inbound_age_days: Floats

    @property
    def is_known(self) -> Flags:
        """(n, 28): whether the day's stock was reported by then."""
        known: Flags = ~np.isnan(self.in_stock_share) | ~np.isnan(self.on_hand)
        return known

    @property
    def is_out(self) -> Flags:
        """(n, 28): whether the day is known to have been a stock-out day."""
        out: Flags = (self.in_stock_share <= OUT_SHARE) | (self.on_hand == 0)
        return out


Kernel = Callable[[History], dict[str, Floats]]


def mean(values: Floats, days: int) -> Floats:
    """Mean of the known values among the last ``days`` days; NaN where none is known."""
    part = values[:, :days]
    seen = (~np.isnan(part)).sum(axis=1)
    return over(np.nansum(part, axis=1), seen.astype(np.float64))


def deviation(values: Floats, days: int) -> Floats:
    """Standard deviation of the known values among the last ``days`` days; NaN where fewer than three are known."""
    part = values[:, :days]
    seen = (~np.isnan(part)).sum(axis=1).astype(np.float64)
    centre = mean(values, days)
    squares = np.nansum((part - centre[:, None]) ** 2, axis=1)
    return np.where(seen >= FEWEST_FOR_SPREAD, np.sqrt(over(squares, seen - 1.0)), np.nan)


def latest(values: Floats) -> Floats:
    """The last known value; NaN where none is known."""
    known = ~np.isnan(values)
    first = np.argmax(known, axis=1)
    return np.where(known.any(axis=1), values[np.arange(len(values)), first], np.nan)


def over(part: Floats, of: Floats) -> Floats:
    """Quotient; NaN where ``of`` is 0 or NaN."""
    usable = ~np.isnan(of) & (of != 0)
    return np.where(usable, part / np.where(usable, of, 1.0), np.nan)
