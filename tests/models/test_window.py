import json

import numpy as np
import pandas as pd
import pytest

from models import window
from tests.models.conftest import TRAIN_BEFORE, make_book, mature

FEATURES = ("slack_days", "load", "noise")


@pytest.fixture(scope="module")
def dates():
    return window.fit(mature(make_book(9000, seed=21), TRAIN_BEFORE), FEATURES, TRAIN_BEFORE)


def test_eight_in_ten_parcels_come_within_the_window(dates, later):
    assert 0.74 <= window.coverage(dates, later) <= 0.86


def test_its_days_never_cross_and_never_lie_in_the_past(dates, later):
    found = dates.dates(later)
    assert (found["p10"] <= found["p50"]).all()
    assert (found["p50"] <= found["p90"]).all()
    assert (found["p10"] >= later["as_of"]).all()


def test_more_load_moves_the_window_back(dates, later):
    calm, busy = (dates.dates(later.assign(load=value))["p50"] for value in (-1.5, 1.5))
    assert (busy - calm).mean() > pd.Timedelta(hours=6)


def test_parcels_that_never_came_widen_it():
    book = mature(make_book(9000, seed=21), TRAIN_BEFORE)
    lost = book.assign(ended_at=book["ended_at"].mask(np.arange(len(book)) % 4 == 0))
    wide = window.fit(lost, FEATURES, TRAIN_BEFORE)
    spread = [
        found["p90"] - found["p50"]
        for found in (wide.dates(book), window.fit(book, FEATURES, TRAIN_BEFORE).dates(book))
    ]
    assert spread[0].mean() > 2 * spread[1].mean()


def test_too_few_rows_give_no_window():
    assert window.fit(make_book(200), FEATURES, TRAIN_BEFORE) is None


def test_it_survives_json(dates, later):
    again = window.from_json(json.loads(json.dumps(dates.as_json())), dates.booster)
    pd.testing.assert_frame_equal(again.dates(later), dates.dates(later))
