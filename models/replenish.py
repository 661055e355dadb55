"""When stock ends, the last day to order, how many, and what waiting costs: one calculation on whole arrays.

Demand of k days is negative binomial around k times the daily mean. Lead times and what is still on its way are
lognormal; what has been on its way for some days is known not to have come yet. Money decides how sure to be: with a
shortage cost u and a holding cost o per piece, order up to the level that demand stays below with chance u / (u + o).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from models.negative_binomial import Array, reaches, short, variance_of

LOOKS_AHEAD_DAYS = 90
FAR_DAYS = 365.0
FAR_DEVIATIONS = 5.0  # beyond these a chance is nearly 0 or 1
LEAST_DAILY, MOST_SURE = 0.02, 0.995
LOST_SHARE = 0.03  # replenishments that are cancelled and never come
NODES = 5  # lead times of equal chance that stand for the distribution
BLOCK_ROWS = 4_096  # articles whose curves fit into a core's cache
THREADS = 2  # numpy and scipy let go of the interpreter while they calculate
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a piece too few and a piece too many cost, as shares of its price, and how often a seller orders.

    shortage_share: margin and goodwill lost with a piece that was wanted and not there. day_pieces: a stock-out day
    costs as much again as so many lost pieces, however little the article sells: it loses its place and buyers' trust.
    holding_share_a_year: capital, space and decay. most_risk: the chance of running out before arrival that may be left
    on the last day to order.
    """

    shortage_share: float = 0.30
    day_pieces: float = 0.5
    holding_share_a_year: float = 1.6
    review_days: float = 3.5
    most_risk: float = 0.02

    def fractile(self, lead_days: Array, daily: Array) -> Array:
        """The chance with which an order should cover its protection window; a piece too many waits twice as long."""
        shortage = self.shortage_share * (1.0 + self.day_pieces / np.maximum(daily, LEAST_DAILY))
        holding = self.holding_share_a_year * 2.0 * (lead_days + self.review_days) / 365.0
        found: Array = np.clip(shortage / (shortage + holding), 0.05, MOST_SURE)
        return found


@dataclass(frozen=True, slots=True)
class Position:
    """Where n articles stand. daily: expected pieces wanted a day; spread: (a, b) of the variance a*m + b*m*m; uneven:
    factor on it.

    lead_days, lead_spread: median and log-spread of the lead time. inbound: pieces on the way; inbound_days: until its
    announced arrival (NaN: not announced, or none; negative: overdue); inbound_age_days: since it was ordered.
    """

    on_hand: Array
    daily: Array
    spread: tuple[float, float]
    uneven: Array
    lead_days: Array
    lead_spread: Array
    inbound: Array
    inbound_days: Array
    inbound_age_days: Array

    def variance(self, mean: Array) -> Array:
        """Of the demand of each article over stretches of days with that mean, (..., n)."""
        found: Array = self.uneven * variance_of(mean, self.spread)
        return found

    def of(self, rows: slice | Rows) -> Position:
        """Some of the articles."""
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        return Position(**{name: part if name == "spread" else part[rows] for name, part in parts.items()})


@dataclass(frozen=True, slots=True)
class Coming:
    """Which articles have something on its way, (c,), and the chance that it has come by the end of day k + 1."""

    rows: Rows
    arrived: Array

    def by(self, days: Array) -> Array:
        """(n,) chance that it has come by ``days``; 0 where nothing is on its way."""
        found = np.zeros(len(days))
        found[self.rows] = _read(self.arrived, days[self.rows])
        return found


@dataclass(frozen=True, slots=True)
class Plan:
    """chance: of running out before an order placed now arrives. runs_out_days: whole days of stock before the day on
    which it ends, at most 365. order_in_days: days that may pass before ordering. quantity: pieces to order now.
    short_pieces: expected pieces wanted and not there if nothing is ordered until the next review and its arrival.
    waiting_pieces: how many of them are saved by ordering now.
    """

    chance: Array
    runs_out_days: Array
    order_in_days: Array
    quantity: Array
    short_pieces: Array
    waiting_pieces: Array


def plan(at: Position, terms: Terms, level: float | Array | None = None) -> Plan:
    """The plan of each article. level: asked of demand instead of the critical fractile, e.g. one that was moved to
    where outcomes fell.
    """
    count = len(at.daily)
    sure = terms.fractile(at.lead_days, at.daily) if level is None else np.broadcast_to(level, count)
    blocks = [slice(first, first + BLOCK_ROWS) for first in range(0, max(count, 1), BLOCK_ROWS)]
    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(lambda rows: _plan(at.of(rows), terms, sure[rows]), blocks))
    return Plan(**{part.name: np.concatenate([getattr(made, part.name) for made in parts]) for part in fields(Plan)})


