"""Why a candidate scored as it did, in a dozen plain reasons, each with its facts and the row that they come from.

Exact TreeSHAP, computed for candidates only. Contributions of features that tell one story are added up; the
three that raise the chance most are kept. A reason whose source row is not known is not shown, because nobody
could check it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

from features import catalog
from features.reasons import REASONS
from models.fit import matrix
from models.model import Model
from models.target import TargetSpec

MOST_REASONS = 3
LEAST_CONTRIBUTION = 0.05  # log-odds; below it a reason says nothing
FACTS_PER_REASON = 3
# The fact that a person would ask for first, told whenever it is known.
FIRST_FACT = {
    "slack": "slack_days",
    "hand_over": "ship_by_missed_days",
    "attempt": "attempts_failed_count",
    "scan_gap": "last_scan_age_hours",
    "hub": "hub_dwell_hours",
    "calendar": "holidays_left_days",
    "on_hand": "cover_days",
    "recent_stock": "stock_out_share_28d",
    "demand": "demand_units_7d",
    "weekday": "stock_out_weekday_share_28d",
    "promotion": "discount_share",
    "inbound": "open_inbound_units",
    "lead_time": "lead_time_days",
    "seller_shelf": "seller_stock_out_share_7d",
}


@dataclass(frozen=True, slots=True)
class Told:
    """How a feature is told: the reason it counts towards and the tables where that reason's source row may stand."""

    reason: str
    tables: tuple[str, ...]


def told(spec: TargetSpec) -> dict[str, Told]:
    """How each feature of a target is told, as the catalog declares it."""
    return {
        feature.name: Told(feature.reason, REASONS[feature.reason].tables)
        for feature in catalog.features_of(spec.built_as)
    }


def reasons(
    model: Model,
    frame: pd.DataFrame,
    told: Mapping[str, Told],
    sources: Sequence[Mapping[str, Mapping[str, Any]]],
) -> list[list[dict[str, Any]]]:
    """Up to three reasons for each row, strongest first.

    frame: candidates, with the model's features. told: feature name -> how it is told. sources: per row, table
    -> source row ({"table", "key", "recorded_at"}). Returns per row dicts {"code", "facts", "source",
    "contribution"}; contribution in log-odds, facts feature name -> value.
    """
    if frame.empty:
        return []
    data = xgb.DMatrix(matrix(frame, model.features), feature_names=list(model.features))
    shares = np.asarray(model.booster.predict(data, pred_contribs=True), dtype=np.float64)[:, :-1]
    values = frame[list(model.features)].to_numpy(dtype=np.float64, na_value=np.nan)
    return [
        _of_row(model.features, share, value, told, source)
        for share, value, source in zip(shares, values, sources, strict=True)
    ]


def _of_row(
    features: tuple[str, ...],
    share: np.ndarray[tuple[int], np.dtype[np.float64]],
    value: np.ndarray[tuple[int], np.dtype[np.float64]],
    told: Mapping[str, Told],
    source: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for place, name in enumerate(features):
        if name in told:
            groups.setdefault((told[name].reason, told[name].tables), []).append(place)
    weighed = sorted(
        ((float(share[places].sum()), code, tables) for (code, tables), places in groups.items()), reverse=True
    )
    found = []
    for contribution, code, tables in weighed:
        table = next((name for name in tables if name in source), None)
        if contribution < LEAST_CONTRIBUTION or table is None:
            continue
        first = FIRST_FACT.get(code)
        places = sorted(groups[code, tables], key=lambda place: (features[place] != first, -share[place]))
        known = [place for place in places if np.isfinite(value[place])][:FACTS_PER_REASON]
        if not known:
            continue
        facts = {features[place]: round(float(value[place]), 4) for place in known}
        found.append(
            {"code": code, "facts": facts, "source": dict(source[table]), "contribution": round(contribution, 4)}
        )
        if len(found) == MOST_REASONS:
            break
    return found
