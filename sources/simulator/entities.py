"""Who lives in the world: sellers, their articles, and buyers. Plain arrays; an entity is its position.

State per entity is a few numbers; buyers have none at all: what a buyer is like follows from their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.simulator.arrays import Flags, Floats, Ints
from sources.simulator.draws import Draws
from sources.simulator.geography import CARRIERS, COUNTRY_SHARE, N_REGIONS, REGIONS
from sources.simulator.laws import CRITICAL_SHARE, LIMITS
from sources.simulator.parameters import WorldParameters

ORDERS_PER_SELLER, ORDERS_PER_BUYER, MIN_SELLERS = 240, 3.0, 8
MAX_ARTICLES = 24
JOINS_FESTIVAL = 0.7
EXPECTED_FILL = 0.95
"""Share of wanted orders that find stock, so that ``orders`` is what is placed."""
CATEGORIES = (
    "bed_bath", "beauty", "sports", "furniture", "computers", "toys", "watches", "garden",
    "phones", "auto", "pets", "baby", "books", "kitchen",
)  # fmt: skip
_PRICE = (90, 110, 120, 240, 260, 85, 210, 110, 75, 130, 60, 95, 45, 100)
_WEIGHT_G = (1300, 450, 1500, 6500, 1800, 900, 350, 2600, 250, 2400, 1900, 1200, 550, 1600)
_USD = 0.35


@dataclass(frozen=True)
class Sellers:
    """limit: place in LIMITS. main, other: carriers. main_share: parcels that go with main.

    care: how much of the needed stock they aim for. review_days: how often they look. forgets: chance to skip a look.
    lead_days: median lead time of their supplier. lead_spread: its log-standard deviation. cover_days: what an order
    covers.
    """

    region: Ints
    country: Ints
    limit: Ints
    main: Ints
    other: Ints
    main_share: Floats
    care: Floats
    review_days: Ints
    forgets: Floats
    lead_days: Floats
    lead_spread: Floats
    cover_days: Floats
    prepares: Floats
    first_sku: Ints
    skus: Ints

    @property
    def count(self) -> int:
        return self.region.size


@dataclass(frozen=True)
class Skus:
    """rate: orders per ordinary day. price in the seller's currency. joins: takes part in the festival."""

    seller: Ints
    category: Ints
    price: Floats
    weight_g: Floats
    rate: Floats
    joins: Flags

    @property
    def count(self) -> int:
        return self.seller.size


@dataclass(frozen=True)
class Buyers:
    """Buyers are numbered region by region: those of region r are first[r] .. first[r + 1] - 1."""

    first: Ints

    @property
    def count(self) -> int:
        return int(self.first[-1])

    def region(self, buyer: Ints) -> Ints:
        return np.asarray(np.searchsorted(self.first, buyer, side="right") - 1, dtype=np.int64)


