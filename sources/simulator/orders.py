"""Orders: who bought, what was promised, when it was paid and approved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.simulator import laws
from sources.simulator.arrays import NEVER, NEVER_US, Floats, Ints
from sources.simulator.calendar import DAY_US, Days
from sources.simulator.causes import Levels
from sources.simulator.demand import Wishes
from sources.simulator.draws import Draws
from sources.simulator.entities import Buyers, Sellers, Skus
from sources.simulator.geography import DIRECT, N_REGIONS, REGIONS, VIA, Paths
from sources.simulator.stock import Sold

PAYMENTS = (("credit_card", "pix", "boleto"), ("credit_card", "wallet", "wallet"))
PAYMENT_SHARES = ((0.70, 0.88), (0.80, 1.0))
SLIP = 2
"""Place of the bank slip in PAYMENTS: it is paid days later, or not at all."""
SLIP_EXTRA_DAYS, SLIP_UNPAID, SLIP_UNPAID_DAYS = 3, 0.08, 3
FESTIVAL_EXTRA_DAYS = 2
PROMISE_SPARE_DAYS = 1
ORDERS_OF_A_DAY = 10**8


@dataclass(frozen=True)
class Orders:
    """Orders of one chunk of one day. Times in microseconds since 1970, days as indexes; NEVER where it does not
    happen.

    line_order: (lines,) the position of each line's order; the other line_ arrays go with it.
    """

    number: Ints
    day: int
    created_us: Ints
    seller: Ints
    sku: Ints
    buyer: Ints
    region: Ints
    country: Ints
    payment: Ints
    path: Ints
    limit: Ints
    approved_day: Ints
    approved_us: Ints
    ship_by_day: Ints
    promise_day: Ints
    seller_level: Ints
    miscounted: Ints
    misleading: Ints
    value: Floats
    freight: Floats
    line_order: Ints
    line_no: Ints
    line_sku: Ints
    line_quantity: Ints
    line_price: Floats

    @property
    def count(self) -> int:
        return self.number.size


@dataclass(frozen=True)
class Market:
    """All that an order is made from, besides the day."""

    sellers: Sellers
    skus: Skus
    buyers: Buyers
    paths: Paths
    days: Days
    promise: Ints
    midnight_us: int
    seller_levels: Levels
    miscounts: Levels
    misleads: Levels


def promise_table(paths: Paths) -> Ints:
    """(limits, paths) days from order to promise: kept by PROMISE_KEPT of parcels when all is well, and a day to
    spare.
    """
    table = np.zeros((len(laws.LIMITS), paths.kind.size), dtype=np.int64)
    kinds = np.stack([paths.kind, paths.leg_1, paths.leg_2])
    distinct, inverse = np.unique(kinds, axis=1, return_inverse=True)
    for limit in range(len(laws.LIMITS)):
        quantiles = [_promise(limit, *map(int, distinct[:, i])) for i in range(distinct.shape[1])]
        table[limit] = np.array(quantiles)[np.asarray(inverse).ravel()]
    return table


def _promise(limit: int, kind: int, leg_1: int, leg_2: int) -> int:
    fine = int(laws.handling_row(np.array(limit), np.array(0), np.array(0)))
    steps = [laws.HANDLING[fine], laws.PICKUP[0], laws.DWELL[0], laws.LAST_MILE[0]]
    steps += [laws.LEG[leg_1], laws.DWELL[0]] if kind >= DIRECT else []
    steps += [laws.LEG[leg_2], laws.DWELL[0]] if kind == VIA else []
    total = np.ones(1)
    for law in steps:
        total = np.convolve(total, law)
    return int(np.searchsorted(np.cumsum(total), laws.PROMISE_KEPT)) + PROMISE_SPARE_DAYS


def place_orders(
    wishes: Wishes, sold: Sold, discount: Floats, day: int, market: Market, draws: Draws, chunk: int
) -> Orders:
    """The orders that came of a chunk's wishes. Lines that found nothing left are dropped, and orders without lines."""
    lines = np.flatnonzero(sold.filled > 0)
    lines = lines[np.lexsort((wishes.line_no[lines], wishes.arrival[lines]))]
    arrival, first_line, line_order = np.unique(wishes.arrival[lines], return_index=True, return_inverse=True)
    place = arrival - wishes.first
    uniform = draws.at("order", day, chunk).random((9, wishes.count))[:, place]
    sku = wishes.sku[lines][first_line]
    seller = market.skus.seller[sku]
    country = market.sellers.country[seller]
    region, buyer = _buyer(country, uniform[0], market.buyers)
    payment = (uniform[1][:, None] >= np.array(PAYMENT_SHARES)[country]).sum(axis=1)
    created_us = market.midnight_us + day * DAY_US + _microseconds(wishes.time[lines][first_line])
    approved_us = _approved(created_us, payment, uniform[2], uniform[3])
    approved_day = np.where(approved_us < NEVER_US, (approved_us - market.midnight_us) // DAY_US, NEVER)
    usual = uniform[4] < market.sellers.main_share[seller]
    carrier = np.where(usual, market.sellers.main[seller], market.sellers.other[seller])
    path = (carrier * N_REGIONS + market.sellers.region[seller]) * N_REGIONS + region
    limit = market.sellers.limit[seller]
    late_payment = np.where(payment == SLIP, SLIP_EXTRA_DAYS, 0) * (country == 0)
    ship_by = market.days.next_open[country, day + np.array(laws.LIMITS)[limit] + late_payment]
    extra = late_payment + (FESTIVAL_EXTRA_DAYS if market.days.festival[day] else 0)
    promise = market.days.next_open[country, day + market.promise[limit, path] + extra]
    level_day = np.minimum(approved_day, market.seller_levels.shape[1] - 1)
    line_sku, line_quantity = wishes.sku[lines], sold.filled[lines]
    price = np.round(market.skus.price[line_sku] * (1 - discount[line_sku]), 2)
    value = np.bincount(line_order, price * line_quantity, arrival.size)
    grams = np.bincount(line_order, market.skus.weight_g[line_sku] * line_quantity, arrival.size)
    freight = 6.0 + 0.006 * market.paths.distance[path] + 0.0012 * grams
    return Orders(
        number=day * ORDERS_OF_A_DAY + arrival, day=day, created_us=created_us, seller=seller, sku=sku,
        buyer=buyer, region=region, country=country, payment=payment, path=path, limit=limit,
        approved_day=approved_day, approved_us=approved_us, ship_by_day=ship_by, promise_day=promise,
        seller_level=market.seller_levels[seller, level_day].astype(np.int64),
        miscounted=market.miscounts[sku, day].astype(np.int64),
        misleading=market.misleads[sku, day].astype(np.int64),
        value=np.round(value, 2), freight=np.round(np.where(country == 1, freight * 0.4, freight), 2),
        line_order=line_order.astype(np.int64), line_no=_renumbered(line_order), line_sku=line_sku,
        line_quantity=line_quantity, line_price=price,
    )  # fmt: skip


def _microseconds(share_of_day: Floats) -> Ints:
    """Whole seconds of a share of a day, in microseconds."""
    return (share_of_day * 86_400).astype(np.int64) * 1_000_000


def _renumbered(line_order: Ints) -> Ints:
    """1 for an order's first line that was filled, 2 for its second."""
    return np.asarray(1 + np.append(False, line_order[1:] == line_order[:-1]).astype(np.int64)[: line_order.size])


def _buyer(country: Ints, uniform: Floats, buyers: Buyers) -> tuple[Ints, Ints]:
    """A buyer of the seller's country for each order, all alike, and their region."""
    home = np.array([0 if region.country == "BR" else 1 for region in REGIONS])
    low = np.array([buyers.first[np.flatnonzero(home == code)[0]] for code in (0, 1)])
    high = np.array([buyers.first[np.flatnonzero(home == code)[-1] + 1] for code in (0, 1)])
    buyer = (low[country] + uniform * (high - low)[country]).astype(np.int64)
    return buyers.region(buyer), buyer


def _approved(created_us: Ints, payment: Ints, fast: Floats, slow: Floats) -> Ints:
    """When an order was approved: minutes after it was placed, or days for a bank slip; far in the future if never
    paid.
    """
    minutes = 1 + 40 * fast**2
    is_slip = payment == SLIP
    slip_days = 0.4 + 2.3 * slow
    seconds = np.where(is_slip, slip_days * 86_400, minutes * 60).astype(np.int64)
    unpaid = is_slip & (fast < SLIP_UNPAID)
    return np.where(unpaid, NEVER_US, created_us + seconds * 1_000_000)
