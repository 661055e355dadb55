"""The true chance of a stock-out day within some days, per article: many futures from what is on the shelf now.

Known to the oracle at the end of a UTC day: stock on hand, what is on the way and since when, promotions that are
announced, true demand, how the seller orders. Not known: who will buy, when suppliers will deliver, which looks the
seller will skip. Unlike the buyers' problems this is not computed in closed form: FUTURES futures are drawn for each
article, so a chance of 0.3 is known to about 0.03. The seller's estimate of demand is taken as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from sources.simulator import names
from sources.simulator.arrays import NEVER, Flags, Floats, Ints
from sources.simulator.calendar import DAY_US, Days
from sources.simulator.demand import QUANTITY, SECOND_LINE
from sources.simulator.draws import Draws
from sources.simulator.entities import Sellers, Skus
from sources.simulator.stock import (
    CANCELLED_SHARE,
    MAX_LEAD_DAYS,
    MIN_LEAD_DAYS,
    SAFETY_DAYS,
    SUPPLIER_LATE_FACTOR,
    Ledger,
    coming_demand,
)  # fmt: skip

FUTURES, AHEAD = 200, 15
MAX_ARTICLES = 2_000
"""Of larger worlds every n-th article is looked at, so that about this many are."""
HORIZONS = (1, 3, 7, 14)
OUT_SHARE = 0.75
_NORMALS = np.array([NormalDist().inv_cdf((i + 0.5) / 400) for i in range(400)])
SCHEMA = pa.schema([
    ("sku_id", pa.string()), ("as_of", pa.timestamp("us", tz="UTC")), ("on_hand", pa.float64()),
    ("expected_pieces_7d", pa.float64()), *((f"within_{days}d", pa.float64()) for days in HORIZONS),
    ("lead_days", pa.int32()), ("within_lead", pa.float64()),
])  # fmt: skip


@dataclass(frozen=True)
class Shelf:
    """What stands at the end of ``day``. rates: (AHEAD, skus) expected orders of the coming days. late: (sellers,)."""

    ledger: Ledger
    day: int
    rates: Floats
    late: Flags
    skus: Skus
    sellers: Sellers
    days: Days


def stock_out_rows(shelf: Shelf, midnight_us: int, draws: Draws) -> pa.Table:
    """One row per article that is looked at: the chance of a stock-out day within each horizon."""
    sku = np.arange(0, shelf.skus.count, max(1, shelf.skus.count // MAX_ARTICLES))
    seller = shelf.skus.seller[sku]
    within, pieces = _futures(shelf, sku, draws.at("futures", shelf.day))
    lead = np.clip(np.ceil(shelf.sellers.lead_days[seller]), 1, AHEAD - 1).astype(np.int64)
    return pa.table({
        "sku_id": names.sku_ids(sku),
        "as_of": names.times(np.full(sku.size, midnight_us + (shelf.day + 1) * DAY_US)),
        "on_hand": pa.array(shelf.ledger.on_hand[sku].astype(np.float64)),
        "expected_pieces_7d": pa.array(pieces[:7].sum(axis=0)),
        **{f"within_{days}d": pa.array(within[days - 1]) for days in HORIZONS},
        "lead_days": pa.array(lead.astype(np.int32)),
        "within_lead": pa.array(np.take_along_axis(within, lead[None, :] - 1, axis=0)[0]),
    })  # fmt: skip


def pieces_wanted(shelf: Shelf) -> tuple[Floats, Floats]:
    """(AHEAD, skus) expected orders for the article itself, and expected second lines from orders of its neighbours."""
    several = shelf.sellers.skus[shelf.skus.seller] > 1
    others = np.maximum(shelf.sellers.skus[shelf.skus.seller] - 1, 1)
    total = np.stack([np.bincount(shelf.skus.seller, rates, shelf.sellers.count) for rates in shelf.rates])
    second = SECOND_LINE * (total[:, shelf.skus.seller] - shelf.rates) / others * several
    return shelf.rates, np.maximum(second, 0.0)


def _futures(shelf: Shelf, sku: Ints, at: np.random.Generator) -> tuple[Floats, Floats]:
    """(AHEAD, articles) chance of a stock-out day by each day, and expected pieces per day."""
    first, second = (table[:, sku] for table in pieces_wanted(shelf))
    low, middle = QUANTITY
    shape = (sku.size, FUTURES)
    on_hand = np.tile(shelf.ledger.on_hand[sku][:, None], FUTURES)
    arriving = _on_the_way(shelf, sku, at)
    coming = np.tile(shelf.ledger.quantity[:, sku].sum(axis=0)[:, None], FUTURES)
    was_out = np.zeros(shape, dtype=bool)
    within = np.zeros((AHEAD, sku.size))
    for ahead in range(AHEAD):
        singles = at.poisson((first[ahead] * low + second[ahead])[:, None], shape)
        pairs = at.poisson((first[ahead] * (middle - low))[:, None], shape)
        triples = at.poisson((first[ahead] * (1 - middle))[:, None], shape)
        wanted = singles + 2 * pairs + 3 * triples
        # on an empty shelf, or emptied before three quarters of the buyers had come
        early = (on_hand == 0) | (on_hand <= OUT_SHARE * wanted)
        came = arriving[:, :, ahead]
        on_hand = np.maximum(on_hand - wanted, 0) + came
        was_out |= early | (on_hand == 0)
        within[ahead] = was_out.mean(axis=1)
        coming = coming - came
        if ahead + 1 < AHEAD:
            coming = coming + _more(shelf, sku, ahead, on_hand + coming, arriving, at)
    return within, first * (low + 2 * (middle - low) + 3 * (1 - middle)) + second


def _on_the_way(shelf: Shelf, sku: Ints, at: np.random.Generator) -> Ints:
    """(articles, FUTURES, AHEAD) pieces that arrive: lead times drawn again, given that they are not over yet."""
    ledger, seller = shelf.ledger, shelf.skus.seller[sku]
    arriving = np.zeros((sku.size, FUTURES, AHEAD), dtype=np.int64)
    for slot in range(ledger.due.shape[0]):
        open_ = np.flatnonzero(ledger.due[slot, sku] != NEVER)
        if open_.size == 0:
            continue
        which, who = sku[open_], seller[open_]
        elapsed = shelf.day - ledger.ordered[slot, which]
        median = shelf.sellers.lead_days[who] * np.where(ledger.late[slot, which] == 1, SUPPLIER_LATE_FACTOR, 1.0)
        least = np.searchsorted(_NORMALS, np.log((elapsed + 0.5) / median) / shelf.sellers.lead_spread[who])
        left = 1 - least / _NORMALS.size
        undecided = shelf.day < ledger.expected[slot, which]
        off = np.where(undecided, CANCELLED_SHARE / (CANCELLED_SHARE + (1 - CANCELLED_SHARE) * left + 1e-9), 0.0)
        uniform = at.random((2, open_.size, FUTURES))
        place = np.minimum(least[:, None] + uniform[0] * (_NORMALS.size - least)[:, None], _NORMALS.size - 1)
        takes = median[:, None] * np.exp(shelf.sellers.lead_spread[who][:, None] * _NORMALS[place.astype(np.int64)])
        days = np.maximum(np.clip(np.rint(takes), MIN_LEAD_DAYS, MAX_LEAD_DAYS) - elapsed[:, None], 1).astype(np.int64)
        row, future = np.nonzero((days <= AHEAD) & (uniform[1] >= off[:, None]))
        np.add.at(arriving, (open_[row], future, days[row, future] - 1), ledger.quantity[slot, which][row])
    return arriving


def _more(shelf: Shelf, sku: Ints, ahead: int, position: Ints, arriving: Ints, at: np.random.Generator) -> Ints:
    """(articles, FUTURES) pieces that sellers order on a coming day by their own rule; written to ``arriving``."""
    sellers, seller, day = shelf.sellers, shelf.skus.seller[sku], shelf.day + 1 + ahead
    pace, lead = shelf.ledger.pace, sellers.lead_days[seller]
    span = (sellers.lead_days + sellers.review_days)[shelf.skus.seller]
    expects = coming_demand(pace, day, span, shelf.days, shelf.skus, sellers)[sku]
    point = (expects + SAFETY_DAYS * pace[sku]) * sellers.care[seller]
    full = point + pace[sku] * sellers.cover_days[seller]
    looks = (day + sku) % sellers.review_days[seller] == 0
    uniform, normal = at.random(position.shape), at.standard_normal(position.shape)
    orders = looks[:, None] & (uniform >= sellers.forgets[seller][:, None]) & (position <= point[:, None])
    quantity = np.where(orders, np.maximum(np.ceil(full[:, None] - position), 1), 0).astype(np.int64)
    median = lead * np.where(shelf.late[seller], SUPPLIER_LATE_FACTOR, 1.0)
    takes = np.rint(median[:, None] * np.exp(sellers.lead_spread[seller][:, None] * normal))
    due = ahead + np.clip(takes, MIN_LEAD_DAYS, MAX_LEAD_DAYS).astype(np.int64)
    row, future = np.nonzero(orders & (due < AHEAD))
    np.add.at(arriving, (row, future, due[row, future]), quantity[row, future])
    return quantity
