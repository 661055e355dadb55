"""The world, day by day: demand, stock, orders, parcels, people, files.

A day's orders are drawn whole, with all that will ever happen to them; what becomes known later waits in buckets for
its day. So memory holds entities, one chunk of orders and the waiting rows (bounded, ``buckets``), whatever the size
of the world.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lake.store import arrow_schema
from lake.tables import CONTRACT
from sources.simulator import causes, demand, entities, oracle, rows, scans, shelf, stock, stock_odds, truth, voices
from sources.simulator.arrays import Flags, Floats, Ints
from sources.simulator.buckets import MEMORY_BOUND_BYTES, DayBuckets
from sources.simulator.calendar import DAY_US, make_days
from sources.simulator.draws import Draws
from sources.simulator.geography import N_CARRIERS, N_HUBS, N_REGIONS, make_paths
from sources.simulator.journey import Road, travel
from sources.simulator.kernels import Sight
from sources.simulator.orders import ORDERS_OF_A_DAY, Market, Orders, place_orders, promise_table
from sources.simulator.parameters import WorldParameters
from sources.simulator.people import write_people
from sources.simulator.problems import find_problems
from sources.simulator.reactions import SELLER_ACTS, SELLER_DELAYS, Notices, read_notices
from sources.simulator.requests import request_rows
from sources.simulator.writer import GrowingFile, write_day

LOG = logging.getLogger(__name__)
SCHEMAS = {name: arrow_schema(table) for name, table in CONTRACT.items()}
TRUTH_SCHEMAS = {
    "outcomes": truth.OUTCOMES, "demand": truth.DEMAND, "lead_times": truth.LEAD_TIMES, "probabilities": oracle.SCHEMA,
    "stock_out": stock_odds.SCHEMA,
}  # fmt: skip
ORACLE_CHUNK = 20_000
STOCK_TRUTH_EVERY_DAYS = 7


@dataclass(frozen=True, slots=True)
class WorldSummary:
    """What was written. rows: by table. orders: placed within the span. first_day, last_day: of the files."""

    out: Path
    parameters: WorldParameters
    orders: int
    sellers: int
    skus: int
    people: int
    rows: dict[str, int]


class WorldExistsError(ValueError):
    """The folder already holds something."""


def write_world(out: Path, parameters: WorldParameters, reactions: Path | None = None) -> WorldSummary:
    """Write a whole world into an empty or new folder ``out``: tables, ``people.parquet`` and ``truth/``.

    reactions: notices that were sent (``reactions.read_notices``), to which people react. The same parameters and
    reactions give the same bytes. Raises WorldExistsError where ``out`` holds anything, ReactionsError for a file that
    cannot be used.
    """
    world = World(out, parameters, read_notices(reactions))
    for _ in world.days():
        pass
    return world.summary()


@dataclass
class _Counts:
    orders: int = 0
    people: int = 0
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CONTRACT, 0))


class World:
    """A world that is written a day at a time. ``notices`` may be added to between days: people react from then on."""

    def __init__(
        self, out: Path, parameters: WorldParameters, notices: Notices, memory_bound_bytes: int = MEMORY_BOUND_BYTES
    ) -> None:
        if out.exists() and any(out.iterdir()):
            raise WorldExistsError(f"{out} is not empty. Nothing was written. Remove it or name another folder.")
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.parameters, self.notices = out, parameters, notices
        self.draws = draws = Draws(parameters.seed)
        self.days_ = make_days(parameters)
        strain = self.days_.strain[: parameters.horizon]
        self.sellers = entities.make_sellers(parameters, draws)
        ordinary = float(self.days_.demand[:, : parameters.days].mean(axis=0).sum())
        self.skus = entities.make_skus(parameters, self.sellers, ordinary, draws)
        self.paths = make_paths()
        self.levels = self._levels(strain)
        self.market = Market(
            self.sellers, self.skus, entities.make_buyers(parameters), self.paths, self.days_,
            promise_table(self.paths), parameters.midnight_us, self.levels[causes.SELLER.name],
            self.levels[causes.MISCOUNT.name], self.levels[causes.MISLEADING.name],
        )  # fmt: skip
        self.road = Road(self.paths, self.days_, self.levels[causes.HUB.name], self.levels[causes.ROUTE.name])
        self.ledger = stock.open_ledger(self.skus, self.sellers, draws)
        self.plans = demand.no_promotions(self.skus.count)
        self.calendar = shelf.calendar_by_day(parameters)
        self.buckets = DayBuckets(out / ".waiting", memory_bound_bytes)
        self.truth: dict[str, GrowingFile] = {}
        self.counts = _Counts()

    def _levels(self, strain: Flags) -> dict[str, causes.Levels]:
        sizes = (
            N_HUBS,
            N_CARRIERS * N_REGIONS,
            self.sellers.count,
            self.sellers.count,
            self.skus.count,
            self.skus.count,
        )
        return {
            chain.name: causes.run(chain, size, strain, self.draws)
            for chain, size in zip(causes.CHAINS, sizes, strict=True)
        }

    def days(self) -> Iterator[int]:
        """Write the world, a day per step; yields the index of the day whose files were just written."""
        self._begin()
        for day in range(self.parameters.days):
            self._live(day)
            self._write(day)
            yield day
        for file in self.truth.values():
            file.close()
        shutil.rmtree(self.out / ".waiting", ignore_errors=True)

    def summary(self) -> WorldSummary:
        return WorldSummary(
            self.out, self.parameters, self.counts.orders, self.sellers.count, self.skus.count, self.counts.people,
            {name: rows for name, rows in self.counts.rows.items() if rows},
        )  # fmt: skip

    def _begin(self) -> None:
        parameters = self.parameters
        self.counts.people = write_people(self.out / "people.parquet", self.market.buyers, self.sellers, self.draws)
        (self.out / "truth").mkdir()
        for name, schema in TRUTH_SCHEMAS.items():
            self.truth[name] = GrowingFile(self.out / "truth" / f"{name}.parquet", schema)
        chains = [(chain, self.levels[chain.name]) for chain in causes.CHAINS]
        known = truth.cause_rows(chains, parameters.first_day, parameters.days)
        pq.write_table(known, self.out / "truth" / "causes.parquet", compression="zstd")
        everything = np.arange(self.skus.count)
        price = self._price(0)
        listed = shelf.listing_rows(everything, price, self.skus, parameters.first_day, parameters.midnight_us)
        self._hold("listings", 0, listed)

    def _live(self, day: int) -> None:
        """All that happens on one day, in its order: plans, sales, orders, arrivals, reorders, the evening's count."""
        self._announce(day)
        rates = demand.rates_on(self.plans, self.skus, self.sellers, day, self.days_)
        count = demand.wanted(rates, day, self.draws)
        discount = self._discount(day)
        sold, wanted = np.zeros(self.skus.count, dtype=np.int64), np.zeros(self.skus.count, dtype=np.int64)
        in_stock = np.where(self.ledger.on_hand > 0, 1.0, 0.0)
        first = 0
        for chunk in demand.chunks(count, self.sellers):
            wishes = demand.wishes(count, chunk, first, day, self.skus, self.sellers, self.draws)
            result = stock.sell(self.ledger.on_hand, wishes)
            low, high = chunk
            sold[low:high], in_stock[low:high] = result.sold[low:high], result.out_at[low:high]
            wanted += np.bincount(wishes.sku, wishes.quantity, self.skus.count).astype(np.int64)
            self._follow(
                place_orders(wishes, result, discount, day, self.market, self.draws, low),
                wishes.first,
                wishes.count,
                low,
            )
            first += wishes.count
        self._shelve(day, sold, wanted, in_stock, rates)

    def _follow(self, orders: Orders, first: int, count: int, chunk: int) -> None:
        """The whole fate of a chunk of orders, put where each row will become known."""
        if orders.count == 0:
            return
        places = orders.number - orders.day * ORDERS_OF_A_DAY - first
        journeys = travel(orders, self.road, self.draws, chunk, places, count)
        problems = find_problems(orders, journeys, self.draws, chunk, places, count)
        market, buckets, draws = self.market, self.buckets, self.draws
        rows.order_rows(orders, market, buckets)
        rows.order_event_rows(
            orders, journeys, problems.refunded, problems.returns.when(), market, buckets, draws, chunk
        )
        rows.shipment_rows(orders, market, buckets)
        scans.scan_rows(orders, journeys, market, self.road.hubs, buckets, draws, chunk)
        voices.contact_rows(orders, problems, market, buckets, draws, chunk)
        voices.review_rows(orders, problems, market, buckets, draws, chunk)
        voices.dispute_rows(orders, journeys, problems, market, buckets, draws, chunk)
        self._hold("outcomes", orders.day, truth.outcome_rows(orders, journeys, problems, self.parameters.first_day))
        request_rows(orders, journeys, problems, self.parameters.truth_every_day, buckets)
        self.counts.orders += orders.count

    def _shelve(self, day: int, sold: Ints, wanted: Ints, in_stock: Floats, rates: Floats) -> None:
        parameters, first_day = self.parameters, self.parameters.first_day
        self.ledger.on_hand = self.ledger.on_hand - sold
        arrivals = stock.receive(self.ledger, day)
        busy = rates / self.skus.rate
        stock.learn_pace(self.ledger, sold, in_stock, busy)
        self._remind(day)
        late = self.levels[causes.SUPPLIER.name][:, day] > 0
        placed = stock.reorder(self.ledger, day, self.days_, self.skus, self.sellers, late, self.draws)
        midnight = parameters.midnight_us + day * DAY_US
        today = shelf.date_of(parameters, day)
        seen = stock.listed_share(in_stock, self.levels[causes.MISCOUNT.name][:, day] > 0, day, self.draws)
        self._hold("stock", day, shelf.stock_rows(self.ledger, sold, seen, self.skus, today, midnight))
        self._hold("inbound", day, shelf.inbound_rows(arrivals, placed, self.skus, day, parameters.midnight_us))
        self._hold("demand", day, truth.demand_rows(rates, wanted, sold, in_stock, day, first_day))
        self._hold("lead_times", day, truth.lead_time_rows(placed, day, first_day))
        if parameters.truth_every_day or day % STOCK_TRUTH_EVERY_DAYS == STOCK_TRUTH_EVERY_DAYS - 1:
            ahead = [
                demand.rates_on(self.plans, self.skus, self.sellers, day + 1 + n, self.days_)
                for n in range(stock_odds.AHEAD)
            ]
            known = stock_odds.Shelf(self.ledger, day, np.stack(ahead), late, self.skus, self.sellers, self.days_)
            self._hold("stock_out", day, stock_odds.stock_out_rows(known, parameters.midnight_us, self.draws))

    def _remind(self, day: int) -> None:
        """Sellers who were reminded on this day make up their minds: half of them will order, today or soon."""
        midnight = self.parameters.midnight_us + day * DAY_US
        uniform = self.draws.at("remind", day).random((2, self.skus.count))
        for sku, pieces in self.notices.reminders(midnight, midnight + DAY_US):
            if sku < self.skus.count and uniform[0, sku] < SELLER_ACTS:
                delay = SELLER_DELAYS[int(uniform[1, sku] * len(SELLER_DELAYS))]
                self.ledger.remind_day[sku] = day + delay
                self.ledger.remind_quantity[sku] = pieces

    def _announce(self, day: int) -> None:
        """Calendar, promotions and prices that become known on a day."""
        parameters = self.parameters
        morning = parameters.midnight_us + day * DAY_US + 10 * 3600 * 1_000_000
        if day in self.calendar:
            self._hold("calendar", day, self.calendar[day])
        self.plans, planned = demand.plan_promotions(self.plans, day, self.days_, self.draws)
        plan = (self.plans.first[planned], self.plans.last[planned], self.plans.discount[planned])
        self._hold(
            "promotions", day, shelf.promotion_rows(planned, *plan, False, self.skus, parameters.first_day, morning)
        )
        start = parameters.festival_first
        if start >= 0 and day == max(0, start - demand.FESTIVAL_NOTICE_DAYS):
            joins = np.flatnonzero(self.skus.joins)
            first = np.full(joins.size, start)
            offer = demand.festival_discount(self.skus)[joins]
            last = first + parameters.festival_days - 1
            self._hold(
                "promotions",
                day,
                shelf.promotion_rows(joins, first, last, offer, True, self.skus, parameters.first_day, morning),
            )
        misleads = self.levels[causes.MISLEADING.name]
        if day > 0:
            changed = np.flatnonzero(misleads[:, day] != misleads[:, day - 1])
            today = shelf.date_of(parameters, day)
            midnight = parameters.midnight_us + day * DAY_US
            self._hold(
                "listings", day, shelf.listing_rows(changed, self._price(day)[changed], self.skus, today, midnight)
            )

    def _price(self, day: int) -> Floats:
        cheap = self.levels[causes.MISLEADING.name][:, day] > 0
        return np.round(self.skus.price * np.where(cheap, shelf.MISLEADING_PRICE, 1.0), 2)

    def _discount(self, day: int) -> Floats:
        """Share off the honest price: what a misleading listing takes off, and the promotion on top."""
        offer = demand.discount_on(self.plans, self.skus, day, self.days_)
        return np.asarray(1 - self._price(day) / self.skus.price * (1 - offer))

    def _hold(self, name: str, day: int, table: pa.Table) -> None:
        self.buckets.add(name, np.full(table.num_rows, day, dtype=np.int64), table)

    def _write(self, day: int) -> None:
        today = shelf.date_of(self.parameters, day)
        for name, schema in SCHEMAS.items():
            pieces = (voices.release(name, piece, self.notices) for piece in self.buckets.take(name, day))
            self.counts.rows[name] += write_day(self.out / name, today, pieces, schema)
        for name, file in self.truth.items():
            file.add(self._probabilities(day) if name == "probabilities" else self.buckets.take(name, day))

    def _probabilities(self, day: int) -> Iterator[pa.Table]:
        """True probabilities at the end of a day, for the orders that were asked about."""
        sight = Sight(day, self.road, self.days_.strain)
        pieces = list(self.buckets.take("requests", day))
        if pieces:
            asked = pa.concat_tables(pieces)
            for low in range(0, asked.num_rows, ORACLE_CHUNK):
                yield oracle.probabilities(
                    asked.slice(low, ORACLE_CHUNK).combine_chunks(), sight, self.parameters.midnight_us
                )
