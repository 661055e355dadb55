"""Where each open order stands at a midnight: what the oracle needs to know to say what may still happen.

One row per order and snapshot. Snapshots: approval, hand_over, day_5, day_10, day_15, day_20 (days since approval)
while the order is open, and delivery; or ``day`` at every midnight where the parameters ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from sources.simulator.arrays import NEVER, Flags, Ints
from sources.simulator.buckets import DayBuckets
from sources.simulator.entities import is_critical
from sources.simulator.journey import DELIVERED, OUT, PICKUP, Journeys
from sources.simulator.orders import Orders
from sources.simulator.problems import CONTACT_WINDOW_DAYS, NEVER_CAME, Problems

SNAPSHOTS = ("approval", "hand_over", "day_5", "day_10", "day_15", "day_20", "delivery", "day")
APPROVAL, HAND_OVER, DELIVERY, EVERY_DAY = 0, 1, 6, 7
AGES = {2: 5, 3: 10, 4: 15, 5: 20}
EVERY_DAY_WINDOW = 45
CONTACT_HORIZON_DAYS = 3
COLUMNS = (
    "number", "snapshot", "path", "country", "step", "began", "approved", "ship_by", "promise", "limit", "level",
    "miscounted", "misleading", "critical", "failed", "bucket", "is_stalled", "writes",
)  # fmt: skip


def request_rows(orders: Orders, journeys: Journeys, problems: Problems, every_day: bool, buckets: DayBuckets) -> None:
    """Put each order's requests at the day whose end they are about."""
    for snapshot, day in _moments(orders, journeys, every_day):
        there = np.flatnonzero(_open(day, snapshot, orders, journeys))
        if there.size:
            buckets.add("requests", day[there], _rows(there, snapshot, day[there], orders, journeys, problems))


def _moments(orders: Orders, journeys: Journeys, every_day: bool) -> Iterator[tuple[int, Ints]]:
    """Each snapshot and the day it is taken on for each order; NEVER where it is not."""
    if every_day:
        for age in range(EVERY_DAY_WINDOW):
            yield EVERY_DAY, orders.approved_day + age
        return
    yield APPROVAL, orders.approved_day
    yield HAND_OVER, journeys.entered[:, PICKUP]
    for snapshot, age in AGES.items():
        yield snapshot, orders.approved_day + age
    yield DELIVERY, journeys.delivered_day


def _open(day: Ints, snapshot: int, orders: Orders, journeys: Journeys) -> Flags:
    if snapshot == DELIVERY:
        return np.asarray(day < NEVER)
    return np.asarray((orders.approved_day < NEVER) & (day < NEVER) & (journeys.over_day > day))


def _rows(there: Ints, snapshot: int, day: Ints, orders: Orders, journeys: Journeys, problems: Problems) -> pa.Table:
    entered = journeys.entered[there]
    step = (entered[:, PICKUP:DELIVERED] <= day[:, None]).sum(axis=1)
    attempts = journeys.attempts[there]
    writes = problems.contacts.happens[there]
    soon = (day - orders.approved_day[there])[:, None] + np.arange(1, CONTACT_HORIZON_DAYS + 1)
    values = (
        orders.number[there], np.full(there.size, snapshot), orders.path[there], orders.country[there], step,
        np.take_along_axis(entered, step[:, None], axis=1)[:, 0], orders.approved_day[there],
        orders.ship_by_day[there], orders.promise_day[there], orders.limit[there], orders.seller_level[there],
        orders.miscounted[there], orders.misleading[there], is_critical(orders.buyer[there]).astype(np.int64),
        np.where(step == OUT, (attempts <= day[:, None]).sum(axis=1), 0),
        np.where(snapshot == DELIVERY, problems.bucket[there], NEVER_CAME),
        (problems.stalled_day[there] <= day).astype(np.int64),
        np.take_along_axis(writes, np.minimum(soon, CONTACT_WINDOW_DAYS - 1), axis=1).any(axis=1).astype(np.int64),
    )  # fmt: skip
    return pa.table(dict(zip(COLUMNS, map(pa.array, values), strict=True)))
