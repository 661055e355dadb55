"""Who wants what and when: promotions, the daily rate of each article, and the lines that buyers try to order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sources.simulator.arrays import Flags, Floats, Ints
from sources.simulator.calendar import Days
from sources.simulator.draws import Draws
from sources.simulator.entities import Sellers, Skus

PROMOTION_CHANCE, PROMOTION_NOTICE_DAYS = 1 / 70, 7
PROMOTION_DISCOUNTS = (0.10, 0.15, 0.20, 0.30)
PROMOTION_LIFT = 4.0
"""Demand rises by this times the discount: 20 % off sells 1.8 times as much."""
FESTIVAL_NOTICE_DAYS = 14
FESTIVAL_JOINED, FESTIVAL_OTHER = 1.2, 0.533
"""Share of the festival's factor for articles that take part and for others: seven tenths take part, the mean is 1."""
SECOND_LINE = 0.10
QUANTITY = (0.86, 0.97)
MEAN_QUANTITY = 1.17
CHUNK_LINES = 50_000
HOURS_OF_DAY = np.array([2, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 5, 5, 5, 6, 7, 6, 4], dtype=np.float64)
COUNTRY_SHIFT_HOURS = (3, 6)


@dataclass(frozen=True)
class Promotion:
    """The next or running promotion of each article: first and last day index, share off the price. -1 where none."""

    first: Ints
    last: Ints
    discount: Floats


@dataclass(frozen=True)
class Wishes:
    """Lines that buyers try to order on one day, in one chunk of sellers; sorted by nothing.

    arrival: (lines,) which order of the day; two lines may share it. time: (lines,) share of the UTC day.
    arrivals: number of orders of the day before this chunk and in it: their numbers are first .. first + count - 1.
    """

    first: int
    count: int
    arrival: Ints
    line_no: Ints
    sku: Ints
    quantity: Ints
    time: Floats


def no_promotions(skus: int) -> Promotion:
    return Promotion(np.full(skus, -1), np.full(skus, -1), np.zeros(skus))


def plan_promotions(plans: Promotion, day: int, days: Days, draws: Draws) -> tuple[Promotion, Ints]:
    """Promotions that are announced on ``day``, for articles without one. Returns the plans and the articles planned.

    None is planned into the festival, which has its own.
    """
    count = plans.first.size
    at = draws.at("promotion", day)
    free = plans.last < day
    starts, length = day + PROMOTION_NOTICE_DAYS, at.integers(3, 6, count)
    discount = np.array(PROMOTION_DISCOUNTS)[at.integers(0, len(PROMOTION_DISCOUNTS), count)]
    chosen = free & (at.random(count) < PROMOTION_CHANCE)
    if days.festival[starts : starts + 6].any():
        chosen[:] = False
    planned = Promotion(
        np.where(chosen, starts, plans.first),
        np.where(chosen, starts + length - 1, plans.last),
        np.where(chosen, discount, plans.discount),
    )
    return planned, np.flatnonzero(chosen)


def discount_on(plans: Promotion, skus: Skus, day: int, days: Days) -> Floats:
    """Share off the price of each article on ``day``."""
    if days.festival[day]:
        return np.where(skus.joins, festival_discount(skus), 0.0)
    runs = (plans.first <= day) & (day <= plans.last)
    return np.where(runs, plans.discount, 0.0)


def festival_discount(skus: Skus) -> Floats:
    """What an article takes off during the festival, if it takes part: 20, 30 or 40 %, by its number."""
    return np.asarray(0.2 + 0.1 * (np.arange(skus.count) * 7 % 3))


def rates_on(plans: Promotion, skus: Skus, sellers: Sellers, day: int, days: Days) -> Floats:
    """Expected orders of each article on ``day``, if it is in stock."""
    busy = days.demand[sellers.country[skus.seller], day]
    if days.festival[day]:
        lift = np.where(skus.joins, FESTIVAL_JOINED, FESTIVAL_OTHER)
    else:
        lift = 1 + PROMOTION_LIFT * discount_on(plans, skus, day, days)
    return np.asarray(skus.rate * busy * lift)


def wanted(rates: Floats, day: int, draws: Draws) -> Ints:
    """How many orders each article would get on ``day``."""
    return np.asarray(draws.at("wanted", day).poisson(rates), dtype=np.int64)


def chunks(count: Ints, sellers: Sellers) -> list[tuple[int, int]]:
    """Ranges of articles that hold whole sellers and at most about CHUNK_LINES orders each."""
    ends = sellers.first_sku + sellers.skus
    orders = np.cumsum(count)[ends - 1]
    part = orders // CHUNK_LINES
    last = np.flatnonzero(np.append(np.diff(part) > 0, True))
    bounds = np.concatenate([[0], ends[last]])
    return [(int(a), int(b)) for a, b in pairwise(bounds)]


def wishes(
    count: Ints, chunk: tuple[int, int], first: int, day: int, skus: Skus, sellers: Sellers, draws: Draws
) -> Wishes:
    """The lines of one chunk of articles. count: (skus,) orders of the day. first: orders in chunks before this one."""
    low, high = chunk
    sku = np.repeat(np.arange(low, high), count[low:high])
    orders = sku.size
    at = draws.at("wish", day, low)
    uniform = at.random((6, orders))
    seller = skus.seller[sku]
    time = _time_of_day(uniform[0], sellers.country[seller])
    second = (uniform[1] < SECOND_LINE) & (sellers.skus[seller] > 1)
    other = _another(sku, seller, sellers, uniform[2])
    arrival = np.arange(first, first + orders)
    quantity = 1 + (uniform[3] >= QUANTITY[0]).astype(np.int64) + (uniform[3] >= QUANTITY[1])
    return Wishes(
        first=first,
        count=orders,
        arrival=np.concatenate([arrival, arrival[second]]),
        line_no=np.concatenate([np.ones(orders, dtype=np.int64), np.full(int(second.sum()), 2)]),
        sku=np.concatenate([sku, other[second]]),
        quantity=np.concatenate([quantity, np.ones(int(second.sum()), dtype=np.int64)]),
        time=np.concatenate([time, time[second]]),
    )


def _another(sku: Ints, seller: Ints, sellers: Sellers, uniform: Floats) -> Ints:
    others = np.maximum(sellers.skus[seller] - 1, 1)
    place = sku - sellers.first_sku[seller]
    step = 1 + np.minimum((uniform * others).astype(np.int64), others - 1)
    return np.asarray(sellers.first_sku[seller] + (place + step) % sellers.skus[seller])


def _time_of_day(uniform: Floats, country: Ints) -> Floats:
    """Share of the UTC day at which people of a country order, by the hours' weights and linear within the hour."""
    time = np.empty(uniform.size)
    for code, shift in enumerate(COUNTRY_SHIFT_HOURS):
        weights = np.roll(HOURS_OF_DAY, shift)
        bounds = np.concatenate([[0.0], np.cumsum(weights) / weights.sum()])
        here = country == code
        time[here] = np.interp(uniform[here], bounds, np.arange(25) / 24)
    return time


def second_lines_to(skus: Skus, sellers: Sellers) -> Flags:
    """Whether an article can be a second line: its seller offers another."""
    return np.asarray(sellers.skus[skus.seller] > 1)
