"""Fit a challenger on mature labels, judge it beside the champion and the rule, and put it in service only if it
is better.

The challenger is judged as it would have been a test window ago: fitted on what was mature then, met with what
came after. What ships is fitted the same way on everything that is mature today.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from jobs.context import Context, StepReport, open_lake
from jobs.record import recorded
from lake.store import Lake, as_of
from models import fit, frames, judge, peers, shared, target, windows
from models.model import Model
from models.pace import paces
from models.predict import probability
from models.registry import Promotion, Registry, Served, Verdict
from models.target import TargetSpec
from models.windows import TooLittleHistory

log = logging.getLogger(__name__)

SEED = 7
FRESH_DAYS = 28  # a champion younger than this is left alone
TEST_SHARE = 0.15
MOST_ROWS = 100_000  # a fit is one of a night's steps: more rows took minutes longer than the night's mail should wait
LEAST_JUDGED = 20  # positives in the test window


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """The step. ``options.force``: train even though the champion is young."""
    spec = target.spec(options.target)
    registry = Registry(context.settings.mlflow_url, context.settings.home / "mlruns")
    with recorded(context, "train", spec.name) as box:
        served = registry.champion(spec.name)
        if served is not None and not options.force and _is_young(served, context.day):
            box.report = StepReport("done", f"{spec.name}: the champion is younger than {FRESH_DAYS} days and stays")
            return box.report
        with open_lake(context.settings) as lake:
            box.report = run(lake, spec, context.day, registry, served, now=context.now)
        return box.report


def run(
    lake: Lake,
    spec: TargetSpec,
    day: date,
    registry: Registry,
    served: Served | None,
    *,
    now: datetime,
    seed: int = SEED,
) -> StepReport:
    """Train ``spec`` as of the end of ``day``. idle where the source lacks a table that the target needs, done
    otherwise, too little history included: the champion, if any, stays, and the message says what is missing.
    """
    train_before = as_of(day)
    lacking = target.lacking(lake, spec)
    begin = frames.first_known(lake, spec)
    if lacking or begin is None:
        return StepReport("idle", f"{lacking or spec.name}; nothing to learn from")
    begin = max(begin + spec.warm_up, train_before - spec.history)
    learning = shared.learnable(lake, spec, begin, train_before, whole_from=train_before, seed=seed, most=MOST_ROWS)
    try:
        challenger, verdict = _judged(spec, learning, train_before, served, seed)
    except TooLittleHistory as short:
        return StepReport("done", str(short), {"rows": len(learning.rows)}, lake.versions_read)
    by_rule = replace(challenger, share=dict.fromkeys(spec.snapshots, 0.0))
    promotion = registry.promote_if_better(challenger, verdict, by_rule=by_rule, seen_at=now)
    return _report(spec, learning, verdict, promotion, lake)


def _judged(
    spec: TargetSpec, learning: frames.Learnable, train_before: datetime, served: Served | None, seed: int
) -> tuple[Model, Verdict]:
    """The model that would ship and what its recipe achieved on the test window. Raises TooLittleHistory."""
    mature = windows.trainable(spec, learning.known_at(train_before), train_before)
    test_from = _test_from(spec, mature, train_before)
    known_then = learning.known_at(test_from)
    before = fit.fit(spec, known_then, test_from, seed=seed)
    test = mature[mature["as_of"] >= pd.Timestamp(test_from)]
    champion, missing = _champion(spec, served, test, mature)
    verdict = Verdict(
        test_from,
        train_before,
        challenger=_figures(probability(spec, before, test, paces(before.hazard, mature, test["as_of"])), test),
        rule=_figures(spec.rule(test).to_numpy(np.float64), test, is_chance=False),
        champion=champion,
        champion_missing=missing,
        logistic=_figures(peers.logistic(windows.trainable(spec, known_then, test_from), test, spec.features), test),
    )
    shipped = fit.fit(spec, mature, train_before, seed=seed)
    about = {**shipped.about, "judged_on": {"from": test_from.isoformat(), **verdict.challenger}}
    return replace(shipped, about=about), verdict


def _test_from(spec: TargetSpec, mature: pd.DataFrame, train_before: datetime) -> datetime:
    """Where the test window begins: the last 15 % of the span, wide enough for labels to mature. Raises
    TooLittleHistory.
    """
    if mature.empty:
        raise TooLittleHistory(
            f"{spec.name}: no label is mature before {train_before:%Y-%m-%d}. Nothing was fitted; bring more history."
        )
    span = pd.Timestamp(train_before) - mature["as_of"].min()
    width = min(max(TEST_SHARE * span, 1.5 * windows.usual_lag(mature)), 0.3 * span).ceil("D")
    found: datetime = train_before - width.to_pytimedelta()
    positives = int(mature.loc[mature["as_of"] >= pd.Timestamp(found), "label"].sum())
    if positives < LEAST_JUDGED:
        raise TooLittleHistory(
            f"{spec.name}: it happened {positives} times since {found:%Y-%m-%d}; {LEAST_JUDGED} are needed to "
            "judge a model. "
            "Nothing was fitted and the champion, if any, stays."
        )
    return found


def _champion(
    spec: TargetSpec, served: Served | None, test: pd.DataFrame, past: pd.DataFrame
) -> tuple[dict[str, float] | None, str]:
    """The champion's figures on rows that it did not learn from; None with the reason where there are too few."""
    if served is None:
        return None, ""
    learned_until = pd.Timestamp(served.model.about["windows"]["train_before"])
    unseen = test[test["as_of"] >= learned_until]
    if unseen["label"].sum() < LEAST_JUDGED or len(unseen) < len(test):
        return (
            None,
            f"the champion learned until {learned_until:%Y-%m-%d}, within the test window: too young to compare",
        )
    missing = set(served.model.features) - set(test.columns)
    if missing:
        log.warning("champion reads features that are gone target=%s features=%s", spec.name, sorted(missing))
        return None, ""
    pace = paces(served.model.hazard, past, unseen["as_of"])
    return _figures(probability(spec, served.model, unseen, pace), unseen), ""


def _figures(score: np.ndarray[Any, Any], test: pd.DataFrame, *, is_chance: bool = True) -> dict[str, float]:
    label, weight = test["label"].to_numpy(np.float64), test["weight"].to_numpy(np.float64)
    found = {"average_precision": judge.average_precision(score, label, weight)}
    return {**found, "brier": judge.brier(score, label, weight)} if is_chance else found


def _is_young(served: Served, day: date) -> bool:
    learned_until = datetime.fromisoformat(served.model.about["windows"]["train_before"])
    return timedelta(0) <= as_of(day) - learned_until < timedelta(days=FRESH_DAYS)


def _report(
    spec: TargetSpec, learning: frames.Learnable, verdict: Verdict, promotion: Promotion, lake: Lake
) -> StepReport:
    counts = {
        "rows": len(learning.rows),
        "promoted": promotion.promoted,
        "version": promotion.version,
        "average_precision": verdict.challenger["average_precision"],
        "rule_average_precision": verdict.rule["average_precision"],
        "logistic_average_precision": verdict.logistic["average_precision"],
        "brier": verdict.challenger["brier"],
    }
    went = "in service" if promotion.promoted else "kept aside"
    peer = f"logistic regression: {verdict.logistic['average_precision']:.3f}"
    message = f"{spec.name}: version {promotion.version} {went}: {promotion.reason}; {peer}"
    return StepReport("done", message, counts, lake.versions_read)
