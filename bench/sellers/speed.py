"""How many articles a second are forecast and decided about, beside AutoETS and LightGBM in the same run."""

from __future__ import annotations

import time
import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd

from features import demand as demand_features
from features import week
from features.history import AHEAD_DAYS, PAST_DAYS, History
from jobs import evidence_series
from models import demand as demands

FEATURES = tuple(feature.name for part in (demand_features, week) for feature in part.FEATURES)
ARTICLES, CHUNK, ETS_ARTICLES = 1_000_000, 50_000, 150
AUTO_ETS_DAYS = 56


def history(count: int, rng: np.random.Generator, back: int = 0) -> History:
    """Made-up articles of very different size; ``back``: days before the last."""
    none, empty = np.full((count, PAST_DAYS), np.nan), np.full((count, AHEAD_DAYS), np.nan)
    rate = np.exp(rng.normal(-0.5, 1.3, count))[:, None]
    zero, nothing = np.zeros(count), np.full(count, np.nan)
    return History(
        day=np.full(count, 20_000 - back), horizon_days=np.full(count, 7), in_stock_share=np.ones((count, PAST_DAYS)),
        closing_share=none, ended_out=none, on_hand=rng.poisson(rate * 10, (count, PAST_DAYS)).astype(np.float64),
        units=rng.poisson(rate, (count, PAST_DAYS)).astype(np.float64), discount_past=none, has_activity_past=none,
        discount_ahead=empty, has_activity_ahead=empty, inbound_units=zero, inbound_count=zero,
        inbound_within_units=zero, inbound_days=nothing, inbound_age_days=nothing,
    )  # fmt: skip


def frame_of(past: History, first: int, as_of: str) -> pd.DataFrame:
    """The features that a forecast and an order plan read."""
    frame = pd.DataFrame(demand_features.compute(past) | week.compute(past))
    count = len(frame)
    return frame.assign(
        subject_id=np.arange(first, first + count).astype(str), sku_id="k", as_of=pd.Timestamp(as_of, tz="UTC"),
        on_hand_units=past.on_hand[:, 0], lead_time_days=8.0, lead_time_p90_days=12.0,
        open_inbound_units=np.where(np.arange(count) % 3 == 0, 10.0, 0.0),
        next_inbound_days=np.where(np.arange(count) % 3 == 0, 4.0, np.nan),
        inbound_age_days=np.where(np.arange(count) % 3 == 0, 4.0, np.nan),
    )  # fmt: skip


def rates(articles: int = ARTICLES, ets_articles: int = ETS_ARTICLES) -> dict[str, float]:
    """Articles a second: features from the matrices, demand, date, order-by date and quantity; and the peers'."""
    rng = np.random.default_rng(7)
    days = ("2025-01-08", "2025-01-15", "2025-01-22", "2025-01-29")
    rows = [frame_of(history(2_000, np.random.default_rng(n)), 0, day) for n, day in enumerate(days)]
    learned = demands.fit(pd.concat(rows, ignore_index=True), FEATURES)
    took = 0.0
    for first in range(0, articles, CHUNK):
        past = history(min(CHUNK, articles - first), rng)
        began = time.perf_counter()
        evidence_series.planned(frame_of(past, first, "2025-02-05"), learned)
        took += time.perf_counter() - began
    data = rows[-1][list(FEATURES)].to_numpy(np.float32)
    peer = lgb.train({"objective": "regression", "num_threads": 2, "verbosity": -1}, lgb.Dataset(
        rows[0][list(FEATURES)].to_numpy(np.float32), rows[1]["demand_units_7d"].to_numpy()), 120)  # fmt: skip
    began = time.perf_counter()
    peer.predict(data)
    lightgbm = len(data) / (time.perf_counter() - began)
    return {
        "articles": float(articles), "seconds": took, "model a second": articles / took,
        "AutoETS a second": _auto_ets(ets_articles), "LightGBM a second": lightgbm,
    }  # fmt: skip


def _auto_ets(articles: int) -> float:
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS

    rng = np.random.default_rng(3)
    rate = np.exp(rng.normal(-0.5, 1.3, articles))
    series = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(articles), AUTO_ETS_DAYS),
            "ds": np.tile(np.arange(AUTO_ETS_DAYS), articles),
            "y": rng.poisson(np.repeat(rate, AUTO_ETS_DAYS)).astype(np.float64),
        }
    )
    engine = StatsForecast(models=[AutoETS(season_length=7)], freq=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine.forecast(df=series[series["unique_id"] == 0], h=1)  # compiled before it is timed
        began = time.perf_counter()
        engine.forecast(df=series, h=14, level=[80])
        return articles / (time.perf_counter() - began)
