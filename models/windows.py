"""Windows in time: what is fitted on, selected on and calibrated on, one after the other, and what may be in each.

A row belongs to a window only if its label was mature when the next one began. A label that nobody could know yet is
refused and not left out in silence: it is a fault in whatever made the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.model import FeatureMissing
from models.target import TargetSpec

LEAST_POSITIVES = 20  # per window; fewer say nothing about the next month
SELECT_SHARE = 0.15
CALIBRATE_SHARE = 0.3
WIDEST_SHARE = 0.25


class TooLittleHistory(RuntimeError):
    """There are not enough mature labels to fit, select and calibrate."""


class ImmatureLabels(ValueError):
    """A training frame holds labels that could not be known yet."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Where one window ends and the next begins; all are UTC moments."""

    select_from: datetime
    calibrate_from: datetime
    train_before: datetime


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows of each window, as masks over the training frame."""

    fit: npt.NDArray[np.bool_]
    select: npt.NDArray[np.bool_]
    calibrate: npt.NDArray[np.bool_]


def trainable(spec: TargetSpec, frame: pd.DataFrame, train_before: datetime) -> pd.DataFrame:
    """Rows that count, sorted by as_of and subject: with a label, not yet known to happen, and such that the target
    would speak; what is never said need not be learned, nor may it make a calibration look good. Raises FeatureMissing,
    ImmatureLabels.
    """
    missing = tuple(name for name in spec.features if name not in frame.columns)
    if missing:
        raise FeatureMissing(spec.name, missing)
    rows = frame[frame["label"].notna()]
    immature = int((rows["matured_at"] > pd.Timestamp(train_before)).sum())
    if immature:
        raise ImmatureLabels(
            f"{spec.name}: {immature} of {len(rows)} labels mature after {train_before:%Y-%m-%d}, when nobody "
            "could know them. "
            "Nothing was fitted. Ask models.labels for the rows that are mature."
        )
    rows = rows[~spec.known(rows).to_numpy(bool) & spec.abstain(rows).isna().to_numpy(bool)]
    return rows.sort_values(["as_of", "subject_id", "sku_id"], kind="stable").reset_index(drop=True)


def usual_lag(rows: pd.DataFrame) -> pd.Timedelta:
    """How long three of four labels take to mature, as seen in the rows themselves."""
    return pd.Timedelta(seconds=float((rows["matured_at"] - rows["as_of"]).dt.total_seconds().quantile(0.75)))


def split(rows: pd.DataFrame, train_before: datetime) -> Windows:
    """Trailing windows: 30 % of the span to calibrate on, before it 15 % to select on, wide enough for labels to
    mature in. The span ends with the newest mature row: where labels take weeks, the last weeks hold none.
    """
    if rows.empty:
        raise TooLittleHistory(
            f"no label is mature before {train_before:%Y-%m-%d}. Choose a later day or bring more history."
        )
    newest = min(pd.Timestamp(train_before), rows["as_of"].max().ceil("D"))
    span = newest - rows["as_of"].min()
    select = min(max(SELECT_SHARE * span, 1.5 * usual_lag(rows)), WIDEST_SHARE * span).ceil("D")
    calibrate_from = (newest - (CALIBRATE_SHARE * span).ceil("D")).to_pydatetime()
    return Windows(calibrate_from - select.to_pytimedelta(), calibrate_from, train_before)


def assign(rows: pd.DataFrame, windows: Windows) -> Parts:
    """Which rows each window may use: those whose label was mature when the window after it began.

    Where labels take longer to mature than ``select`` is wide, none would be left in it. It then takes those that are
    mature by now: they decide when growing stops and nothing else.
    """
    as_of, matured = rows["as_of"], rows["matured_at"]
    select_from, calibrate_from = pd.Timestamp(windows.select_from), pd.Timestamp(windows.calibrate_from)
    inside = (as_of >= select_from) & (as_of < calibrate_from)
    select = inside & (matured <= calibrate_from)
    if rows.loc[select, "label"].sum() < LEAST_POSITIVES:
        select = inside
    return Parts(
        fit=((as_of < select_from) & (matured <= select_from)).to_numpy(),
        select=select.to_numpy(),
        calibrate=(as_of >= calibrate_from).to_numpy(),
    )


def enough(spec: TargetSpec, rows: pd.DataFrame, parts: Parts) -> None:
    """Raise TooLittleHistory where a window has too few rows that happened, or that did not."""
    label = rows["label"].to_numpy(float)
    counts = {
        name: (int(label[mask].sum()), int(mask.sum() - label[mask].sum()))
        for name, mask in (("fit", parts.fit), ("select", parts.select), ("calibrate", parts.calibrate))
    }
    if any(min(pair) < LEAST_POSITIVES for pair in counts.values()):
        told = ", ".join(f"{name} {happened} and {not_so}" for name, (happened, not_so) in counts.items())
        raise TooLittleHistory(
            f"{spec.name}: rows that happened and that did not, per window: {told}; each needs {LEAST_POSITIVES} "
            "of both. "
            "No model was fitted and the champion, if any, stays. Bring more history or choose a later day."
        )
