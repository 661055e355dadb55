"""How many pieces will be wanted: one pooled model for all articles, as a mean a day and a spread that grows with time.

It learns from pairs of feature rows: what a row a week later says about the demand of that week, which is scaled for
the hours out of stock and so never the raw sales. Quantile trees (models.demand_trees), mixed with the usual demand,
give each article a mean and a variance, and with them a negative binomial over any stretch of days. Newer weeks count
more. The mix is chosen, and the level set, on a later stretch of time that the trees have not seen; levels are moved
there, by size of the article where a size has many rows, to where outcomes fell (conformal, by probability integral
transform), which keeps quantiles in order. How the trees' quantiles tell what is uneven is chosen there too: each half
of the stretch judges what the other half taught. What has become known since moves level and levels once more
(``followed``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from models.demand_trees import AT, DemandTrees, Params, grow, moments
from models.negative_binomial import Array, quantile, reaches, variance_of

AHEAD_DAYS = 7
WANTED, USUAL, RECENT = "demand_units_7d", "demand_units_28d", "demand_units_14d"
KEYS = ("subject_id", "sku_id")
LEAST_USUAL = 0.02  # pieces a day: below it an article is measured against this
LEAST_ROWS = 300
LATER_SHARE = 0.25
FOLDS = 2  # of the later stretch, each met by trees that knew what came before it
PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
MIXES = tuple((first, second) for first in PARTS for second in PARTS if first + second <= 1)
READINGS = (0.0, 0.5, 1.0)
SIZES = 4  # groups of articles by expected pieces, each with its own moves
LEAST_IN_SIZE = 200
NOT_WILD = 0.995
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
LEVEL_BOUNDS = (0.4, 4.0)
UNEVEN_BOUNDS = (0.1, 20.0)
PRIOR_ROWS = 500.0  # few rows of a size leave its moves near those of all, few that are followed where they were
FOLLOWED_DAYS, FOLLOWED_HALF_LIFE_DAYS = 7, 3.0  # of the weeks that are over: how many begin, and what an older counts
Moves = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of n rows: expected pieces a day, and the factor on the variance that the spread gives, NaN where nothing is
    known; and the group by size.
    """

    daily: Array
    uneven: Array
    size: npt.NDArray[np.intp]

    def of(self, rows: npt.NDArray[np.intp]) -> Forecast:
        """Some of the rows."""
        return Forecast(self.daily[rows], self.uneven[rows], self.size[rows])


@dataclass(frozen=True, slots=True)
class Demand:
    """A fitted forecast. days: how far it was learned to look. mix: shares of the relative trees and of those in
    pieces; the usual demand has the rest. above: how far what is uneven is read from the high quantile alone.

    spread: (a, b) of the variance a * mean + b * mean squared, from what was missed. apart: the same from what the
    trees' quantiles tell; an article whose own say more is as much more uneven. sizes: pieces a day, as trees
    and mix say, between groups. level: of each group, factor on its mean. moved: of each group and each of LEVELS the
    level of the negative binomial below which that share of outcomes fell.
    """

    features: tuple[str, ...]
    days: float
    trees: DemandTrees
    mix: tuple[float, float]
    above: float
    spread: tuple[float, float]
    apart: tuple[float, float]
    sizes: tuple[float, ...]
    level: tuple[float, ...]
    moved: Moves

    def as_json(self) -> dict[str, Any]:
        return {
            "features": list(self.features), "days": self.days, "mix": list(self.mix), "above": self.above,
            "spread": list(self.spread), "apart": list(self.apart), "sizes": list(self.sizes),
            "level": list(self.level), "moved": [list(group) for group in self.moved],
        }  # fmt: skip

    def forecast(self, frame: pd.DataFrame) -> Forecast:
        """Of each row. frame: the features by name."""
        return _forecast(_together(_parts(self.trees, frame, self.features), self.mix), self)

    def at(self, level: float | Array, size: npt.NDArray[np.intp]) -> Array:
        """The level to ask the negative binomial for, so that a share of ``level`` of outcomes lies below, (n,)."""
        asked = np.broadcast_to(np.asarray(level, dtype=np.float64), size.shape)
        found = np.empty(size.shape)
        for group, moved in enumerate(self.moved):
            here = size == group
            found[here] = np.interp(asked[here], (0.0, *LEVELS, 1.0), (0.0, *moved, 1.0))
        return found

    def quantiles(self, frame: pd.DataFrame, days: float, levels: tuple[float, ...] = LEVELS) -> Array:
        """(n, levels) pieces wanted over ``days``; ascending along each row."""
        return _quantiles(self.forecast(frame), self, days, levels)

    def followed(self, past: pd.DataFrame, counts: Array) -> Demand:
        """The same forecast at the level, and with the moves, of what has become known since it was learned.

        past: the features of earlier rows and ``wanted``, the demand a day that followed them, nulls allowed. counts:
        how much each row says, 1 for a whole one.
        """
        known = past["wanted"].notna().to_numpy() & past[USUAL].notna().to_numpy() & (counts > 0)
        if not known.any():
            return self
        rows, counts = past[known], counts[known]
        found, wanted = self.forecast(rows), rows["wanted"].to_numpy(np.float64)
        prior = PRIOR_ROWS * float(np.average(found.daily, weights=counts))
        rise = float(np.clip((counts @ wanted + prior) / max(counts @ found.daily + prior, 1e-9), *LEVEL_BOUNDS))
        moving = replace(self, level=tuple(level * rise for level in self.level))
        found = moving.forecast(rows)
        fell = _fell(found, wanted, moving)
        moved = tuple(
            _drawn(fell[here], counts[here], np.asarray(before))
            for here, before in zip(_groups(found.size), self.moved, strict=True)
        )
        return replace(moving, moved=moved)


