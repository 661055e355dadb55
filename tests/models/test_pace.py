"""How fast things have ended lately: found from what was known by each day, and moving what is said of open ones."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from conftest import BEGIN
from test_hazard import FEATURES, fitted, parcels

from models.hazard import Hazard
from models.model import learned_log_odds, tree_log_odds
from models.pace import FASTEST, SLOWEST, paces

KNOWN = pd.Timestamp(BEGIN) + pd.Timedelta(days=60)
LATER = pd.Timestamp(BEGIN) + pd.Timedelta(days=80)


def slowed(factor: float, rows: int = 6000, *, known_after_hours: float = 0.0) -> pd.DataFrame:
    """Parcels whose rate of ending is ``factor`` times what it was, from day 60 on."""
    book = parcels(rows)
    left = (book["ended_at"] - KNOWN).dt.total_seconds().clip(lower=0)
    begun = np.maximum((book["as_of"] - KNOWN).dt.total_seconds(), 0)
    later = KNOWN + pd.to_timedelta(begun + (left - begun) / factor, unit="s")
    ended = book["ended_at"].where(book["ended_at"] <= KNOWN, later)
    return book.assign(ended_at=ended, over_known_at=ended + timedelta(hours=known_after_hours))


@pytest.fixture(scope="module")
def learned() -> Hazard:
    """What was learned before anything slowed."""
    return fitted(parcels(6000), KNOWN.to_pydatetime())


def pace(learned: Hazard | None, book: pd.DataFrame, moment: pd.Timestamp = LATER) -> float:
    return float(paces(learned, book, pd.Series([moment]))[0])


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.6])
def test_the_pace_is_what_the_rate_was_multiplied_by(learned: Hazard, factor: float) -> None:
    assert pace(learned, slowed(factor)) == pytest.approx(factor, rel=0.12)


def test_before_it_changed_it_is_the_usual_one(learned: Hazard) -> None:
    assert pace(learned, slowed(0.5), KNOWN) == pytest.approx(1.0, abs=0.08)


def test_what_was_not_yet_known_changes_nothing(learned: Hazard) -> None:
    book = slowed(0.5, known_after_hours=30)
    unknown = book["over_known_at"] >= LATER
    assert (book["ended_at"][unknown] < LATER).any(), "some had ended, and nobody knew"
    never = book.assign(ended_at=book["ended_at"].mask(unknown), over_known_at=book["over_known_at"].mask(unknown))
    after = book["as_of"] >= LATER
    assert pace(learned, never) == pace(learned, book) == pace(learned, book[~after])
    known = book.assign(ended_at=book["ended_at"].mask(~unknown, book["as_of"] + timedelta(hours=1)))
    assert pace(learned, known) != pace(learned, book), "what was known counts"


def test_a_day_is_judged_at_its_start(learned: Hazard) -> None:
    book = slowed(0.5)
    assert pace(learned, book, LATER + timedelta(hours=23)) == pace(learned, book, LATER)


def test_what_was_cancelled_is_not_taken_for_slow(learned: Hazard) -> None:
    book = slowed(1.0)
    cancelled = np.random.default_rng(1).uniform(size=len(book)) < 0.4
    known = book["as_of"] + timedelta(hours=2)
    gone = book.assign(
        ended_at=book["ended_at"].mask(cancelled), over_known_at=book["over_known_at"].mask(cancelled, known)
    )
    assert pace(learned, gone) == pytest.approx(1.0, rel=0.12)
    unsaid = gone.assign(over_known_at=gone["over_known_at"].mask(cancelled))
    assert pace(learned, unsaid) < 0.8


def test_few_rows_say_little_none_nothing_and_it_stays_within_bounds(learned: Hazard) -> None:
    book = slowed(0.5)
    assert pace(learned, book.iloc[:0]) == pace(None, book) == pace(learned, book, KNOWN + timedelta(days=400)) == 1.0
    assert 0.9 < pace(learned, book[book["as_of"] < LATER].tail(10)) < 1.1
    lately = book[book["as_of"].between(KNOWN, LATER)]
    never = pd.Series(pd.NaT, lately.index, dtype="datetime64[ns, UTC]")
    assert pace(learned, lately.assign(ended_at=never, over_known_at=never)) >= SLOWEST
    at_once = lately["as_of"] + timedelta(hours=1)
    assert pace(learned, lately.assign(ended_at=at_once, over_known_at=at_once)) <= FASTEST


def test_a_slower_pace_makes_late_likelier_by_as_much_as_the_hazard_says(learned: Hazard) -> None:
    matrix = np.column_stack([[3.0, 3.0, np.nan], [1.0, 0.0, 1.0]]).astype(np.float32)
    usual, slow = learned.log_odds(matrix), learned.log_odds(matrix, 0.5)
    still_open = 1 / (1 + np.exp(-usual[:2]))
    np.testing.assert_allclose(1 / (1 + np.exp(-slow[:2])), still_open**0.5, rtol=1e-9)


def test_trees_move_with_the_hazard(learned: Hazard) -> None:
    book = parcels(500)
    matrix = book[list(FEATURES)].to_numpy(np.float32)
    late = (book["ended_at"] > book["as_of"] + pd.to_timedelta(book["slack_days"], unit="D")).to_numpy(float)
    trees = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(matrix, late, feature_names=list(FEATURES)), 5)
    at_usual = learned_log_odds(trees, learned, matrix, FEATURES)
    at_half = learned_log_odds(trees, learned, matrix, FEATURES, np.full(len(matrix), 0.5))
    np.testing.assert_allclose(at_half - at_usual, learned.log_odds(matrix, 0.5) - learned.log_odds(matrix))
    alone = learned_log_odds(trees, None, matrix, FEATURES, 0.5)
    np.testing.assert_array_equal(alone, tree_log_odds(trees, matrix, FEATURES))
