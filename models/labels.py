"""When an outcome may be learned from: only once its window has closed and it could be known, whatever it was.

A stock-out seen on the first of seven days is as immature as the absence of one: taking the early positives
alone teaches that new rows end badly.
"""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.store import Lake
from models.target import TargetError, TargetSpec

WEIGHT_OF_ONE = 1.0


def outcomes(lake: Lake, spec: TargetSpec, subjects: DataFrame, known_before: datetime) -> DataFrame:
    """What had become of each subject row by ``known_before``: the spec's keys, as_of, label, matured_at,
    deadline_at, ended_at, over_known_at (null throughout where the target has no hazard), grade (0 to 1; null
    throughout where it is not graded), surrogate (a level; null throughout where it has none), weight.

    label is null where it does not count or was not mature: matured_at > known_before. Reads recorded_at <
    known_before only. Raises TargetError where a label does not tell what its target needs.
    """
    found = spec.label(lake, subjects, known_before)
    found = _with(found, spec, "over_known_at", "timestamp", "has a deadline" if spec.deadline is not None else "")
    found = _with(found, spec, "grade", "double", "is graded" if spec.graded else "")
    found = _with(found, spec, "surrogate", "double", "has a surrogate" if spec.has_surrogate else "")
    is_mature = F.col("matured_at") <= F.lit(known_before)
    return weighted(lake, spec, found.withColumn("label", F.when(is_mature, F.col("label"))))


def mature(lake: Lake, spec: TargetSpec, subjects: DataFrame, train_before: datetime) -> DataFrame:
    """The rows of ``outcomes`` that may be learned from at ``train_before``: those with a label."""
    return outcomes(lake, spec, subjects, train_before).where(F.col("label").isNotNull())


def _with(found: DataFrame, spec: TargetSpec, column: str, kind: str, because: str) -> DataFrame:
    """The outcomes with a column that only some targets tell: null throughout where this one need not."""
    if column in found.columns:
        return found
    if because:
        raise TargetError(f"{spec.name} {because}, so its label must also return {column}.")
    return found.withColumn(column, F.lit(None).cast(kind))


def weighted(lake: Lake, spec: TargetSpec, rows: DataFrame) -> DataFrame:
    """Rows with ``weight``: how many of the full book each stands for, 1 where the source is not a sample."""
    if "order_id" not in spec.keys or not lake.exists("sampling"):
        return rows.withColumn("weight", F.lit(WEIGHT_OF_ONE))
    sampling = lake.read("sampling").groupBy("order_id").agg(F.max("weight").alias("sampled_weight"))
    joined = rows.join(sampling, "order_id", "left")
    return joined.withColumn("weight", F.coalesce("sampled_weight", F.lit(WEIGHT_OF_ONE))).drop("sampled_weight")
