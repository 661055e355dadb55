"""A forecast of demand that is in service follows what the rows of the last weeks say was wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from jobs import demand_lately
from models import demand as demands
from models import target

MOMENT = datetime(2025, 5, 1, tzinfo=UTC)
FEATURES = ("demand_units_7d", "demand_units_14d", "demand_units_28d")
SPEC = target.spec("stock_out")
ARTICLES = 1_000


def rows(first_day: int, days: int, level: float = 1.0) -> pd.DataFrame:
    """Feature rows of articles with a steady demand, at ``level`` times their usual one in the last week of each row.

    first_day: before MOMENT.
    """
    rng = np.random.default_rng(5)
    usual = np.exp(rng.normal(1.0, 0.7, ARTICLES))
    found = []
    for back in range(first_day, first_day - days, -1):
        week = usual * rng.gamma(30, 1 / 30, ARTICLES)
        found.append(pd.DataFrame({
            "subject_id": np.arange(ARTICLES).astype(str), "sku_id": "k", "demand_units_7d": level * week,
            "demand_units_14d": usual, "demand_units_28d": usual, "as_of": MOMENT - timedelta(days=back - 1),
            "day": (MOMENT - timedelta(days=back)).date(),
        }))  # fmt: skip
    return pd.concat(found, ignore_index=True)


@pytest.fixture(scope="module")
def learned() -> demands.Demand:
    found = demands.fit(rows(60, 20), FEATURES)
    assert found is not None
    return found


def write(lake, frame: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    lake.replace_days(f"features_{SPEC.name}", lake.frame(table), frame["day"].min(), frame["day"].max())


def rise(lake, learned: demands.Demand) -> float:
    followed = demand_lately.followed(lake, SPEC, learned, MOMENT)
    assert followed is not None
    return followed.level[0] / learned.level[0]


def risen() -> pd.DataFrame:
    """A week as usual, and one in which half as much again was wanted."""
    return pd.concat([rows(14, 7), rows(7, 7, level=1.5)], ignore_index=True)


def test_it_follows_the_weeks_that_have_ended(lake, learned):
    write(lake, risen())
    assert 1.1 < rise(lake, learned) < 1.5


def test_what_is_not_known_yet_moves_nothing(lake, learned):
    write(lake, rows(14, 14))
    before = rise(lake, learned)
    write(lake, pd.concat([rows(14, 14), rows(0, 3, level=9.0)]))
    assert rise(lake, learned) == before


def test_a_part_of_very_many_articles_is_enough(lake, learned, monkeypatch):
    write(lake, risen())
    whole = rise(lake, learned)
    monkeypatch.setattr(demand_lately, "MOST_ARTICLES", ARTICLES // 2)
    assert 1 + (whole - 1) / 2 < rise(lake, learned) < whole


def test_without_weeks_or_without_a_forecast_nothing_moves(lake, learned):
    write(lake, rows(3, 3))
    assert rise(lake, learned) == 1.0
    assert demand_lately.followed(lake, SPEC, None, MOMENT) is None
