"""The most valuable set within limits, exactly. Pure.

A limit is a group of items of which at most so many may be taken: a recipient's cap, a kind's budget, the day, the
reviewers. Where the limits that can bind are nested or apart (a laminar family), taking by falling value is exact: they
form a matroid. Where they cross (a person's cap and a kind's budget), each connected part is solved as an integer
program by HiGHS, whose relaxation is almost always integral already (two laminar families give a network matrix).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_matrix

from notices.decide.prices import Block, Solved, settle

MANY = 20_000  # items that hang together, from which prices come first
LARGE = 1_000  # items under one limit, from which it has a price
WHOLE = 1e-6  # how near to 0 or 1 counts as whole; also money that is nothing

Values = npt.NDArray[np.float64]


class NotSolved(RuntimeError):
    """The solver gave up. Nothing was decided."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` of these items (by index) may be taken."""

    name: Hashable
    items: tuple[int, ...]
    most: int


def best(values: Sequence[float], limits: Sequence[Limit]) -> set[int]:
    """The indexes of the set with the largest sum of values in which every limit holds. Values above 0.

    Between equals the earlier index wins wherever taking by falling value is exact. Raises NotSolved.
    """
    tight = [limit for limit in limits if len(limit.items) > limit.most]
    taken = set(range(len(values)))
    for items, inner in _parts(len(values), tight):
        taken -= set(items)
        if _is_laminar(inner):
            taken |= _by_falling_value(items, values, inner)
        else:
            settled = _by_prices(items, values, inner) if len(items) > MANY else None
            taken |= _by_program(items, values, inner) if settled is None else settled
    return taken


def _parts(count: int, limits: Sequence[Limit]) -> list[tuple[list[int], list[Limit]]]:
    """Items that share a limit, directly or through others, with these limits; items without limits are in no part."""
    root = list(range(count))

    def find(item: int) -> int:
        while root[item] != item:
            root[item] = root[root[item]]
            item = root[item]
        return item

    for limit in limits:
        first = find(limit.items[0])
        for item in limit.items:
            root[find(item)] = first
    items: dict[int, list[int]] = defaultdict(list)
    inner: dict[int, list[Limit]] = defaultdict(list)
    for item in sorted({item for limit in limits for item in limit.items}):
        items[find(item)].append(item)
    for limit in limits:
        inner[find(limit.items[0])].append(limit)
    return [(items[key], inner[key]) for key in items]


def _is_laminar(limits: Sequence[Limit]) -> bool:
    """Whether any two groups are nested or apart: built from the smallest up, each is made of whole earlier groups."""
    block: dict[int, int] = {}
    size: list[int] = []
    for limit in sorted(limits, key=lambda limit: len(limit.items)):
        met: dict[int, int] = defaultdict(int)
        for item in limit.items:
            if item in block:
                met[block[item]] += 1
        if any(size[inner] != count for inner, count in met.items()):
            return False
        block.update(dict.fromkeys(limit.items, len(size)))
        size.append(len(limit.items))
    return True


def _by_falling_value(items: Sequence[int], values: Sequence[float], limits: Sequence[Limit]) -> set[int]:
    room = [limit.most for limit in limits]
    over: dict[int, list[int]] = defaultdict(list)
    for place, limit in enumerate(limits):
        for item in limit.items:
            over[item].append(place)
    taken = set()
    for item in sorted(items, key=lambda item: (-values[item], item)):
        if all(room[place] > 0 for place in over[item]):
            taken.add(item)
            for place in over[item]:
                room[place] -= 1
    return taken


