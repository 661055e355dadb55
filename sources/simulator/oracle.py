"""The true probability of every problem for every open order, given all that has happened and nothing that has not.

Known to the oracle at the end of a UTC day: each order's own steps (also those not yet reported), the levels of all
causes up to that day, whether its listing misleads and its buyer is critical. Not known: what the causes will do next,
and every draw still to come. So these are the best probabilities anybody could have, in a world in which nobody is
told. They are computed from the laws, not simulated.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sources.simulator import laws, names
from sources.simulator.arrays import Floats, Ints
from sources.simulator.calendar import DAY_US
from sources.simulator.contact_odds import Exit, Soon, will_write
from sources.simulator.journey import LAST_MILE, OUT, WAITING, law_of, seller_cancels
from sources.simulator.kernels import HORIZON, Ahead, Sight, look_ahead
from sources.simulator.problems import ON_TIME, law_chance
from sources.simulator.requests import CONTACT_HORIZON_DAYS, DELIVERY, SNAPSHOTS
from sources.simulator.truth import PROBLEMS

SCHEMA = pa.schema([
    ("order_id", pa.string()), ("snapshot", pa.string()), ("as_of", pa.timestamp("us", tz="UTC")),
    *((problem, pa.float64()) for problem in PROBLEMS), ("writes_within_72h", pa.bool_()),
])  # fmt: skip
TINY = 1e-12
_TABLES = {"pickup": laws.PICKUP, "dwell": laws.DWELL, "leg": laws.LEG, "last_mile": laws.LAST_MILE}
Asked = dict[str, Ints]


def probabilities(requests: pa.Table, sight: Sight, midnight_us: int) -> pa.Table:
    """True probabilities for requests of one day (``requests.COLUMNS``). Null where a problem is decided already."""
    asked: Asked = {name: requests[name].to_numpy() for name in requests.column_names}
    result = {problem: np.full(requests.num_rows, np.nan) for problem in PROBLEMS}
    path, place = np.unique(asked["path"], return_inverse=True)
    ahead = look_ahead(path, sight)
    arrived = asked["snapshot"] == DELIVERY
    for step in range(OUT + 1):
        there = np.flatnonzero((asked["step"] == step) & ~arrived)
        if there.size:
            part = {name: column[there] for name, column in asked.items()}
            for problem, chance in _open_orders(step, part, place[there], ahead, sight).items():
                result[problem][there] = chance
    there = np.flatnonzero(arrived)
    for problem, chance in _delivered({name: column[there] for name, column in asked.items()}).items():
        result[problem][there] = chance
    as_of = np.full(requests.num_rows, midnight_us + (sight.day + 1) * DAY_US)
    return pa.table({
        "order_id": names.order_ids(asked["number"]),
        "snapshot": names.chosen(SNAPSHOTS, asked["snapshot"]),
        "as_of": names.times(as_of),
        **{problem: pa.array(chance, from_pandas=True) for problem, chance in result.items()},
        "writes_within_72h": pa.array(asked["writes"] == 1),
    })  # fmt: skip


def _open_orders(step: int, asked: Asked, place: Ints, ahead: Ahead, sight: Sight) -> dict[str, Floats]:
    exits = (
        _waiting(asked, sight)
        if step == WAITING
        else _at_door(asked, sight)
        if step == OUT
        else _moving(step, asked, sight)
    )
    total = np.maximum(exits.ends.sum(axis=1) + exits.lost, TINY)  # 0 where only a cancellation is left
    cancelled = (exits.seller_in + exits.buyer_in).sum(axis=1)
    left = asked["promise"] - sight.day
    on_time = _delivered_by(left, step, exits, place, ahead) / total
    soon_after = _delivered_by(left + laws.LATE_DAYS_SERIOUS - 1, step, exits, place, ahead) / total
    ever = _delivered_by(np.full(left.size, HORIZON - 1), step, exits, place, ahead) / total
    ship = total / (total + cancelled)
    buckets = np.stack([on_time, soon_after - on_time, ever - soon_after, 1 - ever]) * ship
    lost, unstalled = _troubles(step, asked, exits, place, ahead, sight)
    whole = total + cancelled
    return {
        "late_delivery": np.where(left > 0, 1 - on_time, np.nan),
        "stalled_parcel": np.where(asked["is_stalled"] == 1, np.nan, 1 - (unstalled + cancelled) / whole),
        "lost_parcel": lost / whole,
        "seller_cancellation": exits.seller_in.sum(axis=1) / whole,
        "return_or_refund": _by_bucket(laws.RETURN, buckets, asked),
        "dispute": np.where(left >= 0, _by_bucket(laws.DISPUTE, buckets, asked), np.nan),
        "bad_review": _by_bucket(laws.BAD_REVIEW, buckets, asked),
        "will_contact": will_write(step, asked, exits, whole, _soon(step, place, ahead), sight.day),
    }


def _next(table: list[Floats], step: int) -> Floats | None:
    """What follows a step; None where that is delivery."""
    return table[step + 1] if step < OUT else None


def _soon(step: int, place: Ints, ahead: Ahead) -> Soon:
    """Chances of a delivery within two days from now once the step has ended."""
    following = _next(ahead.arrives, step)
    if following is None:
        sure = np.ones(place.size)
        return Soon(sure, sure, sure)
    return Soon(following[place, 1, 1], following[place, 1, 2], following[place, 2, 2])


def _delivered_by(days: Ints, step: int, exits: Exit, place: Ints, ahead: Ahead) -> Floats:
    """(n,) mass delivered within so many days from now; 0 where that is past."""
    column = np.clip(days, 0, HORIZON - 1)
    following = _next(ahead.arrives, step)
    if following is None:
        mass = np.take_along_axis(np.cumsum(exits.ends, axis=1), column[:, None], axis=1)[:, 0]
    else:
        mass = (exits.ends * following[place, :, column]).sum(axis=1)
    return np.where(days > 0, mass, 0.0)


def _troubles(step: int, asked: Asked, exits: Exit, place: Ints, ahead: Ahead, sight: Sight) -> tuple[Floats, Floats]:
    """(n,) mass that is or will be lost, and mass that ends without stalling."""
    following_lost, following_unstalled = _next(ahead.lost, step), _next(ahead.unstalled, step)
    if following_lost is None or following_unstalled is None:
        return np.zeros(place.size), exits.ends.sum(axis=1) + exits.lost
    lost = exits.lost + (exits.ends * following_lost[place]).sum(axis=1)
    gap = (sight.day - asked["began"])[:, None] + np.arange(HORIZON)
    short = np.ones_like(gap, dtype=bool) if step == WAITING else gap < laws.STALLED_DAYS
    return lost, (exits.ends * short * following_unstalled[place]).sum(axis=1)


def _by_bucket(law: tuple[tuple[float, ...], tuple[float, ...]], buckets: Floats, asked: Asked) -> Floats:
    chance = np.zeros(buckets.shape[1])
    for bucket, mass in enumerate(buckets):
        which = np.full(mass.size, bucket)
        chance = chance + mass * law_chance(law, which, asked["misleading"], asked["critical"])
    return chance


def _moving(step: int, asked: Asked, sight: Sight) -> Exit:
    """An order that is on its way: its step has lasted some days already, or its parcel is lost and nobody knows."""
    table, row, loss = law_of(step, asked["path"], asked["began"], sight.road)
    elapsed = sight.day - asked["began"]
    law = _TABLES[table][row] * (1 - loss)[:, None]
    ends = _later(law, asked, sight) if step == LAST_MILE else _shifted(law, elapsed)
    low, high = laws.LOST_DECLARED
    undeclared = np.clip(high - np.maximum(elapsed + 1, low), 0, None) / (high - low)
    nothing = np.zeros_like(ends)
    return Exit(ends, loss * undeclared, nothing, nothing)


def _shifted(law: Floats, elapsed: Ints) -> Floats:
    """Durations of a step as days from now, 1 at the earliest. law: (n, days); elapsed: (n,) days since it began."""
    index = elapsed[:, None] + np.arange(HORIZON)
    mass = np.take_along_axis(law, np.minimum(index, law.shape[1] - 1), axis=1)
    mass = np.where(index < law.shape[1], mass, 0.0)
    mass[:, 0] = 0.0
    return np.asarray(mass)


def _later(law: Floats, asked: Asked, sight: Sight) -> Floats:
    """The same where the step can end only on days that are not closed."""
    ends = np.zeros((law.shape[0], HORIZON))
    next_open = sight.road.days.next_open
    for days in range(law.shape[1]):
        if not law[:, days].any():
            continue
        to = next_open[asked["country"], np.minimum(asked["began"] + days, next_open.shape[1] - 1)] - sight.day
        inside = np.flatnonzero((to > 0) & (to < HORIZON))
        ends[inside, to[inside]] += law[inside, days]
    return ends


def _waiting(asked: Asked, sight: Sight) -> Exit:
    """An order that is not handed over: it will be, or one of the two cancels."""
    by_seller = seller_cancels(asked["level"], asked["miscounted"])
    handling = laws.HANDLING[laws.handling_row(asked["limit"], asked["level"], asked["miscounted"])]
    elapsed = sight.day - asked["approved"]
    count = elapsed.size
    return Exit(
        ends=_later(handling * (1 - by_seller - laws.BUYER_CANCELS)[:, None], asked, sight),
        lost=np.zeros(count),
        seller_in=_shifted(laws.SELLER_CANCEL.repeat(count, axis=0) * by_seller[:, None], elapsed),
        buyer_in=_shifted(laws.BUYER_CANCEL.repeat(count, axis=0) * laws.BUYER_CANCELS, elapsed),
    )


def _at_door(asked: Asked, sight: Sight) -> Exit:
    """A parcel whose attempts so far failed: it is tried again on the next open days."""
    next_open = sight.road.days.next_open
    ends = np.zeros((asked["began"].size, HORIZON))
    day, chance = asked["began"], np.ones(asked["began"].size)
    for attempt in range(1, laws.ATTEMPTS):
        day = next_open[asked["country"], day + 1]
        still = np.flatnonzero((attempt >= asked["failed"]) & (day > sight.day) & (day - sight.day < HORIZON))
        ends[still, (day - sight.day)[still]] += chance[still] * laws.ATTEMPT_SUCCESS
        chance[still] *= 1 - laws.ATTEMPT_SUCCESS
    nothing = np.zeros_like(ends)
    # what no attempt delivers goes back: it stays in the total as mass that never arrives
    return Exit(ends, 1 - ends.sum(axis=1), nothing, nothing)


def _delivered(asked: Asked) -> dict[str, Floats]:
    """What may still come of orders that were delivered on the day itself."""
    on_time = asked["bucket"] == ON_TIME
    after = np.where(asked["misleading"] == 1, laws.CONTACT_AFTER_MISLED, laws.CONTACT_AFTER)
    laid = (asked["bucket"], asked["misleading"], asked["critical"])
    return {
        "return_or_refund": law_chance(laws.RETURN, *laid),
        "dispute": np.where(on_time, law_chance(laws.DISPUTE, *laid), np.nan),
        "bad_review": law_chance(laws.BAD_REVIEW, *laid),
        "will_contact": 1 - (1 - after) ** CONTACT_HORIZON_DAYS,
    }
