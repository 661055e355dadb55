"""The ledger's next month, side by side: who runs out, and how much is wanted, on the same series and months."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from bench.sellers import ledger, pinball
from models import demand as demands
from models.demand_trees import Params
from models.judge import average_precision
from models.negative_binomial import Array

LEVELS = (0.5, 0.9, 0.95)
FIRST_TEST = 23  # as_of months of 2018; what came before chose everything
SLOW_SERIES = 300  # AutoETS fits 18 rows a second, the others thousands
QUICK = ("CrostonSBA", "TSB", "IMAPA", "SeasonalNaive")
SLOW, TOGETHER = "AutoETS", "median of these"
DRAWS = 1_000
HALF_LIFE_MONTHS = 8.0
# A month of the ledger stands as a day. Three trees a round: chosen on four months of 2017.
PARAMS = Params(half_life_days=12.0, row_share=0.7, column_share=0.3, parallel_trees=3)
TREES = {
    "objective": "binary:logistic", "tree_method": "hist", "max_bin": 64, "learning_rate": 0.05, "max_depth": 4,
    "min_child_weight": 8, "subsample": 0.8, "colsample_bytree": 0.4, "nthread": 2,
}  # fmt: skip
LIGHTGBM = {
    "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 30, "feature_fraction": 0.5, "bagging_fraction": 0.7,
    "bagging_freq": 1, "verbosity": -1, "num_threads": 2, "seed": 7,
}  # fmt: skip
ROUNDS = 150
FEWEST_MONTHS = 10


def running_out(folder: Path) -> dict[str, float]:
    """Average precision of "next month ends at 0" over 2018, refitted each month, for rows with stock now."""
    frame = ledger.rows(folder)
    frame = frame[frame["on_hand"] > 0]
    features = list(ledger.feature_names(frame))
    label, scores = [], {"model": [], "lightgbm": [], "months of cover": []}  # type: ignore[var-annotated]
    for origin in range(FIRST_TEST, int(frame["month"].max()) + 1):
        old, now = frame[frame["month"] < origin], frame[frame["month"] == origin]
        label.append(now["label"].to_numpy())
        newer = 0.5 ** ((origin - old["month"].to_numpy()) / HALF_LIFE_MONTHS)
        margins = [_trees(old[features], old["label"], now[features], weight) for weight in (None, newer)]
        scores["model"].append(np.mean(margins, axis=0))
        data = lgb.Dataset(old[features].to_numpy(), old["label"].to_numpy())
        peer = lgb.train({**LIGHTGBM, "objective": "binary"}, data, ROUNDS)
        scores["lightgbm"].append(np.asarray(peer.predict(now[features].to_numpy())))
        scores["months of cover"].append(-now["cover_amc"].fillna(now["cover_amc"].median()).to_numpy())
    happened = np.concatenate(label)
    one = np.ones(len(happened))
    return {name: average_precision(np.concatenate(part), happened, one) for name, part in scores.items()} | {
        "rows": float(len(happened)), "share": float(happened.mean())
    }  # fmt: skip


def _trees(old: pd.DataFrame, label: pd.Series, now: pd.DataFrame, weight: Array | None) -> Array:
    data = xgb.DMatrix(old, label=label, weight=weight)
    trees = xgb.train({**TREES, "seed": 7}, data, num_boost_round=ROUNDS)
    return np.asarray(trees.predict(xgb.DMatrix(now), output_margin=True), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Quantiles of next month's demand by forecaster, (n, levels); AutoETS and the median of all, which needs it, are
    NaN but for the rows of some series. site: of each row.
    """

    found: dict[str, Array]
    wanted: Array
    site: npt.NDArray[np.object_]

    def rows(self, name: str) -> npt.NDArray[np.bool_]:
        """The rows that a forecaster was asked about."""
        asked: npt.NDArray[np.bool_] = ~np.isnan(self.found[name]).any(axis=1)
        return asked

    def loss(self, name: str, rows: npt.NDArray[np.bool_]) -> float:
        return pinball.loss(self.found[name][rows], self.wanted[rows], LEVELS)

    def ratio(self, name: str, peer: str, rows: npt.NDArray[np.bool_], *, seed: int = 7) -> tuple[float, float, float]:
        """Pinball loss over the peer's, and its 90 % interval (bootstrap over whole sites)."""
        sites, place = np.unique(self.site[rows].astype(str), return_inverse=True)
        own, other = (
            np.bincount(place, pinball.losses(self.found[each][rows], self.wanted[rows], LEVELS))
            for each in (name, peer)
        )
        drawn = np.random.default_rng(seed).integers(0, len(sites), (DRAWS, len(sites)))
        low, high = np.quantile(own[drawn].sum(axis=1) / other[drawn].sum(axis=1), (0.05, 0.95))
        return float(own.sum() / other.sum()), float(low), float(high)

    def off_by(self, name: str) -> float:
        found = self.found[name]
        return max(pinball.off_by(found[:, n], self.wanted, level) for n, level in enumerate(LEVELS))

    def crossings(self, name: str) -> int:
        return int((np.diff(self.found[name], axis=1) < 0).any(axis=1).sum())


