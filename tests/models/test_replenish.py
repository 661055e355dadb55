from dataclasses import fields

import numpy as np
import pytest
from scipy.special import betainc
from scipy.stats import nbinom

from models import negative_binomial as nb
from models import replenish
from models.replenish import Plan, Position, Terms, plan, runs_out_by

MEAN, VARIANCE = np.array([0.3, 4.0, 50.0]), np.array([0.5, 9.0, 400.0])
PIECES = np.arange(5000)[:, None]


def position(**changes: object) -> Position:
    parts: dict[str, object] = {
        "on_hand": 10.0, "daily": 1.0, "lead_days": 7.0, "lead_spread": 0.3, "inbound": 0.0, "inbound_days": np.nan,
        "inbound_age_days": np.nan, "uneven": 1.0,
    }  # fmt: skip
    count = max(np.size(value) for value in changes.values()) if changes else 1
    arrays = {name: np.broadcast_to(np.asarray(value, float), count) for name, value in {**parts, **changes}.items()}
    return Position(spread=(1.2, 0.1), **arrays)


def planned(**changes: object) -> Plan:
    return plan(position(**changes), Terms())


@pytest.mark.parametrize("pieces", [0.0, 1.0, 2.0, 30.5])
def test_the_closed_forms_are_those_of_the_written_out_distribution(pieces):
    size, chance = MEAN**2 / (VARIANCE - MEAN), MEAN / VARIANCE
    mass = nbinom.pmf(PIECES, size, chance)
    assert nb.reaches(MEAN, VARIANCE, np.full(3, pieces)) == pytest.approx(((pieces <= PIECES) * mass).sum(0))
    expected = (np.maximum(PIECES - pieces, 0) * mass).sum(0)
    assert nb.short(MEAN, VARIANCE, np.full(3, pieces)) == pytest.approx(expected, abs=1e-6)


def test_adding_up_terms_and_the_closed_form_agree_whatever_the_size():
    rng = np.random.default_rng(6)
    mean = np.exp(rng.normal(1.0, 2.5, 4000))
    variance = mean * (1.0 + np.exp(rng.normal(-1.0, 3.0, 4000)))
    pieces = rng.integers(1, 2 * nb.FEW_PIECES, 4000).astype(float)
    closed = 1.0 - betainc(mean**2 / (variance - mean), pieces, mean / variance)
    assert nb.reaches(mean, variance, pieces) == pytest.approx(closed, abs=1e-9)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95])
def test_a_quantile_is_the_least_number_that_covers_its_share(level):
    size, chance = MEAN**2 / (VARIANCE - MEAN), MEAN / VARIANCE
    assert nb.quantile(MEAN, VARIANCE, level) == pytest.approx(nbinom.ppf(level, size, chance))


def test_the_chance_of_running_out_agrees_with_drawn_futures():
    rng, futures = np.random.default_rng(5), 40_000
    at = position(on_hand=12.0, inbound=10.0, inbound_days=6.0, inbound_age_days=3.0)
    takes = 9.0 * np.exp(0.3 * rng.standard_normal(futures))
    arrives = np.ceil(takes[takes > 3] - 3)
    arrives[rng.random(len(arrives)) < 0.03] = 99
    rate = rng.gamma(10, 0.1, len(arrives))
    stock = np.full(len(arrives), 12.0)
    ended = np.zeros(len(arrives), dtype=bool)
    for day in range(1, 15):
        stock -= rng.poisson(rate)
        ended |= stock <= 0
        stock = np.maximum(stock, 0) + 10.0 * (arrives == day)
    assert runs_out_by(at)[0, 13] == pytest.approx(ended.mean(), abs=0.06)


def test_what_is_on_its_way_counts_by_when_it_comes():
    found = planned(inbound=[0.0, 30.0, 30.0], inbound_days=[np.nan, 2.0, 40.0], inbound_age_days=[np.nan, 5.0, 1.0])
    assert found.chance[1] < 0.3 * found.chance[0]
    assert found.chance[2] > 0.9 * found.chance[0], "it comes too late"
    assert found.quantity[1] == 0
    assert found.runs_out_days[1] > found.runs_out_days[0]


def test_an_overdue_replenishment_is_less_sure_than_one_that_is_not_due():
    found = planned(inbound=[30.0, 30.0], inbound_days=[3.0, -20.0], inbound_age_days=[4.0, 27.0])
    assert found.chance[1] > found.chance[0]


