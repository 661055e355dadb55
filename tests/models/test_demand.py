import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.sellers import pinball
from models import demand
from models import model as models
from models.demand_trees import Params, moments

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
    plain, cut = (found.forecast(rows.assign(discount_share=share)).daily.mean() for share in (0.0, 0.3))
    assert cut > 1.15 * plain


def test_totals_are_right_and_beat_the_usual_demand(found, shelf):
    rows = later(shelf)
    mean, wanted = 7 * found.forecast(rows).daily, rows["next"].to_numpy()
    assert mean.sum() == pytest.approx(wanted.sum(), rel=0.12)
    assert np.abs(mean - wanted).sum() < 0.95 * np.abs(7 * rows["demand_units_28d"] - wanted).sum()


def test_its_quantiles_cover_and_never_cross(found, shelf):
    rows = later(shelf)
    levels = (0.1, 0.5, 0.9)
    quantiles, wanted = found.quantiles(rows, 7.0, levels), rows["next"].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    for place, level in enumerate(levels):
        assert pinball.off_by(quantiles[:, place], wanted, level) < 0.08


def test_it_survives_json(found, shelf):
    again = demand.from_json(json.loads(json.dumps(found.as_json())), found.trees.relative, found.trees.pieces)
    assert (again.quantiles(shelf.head(500), 7.0) == found.quantiles(shelf.head(500), 7.0)).all()


def test_too_little_gives_none_and_nothing_known_gives_nothing(found, shelf):
    assert demand.fit(shelf.head(200), FEATURES) is None
    unknown = shelf.head(3).assign(demand_units_28d=np.nan)
    assert np.isnan(found.forecast(unknown).daily).all()
    assert np.isnan(found.quantiles(unknown, 7.0)).all()


@pytest.fixture(scope="module")
def months() -> pd.DataFrame:
    """Rows a day apart whose demand is twice the usual demand or half of it, and steady or wild, as features say."""
    rng = np.random.default_rng(8)
    count = 8000
    usual, sign, wild = np.exp(rng.normal(1, 1, count)), rng.random(count), rng.random(count) > 0.5
    mean = usual * np.where(sign > 0.5, 2.0, 0.5)
    wanted = rng.poisson(mean * np.where(wild, rng.gamma(1, 1, count), rng.gamma(25, 1 / 25, count))).astype(float)
    moment = np.sort(rng.integers(0, 12, count))
    return pd.DataFrame({
        "subject_id": np.arange(count).astype(str), "sku_id": "k", "usual": usual, "sign": sign, "wild": wild * 1.0,
        "as_of": pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(moment, unit="D"), "wanted": wanted,
        "demand_units_28d": usual, "demand_units_14d": usual, "mean": mean,
    })  # fmt: skip


@pytest.fixture(scope="module")
def monthly(months: pd.DataFrame) -> demand.Demand:
    old = months[months["as_of"] < months["as_of"].max() - pd.Timedelta(days=1)]
    learned = demand.learn(old, ("usual", "sign", "wild"), Params(rounds=150, threads=1), days=1)
    assert learned is not None
    return learned


def test_it_learns_scale_and_covers_over_any_step_of_time(months, monthly):
    rows, levels = months.tail(1200), (0.5, 0.9, 0.95)
    quantiles, wanted = monthly.quantiles(rows, 1.0, levels), rows["wanted"].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()
    for place, level in enumerate(levels):
        assert pinball.off_by(quantiles[:, place], wanted, level) < 0.04
    naive = rows["usual"].to_numpy()[:, None] * np.array([1.0, 2.5, 3.0])
    assert pinball.loss(quantiles, wanted, levels) < 0.9 * pinball.loss(naive, wanted, levels)


def test_what_sells_wildly_has_a_wider_spread_than_what_sells_steadily(months, monthly):
    rows = months[months["usual"] > 5]
    uneven = monthly.forecast(rows).uneven
    wild = rows["wild"].to_numpy() > 0
    assert np.median(uneven[wild]) > 1.5 * np.median(uneven[~wild])
    for part in (wild, ~wild):
        high = monthly.quantiles(rows[part], 1.0, (0.9,))[:, 0]
        assert pinball.off_by(high, rows["wanted"].to_numpy()[part], 0.9) < 0.08


def test_it_follows_what_has_become_known(months, monthly):
    past, rows = months.tail(2400).head(1200), months.tail(1200)
    risen = past.assign(wanted=past["wanted"] * 1.3)
    followed = monthly.followed(risen, np.ones(len(past)))
    assert np.divide(followed.level, monthly.level) == pytest.approx(1.3, abs=0.15)
    wanted = rows["wanted"].to_numpy() * 1.3
    before, after = (pinball.off_by(one.quantiles(rows, 1.0, (0.9,))[:, 0], wanted, 0.9) for one in (monthly, followed))
    assert after < before