def _plan(at: Position, terms: Terms, sure: Array) -> Plan:
    """The plan of one block. sure: the chance with which an order should cover its window."""
    coming = _coming(at)
    curve = _runs_out_by(at, coming)
    leads = _leads(at)
    later = leads + terms.review_days
    came = [np.stack([coming.by(days) for days in span]) for span in (leads, later)]
    now, waited = (_short(at, *both).mean(axis=0) for both in zip((leads, later), came, strict=True))
    return Plan(
        chance=np.mean([_read(curve, lead) for lead in leads], axis=0),
        runs_out_days=_runs_out_days(at, curve),
        order_in_days=_order_in_days(curve, leads, terms),
        quantity=_quantity(at, later, came[1], sure),
        short_pieces=waited,
        waiting_pieces=np.maximum(waited - now, 0.0),
    )


def runs_out_by(at: Position) -> Array:
    """(n, LOOKS_AHEAD_DAYS) chance that stock has ended by the end of day k + 1, if nothing more is ordered."""
    return _runs_out_by(at, _coming(at))


def _runs_out_by(at: Position, coming: Coming) -> Array:
    days = np.arange(1, LOOKS_AHEAD_DAYS + 1, dtype=np.float64)
    mean = at.daily[:, None] * days[None, :]
    variance = at.variance(mean.T).T
    found = _reached(mean, variance, at.on_hand[:, None])
    if coming.rows.size:
        rows = coming.rows
        both = _reached(mean[rows], variance[rows], (at.on_hand + at.inbound)[rows, None])
        found[rows] = _with_arrival(found[rows], both, coming.arrived)
    return np.maximum.accumulate(found, axis=1)


def _reached(mean: Array, variance: Array, pieces: Array) -> Array:
    """``reaches``, computed only where the answer is not plain: most articles have plenty, or nothing, on most days."""
    stock = np.broadcast_to(pieces, mean.shape)
    away = FAR_DEVIATIONS * np.sqrt(np.maximum(variance, mean)) + 1.0
    found = np.where(mean > stock + 2.0 * away, 1.0, 0.0)
    unsure = (mean + away > stock) & (found == 0)
    found[unsure] = reaches(mean[unsure], variance[unsure], stock[unsure])
    return found


def _with_arrival(alone: Array, both: Array, arrived: Array) -> Array:
    """Stock ended by day k: it did so before the arrival, or all of it did after; mixed over the day of arrival."""
    came_on = np.diff(arrived, axis=1, prepend=0.0)
    found = (1.0 - arrived) * alone
    for day in range(alone.shape[1]):
        after = np.maximum(both[:, day:], alone[:, max(day - 1, 0), None] if day else both[:, day:])
        found[:, day:] += came_on[:, day, None] * after
    return found


def _coming(at: Position) -> Coming:
    """What is on its way, and when.

    Announced for a day it comes around that day; else as the seller's lead times say for something that old. A few
    never come.
    """
    rows = np.flatnonzero(at.inbound > 0)
    days = np.arange(1, LOOKS_AHEAD_DAYS + 1, dtype=np.float64)
    spread = np.maximum(at.lead_spread[rows], 0.05)[:, None]
    age = np.maximum(np.nan_to_num(at.inbound_age_days[rows]), 0.0)[:, None]
    due = (age[:, 0] + at.inbound_days[rows])[:, None]  # what was announced, counted from ordering
    usual = np.where(due > 0, due, at.lead_days[rows, None])
    usual = np.where(np.isnan(usual), at.lead_days[rows, None], usual)
    still = 1.0 - ndtr(np.log(np.maximum(age, 0.25) / usual) / spread)
    then = 1.0 - ndtr(np.log((age + days[None, :]) / usual) / spread)
    never = LOST_SHARE / (LOST_SHARE + (1.0 - LOST_SHARE) * still)  # the longer it is overdue, the less it is believed
    arrived: Array = (1.0 - never) * np.clip(1.0 - then / np.maximum(still, 1e-6), 0.0, 1.0)
    return Coming(rows, np.maximum.accumulate(arrived, axis=1))


