"""What is learned at a moment does not hang on what comes after it; learning that peeks is caught by the same look."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import TRAIN_BEFORE, make_book, mature, toy_spec

from models import calibrate, fit, peers, window
from models.model import Model, learned_log_odds
from models.predict import probability
from models.windows import ImmatureLabels

SPEC = toy_spec(deadline="slack_days", has_date_window=True)
MOMENT = pd.Timestamp(TRAIN_BEFORE - timedelta(days=60))
AT = MOMENT.to_pydatetime()
SMALL = fit.Params(most_rounds=30, patience=10, parallel_trees=1)
Learned = dict[str, Any]


def books() -> tuple[pd.DataFrame, pd.DataFrame]:
    """One past and two futures: what matured, came or was asked after MOMENT is another in the second."""
    book = make_book(2500)
    rng = np.random.default_rng(5)
    book["surrogate"] = book["label"] + rng.integers(0, 3, len(book))
    other = book.copy()
    open_then = (book["matured_at"] > MOMENT).to_numpy()
    came_later = (book["ended_at"] >= MOMENT).to_numpy()
    other.loc[open_then, "label"] = rng.integers(0, 2, int(open_then.sum())).astype(float)
    other.loc[open_then, "surrogate"] = rng.integers(0, 4, int(open_then.sum())).astype(float)
    other.loc[came_later, "ended_at"] = MOMENT + pd.to_timedelta(rng.uniform(0, 40, int(came_later.sum())), unit="D")
    new = (book["as_of"] >= MOMENT).to_numpy()
    for name in ("slack_days", "load", "noise"):
        other.loc[new, name] = rng.permutation(other.loc[new, name].to_numpy()) + 0.5
    return book, other


def as_known(book: pd.DataFrame) -> pd.DataFrame:
    """The rows whose label was mature at MOMENT, with ends that were known by then."""
    rows = mature(book, AT)
    return rows.assign(ended_at=rows["ended_at"].where(rows["ended_at"] < MOMENT))


def told(model: Model) -> Learned:
    """Everything that was learned, in a form that can be compared."""
    boosters = [model.booster, *([model.hazard.booster] if model.hazard else []),
                *([model.window.booster] if model.window else [])]  # fmt: skip
    card = model.card({})
    return {"card": json.dumps(card, sort_keys=True), "trees": [bytes(one.save_raw("ubj")) for one in boosters]}


def honest(book: pd.DataFrame) -> Learned:
    return told(fit.fit(SPEC, as_known(book), AT, params=SMALL))


def honest_surrogate(book: pd.DataFrame) -> Learned:
    return told(fit.fit(replace(SPEC, has_surrogate=True), as_known(book), AT, params=SMALL))


def base(book: pd.DataFrame) -> Model:
    return fit.fit(SPEC, as_known(book), AT, params=SMALL)


def later(book: pd.DataFrame) -> pd.DataFrame:
    return book[book["as_of"] >= MOMENT]


def pretending(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a date on every label that lets it in."""
    return rows.assign(matured_at=rows["matured_at"].where(rows["matured_at"] <= MOMENT, MOMENT))


def labels_before_they_are_mature(book: pd.DataFrame) -> Learned:
    return told(fit.fit(SPEC, pretending(book[book["as_of"] < MOMENT]), AT, params=SMALL))


def early_positives_alone(book: pd.DataFrame) -> Learned:
    rows = book[(book["as_of"] < MOMENT) & ((book["matured_at"] <= MOMENT) | (book["label"] == 1))]
    return told(fit.fit(SPEC, pretending(rows), AT, params=SMALL))


def a_random_split(book: pd.DataFrame) -> Learned:
    drawn = book.sample(frac=0.7, random_state=1)
    moved = drawn.assign(as_of=drawn["as_of"].where(drawn["as_of"] < MOMENT, MOMENT - timedelta(days=20)))
    return told(fit.fit(SPEC, pretending(moved), AT, params=SMALL))


def calibrated_on_the_test(book: pd.DataFrame) -> Learned:
    model, test = base(book), later(book)
    odds = log_odds(model, test)
    found = calibrate.fit(odds, test["label"].to_numpy(float), test["weight"].to_numpy(float))
    return told(replace(model, calibration=found))


