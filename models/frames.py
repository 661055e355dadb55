"""Frames to learn from and to judge by: subjects, their features as of their moment, their outcome and weight.

Spark builds them; from here on they are pandas frames with columns by name: subject_id, sku_id (empty where
there is none), as_of, snapshot, horizon_days, the features as float64 with NaN for null.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
from deltalake import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features import catalog
from lake.store import Lake
from lake.tables import PARTITION
from models import labels
from models.target import TargetSpec

SUBJECT_COLUMNS = ("subject_id", "sku_id", "as_of", "snapshot", "horizon_days")
OUTCOME_COLUMNS = ("label", "matured_at", "deadline_at", "ended_at", "over_known_at", "grade", "surrogate", "weight")
KEY_COLUMNS = ("subject_id", "sku_id", "as_of")
BUCKETS = 1_000_000  # that keys are spread over where a share of them is taken
MOST_ROWS = 400_000  # to learn from; more were no better on FreshRetailNet and cost minutes


@dataclass(frozen=True, slots=True)
class Learnable:
    """Feature rows to learn from, and where their outcomes are asked for."""

    lake: Lake
    spec: TargetSpec
    subjects: DataFrame
    rows: pd.DataFrame

    def known_at(self, moment: datetime) -> pd.DataFrame:
        """Rows with as_of before ``moment`` whose label was mature by then, with OUTCOME_COLUMNS."""
        return self._joined(labels.mature(self.lake, self.spec, self._before(moment), moment))

    def outcomes(self, known_before: datetime) -> pd.DataFrame:
        """All rows with OUTCOME_COLUMNS as known by ``known_before``; label NaN where it does not count or is not
        mature.
        """
        return self._joined(labels.outcomes(self.lake, self.spec, self.subjects, known_before))

    def _before(self, moment: datetime) -> DataFrame:
        return self.subjects.where(F.col("as_of") < F.lit(moment))

    def _joined(self, outcomes: DataFrame) -> pd.DataFrame:
        named = outcomes.withColumns(_subject(self.spec)).select(*KEY_COLUMNS, *OUTCOME_COLUMNS)
        return self.rows.merge(to_pandas(named), on=list(KEY_COLUMNS), how="inner")


def learnable(
    lake: Lake,
    spec: TargetSpec,
    first: datetime,
    before: datetime,
    *,
    whole_from: datetime,
    seed: int,
    most: int = MOST_ROWS,
) -> Learnable:
    """Feature rows with first <= as_of < before: at most about ``most`` of those before ``whole_from``, all of the
    later ones.
    """
    subjects = of_snapshots(spec, spec.subjects_between(lake, first, before))
    early = subjects.where(F.col("as_of") < F.lit(whole_from))
    taken = sampled(early, spec, min(1.0, most / max(early.count(), 1)), seed)
    if before > whole_from:
        taken = taken.unionByName(subjects.where(F.col("as_of") >= F.lit(whole_from)))
    # Kept in memory: every feature group starts from the subjects, and working them out anew for each took minutes.
    taken = lake.frame(taken.toArrow())
    features = features_of(lake, spec, taken).select(*SUBJECT_COLUMNS, *spec.features)
    return Learnable(lake, spec, taken, to_pandas(features))


def first_known(lake: Lake, spec: TargetSpec) -> datetime | None:
    """First moment of the first day in the table that the target's subjects come from; None where it is not there."""
    if not lake.exists(spec.subject_table):
        return None
    days = [row[PARTITION] for row in DeltaTable(lake.path(spec.subject_table)).partitions()]
    return datetime.fromisoformat(str(min(days, key=str))).replace(tzinfo=UTC) if days else None


def of_snapshots(spec: TargetSpec, subjects: DataFrame) -> DataFrame:
    """The subject rows that a target is about, out of a population that it shares with others."""
    return subjects.where(F.col("snapshot").isin(*spec.snapshots))


def features_of(lake: Lake, spec: TargetSpec, subjects: DataFrame) -> DataFrame:
    """One row per subject row: SUBJECT_COLUMNS, the spec's keys and every feature of its target, as Spark computes
    them.
    """
    built = catalog.build(spec.built_as, lake, subjects, spec.features)
    days = F.col("horizon_days").cast("int") if "horizon_days" in built.columns else F.lit(None).cast("int")
    return built.withColumns({**_subject(spec), "horizon_days": days})


def to_pandas(frame: DataFrame) -> pd.DataFrame:
    """A Spark frame in memory, rows sorted by as_of, subject_id, sku_id, so that nothing depends on partitions."""
    rows: pd.DataFrame = frame.toArrow().to_pandas()
    rows["sku_id"] = rows["sku_id"].fillna("")
    for name in {"as_of", "matured_at", "deadline_at", "ended_at", "over_known_at"} & set(rows.columns):
        rows[name] = pd.to_datetime(rows[name], utc=True)
    return rows.sort_values(["as_of", "subject_id", "sku_id"], kind="stable").reset_index(drop=True)


def sampled(subjects: DataFrame, spec: TargetSpec, share: float, seed: int) -> DataFrame:
    """A share of the subject rows, chosen by a hash of their key: the same rows on any engine and partitioning."""
    return share_of(subjects, share, F.lit(str(seed)), *spec.keys, F.unix_micros("as_of").cast("string"))


def share_of(rows: DataFrame, share: float, *key: str | Column) -> DataFrame:
    """The rows of a share of all keys, chosen by a hash of the key's parts: the same on any engine and partitioning."""
    if share >= 1:
        return rows
    hashed = F.conv(F.substring(F.md5(F.concat_ws("|", *key)), 1, 15), 16, 10).cast("bigint")
    return rows.where(F.pmod(hashed, F.lit(BUCKETS)) < F.lit(int(share * BUCKETS)))


def _subject(spec: TargetSpec) -> dict[str, Column]:
    sku = F.col(spec.keys[1]) if len(spec.keys) > 1 else F.lit(None).cast("string")
    return {"subject_id": F.col(spec.keys[0]), "sku_id": sku}
