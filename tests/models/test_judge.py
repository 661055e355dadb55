import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from models import judge
from models.judge import JudgeError


def drawn(rows=2000, seed=5):
    rng = np.random.default_rng(seed)
    chance = rng.beta(1, 5, rows)
    label = (rng.uniform(size=rows) < chance).astype(float)
    return chance, label, rng.choice([1.0, 6.0], rows)


@pytest.mark.parametrize("digits", [8, 1])
def test_average_precision_is_that_of_scikit_learn_with_weights_and_ties(digits):
    chance, label, weight = drawn()
    score = chance.round(digits)
    expected = average_precision_score(label, score, sample_weight=weight)
    assert judge.average_precision(score, label, weight) == pytest.approx(expected, rel=1e-9)


def test_one_score_for_all_has_the_base_rate_as_precision():
    _, label, weight = drawn()
    found = judge.average_precision(np.zeros(len(label)), label, weight)
    assert found == pytest.approx(np.average(label, weights=weight))


def test_nothing_happened_has_no_average_precision():
    assert np.isnan(judge.average_precision(np.ones(5), np.zeros(5), np.ones(5)))


def test_honest_chances_have_little_calibration_error_and_doubled_ones_much():
    chance, label, weight = drawn(20_000)
    assert judge.calibration_error(chance, label, weight) < 0.02
    assert judge.calibration_error(np.minimum(2 * chance, 1), label, weight) > 0.1


def test_saying_the_mean_has_no_skill():
    _, label, weight = drawn()
    mean = np.full(len(label), np.average(label, weights=weight))
    assert judge.brier_skill(mean, label, weight) == pytest.approx(0, abs=1e-12)


def test_a_better_scorer_has_a_ratio_whose_interval_lies_above_one():
    chance, label, weight = drawn()
    worse = chance + np.random.default_rng(1).normal(0, 0.3, len(chance))
    blocks = np.arange(len(label)) // 50
    found, ratios = judge.intervals({"good": chance, "bad": worse}, label, weight, blocks, against="good")
    assert found["good"].low < found["good"].value < found["good"].high
    assert ratios["bad"].low > 1
    again, _ = judge.intervals({"good": chance, "bad": worse}, label, weight, blocks, against="good")
    assert again == found


def test_rows_of_one_block_are_drawn_together_so_that_a_copied_week_does_not_narrow_the_interval():
    chance, label, weight = drawn(600)
    blocks = np.arange(600) // 30
    once, _ = judge.intervals({"a": chance}, label, weight, blocks, against="a")
    copied = [np.tile(part, 10) for part in (chance, label, weight)]
    many, _ = judge.intervals({"a": copied[0]}, copied[1], copied[2], np.tile(blocks, 10), against="a")
    assert many["a"].high - many["a"].low == pytest.approx(once["a"].high - once["a"].low, rel=0.01)


def test_lead_time_counts_from_the_first_announcement():
    start = pd.Timestamp("2025-03-01", tz="UTC")
    rows = pd.DataFrame(
        {
            "subject_id": ["a", "a", "b", "c"],
            "as_of": [start, start + pd.Timedelta(days=1), start, start],
            "probability": [0.8, 0.9, 0.2, 0.9],
            "label": [1, 1, 1, 0],
            "weight": 1.0,
            "deadline_at": start + pd.Timedelta(days=3),
        }
    )
    found = judge.lead_time(rows, 0.5)
    assert found["share_of_events_announced"] == 0.5
    assert found["share_announced_48h_before"] == 0.5
    assert found["precision"] == 0.5
    assert found["median_hours"] == 72


def test_nothing_to_judge_is_said():
    with pytest.raises(JudgeError, match="nothing to judge"):
        judge.figures(np.zeros(0), np.zeros(0), np.zeros(0))
