"""Every target walked over monthly origins: fitted on what was mature then, met with what came after."""

from __future__ import annotations

import logging
from datetime import datetime

import numpy as np
import pandas as pd

from bench.worlds.world import STAGES, Asked
from models import fit
from models.model import Model
from models.pace import paces
from models.predict import probability
from models.target import TargetSpec
from models.windows import TooLittleHistory

log = logging.getLogger(__name__)


def models_of(spec: TargetSpec, asked: Asked, *, seed: int = 7) -> list[tuple[datetime, Model]]:
    """One model for each origin; an origin with too little history goes on with the one before."""
    learning = asked.learnable(spec)
    stages = learning.rows[learning.rows[STAGES] == 1]
    found: list[tuple[datetime, Model]] = []
    for start in asked.starts:
        known = type(learning)(learning.lake, spec, learning.subjects, stages).known_at(start)
        try:
            found.append((start, fit.fit(spec, known, start, seed=seed)))
        except TooLittleHistory as short:
            log.warning("%s", short)
            if found:
                found.append((start, found[-1][1]))
    return found


def predicted(spec: TargetSpec, asked: Asked, fitted: list[tuple[datetime, Model]], way: str) -> pd.DataFrame:
    """The rows asked in one way from the first origin on, each with the forecast of its origin's model.

    Adds probability, rule, origin, and the outcome columns as the whole world tells them; rows on which the target
    abstains or which have happened already are left out.
    """
    learning = asked.learnable(spec)
    rows = learning.rows[learning.rows[way] == 1]
    past = learning.outcomes(asked.known_until) if spec.deadline else rows.iloc[:0]
    pieces = []
    ends = [start for start, _ in fitted[1:]] + [asked.known_until]
    for (start, model), end in zip(fitted, ends, strict=True):
        part = rows[(rows["as_of"] >= pd.Timestamp(start)) & (rows["as_of"] < pd.Timestamp(end))]
        quiet = spec.abstain(part).notna().to_numpy(bool) | spec.known(part).to_numpy(bool)
        part = part[~quiet].copy()
        pace = paces(model.hazard, past, part["as_of"])
        part["probability"] = probability(spec, model, part, pace)
        part["rule"] = spec.rule(part).fillna(-np.inf).to_numpy(np.float64)
        part["origin"] = start
        if model.window is not None:
            part = part.join(model.window.dates(part))
        pieces.append(part)
    if not pieces:
        return rows.iloc[:0].assign(probability=np.nan, rule=np.nan, origin=None, label=np.nan, weight=1.0)
    outcomes = type(learning)(learning.lake, spec, learning.subjects, pd.concat(pieces)).outcomes(asked.known_until)
    return outcomes[outcomes["label"].notna()].reset_index(drop=True)