def is_critical(buyer: Ints) -> Flags:
    """Whether a buyer complains more than others: a property of their number (Knuth's multiplicative hash)."""
    mixed = (buyer.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    return np.asarray(mixed < np.uint64(int(CRITICAL_SHARE * 2**32)))


def _choose(weights: Floats, uniform: Floats) -> Ints:
    return np.asarray(np.minimum(np.searchsorted(np.cumsum(weights) / weights.sum(), uniform), weights.size - 1))


def _countries(parameters: WorldParameters) -> Floats:
    return np.array([share if code in parameters.countries else 0.0 for code, share in COUNTRY_SHARE.items()])


def _by_country(country: Ints, shares: list[tuple[int, float]], uniform: Floats) -> Ints:
    """One of the things of a country for each position. shares: (country, weight) of each thing."""
    chosen = np.zeros(country.size, dtype=np.int64)
    for code in range(len(COUNTRY_SHARE)):
        weights = np.array([weight if where == code else 0.0 for where, weight in shares])
        here = country == code
        chosen[here] = _choose(weights, uniform[here])
    return chosen


def make_sellers(parameters: WorldParameters, draws: Draws) -> Sellers:
    """The sellers of a world; their number follows the expected orders."""
    count = max(MIN_SELLERS, round(parameters.orders / ORDERS_PER_SELLER))
    order = list(COUNTRY_SHARE)

    def u(name: str) -> Floats:
        return draws.uniform(f"seller_{name}", count)

    country = _stratified(_countries(parameters), u("country"))
    regions = [(order.index(region.country), region.sellers) for region in REGIONS]
    carriers = [(order.index(carrier.country), carrier.share) for carrier in CARRIERS]
    skus = 1 + np.minimum(np.floor(-np.log1p(-u("skus")) * 4.2), MAX_ARTICLES - 1).astype(np.int64)
    review = np.array([1, 2, 3, 7])[_choose(np.array([0.3, 0.3, 0.2, 0.2]), u("review"))]
    return Sellers(
        region=_by_country(country, regions, u("region")),
        country=country,
        limit=_choose(np.array([0.35, 0.4, 0.25]), u("limit")) % len(LIMITS),
        main=_by_country(country, carriers, u("main")),
        other=_by_country(country, carriers, u("other")),
        main_share=0.6 + 0.4 * u("main_share"),
        care=0.65 + 0.75 * u("care"),
        review_days=review,
        forgets=0.55 * u("forgets") ** 2,
        lead_days=2.0 + 10.0 * u("lead") ** 1.3,
        lead_spread=0.15 + 0.30 * u("spread"),
        cover_days=9.0 + 19.0 * u("cover"),
        prepares=1.05 + 0.55 * u("prepares"),
        first_sku=np.cumsum(skus) - skus,
        skus=skus,
    )


def _stratified(shares: Floats, uniform: Floats) -> Ints:
    """Countries in their exact shares, in an order that depends on the seed: small worlds hold both markets."""
    places = (np.argsort(np.argsort(uniform)) + 0.5) / uniform.size
    return _choose(shares, places)


def make_skus(parameters: WorldParameters, sellers: Sellers, ordinary_days: float, draws: Draws) -> Skus:
    """The articles of all sellers, seller by seller. ordinary_days: sum of the days' demand factors."""
    seller = np.repeat(np.arange(sellers.count), sellers.skus)
    at = draws.at("sku_size")
    weight = np.exp(0.6 * draws.at("seller_size").standard_normal(sellers.count))[seller]
    weight = weight * np.exp(0.9 * at.standard_normal(seller.size))
    shares = _countries(parameters) / _countries(parameters).sum()
    for code, share in enumerate(shares):
        here = sellers.country[seller] == code
        if here.any():
            weight[here] *= share / weight[here].sum()
    category = (draws.at("seller_category").integers(0, len(CATEGORIES), sellers.count))[seller]
    price = np.array(_PRICE)[category] * np.exp(0.5 * draws.at("sku_price").standard_normal(seller.size))
    price = np.where(sellers.country[seller] == 1, price * _USD, price)
    grams = np.array(_WEIGHT_G)[category] * np.exp(0.4 * draws.at("sku_weight").standard_normal(seller.size))
    return Skus(
        seller=seller,
        category=category,
        price=np.round(price, 2),
        weight_g=np.round(grams / 10) * 10,
        rate=weight / weight.sum() * parameters.orders / EXPECTED_FILL / ordinary_days,
        joins=draws.uniform("sku_joins", seller.size) < JOINS_FESTIVAL,
    )


def make_buyers(parameters: WorldParameters) -> Buyers:
    """Buyers of all regions, in the regions' shares."""
    order = list(COUNTRY_SHARE)
    countries = _countries(parameters)
    share = np.array([countries[order.index(region.country)] * region.buyers for region in REGIONS])
    each = np.maximum(np.round(share / share.sum() * parameters.orders / ORDERS_PER_BUYER), share > 0).astype(np.int64)
    first = np.zeros(N_REGIONS + 1, dtype=np.int64)
    first[1:] = np.cumsum(each)
    return Buyers(first)
