"""A simulated world in a lake, and one frame of everything that is asked about its orders.

A share of the orders is asked about, chosen by a hash of their number; the tables hold all of them, so that what is
known of a hub or a carrier is what a platform of that size would know.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features import watched
from jobs import backtest
from lake.store import Lake
from models import frames, origins, shared, target
from models.frames import Learnable
from models.target import TargetSpec
from sources.opened import open_source
from sources.simulator import WorldParameters, write_world

SECRET = b"a key for the bench, 32 bytes.."
WARM_UP = timedelta(days=20)
STAGES, MIDNIGHTS, TRUTHS = "stages", "midnights", "truths"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is asked about: share of orders at their stages, at the truth's moments, and at every midnight."""

    stages: float
    truths: float
    midnights: float


@dataclass(frozen=True)
class Asked:
    """The world's lake and truth, and what was asked. rows: every subject row with features and ``asked_as``."""

    lake: Lake
    parameters: WorldParameters
    truth: pd.DataFrame
    subjects: DataFrame
    rows: pd.DataFrame
    known_until: datetime
    starts: list[datetime]

    def learnable(self, spec: TargetSpec) -> Learnable:
        """The rows of a target as they stand in the lake, for its labels."""
        rows = self.rows[self.rows["snapshot"].isin(spec.snapshots)]
        return Learnable(self.lake, spec, frames.of_snapshots(spec, self.subjects), rows)


def lake_of(parameters: WorldParameters, folder: Path, spark: SparkSession) -> tuple[Lake, datetime]:
    """The world written to ``folder``/world and brought into ``folder``/lake, if they are not there yet."""
    world, lake = folder / "world", Lake(folder / "lake", spark)
    if not world.is_dir():
        write_world(world, parameters, reactions=None)
    if not lake.exists("orders"):
        backtest.fill(lake, open_source("simulator", world, SECRET), folder)
    return lake, midnight(parameters, parameters.days)


def midnight(parameters: WorldParameters, days: int) -> datetime:
    """The UTC midnight so many days after the world's first."""
    return datetime.combine(parameters.first_day + timedelta(days=days), datetime.min.time(), tzinfo=UTC)


def ask(
    lake: Lake, folder: Path, parameters: WorldParameters, sizes: Sizes, test_from: datetime, test_before: datetime
) -> Asked:
    """Build the frame: stages to learn from, the truth's own moments and every midnight of the test period.

    Kept in ``folder`` by what was asked, so that another target need not build it again.
    """
    together = shared.together(target.spec("late_delivery"))
    said = repr((sizes, test_from, test_before, together.features)).encode()
    kept = folder / f"asked-{hashlib.sha256(said).hexdigest()[:16]}"
    if not kept.is_dir():
        _build(lake, folder, kept, parameters, sizes, test_from, test_before)
    subjects = lake.frame(pq.read_table(kept / "subjects.parquet"))
    rows = pd.read_parquet(kept / "rows.parquet")
    starts = origins.starts(test_from, test_before)
    return Asked(
        lake, parameters, truths(folder / "world"), subjects, rows, midnight(parameters, parameters.days), starts
    )


def _build(
    lake: Lake,
    folder: Path,
    kept: Path,
    parameters: WorldParameters,
    sizes: Sizes,
    test_from: datetime,
    test_before: datetime,
) -> None:
    truth = truths(folder / "world")
    first = midnight(parameters, 0) + WARM_UP
    stages = _some(watched.watched_snapshots(lake, first, test_before), sizes.stages)
    every_midnight = watched.watched_snapshots(lake, test_from, test_before, every_day=True)
    inside = (truth["as_of"] >= test_from) & (truth["as_of"] < test_before)
    moments = lake.spark.createDataFrame(truth.loc[inside, ["order_id", "as_of", "snapshot"]])
    known = every_midnight.select("order_id", "as_of", (F.col("snapshot") == watched.DELIVERY).alias("has_come"))
    met = _some(moments, sizes.truths).join(known, ["order_id", "as_of"])
    asked_truths = met.where((F.col("snapshot") == watched.DELIVERY) == F.col("has_come")).drop("has_come")
    parts = [
        part.select("order_id", "as_of", "snapshot", F.lit(name).alias("asked_as"))
        for name, part in (
            (TRUTHS, asked_truths), (STAGES, stages), (MIDNIGHTS, _some(every_midnight, sizes.midnights)),
        )
    ]  # fmt: skip
    subjects, kinds = _once(parts)
    together = shared.together(target.spec("late_delivery"))
    table = subjects.toArrow()
    built = frames.features_of(lake, together, lake.frame(table)).select(*frames.SUBJECT_COLUMNS, *together.features)
    rows = _knowable(frames.to_pandas(built).merge(kinds, on=["subject_id", "as_of"], how="left"))
    scratch = kept.with_suffix(".part")
    scratch.mkdir(exist_ok=True)
    pq.write_table(table, scratch / "subjects.parquet")
    rows.to_parquet(scratch / "rows.parquet")
    scratch.replace(kept)


def _knowable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without the truth's moments of a hand-over that the platform had not heard of: nobody would have asked
    then, and to ask at them alone is to choose orders by what is hidden.
    """
    unheard = (rows["snapshot"] == "hand_over") & (rows["is_handed_over"] == 0)
    return rows.assign(**{TRUTHS: rows[TRUTHS].where(~unheard, 0)})


def truths(world: Path) -> pd.DataFrame:
    """True probabilities by order and midnight; where two snapshots share a midnight, the later stage."""
    found: pd.DataFrame = pq.read_table(world / "truth" / "probabilities.parquet").to_pandas()
    found["as_of"] = pd.to_datetime(found["as_of"], utc=True)
    return found.drop_duplicates(["order_id", "as_of"], keep="last").reset_index(drop=True)


def _some(rows: DataFrame, share: float) -> DataFrame:
    return rows if share >= 1 else rows.where(F.crc32("order_id") % 10_000 < int(share * 10_000))


def _once(parts: list[DataFrame]) -> tuple[DataFrame, pd.DataFrame]:
    """Each (order_id, as_of) once, and as what it is asked: subject_id, as_of, and a flag per way of asking."""
    every = parts[0]
    for part in parts[1:]:
        every = every.unionByName(part)
    ways = [F.max((F.col("asked_as") == name).cast("int")).alias(name) for name in (STAGES, MIDNIGHTS, TRUTHS)]
    # The truth's own name of a moment comes first where several ask about it.
    order = F.when(F.col("asked_as") == TRUTHS, 0).when(F.col("asked_as") == STAGES, 1).otherwise(2)
    once = every.groupBy("order_id", "as_of").agg(F.min(F.struct(order, "snapshot")).alias("named"), *ways)
    kinds: pd.DataFrame = (
        once.select(F.col("order_id").alias("subject_id"), "as_of", STAGES, MIDNIGHTS, TRUTHS).toArrow().to_pandas()
    )
    kinds["as_of"] = pd.to_datetime(kinds["as_of"], utc=True)
    return once.select("order_id", "as_of", "named.snapshot"), kinds
