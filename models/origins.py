"""Rolling origins: predict each stretch of time with a model that knew only what was known when the stretch began."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from models import fit as fitting
from models import peers, windows
from models.model import Model
from models.pace import paces
from models.predict import HAPPENED, probability
from models.target import TargetSpec
from models.windows import TooLittleHistory

log = logging.getLogger(__name__)

LEAST_STRETCH = timedelta(days=14)

KnownAt = Callable[[datetime], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Origin:
    """One stretch, the model that predicted it, and how many mature rows it was learned from."""

    start: datetime
    end: datetime
    model: Model
    learned_from: int


def starts(train_before: datetime, test_before: datetime) -> list[datetime]:
    """train_before, then the first of each month before test_before; one within a fortnight is passed over."""
    found = [train_before]
    at = train_before
    while True:
        at = at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1, day=1)
        if at >= test_before:
            return found
        if at - found[-1] >= LEAST_STRETCH:
            found.append(at)


def walk(
    spec: TargetSpec,
    rows: pd.DataFrame,
    known_at: KnownAt,
    train_before: datetime,
    test_before: datetime,
    *,
    past: pd.DataFrame | None = None,
    seed: int = 7,
) -> tuple[pd.DataFrame, list[Origin]]:
    """Predict every row of ``rows`` (as_of in [train_before, test_before)), refitted at each of ``starts``.

    rows: SUBJECT_COLUMNS and features. known_at: origin -> rows with labels that were mature by then, for
    fitting. past: rows with features and outcomes from before and in the test period, that the pace is taken from, each
    day by what was known then (models.pace); None: from what was learned from alone. Where a later origin has too
    little to fit on, the earlier model goes on. Returns rows with probability, logistic, rule, abstained and
    abstain_reason added, in their order, and the origins. Raises TooLittleHistory where the first cannot be fitted.
    """
    begins = starts(train_before, test_before)
    pieces: list[pd.DataFrame] = []
    origins: list[Origin] = []
    for start, end in zip(begins, [*begins[1:], test_before], strict=True):
        inside = (rows["as_of"] >= pd.Timestamp(start)) & (rows["as_of"] < pd.Timestamp(end))
        learned = known_at(start)
        model = _model(spec, learned, start, origins, seed)
        part = rows[inside].copy()
        pace = paces(model.hazard, learned if past is None else past, part["as_of"])
        part["probability"] = probability(spec, model, part, pace)
        part["logistic"] = peers.logistic(windows.trainable(spec, learned, start), part, spec.features)
        if model.window is not None:
            part = part.join(model.window.dates(part))
        pieces.append(part)
        origins.append(Origin(start, end, model, len(learned)))
        log.info(
            "origin predicted target=%s origin=%s learned_from=%d rows=%d",
            spec.name,
            start.date(),
            len(learned),
            len(part),
        )
    return _finished(spec, pd.concat(pieces)), origins


def _model(spec: TargetSpec, learned: pd.DataFrame, start: datetime, before: list[Origin], seed: int) -> Model:
    try:
        return fitting.fit(spec, learned, start, seed=seed)
    except TooLittleHistory:
        if not before:
            raise
        return before[-1].model


def _finished(spec: TargetSpec, rows: pd.DataFrame) -> pd.DataFrame:
    happened = spec.known(rows).to_numpy(bool)
    reason = spec.abstain(rows).where(~happened, HAPPENED)
    scores: dict[str, Any] = {
        "probability": np.where(happened, 1.0, rows["probability"]),
        "logistic": np.where(happened, 1.0, rows["logistic"]),
        "rule": spec.rule(rows).to_numpy(np.float64),
        "abstained": reason.notna().to_numpy(bool),
        "abstain_reason": reason,
    }
    return rows.assign(**scores)
