"""The true probabilities are exact.

Orders of one world share causes, so their fates are not independent and no plain interval fits them. Here every order
gets hubs and routes of its own: then a chance of 0.3 must come true in 30 % of cases, within the spread of independent
draws.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sources.simulator import causes, laws
from sources.simulator.buckets import DayBuckets
from sources.simulator.calendar import DAY_US, make_days
from sources.simulator.draws import Draws
from sources.simulator.geography import DIRECT, LOCAL, VIA, Paths
from sources.simulator.journey import Road, travel
from sources.simulator.kernels import Sight
from sources.simulator.oracle import probabilities
from sources.simulator.orders import Orders
from sources.simulator.parameters import WorldParameters
from sources.simulator.problems import find_problems
from sources.simulator.requests import request_rows
from sources.simulator.truth import PROBLEMS, outcome_rows

COUNT, DAY = 4_000, 20
WORLD = WorldParameters(seed=2, orders=2_000, first_day=date(2025, 6, 1), days=60, festival_days=5)


def separate_paths(rng):
    """One path for each order, with hubs and a route that no other order uses."""
    each = np.arange(COUNT)
    kind = rng.choice([LOCAL, DIRECT, VIA], COUNT, p=[0.3, 0.5, 0.2])
    return Paths(
        kind=kind, hub_a=each * 3, hub_g=each * 3 + 1, hub_b=np.where(kind == LOCAL, each * 3, each * 3 + 2),
        leg_1=rng.integers(0, 4, COUNT), leg_2=rng.integers(0, 4, COUNT), route=each,
        distance=np.zeros(COUNT), country=rng.integers(0, 2, COUNT),
    )  # fmt: skip


def separate_orders(rng, paths):
    each = np.arange(COUNT)
    approved = DAY + (rng.random(COUNT) < 0.2) * 2
    limit = rng.integers(0, 3, COUNT)
    nothing = np.zeros(0, dtype=np.int64)
    return Orders(
        number=each, day=DAY, created_us=each, seller=each, sku=each, buyer=rng.integers(0, 10**6, COUNT),
        region=each * 0, country=paths.country, payment=each * 0, path=each, limit=limit, approved_day=approved,
        approved_us=approved * DAY_US, ship_by_day=DAY + 2 + limit, promise_day=DAY + 9 + rng.integers(0, 6, COUNT),
        seller_level=rng.choice(3, COUNT, p=[0.6, 0.2, 0.2]), miscounted=(rng.random(COUNT) < 0.1).astype(np.int64),
        misleading=(rng.random(COUNT) < 0.2).astype(np.int64), value=np.ones(COUNT), freight=np.ones(COUNT),
        line_order=nothing, line_no=nothing, line_sku=nothing, line_quantity=nothing, line_price=np.zeros(0),
    )  # fmt: skip


def troubled(chain, count, strain, draws):
    """Levels of which a third are in trouble on DAY, so that few orders show a wrong chance. Chosen by what is past on
    that day: what comes after it is as likely as ever."""
    pool = causes.run(chain, count * 8, strain, draws)
    bad, good = np.flatnonzero(pool[:, DAY] > 0), np.flatnonzero(pool[:, DAY] == 0)
    chosen = np.concatenate([bad[: count // 3], good[: count - len(bad[: count // 3])]])
    return pool[np.random.default_rng(4).permutation(chosen)]


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Outcomes joined with the probabilities of every snapshot: one table."""
    rng, draws, days = np.random.default_rng(1), Draws(2), make_days(WORLD)
    paths = separate_paths(rng)
    strain = days.strain[: WORLD.horizon]
    road = Road(
        paths, days, troubled(causes.HUB, COUNT * 3, strain, draws), troubled(causes.ROUTE, COUNT, strain, draws)
    )
    orders = separate_orders(rng, paths)
    places = np.arange(COUNT)
    journeys = travel(orders, road, draws, 0, places, COUNT)
    problems = find_problems(orders, journeys, draws, 0, places, COUNT)
    buckets = DayBuckets(Path(tmp_path_factory.mktemp("waiting")), 2**30)
    request_rows(orders, journeys, problems, every_day=False, buckets=buckets)
    pieces = []
    for day in buckets.days("requests"):
        asked = pa.concat_tables(buckets.take("requests", day))
        sight = Sight(day, road, days.strain)
        parts = (asked.slice(low, 500).combine_chunks() for low in range(0, asked.num_rows, 500))
        pieces.extend(probabilities(part, sight, 0) for part in parts)
    return pa.concat_tables(pieces).join(
        outcome_rows(orders, journeys, problems, WORLD.first_day), "order_id", right_suffix="_came", join_type="inner"
    )


