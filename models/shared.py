"""Frames that several targets need, built once: targets about the same subjects, made of the same set of features.

Eight targets about open orders would each build the same 250 columns. The first one builds what all of them read, the
others take their rows and columns from it: a day from a table of the lake, what is learned from from a file beside it.
Both say which versions of which tables they were made from, and are made again as soon as one of them is another.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fasteners import InterProcessLock
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import catalog
from features.known import WORK
from lake import evolve
from lake.store import Lake, LakeError, as_of
from lake.tables import CONTRACT
from models import frames, target
from models.frames import Learnable
from models.target import TargetSpec

MADE_FROM = "made_from"


def sharing(spec: TargetSpec) -> tuple[TargetSpec, ...]:
    """The targets whose frames are one: the same subjects at the same moments, the same set of features."""
    every = {**target.all_targets(), spec.name: spec}
    return tuple(
        other
        for _, other in sorted(every.items())
        if (other.subjects_at, other.subjects_between, other.built_as)
        == (spec.subjects_at, spec.subjects_between, spec.built_as)
    )


def features_of_day(lake: Lake, spec: TargetSpec, day: date) -> tuple[DataFrame, dict[str, int]]:
    """SUBJECT_COLUMNS and features of ``spec`` for its subjects of ``day``, and the versions they were made from.

    Where others share them: written to a table ``built_<set>_<subjects>`` by whoever comes first, replacing its day; a
    second process waits for the first.
    """
    made_from = _made_from(lake, spec)
    if len(sharing(spec)) == 1:
        subjects = frames.of_snapshots(spec, spec.subjects_at(lake, as_of(day)))
        rows = frames.features_of(lake, spec, subjects)
        return rows.select(*frames.SUBJECT_COLUMNS, *spec.features), made_from["tables"]
    name = f"built_{spec.built_as}_{spec.subjects_at.__name__}"
    with _lock(lake, name):
        if not _is_built(lake, name, day, made_from):
            _build_day(lake, spec, name, day, made_from)
    rows = frames.of_snapshots(spec, lake.day(name, day))
    return rows.select(*frames.SUBJECT_COLUMNS, *spec.features), made_from["tables"]


def learnable(
    lake: Lake, spec: TargetSpec, first: datetime, before: datetime, *, whole_from: datetime, seed: int, most: int
) -> Learnable:
    """``frames.learnable`` of ``spec``, cut from one frame for all targets that share its subjects and features.

    ``most`` counts the rows of the shared frame. It is kept as files under the lake's ``_work`` folder for a day.
    """
    bounds = [first.isoformat(), before.isoformat(), whole_from.isoformat(), seed, most]
    made_from = {**_made_from(lake, spec), "bounds": bounds}
    digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:32]
    folder = Path(lake.root) / WORK / f"learn-{digest}"
    with _lock(lake, f"learn_{spec.built_as}"):
        if not folder.is_dir():
            whole_set = together(spec)
            _keep(frames.learnable(lake, whole_set, first, before, whole_from=whole_from, seed=seed, most=most), folder)
    about_it = [("snapshot", "in", list(spec.snapshots))]
    subjects = pq.read_table(folder / "subjects.parquet", filters=about_it)
    columns = [*frames.SUBJECT_COLUMNS, *spec.features]
    rows: pd.DataFrame = pq.read_table(folder / "rows.parquet", columns=columns, filters=about_it).to_pandas()
    return Learnable(lake, spec, lake.frame(subjects), rows)


def together(spec: TargetSpec) -> TargetSpec:
    """A spec that reads what all targets of ``sharing`` read, about all the moments that they are about."""
    shared = sharing(spec)
    wanted = {name for one in shared for name in one.features}
    features = [feature.name for feature in catalog.features_of(spec.built_as) if feature.name in wanted]
    snapshots = dict.fromkeys(name for one in shared for name in one.snapshots)
    return replace(spec, snapshots=tuple(snapshots), features=tuple(features))


def _made_from(lake: Lake, spec: TargetSpec) -> dict[str, Any]:
    whole_set = together(spec)
    return {
        "features": whole_set.features,
        "snapshots": whole_set.snapshots,
        "tables": {name: lake.version(name) for name in sorted(CONTRACT) if lake.exists(name)},
    }


def _is_built(lake: Lake, name: str, day: date, made_from: dict[str, Any]) -> bool:
    if not lake.exists(name):
        return False
    rows = lake.day(name, day).select(MADE_FROM).limit(1).toArrow()
    return bool(rows.num_rows) and bool(rows.column(0)[0].as_py() == json.dumps(made_from, sort_keys=True))


def _build_day(lake: Lake, spec: TargetSpec, name: str, day: date, made_from: dict[str, Any]) -> None:
    whole_set = together(spec)
    subjects = frames.of_snapshots(whole_set, spec.subjects_at(lake, as_of(day)))
    rows = frames.features_of(lake, whole_set, subjects).select(*frames.SUBJECT_COLUMNS, *whole_set.features)
    said = json.dumps(made_from, sort_keys=True)
    dated = rows.withColumns({"day": F.lit(day), MADE_FROM: F.lit(said)})
    try:
        lake.replace_days(name, evolve.fitted(lake, name, dated), day, day)
    except LakeError:
        # Another machine built the same day meanwhile: what it wrote is as good, if it was made from the same tables.
        if not _is_built(lake, name, day, made_from):
            raise


def _keep(whole: Learnable, folder: Path) -> None:
    """Write the frames beside their place and move them there, so that a kill leaves nothing that looks whole."""
    scratch = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
    scratch.mkdir(parents=True)
    subjects = whole.subjects.toArrow()
    pq.write_table(subjects, scratch / "subjects.parquet")
    pq.write_table(pa.Table.from_pandas(whole.rows, preserve_index=False), scratch / "rows.parquet")
    scratch.replace(folder)


def _lock(lake: Lake, name: str) -> InterProcessLock:
    folder = Path(lake.root) / WORK
    folder.mkdir(parents=True, exist_ok=True)
    return InterProcessLock(folder / f"{name}.lock")
