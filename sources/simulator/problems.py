"""What buyers do about it: contacts, returns, disputes and reviews, drawn from the laws by how the order ended.

Each is drawn with one number against a chance, and both are kept: a buyer who was told in time draws the same number
against a smaller chance (``reactions``), so two worlds differ by the effect of telling and by nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.simulator import laws
from sources.simulator.arrays import NEVER, Flags, Floats, Ints
from sources.simulator.draws import Draws
from sources.simulator.entities import is_critical
from sources.simulator.journey import DELIVERED, OUT, PICKUP, Journeys
from sources.simulator.orders import Orders

ON_TIME, LATE, VERY_LATE, NEVER_CAME, CANCELLED = 0, 1, 2, 3, 4
CONTACT_WINDOW_DAYS = 55
"""Contacts are drawn for this many days from approval on."""
AFTER, UNSENT, GAP, OVERDUE, BASE = range(5)
"""Why a buyer writes, and the order in which one reason gives way to another."""


@dataclass(frozen=True)
class Choice:
    """Something a buyer may do once per order. Happens where draw < chance. day: when it would; NEVER where it
    cannot.
    """

    chance: Floats
    draw: Floats
    day: Ints

    def happens(self, effect: float = 1.0) -> Flags:
        """Whether it happens when the chance is multiplied by ``effect``."""
        return np.asarray((self.draw < self.chance * effect) & (self.day < NEVER))

    def when(self, effect: float = 1.0) -> Ints:
        return np.where(self.happens(effect), self.day, NEVER)


@dataclass(frozen=True)
class Contacts:
    """Per order and day from approval: (n, CONTACT_WINDOW_DAYS) chance, draw and why."""

    chance: Floats
    draw: Floats
    why: Ints

    @property
    def happens(self) -> Flags:
        return np.asarray(self.draw < self.chance)


@dataclass(frozen=True)
class Problems:
    """Per order: how it ended (bucket), and what the buyer does about it. refunded: day, whatever the cause."""

    bucket: Ints
    returns: Choice
    refunded: Ints
    dispute: Choice
    bad_review: Choice
    review_given: Flags
    stalled_day: Ints
    contacts: Contacts


def find_problems(orders: Orders, journeys: Journeys, draws: Draws, chunk: int, places: Ints, count: int) -> Problems:
    """The troubles of a chunk of orders. places: (n,) position of each order among the ``count`` wishes of its
    chunk.
    """
    uniform = draws.at("problems", orders.day, chunk).random((11, count))[:, places]
    bucket = ending(orders, journeys)
    delivered, over = journeys.delivered_day, journeys.over_day
    came = np.where(bucket == NEVER_CAME, over, delivered)
    real = bucket < CANCELLED
    returns = Choice(
        chances(laws.RETURN, bucket, orders),
        uniform[0],
        np.where(real & (bucket < NEVER_CAME), came + _days(uniform[1], 1, 10), NEVER),
    )
    refunded = np.where(returns.happens(), returns.day + _days(uniform[2], 3, 9), NEVER)
    refunded = np.where(bucket == NEVER_CAME, over + _days(uniform[2], 1, 3), refunded)
    opened = np.where(
        bucket == ON_TIME, delivered + _days(uniform[4], 1, 6), orders.promise_day + _days(uniform[4], 1, 3)
    )
    opened = np.where(bucket >= VERY_LATE, orders.promise_day + _days(uniform[4], laws.LATE_DAYS_SERIOUS, 8), opened)
    bad = chances(laws.BAD_REVIEW, bucket, orders)
    given = np.maximum(np.array([*laws.REVIEW_GIVEN, 0.0])[bucket], bad)
    contacts_at = draws.at("contacts", orders.day, chunk)
    return Problems(
        bucket=bucket,
        returns=returns,
        refunded=refunded,
        dispute=Choice(chances(laws.DISPUTE, bucket, orders), uniform[3], np.where(real, opened, NEVER)),
        bad_review=Choice(bad, uniform[5], np.where(real, came + _days(uniform[6], 1, 8), NEVER)),
        review_given=real & (uniform[5] < given),
        stalled_day=stalled(journeys),
        contacts=_contacts(orders, journeys, contacts_at.random((count, CONTACT_WINDOW_DAYS))[places]),
    )


def _days(uniform: Floats, low: int, high: int) -> Ints:
    """A number of days from low to high, both included."""
    return np.asarray(low + (uniform * (high - low + 1)).astype(np.int64))


def ending(orders: Orders, journeys: Journeys) -> Ints:
    """How each order ended: ON_TIME, LATE, VERY_LATE, NEVER_CAME (lost or sent back) or CANCELLED."""
    days_late = journeys.delivered_day - orders.promise_day
    bucket = np.where(days_late <= 0, ON_TIME, np.where(days_late < laws.LATE_DAYS_SERIOUS, LATE, VERY_LATE))
    bucket = np.where(journeys.delivered_day >= NEVER, NEVER_CAME, bucket)
    return np.where(journeys.cancelled_by > 0, CANCELLED, bucket)


def chances(law: tuple[tuple[float, ...], tuple[float, ...]], bucket: Ints, orders: Orders) -> Floats:
    """A law's chance for each order: by listing, ending and buyer; 0 where cancelled."""
    return law_chance(law, bucket, orders.misleading, is_critical(orders.buyer).astype(np.int64))


