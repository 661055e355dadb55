import dataclasses

import numpy as np
import pytest
import xgboost as xgb

from models import explain, fit, linear, model
from models.explain import Told
from models.predict import probability
from tests.models.conftest import TRAIN_BEFORE, make_book, mature, toy_spec

TOLD = {name: Told("parcel", ("orders",)) for name in ("slack_days", "load", "noise")}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(4000, 4)).astype(np.float32)
    odds = 1.5 * matrix[:, 0] - 0.8 * matrix[:, 1] - 1.0
    label = (rng.uniform(size=4000) < 1 / (1 + np.exp(-odds))).astype(float)
    matrix[rng.uniform(size=4000) < 0.2, 1] = np.nan
    matrix[:, 3] = np.nan
    return matrix, label, odds


@pytest.fixture(scope="module")
def learned(rows):
    return linear.fit(rows[0], rows[1], np.ones(4000))


@pytest.fixture(scope="module")
def beside():
    """A model of a book whose log-odds are a straight line: the linear model has a share."""
    spec = toy_spec(has_linear=True, monotone={})
    found = fit.fit(spec, mature(make_book(), TRAIN_BEFORE), TRAIN_BEFORE)
    assert found.linear_share > 0
    return spec, found


def test_it_finds_the_slopes(rows, learned):
    assert learned.slopes[:3] == pytest.approx((1.5, -0.8, 0.0), abs=0.15)
    assert np.corrcoef(learned.log_odds(rows[0]), rows[2])[0, 1] > 0.9


def test_what_is_never_known_is_not_read_and_a_null_is_a_value_of_its_own(rows, learned):
    assert learned.places == (0, 1, 2)
    missing_less = np.where(np.isnan(rows[0][:, 1]), np.nan, rows[0][:, 1])
    label = np.where(np.isnan(missing_less), 1.0, rows[1])
    assert linear.fit(rows[0], label, np.ones(4000)).null_slopes[1] > 3


def test_beyond_what_was_seen_it_says_no_more_than_at_the_edge(learned):
    edge = np.array([[learned.high[0], 0, 0, 0]], dtype=np.float32)
    far = np.array([[1e6, 0, 0, np.nan]], dtype=np.float32)
    assert learned.log_odds(far) == pytest.approx(learned.log_odds(edge), abs=1e-5)


def test_its_contributions_add_up(rows, learned):
    matrix = rows[0][:50]
    usual = learned.log_odds(np.full((1, 4), np.nan, dtype=np.float32)) - sum(learned.null_slopes)
    assert learned.contributions(matrix).sum(axis=1) + usual == pytest.approx(learned.log_odds(matrix))


def test_where_trees_know_better_it_has_no_share(rows):
    _, label, odds = rows
    noise = np.random.default_rng(6).normal(size=len(label))
    assert linear.choose_share(noise, odds, label, np.ones(len(label))) == 0.0
    assert linear.choose_share(odds, noise, label, np.ones(len(label))) == max(linear.SHARES)


def test_a_target_without_one_has_trees_alone(model):
    assert model.linear is None
    assert model.linear_share == 0.0


def test_less_slack_never_lowers_the_chance_with_it_either(later):
    spec = toy_spec(has_linear=True)
    found = fit.fit(spec, mature(make_book(), TRAIN_BEFORE), TRAIN_BEFORE)
    found = dataclasses.replace(found, linear=fit.straight_line(spec, mature(make_book(), TRAIN_BEFORE)),
                                linear_share=max(linear.SHARES))  # fmt: skip
    assert spec.features.index("slack_days") not in found.linear.places
    tight = later.assign(slack_days=later["slack_days"] - 0.4).query("slack_days > 0")
    loose = later.loc[tight.index]
    assert (probability(spec, found, tight) >= probability(spec, found, loose) - 1e-9).all()


def test_its_chances_come_true_as_often_as_they_say(beside, later):
    spec, found = beside
    said = probability(spec, found, later)
    assert abs(said.mean() - later["label"].mean()) < 0.03
    assert np.corrcoef(said, later["chance"])[0, 1] > 0.9


def test_it_is_stored_and_comes_back_as_it_was(beside, later, tmp_path):
    spec, found = beside
    model.save(found, tmp_path / "kept")
    again = model.load(tmp_path / "kept")
    assert again.linear == found.linear
    assert again.linear_share == found.linear_share
    np.testing.assert_array_equal(probability(spec, again, later), probability(spec, found, later))


def test_reasons_count_its_share(beside, later):
    _, found = beside
    row = later.sort_values("chance").tail(1)
    read = fit.matrix(row, found.features)
    data = xgb.DMatrix(read, feature_names=list(found.features))
    trees = found.booster.predict(data, pred_contribs=True)[0, :-1].sum()
    straight = found.linear.contributions(read).sum()
    told = explain.reasons(found, row, TOLD, [{"orders": {"table": "orders"}}])[0][0]["contribution"]
    share = found.linear_share
    assert told == pytest.approx((1 - share) * trees + share * straight, abs=1e-3)
    assert abs(straight - trees) > 0.01
