"""What a world must show: ranking against the true probabilities, warnings in time, and date windows that hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import judge
from models.judge import Estimate
from models.slices import silence

FEWEST = 10  # positives in a slice whose figure is worth a line
LEAST_PRECISION = 0.70
HOURS = 48
SLICE_ORDERS = 500
OVERALL, SLICES = (0.78, 0.82), (0.75, 0.85)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slice:
    """Average precision on a part of the rows."""

    positives: int
    model: float
    truth: float
    rule: float


@dataclass(frozen=True, slots=True)
class AgainstTruth:
    """Average precision of model, truth and rule on the same rows, and the model's share of the best possible."""

    rows: int
    positives: int
    model: Estimate
    truth: Estimate
    rule: Estimate
    share: Estimate
    forecast_over_outcome: float
    calibration_error: float
    by_snapshot: dict[str, Slice]


def against_truth(rows: pd.DataFrame, name: str, truth: pd.DataFrame) -> AgainstTruth:
    """rows: predicted at the truth's moments. Blocks of the bootstrap are weeks."""
    known = truth[["order_id", "as_of", name]].rename(columns={"order_id": "subject_id", name: "truth"})
    met = rows.merge(known, on=["subject_id", "as_of"])
    met = met[met["truth"].notna()]
    week = met["as_of"].dt.strftime("%G-%V")
    scores = {part: met[part].to_numpy(float) for part in ("probability", "truth", "rule")}
    label, weight = met["label"].to_numpy(float), met["weight"].to_numpy(float)
    found, ratios = judge.intervals(scores, label, weight, list(week), against="probability")
    figures = judge.figures(scores["probability"], label, weight)
    slices = {
        str(snapshot): Slice(int(part["label"].sum()), *(_precision(part, column) for column in scores))
        for snapshot, part in met.groupby("snapshot")
        if part["label"].sum() >= FEWEST
    }
    return AgainstTruth(
        len(met), int(label.sum()), found["probability"], found["truth"], found["rule"], ratios["truth"],
        figures["forecast_over_outcome"], figures["calibration_error"], slices,
    )  # fmt: skip


def _precision(part: pd.DataFrame, column: str) -> float:
    return judge.average_precision(
        part[column].to_numpy(float), part["label"].to_numpy(float), part["weight"].to_numpy(float)
    )


def announced(rows: pd.DataFrame) -> list[dict[str, float]]:
    """Warnings of late parcels at each midnight: the threshold is chosen on the months before, and met by each month.

    rows: predicted at every midnight of late_delivery. Per origin from the second on: threshold, precision,
    share_announced_48h_before, subjects_told.
    """
    found = []
    starts = sorted(rows["origin"].unique())
    for number, start in enumerate(starts[1:], 1):
        threshold = _threshold(rows[rows["origin"].isin(starts[:number])])
        found.append({"origin": start, **judge.lead_time(rows[rows["origin"] == start], threshold)})
    return found


def _threshold(rows: pd.DataFrame) -> float:
    """The lowest threshold at which warnings are right often enough, on rows that were met before."""
    for threshold in np.arange(0.20, 0.95, 0.02):
        if judge.lead_time(rows, float(threshold))["precision"] >= LEAST_PRECISION:
            return float(threshold)
    return 0.95


def silenced(rows: pd.DataFrame, orders: pd.DataFrame, start: datetime) -> pd.DataFrame:
    """The rows at or after ``start`` with ``says_no_date``: whether their slice was silent at their midnight, by the
    windows announced at the midnights before it that were over by then.

    rows: at midnights, with p10, p90, ended_at, weight. orders: order_id, carrier, destination_region.
    """
    met = rows.merge(orders, left_on="subject_id", right_on="order_id").drop(columns="order_id")
    pieces = []
    later = met[met["as_of"] >= pd.Timestamp(start)]
    for moment in sorted(later["as_of"].unique()):
        part = later[later["as_of"] == moment]
        past = met[met["as_of"] < moment]
        known = past.assign(ended_at=past["ended_at"].where(past["ended_at"] < moment))
        pieces.append(part.assign(says_no_date=silence(known, moment).of(part)))
    found: pd.DataFrame = pd.concat(pieces).drop(columns=["carrier", "destination_region"])
    return found


def windows(rows: pd.DataFrame, orders: pd.DataFrame) -> tuple[float, pd.DataFrame]:
    """Coverage of 80 % windows at the midnights of one week: overall, and by carrier and region where many orders are.

    rows: with p10, p90, ended_at, and ``says_no_date``. orders: order_id, carrier, destination_region. A slice's
    coverage counts the rows that were given a window. Returns overall coverage, and a frame by slice: orders,
    coverage, silent (share of rows that were given none).
    """
    met = rows.merge(orders, left_on="subject_id", right_on="order_id")
    met["inside"] = (met["ended_at"] >= met["p10"]) & (met["ended_at"] <= met["p90"])
    spoken = met[~met["says_no_date"]]
    slices = met.groupby(["carrier", "destination_region"]).agg(
        orders=("subject_id", "nunique"), silent=("says_no_date", "mean")
    )
    slices["coverage"] = spoken.groupby(["carrier", "destination_region"])["inside"].mean()
    return float(spoken["inside"].mean()), slices.sort_values("orders", ascending=False).reset_index()
