"""Large crossing limits: most blocks settle at a price, the rest is solved exactly, and prices prove that it was right.

A block is what remains connected without the large limits (a recipient with their candidates). Given a price for a
place under each large limit, a block's best choice is its own affair. Prices come from a sample; blocks whose choice
does not hang on a small change of them are settled, the others go to the program with the room that is left. Its
prices then judge every settled block: one that would now choose otherwise, or whose choice is closer than what whole
numbers cost, is opened again. At the end no block can do better at these prices: that is the proof (Lagrange's bound).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TINY = 1e-7  # money that is nothing
WIDE = (0.03, 0.1, 0.3)  # relative change of prices that a settled choice must outlast: the first that leaves room
SAMPLE = 12_000  # items
Prices = Sequence[float]  # of the large limits, in their order


@dataclass(frozen=True, slots=True)
class Solved:
    """What a program found: the items taken, a price for each limit asked about, and the relaxation's value."""

    taken: set[int]
    prices: Prices
    bound: float


@dataclass(frozen=True, slots=True)
class Block:
    """Items that share small limits. limits: (items, most), nested or apart."""

    items: tuple[int, ...]
    limits: tuple[tuple[frozenset[int], int], ...]


# items, room under each large limit -> the best set of these items
Program = Callable[[Sequence[int], Sequence[int]], Solved]


def settle(
    values: Sequence[float], blocks: Sequence[Block], large: Mapping[int, tuple[int, ...]], room: Sequence[int],
    program: Program,
) -> set[int] | None:  # fmt: skip
    """The best set; None where prices settle nothing. large: by item, which of the large limits it is under."""
    step = max(1, sum(len(block.items) for block in blocks) // SAMPLE)
    sample = [item for block in blocks[::step] for item in block.items]
    prices = program(sample, [most // step for most in room]).prices
    for wide in WIDE:
        choices = [[_choice(block, values, large, prices, 1 + by) for block in blocks] for by in (0.0, -wide, wide)]
        is_open = [not (first == low == high) for first, low, high in zip(*choices, strict=True)]
        fixed = [item for block, open_ in zip(choices[0], is_open, strict=True) if not open_ for item in block]
        if min(_left(room, fixed, large), default=0) >= 0:
            return _proven(values, blocks, large, room, program, choices[0], is_open)
    return None


def _proven(
    values: Sequence[float], blocks: Sequence[Block], large: Mapping[int, tuple[int, ...]], room: Sequence[int],
    program: Program, chosen: Sequence[tuple[int, ...]], is_open: list[bool],
) -> set[int]:  # fmt: skip
    """The best set: open blocks are solved, and opened further until no settled one can be wrong."""
    while True:
        fixed = [item for block, open_ in zip(chosen, is_open, strict=True) if not open_ for item in block]
        rest = [item for block, open_ in zip(blocks, is_open, strict=True) if open_ for item in block.items]
        solved = program(rest, _left(room, fixed, large))
        apart = solved.bound - sum(values[item] for item in solved.taken)
        wrong = [
            at for at, block in enumerate(blocks)
            if not is_open[at] and _may_be_wrong(block, chosen[at], values, large, solved.prices, apart)
        ]  # fmt: skip
        if not wrong:
            return {*fixed, *solved.taken}
        for at in wrong:
            is_open[at] = True


def _left(room: Sequence[int], fixed: Sequence[int], large: Mapping[int, tuple[int, ...]]) -> list[int]:
    left = list(room)
    for item in fixed:
        for limit in large[item]:
            left[limit] -= 1
    return left


def _choice(
    block: Block, values: Sequence[float], large: Mapping[int, tuple[int, ...]], prices: Prices, times: float,
    first: int | None = None, without: int | None = None,
) -> tuple[int, ...]:  # fmt: skip
    """The block's best items at these prices; ``first``: with this item in any case, ``without``: not with that one."""
    net = {item: values[item] - times * sum(prices[limit] for limit in large[item]) for item in block.items}
    order = sorted(
        (item for item in block.items if item != without), key=lambda item: (item != first, -net[item], item)
    )
    used: dict[int, int] = defaultdict(int)
    taken = []
    for item in order:
        under = [at for at, (items, _) in enumerate(block.limits) if item in items]
        if (net[item] > 0 or item == first) and all(used[at] < block.limits[at][1] for at in under):
            taken.append(item)
            for at in under:
                used[at] += 1
    return tuple(sorted(taken))


def _may_be_wrong(
    block: Block, chosen: tuple[int, ...], values: Sequence[float], large: Mapping[int, tuple[int, ...]],
    prices: Prices, apart: float,
) -> bool:  # fmt: skip
    """Whether some other choice of the block is as good at these prices, or loses no more than ``apart``."""

    def worth(items: Sequence[int]) -> float:
        return sum(values[item] - sum(prices[limit] for limit in large[item]) for item in items)

    here = worth(chosen)
    if worth(_choice(block, values, large, prices, 1.0)) > here + TINY:
        return True
    if apart <= TINY:
        return False
    for item in block.items:
        other = (
            _choice(block, values, large, prices, 1.0, without=item)
            if item in chosen
            else _choice(block, values, large, prices, 1.0, first=item)
        )
        if here - worth(other) <= apart + TINY and (item in chosen or item in other):
            return True
    return False
