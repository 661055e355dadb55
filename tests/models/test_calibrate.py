import json

import numpy as np
import pytest
from scipy.special import expit, logit

from models import calibrate
from models.calibrate import Calibration, CalibrationError


def drawn(rows, shift=0.0, slope=1.0, seed=3):
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-1.5, 1.2, rows)
    label = (rng.uniform(size=rows) < expit(slope * log_odds + shift)).astype(float)
    return log_odds, label, np.ones(rows)


def test_few_outcomes_change_nothing():
    assert calibrate.fit(*drawn(60)) == Calibration(rows=60)


def test_a_score_that_is_right_stays_as_it_is():
    log_odds, label, weight = drawn(5000)
    found = calibrate.fit(log_odds, label, weight)
    assert np.abs(found(log_odds) - expit(log_odds)).max() < 0.03


def test_a_level_that_is_off_is_moved_towards_the_outcomes_and_not_past_them():
    log_odds, label, weight = drawn(5000, shift=1.0)
    found = calibrate.fit(log_odds, label, weight)
    assert expit(log_odds).mean() + 0.03 < found(log_odds).mean() <= label.mean() + 0.01


def test_many_outcomes_give_a_curve_that_keeps_the_order_of_rows():
    log_odds, label, weight = drawn(90_000, shift=0.4, slope=0.7)
    found = calibrate.fit(log_odds, label, weight)
    assert found.knots
    ascending = np.sort(log_odds)
    assert (np.diff(found(ascending)) >= 0).all()
    assert len(np.unique(found(ascending))) > 0.99 * len(np.unique(ascending))
    assert abs(found(log_odds).mean() - label.mean()) < 0.01


def test_weights_count():
    log_odds = np.zeros(400)
    label = np.repeat([0.0, 1.0], 200)
    heavy = calibrate.fit(log_odds, label, np.where(label == 1, 5.0, 1.0))
    assert heavy(np.zeros(1))[0] > 0.7


def test_it_survives_json():
    for found in (calibrate.fit(*drawn(5000)), calibrate.fit(*drawn(90_000))):
        assert calibrate.from_json(json.loads(json.dumps(found.as_json()))) == found


@pytest.mark.parametrize(
    "stored",
    [
        {"slope": -1, "intercept": 0, "knots": [], "rows": 1},
        {"slope": 1, "intercept": 0, "knots": [[0, 1], [1, 0]], "rows": 1},
        {"slope": 1, "knots": []},
    ],
)
def test_a_stored_calibration_that_falls_or_is_cut_is_refused(stored):
    with pytest.raises(CalibrationError):
        calibrate.from_json(stored)


def test_no_probability_is_certain():
    found = Calibration()(np.array([-50.0, 50.0, logit(0.5)]))
    assert found[0] > 0
    assert found[1] < 1
    assert found[2] == pytest.approx(0.5)
