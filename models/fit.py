"""Fit one target's model from mature labels, with windows that follow each other in time.

    |------- fit -------|-- select --|--- calibrate ---|  train_before

Trees are grown on ``fit`` and stopped on ``select``. ``calibrate`` is walked in a few folds: before each the trees are
grown again on what was mature by then, and meet the fold unseen, as they will meet next month. All folds together give
the calibration, at the pace of each of their days (models.pace), and with ``select`` how much the naive rule counts at
each snapshot. The model that ships is grown on everything with the same number of rounds. A row belongs to a window
only if its label was mature when the next began. Calibrating on the newest fold alone was tried on Olist: it counts a
bad month twice, since the shipped trees know it too.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from models import calibrate, window
from models import demand as demands
from models import hazard as hazards
from models.hazard import Hazard
from models.judge import average_precision
from models.model import Array, Model, RuleCurve, blend, learned_log_odds, rule_curve, together, tree_log_odds
from models.pace import paces
from models.target import TargetSpec
from models.windows import LEAST_POSITIVES, Parts, Windows, assign, enough, split, trainable

log = logging.getLogger(__name__)

FOLDS = 3
SHARES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
SMALL_DATA = 10_000  # positives
LEAVES = 80  # a leaf weighs at least this part of all rows; chosen on samples of simulated worlds (docs/models.md)
LEAST_CHILD_WEIGHT = 2.0
LEVEL_PRIOR = 20.0  # rows
FEW_ROWS, FEW_ROWS_PARALLEL_TREES = 20_000, 4  # of many rows they say no more, and cost as much again


@dataclass(frozen=True, slots=True)
class Params:
    """How trees are grown. Rounds are found by early stopping. least_rounds: for a target whose level moves from month
    to month, which stops trees before they have learned to tell rows apart.
    """

    learning_rate: float = 0.05
    depth: int = 6
    child_weight: float = 20.0
    l2: float = 5.0
    row_share: float = 0.7
    column_share: float = 0.3
    parallel_trees: int = 2
    most_rounds: int = 400
    patience: int = 40
    least_rounds: int = 1
    threads: int = 2


FEW_POSITIVES = Params()
MANY_POSITIVES = Params(
    depth=8, child_weight=50.0, l2=1.0, row_share=0.8, column_share=0.5, parallel_trees=1, most_rounds=600
)


def fit(
    spec: TargetSpec, frame: pd.DataFrame, train_before: datetime, *, seed: int = 7, params: Params | None = None
) -> Model:
    """The model of ``spec`` as it could be known at ``train_before``.

    frame: one row per subject_id, sku_id, as_of; the spec's features, snapshot, label (0 or 1), matured_at, weight;
    where it has a deadline also ended_at, over_known_at; where it is graded also grade. Rows with a null label are left
    out. Raises ImmatureLabels, FeatureMissing, TooLittleHistory.
    """
    rows = trainable(spec, frame, train_before)
    spans = split(rows, train_before)
    parts = assign(rows, spans)
    enough(spec, rows, parts)
    used = params or growth(spec, rows)
    rule = spec.rule(rows).to_numpy(np.float64)

    trial = grow(spec, rows[parts.fit], used, seed, stop_on=rows[parts.select])
    rounds = _rounds(trial, used)
    learned, paced, leaning = _walk(spec, rows, rule, spans, used, rounds, seed)
    ending = ends(spec, rows[parts.fit], spans.select_from, seed)
    learned[parts.select] = learned_log_odds(
        trial[:rounds], ending, matrix(rows[parts.select], spec.features), spec.features
    )
    leaning[parts.select] = _curve(rows, rule, parts.fit)(rule[parts.select])
    met = parts.select | parts.calibrate
    share = choose_share(spec, rows[met], learned[met], leaning[met])
    unseen = rows[parts.calibrate]
    log_odds = blend(paced[parts.calibrate], leaning[parts.calibrate], unseen["snapshot"].to_numpy(), share)
    calibration = calibrate.fit(log_odds, unseen["label"].to_numpy(float), unseen["weight"].to_numpy(float))

    final = grow(spec, rows, used, seed, rounds=rounds)
    about = _about(rows, spans, parts, used, rounds, seed)
    everything = np.ones(len(rows), dtype=bool)
    dates = window.fit(rows, spec.features, train_before, seed=seed) if spec.has_date_window else None
    curve, ending = _curve(rows, rule, everything), ends(spec, rows, train_before, seed)
    wanted = demands.fit(rows, spec.demand, seed=seed) if spec.demand else None
    return Model(spec.name, spec.features, final, curve, share, calibration, about, dates, ending, wanted)


def matrix(frame: pd.DataFrame, features: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """(n, k) in the order of ``features``, by name; NaN where null."""
    return frame[list(features)].to_numpy(dtype=np.float32, na_value=np.nan)


def grow(
    spec: TargetSpec,
    rows: pd.DataFrame,
    params: Params,
    seed: int,
    *,
    rounds: int | None = None,
    stop_on: pd.DataFrame | None = None,
) -> xgb.Booster:
    """Trees on ``rows``: a fixed number of rounds, or stopped where log-loss on ``stop_on`` no longer falls."""
    settings = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "learning_rate": params.learning_rate,
        "max_depth": params.depth,
        "min_child_weight": params.child_weight,
        "reg_lambda": params.l2,
        "subsample": params.row_share,
        "colsample_bytree": params.column_share,
        "num_parallel_tree": params.parallel_trees,
        "nthread": params.threads,
        "seed": seed,
        "monotone_constraints": "(" + ",".join(str(spec.monotone.get(name, 0)) for name in spec.features) + ")",
    }
    watched = [(_data(spec, stop_on), "select")] if stop_on is not None else []
    return xgb.train(
        settings,
        _data(spec, rows),
        num_boost_round=rounds or params.most_rounds,
        evals=watched,
        early_stopping_rounds=max(params.patience, params.least_rounds) if watched else None,
        verbose_eval=False,
    )


def ends(spec: TargetSpec, rows: pd.DataFrame, known_before: datetime, seed: int) -> Hazard | None:
    """The hazard of ending, from rows that have a deadline; None where the spec knows none."""
    if spec.deadline is None:
        return None
    dated = rows[rows[spec.deadline].notna()]
    return hazards.fit(dated, matrix(dated, spec.features), spec.features, spec.deadline, known_before, seed=seed)


def choose_share(spec: TargetSpec, rows: pd.DataFrame, learned: Array, leaning: Array) -> dict[str, float]:
    """How much what was learned counts, per snapshot: the share with the best average precision over all rows that were
    met unseen, moved towards the rule at a snapshot where it ranks better, so that no snapshot ships below it.

    learned, leaning: log-odds of trees (and hazard) and of the rule for each of ``rows``. One window alone is not
    enough: on a simulated world it was the sales festival, the rule won there, and trees that were half as good again
    were thrown away.
    """
    label, weight = rows["label"].to_numpy(float), rows["weight"].to_numpy(float)
    snapshot = rows["snapshot"].to_numpy()

    def best(mask: npt.NDArray[np.bool_], start: float) -> float:
        scores = {
            share: average_precision(share * learned[mask] + (1 - share) * leaning[mask], label[mask], weight[mask])
            for share in SHARES
        }
        if scores[start] >= scores[0.0]:
            return start
        return max((share for share in SHARES if share <= start), key=lambda share: (scores[share], share))

    pooled = {share: average_precision(share * learned + (1 - share) * leaning, label, weight) for share in SHARES}
    start = max(SHARES, key=lambda share: (round(pooled[share], 4), share))
    found = {}
    for name in spec.snapshots:
        mask = snapshot == name
        found[name] = best(mask, start) if label[mask].sum() >= LEAST_POSITIVES else start
    return found


def growth(spec: TargetSpec, rows: pd.DataFrame) -> Params:
    """How trees grow on these rows. Where positives are few, leaves may be smaller: a least weight fit for thousands of
    positives left seven leaves for a hundred of them, and trees that lost to the rule. What holds leaves back shrinks
    with them, or rounds are spent on catching up; where rows are few as well, more trees a round steady what they say.
    """
    usual = FEW_POSITIVES if rows["label"].sum() < SMALL_DATA else MANY_POSITIVES
    rate = float(np.average(rows["label"], weights=rows["weight"]))
    told = len(rows) * rate * (1 - rate)  # the sum of hessians, which min_child_weight counts, at the base rate
    leaf = min(usual.child_weight, max(LEAST_CHILD_WEIGHT, told / LEAVES))
    found = usual
    if leaf < usual.child_weight:
        l2 = usual.l2 * leaf / usual.child_weight
        trees = FEW_ROWS_PARALLEL_TREES if len(rows) < FEW_ROWS else usual.parallel_trees
        found = replace(usual, child_weight=leaf, l2=l2, parallel_trees=trees)
    return replace(found, **{name: type(getattr(usual, name))(value) for name, value in spec.growth.items()})


def _walk(
    spec: TargetSpec,
    rows: pd.DataFrame,
    rule: Array,
    windows: Windows,
    params: Params,
    rounds: int,
    seed: int,
) -> tuple[Array, Array, Array]:
    """Log-odds over the calibration window of what was learned, of the same at each day's pace, and of the rule, each
    fold by those that knew what was mature before it; NaN elsewhere.
    """
    folds = 1 if params is MANY_POSITIVES else FOLDS
    newest = min(pd.Timestamp(windows.train_before), rows["as_of"].max().ceil("D"))
    width = (newest - pd.Timestamp(windows.calibrate_from)) / folds
    learned, paced, leaning = (np.full(len(rows), np.nan) for _ in range(3))
    for number in range(folds):
        start = pd.Timestamp(windows.calibrate_from) + number * width
        seen = ((rows["as_of"] < start) & (rows["matured_at"] <= start)).to_numpy()
        last = number == folds - 1
        meets = ((rows["as_of"] >= start) & (last | (rows["as_of"] < start + width))).to_numpy()
        grown = grow(spec, rows[seen], params, seed, rounds=rounds)
        ending = ends(spec, rows[seen], start.to_pydatetime(), seed)
        asked = matrix(rows[meets], spec.features)
        trees = tree_log_odds(grown, asked, spec.features)
        log_open = ending.log_open(asked) if ending is not None else None
        learned[meets] = together(trees, log_open)
        paced[meets] = together(trees, log_open, paces(ending, rows, rows["as_of"][meets]))
        leaning[meets] = _curve(rows, rule, seen)(rule[meets])
    return learned, paced, leaning


def _rounds(trial: xgb.Booster, params: Params) -> int:
    """How many rounds the trial was best with, or the least that its target asks for."""
    best = trial.num_boosted_rounds() if trial.attr("best_iteration") is None else int(trial.best_iteration) + 1
    return min(max(best, params.least_rounds), params.most_rounds)


def _curve(rows: pd.DataFrame, rule: Array, mask: npt.NDArray[np.bool_]) -> RuleCurve:
    part = rows[mask]
    return rule_curve(rule[mask], part["label"].to_numpy(float), part["weight"].to_numpy(float))


def _data(spec: TargetSpec, rows: pd.DataFrame) -> xgb.DMatrix:
    weight = rows["weight"].to_numpy(float)
    return xgb.DMatrix(
        matrix(rows, spec.features),
        label=lesson(spec, rows),
        weight=weight / weight.mean(),
        feature_names=list(spec.features),
    )


def lesson(spec: TargetSpec, rows: pd.DataFrame) -> Array:
    """What trees learn of each row, (n,) in 0..1: its label; of a graded target halfway to how far it went, so that a
    near miss is told from a calm day, and a lost day from a lost hour; of one with a surrogate halfway to the share of
    events at the row's level.
    """
    label = rows["label"].to_numpy(np.float64)
    if spec.has_surrogate:
        nearness = shares_by_level(rows)
    elif spec.graded:
        nearness = rows["grade"].to_numpy(np.float64, na_value=np.nan)
    else:
        return label
    return np.where(np.isnan(nearness), label, (label + nearness) / 2)


def shares_by_level(rows: pd.DataFrame) -> Array:
    """Share of events among the rows of each one's surrogate level, (n,), drawn towards that of all by as much as
    LEVEL_PRIOR rows would; NaN without a level. Their mean over a level is that of the labels, so that chances keep
    their level: the surrogate index of Athey, Chetty, Imbens and Kang (2019), with levels for a model.
    """
    label, weight = rows["label"].to_numpy(np.float64), rows["weight"].to_numpy(np.float64)
    weight = weight / weight.mean()
    base = float(np.average(label, weights=weight))
    levels = pd.DataFrame({"level": rows["surrogate"].to_numpy(), "events": label * weight, "rows": weight})
    sums = levels.groupby("level").transform("sum")
    shares: Array = ((sums["events"] + LEVEL_PRIOR * base) / (sums["rows"] + LEVEL_PRIOR)).to_numpy(np.float64)
    return np.where(levels["level"].isna(), np.nan, shares)


def _about(
    rows: pd.DataFrame, windows: Windows, parts: Parts, params: Params, rounds: int, seed: int
) -> dict[str, Any]:
    return {
        "windows": {name: moment.isoformat() for name, moment in asdict(windows).items()},
        "rows": {name: int(mask.sum()) for name, mask in asdict(parts).items()},
        "first_as_of": rows["as_of"].min().isoformat(),
        "base_rate": float(np.average(rows["label"], weights=rows["weight"])),
        "params": asdict(params),
        "rounds": rounds,
        "seed": seed,
        "xgboost": xgb.__version__,
    }