def pairs(judged, problem, snapshot):
    """(chance, came true) of every row in which a problem is not decided yet."""
    came = "writes_within_72h" if problem == "will_contact" else f"{problem}_came"
    rows = judged.filter(pa.compute.equal(judged["snapshot"], snapshot)).select([problem, came]).drop_null()
    return rows[problem].to_numpy(), rows[came].to_numpy().astype(float)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("snapshot", ["approval", "hand_over", "day_5", "day_10", "day_15", "delivery"])
def test_a_chance_comes_true_as_often_as_it_says(judged, problem, snapshot):
    chance, came = pairs(judged, problem, snapshot)
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (low <= chance) & (chance < high)
        expected, spread = chance[inside].sum(), np.sqrt((chance * (1 - chance))[inside].sum())
        assert abs(came[inside].sum() - expected) <= 4 * spread + 1e-6, (low, high, expected, came[inside].sum())


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_chances_tell_orders_apart(judged, problem):
    snapshot = "approval" if problem == "seller_cancellation" else "day_10"
    chance, came = pairs(judged, problem, snapshot)
    assert chance[came == 1].mean() > 1.2 * chance[came == 0].mean()


def test_laws_are_distributions():
    for table in (
        laws.HANDLING,
        laws.PICKUP,
        laws.DWELL,
        laws.LEG,
        laws.LAST_MILE,
        laws.SELLER_CANCEL,
        laws.BUYER_CANCEL,
    ):
        assert np.allclose(table.sum(axis=1), 1)
        assert (table >= 0).all()
    for chain in causes.CHAINS:
        assert np.allclose(chain.step.sum(axis=1), 1)
        assert np.allclose(chain.strained.sum(axis=1), 1)


def test_base_rates_are_those_of_a_marketplace(db):
    rates = db.execute(
        "SELECT " + ", ".join(f"avg({problem}::INT)" for problem in PROBLEMS) + " FROM truth_outcomes"
    ).fetchall()[0]
    by_problem = dict(zip(PROBLEMS, rates, strict=True))
    assert 0.02 < by_problem["late_delivery"] < 0.25
    assert all(0.001 < rate < 0.25 for rate in by_problem.values()), by_problem


def test_causes_have_names_and_lengths(db):
    kinds = db.execute("SELECT cause, count(*), min(last_day - first_day) FROM truth_causes GROUP BY 1").fetchall()
    assert {kind for kind, _, _ in kinds} == {chain.name for chain in causes.CHAINS}
    assert all(shortest >= 0 for _, _, shortest in kinds)


def test_a_backlog_shows_before_it_hurts(db):
    """Parcels that meet a hub at level 2 stay longer: hub_in without hub_out is the trace."""
    dwell = db.execute(
        """WITH stays AS (SELECT i.hub, i.event_at::DATE AS day, date_diff('day', i.event_at, min(o.event_at)) AS days
            FROM shipment_events i JOIN shipment_events o ON o.shipment_id = i.shipment_id AND o.hub = i.hub
                AND o.event = 'hub_out' WHERE i.event = 'hub_in' GROUP BY i.shipment_id, i.hub, i.event_at)
        SELECT avg(days) FILTER (level = 2), avg(days) FILTER (level IS NULL)
        FROM stays LEFT JOIN truth_causes ON cause = 'hub_backlog' AND entity = hub AND day BETWEEN first_day AND
        last_day"""
    ).fetchall()[0]
    assert dwell[0] > 4 * dwell[1]


@pytest.mark.parametrize("days", [1, 3, 7, 14])
def test_a_chance_of_a_stock_out_comes_true_as_often_as_it_says(db, days):
    """Articles share sellers and seasons, and futures are drawn: the bounds are wider than for single draws."""
    rows = db.execute(
        f"""SELECT any_value(within_{days}d), max((in_stock_share <= 0.75 OR stock.on_hand = 0)::INT)
        FROM truth_stock_out JOIN stock ON stock.sku_id = truth_stock_out.sku_id AND stock_day >= as_of::DATE
            AND stock_day < as_of::DATE + {days} GROUP BY truth_stock_out.sku_id, as_of HAVING count(*) = {days}"""
    ).fetchall()
    chance, came = np.array(rows).T
    for low, high in ((0.0, 0.1), (0.1, 0.4), (0.4, 0.8), (0.8, 1.01)):
        inside = (low <= chance) & (chance < high)
        spread = np.sqrt((chance * (1 - chance))[inside].sum())
        assert abs((came - chance)[inside].sum()) <= 4.5 * spread + 1.5, (low, high)
    assert chance[came == 1].mean() > 3 * chance[came == 0].mean()
