"""How many articles a second are forecast and decided about, from tables of the lake, beside AutoETS and LightGBM.

python -m bench.sellers.speed [ARTICLES=1000000]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import warnings
from datetime import date
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd

from bench.sellers import many_articles
from features import catalog, subjects, week
from features import demand as demand_features
from features.history import AHEAD_DAYS, PAST_DAYS, History
from jobs import evidence_series
from lake import engine
from lake.store import Lake, as_of
from models import demand as demands
from models.demand_trees import Params
from models.negative_binomial import Array

FEATURES = tuple(feature.name for part in (demand_features, week) for feature in part.FEATURES)
PLAN_READS = (
    "on_hand_units", "lead_time_days", "lead_time_p90_days", "open_inbound_units", "next_inbound_days",
    "inbound_age_days",
)  # fmt: skip
ARTICLES, CHUNK, ETS_ARTICLES = 1_000_000, 100_000, 150
LEARNED_ARTICLES, LEARNED_WEEKS = 2_000, 8
AUTO_ETS_DAYS = 56
LAST = date(2025, 2, 4)


def rates(articles: int = ARTICLES, ets_articles: int = ETS_ARTICLES) -> dict[str, float]:
    """Articles a second, seconds, those that the process was on a core, and its most memory: from the lake's stock and
    inbound through features on the embedded engine and the demand of each article to its date, last day to order and
    quantity. The peers forecast alone: LightGBM from the same features, AutoETS from eight weeks of each series on one
    core.
    """
    rows = learnable()
    learned = demands.fit(rows, FEATURES)
    if learned is None:
        raise ValueError(f"{len(rows)} rows are too few to learn a demand from; give more weeks.")
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as scratch, engine.session() as spark:
        lake = Lake(Path(scratch) / "lake", spark)
        many_articles.write(lake, articles, LAST)
        began, busy = time.perf_counter(), time.process_time()
        asked = subjects.stock_series_of(lake, as_of(LAST))
        known = catalog.build("stock_out", lake, asked, {*FEATURES, *PLAN_READS}).toArrow()
        built = time.perf_counter() - began
        decided = 0
        for batch in known.to_batches(max_chunksize=CHUNK):
            made = evidence_series.planned(batch.to_pandas(), learned)
            decided += int(made["plan_quantity"].notna().sum())
        took, busy = time.perf_counter() - began, time.process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if decided != articles:
        raise ValueError(f"{decided:,} of {articles:,} articles were decided about; the rate would say nothing.")
    matrix = known.slice(0, CHUNK).select(list(FEATURES)).to_pandas().to_numpy(np.float32)
    return {
        "articles": float(articles), "seconds": took, "CPU seconds": busy, "features seconds": built,
        "memory GB": memory,
        "model a second": articles / took, "plan a second": articles / (took - built),
        "AutoETS a second": _auto_ets(ets_articles), "LightGBM a second": _lightgbm(rows, matrix),
    }  # fmt: skip


def learnable() -> pd.DataFrame:
    """Feature rows of some articles in weeks before: what a demand is learned from."""
    rng = np.random.default_rng(3)
    rate = np.exp(rng.normal(-0.5, 1.3, LEARNED_ARTICLES))[:, None]
    days = PAST_DAYS + 7 * LEARNED_WEEKS
    shape = many_articles.UNSTEADY
    sold = rng.poisson(rate * rng.gamma(shape, 1 / shape, (LEARNED_ARTICLES, days))).astype(np.float64)
    names = np.arange(LEARNED_ARTICLES).astype(str)
    found = []
    for end in range(PAST_DAYS, days, 7):
        values = history(sold[:, end - PAST_DAYS : end][:, ::-1], end)
        frame = pd.DataFrame(demand_features.compute(values) | week.compute(values))
        found.append(frame.assign(
            subject_id=names, sku_id="k", as_of=pd.Timestamp("2024-11-01", tz="UTC") + pd.Timedelta(days=end)
        ))  # fmt: skip
    return pd.concat(found, ignore_index=True)


def history(sold: Array, day: int) -> History:
    """Articles that were always in stock. sold: (n, 28) pieces, the last day first."""
    count = len(sold)
    none, empty = np.full((count, PAST_DAYS), np.nan), np.full((count, AHEAD_DAYS), np.nan)
    zero, nothing = np.zeros(count), np.full(count, np.nan)
    return History(
        day=np.full(count, day), horizon_days=np.full(count, 7), in_stock_share=np.ones((count, PAST_DAYS)),
        closing_share=none, ended_out=none, on_hand=none, units=sold, discount_past=none, has_activity_past=none,
        discount_ahead=empty, has_activity_ahead=empty, inbound_units=zero, inbound_count=zero,
        inbound_within_units=zero, inbound_days=nothing, inbound_age_days=nothing,
    )  # fmt: skip


def _lightgbm(rows: pd.DataFrame, matrix: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> float:
    learned = lgb.Dataset(rows[list(FEATURES)].to_numpy(np.float32), rows[demands.WANTED].to_numpy())
    peer = lgb.train({"objective": "regression", "num_threads": 2, "verbosity": -1}, learned, Params().rounds)
    began = time.perf_counter()
    peer.predict(matrix)
    return len(matrix) / (time.perf_counter() - began)


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
    forecaster = StatsForecast(models=[AutoETS(season_length=7)], freq=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forecaster.forecast(df=series[series["unique_id"] == 0], h=1)  # compiled before it is timed
        began = time.perf_counter()
        forecaster.forecast(df=series, h=14, level=[80])
        return articles / (time.perf_counter() - began)


def main() -> None:
    """Print the rates."""
    articles = int(sys.argv[1]) if len(sys.argv) > 1 else ARTICLES
    for name, value in rates(articles).items():
        print(f"{name}: {value:,.1f}")


if __name__ == "__main__":
    main()
