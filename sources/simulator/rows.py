"""Orders and parcels as rows of the contract, each with the moment at which it became known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sources.simulator import names
from sources.simulator.arrays import NEVER, Floats, Ints
from sources.simulator.buckets import DayBuckets
from sources.simulator.calendar import DAY_US
from sources.simulator.draws import Draws
from sources.simulator.entities import CATEGORIES
from sources.simulator.geography import CARRIERS, CODES, COUNTRY_SHARE, CURRENCY, N_REGIONS
from sources.simulator.journey import Journeys
from sources.simulator.orders import PAYMENTS, Market, Orders

SECOND_US = 1_000_000
CLOSED_AFTER_DAYS = 12
BY = (None, "seller", "buyer", "platform")


def order_rows(orders: Orders, market: Market, buckets: DayBuckets) -> None:
    """Rows of ``orders`` and ``order_items``: known seconds after the order is placed."""
    ids = names.order_ids(orders.number)
    country = list(COUNTRY_SHARE)
    recorded = orders.created_us + 5 * SECOND_US
    days = market.days
    table = pa.table({
        "order_id": ids,
        "buyer_id": names.buyer_ids(orders.buyer),
        "created_at": names.times(orders.created_us),
        "promised_at": names.times(days.local_end_us[orders.region, orders.promise_day]),
        "ship_by": names.times(days.local_end_us[market.sellers.region[orders.seller], orders.ship_by_day]),
        "destination_region": names.chosen(CODES, orders.region),
        "payment_type": names.chosen([*PAYMENTS[0], *PAYMENTS[1]], orders.country * 3 + orders.payment),
        "currency": names.chosen([CURRENCY[code] for code in country], orders.country),
        "value": names.numbers(orders.value),
        "freight": names.numbers(orders.freight),
        "recorded_at": names.times(recorded),
    })  # fmt: skip
    buckets.add("orders", day_of(recorded, market), table)
    at = orders.line_order
    items = pa.table({
        "order_id": ids.take(pa.array(at)),
        "line_no": pa.array(orders.line_no).cast(pa.int32()),
        "seller_id": names.seller_ids(orders.seller[at]),
        "sku_id": names.sku_ids(orders.line_sku),
        "quantity": pa.array(orders.line_quantity).cast(pa.int32()),
        "unit_price": names.numbers(orders.line_price),
        "category": names.chosen(CATEGORIES, market.skus.category[orders.line_sku]),
        "weight_g": names.numbers(market.skus.weight_g[orders.line_sku]),
        "recorded_at": names.times(recorded[at]),
    })  # fmt: skip
    buckets.add("order_items", day_of(recorded, market)[at], items)


def order_event_rows(
    orders: Orders,
    journeys: Journeys,
    refunded: Ints,
    returned: Ints,
    market: Market,
    buckets: DayBuckets,
    draws: Draws,
    chunk: int,
) -> None:
    """Rows of ``order_events``. refunded, returned: (n,) day of the refund and of the buyer's request, or NEVER."""
    uniform = draws.at("order_events", orders.day, chunk).random((4, orders.count))
    approved = np.where(orders.approved_day < NEVER, orders.approved_us, 0)
    ended = journeys.delivered_day
    closed = np.where(ended < NEVER, ended + CLOSED_AFTER_DAYS, NEVER)
    within = [0.46 + 0.5 * row for row in uniform]
    cancelled_at = at_day(journeys.cancelled_day, within[0], market)
    # on the day of approval itself a cancellation comes after it
    cancelled_at = np.maximum(cancelled_at, np.where(approved > 0, approved + 600 * SECOND_US, 0))
    cancelled_at = np.minimum(cancelled_at, at_day(journeys.cancelled_day, np.full(orders.count, 0.99999), market))
    parts = (
        ("paid", approved - 30 * SECOND_US, orders.approved_day, None),
        ("approved", approved, orders.approved_day, 3),
        ("cancelled", cancelled_at, journeys.cancelled_day, journeys.cancelled_by),
        ("return_requested", at_day(returned, within[1], market), returned, 2),
        ("refunded", at_day(refunded, within[2], market), refunded, 3),
        ("closed", at_day(closed, within[3], market), closed, 3),
    )
    for event, at_us, day, by in parts:
        there = np.flatnonzero(day < NEVER)
        if there.size == 0:
            continue
        who = np.zeros(there.size, dtype=np.int64) if by is None else np.broadcast_to(by, (orders.count,))[there]
        recorded = at_us[there] + 20 * SECOND_US
        table = pa.table({
            "order_id": names.order_ids(orders.number[there]),
            "event": pa.array([event]).take(pa.array(np.zeros(there.size, dtype=np.int64))),
            "event_at": names.times(at_us[there]),
            "by": names.chosen(list(BY), who),
            "recorded_at": names.times(recorded),
        })  # fmt: skip
        buckets.add("order_events", day_of(recorded, market), table)


def shipment_rows(orders: Orders, market: Market, buckets: DayBuckets) -> None:
    """Rows of ``shipments``: the label is bought at approval."""
    there = np.flatnonzero(orders.approved_day < NEVER)
    recorded = orders.approved_us[there]
    carrier = orders.path[there] // (N_REGIONS * N_REGIONS)
    table = pa.table({
        "shipment_id": names.shipment_ids(orders.number[there]),
        "order_id": names.order_ids(orders.number[there]),
        "carrier": names.chosen([carrier.name for carrier in CARRIERS], carrier),
        "service_level": names.chosen([carrier.service for carrier in CARRIERS], carrier),
        "origin_region": names.chosen(CODES, market.sellers.region[orders.seller[there]]),
        "destination_region": names.chosen(CODES, orders.region[there]),
        "distance_km": names.numbers(np.round(market.paths.distance[orders.path[there]], 1)),
        "recorded_at": names.times(recorded),
    })  # fmt: skip
    buckets.add("shipments", day_of(recorded, market), table)


def at_day(day: Ints, share: Floats, market: Market) -> Ints:
    """The moment at a share of a day, to the second, in microseconds; 0 where the day is NEVER."""
    seconds = (share * 86_400).astype(np.int64) * SECOND_US
    return np.where(day < NEVER, market.midnight_us + np.minimum(day, 10**5) * DAY_US + seconds, 0)


def day_of(recorded_us: Ints, market: Market) -> Ints:
    """The day index on which something became known."""
    return np.asarray((recorded_us - market.midnight_us) // DAY_US)
