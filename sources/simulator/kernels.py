"""How a parcel moves through the coming days, as matrices: from the day a step begins to the day it ends.

Row and column 0 are the day that has just ended; what a row lacks to 1 is lost in the step or ends beyond the horizon.
The levels of hubs and routes are known for that day and drift by their chains' steps after it. A parcel meets each
cause at most once, so the product of the steps' matrices is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.simulator import causes, laws
from sources.simulator.arrays import Flags, Floats, Ints
from sources.simulator.geography import DIRECT, LOCAL, VIA
from sources.simulator.journey import HUB_G, HUBS, LAST_MILE, LEG_1, LEG_2, LEGS, OUT, PICKUP, STEPS, Road

HORIZON = 42
"""Days that are looked ahead; what ends later counts as never."""
_NONE = np.zeros(0)


@dataclass(frozen=True)
class Sight:
    """What is known at the end of ``day``: the road with the levels up to it, and the calendar's strain."""

    day: int
    road: Road
    strain: Flags


@dataclass(frozen=True)
class Ahead:
    """What can still happen to parcels on some paths, by step, from the day on which the step begins.

    arrives: (paths, HORIZON, HORIZON) delivered by a day, cumulated. unstalled, lost: (paths, HORIZON) chance of an
    end without a gap that counts as stalled; chance of being lost.
    """

    arrives: list[Floats]
    unstalled: list[Floats]
    lost: list[Floats]


def look_ahead(path: Ints, sight: Sight) -> Ahead:
    """Everything that can still happen from each step on. path: (paths,) distinct.

    A path without a step passes it in no time: what is ahead of the next step is ahead of it too.
    """
    at_door = np.cumsum(door(sight), axis=2)[sight.road.paths.country[path]]
    arrives, unstalled, lost = [_NONE] * STEPS, [_NONE] * STEPS, [_NONE] * STEPS
    arrives[OUT], unstalled[OUT], lost[OUT] = at_door, np.ones(at_door.shape[:2]), np.zeros(at_door.shape[:2])
    for step in range(OUT - 1, PICKUP - 1, -1):
        has = np.flatnonzero(_has(step, sight.road.paths.kind[path]))
        for table in (arrives, unstalled, lost):
            table[step] = table[step + 1].copy()
        if has.size == 0:
            continue
        moves, loss = kernel(step, path[has], sight)
        arrives[step][has] = moves @ arrives[step + 1][has]
        unstalled[step][has] = np.einsum("pij,pj->pi", moves * _SHORT, unstalled[step + 1][has])
        lost[step][has] = loss + np.einsum("pij,pj->pi", moves, lost[step + 1][has])
    return Ahead(arrives, unstalled, lost)


def _short() -> Floats:
    """1 where a step takes less than STALLED_DAYS."""
    gap = np.arange(HORIZON)[None, :] - np.arange(HORIZON)[:, None]
    return (gap < laws.STALLED_DAYS).astype(np.float64)


_SHORT = _short()


def kernel(step: int, path: Ints, sight: Sight) -> tuple[Floats, Floats]:
    """(paths, HORIZON, HORIZON) moves and (paths, HORIZON) losses of a step that all these paths have."""
    law, chance, losses = mixture(step, path, sight)
    moves = spread(np.einsum("pol,pld->pod", chance * (1 - losses), law))
    if step == LAST_MILE:
        moves = moves @ _opening(sight)[sight.road.paths.country[path]]
    return moves, (chance * losses).sum(axis=2)


def _has(step: int, kind: Ints) -> Flags:
    if step in (LEG_1, HUBS[2]):
        return np.asarray(kind != LOCAL)
    return np.asarray(kind == VIA) if step in (HUB_G, LEG_2) else np.ones(kind.size, dtype=bool)


def mixture(step: int, path: Ints, sight: Sight) -> tuple[Floats, Floats, Floats]:
    """A step's durations (paths, levels, days), chances of its levels (paths, HORIZON, levels) and losses by level."""
    paths, road = sight.road.paths, sight.road
    if step in HUBS:
        hub = (paths.hub_a, paths.hub_g, paths.hub_b)[HUBS.index(step)][path]
        now = road.hubs[hub, sight.day].astype(np.int64)
        chance = causes.outlook(causes.HUB, sight.strain, sight.day, HORIZON)[now]
        return np.broadcast_to(laws.DWELL, (path.size, *laws.DWELL.shape)), chance, np.array(laws.HUB_LOSS)
    if step in LEGS:
        near = (paths.leg_1 if step == LEG_1 else paths.leg_2)[path]
        now = road.routes[paths.route[path], sight.day].astype(np.int64)
        chance = causes.outlook(causes.ROUTE, sight.strain, sight.day, HORIZON)[now]
        if step == LEG_1:  # the leg to a gateway needs no route
            chance = np.where((paths.kind[path] == DIRECT)[:, None, None], chance, np.array([1.0, 0.0]))
        return np.stack([laws.LEG[near], laws.LEG[near + 4]], axis=1), chance, np.array(laws.LEG_LOSS)
    table = laws.PICKUP if step == PICKUP else laws.LAST_MILE
    return np.broadcast_to(table, (path.size, *table.shape)), np.ones((path.size, HORIZON, 1)), np.zeros(1)


def spread(law: Floats) -> Floats:
    """(paths, HORIZON, days) durations by first day as (paths, HORIZON, HORIZON) from first day to last."""
    moves = np.zeros((law.shape[0], HORIZON, HORIZON))
    for days in np.flatnonzero(law.any(axis=(0, 1))):
        rows = np.arange(HORIZON - days)
        moves[:, rows, rows + days] = law[:, : HORIZON - days, days]
    return moves


def _opening(sight: Sight) -> Floats:
    """(countries, HORIZON, HORIZON) from a day to the next one with delivery."""
    days = sight.road.days.next_open
    to = days[:, sight.day : sight.day + HORIZON] - sight.day
    opening = np.zeros((days.shape[0], HORIZON, HORIZON))
    country, day = np.nonzero(to < HORIZON)
    opening[country, day, to[country, day]] = 1.0
    return opening


def door(sight: Sight) -> Floats:
    """(countries, HORIZON, HORIZON) from the day a parcel goes out to the day it is delivered, over all attempts."""
    next_open = sight.road.days.next_open
    countries = np.arange(next_open.shape[0])[:, None]
    first = np.arange(HORIZON)[None, :]
    result = np.zeros((countries.size, HORIZON, HORIZON))
    day, chance = np.broadcast_to(sight.day + first, (countries.size, HORIZON)), laws.ATTEMPT_SUCCESS
    for attempt in range(laws.ATTEMPTS):
        if attempt:
            day = next_open[countries, day + 1]
        country, row = np.nonzero(day - sight.day < HORIZON)
        result[country, row, day[country, row] - sight.day] += chance
        chance *= 1 - laws.ATTEMPT_SUCCESS
    return result
