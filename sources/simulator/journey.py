"""A parcel's life, day by day: waiting for hand-over, through hubs and legs to the door, or to an end on the way.

Steps, each entered with a scan: 0 waiting for hand-over, 1 picked up, 2 first hub, 3 first leg, 4 gateway hub, 5
second leg, 6 last hub, 7 last mile, 8 out for delivery, 9 delivered. A step that a path does not have takes no time
and no scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.simulator import laws
from sources.simulator.arrays import NEVER, Flags, Floats, Ints
from sources.simulator.calendar import Days
from sources.simulator.causes import Levels
from sources.simulator.draws import Draws, cumulated, pick
from sources.simulator.geography import DIRECT, LOCAL, VIA, Paths
from sources.simulator.orders import Orders

WAITING, PICKUP, HUB_A, LEG_1, HUB_G, LEG_2, HUB_B, LAST_MILE, OUT, DELIVERED = range(10)
STEPS = 10
HUBS, LEGS = (HUB_A, HUB_G, HUB_B), (LEG_1, LEG_2)

_PICK = {
    name: cumulated(table)
    for name, table in {
        "handling": laws.HANDLING, "pickup": laws.PICKUP, "dwell": laws.DWELL, "leg": laws.LEG,
        "last_mile": laws.LAST_MILE, "seller_cancel": laws.SELLER_CANCEL, "buyer_cancel": laws.BUYER_CANCEL,
    }.items()
}  # fmt: skip


@dataclass(frozen=True)
class Journeys:
    """One row per order. Day indexes; NEVER where it does not happen.

    entered: (n, 10) day on which each step began. has: (n, 10) whether the path has the step.
    cancelled_day and cancelled_by: 1 seller, 2 buyer, 3 platform, 0 not cancelled.
    lost_day: the carrier declares the parcel lost. returned_day: sent back after the last failed attempt.
    attempts: (n, 3) day of each attempt that was made; the last one made succeeded unless returned.
    """

    entered: Ints
    has: Flags
    cancelled_day: Ints
    cancelled_by: Ints
    lost_day: Ints
    returned_day: Ints
    attempts: Ints

    @property
    def delivered_day(self) -> Ints:
        return self.entered[:, DELIVERED]

    @property
    def over_day(self) -> Ints:
        """The day on which the order's fate was decided: delivered, cancelled, lost or returned."""
        ends = np.stack([self.delivered_day, self.cancelled_day, self.lost_day, self.returned_day])
        return np.asarray(ends.min(axis=0))


@dataclass(frozen=True)
class Road:
    """What parcels travel through: paths, calendar, and the levels of hubs and routes by day."""

    paths: Paths
    days: Days
    hubs: Levels
    routes: Levels


def steps_of(paths: Paths, path: Ints) -> Flags:
    """(n, 10) which steps each path has."""
    kind = paths.kind[path]
    has = np.ones((path.size, STEPS), dtype=bool)
    has[:, LEG_1] = has[:, HUB_B] = kind != LOCAL
    has[:, HUB_G] = has[:, LEG_2] = kind == VIA
    return has


def travel(orders: Orders, road: Road, draws: Draws, chunk: int, places: Ints, count: int) -> Journeys:
    """The lives of orders. places: (n,) the position of each order among the ``count`` wishes of its chunk."""
    uniform = draws.at("journey", orders.day, chunk).random((20, count))[:, places]
    entered = np.full((orders.count, STEPS), NEVER)
    entered[:, WAITING] = orders.approved_day
    cancelled_day, cancelled_by = _cancellations(orders, uniform[0], uniform[1])
    handling = laws.handling_row(orders.limit, orders.seller_level, orders.miscounted)
    sent = (orders.approved_day < NEVER) & (cancelled_by == 0)
    ready = orders.approved_day + pick(_PICK["handling"], handling, uniform[2])
    entered[:, PICKUP] = np.where(sent, _open(road.days, orders.country, ready), NEVER)
    has = steps_of(road.paths, orders.path)
    lost = np.full(orders.count, NEVER)
    for step in range(PICKUP, OUT):
        _advance(step, entered, lost, has, orders, road, uniform[3 + step], uniform[10 + step])
    declared = laws.LOST_DECLARED[0] + (uniform[18] * (laws.LOST_DECLARED[1] - laws.LOST_DECLARED[0])).astype(np.int64)
    lost = np.where(lost < NEVER, lost + declared, NEVER)
    attempts, entered[:, DELIVERED], returned = _attempts(entered[:, OUT], orders.country, road.days, uniform[19])
    return Journeys(entered, has, cancelled_day, cancelled_by, lost, returned, attempts)


