"""Shapes of the pictures: plain numbers for SVG attributes, so that pages need no script and no inline style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from console.formats import moment

THINNEST = 2.0
TAPER = 30.0


@dataclass(frozen=True, slots=True)
class Ribbon:
    """One stage of a funnel in a box of 100 by 100: ``flat`` for left to right, ``upright`` for top to bottom."""

    flat: str
    upright: str


def thickness(count: int, largest: int) -> float:
    """2 to 100, by the logarithm: millions of rows and thirty mails must fit one picture."""
    if count <= 0 or largest <= 0:
        return THINNEST
    return max(THINNEST, 100 * math.log10(count + 1) / math.log10(largest + 1))


def ribbon(count_before: int, count: int, largest: int) -> Ribbon:
    """Narrows from the stage before within the first third of the box, then keeps its own thickness."""
    before, own = thickness(count_before, largest), thickness(count, largest)
    top = [(0.0, 50 - before / 2), (TAPER, 50 - own / 2), (100.0, 50 - own / 2)]
    bottom = [(x, 100 - y) for x, y in reversed(top)]
    outline = top + bottom
    return Ribbon(
        flat=" ".join(f"{x:g},{y:.2f}" for x, y in outline),
        upright=" ".join(f"{y:.2f},{x:g}" for x, y in outline),
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment on a rail, 0 to 100 from its left end; ``width`` 0 for a point."""

    name: str
    left: float
    width: float = 0.0


def rail(points: dict[str, object], spans: dict[str, tuple[object, object]]) -> list[Mark]:
    """Where moments stand on one line of time. Values are datetimes or ISO strings; what is no moment is left out."""
    at = {name: found for name, value in points.items() if (found := moment(value)) is not None}
    over = {
        name: (first, last)
        for name, (start, end) in spans.items()
        if (first := moment(start)) is not None and (last := moment(end)) is not None
    }
    everything = [*at.values(), *(edge for pair in over.values() for edge in pair)]
    if len(everything) < 2:  # noqa: PLR2004 - one moment is no line
        return []
    earliest, latest = min(everything), max(everything)
    length = (latest - earliest).total_seconds() or 1.0

    def place(value: datetime) -> float:
        return round(2 + 96 * (value - earliest).total_seconds() / length, 2)

    marks = [Mark(name, place(first), max(0.8, place(last) - place(first))) for name, (first, last) in over.items()]
    return [Mark(name, place(value)) for name, value in at.items()] + marks
