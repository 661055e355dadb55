"""What the bench says of a simulated world is so: share of the best possible, warnings, windows that fall silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from bench.worlds import measured

START = datetime(2026, 2, 1, tzinfo=UTC)


def forecasts(rows: int = 4000, *, noise: float, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Outcomes drawn from true chances, forecasts that are those chances in log-odds with noise, and the truth."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-3, 2, rows)
    chance = 1 / (1 + np.exp(-odds))
    as_of = pd.Timestamp(START) + pd.to_timedelta(rng.integers(0, 50, rows), unit="D")
    names = [f"o{n}" for n in range(rows)]
    made = pd.DataFrame(
        {
            "subject_id": names,
            "as_of": as_of,
            "snapshot": "day_5",
            "probability": 1 / (1 + np.exp(-(odds + rng.normal(0, noise, rows)))),
            "rule": rng.uniform(size=rows),
            "label": (rng.uniform(size=rows) < chance).astype(float),
            "weight": 1.0,
        }
    )
    return made, pd.DataFrame({"order_id": names, "as_of": as_of, "dispute": chance})


def test_a_forecast_that_is_the_truth_has_all_of_the_best_possible_and_a_noisy_one_less() -> None:
    exact = measured.against_truth(*_swapped(forecasts(noise=0.0)))
    noisy = measured.against_truth(*_swapped(forecasts(noise=2.0)))
    assert exact.share.value == pytest.approx(1.0)
    assert noisy.share.value < 0.9
    assert noisy.rule.value < noisy.model.value < noisy.truth.value
    assert noisy.by_snapshot["day_5"].positives == noisy.positives


def _swapped(made: tuple[pd.DataFrame, pd.DataFrame]) -> tuple[pd.DataFrame, str, pd.DataFrame]:
    return made[0], "dispute", made[1]


def test_rows_without_a_true_probability_are_left_out() -> None:
    rows, truth = forecasts(noise=1.0)
    truth.loc[:999, "dispute"] = np.nan
    assert measured.against_truth(rows, "dispute", truth).rows == 3000


def midnights(month: int, *, shift: float) -> pd.DataFrame:
    """Parcels told of at one midnight each: those with a high chance come late; ``shift`` makes the month worse."""
    rng = np.random.default_rng(month)
    chance = rng.uniform(0, 1, 3000)
    as_of = pd.Timestamp(START) + pd.Timedelta(days=30 * month)
    return pd.DataFrame(
        {
            "subject_id": [f"m{month}-{n}" for n in range(3000)],
            "as_of": as_of,
            "origin": as_of,
            "probability": chance,
            "label": (rng.uniform(size=3000) < np.clip(chance + shift, 0, 1)).astype(float),
            "weight": 1.0,
            "deadline_at": as_of + pd.to_timedelta(rng.uniform(0, 96, 3000), unit="h"),
        }
    )


def test_the_threshold_of_a_month_comes_from_the_months_before_it() -> None:
    first, second = midnights(0, shift=0.0), midnights(1, shift=-0.3)
    (found,) = measured.announced(pd.concat([first, second]))
    assert found["threshold"] == pytest.approx(0.42, abs=0.1)
    assert found["precision"] < measured.LEAST_PRECISION, "the second month was worse, and its threshold did not know"
    assert found["share_announced_48h_before"] < found["share_of_events_announced"]


def windows(day: int, held: float, orders: int = 600) -> pd.DataFrame:
    as_of = pd.Timestamp(START) + pd.Timedelta(days=day)
    inside = np.arange(orders) < orders * held
    ended = as_of + pd.Timedelta(hours=12)
    return pd.DataFrame(
        {
            "subject_id": [f"d{day}-{n}" for n in range(orders)],
            "as_of": as_of,
            "p10": as_of + pd.Timedelta(hours=6),
            "p90": as_of + pd.Timedelta(hours=20),
            "ended_at": pd.Series(ended, range(orders)).where(inside),
            "weight": 1.0,
        }
    )


def test_a_slice_that_did_not_hold_is_silent_from_the_next_midnight_and_not_before() -> None:
    rows = pd.concat([windows(0, 0.8), windows(1, 0.4), windows(2, 0.4)], ignore_index=True)
    orders = pd.DataFrame({"order_id": rows["subject_id"], "carrier": "van", "destination_region": "BR-SP"})
    week = measured.silenced(rows, orders, START)
    said = week.groupby(week["as_of"] - pd.Timestamp(START))["says_no_date"].mean()
    assert said.to_dict() == {timedelta(days=0): 0.0, timedelta(days=1): 0.0, timedelta(days=2): 1.0}
    overall, slices = measured.windows(week, orders)
    assert overall == pytest.approx(0.6)
    assert slices.loc[0, "orders"] == 1800
    assert slices.loc[0, "silent"] == pytest.approx(1 / 3)
