import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models import demand, demand_quantiles
from models import model as models

FEATURES = ("demand_units_7d", "demand_units_14d", "demand_units_28d", "discount_share", "noise")
DAYS, ARTICLES = 70, 120


@pytest.fixture(scope="module")
def shelf() -> pd.DataFrame:
    """Feature rows of articles whose demand is negative binomial and trebles in weeks with a planned discount."""
    rng = np.random.default_rng(4)
    rate = np.exp(rng.normal(0.5, 1.0, ARTICLES))
    week = np.arange(DAYS + 35) // 7
    busy = rng.random((ARTICLES, week.max() + 1)) < 0.15
    level = rate[:, None] * np.where(busy[:, week], 3.0, 1.0)
    sold = rng.poisson(level * rng.gamma(8, 1 / 8, level.shape)).astype(float)
    rows = []
    for day in range(28, DAYS + 28):
        means = {f"demand_units_{days}d": sold[:, day - days : day].mean(axis=1) for days in (7, 14, 28)}
        rows.append(
            pd.DataFrame(
                {
                    "subject_id": [f"s{n:03d}" for n in range(ARTICLES)], "sku_id": "k", **means,
                    "as_of": pd.Timestamp("2025-01-01", tz="UTC") + pd.Timedelta(days=day),
                    "discount_share": 0.3 * busy[:, week[day]], "noise": rng.random(ARTICLES),
                    "next": sold[:, day : day + 7].sum(axis=1), "starts": day % 7 == 0,
                }
            )
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def found(shelf: pd.DataFrame) -> demand.Demand:
    until = shelf["as_of"].min() + pd.Timedelta(days=50)
    learned = demand.fit(shelf[shelf["as_of"] < until], FEATURES)
    assert learned is not None
    return learned


def later(shelf: pd.DataFrame) -> pd.DataFrame:
    return shelf[(shelf["as_of"] >= shelf["as_of"].max() - pd.Timedelta(days=14))]


def test_a_planned_discount_raises_what_is_expected(found, shelf):
    rows = later(shelf)
    plain, cut = (found.daily(rows.assign(discount_share=share)).mean() for share in (0.0, 0.3))
    assert cut > 1.15 * plain


def test_totals_are_right_and_beat_the_usual_demand(found, shelf):
    rows = later(shelf)
    mean, wanted = 7 * found.daily(rows), rows["next"].to_numpy()
    assert mean.sum() == pytest.approx(wanted.sum(), rel=0.12)
    assert np.abs(mean - wanted).sum() < 0.95 * np.abs(7 * rows["demand_units_28d"] - wanted).sum()


def test_its_quantiles_cover_and_never_cross(found, shelf):
    rows = later(shelf)
    levels = (0.1, 0.5, 0.9)
    quantiles, wanted = found.quantiles(rows, 7.0, levels), rows["next"].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    for place, level in enumerate(levels):
        assert demand_quantiles.off_by(quantiles[:, place], wanted, level) < 0.08


def test_it_survives_json(found, shelf):
    again = demand.from_json(json.loads(json.dumps(found.as_json())), found.booster)
    assert (again.daily(shelf) == found.daily(shelf)).all()


def test_too_little_gives_none_and_nothing_known_gives_nothing(found, shelf):
    assert demand.fit(shelf.head(200), FEATURES) is None
    assert np.isnan(found.daily(shelf.head(3).assign(demand_units_28d=np.nan))).all()


def test_pooled_quantiles_learn_scale_and_cover():
    rng = np.random.default_rng(8)
    count, levels = 6000, (0.5, 0.9, 0.95)
    usual, sign = np.exp(rng.normal(1, 1, count)), rng.random(count)
    mean = usual * np.where(sign > 0.5, 2.0, 0.5)
    wanted = rng.poisson(mean * rng.gamma(4, 0.25, count)).astype(float)
    matrix = np.stack([usual, sign], axis=1).astype(np.float32)
    moment = rng.integers(0, 12, count)
    old = moment < 10
    params = demand_quantiles.Params(rounds=60, threads=1)
    learned = demand_quantiles.fit(matrix[old], wanted[old], usual[old], moment[old], levels, params)
    found = learned.quantiles(matrix[~old], usual[~old])
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found >= 0).all()
    for place, level in enumerate(levels):
        assert demand_quantiles.off_by(found[:, place], wanted[~old], level) < 0.05
    naive = usual[~old, None] * np.array([1.0, 2.5, 3.0])
    assert demand_quantiles.loss(found, wanted[~old], levels) < 0.9 * demand_quantiles.loss(naive, wanted[~old], levels)


def test_a_share_of_equal_outcomes_is_not_held_against_a_quantile():
    assert demand_quantiles.off_by(np.zeros(10), np.repeat([0.0, 5.0], [7, 3]), 0.5) == 0
    assert demand_quantiles.off_by(np.zeros(10), np.repeat([0.0, 5.0], [3, 7]), 0.5) == pytest.approx(0.2)


def test_it_is_kept_with_its_model_and_its_digest_is_looked_at(found, shelf, model, tmp_path):
    models.save(replace(model, demand=found), tmp_path)
    again = models.load(tmp_path).demand
    assert again is not None
    assert (again.daily(shelf) == found.daily(shelf)).all()
    (tmp_path / models.DEMAND_TREES).write_bytes(b"something else")
    with pytest.raises(models.ModelRefused, match="demand"):
        models.load(tmp_path)