def _by_prices(items: Sequence[int], values: Sequence[float], limits: Sequence[Limit]) -> set[int] | None:
    """Where a few large limits tie many small blocks together; None where that is not so."""
    large = [limit for limit in limits if len(limit.items) > LARGE]
    small = [limit for limit in limits if len(limit.items) <= LARGE]
    under: dict[int, list[int]] = {item: [] for item in items}
    for at, limit in enumerate(large):
        for item in limit.items:
            under[item].append(at)
    blocks, alone = [], set(items)
    for members, inner in _parts(len(values), small):
        if not _is_laminar(inner):
            return None
        alone -= set(members)
        blocks.append(Block(tuple(members), tuple((frozenset(limit.items), limit.most) for limit in inner)))
    blocks += [Block((item,), ()) for item in sorted(alone)]

    def program(asked: Sequence[int], room: Sequence[int]) -> Solved:
        left = [Limit(limit.name, limit.items, most) for limit, most in zip(large, room, strict=True)]
        return _solved(asked, values, [*left, *small], len(large))

    return settle(values, blocks, {item: tuple(which) for item, which in under.items()},
                  [limit.most for limit in large], program)  # fmt: skip


def _by_program(items: Sequence[int], values: Sequence[float], limits: Sequence[Limit]) -> set[int]:
    """The program for the items that can be in an optimum."""
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, limit in enumerate(limits):
        for item in limit.items:
            rows_of[item].append(row)
    return _solved(_without_dominated(items, values, rows_of, limits), values, limits, 0).taken


def _solved(kept: Sequence[int], values: Sequence[float], limits: Sequence[Limit], priced: int) -> Solved:
    """0/1 variables for these items, one row a limit; prices for the first so many limits.

    The relaxation first: where its corner is whole, it is the optimum. Else what its prices prove is fixed (taking or
    leaving it would cost more than the relaxation and a good whole set are apart), and the rest is branched on.
    """
    if not kept:
        return Solved(set(), [0.0] * priced, 0.0)
    here = _renumbered(kept, limits)
    rows = [row for row, limit in enumerate(here) for _ in limit.items]
    columns = [column for limit in here for column in limit.items]
    matrix = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(here), len(kept)))
    room, worth = np.array([float(limit.most) for limit in here]), np.array([values[item] for item in kept])
    found = linprog(-worth, A_ub=matrix, b_ub=room, bounds=(0, 1), method="highs-ipm")
    if found.status != 0:
        raise NotSolved(f"the best set within the limits was not found: {found.message} Nothing was decided.")
    taken = found.x > 1 - WHOLE
    if not np.all(taken | (found.x < WHOLE)):
        greedy = _by_falling_value(range(len(kept)), worth.tolist(), here)
        apart = -found.fun - worth[sorted(greedy)].sum() + WHOLE
        low = np.where(found.upper.marginals < -apart, 1.0, 0.0)
        high = np.where(found.lower.marginals > apart, 0.0, 1.0)
        taken = _branched(worth, matrix, room, low, high)
    prices = [max(0.0, -price) for price in found.ineqlin.marginals[:priced]]
    return Solved({item for item, is_in in zip(kept, taken, strict=True) if is_in}, prices, -found.fun)


def _renumbered(kept: Sequence[int], limits: Sequence[Limit]) -> list[Limit]:
    place = {item: column for column, item in enumerate(kept)}
    return [Limit(one.name, tuple(place[item] for item in one.items if item in place), one.most) for one in limits]


def _branched(worth: Values, matrix: csr_matrix, room: Values, low: Values, high: Values) -> npt.NDArray[np.bool_]:
    constraint = LinearConstraint(matrix, ub=room)
    whole, gap = np.ones(len(worth)), {"mip_rel_gap": 0.0}
    found = milp(-worth, constraints=constraint, integrality=whole, bounds=Bounds(low, high), options=gap)
    if found.x is None or found.status != 0:
        raise NotSolved(f"the best set within the limits was not found: {found.message} Nothing was decided.")
    taken: npt.NDArray[np.bool_] = found.x > 0.5  # noqa: PLR2004 - 0 or 1, rounded
    return taken


def _without_dominated(
    items: Sequence[int], values: Sequence[float], rows_of: dict[int, list[int]], limits: Sequence[Limit]
) -> list[int]:
    """Items under the same limits stand in for each other: only as many of the best as their tightest limit takes."""
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for item in items:
        alike[tuple(rows_of[item])].append(item)
    kept: list[int] = []
    for rows, group in alike.items():
        most = max(0, min(limits[row].most for row in rows))
        kept += sorted(group, key=lambda item: (-values[item], item))[:most]
    return sorted(kept)
