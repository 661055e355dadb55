"""What goes wrong behind the scenes: chains of states per hub, route, seller and article, a step a day.

A hub slows before it backs up, a seller slips before they fall behind: level 1 is the trace, level 2 hurts. All chains
are Markov with known steps, which is what makes the true probabilities computable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sources.simulator.arrays import Flags, Floats
from sources.simulator.draws import Draws


@dataclass(frozen=True, slots=True)
class Chain:
    """A kind of cause. step, strained: row-stochastic matrices for an ordinary day and for a strained one."""

    name: str
    step: Floats
    strained: Floats

    @property
    def levels(self) -> int:
        return int(self.step.shape[0])

    def settled(self) -> Floats:
        """The share of days in each level in the long run."""
        return np.asarray(np.linalg.matrix_power(self.step, 4096)[0])


def _three(onset: float, ease: float, worsen: float, recover: float) -> Floats:
    return np.array([[1 - onset, onset, 0], [ease, 1 - ease - worsen, worsen], [0, recover, 1 - recover]])


def _two(onset: float, end: float) -> Floats:
    return np.array([[1 - onset, onset], [end, 1 - end]])


HUB = Chain("hub_backlog", _three(0.0064, 0.20, 0.20, 0.24), _three(0.0085, 0.20, 0.22, 0.24))
ROUTE = Chain("route_lost", _two(0.0055, 0.24), _two(0.0055, 0.24))
SELLER = Chain("seller_behind", _three(0.0050, 0.17, 0.15, 0.17), _three(0.008, 0.17, 0.18, 0.17))
SUPPLIER = Chain("supplier_late", _two(0.006, 0.06), _two(0.006, 0.06))
MISCOUNT = Chain("stock_miscounted", _two(0.0010, 0.035), _two(0.0010, 0.035))
MISLEADING = Chain("listing_misleads", _two(0.0006, 0.012), _two(0.0006, 0.012))
CHAINS = (HUB, ROUTE, SELLER, SUPPLIER, MISCOUNT, MISLEADING)

Levels = np.ndarray[tuple[int, int], np.dtype[np.int8]]


def run(chain: Chain, entities: int, strain: Flags, draws: Draws) -> Levels:
    """The level of each entity on each day. strain: (days,). Returns (entities, days) int8.

    The first day is drawn from the long-run shares, so a world does not begin without troubles.
    """
    days = strain.shape[0]
    levels = np.empty((days, entities), dtype=np.int8)
    start = np.cumsum(chain.settled())
    current = np.minimum(np.searchsorted(start, draws.uniform(chain.name, entities, 0)), chain.levels - 1)
    levels[0] = current
    ordinary, strained = np.cumsum(chain.step, axis=1), np.cumsum(chain.strained, axis=1)
    for day in range(1, days):
        steps = strained if strain[day] else ordinary
        uniform = draws.uniform(chain.name, entities, day)
        current = np.minimum((uniform[:, None] >= steps[current]).sum(axis=1), chain.levels - 1)
        levels[day] = current
    return np.ascontiguousarray(levels.T)


def outlook(chain: Chain, strain: Flags, day: int, horizon: int) -> Floats:
    """Chance of each level in the coming days, for each level now. Returns (levels now, horizon, levels then).

    Position 0 is ``day`` itself, whose level is known. strain: (days,).
    """
    chances = np.empty((chain.levels, horizon, chain.levels))
    reached = np.eye(chain.levels)
    chances[:, 0] = reached
    for ahead in range(1, horizon):
        reached = reached @ (chain.strained if strain[day + ahead] else chain.step)
        chances[:, ahead] = reached
    return chances


def episodes(levels: Levels, days: int) -> Iterator[tuple[int, int, int, int]]:
    """Runs of one level above 0 within the first ``days`` days, as (entity, level, first day, last day)."""
    seen = levels[:, :days]
    entity, day = np.nonzero(seen)
    if entity.size == 0:
        return
    level = seen[entity, day]
    breaks = np.flatnonzero((np.diff(entity) != 0) | (np.diff(day) != 1) | (np.diff(level) != 0))
    first = np.concatenate([[0], breaks + 1])
    last = np.concatenate([breaks, [entity.size - 1]])
    for a, b in zip(first, last, strict=True):
        yield int(entity[a]), int(level[a]), int(day[a]), int(day[b])