def demand(folder: Path) -> Forecasts:
    """Model, LightGBM and statsforecast at each month of 2018; months that ended empty are not judged: what was wanted
    is not known.
    """
    frame = ledger.rows(folder)
    frame = frame[~frame["is_censored"]]
    features = ledger.feature_names(frame)
    named = _named(frame)
    pieces: dict[str, list[Array]] = {"model": [], "lightgbm": []}
    rows = []
    for origin in range(FIRST_TEST, int(frame["month"].max()) + 1):
        old, now = named[named["month"] < origin], named[named["month"] == origin]
        learned = demands.learn(old, features, PARAMS, days=1)
        if learned is None:
            raise ValueError(f"{len(old)} rows before month {origin} are too few to learn a demand from.")
        pieces["model"].append(learned.quantiles(now, 1.0, LEVELS))
        before, matrix = (part[list(features)].to_numpy(np.float32) for part in (old, now))
        pieces["lightgbm"].append(_lightgbm(before, old["wanted"].to_numpy(np.float64), matrix))
        rows.append(now)
    asked = pd.concat(rows, ignore_index=True)
    found = {name: np.concatenate(part) for name, part in pieces.items()} | _statsforecast(folder, asked, QUICK)
    some = np.sort(np.random.default_rng(7).permutation(np.unique(asked["series"]))[:SLOW_SERIES])
    is_some = asked["series"].isin(some).to_numpy()
    slow = _statsforecast(folder, asked[is_some], (SLOW,))[SLOW]
    together = np.median(np.stack([slow, *[found[name][is_some] for name in QUICK]]), axis=0)
    for name, part in {SLOW: slow, TOGETHER: together}.items():
        found[name] = np.full((len(asked), len(LEVELS)), np.nan)
        found[name][is_some] = part
    return Forecasts(found, asked["wanted"].to_numpy(np.float64), asked["site"].to_numpy(object))


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The ledger's rows as the product's model of demand reads them, a day for each month, in order of time."""
    moment = pd.Timestamp("2016-01-01", tz="UTC") + pd.to_timedelta(frame["month"], unit="D")
    known = {demands.USUAL: frame["scale"], demands.RECENT: frame["smooth"]}
    return frame.assign(as_of=moment, **known).sort_values("month", kind="stable")


def _lightgbm(before: npt.NDArray[np.float32], wanted: Array, now: npt.NDArray[np.float32]) -> Array:
    found = []
    for level in LEVELS:
        settings = {**LIGHTGBM, "objective": "quantile", "alpha": level}
        trees = lgb.train(settings, lgb.Dataset(before, wanted), ROUNDS)
        found.append(np.maximum(np.asarray(trees.predict(now)), 0.0))
    return np.stack(found, axis=1)


def _statsforecast(folder: Path, asked: pd.DataFrame, names: tuple[str, ...]) -> dict[str, Array]:
    """Quantiles by series model with conformal intervals; too short a series has none and takes its mean."""
    from statsforecast import StatsForecast
    from statsforecast.models import IMAPA, TSB, AutoETS, CrostonSBA, SeasonalNaive
    from statsforecast.utils import ConformalIntervals

    given, _ = ledger.demand_panel(folder)
    intervals = ConformalIntervals(n_windows=5, h=1)
    models = {
        SLOW: AutoETS(season_length=12, prediction_intervals=intervals),
        "CrostonSBA": CrostonSBA(prediction_intervals=intervals),
        "TSB": TSB(0.2, 0.2, prediction_intervals=intervals),
        "IMAPA": IMAPA(prediction_intervals=intervals),
        "SeasonalNaive": SeasonalNaive(12, prediction_intervals=intervals),
    }
    engine = StatsForecast(models=[models[name] for name in names], freq=1, fallback_model=_fallback(intervals))
    found = {name: np.full((len(asked), len(LEVELS)), np.nan) for name in names}
    series, month = asked["series"].to_numpy(), asked["month"].to_numpy()
    for origin in np.unique(month):
        at = np.flatnonzero(month == origin)
        history = pd.concat([_history(given[series[row]], int(origin), int(row)) for row in at])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wide = engine.forecast(df=history, h=1, level=[80, 90])
        for name in names:
            columns = [f"{name}", f"{name}-hi-80", f"{name}-hi-90"]
            found[name][wide["unique_id"].to_numpy(np.int64)] = wide[columns].to_numpy(np.float64)
    plain = np.repeat(asked["scale"].to_numpy(np.float64)[:, None], len(LEVELS), axis=1)
    return {
        name: np.sort(np.maximum(np.where(np.isnan(part), plain, part), 0.0), axis=1) for name, part in found.items()
    }


def _fallback(intervals: object) -> object:
    from statsforecast.models import HistoricAverage

    return HistoricAverage(prediction_intervals=intervals)


def _history(given: Array, origin: int, row: int) -> pd.DataFrame:
    known = given[: origin + 1]
    first = int(np.flatnonzero(~np.isnan(known))[0])
    values = pd.Series(known[first:]).ffill().to_numpy()
    if len(values) < FEWEST_MONTHS:  # conformal intervals need more months than there are: the first is repeated
        values = np.concatenate([np.repeat(values[:1], FEWEST_MONTHS - len(values)), values])
    return pd.DataFrame({"unique_id": row, "ds": np.arange(len(values)), "y": values})