def test_few_or_unknown_rows_move_next_to_nothing(months, monthly):
    few = months.tail(3).assign(wanted=1e3)
    assert monthly.followed(few, np.full(3, 0.01)).level == pytest.approx(monthly.level, rel=0.05)
    assert monthly.followed(few.assign(wanted=np.nan), np.ones(3)) is monthly


def test_few_rows_of_a_size_leave_its_moves_near_those_of_all(months, monkeypatch):
    monkeypatch.setattr(demand, "READINGS", (0.0,))

    def apart() -> float:
        learned = demand.learn(months.iloc[::4], ("usual", "sign"), Params(rounds=20, threads=1), days=1)
        assert learned is not None
        return float(np.ptp(np.asarray(learned.moved), axis=0).max())

    drawn = apart()
    monkeypatch.setattr(demand, "PRIOR_ROWS", 0.0)
    assert 0 < drawn < 0.4 * apart()


def told(of: str) -> tuple[np.ndarray, np.ndarray]:
    """Pieces at AT of articles as wild as how far their ``of`` quantiles lie ("apart", or "above" the mean) says, and
    what was wanted of each.
    """
    rng = np.random.default_rng(12)
    middle = np.exp(rng.normal(5, 1, 4000))
    down, up = middle * rng.choice([0.1, 0.95], 4000), middle * rng.choice([0.4, 1.6], 4000)
    at = np.stack([middle - down, middle, middle + up], axis=1)
    mean, wild = moments(at, 1.0 if of == "above" else 0.0)
    over = np.maximum(wild**2 - mean, 1.0) / mean
    return at, rng.poisson(rng.gamma(mean / over, over)).astype(float)


@pytest.mark.parametrize(("of", "reading"), [("apart", 0.0), ("above", 1.0)])
def test_what_was_met_chooses_how_the_spread_is_read(of, reading, found):
    plain = replace(found, days=1.0, above=0.0)
    at, wanted = told(of)
    assert demand._best_reading(plain, at, wanted) == reading
    assert demand._best_reading(plain, np.repeat(at[:, [1]], 3, axis=1), wanted) == 0.0  # both say the same


def test_a_half_is_judged_by_what_the_other_taught(found, monkeypatch):
    at, wanted = told("above")
    fitted, taught = demand._fitted, []
    monkeypatch.setattr(demand, "_fitted", lambda one, *met: taught.append(met) or fitted(one, *met))
    demand._best_reading(replace(found, days=1.0), at, wanted)
    assert {len(seen) for _, seen in taught} == {len(wanted) // 2}


@pytest.mark.parametrize("above", demand.READINGS)
def test_its_quantiles_never_cross_however_the_spread_is_read(above, found, shelf):
    assert (np.diff(replace(found, above=above).quantiles(shelf, 7.0), axis=1) >= 0).all()


def test_an_older_card_reads_the_spread_from_the_outer_two(found):
    card = {name: value for name, value in found.as_json().items() if name != "above"}
    assert demand.from_json(card, found.trees.relative, found.trees.pieces).above == 0.0
    assert demand.from_json(card | {"above": 0.5}, found.trees.relative, found.trees.pieces).above == 0.5


def test_the_high_quantile_alone_says_how_uneven_an_article_is_where_it_is_asked():
    at = np.array([[0.0, 4.0, 6.0], [3.0, 4.0, 9.0]])  # the outer two as far apart
    assert moments(at)[1][0] == moments(at)[1][1]
    above = moments(at, 1.0)[1]
    assert above[1] > 1.5 * above[0]
    assert moments(at, 0.5)[1] == pytest.approx((moments(at)[1] + above) / 2)


def test_a_share_of_equal_outcomes_is_not_held_against_a_quantile():
    assert pinball.off_by(np.zeros(10), np.repeat([0.0, 5.0], [7, 3]), 0.5) == 0
    assert pinball.off_by(np.zeros(10), np.repeat([0.0, 5.0], [3, 7]), 0.5) == pytest.approx(0.2)


def test_it_is_kept_with_its_model(found, shelf, model, tmp_path):
    models.save(replace(model, demand=found), tmp_path)
    again = models.load(tmp_path).demand
    assert again is not None
    assert (again.forecast(shelf).daily == found.forecast(shelf).daily).all()


@pytest.mark.parametrize("name", [models.DEMAND_TREES, models.DEMAND_PIECES_TREES])
def test_other_trees_than_those_of_the_card_are_refused(name, found, model, tmp_path):
    models.save(replace(model, demand=found), tmp_path)
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(models.ModelRefused, match="demand"):
        models.load(tmp_path)


def test_a_forecast_of_an_older_kind_is_left_out(found, model, tmp_path):
    card = models.save(replace(model, demand=found), tmp_path)
    del card["sha256"][models.DEMAND_PIECES_TREES]
    (tmp_path / models.CARD).write_text(json.dumps(card))
    assert models.load(tmp_path).demand is None
