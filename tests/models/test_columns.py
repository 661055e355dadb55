"""Trees draw from columns that tell rows apart, and enough of them, however little a source can fill."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import TRAIN_BEFORE, make_book, mature, toy_spec

from models import columns, fit
from models.model import tree_log_odds

SAID = ("slack_days", "load", "noise")
VOID = tuple(f"void_{n}" for n in range(197))


def test_a_column_tells_rows_apart_by_two_values_or_by_being_null_for_some() -> None:
    nan = np.nan
    matrix = np.array([[1, 2, nan, nan, 5], [1, 3, nan, 4, 5], [1, 2, nan, 4, nan]], dtype=np.float32)
    assert columns.varies(matrix).tolist() == [False, True, False, True, True]


def test_where_most_columns_tell_a_share_of_all_is_drawn() -> None:
    matrix = np.random.default_rng(1).normal(size=(50, 100)).astype(np.float32)
    assert columns.draw(matrix, 0.3) == columns.Draw(0.3, None)
    matrix[:, 80:] = np.nan
    assert columns.draw(matrix, 0.3) == columns.Draw(0.3, None)


@pytest.mark.parametrize(("known", "drawn"), [(26, 8), (10, 8), (8, 8), (3, 3), (1, 1)])
def test_where_few_tell_as_many_are_drawn_as_it_takes_and_none_that_does_not(known: int, drawn: int) -> None:
    matrix = np.random.default_rng(1).normal(size=(50, 100)).astype(np.float32)
    matrix[:, known:] = np.nan
    found = columns.draw(matrix, 0.3)
    assert found.share == pytest.approx(drawn / 100)
    assert found.weights is not None
    assert found.weights.tolist() == [1.0] * known + [0.0] * (100 - known)


def test_rows_that_tell_nothing_still_grow_trees() -> None:
    assert columns.draw(np.full((5, 3), np.nan, dtype=np.float32), 0.3) == columns.Draw(0.3, None)


@pytest.mark.parametrize("blindly", [False, True])
def test_what_a_source_cannot_fill_takes_nothing_from_what_it_can(
    blindly: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    void = pd.DataFrame(np.nan, index=range(3000), columns=list(VOID))
    rows, later = (pd.concat([make_book(3000, seed=seed), void], axis=1) for seed in (4, 9))
    rows = mature(rows, TRAIN_BEFORE)

    def ranked(names: tuple[str, ...]) -> float:
        spec = toy_spec(features=names)
        trees = fit.grow(spec, rows, fit.Params(parallel_trees=1), 7, rounds=40)
        odds = tree_log_odds(trees, fit.matrix(later, names), names)
        return float(np.corrcoef(odds, later["chance"])[0, 1])

    alone = ranked(SAID)
    if blindly:
        monkeypatch.setattr(columns, "LEAST_COLUMNS", 0)
    beside = ranked((*SAID, *VOID))
    assert (beside < alone - 0.02) if blindly else beside == pytest.approx(alone, abs=0.01)
