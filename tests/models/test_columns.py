"""Trees draw from columns that tell rows apart, so that what a source cannot fill takes no place."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import TRAIN_BEFORE, make_book, mature, toy_spec

from models import columns, fit
from models.model import tree_log_odds


def test_a_column_tells_rows_apart_by_two_values_or_by_being_null_for_some() -> None:
    nan = np.nan
    matrix = np.array([[1, 2, nan, nan, 5], [1, 3, nan, 4, 5], [1, 2, nan, 4, nan]], dtype=np.float32)
    assert columns.varies(matrix).tolist() == [False, True, False, True, True]


def test_a_share_is_one_of_the_columns_that_tell() -> None:
    matrix = np.random.default_rng(1).normal(size=(50, 10)).astype(np.float32)
    assert columns.draw(matrix, 0.5) == columns.Draw(0.5, None)
    matrix[:, 4:] = np.nan
    drawn = columns.draw(matrix, 0.5)
    assert drawn.share == pytest.approx(0.2)
    assert drawn.weights is not None
    assert drawn.weights.tolist() == [1.0] * 4 + [0.0] * 6


def test_rows_that_tell_nothing_still_grow_trees() -> None:
    assert columns.draw(np.full((5, 3), np.nan, dtype=np.float32), 0.3) == columns.Draw(0.3, None)


def test_columns_that_a_source_cannot_fill_change_nothing_of_what_is_learned() -> None:
    """What blind draws lose is the twin: they see fewer columns that say something, and grow other trees."""
    said = ("slack_days", "load", "noise")
    void = tuple(f"void_{n}" for n in range(27))
    book = make_book(3000, seed=4)
    book[list(void)] = np.nan
    rows, quick = mature(book, TRAIN_BEFORE), fit.Params(column_share=0.7, parallel_trees=1)
    later = make_book(2000, seed=9)
    later[list(void)] = np.nan

    def ranked(names: tuple[str, ...], share: float) -> float:
        spec = toy_spec(features=names)
        trees = fit.grow(spec, rows, dataclasses.replace(quick, column_share=share), 7, rounds=40)
        odds = tree_log_odds(trees, fit.matrix(later, names), names)
        return float(np.corrcoef(odds, later["chance"])[0, 1])

    alone = ranked(said, 0.7)
    assert ranked((*said, *void), 0.7) == pytest.approx(alone, abs=0.01)
    blind = 0.7 * len(said) / len((*said, *void))  # as few as a blind draw finds on average
    assert ranked((*said, *void), blind) < alone - 0.02