def test_more_stock_means_less_risk_a_later_day_and_a_smaller_order():
    found = planned(on_hand=[0.0, 5.0, 10.0, 20.0, 60.0])
    assert (np.diff(found.chance) <= 0).all()
    assert (np.diff(found.runs_out_days) >= 0).all()
    assert (np.diff(found.order_in_days) >= 0).all()
    assert (np.diff(found.quantity) <= 0).all()
    assert found.order_in_days[0] == 0
    assert found.order_in_days[-1] > 14


def shelf(count: int) -> Position:
    rng = np.random.default_rng(9)
    daily, is_open = np.exp(rng.normal(0, 1.2, count)), rng.random(count) < 0.4
    return position(
        on_hand=rng.poisson(daily * rng.uniform(0, 30, count)), daily=daily,
        lead_days=np.exp(rng.normal(2, 0.4, count)), lead_spread=rng.uniform(0.05, 0.6, count),
        inbound=np.where(is_open, rng.poisson(8, count) + 1, 0), inbound_days=np.where(is_open, 3.0, np.nan),
        inbound_age_days=np.where(is_open, 4.0, np.nan),
    )  # fmt: skip


def test_an_article_has_the_same_plan_whatever_block_it_is_worked_out_in(monkeypatch):
    at, sure = shelf(200), np.linspace(0.4, 0.99, 200)
    whole = plan(at, Terms(), sure)
    monkeypatch.setattr(replenish, "BLOCK_ROWS", 7)
    parts = plan(at, Terms(), sure)
    for part in fields(Plan):
        assert getattr(parts, part.name) == pytest.approx(getattr(whole, part.name), abs=1e-9)


def test_the_quantity_is_the_least_that_covers_and_the_day_the_last_that_does():
    at, terms = shelf(60), Terms()
    found, leads, curve = plan(at, terms), replenish._leads(at), runs_out_by(at)
    sure, windows = terms.fractile(at.lead_days, at.daily), leads + terms.review_days
    arrived = np.stack([replenish._coming(at).by(window) for window in windows])

    def missed(quantity: np.ndarray) -> np.ndarray:
        here, mean = at.on_hand + quantity, at.daily * windows
        both = (1 - arrived) * nb.reaches(mean, at.variance(mean), here)
        return (both + arrived * nb.reaches(mean, at.variance(mean), here + at.inbound)).mean(axis=0)

    near = 1e-4  # what is left out of the calculation because it is far from mattering
    assert (missed(found.quantity) <= 1 - sure + near).all()
    ordered = found.quantity > 0
    assert (missed(found.quantity - 1) > 1 - sure - near)[ordered].all()
    for wait in (0, 1):
        risk = np.mean([replenish._read(curve, lead + found.order_in_days + wait) for lead in leads], axis=0)
        later = leads[-1] + found.order_in_days + wait >= replenish.LOOKS_AHEAD_DAYS
        is_last = (risk > terms.most_risk) | later if wait else (risk <= terms.most_risk) | (found.order_in_days == 0)
        assert is_last.all()


def test_dearer_shortage_and_longer_or_less_certain_lead_times_ask_for_more():
    assert planned(lead_days=[5.0, 10.0, 20.0]).quantity[2] > planned(lead_days=[5.0]).quantity[0]
    assert planned(lead_spread=[0.1, 0.8]).quantity[1] > planned(lead_spread=[0.1]).quantity[0]
    dear, cheap = (plan(position(), Terms(shortage_share=share)).quantity[0] for share in (2.0, 0.02))
    assert dear > cheap


def test_waiting_costs_nothing_where_there_is_plenty():
    found = planned(on_hand=[2.0, 500.0])
    assert found.waiting_pieces[0] > 1
    assert found.waiting_pieces[1] == pytest.approx(0, abs=1e-6)


def test_nothing_sold_never_runs_out_and_nothing_asked_gives_nothing():
    assert planned(daily=0.0).chance[0] == pytest.approx(0, abs=1e-6)
    assert planned(daily=0.0).runs_out_days[0] == 365
    empty = Position(*[np.zeros(0)] * 2, (1.2, 0.1), *[np.zeros(0)] * 6)
    assert len(plan(empty, Terms()).quantity) == 0


def test_an_uneven_article_runs_out_sooner_and_is_ordered_more_of():
    found = planned(on_hand=12.0, uneven=[1.0, 4.0])
    assert found.chance[1] > found.chance[0]
    assert found.quantity[1] > found.quantity[0]
    assert found.order_in_days[1] <= found.order_in_days[0] < 12
