"""Section simulator: what the buyer targets achieve on a world whose true probabilities are known.

    python -m bench.simulator [--orders 200000] [--days 240] [--seed 21] [--keep DIR] [--targets a,b]
        [--parts ranking,windows]

Three parts. Ranking: average precision of each target beside that of the true probabilities, on the same rows, over
monthly origins. Warnings: late parcels announced 48 hours ahead, at each midnight, with a threshold chosen on earlier
months. Windows: what the 80 % date windows cover in the week of the festival, which has ten times the orders, overall
and by carrier and region, each midnight silent where the week before has not held.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from bench.worlds import measured, walked
from bench.worlds.measured import AgainstTruth
from bench.worlds.world import MIDNIGHTS, TRUTHS, Asked, Sizes, ask, lake_of, midnight
from features.asof import first_known
from lake import engine
from lake.store import Lake
from models import frames, target
from sources.simulator import WorldParameters
from sources.simulator.truth import PROBLEMS

TEST_DAYS = 55
ROWS = frames.MOST_ROWS  # subject rows to learn from, as the product does
TRUTH_ROWS, MIDNIGHT_ROWS, WEEK_ROWS = 90_000, 60_000, 120_000
FESTIVAL_WEEK = timedelta(days=7)


def main() -> None:
    """Write the world, walk the targets, print what was measured."""
    options = _options()
    parameters = WorldParameters(orders=options.orders, days=options.days, seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as scratch, engine.session() as spark:
        folder = Path(options.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        run(parameters, folder, spark, options.targets.split(","), options.parts.split(","))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.simulator", description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=240)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--keep", help="folder that keeps world and lake, to run again without making them")
    parser.add_argument("--targets", default=",".join(PROBLEMS))
    parser.add_argument("--parts", default="ranking,windows")
    return parser.parse_args(sys.argv[1:])


def run(parameters: WorldParameters, folder: Path, spark: SparkSession, names: list[str], parts: list[str]) -> None:
    """All parts on one world. folder: where world and lake are, or go."""
    began = time.monotonic()
    lake, known_until = lake_of(parameters, folder, spark)
    _say(f"world: {parameters.orders:,} orders, {parameters.days} days, seed {parameters.seed}", began)
    if "ranking" in parts:
        # Labels take up to a month to mature: the test ends that long before the world does.
        test_before = known_until - timedelta(days=35)
        asked = ask(lake, folder, parameters, _sizes(parameters), test_before - timedelta(days=TEST_DAYS), test_before)
        _say(f"{len(asked.rows):,} rows with {asked.rows.shape[1]} columns", began)
        ranking(asked, names, began)
    if "windows" in parts:
        festival(lake, folder, parameters, began)


def ranking(asked: Asked, names: list[str], began: float) -> None:
    """Each target beside the true probabilities; for late parcels also the warnings in time."""
    for name in names:
        spec = target.spec(name)
        fitted = walked.models_of(spec, asked)
        if not fitted:
            _say(f"{name}: too little history for a model", began)
            continue
        found = measured.against_truth(walked.predicted(spec, asked, fitted, TRUTHS), name, asked.truth)
        _say(_words(name, found), began)
        if name == "late_delivery":
            for month in measured.announced(walked.predicted(spec, asked, fitted, MIDNIGHTS)):
                _say(
                    f"  warnings from {month['origin']:%Y-%m-%d}: {month['share_announced_48h_before']:.1%} of late "
                    f"parcels announced 48 h ahead, precision {month['precision']:.1%}, threshold "
                    f"{month['threshold']:.2f}, {month['subjects_told']:.0f} told",
                    began,
                )


def festival(lake: Lake, folder: Path, parameters: WorldParameters, began: float) -> None:
    """The week that begins with the festival: windows of a model fitted before it, at each of its midnights."""
    start = midnight(parameters, parameters.festival_first)
    before, after = start - timedelta(days=14), start + FESTIVAL_WEEK
    per_day = parameters.orders / parameters.days
    sizes = Sizes(min(1.0, ROWS / (parameters.orders * 4)), 0.0, min(1.0, WEEK_ROWS / (per_day * 400)))
    asked = replace(ask(lake, folder, parameters, sizes, before, after), starts=[before])
    spec = target.spec("late_delivery")
    rows = walked.predicted(spec, asked, walked.models_of(spec, asked), MIDNIGHTS)
    orders = _ways(lake, asked.known_until)
    week = measured.silenced(rows, orders, start)
    overall, slices = measured.windows(week, orders)
    many = slices[slices["orders"] >= measured.SLICE_ORDERS * sizes.midnights]
    _say(f"windows in the festival's week: {len(week):,} rows, cover {overall:.1%} where they speak", began)
    for row in many.itertuples():
        _say(f"  {row.carrier} into {row.destination_region}: {row.orders} orders asked about, cover "
             f"{row.coverage:.1%}, silent {row.silent:.0%}", began)  # fmt: skip


def _sizes(parameters: WorldParameters) -> Sizes:
    """Shares of orders, so that the frames have about as many rows as they may."""
    stages = parameters.orders * 4.0  # an order has about four moments
    test = parameters.orders * 4.0 * TEST_DAYS / parameters.days
    midnights = parameters.orders * 8.0 * TEST_DAYS / parameters.days  # and is open for about eight midnights
    return Sizes(min(1.0, ROWS / stages), min(1.0, TRUTH_ROWS / test), min(1.0, MIDNIGHT_ROWS / midnights))


def _ways(lake: Lake, known_before: datetime) -> pd.DataFrame:
    """order_id, carrier, destination_region."""
    plans = lake.read("shipments", known_before=known_before).groupBy("order_id")
    first = plans.agg(first_known(["shipment_id"], "carrier").alias("plan")).select("order_id", "plan.carrier")
    found: pd.DataFrame = (
        lake.read("orders", known_before=known_before)
        .select("order_id", "destination_region")
        .join(first.where(F.col("carrier").isNotNull()), "order_id")
        .toArrow()
        .to_pandas()
    )
    return found


def _words(name: str, found: AgainstTruth) -> str:
    share = f"{found.share.value:.1%} of it ({found.share.low:.1%} to {found.share.high:.1%})"
    honest = f"forecast over outcome {found.forecast_over_outcome:.2f}, calibration error {found.calibration_error:.4f}"
    figures = f"{found.model.value:.3f}, best possible {found.truth.value:.3f}, rule {found.rule.value:.3f}"
    lines = [f"{name}: {found.rows:,} rows, {found.positives:,} happened; {figures}; {share}; {honest}"]
    lines += [
        f"  {snapshot:10s} {part.positives:5d} happened; model {part.model:.3f}, best possible {part.truth:.3f}, "
        f"rule {part.rule:.3f}"
        for snapshot, part in found.by_snapshot.items()
    ]
    return "\n".join(lines)


def _say(words: str, began: float) -> None:
    print(f"[{time.monotonic() - began:5.0f} s] {words}", flush=True)


if __name__ == "__main__":
    main()
