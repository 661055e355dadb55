"""What only the world knows, written to ``truth/`` beside the tables. No product code reads it.

causes: episodes of every cause. outcomes: how each order ended in a world in which nobody is told, and which of its
troubles telling would have prevented. demand: what buyers wanted, sold or not. lead_times: what each replenishment
takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from sources.simulator import causes, names
from sources.simulator.arrays import NEVER, Floats, Ints
from sources.simulator.causes import Chain, Levels
from sources.simulator.geography import CARRIERS, CODES, N_REGIONS, hub_name
from sources.simulator.journey import Journeys
from sources.simulator.orders import Orders
from sources.simulator.problems import CANCELLED, ON_TIME, Problems
from sources.simulator.reactions import BAD_REVIEW_EFFECT, DISPUTE_EFFECT
from sources.simulator.stock import Placed

PROBLEMS = (
    "late_delivery", "stalled_parcel", "lost_parcel", "seller_cancellation",
    "return_or_refund", "dispute", "bad_review", "will_contact",
)  # fmt: skip
CAUSES = pa.schema([
    ("cause", pa.string()), ("entity", pa.string()), ("level", pa.int32()), ("first_day", pa.date32()),
    ("last_day", pa.date32()),
])  # fmt: skip
DEMAND = pa.schema([
    ("sku_id", pa.string()), ("stock_day", pa.date32()), ("expected_orders", pa.float64()),
    ("wanted_pieces", pa.float64()), ("sold_pieces", pa.float64()), ("out_at", pa.float64()),
])  # fmt: skip
LEAD_TIMES = pa.schema([
    ("inbound_id", pa.string()), ("sku_id", pa.string()), ("ordered_day", pa.date32()), ("lead_days", pa.int32()),
    ("reminded", pa.bool_()),
])  # fmt: skip
OUTCOMES = pa.schema([
    ("order_id", pa.string()),
    *((problem, pa.bool_()) for problem in PROBLEMS),
    *((f"{problem}_day", pa.date32()) for problem in PROBLEMS),
    ("dispute_if_told", pa.bool_()), ("bad_review_if_told", pa.bool_()),
])  # fmt: skip


def cause_rows(levels: list[tuple[Chain, Levels]], first_day: date, days: int) -> pa.Table:
    """Every episode of every cause within the span. An episode that lasts beyond it ends with it."""
    return pa.Table.from_pylist(list(_episodes(levels, first_day, days)), CAUSES)


def _episodes(levels: list[tuple[Chain, Levels]], first_day: date, days: int) -> Iterator[dict[str, object]]:
    for chain, states in levels:
        name = ENTITY_NAMES[chain.name]
        for entity, level, low, high in causes.episodes(states, days):
            yield {
                "cause": chain.name, "entity": name(entity), "level": level,
                "first_day": first_day + timedelta(days=low), "last_day": first_day + timedelta(days=high),
            }  # fmt: skip


def _route_name(route: int) -> str:
    carrier, region = divmod(route, N_REGIONS)
    return f"{CARRIERS[carrier].name} > {CODES[region]}"


ENTITY_NAMES: dict[str, Callable[[int], str]] = {
    causes.HUB.name: hub_name,
    causes.ROUTE.name: _route_name,
    causes.SELLER.name: "s{:06d}".format,
    causes.SUPPLIER.name: "s{:06d}".format,
    causes.MISCOUNT.name: "k{:07d}".format,
    causes.MISLEADING.name: "k{:07d}".format,
}


def demand_rows(rates: Floats, wanted: Ints, sold: Ints, out_at: Floats, day: int, first_day: date) -> pa.Table:
    """One row per article: expected orders (its own, without second lines), pieces wanted and sold, share of the day
    it had stock.
    """
    count = rates.size
    return pa.table({
        "sku_id": names.sku_ids(np.arange(count)),
        "stock_day": _dates(np.full(count, day), first_day),
        "expected_orders": pa.array(rates),
        "wanted_pieces": pa.array(wanted.astype(np.float64)),
        "sold_pieces": pa.array(sold.astype(np.float64)),
        "out_at": pa.array(out_at),
    })  # fmt: skip


def lead_time_rows(placed: Placed, day: int, first_day: date) -> pa.Table:
    """One row per replenishment ordered on a day; lead_days is null where it will be cancelled."""
    return pa.table({
        "inbound_id": names.numbered("i", day * 10**7 + placed.sku, 11),
        "sku_id": names.sku_ids(placed.sku),
        "ordered_day": _dates(np.full(placed.sku.size, day), first_day),
        "lead_days": pa.array(placed.lead_days.astype(np.int32), mask=placed.lead_days >= NEVER),
        "reminded": pa.array(placed.reminded),
    })  # fmt: skip


def outcome_rows(orders: Orders, journeys: Journeys, problems: Problems, first_day: date) -> pa.Table:
    """One row per order. late_delivery is null where the order was cancelled; a parcel that never came is late."""
    days = outcome_days(orders, journeys, problems)
    cancelled = problems.bucket == CANCELLED
    columns: dict[str, pa.Array] = {"order_id": names.order_ids(orders.number)}
    for problem in PROBLEMS:
        happened = days[problem] < NEVER
        columns[problem] = pa.array(happened, mask=cancelled) if problem == "late_delivery" else pa.array(happened)
    for problem in PROBLEMS:
        columns[f"{problem}_day"] = _dates(days[problem], first_day)
    columns["dispute_if_told"] = pa.array(problems.dispute.happens(DISPUTE_EFFECT))
    columns["bad_review_if_told"] = pa.array(problems.bad_review.happens(BAD_REVIEW_EFFECT))
    return pa.table(columns)


def outcome_days(orders: Orders, journeys: Journeys, problems: Problems) -> dict[str, Ints]:
    """The day on which each problem became fact, NEVER where it did not; late_delivery: the day after the promised
    one.
    """
    late = (problems.bucket > ON_TIME) & (problems.bucket < CANCELLED)
    contacts = problems.contacts.happens
    first_contact = np.where(contacts.any(axis=1), orders.approved_day + contacts.argmax(axis=1), NEVER)
    return {
        "late_delivery": np.where(late, orders.promise_day + 1, NEVER),
        "stalled_parcel": problems.stalled_day,
        "lost_parcel": journeys.lost_day,
        "seller_cancellation": np.where(journeys.cancelled_by == 1, journeys.cancelled_day, NEVER),
        "return_or_refund": np.minimum(problems.returns.when(), problems.refunded),
        "dispute": problems.dispute.when(),
        "bad_review": problems.bad_review.when(),
        "will_contact": first_contact,
    }


def _dates(day: Ints, first_day: date) -> pa.Array:
    epoch = (first_day - date(1970, 1, 1)).days
    there = day < NEVER
    return pa.array((np.where(there, day, 0) + epoch).astype(np.int32), mask=~there).cast(pa.date32())
