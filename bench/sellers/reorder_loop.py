"""Half a year of a simulated marketplace with reminders in the loop: who is reminded orders, or does not.

The simulator's own laws move demand, shelves, suppliers and sellers (half of them act on a reminder); parcels and
people are left out. What reminds sees the tables of the contract alone: the evening's count, what was sold, what was
ordered and received, plans. Arms: no reminders, a min/max rule, and the order plan of the product.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features import demand as demand_features
from features import promotions, week
from features.history import AHEAD_DAYS, PAST_DAYS, History
from features.subjects import OUT_SHARE
from jobs import evidence_series
from models import demand as demands
from models.demand import Demand
from models.negative_binomial import Array
from models.replenish import Terms
from sources.simulator.parameters import WorldParameters
from sources.simulator.reactions import Notices
from sources.simulator.world import World

WARM_UP_DAYS, LEARN_FROM, REFIT_DAYS = 84, 30, 56
MAIL_WEEKDAYS = (0, 3)
QUIET_DAYS = 3  # a second mail in a week says that the last day to order has come or gone
LEAD_PRIOR, USUAL_LEAD_DAYS, LEAST_SPREAD = 5.0, 7.0, 0.1
MIN_MAX_COVER_DAYS, SAFETY = 14.0, 1.28
Ints = npt.NDArray[np.int64]
Rule = Callable[[pd.DataFrame, int, "Demand | None", Terms], Array]
WEEK, LEARNED_DAYS, SMALL_SELLER = 7, 120, 3
FEATURES = tuple(f.name for part in (demand_features, week, promotions) for f in part.FEATURES)


@dataclass
class Known:
    """What the tables said so far, by article and day; NaN where nothing was said."""

    share: Array
    on_hand: Array
    units: Array
    discount: Array
    featured: Array
    opened: dict[str, tuple[int, float, float, float]] = field(default_factory=dict)
    leads: dict[int, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, articles: int, days: int) -> Known:
        return cls(*(np.full((articles, days + AHEAD_DAYS + 1), np.nan) for _ in range(5)))


class Shelves(World):
    """The simulator's world without parcels, people and files; demand, stock, suppliers and sellers stay."""

    def __init__(self, home: Path, parameters: WorldParameters) -> None:
        super().__init__(home, parameters, Notices.none())
        self.known = Known.of(self.skus.count, parameters.days)

    def _follow(self, orders: Any, first: int, count: int, chunk: int) -> None:
        """No parcel leaves: only the shelf is looked at."""

    def _hold(self, name: str, day: int, table: pa.Table) -> None:
        if name == "stock":
            known = self.known
            known.share[:, day] = table["in_stock_share"].to_numpy()
            known.on_hand[:, day] = table["on_hand"].to_numpy()
            known.units[:, day] = table["units_sold"].to_numpy()
        elif name == "inbound":
            self._inbound(day, table.to_pylist())
        elif name == "promotions":
            self._planned(table)

    def _inbound(self, day: int, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            sku = int(row["sku_id"][1:])
            if row["event"] == "ordered":
                due = (row["expected_at"].timestamp() * 1e6 - self.parameters.midnight_us) / 86_400e6
                self.known.opened[row["inbound_id"]] = (sku, float(row["quantity"]), float(day), due)
                continue
            opened = self.known.opened.pop(row["inbound_id"], None)
            if opened and row["event"] == "received":
                self.known.leads.setdefault(int(self.skus.seller[sku]), []).append(max(day - opened[2], 0.25))

    def _planned(self, table: pa.Table) -> None:
        first = np.datetime64(self.parameters.first_day)
        day = (table["promo_day"].to_numpy() - first).astype("timedelta64[D]").astype(np.int64)
        sku = np.array([int(name[1:]) for name in table["sku_id"].to_pylist()], dtype=np.int64)
        inside = (day >= 0) & (day < self.known.discount.shape[1])
        self.known.discount[sku[inside], day[inside]] = table["discount_share"].to_numpy()[inside]
        self.known.featured[sku[inside], day[inside]] = table["has_activity"].to_numpy(zero_copy_only=False)[inside]


def features_at(world: Shelves, day: int) -> pd.DataFrame:
    """The product's features of every article on the morning of ``day``, from what was known by then."""
    known, count = world.known, world.skus.count

    def past(grid: Array) -> Array:
        padded = np.concatenate([np.full((count, PAST_DAYS), np.nan), grid[:, :day]], axis=1)
        return padded[:, -PAST_DAYS:][:, ::-1]

    def ahead(grid: Array) -> Array:
        found = grid[:, day : day + AHEAD_DAYS]
        return np.concatenate([found, np.full((count, AHEAD_DAYS - found.shape[1]), np.nan)], axis=1)

    zero, none = np.zeros(count), np.full(count, np.nan)
    epoch = (world.parameters.first_day - pd.Timestamp(0).date()).days + day
    nothing = np.full((count, PAST_DAYS), np.nan)
    history = History(
        day=np.full(count, epoch), horizon_days=np.ones(count, dtype=np.int64), in_stock_share=past(known.share),
        closing_share=nothing, ended_out=nothing, on_hand=past(known.on_hand), units=past(known.units),
        discount_past=past(known.discount), has_activity_past=past(known.featured),
        discount_ahead=ahead(known.discount), has_activity_ahead=ahead(known.featured), inbound_units=zero,
        inbound_count=zero, inbound_within_units=zero, inbound_days=none, inbound_age_days=none,
    )  # fmt: skip
    values = demand_features.compute(history) | week.compute(history) | promotions.compute(history)
    frame = pd.DataFrame(values)
    frame["subject_id"], frame["sku_id"] = world.skus.seller.astype(str), np.arange(count).astype(str)
    frame["as_of"] = pd.Timestamp(world.parameters.first_day, tz="UTC") + pd.Timedelta(days=day)
    frame["on_hand_units"] = known.on_hand[:, day - 1]
    return frame.assign(**_inbound_now(world, day), **_lead_times(world))


def _inbound_now(world: Shelves, day: int) -> dict[str, Array]:
    units, due, ordered = (np.zeros(world.skus.count) for _ in range(3))
    due[:], ordered[:] = np.inf, np.inf
    for sku, quantity, since, expected in world.known.opened.values():
        units[sku] += quantity
        due[sku], ordered[sku] = min(due[sku], expected), min(ordered[sku], since)
    is_open = units > 0
    return {
        "open_inbound_units": units, "next_inbound_days": np.where(is_open, due - day, np.nan),
        "inbound_age_days": np.where(is_open, day - ordered, np.nan),
    }  # fmt: skip


def _lead_times(world: Shelves) -> dict[str, Array]:
    """Median and 90 % lead time of each article's seller, drawn towards its category's, and that towards all sellers':
    as features/lead_time.py does. A seller of this world has one category.
    """
    leads = {seller: np.log(found[-60:]) for seller, found in world.known.leads.items()}
    every = np.concatenate([np.log(found) for found in world.known.leads.values()] or [np.log([USUAL_LEAD_DAYS])])
    largest = np.array([every.mean(), (every**2).mean() if len(every) > 1 else every.mean() ** 2 + 0.25])
    category = np.zeros(world.sellers.count, dtype=np.int64)
    category[world.skus.seller] = world.skus.category
    larger = {
        kind: _drawn([leads[seller] for seller in leads if category[seller] == kind], largest)
        for kind in np.unique(category).tolist()
    }
    moments = np.array([
        _drawn([leads[seller]] if seller in leads else [], larger[int(category[seller])])
        for seller in range(world.sellers.count)
    ])  # fmt: skip
    spread = np.sqrt(np.maximum(moments[:, 1] - moments[:, 0] ** 2, LEAST_SPREAD**2))
    median = np.exp(moments[:, 0])[world.skus.seller]
    return {
        "lead_time_days": median,
        "lead_time_p90_days": median * np.exp(evidence_series.Z90 * spread)[world.skus.seller],
    }


def _drawn(logs: list[Array], larger: Array) -> Array:
    """First and second moment of a group's log lead times, mixed with those of the next larger group."""
    own = np.concatenate([*logs, np.zeros(0)])
    found: Array = (np.array([own.sum(), (own**2).sum()]) + LEAD_PRIOR * larger) / (len(own) + LEAD_PRIOR)
    return found


def by_plan(frame: pd.DataFrame, until_next: int, demand: Demand | None, terms: Terms) -> Array:
    """The product's plan and gate: told where the last day to order comes before the next mail and nothing that is on
    its way is announced for before the stock ends.
    """
    made = evidence_series.planned(frame, demand, terms)
    is_due = (made["plan_order_in_days"] < until_next) & (made["plan_quantity"] > 0)
    is_coming = (made["open_inbound_units"] > 0) & (made["next_inbound_days"] <= made["plan_runs_out_days"])
    is_coming |= made["plan_covered"]
    return np.where(is_due & ~is_coming, made["plan_quantity"].fillna(0.0), 0.0)


def by_min_max(frame: pd.DataFrame, until_next: int, demand: Demand | None, terms: Terms) -> Array:
    """The rule of an ERP: at or below min order up to max; both from the sales of 28 days as they were."""
    del until_next, demand, terms
    daily = frame["raw_units_28d"].to_numpy()
    spread = frame["demand_std_28d"].fillna(0.0).to_numpy()
    lead = frame["lead_time_days"].to_numpy()
    least = daily * lead + SAFETY * spread * np.sqrt(lead)
    position = frame["on_hand_units"].to_numpy() + frame["open_inbound_units"].to_numpy()
    return np.where(position <= least, np.ceil(least + MIN_MAX_COVER_DAYS * daily - position), 0.0)


RULES: dict[str, Rule | None] = {"plan": by_plan, "min/max": by_min_max, "none": None}


@dataclass
class Reminders:
    """What one arm says over the weeks, and what came of it being said."""

    rule: str
    world: Shelves
    terms: Terms
    said: Ints
    frames: list[pd.DataFrame] = field(default_factory=list)
    demand: Demand | None = None
    lines: int = 0
    covered: int = 0
    per_week: Counter[tuple[int, int]] = field(default_factory=Counter)

    def morning(self, day: int) -> None:
        """Learn what is known, and on mail days tell who should order."""
        rule = RULES[self.rule]
        if rule is None or day < LEARN_FROM:
            return
        frame = features_at(self.world, day)
        frame["raw_units_28d"] = np.nanmean(self.world.known.units[:, day - PAST_DAYS : day], axis=1)
        self.frames = [*self.frames[-LEARNED_DAYS:], frame]
        if rule is by_plan and day >= WARM_UP_DAYS and (day - WARM_UP_DAYS) % REFIT_DAYS == 0:
            self.demand = demands.fit(pd.concat(self.frames, ignore_index=True), FEATURES)
        if day >= WARM_UP_DAYS and day % WEEK in MAIL_WEEKDAYS:
            following = min((weekday - day) % WEEK or WEEK for weekday in MAIL_WEEKDAYS)
            self._tell(day, frame, rule(frame, following, self._followed(), self.terms))

    def _followed(self) -> Demand | None:
        """The demand that was learned, at the level of the weeks since, as the product follows it every day."""
        if self.demand is None:
            return None
        lately = self.frames[-(demands.FOLLOWED_DAYS + demands.AHEAD_DAYS) :]
        return demands.follow(self.demand, pd.concat(lately, ignore_index=True))

    def _tell(self, day: int, frame: pd.DataFrame, pieces: Array) -> None:
        chosen = np.flatnonzero((pieces > 0) & (day - self.said >= QUIET_DAYS))
        self.said[chosen] = day
        self.covered += int(evidence_series.covered(frame, self.terms)[chosen].sum())
        self.lines += len(chosen)
        sellers = np.unique(self.world.skus.seller[chosen])
        self.per_week.update((int(seller), day // WEEK) for seller in sellers)
        at = pd.Timestamp(self.world.parameters.first_day, tz="UTC") + pd.Timedelta(days=day, hours=8)
        self.world.notices.add([
            {"kind": "stock_out", "object_id": f"k{sku}", "sent_at": at.to_pydatetime(), "quantity": pieces[sku]}
            for sku in chosen
        ])  # fmt: skip


def run(rule: str, parameters: WorldParameters, terms: Terms = evidence_series.TERMS) -> dict[str, float]:
    """One arm over the days after the warm-up: stock_out_days, of sellers of at most three articles small_days, held
    (mean pieces on a shelf), mails (per seller and week), most_mails, lines, covered (reminders that none should get).
    """
    with tempfile.TemporaryDirectory(prefix="beforehand-loop-") as scratch:
        world = Shelves(Path(scratch) / "world", parameters)
        told = Reminders(rule, world, terms, np.full(world.skus.count, -99))
        for day in range(parameters.days):
            told.morning(day)
            world._live(day)  # noqa: SLF001 - a day of the world without its files
    span = slice(WARM_UP_DAYS, parameters.days)
    known = world.known
    is_out = (known.share[:, span] <= OUT_SHARE) | (known.on_hand[:, span] == 0)
    is_small = world.sellers.skus[world.skus.seller] <= SMALL_SELLER
    weeks = (parameters.days - WARM_UP_DAYS) / WEEK
    return {
        "stock_out_days": float(is_out.sum()),
        "small_days": float(is_out[is_small].sum()),
        "held": float(known.on_hand[:, span].mean()),
        "mails": sum(told.per_week.values()) / world.sellers.count / weeks,
        "most_mails": float(max(told.per_week.values(), default=0)),
        "lines": float(told.lines),
        "covered": float(told.covered),
        "articles": float(world.skus.count),
    }
