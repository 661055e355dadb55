"""Scans: the moments at which a parcel was seen, and the later moments at which the platform came to know.

Most scans arrive within minutes, one in nine after hours, some after days: they overtake each other. A hub that slows
or backs up is late with its scans too, which is the first trace of it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sources.simulator import names
from sources.simulator.arrays import NEVER, Floats, Ints
from sources.simulator.buckets import DayBuckets
from sources.simulator.causes import Levels
from sources.simulator.draws import Draws
from sources.simulator.geography import N_HUBS, REGIONS, hub_name
from sources.simulator.journey import (
    DELIVERED,
    HUB_A,
    HUB_B,
    HUB_G,
    LAST_MILE,
    LEG_1,
    LEG_2,
    OUT,
    PICKUP,
    Journeys,
)  # fmt: skip
from sources.simulator.orders import Market, Orders
from sources.simulator.rows import at_day, day_of

EVENTS = ("handed_over", "hub_in", "hub_out", "out_for_delivery", "attempt_failed", "delivered", "returned", "lost")
_BEGINS = {PICKUP: 0, HUB_A: 1, LEG_1: 2, HUB_G: 1, LEG_2: 2, HUB_B: 1, LAST_MILE: 2, OUT: 3, DELIVERED: 5}
_AT_DOOR = (PICKUP, OUT, DELIVERED)
"""Steps that begin within people's hours; hubs work around the clock."""
HOURS_LATE, DAYS_LATE = (0.11, 0.40, 0.75), 0.03
"""Share of scans that the platform learns of hours late, by the level of the hub, and days late, anywhere."""
SECONDS_A_DAY = 86_400.0
NO_HUB = N_HUBS


def scan_rows(
    orders: Orders, journeys: Journeys, market: Market, hubs: Levels, buckets: DayBuckets, draws: Draws, chunk: int
) -> None:
    """Rows of ``shipment_events`` for a chunk of orders."""
    at = draws.at("scans", orders.day, chunk)
    steps, share = _moments(orders, journeys, at.random((orders.count, DELIVERED + 1)))
    at_hub = _hubs(orders, market)
    flat = [_begun(step, journeys, share, at_hub) for step in steps]
    flat += _ends(journeys, share, at.random((3, orders.count)))
    place = np.concatenate([part[0] for part in flat])
    event = np.concatenate([np.full(part[0].size, part[1]) for part in flat])
    day = np.concatenate([part[2] for part in flat])
    when = at_day(day, np.concatenate([part[3] for part in flat]), market)
    hub = np.concatenate([part[4] for part in flat])
    level = np.where(hub == NO_HUB, 0, hubs[np.minimum(hub, N_HUBS - 1), np.minimum(day, hubs.shape[1] - 1)])
    known = when + _delays(np.array(HOURS_LATE)[level], at.random((2, place.size)))
    table = pa.table({
        "shipment_id": names.shipment_ids(orders.number[place]),
        "event": names.chosen(EVENTS, event),
        "event_at": names.times(when),
        "hub": names.chosen([*map(hub_name, range(N_HUBS)), None], hub),
        "recorded_at": names.times(known),
    })  # fmt: skip
    buckets.add("shipment_events", day_of(known, market), table)


Part = tuple[Ints, int, Ints, Floats, Ints]
"""Positions of orders, place in EVENTS, day, share of the day, hub."""


def _moments(orders: Orders, journeys: Journeys, uniform: Floats) -> tuple[list[int], Floats]:
    """The share of the day at which each step begins: later than the step before it where both are on one day."""
    opens = np.array([region.open_hour for region in REGIONS])[orders.region] / 24
    share = np.zeros_like(uniform)
    last_day, last_share = orders.approved_day.copy(), np.full(orders.count, 0.5)
    within = orders.approved_us // 1_000_000 % 86_400 / SECONDS_A_DAY
    last_share = np.where(orders.approved_day < NEVER, within, last_share)
    steps = list(_BEGINS)
    for step in steps:
        day = journeys.entered[:, step]
        lowest = opens if step in _AT_DOOR else np.full(orders.count, 0.02)
        same = (day == last_day) & (day < NEVER)
        low = np.where(same, np.maximum(last_share, lowest), lowest)
        high = np.where(same, 0.99999, 0.97)
        place = np.where(same, 0.04 + 0.5 * uniform[:, step], uniform[:, step])
        share[:, step] = low + (high - low) * place
        moved = journeys.has[:, step] & (day < NEVER)
        last_day = np.where(moved, day, last_day)
        last_share = np.where(moved, share[:, step], last_share)
    return steps, share


def _hubs(orders: Orders, market: Market) -> dict[int, Ints]:
    paths, path = market.paths, orders.path
    a, g, b = paths.hub_a[path], paths.hub_g[path], paths.hub_b[path]
    return {HUB_A: a, LEG_1: a, HUB_G: g, LEG_2: g, HUB_B: b, LAST_MILE: b}


def _begun(step: int, journeys: Journeys, share: Floats, hubs: dict[int, Ints]) -> Part:
    """The scan with which a step begins, for the orders whose path has the step."""
    day = journeys.entered[:, step]
    there = np.flatnonzero((day < NEVER) & journeys.has[:, step])
    hub = hubs[step][there] if step in hubs else np.full(there.size, NO_HUB)
    return there, _BEGINS[step], day[there], share[there, step], hub


def _ends(journeys: Journeys, share: Floats, uniform: Floats) -> list[Part]:
    """Failed attempts (the first on the day the parcel went out), parcels sent back and parcels declared lost."""
    parts: list[Part] = []
    last = journeys.attempts.shape[1] - 1
    for n in range(last + 1):
        day = journeys.attempts[:, n]
        failed = (day < NEVER) & (journeys.delivered_day != day)
        failed &= ~((journeys.returned_day == day) & (n == last))
        there = np.flatnonzero(failed)
        after = np.where(n == 0, share[there, OUT], 0.7)
        parts.append((there, 4, day[there], after + (0.9998 - after) * 0.5, np.full(there.size, NO_HUB)))
    for event, days, row in ((6, journeys.returned_day, 0), (7, journeys.lost_day, 1)):
        there = np.flatnonzero(days < NEVER)
        parts.append((there, event, days[there], 0.75 + 0.2 * uniform[row][there], np.full(there.size, NO_HUB)))
    return parts


def _delays(hours_late: Floats, uniform: Floats) -> Ints:
    """Microseconds from the scan to the platform's knowing of it."""
    kind, much = uniform
    seconds = 30 + 1_500 * much**2
    seconds = np.where(kind < hours_late + DAYS_LATE, 3_600 * (1 + 14 * much), seconds)
    seconds = np.where(kind < DAYS_LATE, 86_400 * (0.8 + 2.4 * much), seconds)
    return np.asarray(seconds.astype(np.int64) * 1_000_000)
