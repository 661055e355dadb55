"""The true chance that a buyer writes within 72 hours: exact, by what may happen to the order in the next two days.

A day's chance depends on how things stand when it begins (``problems``). The first day's is known. The second's and
third's depend on whether the order moves on, is cancelled or is delivered before them: those cases are enumerated here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.simulator import laws
from sources.simulator.arrays import Floats, Ints
from sources.simulator.journey import OUT, WAITING


@dataclass(frozen=True)
class Exit:
    """How the step that an order is in may end. ends: (n, HORIZON) mass whose next step begins so many days from now.

    lost: (n,) mass that never arrives from here. seller_in, buyer_in: (n, HORIZON) mass that either cancels, by day.
    """

    ends: Floats
    lost: Floats
    seller_in: Floats
    buyer_in: Floats


@dataclass(frozen=True)
class Soon:
    """Chance of delivery by day 1 and by day 2 if the step ends on day 1, and by day 2 if it ends on day 2. Each
    (n,).
    """

    by_1_from_1: Floats
    by_2_from_1: Floats
    by_2_from_2: Floats


def will_write(step: int, asked: dict[str, Ints], exits: Exit, whole: Floats, soon: Soon, day: int) -> Floats:
    """(n,) chance of a contact on one of the three days after ``day``. whole: (n,) mass of everything that may
    happen.
    """
    staying = [_if_it_stays(step, asked, day + ahead) for ahead in range(3)]
    moved = [_if_it_moved(asked, day + ahead) for ahead in range(3)]
    after = np.where(asked["misleading"] == 1, laws.CONTACT_AFTER_MISLED, laws.CONTACT_AFTER)
    first, second = exits.ends[:, 1] / whole, exits.ends[:, 2] / whole
    cancelled = exits.seller_in + exits.buyer_in
    gone_1, gone_2 = cancelled[:, 1] / whole, cancelled[:, 2] / whole
    rest = 1 - first - second - gone_1 - gone_2
    silent_stay = [1 - chance for chance in staying]
    silent_moved = [1 - chance for chance in moved]
    silent_after = 1 - after
    silent = rest * silent_stay[1] * silent_stay[2]
    silent += second * silent_stay[1] * (soon.by_2_from_2 * silent_after + (1 - soon.by_2_from_2) * silent_moved[2])
    silent += first * (
        soon.by_1_from_1 * silent_after**2
        + (soon.by_2_from_1 - soon.by_1_from_1) * silent_moved[1] * silent_after
        + (1 - soon.by_2_from_1) * silent_moved[1] * silent_moved[2]
    )
    silent += gone_1 + gone_2 * silent_stay[1]
    return np.asarray(1 - silent_stay[0] * silent)


def _if_it_stays(step: int, asked: dict[str, Ints], eve: int) -> Floats:
    """Chance of a contact on the day after ``eve`` if the order is still in its step then."""
    chance = _if_it_moved(asked, eve)
    if step == WAITING:
        chance = chance + laws.CONTACT_UNSENT * (eve >= asked["ship_by"])
    elif step < OUT:
        chance = chance + laws.CONTACT_GAP * (eve - asked["began"] >= laws.CONTACT_GAP_DAYS)
    return np.asarray(chance)


def _if_it_moved(asked: dict[str, Ints], eve: int) -> Floats:
    """The same if it has just moved on and is not delivered."""
    return np.asarray(laws.CONTACT_BASE + laws.CONTACT_OVERDUE * (eve >= asked["promise"]))
