"""The report of a backtest: figures with intervals beside the peers', as JSON for programs and as one HTML page
for people.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobs import backtest_page
from models import judge
from models.origins import Origin
from models.target import TargetSpec

SCORES = {"model": "probability", "rule": "rule", "logistic": "logistic"}
LEAST_TO_TELL = 0.7  # precision that the lead-time table looks for
CURVE_POINTS = 200


def build(
    spec: TargetSpec, rows: pd.DataFrame, walked: list[Origin], train_before: datetime, test_before: datetime
) -> dict[str, Any]:
    """Everything that both files say. Judged are forecasts with a known outcome; what had already happened is
    counted apart.
    """
    known = rows[rows["label"].notna()]
    ahead = known[~spec.known(known).to_numpy(bool)]
    judged = ahead[~ahead["abstained"]]
    scores, label, weight = _arrays(judged)
    found, ratios = judge.intervals(scores, label, weight, blocks(spec, judged), against="model")
    return {
        "target": spec.name,
        "event": spec.event,
        "rule_says": spec.rule_says,
        "block": spec.block,
        "train_before": train_before.isoformat(),
        "test_before": test_before.isoformat(),
        "rows": {
            "predicted": len(rows),
            "without_outcome": int(rows["label"].isna().sum()),
            "already_happened": len(known) - len(ahead),
            "abstained": int(ahead["abstained"].sum()),
            "judged": len(judged),
        },
        "abstain_reasons": rows["abstain_reason"].dropna().value_counts().to_dict(),
        "average_precision": {name: estimate.as_json() for name, estimate in found.items()},
        "model_over": {name: estimate.as_json() for name, estimate in ratios.items()},
        "pooled": judge.figures(scores["model"], label, weight),
        "pooled_with_already_happened": _plain(known),
        "reliability": judge.reliability(scores["model"], label, weight),
        "by_snapshot": judge.by_slice(judged, "snapshot", ["rule", "logistic"]),
        "by_month": judge.by_slice(
            judged.assign(month=judged["as_of"].dt.strftime("%Y-%m")), "month", ["rule", "logistic"]
        ),
        "lead_time": [judge.lead_time(judged, threshold) for threshold in sorted({spec.threshold, 0.5, LEAST_TO_TELL})],
        "curves": {name: curve(score, label, weight) for name, score in scores.items()},
        "date_window": date_window(judged),
        "origins": [_origin(origin) for origin in walked],
    }


def write(judged: dict[str, Any], out: Path) -> None:
    """report.json and report.html."""
    (out / "report.json").write_text(json.dumps(judged, indent=1, default=str))
    (out / "report.html").write_text(backtest_page.page(judged), encoding="utf-8")


def sentence(judged: dict[str, Any], out: Path) -> str:
    """What a person at the terminal wants to know."""
    ap = judged["average_precision"]
    told = ", ".join(f"{name} {_interval(ap[name])}" for name in SCORES)
    over = ", ".join(f"{_interval(ratio)} × {name}" for name, ratio in judged["model_over"].items())
    return f"{judged['target']}: average precision {told}; model {over}. Read {out / 'report.html'}."


def blocks(spec: TargetSpec, rows: pd.DataFrame) -> list[str]:
    """What the bootstrap draws: the ISO week of the as_of, or the seller."""
    if spec.block == "seller":
        return [str(seller) for seller in rows["subject_id"]]
    return [str(week) for week in rows["as_of"].dt.strftime("%G-%V")]


def date_window(rows: pd.DataFrame) -> dict[str, float] | None:
    """How often parcels came between p10 and p90, of those that came; None where the target has no date window."""
    if "p10" not in rows or not rows["ended_at"].notna().any():
        return None
    came = rows[rows["ended_at"].notna() & rows["p10"].notna()]
    inside = (came["ended_at"] >= came["p10"]) & (came["ended_at"] <= came["p90"])
    width = (came["p90"] - came["p10"]).dt.total_seconds() / 86_400
    return {
        "rows": float(len(came)),
        "covered": float(np.average(inside, weights=came["weight"])),
        "before": float(np.average(came["ended_at"] < came["p10"], weights=came["weight"])),
        "after": float(np.average(came["ended_at"] > came["p90"], weights=came["weight"])),
        "median_width_days": float(width.median()),
    }


def curve(score: np.ndarray[Any, Any], label: np.ndarray[Any, Any], weight: np.ndarray[Any, Any]) -> list[list[float]]:
    """Points (recall, precision) of at most CURVE_POINTS steps."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(weight[order] * label[order])
    precision = hits / np.cumsum(weight[order])
    at = np.unique(np.linspace(0, len(order) - 1, CURVE_POINTS).astype(int))
    return [[round(float(hits[i] / hits[-1]), 4), round(float(precision[i]), 4)] for i in at]


def _arrays(rows: pd.DataFrame) -> tuple[dict[str, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    scores = {name: rows[column].to_numpy(float) for name, column in SCORES.items()}
    return scores, rows["label"].to_numpy(float), rows["weight"].to_numpy(float)


def _plain(rows: pd.DataFrame) -> dict[str, float]:
    scores, label, weight = _arrays(rows)
    return {name: judge.average_precision(score, label, weight) for name, score in scores.items()}


def _origin(origin: Origin) -> dict[str, Any]:
    about = origin.model.about
    return {
        "from": origin.start.isoformat(),
        "to": origin.end.isoformat(),
        "learned_from": origin.learned_from,
        "rounds": about["rounds"],
        "windows": about["windows"],
        "share": dict(origin.model.share),
        "calibration": origin.model.calibration.as_json(),
    }


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
