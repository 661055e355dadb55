"""A backtest from the source's files to the report, on a simulated marketplace."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from jobs import backtest, backtest_report, simulate
from jobs.backtest import BacktestError
from lake.store import Lake
from models import target
from settings import Settings
from sources.opened import open_source

ORDERS = 3000
SECRET = "a key for tests that has 32 characters"


@pytest.fixture(scope="module")
def filled(spark, tmp_path_factory):
    """A lake of a simulated world, the test period of its last quarter, and until when the world is told."""
    home = tmp_path_factory.mktemp("backtest")
    settings = Settings.from_environment({"BEFOREHAND_HOME": str(home), "BEFOREHAND_SECRET": SECRET})
    simulate.write(settings, orders=ORDERS, seed=3)
    source = open_source("simulator", settings.landing, settings.secret)
    lake = Lake(home / "lake", spark)
    known_until = backtest.fill(lake, source, home)
    first, last = source.span()
    train_before = first + (last - first) * 2 // 3
    period = backtest.period_of(train_before, last - timedelta(days=20))
    return lake, period, known_until


@pytest.fixture(scope="module")
def predicted(filled):
    lake, period, known_until = filled
    return backtest.predict(lake, target.spec("late_delivery"), period, known_until)


@pytest.mark.slow
def test_what_is_recorded_after_the_test_period_changes_no_forecast(filled, predicted, tmp_path):
    lake, period, known_until = filled
    cut = Lake(tmp_path / "lake", lake.spark)
    shutil.copytree(lake.root, cut.root, ignore=shutil.ignore_patterns("_work"))
    for name in cut.names():
        DeltaTable(cut.path(name)).delete(f"day >= '{period.test_before:%Y-%m-%d}'")
    again, _ = backtest.predict(cut, target.spec("late_delivery"), period, known_until)
    rows, _ = predicted
    key = ["subject_id", "sku_id", "as_of"]
    forecast = [*key, "snapshot", "probability", "abstained"]
    pd.testing.assert_frame_equal(
        again.sort_values(key)[forecast].reset_index(drop=True),
        rows.sort_values(key)[forecast].reset_index(drop=True),
    )


@pytest.mark.slow
def test_the_report_is_whole(predicted, filled, tmp_path):
    rows, walked = predicted
    spec = target.spec("late_delivery")
    _, period, _ = filled
    judged = backtest_report.build(spec, rows, walked, period.train_before, period.test_before)
    backtest_report.write(judged, tmp_path)
    backtest.write(rows, spec, tmp_path / "predictions.parquet")
    told = json.loads((tmp_path / "report.json").read_text())
    assert set(told["average_precision"]) == {"model", "rule", "logistic"}
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "http" not in page
    found = pd.read_parquet(tmp_path / "predictions.parquet")
    assert list(found.columns) == backtest.PREDICTIONS.names
    assert not found.duplicated(["subject_id", "sku_id", "as_of", "target"]).any()
    assert found["probability"].between(0, 1).all()


def test_a_test_period_that_ends_before_it_begins_is_refused():
    day = pd.Timestamp("2025-01-01").date()
    with pytest.raises(BacktestError, match="nothing to test"):
        backtest.period_of(day, day)


def test_a_source_without_the_subjects_is_told(lake, tmp_path: Path):
    period = backtest.period_of(pd.Timestamp("2025-01-01").date(), pd.Timestamp("2025-02-01").date())
    with pytest.raises(BacktestError, match="no stock"):
        backtest.predict(lake, target.spec("stock_out"), period, period.test_before)