def leaning_chosen_on_the_test(book: pd.DataFrame) -> Learned:
    model, test = base(book), later(book)
    learned = learned_log_odds(model.booster, model.hazard, fit.matrix(test, SPEC.features), SPEC.features)
    scores = fit.choose_share(SPEC, test, learned, model.rule(SPEC.rule(test).to_numpy(float)))
    return told(model) | {"share": scores, "ranked": np.argsort(log_odds(model, test)).tolist()}


def threshold_chosen_on_the_test(book: pd.DataFrame) -> Learned:
    test = later(book)
    chance = probability(SPEC, base(book), test)
    right = [(test["label"].to_numpy()[chance >= limit].mean(), limit) for limit in np.linspace(0.05, 0.6, 12)]
    return {"threshold": max(right)}


def stopped_on_the_test(book: pd.DataFrame) -> Learned:
    known = as_known(book)
    grown = fit.grow(SPEC, known, SMALL, 7, stop_on=later(book))
    return {"history": grown.attr("best_score")}


def scaled_by_all_time(book: pd.DataFrame) -> Learned:
    scaled = book.assign(load=(book["load"] - book["load"].mean()) / book["load"].std())
    return honest(scaled)


def encoded_by_outcomes_of_all_time(book: pd.DataFrame) -> Learned:
    bucket = np.floor(book["load"].clip(-2, 2)).astype(int)
    return honest(book.assign(noise=bucket.map(book.groupby(bucket)["label"].mean())))


def shares_by_level_of_all_time(book: pd.DataFrame) -> Learned:
    graded = as_known(book.assign(grade=fit.shares_by_level(book)))
    return told(fit.fit(replace(SPEC, graded=True), graded, AT, params=SMALL))


def ends_that_were_not_known(book: pd.DataFrame) -> Learned:
    rows = mature(book, AT)
    longer = window.fit(rows.assign(as_of=rows["as_of"]), SPEC.features, AT + timedelta(days=60))
    assert longer is not None
    return {"trees": bytes(longer.booster.save_raw("ubj")), "widen": longer.widen}


def a_window_widened_on_the_test(book: pd.DataFrame) -> Learned:
    dates = window.fit(as_known(book), SPEC.features, AT)
    assert dates is not None
    return {"coverage": window.coverage(dates, later(book))}


def a_peer_that_saw_the_test(book: pd.DataFrame) -> Learned:
    return {"chance": peers.logistic(book, as_known(book), SPEC.features).round(9).tolist()}


LEAKS = (
    labels_before_they_are_mature, early_positives_alone, a_random_split, calibrated_on_the_test,
    leaning_chosen_on_the_test, threshold_chosen_on_the_test, stopped_on_the_test, scaled_by_all_time,
    encoded_by_outcomes_of_all_time, shares_by_level_of_all_time, ends_that_were_not_known,
    a_window_widened_on_the_test, a_peer_that_saw_the_test,
)  # fmt: skip


def honest_dates(book: pd.DataFrame) -> Learned:
    dates = window.fit(as_known(book), SPEC.features, AT)
    assert dates is not None
    return {"trees": bytes(dates.booster.save_raw("ubj")), "widen": dates.widen}


def honest_peer(book: pd.DataFrame) -> Learned:
    known = as_known(book)
    return {"chance": peers.logistic(known, known, SPEC.features).round(9).tolist()}


def log_odds(model: Model, rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    return model.log_odds(fit.matrix(rows, SPEC.features), SPEC.rule(rows).to_numpy(float), rows["snapshot"].to_numpy())


def hangs_on_the_future(learn: Callable[[pd.DataFrame], Learned]) -> bool:
    """Whether what is learned differs between two worlds that were the same until MOMENT."""
    one, two = books()
    return learn(one) != learn(two)


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_learning_that_peeks_is_caught(leak: Callable[[pd.DataFrame], Learned]) -> None:
    assert hangs_on_the_future(leak)


@pytest.mark.parametrize(
    "learn", [honest, honest_surrogate, honest_dates, honest_peer], ids=lambda learn: learn.__name__
)
def test_honest_learning_raises_no_alarm(learn: Callable[[pd.DataFrame], Learned]) -> None:
    assert not hangs_on_the_future(learn)


def test_labels_that_carry_their_true_date_are_refused() -> None:
    book, _ = books()
    with pytest.raises(ImmatureLabels, match="labels mature after"):
        fit.fit(SPEC, book[book["as_of"] < MOMENT], AT, params=SMALL)
