"""The sellers' side as rows of the contract: stock, inbound, listings, promotions, calendar. Known on the day
itself.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from sources.simulator import names
from sources.simulator.arrays import Floats, Ints
from sources.simulator.calendar import DAY_US, MICROSECONDS, calendar_rows
from sources.simulator.entities import CATEGORIES, Skus
from sources.simulator.parameters import WorldParameters
from sources.simulator.stock import Arrivals, Ledger, Placed

DAY_ENDS_US = DAY_US - 60 * MICROSECONDS
"""A day's stock is counted and known at 23:59:00 UTC."""
ORDERED_US, RECEIVED_US = 21 * 3600 * MICROSECONDS, 15 * 3600 * MICROSECONDS
KNOWN_AFTER_US = 60 * MICROSECONDS
MISLEADING_PRICE = 0.8
"""A listing that begins to mislead does so with a lower price: that is its trace."""


def stock_rows(ledger: Ledger, sold: Ints, in_stock: Floats, skus: Skus, day: date, midnight_us: int) -> pa.Table:
    """How the day ended for every article."""
    count = skus.count
    return pa.table({
        "seller_id": names.seller_ids(skus.seller),
        "sku_id": names.sku_ids(np.arange(count)),
        "stock_day": _same(day, count),
        "on_hand": pa.array(ledger.on_hand.astype(np.float64)),
        "in_stock_share": pa.array(np.round(in_stock, 4)),
        "units_sold": pa.array(sold.astype(np.float64)),
        "closing_share": pa.nulls(count, pa.float64()),
        "ended_out": pa.array(ledger.on_hand == 0),
        "recorded_at": names.times(np.full(count, midnight_us + DAY_ENDS_US)),
    })  # fmt: skip


def inbound_rows(arrivals: Arrivals, placed: Placed, skus: Skus, day: int, first_us: int) -> pa.Table:
    """What was received, cancelled and ordered on a day."""
    midnight = first_us + day * DAY_US
    ended, begun = arrivals.sku.size, placed.sku.size
    sku = np.concatenate([arrivals.sku, placed.sku])
    ordered = np.concatenate([arrivals.ordered, np.full(begun, day)])
    event = np.concatenate([np.where(arrivals.came, 1, 2), np.zeros(begun, dtype=np.int64)])
    minute = (sku * 37 % 120) * 60 * MICROSECONDS
    when = midnight + minute + np.where(event == 0, ORDERED_US, RECEIVED_US)
    expected = np.concatenate([np.zeros(ended, dtype=np.int64), first_us + placed.expected * DAY_US + RECEIVED_US])
    return pa.table({
        "inbound_id": names.numbered("i", ordered * 10**7 + sku, 11),
        "event": names.chosen(("ordered", "received", "cancelled"), event),
        "event_at": names.times(when),
        "seller_id": names.seller_ids(skus.seller[sku]),
        "sku_id": names.sku_ids(sku),
        "quantity": pa.array(np.concatenate([arrivals.quantity, placed.quantity]).astype(np.float64)),
        "expected_at": pa.array(expected, mask=event != 0).cast(pa.timestamp("us", tz="UTC")),
        "recorded_at": names.times(when + KNOWN_AFTER_US),
    })  # fmt: skip


def listing_rows(sku: Ints, price: Floats, skus: Skus, day: date, recorded_us: int) -> pa.Table:
    """New prices of some articles, on offer until further notice."""
    return pa.table({
        "seller_id": names.seller_ids(skus.seller[sku]),
        "sku_id": names.sku_ids(sku),
        "category": names.chosen(CATEGORIES, skus.category[sku]),
        "price": pa.array(np.round(price, 2)),
        "active_from": _same(day, sku.size),
        "active_to": pa.nulls(sku.size, pa.date32()),
        "region": pa.nulls(sku.size, pa.string()),
        "recorded_at": names.times(np.full(sku.size, recorded_us)),
    })  # fmt: skip


def promotion_rows(
    sku: Ints, first: Ints, last: Ints, discount: Floats, featured: bool, skus: Skus, first_day: date, recorded_us: int
) -> pa.Table:
    """One row per article and planned day. first, last: day indexes per article."""
    days = last - first + 1
    at = np.repeat(np.arange(sku.size), days)
    day = np.repeat(first, days) + np.arange(at.size) - np.repeat(np.cumsum(days) - days, days)
    epoch = (first_day - date(1970, 1, 1)).days
    return pa.table({
        "seller_id": names.seller_ids(skus.seller[sku[at]]),
        "sku_id": names.sku_ids(sku[at]),
        "promo_day": pa.array((day + epoch).astype(np.int32)).cast(pa.date32()),
        "discount_share": pa.array(np.round(discount[at], 2)),
        "has_activity": pa.array(np.full(at.size, featured)),
        "recorded_at": names.times(np.full(at.size, recorded_us)),
    })  # fmt: skip


def calendar_by_day(parameters: WorldParameters) -> dict[int, pa.Table]:
    """Holidays and sales events, by the day index on which they are announced."""
    announced: dict[int, list[tuple[str, date, str, str, int]]] = {}
    for row in calendar_rows(parameters):
        announced.setdefault(row[4], []).append(row)
    return {day: _calendar(rows, parameters.midnight_us + day * DAY_US) for day, rows in announced.items()}


def _calendar(rows: list[tuple[str, date, str, str, int]], midnight_us: int) -> pa.Table:
    return pa.table({
        "region": pa.array([row[0] for row in rows], pa.string()),
        "calendar_day": pa.array([row[1] for row in rows], pa.date32()),
        "name": pa.array([row[2] for row in rows], pa.string()),
        "kind": pa.array([row[3] for row in rows], pa.string()),
        "recorded_at": names.times(np.full(len(rows), midnight_us + 9 * 3600 * MICROSECONDS)),
    })  # fmt: skip


def _same(day: date, count: int) -> pa.Array:
    return pa.array([day], pa.date32()).take(pa.array(np.zeros(count, dtype=np.int64)))


def date_of(parameters: WorldParameters, day: int) -> date:
    return parameters.first_day + timedelta(days=day)
