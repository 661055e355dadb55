"""A slice whose windows did not hold last week says nothing of a date; one that did goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from models.slices import silence

NOW = datetime(2026, 3, 9, tzinfo=UTC)


def windows(
    carrier: str, orders: int, held: float, *, p90_days_ago: float = 2.0, region: str = "BR-SP"
) -> pd.DataFrame:
    """Windows of ``orders`` orders, the first ``held`` share of which came within them."""
    p90 = pd.Timestamp(NOW) - pd.Timedelta(days=p90_days_ago)
    inside = np.arange(orders) < round(orders * held)
    return pd.DataFrame(
        {
            "subject_id": [f"{carrier}{n}" for n in range(orders)],
            "carrier": carrier,
            "destination_region": region,
            "p10": p90 - pd.Timedelta(days=4),
            "p90": p90,
            "ended_at": pd.Series(p90 - pd.Timedelta(days=1), range(orders)).where(inside),
            "weight": 1.0,
        }
    )


@pytest.mark.parametrize(
    ("orders", "held", "is_silent"),
    [
        (600, 0.80, False),
        (600, 0.74, True),
        (600, 0.86, True),
        (120, 0.74, False),
        (120, 0.60, True),
        (60, 0.10, False),
    ],
)
def test_a_slice_outside_its_band_is_silent(orders: int, held: float, is_silent: bool) -> None:
    found = silence(windows("van", orders, held), NOW).table
    assert found["is_silent"].tolist() == [is_silent]
    assert found["coverage"].tolist() == pytest.approx([held], abs=0.01)


def test_a_window_that_is_not_over_says_nothing_whatever_became_of_it() -> None:
    held, open_ones = windows("van", 300, 0.80), windows("van", 300, 0.0, p90_days_ago=-1.0)
    old = windows("van", 300, 0.0, p90_days_ago=9.0)
    assert not silence(pd.concat([held, open_ones, old]), NOW).table["is_silent"].any()


def test_only_the_slice_itself_is_silent() -> None:
    found = silence(pd.concat([windows("van", 300, 0.3), windows("post", 300, 0.8)]), NOW)
    asked = pd.DataFrame(
        {"carrier": ["van", "post", "van", None], "destination_region": ["BR-SP", "BR-SP", "BR-RJ", "BR-SP"]}
    )
    assert found.of(asked).tolist() == [True, False, False, False]


def test_an_order_counts_once_however_often_its_window_was_told() -> None:
    rows = pd.concat([windows("van", 100, 0.9)] + [windows("van", 40, 0.0)] * 3)
    assert silence(rows, NOW).table["orders"].tolist() == [100]
    assert silence(rows, NOW).table["coverage"].tolist() == pytest.approx([(40 * 0.25 + 50) / 100])
