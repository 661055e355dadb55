"""Section models: each target beside its peers in one run, on the same rows, features and monthly origins.

    python -m bench.models late_delivery olist ../shared/data/olist 2017-12-01 2018-05-01

Peers: the naive rule, logistic regression, and LightGBM where it is installed. Ratios with 90 % intervals.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import date
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs import backtest, backtest_report
from lake import engine
from lake.store import Lake
from models import frames, judge, origins, target, windows
from models.fit import matrix
from models.target import TargetSpec
from sources.opened import open_source

Array = npt.NDArray[np.float64]
RUNS = (
    ("late_delivery", "olist", "olist", "2017-12-01", "2018-05-01"),
    ("stock_out", "freshretailnet", "freshretailnet", "2024-05-28", "2024-06-11"),
)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def main() -> None:
    """Run what the command line names, else every target whose data set is here."""
    if len(sys.argv) > len(RUNS[0]):
        name, source, folder, train_before, test_before = sys.argv[1:6]
        run(name, source, Path(folder), train_before, test_before)
        return
    for name, source, folder, train_before, test_before in RUNS:
        if (DATA / folder).is_dir():
            run(name, source, DATA / folder, train_before, test_before)
        else:
            print(f"{name}: {folder} is not here, left out")


def run(name: str, source: str, folder: Path, train_before: str, test_before: str) -> None:
    """One target: ingest, walk the origins with model and peers, print the comparison."""
    began = time.monotonic()
    spec = target.spec(name)
    period = backtest.period_of(date.fromisoformat(train_before), date.fromisoformat(test_before))
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as scratch, engine.session() as spark:
        lake = Lake(Path(scratch) / "lake", spark)
        known_until = backtest.fill(
            lake, open_source(source, folder, b"a key for the bench, 32 bytes.."), Path(scratch)
        )
        learning = backtest.learnable(lake, spec, period, known_until)
        rows, walked = backtest.walk(spec, learning, period, known_until)
        if find_spec("lightgbm"):
            rows["lightgbm"] = lightgbm(spec, rows, walked, learning)
    compare(spec, rows)
    print(f"{spec.name}: {time.monotonic() - began:.0f} s\n")


def compare(spec: TargetSpec, rows: pd.DataFrame) -> None:
    """Average precision of each scorer and the model's ratio to it, pooled and per snapshot."""
    judged = rows[rows["label"].notna() & ~spec.known(rows).to_numpy(bool) & ~rows["abstained"]]
    scorers = [name for name in ("probability", "lightgbm", "logistic", "rule") if name in judged]
    print(f"{spec.name}: {len(judged):,} rows, {int(judged['label'].sum()):,} happened")
    for part, slice_ in [("pooled", judged), *judged.groupby("snapshot", sort=True)]:
        label, weight = slice_["label"].to_numpy(float), slice_["weight"].to_numpy(float)
        scores = {name: slice_[name].to_numpy(float) for name in scorers}
        found, ratios = judge.intervals(
            scores, label, weight, backtest_report.blocks(spec, slice_), against="probability"
        )
        told = [f"model {found['probability'].value:.3f}"]
        told += [
            f"{name} {found[name].value:.3f} ×{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
            for name, ratio in ratios.items()
        ]
        print(f"  {part:10s} " + " · ".join(told))
    for part, slice_ in [("pooled", judged), *judged.groupby(judged["as_of"].dt.strftime("%Y-%m"))]:
        label, weight = slice_["label"].to_numpy(float), slice_["weight"].to_numpy(float)
        figures = judge.figures(slice_["probability"].to_numpy(float), label, weight)
        print(f"  {part:10s} " + " · ".join(f"{name} {figures[name]:.3f}" for name in (
            "calibration_error", "forecast_over_outcome", "brier_skill", "base_rate")))  # fmt: skip


def lightgbm(spec: TargetSpec, rows: pd.DataFrame, walked: list[origins.Origin], learning: frames.Learnable) -> Array:
    """LightGBM at each origin, stopped early on the same selection window, then grown on everything mature."""
    import lightgbm as lgb

    found = np.full(len(rows), np.nan)
    for origin in walked:
        known = windows.trainable(spec, learning.known_at(origin.start), origin.start)
        parts = windows.assign(known, windows.split(known, origin.start))
        settings = {"objective": "binary", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 50,
                    "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0,
                    "verbosity": -1, "num_threads": 2, "seed": 7}  # fmt: skip

        def data(mask: npt.NDArray[np.bool_], known: pd.DataFrame = known) -> lgb.Dataset:
            part = known[mask]
            return lgb.Dataset(matrix(part, spec.features), part["label"].to_numpy(), weight=part["weight"].to_numpy())

        trial = lgb.train(settings, data(parts.fit), 600, valid_sets=[data(parts.select)],
                          callbacks=[lgb.early_stopping(40, verbose=False)])  # fmt: skip
        final = lgb.train(settings, data(np.ones(len(known), dtype=bool)), trial.best_iteration)
        inside = ((rows["as_of"] >= origin.start) & (rows["as_of"] < origin.end)).to_numpy()
        found[inside] = final.predict(matrix(rows[inside], spec.features))
    return found


if __name__ == "__main__":
    main()