def from_json(stored: Mapping[str, Any], relative: xgb.Booster, pieces: xgb.Booster) -> Demand:
    """The forecast of a card; an older one read what is uneven from the outer two quantiles."""
    first, second = stored["mix"]
    (a, b), (c, d) = stored["spread"], stored["apart"]
    return Demand(
        tuple(stored["features"]), float(stored["days"]), DemandTrees(relative, pieces),
        (float(first), float(second)), float(stored.get("above", 0.0)), (float(a), float(b)), (float(c), float(d)),
        tuple(float(bound) for bound in stored["sizes"]), tuple(float(level) for level in stored["level"]),
        tuple(tuple(float(level) for level in group) for group in stored["moved"]),
    )  # fmt: skip


def fit(rows: pd.DataFrame, features: tuple[str, ...], *, seed: int = 7) -> Demand | None:
    """Learn from feature rows, all of them known by then; None where there are too few pairs a week apart.

    rows: subject_id, sku_id, as_of and features, among them the demand of 7, 14 and 28 days.
    """
    return learn(pairs(rows), features, seed=seed)


def pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with ``wanted``: the demand a day of the seven days from as_of on, as a row a week later knew it."""
    keys = [*KEYS, "as_of"]
    then = rows[[*keys, WANTED]].rename(columns={WANTED: "wanted"})
    then["as_of"] = then["as_of"] - pd.Timedelta(days=AHEAD_DAYS)
    joined = rows.merge(then, on=keys, how="inner")
    known = joined[joined["wanted"].notna() & joined[USUAL].notna()]
    return known.sort_values(["as_of", *KEYS], kind="stable")


def follow(demand: Demand, rows: pd.DataFrame) -> Demand:
    """``demand`` after the last weeks. rows: as for ``fit``, of the FOLLOWED_DAYS + AHEAD_DAYS days up to now."""
    past = pairs(rows)
    age = (past["as_of"].max() - past["as_of"]).dt.total_seconds().to_numpy(np.float64) / 86_400
    return demand.followed(past, 0.5 ** (age / FOLLOWED_HALF_LIFE_DAYS) / AHEAD_DAYS)  # their weeks overlap


def learn(
    taught: pd.DataFrame, features: tuple[str, ...], params: Params | None = None, *, days: float = AHEAD_DAYS,
    seed: int = 7,
) -> Demand | None:  # fmt: skip
    """Learn from rows with ``wanted``, the demand a day of the ``days`` from as_of on; None where they are few.

    taught: as_of, features, USUAL and RECENT, sorted by as_of.
    """
    used = params or Params()
    met = _met(taught, features, used, days, seed)
    if met is None:
        return None
    later, parts = met
    wanted = later["wanted"].to_numpy(np.float64)
    mix = _best_mix(parts, wanted)
    at = _together(parts, mix)
    trees = _grow(taught, features, used, seed)
    plain = Demand(features, days, trees, mix, READINGS[0], (1.0, 0.0), (1.0, 0.0), (), (), ())
    return _fitted(replace(plain, above=_best_reading(plain, at, wanted)), at, wanted)


def _met(
    taught: pd.DataFrame, features: tuple[str, ...], params: Params, days: float, seed: int
) -> tuple[pd.DataFrame, tuple[Array, Array, Array]] | None:
    """The later rows and their ``_parts``, each fold by trees that knew what was over before it; None where rows are
    few.
    """
    if len(taught) < LEAST_ROWS:
        return None
    starts = [taught["as_of"].iloc[int(len(taught) * (1 - LATER_SHARE * n / FOLDS))] for n in range(FOLDS, 0, -1)]
    later, found = [], []
    for start, end in zip(starts, [*starts[1:], taught["as_of"].iloc[-1]], strict=True):
        known = taught.loc[taught["as_of"] <= start - pd.Timedelta(days=days)]
        fold = taught.loc[(taught["as_of"] > start) & (taught["as_of"] <= end)]
        if len(known) < LEAST_ROWS // 2 or fold.empty:
            continue
        later.append(fold)
        found.append(_parts(_grow(known, features, params, seed), fold, features))
    if sum(len(fold) for fold in later) < LEAST_ROWS // 6:
        return None
    first, second, plain = (np.concatenate(part) for part in zip(*found, strict=True))
    return pd.concat(later), (first, second, plain)


def _usual(rows: pd.DataFrame) -> Array:
    known = rows[USUAL].to_numpy(np.float64)
    return np.where(np.isnan(known), np.nan, np.maximum(known, LEAST_USUAL))


def _grow(rows: pd.DataFrame, features: tuple[str, ...], params: Params, seed: int) -> DemandTrees:
    age = (rows["as_of"].max() - rows["as_of"]).dt.total_seconds().to_numpy(np.float64) / 86_400
    return grow(rows, features, _usual(rows), 0.5 ** (age / params.half_life_days), params, seed)


def _parts(trees: DemandTrees, rows: pd.DataFrame, features: tuple[str, ...]) -> tuple[Array, Array, Array]:
    """(n, 3) pieces at AT each: of the relative trees, of those in pieces, and the usual demand."""
    usual = _usual(rows)
    recent = rows[RECENT].to_numpy(np.float64)
    plain = (usual + np.where(np.isnan(recent), usual, recent)) / 2
    relative, pieces = trees.predict(rows, features, usual)
    middle = (relative[:, [1]] + pieces[:, [1]]) / 2
    return relative, pieces, plain[:, None] + (relative + pieces) / 2 - middle


def _together(parts: tuple[Array, Array, Array], mix: tuple[float, float]) -> Array:
    relative, pieces, plain = parts
    found: Array = mix[0] * relative + mix[1] * pieces + (1 - sum(mix)) * plain
    return found


def _best_mix(parts: tuple[Array, Array, Array], wanted: Array) -> tuple[float, float]:
    """With the least pinball loss; where equal, the most of trees."""
    level = np.asarray(AT)
    lost = {}
    for mix in MIXES:
        miss = wanted[:, None] - np.sort(_together(parts, mix), axis=1)
        lost[mix] = float(np.maximum(level * miss, (level - 1) * miss).sum())
    return min(MIXES, key=lambda mix: (lost[mix], -sum(mix)))


def _best_reading(demand: Demand, at: Array, wanted: Array) -> float:
    """With the least pinball loss at LEVELS on each half of the rows, of what the other half taught; where equal, the
    first.
    """
    level, first = np.asarray(LEVELS), np.arange(len(wanted)) < len(wanted) / 2
    lost = dict.fromkeys(READINGS, 0.0)
    for above in READINGS:
        for taught in (first, ~first):
            found = _fitted(replace(demand, above=above), at[taught], wanted[taught])
            asked = _quantiles(_forecast(at[~taught], found), found, demand.days, LEVELS)
            miss = (wanted[~taught] * demand.days)[:, None] - asked
            lost[above] += float(np.maximum(level * miss, (level - 1) * miss).sum())
    return min(READINGS, key=lambda above: lost[above])


def _fitted(demand: Demand, at: Array, wanted: Array) -> Demand:
    """``demand`` with sizes, level, spread and moves from what was met: pieces at AT, (n, 3), and ``wanted`` a day."""
    mean, deviation = moments(at, demand.above)
    sizes = np.quantile(mean, np.arange(1, SIZES) / SIZES)
    size = np.searchsorted(sizes, mean)
    level = _levelled(mean, wanted, size)
    factor = np.asarray(level)[size] * demand.days
    spread = _spread(mean * factor, (wanted * demand.days - mean * factor) ** 2)
    apart = _spread(mean * factor, (deviation * factor) ** 2)
    found = replace(demand, spread=spread, apart=apart, sizes=tuple(sizes.tolist()), level=level)
    return replace(found, moved=_moved(_fell(_forecast(at, found), wanted, found), size))


def _forecast(at: Array, demand: Demand) -> Forecast:
    mean, deviation = moments(at, demand.above)
    size = np.searchsorted(np.asarray(demand.sizes), mean)
    level = np.asarray(demand.level)[size]  # what is not known sorts last
    over = np.maximum(variance_of(level * mean * demand.days, demand.apart), 1e-9)
    uneven = np.clip((level * deviation * demand.days) ** 2 / over, *UNEVEN_BOUNDS)
    return Forecast(level * mean, uneven, size)


def _quantiles(found: Forecast, demand: Demand, days: float, levels: tuple[float, ...]) -> Array:
    mean = np.nan_to_num(found.daily) * days
    variance = np.nan_to_num(found.uneven, nan=1.0) * variance_of(mean, demand.spread)
    columns = [quantile(mean, variance, demand.at(level, found.size)) for level in levels]
    return np.where(np.isnan(found.daily)[:, None], np.nan, np.stack(columns, axis=1))


def _spread(mean: Array, squared: Array) -> tuple[float, float]:
    """(a, b) by least squares of variances, or squared misses, on the mean and its square, each row weighed by its own
    size; the wildest are cut.
    """
    size = 1.0 / np.maximum(mean + mean * mean, 1e-6)
    about = np.stack([mean * size, mean * mean * size], axis=1)
    scaled = squared * size
    found, *_ = np.linalg.lstsq(about, np.minimum(scaled, np.quantile(scaled, NOT_WILD)), rcond=None)
    return float(np.clip(found[0], 1.0, 20.0)), float(np.clip(found[1], 0.0, 4.0))


def _fell(found: Forecast, wanted: Array, demand: Demand) -> Array:
    """Where each outcome fell in its distribution, 0 to 1: the middle of its step."""
    mean, pieces = found.daily * demand.days, np.round(wanted * demand.days)
    variance = found.uneven * variance_of(mean, demand.spread)
    fell: Array = 1.0 - (reaches(mean, variance, pieces) + reaches(mean, variance, pieces + 1)) / 2
    return fell


def _levelled(mean: Array, wanted: Array, size: npt.NDArray[np.intp]) -> tuple[float, ...]:
    """Wanted over forecast of each group, and of all rows where a group has few: quantiles say little of the mean of
    an article that mostly sells nothing.
    """

    def ratio(rows: npt.NDArray[np.bool_]) -> float:
        return float(np.clip(wanted[rows].sum() / max(mean[rows].sum(), 1e-9), *LEVEL_BOUNDS))

    every = np.ones(len(mean), dtype=bool)
    return tuple(ratio(here if here.sum() >= LEAST_IN_SIZE else every) for here in _groups(size))


def _moved(fell: Array, size: npt.NDArray[np.intp]) -> Moves:
    """Of each group, drawn towards those of all rows."""
    pooled = _levels(fell, np.ones(len(fell)))
    return tuple(_drawn(fell[here], np.ones(int(here.sum())), pooled) for here in _groups(size))


def _groups(size: npt.NDArray[np.intp]) -> list[npt.NDArray[np.bool_]]:
    return [size == group for group in range(SIZES)]


def _drawn(fell: Array, counts: Array, towards: Array) -> tuple[float, ...]:
    """The rows' own levels and PRIOR_ROWS of ``towards``, each by how much it counts."""
    seen = float(counts.sum())
    own = _levels(fell, counts) if seen > 0 else towards
    return tuple(((seen * own + PRIOR_ROWS * towards) / (seen + PRIOR_ROWS)).tolist())


def _levels(fell: Array, counts: Array) -> Array:
    """Weighed quantiles at LEVELS."""
    order = np.argsort(fell, kind="stable")
    reached = (np.cumsum(counts[order]) - counts[order] / 2) / counts.sum()
    found: Array = np.maximum.accumulate(np.clip(np.interp(LEVELS, reached, fell[order]), 0.001, 0.999))
    return found
