"""When stock ends, the last day to order, how many, and what waiting costs: one calculation on whole arrays.

Demand of k days is negative binomial around k times the daily mean. Lead times and what is still on its way are
lognormal; what has been on its way for some days is known not to have come yet. Money decides how sure to be: with a
shortage cost u and a holding cost o per piece, order up to the level that demand stays below with chance u / (u + o).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from models.negative_binomial import Array, reaches, short

LOOKS_AHEAD_DAYS = 90
FAR_DAYS = 365.0
FAR_DEVIATIONS = 5.0  # beyond these a chance is nearly 0 or 1
LEAST_DAILY, MOST_SURE = 0.02, 0.995
LOST_SHARE = 0.03  # replenishments that are cancelled and never come
NODES = 5  # lead times of equal chance that stand for the distribution
Flags = npt.NDArray[np.bool_]


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
    holding_share_a_year: float = 2.0
    review_days: float = 3.5
    most_risk: float = 0.05

    def fractile(self, lead_days: Array, daily: Array) -> Array:
        """The chance with which an order should cover its protection window; a piece too many waits twice as long."""
        shortage = self.shortage_share * (1.0 + self.day_pieces / np.maximum(daily, LEAST_DAILY))
        holding = self.holding_share_a_year * 2.0 * (lead_days + self.review_days) / 365.0
        found: Array = np.clip(shortage / (shortage + holding), 0.05, MOST_SURE)
        return found


@dataclass(frozen=True, slots=True)
class Position:
    """Where n articles stand. daily: expected pieces wanted a day; spread: (a, b) of the variance a*m + b*m*m.

    lead_days, lead_spread: median and log-spread of the lead time. inbound: pieces on the way; inbound_days: until its
    announced arrival (NaN: not announced, or none; negative: overdue); inbound_age_days: since it was ordered.
    """

    on_hand: Array
    daily: Array
    spread: tuple[float, float]
    lead_days: Array
    lead_spread: Array
    inbound: Array
    inbound_days: Array
    inbound_age_days: Array

    def variance(self, mean: Array) -> Array:
        found: Array = self.spread[0] * mean + self.spread[1] * mean * mean
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
    curve = runs_out_by(at)
    leads = _leads(at)
    chance = np.mean([_read(curve, lead) for lead in leads], axis=0)
    later = leads + terms.review_days
    now = np.mean([_short(at, lead) for lead in leads], axis=0)
    waited = np.mean([_short(at, lead) for lead in later], axis=0)
    return Plan(
        chance=chance,
        runs_out_days=_runs_out_days(at, curve),
        order_in_days=_order_in_days(curve, leads, terms),
        quantity=_quantity(at, leads, terms, level),
        short_pieces=waited,
        waiting_pieces=np.maximum(waited - now, 0.0),
    )


def runs_out_by(at: Position) -> Array:
    """(n, LOOKS_AHEAD_DAYS) chance that stock has ended by the end of day k + 1, if nothing more is ordered."""
    days = np.arange(1, LOOKS_AHEAD_DAYS + 1, dtype=np.float64)
    mean = at.daily[:, None] * days[None, :]
    variance = at.variance(mean)
    found = _reached(mean, variance, at.on_hand[:, None])
    coming = np.flatnonzero(at.inbound > 0)
    if coming.size:
        both = _reached(mean[coming], variance[coming], (at.on_hand + at.inbound)[coming, None])
        found[coming] = _with_arrival(found[coming], both, _arrives(at, coming, days))
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


def _arrives(at: Position, which: npt.NDArray[np.intp], days: Array) -> Array:
    """(n, days) chance that what is on the way has come by then.

    Announced for a day it comes around that day; else as the seller's lead times say for something that old. A few
    never come.
    """
    spread = np.maximum(at.lead_spread[which], 0.05)[:, None]
    age = np.maximum(np.nan_to_num(at.inbound_age_days[which]), 0.0)[:, None]
    due = (age[:, 0] + at.inbound_days[which])[:, None]  # what was announced, counted from ordering
    usual = np.where(due > 0, due, at.lead_days[which, None])
    usual = np.where(np.isnan(usual), at.lead_days[which, None], usual)
    still = 1.0 - ndtr(np.log(np.maximum(age, 0.25) / usual) / spread)
    then = 1.0 - ndtr(np.log((age + days[None, :]) / usual) / spread)
    never = LOST_SHARE / (LOST_SHARE + (1.0 - LOST_SHARE) * still)  # the longer it is overdue, the less it is believed
    found: Array = (1.0 - never) * np.clip(1.0 - then / np.maximum(still, 1e-6), 0.0, 1.0)
    return np.maximum.accumulate(found, axis=1)


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
    best = np.zeros(len(curve))
    is_open = np.ones(len(curve), dtype=bool)
    for wait in range(LOOKS_AHEAD_DAYS):
        rows = np.flatnonzero(is_open)
        if not rows.size:
            break
        risk = np.mean([_read(curve[rows], lead[rows] + wait) for lead in leads], axis=0)
        is_open[rows] = (risk <= terms.most_risk) & (leads[-1, rows] + wait < LOOKS_AHEAD_DAYS)
        best[is_open] = float(wait)
    return best


def _short(at: Position, days: Array) -> Array:
    """Expected pieces wanted beyond what is there, over ``days``; what is on the way counts as far as it has come."""
    mean = at.daily * days
    variance = at.variance(mean)
    alone = short(mean, variance, at.on_hand)
    if not np.any(at.inbound > 0):
        return alone
    came = _came(at, days)
    found: Array = (1.0 - came) * alone + came * short(mean, variance, at.on_hand + at.inbound)
    return found


def _came(at: Position, days: Array) -> Array:
    found = np.zeros(len(days))
    coming = np.flatnonzero(at.inbound > 0)
    if coming.size:
        every = np.arange(1, LOOKS_AHEAD_DAYS + 1, dtype=np.float64)
        found[coming] = _read(_arrives(at, coming, every), days[coming])
    return found


def _quantity(at: Position, leads: Array, terms: Terms, level: float | Array | None) -> Array:
    """The least order with which demand of lead time and review is covered with the wanted chance."""
    wanted = terms.fractile(at.lead_days, at.daily) if level is None else np.broadcast_to(level, at.daily.shape)
    windows = leads + terms.review_days
    means = at.daily[None, :] * windows
    variances = at.spread[0] * means + at.spread[1] * means * means
    coming = np.flatnonzero(at.inbound > 0)
    came = np.stack([_came(at, window) for window in windows])[:, coming]
    low = np.full(len(at.daily), -1.0)
    high = np.ceil(means.max(axis=0) + 12 * np.sqrt(np.maximum(variances.max(axis=0), 1.0)) + 12)
    for _ in range(40):
        between = np.floor((low + high) / 2)
        here = at.on_hand + between  # demand of all of it would leave an empty shelf: that is what is told of
        missed = _reached(means, variances, here[None, :])
        both = _reached(means[:, coming], variances[:, coming], (here + at.inbound)[None, coming])
        missed[:, coming] = (1 - came) * missed[:, coming] + came * both
        enough = 1.0 - missed.mean(axis=0) >= wanted
        high, low = np.where(enough, between, high), np.where(enough, low, between)
        if np.all(high - low <= 1):
            break
    found: Array = np.maximum(high, 0.0)
    return found
