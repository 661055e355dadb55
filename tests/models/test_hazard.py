"""The chance of still being open at a deadline, learned from when rows ended."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from conftest import BEGIN, TRAIN_BEFORE, make_book, toy_spec
from scipy.special import expit

from models import fit as fitting
from models import hazard
from models import model as stored
from models.fit import matrix
from models.model import ModelRefused
from models.predict import probability

FEATURES = ("slack_days", "speed")
SEED = 7


def parcels(rows: int = 3000, seed: int = 3) -> pd.DataFrame:
    """Parcels that end at a constant rate a day: 0.1 where speed is 0, 0.4 where it is 1."""
    rng = np.random.default_rng(seed)
    as_of = pd.Timestamp(BEGIN) + pd.to_timedelta(np.sort(rng.uniform(0, 100, rows)), unit="D")
    speed = rng.integers(0, 2, rows).astype(float)
    days = rng.exponential(1 / np.where(speed == 1, 0.4, 0.1))
    return pd.DataFrame({
        "as_of": as_of, "slack_days": rng.uniform(1, 12, rows), "speed": speed, "weight": 1.0,
        "ended_at": as_of + pd.to_timedelta(days, unit="D"),
    })  # fmt: skip


def fitted(rows: pd.DataFrame, known_before=TRAIN_BEFORE) -> hazard.Hazard:
    return hazard.fit(rows, matrix(rows, FEATURES), FEATURES, "slack_days", known_before, seed=SEED)


@pytest.fixture(scope="module")
def learned() -> hazard.Hazard:
    return fitted(parcels())


def asked(slack, speed) -> np.ndarray:
    return np.column_stack([np.broadcast_to(slack, np.shape(speed)), speed]).astype(np.float32)


def test_the_true_rates_are_found(learned):
    for speed, rate in ((0.0, 0.1), (1.0, 0.4)):
        for days in (1.0, 3.5, 6.0):
            found = expit(learned.log_odds(asked(days, [speed])))[0]
            assert found == pytest.approx(np.exp(-rate * days), abs=0.08), (speed, days)


def test_more_time_never_makes_it_likelier_to_be_open_among_whole_days_of_one_row(learned):
    book = parcels()
    left = [expit(learned.log_odds(asked(days, book["speed"].to_numpy()[:50]))).mean() for days in (1, 2, 4, 8, 16)]
    assert left == sorted(left, reverse=True)


def test_without_a_deadline_nothing_is_said_and_a_passed_one_is_certain(learned):
    found = learned.log_odds(asked(np.array([np.nan, 0.0, -3.0]), np.ones(3)))
    assert np.isnan(found[0])
    assert (found[1:] > 10).all()


def test_an_end_that_was_not_yet_known_is_not_learned_from():
    rows, moment = parcels(800), BEGIN + timedelta(days=60)
    rows = rows[rows["as_of"] < moment]
    later = rows["ended_at"] >= moment
    assert later.sum() > 20
    other = rows.assign(ended_at=rows["ended_at"].mask(later, rows["ended_at"] + timedelta(days=9)))
    never = rows.assign(ended_at=rows["ended_at"].mask(later))
    want = bytes(fitted(rows, moment).booster.save_raw("ubj"))
    assert bytes(fitted(other, moment).booster.save_raw("ubj")) == want
    assert bytes(fitted(never, moment).booster.save_raw("ubj")) == want
    earlier = rows.assign(ended_at=rows["ended_at"].mask(~later, rows["as_of"] + timedelta(hours=1)))
    assert bytes(fitted(earlier, moment).booster.save_raw("ubj")) != want, "what was known is learned from"


def test_many_rows_are_drawn_from_and_stay_the_same_draw(monkeypatch):
    monkeypatch.setattr(hazard, "MOST_ROWS", 500)
    rows = parcels()
    one, two = fitted(rows), fitted(rows)
    assert bytes(one.booster.save_raw("ubj")) == bytes(two.booster.save_raw("ubj"))
    assert expit(one.log_odds(asked(3.0, [1.0])))[0] == pytest.approx(np.exp(-1.2), abs=0.15)


def test_a_model_with_a_deadline_keeps_its_hazard_whole(tmp_path):
    book, spec = make_book(), toy_spec(deadline="slack_days")
    mature = book[book["matured_at"] <= pd.Timestamp(TRAIN_BEFORE)]
    model = fitting.fit(spec, mature, TRAIN_BEFORE)
    assert model.hazard is not None
    stored.save(model, tmp_path)
    rows = make_book(400, seed=9)
    np.testing.assert_array_equal(probability(spec, stored.load(tmp_path), rows), probability(spec, model, rows))
    raw = bytearray((tmp_path / stored.HAZARD_TREES).read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / stored.HAZARD_TREES).write_bytes(raw)
    with pytest.raises(ModelRefused, match="does not have the digest"):
        stored.load(tmp_path)
