"""Scoring: one generator of record batches, the same on one machine and on a cluster.

In the embedded engine an Arrow scanner feeds it in the process; on a cluster ``mapInArrow`` does. It holds no
state between batches, so the number of partitions cannot change a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from models.fit import matrix
from models.model import Array, FeatureMissing, Model
from models.target import TargetSpec

SCORED = pa.schema(
    [
        pa.field("subject_id", pa.string()),
        pa.field("sku_id", pa.string()),
        pa.field("as_of", pa.timestamp("us", tz="UTC")),
        pa.field("snapshot", pa.string()),
        pa.field("horizon_days", pa.int32()),
        pa.field("probability", pa.float64()),
        pa.field("abstained", pa.bool_()),
        pa.field("abstain_reason", pa.string()),
    ]
)
BY_HAND = "no model is in service: this is the usual share at this value of the rule"
HAPPENED = "it has already happened: a fact, not a forecast"
KEYS = ("subject_id", "sku_id", "as_of", "snapshot", "horizon_days")

Scorer = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]


def scorer(spec: TargetSpec, model: Model, pace: float = 1.0) -> Scorer:
    """A generator that turns batches of features into batches of SCORED, row for row and in their order."""

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield predict(spec, model, batch, pace)

    return score


def predict(spec: TargetSpec, model: Model, batch: pa.RecordBatch, pace: float = 1.0) -> pa.RecordBatch:
    """Chance of the target within its horizon for each row.

    batch: KEYS and the model's features, by name and in any order; nulls allowed. pace: of models.pace. Returns
    SCORED, one row per row. A row on which the engine would rather say nothing is marked, with the reason, and still
    has its probability. Raises FeatureMissing naming every absent column: nothing is filled in to fit.
    """
    names = set(batch.schema.names)
    missing = tuple(name for name in (*model.features, *KEYS) if name not in names)
    if missing:
        raise FeatureMissing(spec.name, missing)
    frame = batch.to_pandas()
    happened = spec.known(frame).to_numpy(bool)
    reason = spec.abstain(frame).where(~happened, HAPPENED)
    keys = [batch.column(name).cast(SCORED.field(name).type) for name in KEYS]
    said_nothing = reason.notna().to_numpy(bool)
    return pa.RecordBatch.from_arrays(
        [
            *keys,
            pa.array(np.where(happened, 1.0, probability(spec, model, frame, pace))),
            pa.array(said_nothing),
            pa.array(
                [value if quiet else None for value, quiet in zip(reason, said_nothing, strict=True)], pa.string()
            ),
        ],
        schema=SCORED,
    )


def probability(spec: TargetSpec, model: Model, frame: pd.DataFrame, pace: Array | float = 1.0) -> Array:
    """Calibrated chance for each row of a frame that holds the model's features and ``snapshot``."""
    if frame.empty:
        return np.zeros(0)
    score = spec.rule(frame).to_numpy(np.float64)
    odds = model.log_odds(matrix(frame, model.features), score, frame["snapshot"].to_numpy(), pace)
    return model.calibration(odds)
