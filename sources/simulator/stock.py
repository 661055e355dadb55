"""The ledger: what each article has on hand, who gets the last piece, and when its seller orders more.

The identity that always holds, per article and UTC day: on_hand = on_hand of the day before + received - sold. What is
received on a day is put on the shelf at its end and can be sold from the next day on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.simulator.arrays import NEVER, Flags, Floats, Ints
from sources.simulator.calendar import FESTIVAL_ANNOUNCED_DAYS, Days
from sources.simulator.demand import MEAN_QUANTITY, SECOND_LINE, Wishes
from sources.simulator.draws import Draws
from sources.simulator.entities import Sellers, Skus

OPEN_SLOTS = 3
"""An article has at most this many replenishments on the way; a fourth is not ordered."""
LEARNING_RATE = 0.06
CANCELLED_SHARE = 0.02
SUPPLIER_LATE_FACTOR = 1.9
MIN_LEAD_DAYS, MAX_LEAD_DAYS = 1, 45
SAFETY_DAYS = 3.0
PAUSED_MISCOUNTED, PAUSED_OTHERWISE, PAUSED_MOST = 0.7, 0.01, 0.15
"""Chance of a pause on a day, where the count is wrong and elsewhere, and the share of the day it may take above
0.05."""
STOCK_UP_DAYS = 12
"""Sellers want what the festival will take on the shelf this many days early."""
TEACHES_SHARE = 0.5
"""A day with stock for less than this share of it teaches a seller nothing about demand."""


@dataclass
class Ledger:
    """State per article. on_hand: pieces. pace: the seller's estimate of pieces per ordinary day.

    due, ordered, expected, quantity, late: (slots, skus), day indexes and pieces of what is on the way, and whether the
    supplier was late when it was ordered; due NEVER where free,
    negative due -d - 1 where it will be cancelled on day d. remind_day, remind_quantity: what a reminder will make
    them order.
    """

    on_hand: Ints
    pace: Floats
    due: Ints
    ordered: Ints
    expected: Ints
    quantity: Ints
    late: Ints
    remind_day: Ints
    remind_quantity: Ints


@dataclass(frozen=True)
class Sold:
    """What came of one chunk's wishes. filled: (lines,) pieces. out_at: (skus,) share of the day at which it sold out,
    or 1.
    """

    filled: Ints
    sold: Ints
    out_at: Floats


@dataclass(frozen=True)
class Arrivals:
    """Replenishments that ended on a day: article, pieces, the day they were ordered on, and whether they came."""

    sku: Ints
    quantity: Ints
    ordered: Ints
    came: Flags


@dataclass(frozen=True)
class Placed:
    """Replenishments that were ordered on a day. lead_days: what the supplier will take; NEVER where it is
    cancelled.
    """

    sku: Ints
    quantity: Ints
    expected: Ints
    lead_days: Ints
    reminded: Flags


def pieces_per_day(skus: Skus, sellers: Sellers) -> Floats:
    """True demand in pieces on an ordinary day, second lines included."""
    several = sellers.skus[skus.seller] > 1
    total = np.bincount(skus.seller, skus.rate * several, sellers.count)[skus.seller]
    others = np.maximum(sellers.skus[skus.seller] - 1, 1)
    return np.asarray(skus.rate * MEAN_QUANTITY + SECOND_LINE * (total - skus.rate * several) / others * several)


def open_ledger(skus: Skus, sellers: Sellers, draws: Draws) -> Ledger:
    """Stock on the morning of the first day: some days of cover, more or less as the seller cares."""
    count = skus.count
    pace = pieces_per_day(skus, sellers)
    care, lead = sellers.care[skus.seller], sellers.lead_days[skus.seller]
    cover = lead * care + sellers.cover_days[skus.seller] * (0.2 + 0.8 * draws.uniform("opening", count))
    empty = np.full((OPEN_SLOTS, count), NEVER)
    zero = np.zeros((OPEN_SLOTS, count), dtype=np.int64)
    return Ledger(
        on_hand=np.maximum(np.ceil(pace * cover).astype(np.int64), 2),
        pace=pace * np.exp(0.2 * draws.at("guess").standard_normal(count)),
        due=empty,
        ordered=zero.copy(),
        expected=zero.copy(),
        quantity=zero.copy(),
        late=zero,
        remind_day=np.full(count, NEVER),
        remind_quantity=np.zeros(count, dtype=np.int64),
    )


def sell(on_hand: Ints, wishes: Wishes) -> Sold:
    """First come, first served; who asks for more than is left gets what is left. on_hand: (skus,) in the morning."""
    order = np.lexsort((wishes.arrival, wishes.time, wishes.sku))
    sku, quantity = wishes.sku[order], wishes.quantity[order]
    total = np.cumsum(quantity)
    starts = np.flatnonzero(np.append(True, sku[1:] != sku[:-1])) if sku.size else np.zeros(0, dtype=np.int64)
    lengths = np.diff(np.append(starts, sku.size))
    before = total - quantity - np.repeat(total[starts] - quantity[starts], lengths)
    filled = np.empty_like(quantity)
    filled[order] = np.clip(on_hand[sku] - before, 0, quantity)
    sold = np.bincount(wishes.sku, filled, on_hand.size).astype(np.int64)
    out_at = np.where(on_hand > 0, 1.0, 0.0)
    empties = (before < on_hand[sku]) & (before + quantity >= on_hand[sku])
    out_at[sku[empties]] = wishes.time[order][empties]
    return Sold(filled, sold, out_at)


def listed_share(in_stock: Floats, miscounted: Flags, day: int, draws: Draws) -> Floats:
    """Share of selling hours in stock as it is reported: less than true where a listing was paused for some hours.

    Sellers pause an article while they look for pieces that the count says are there: most days where the count is
    wrong, now and then elsewhere. Never so long that it makes a stock-out day.
    """
    uniform = draws.at("paused", day).random((2, in_stock.size))
    paused = uniform[0] < np.where(miscounted, PAUSED_MISCOUNTED, PAUSED_OTHERWISE)
    return np.where(paused & (in_stock >= 1), 0.95 - PAUSED_MOST * uniform[1], in_stock)


def receive(ledger: Ledger, day: int) -> Arrivals:
    """Take in what is due on ``day`` and free its slots."""
    cancelled = -day - 1
    slot, sku = np.nonzero((ledger.due == day) | (ledger.due == cancelled))
    came = ledger.due[slot, sku] == day
    quantity, ordered = ledger.quantity[slot, sku], ledger.ordered[slot, sku]
    np.add.at(ledger.on_hand, sku[came], quantity[came])
    ledger.due[slot, sku] = NEVER
    ledger.quantity[slot, sku] = 0
    return Arrivals(sku, quantity, ordered, came)


def learn_pace(ledger: Ledger, sold: Ints, in_stock: Floats, busy: Floats) -> None:
    """Sellers learn from days in stock, and know that a festival day is not an ordinary one. busy: (skus,) the day's
    factor.
    """
    seen = in_stock > TEACHES_SHARE
    per_day = sold / np.maximum(in_stock, TEACHES_SHARE) / busy
    ledger.pace = np.where(seen, ledger.pace + LEARNING_RATE * (per_day - ledger.pace), ledger.pace)


def reorder(ledger: Ledger, day: int, days: Days, skus: Skus, sellers: Sellers, late: Flags, draws: Draws) -> Placed:
    """What sellers order at the end of ``day``: on their own on review days, or because a reminder asked for it.

    late: (sellers,) whether their supplier is late. Lead times are drawn for every article, whether it orders or not,
    so that one seller's order moves nothing for another.
    """
    seller, count = skus.seller, skus.count
    at = draws.at("reorder", day)
    uniform, normal = at.random((2, count)), at.standard_normal(count)
    lead, review = sellers.lead_days[seller], sellers.review_days[seller]
    looks = ((day + np.arange(count)) % review == 0) & (uniform[0] >= sellers.forgets[seller])
    coming = ledger.quantity.sum(axis=0)
    position = ledger.on_hand + coming
    ahead = coming_demand(ledger.pace, day, lead + review, days, skus, sellers)
    point = (ahead + SAFETY_DAYS * ledger.pace) * sellers.care[seller]
    full = point + ledger.pace * sellers.cover_days[seller]
    reminded = ledger.remind_day <= day
    asked = np.where(ledger.remind_quantity > 0, ledger.remind_quantity, np.ceil(full) - position)
    uncovered = coming < asked
    free = (ledger.due == NEVER).any(axis=0)
    own = looks & (position <= point)
    chosen = free & (own | (reminded & uncovered & (asked > 0)))
    quantity = np.where(own, np.ceil(full - position), asked).astype(np.int64)
    ledger.remind_day = np.where(reminded, NEVER, ledger.remind_day)
    takes = lead * np.where(late[seller], SUPPLIER_LATE_FACTOR, 1.0) * np.exp(sellers.lead_spread[seller] * normal)
    takes_days = np.clip(np.rint(takes), MIN_LEAD_DAYS, MAX_LEAD_DAYS).astype(np.int64)
    sku = np.flatnonzero(chosen)
    cancelled = uniform[1][sku] < CANCELLED_SHARE
    expected = day + np.maximum(np.rint(lead[sku]), 1).astype(np.int64)
    return _place(
        ledger,
        day,
        sku,
        np.maximum(quantity[sku], 1),
        expected,
        takes_days[sku],
        cancelled,
        (~own)[sku],
        late[seller[sku]],
    )


def _place(
    ledger: Ledger,
    day: int,
    sku: Ints,
    quantity: Ints,
    expected: Ints,
    takes: Ints,
    cancelled: Flags,
    reminded: Flags,
    late: Flags,
) -> Placed:
    slot = np.argmax(ledger.due[:, sku] == NEVER, axis=0)
    ledger.due[slot, sku] = np.where(cancelled, -expected - 1, day + takes)
    ledger.ordered[slot, sku] = day
    ledger.expected[slot, sku] = expected
    ledger.quantity[slot, sku] = quantity
    ledger.late[slot, sku] = late
    return Placed(sku, quantity, expected, np.where(cancelled, NEVER, takes), reminded)


def coming_demand(pace: Floats, day: int, span: Floats, days: Days, skus: Skus, sellers: Sellers) -> Floats:
    """Pieces a seller expects to sell in the next ``span`` days: ordinary days, and the festival once it is
    announced.
    """
    start = np.flatnonzero(days.festival)
    expected = pace * span
    if start.size == 0 or not start[0] - FESTIVAL_ANNOUNCED_DAYS <= day < start[-1]:
        return expected
    left = start[start > day]
    inside = np.clip(day + span + STOCK_UP_DAYS - left[0] + 1, 0, left.size)
    factor = days.demand[sellers.country[skus.seller], left[0]] - 1
    return np.asarray(expected + pace * factor * inside * sellers.prepares[skus.seller])