def _cancellations(orders: Orders, who: Floats, when: Floats) -> tuple[Ints, Ints]:
    by_seller = seller_cancels(orders.seller_level, orders.miscounted)
    by = np.where(who < by_seller, 1, np.where(who < by_seller + laws.BUYER_CANCELS, 2, 0))
    row = np.zeros(orders.count, dtype=np.int64)
    days = np.where(by == 1, pick(_PICK["seller_cancel"], row, when), pick(_PICK["buyer_cancel"], row, when))
    day = np.where(by > 0, orders.approved_day + days, NEVER)
    unpaid = orders.approved_day >= NEVER
    return np.where(unpaid, orders.day + 3, day), np.where(unpaid, 3, by)


def seller_cancels(level: Ints, miscounted: Ints) -> Floats:
    """Chance that the seller cancels, by their level and whether the article's count is wrong."""
    chance = np.array(laws.SELLER_CANCELS)[level]
    return np.where(miscounted == 1, np.maximum(chance, laws.MISCOUNTED_CANCELS), chance)


def _open(days: Days, country: Ints, day: Ints) -> Ints:
    return np.asarray(days.next_open[country, np.minimum(day, days.next_open.shape[1] - 1)])


def law_of(step: int, path: Ints, day: Ints, road: Road) -> tuple[str, Ints, Floats]:
    """The distribution that rules a step begun on ``day``: its table's name, its row, and the chance of being lost in
    it.
    """
    paths = road.paths
    row = np.zeros(path.size, dtype=np.int64)
    if step in HUBS:
        hub = (paths.hub_a, paths.hub_g, paths.hub_b)[HUBS.index(step)][path]
        level = road.hubs[hub, day].astype(np.int64)
        return "dwell", level, np.array(laws.HUB_LOSS)[level]
    if step in LEGS:
        lost = leg_level(step, path, day, road)
        near = (paths.leg_1 if step == LEG_1 else paths.leg_2)[path]
        return "leg", near + 4 * lost, np.array(laws.LEG_LOSS)[lost]
    return ("pickup" if step == PICKUP else "last_mile"), row, np.zeros(path.size)


def leg_level(step: int, path: Ints, day: Ints, road: Road) -> Ints:
    """Level of the route that a leg needs: the last leg into the destination; the leg to a gateway needs none."""
    last = (road.paths.kind[path] == DIRECT) if step == LEG_1 else np.ones(path.size, dtype=bool)
    return np.where(last, road.routes[road.paths.route[path], day], 0).astype(np.int64)


def _advance(
    step: int, entered: Ints, lost: Ints, has: Flags, orders: Orders, road: Road, how_long: Floats, whether_lost: Floats
) -> None:
    """Write when the next step begins; where the parcel is lost in this one, write the day it was last seen."""
    began = entered[:, step]
    entered[:, step + 1] = began
    goes = np.flatnonzero((began < NEVER) & has[:, step])
    day = np.minimum(began[goes], road.hubs.shape[1] - 1)
    table, row, loss = law_of(step, orders.path[goes], day, road)
    ends = began[goes] + pick(_PICK[table], row, how_long[goes])
    if step == LAST_MILE:
        ends = _open(road.days, orders.country[goes], ends)
    gone = whether_lost[goes] < loss
    lost[goes[gone]] = began[goes][gone]
    entered[goes, step + 1] = np.where(gone, NEVER, ends)


def _attempts(out: Ints, country: Ints, days: Days, uniform: Floats) -> tuple[Ints, Ints, Ints]:
    """Days of the attempts made, of delivery and of being sent back. One number decides how many attempts it takes."""
    second = np.where(out < NEVER, _open(days, country, out + 1), NEVER)
    third = np.where(out < NEVER, _open(days, country, second + 1), NEVER)
    fails = 1 - laws.ATTEMPT_SUCCESS
    failed = (uniform[:, None] < fails ** np.arange(1, laws.ATTEMPTS + 1)).sum(axis=1)
    all_days = np.stack([out, second, third], axis=1)
    made = np.where(np.arange(laws.ATTEMPTS) <= failed[:, None], all_days, NEVER)
    at_door = out < NEVER
    succeeded = np.take_along_axis(all_days, np.minimum(failed, laws.ATTEMPTS - 1)[:, None], axis=1)[:, 0]
    delivered = np.where(at_door & (failed < laws.ATTEMPTS), succeeded, NEVER)
    returned = np.where(at_door & (failed == laws.ATTEMPTS), third, NEVER)
    return made, delivered, returned