def _leads(at: Position) -> Array:
    """(NODES, n) lead times of equal chance."""
    chance = (np.arange(NODES) + 0.5) / NODES
    found: Array = at.lead_days[None, :] * np.exp(at.lead_spread[None, :] * ndtri(chance)[:, None])
    return np.clip(found, 0.5, LOOKS_AHEAD_DAYS)


def _read(curve: Array, days: Array) -> Array:
    """The curve at whole or half days, day 0 being now."""
    whole = np.concatenate([curve[:, :1], curve], axis=1)
    low = np.clip(np.floor(days), 0, LOOKS_AHEAD_DAYS).astype(np.int64)
    high = np.minimum(low + 1, LOOKS_AHEAD_DAYS)
    row = np.arange(len(curve))
    part = np.clip(days - low, 0.0, 1.0)
    found: Array = whole[row, low] * (1 - part) + whole[row, high] * part
    return found


def _runs_out_days(at: Position, curve: Array) -> Array:
    """The middle of the day on which it ends; where that is out of sight, by the mean."""
    seen = curve[:, -1] >= 0.5  # noqa: PLR2004 - a median
    middle = (curve >= 0.5).argmax(axis=1).astype(np.float64)  # noqa: PLR2004 - a median
    mean = np.divide(at.on_hand + at.inbound, at.daily, out=np.full(len(at.daily), FAR_DAYS), where=at.daily > 0)
    found: Array = np.where(seen, middle, np.clip(np.floor(mean), LOOKS_AHEAD_DAYS, FAR_DAYS))
    return found


def _order_in_days(curve: Array, leads: Array, terms: Terms) -> Array:
    """The last day on which the chance of running out before what is ordered then arrives is small enough; 0: now."""
    low, high = np.zeros(len(curve)), np.full(len(curve), float(LOOKS_AHEAD_DAYS))
    while np.any(high - low > 1):  # the risk never falls with waiting
        wait = np.floor((low + high) / 2)
        risk = np.mean([_read(curve, lead + wait) for lead in leads], axis=0)
        in_time = (risk <= terms.most_risk) & (leads[-1] + wait < LOOKS_AHEAD_DAYS)
        low, high = np.where(in_time, wait, low), np.where(in_time, high, wait)
    return low


def _short(at: Position, days: Array, came: Array) -> Array:
    """(k, n) expected pieces wanted beyond what is there, over ``days``, (k, n); what is on the way counts as far as it
    has come by then.
    """
    mean = at.daily * days
    variance = at.variance(mean)
    found = short(mean, variance, at.on_hand)
    rows = np.flatnonzero(at.inbound > 0)
    if rows.size:
        both = short(mean[:, rows], variance[:, rows], (at.on_hand + at.inbound)[rows])
        found[:, rows] = (1.0 - came[:, rows]) * found[:, rows] + came[:, rows] * both
    return found


def _quantity(at: Position, windows: Array, came: Array, sure: Array) -> Array:
    """The least order with which demand of lead time and review is covered with the wanted chance.

    windows, came: (NODES, n) days, and the chance that what is on the way has come by then. Searched between -1, which
    is never enough, and what is by Cantelli's inequality.
    """
    means = at.daily * windows
    variances = at.variance(means)
    most, spread = means.max(axis=0), variances.max(axis=0)
    within = most + 12 * np.sqrt(np.maximum(spread, 1.0)) + 12  # as far as it is looked
    enough = most + np.sqrt(spread * sure / np.maximum(1.0 - sure, 1e-9)) - at.on_hand
    high: Array = np.clip(np.ceil(enough) + 1.0, 0.0, np.ceil(within))
    low = np.full(len(at.daily), -1.0)
    while (rows := np.flatnonzero(high - low > 1)).size:
        between = np.floor((low[rows] + high[rows]) / 2)
        here = at.on_hand[rows] + between  # demand of all of it would leave an empty shelf: that is what is told of
        missed = _reached(means[:, rows], variances[:, rows], here)
        some = np.flatnonzero(at.inbound[rows] > 0)
        both = _reached(means[:, rows[some]], variances[:, rows[some]], (here + at.inbound[rows])[some])
        arrived = came[:, rows[some]]
        missed[:, some] = (1.0 - arrived) * missed[:, some] + arrived * both
        is_enough = 1.0 - missed.mean(axis=0) >= sure[rows]
        high[rows], low[rows] = np.where(is_enough, between, high[rows]), np.where(is_enough, low[rows], between)
    return high