def law_chance(
    law: tuple[tuple[float, ...], tuple[float, ...]], bucket: Ints, misleading: Ints, critical: Ints
) -> Floats:
    """The chance of a law, raised for critical buyers up to 0.95; what is sure stays sure."""
    plain = np.array([[*row, 0.0] for row in law])[misleading, bucket]
    raised = np.minimum(plain * laws.CRITICAL_FACTOR, 0.95)
    return np.where((critical == 1) & (plain < 1), raised, plain)


def stalled(journeys: Journeys) -> Ints:
    """First day on which STALLED_DAYS have passed without a scan, or NEVER. A lost parcel always stalls."""
    day = np.full(journeys.entered.shape[0], NEVER)
    for step in range(PICKUP, OUT):
        began, ended = journeys.entered[:, step], journeys.entered[:, step + 1]
        long = (began < NEVER) & (ended - began >= laws.STALLED_DAYS)
        day = np.where(long, np.minimum(day, began + laws.STALLED_DAYS), day)
    return day


def _contacts(orders: Orders, journeys: Journeys, draw: Floats) -> Contacts:
    """The chance of a contact on each day: from how things stood when the day began."""
    chance = np.zeros((orders.count, CONTACT_WINDOW_DAYS))
    why = np.full((orders.count, CONTACT_WINDOW_DAYS), BASE)
    approved = orders.approved_day
    end = np.stack([journeys.lost_day, journeys.returned_day]).min(axis=0)
    over = np.where(end < NEVER, end + 3, NEVER)
    for offset in range(1, CONTACT_WINDOW_DAYS):
        eve = approved + offset - 1
        delivered = journeys.delivered_day <= eve
        alive = (approved < NEVER) & (journeys.cancelled_day > eve) & (over > eve)
        began = journeys.entered[:, PICKUP:DELIVERED] <= eve[:, None]
        step = began.sum(axis=1)
        since = eve - np.take_along_axis(journeys.entered, step[:, None], axis=1)[:, 0]
        after = delivered & (eve - journeys.delivered_day < laws.CONTACT_AFTER_DAYS)
        reasons = (
            (after, AFTER, np.where(orders.misleading == 1, laws.CONTACT_AFTER_MISLED, laws.CONTACT_AFTER)),
            (~delivered & (step == 0) & (eve >= orders.ship_by_day), UNSENT, laws.CONTACT_UNSENT),
            (~delivered & (step > 0) & (step < OUT) & (since >= laws.CONTACT_GAP_DAYS), GAP, laws.CONTACT_GAP),
            (~delivered & (eve >= orders.promise_day), OVERDUE, laws.CONTACT_OVERDUE),
        )
        today = np.where(delivered, 0.0, laws.CONTACT_BASE)
        for applies, reason, extra in reasons:
            today = today + np.where(applies, extra, 0.0)
            why[applies, offset] = reason
        chance[:, offset] = np.where(alive, today, 0.0)
    return Contacts(chance, draw, why)
