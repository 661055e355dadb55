"""Evidence once more: the features from the tables as they were, the record from the features and the model of then."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.errors import PySparkException

from jobs import closings, decide, evidence, score
from lake.store import Lake, LakeError, as_of
from models import frames, target
from models.model import ModelRefused
from models.registry import Registry, RegistryError, Served
from models.target import TargetSpec
from notices.decide.policy import Kind
from notices.plan.open_cases import OpenCase

Subject = tuple[str, str]
CLOSE = 1e-9  # sums of doubles in another order differ in the last digits


@dataclass(frozen=True, slots=True)
class Origin:
    """A scoring run: ``versions`` of every table that it read and wrote, ``model``, its digest and ``code``."""

    run_id: str
    versions: Mapping[str, Any]

    @property
    def tables(self) -> dict[str, int]:
        return {name: version for name, version in self.versions.items() if isinstance(version, int)}

    def words(self) -> str:
        """The versions in one line."""
        tables = ", ".join(f"{name} {version}" for name, version in sorted(self.tables.items()))
        digest = str(self.versions.get("model_digest", ""))[:12]
        code = self.versions.get("code")
        return f"tables {tables}; model {self.versions.get('model')} ({digest}); code of evidence {code}"

    def suspects(self) -> list[str]:
        """What made the evidence and is not here: the code of then."""
        here = evidence.code_version()
        if self.versions.get("code") == here:
            return []
        then = self.versions.get("code")
        return [f"missing: the code that makes evidence, {then}; here is {here}. Run replay from the release of then"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Evidence by (subject_id, sku_id), and what kept it from being rebuilt, if so. words: what it was made from."""

    evidence: Mapping[Subject, Mapping[str, Any]]
    trouble: str = ""
    words: str = ""
    suspects: Sequence[str] = ()
    differing: Mapping[Subject, str] = field(default_factory=dict)


def rebuild(
    lake: Lake, registry: Registry, kind: str, day: date, origin: Origin, subjects: Sequence[Subject]
) -> Rebuilt:
    """The evidence of these subjects as the scoring run made it. Never raises for what is missing: it says so."""
    spec = target.spec(kind)
    then = Lake(lake.root, lake.spark, pinned=origin.tables)
    faults = [fault for name, version in origin.tables.items() if (fault := _fault(then, name, version))]
    if faults:
        said = "; ".join(faults)
        return Rebuilt({}, f"missing: {said}. Restore the lake from a backup of that time", origin.words())
    try:
        served = registry.past(kind, str(origin.versions.get("model")), str(origin.versions.get("model_digest")))
    except (RegistryError, ModelRefused) as error:
        return Rebuilt({}, f"missing: model {origin.versions.get('model')} of {kind}: {error}", origin.words())
    try:
        differing = _features(then, spec, day, subjects)
        found = _records(then, spec, day, served, subjects)
    except (PySparkException, LakeError) as error:
        return Rebuilt({}, f"missing: the tables of then cannot be read: {error}", origin.words(), origin.suspects())
    return Rebuilt(found, "", origin.words(), origin.suspects(), differing)


def rebuild_closing(lake: Lake, case: OpenCase, kind: Kind, day: date, tables: Mapping[str, int]) -> Rebuilt:
    """The evidence of an all-clear or a correction, which come from no model: the case's ending, at these versions."""
    words = "tables " + ", ".join(f"{name} {version}" for name, version in sorted(tables.items()))
    then = Lake(lake.root, lake.spark, pinned=tables)
    faults = [fault for name, version in tables.items() if (fault := _fault(then, name, version))]
    if faults:
        return Rebuilt({}, f"missing: {'; '.join(faults)}. Restore the lake from a backup of that time", words)
    try:
        found = closings.of_cases(then, [case], {kind.name: kind}, day)
    except (PySparkException, LakeError) as error:
        return Rebuilt({}, f"missing: the tables of then cannot be read: {error}", words)
    return Rebuilt({(one.subject_id, ""): json.loads(json.dumps(one.evidence)) for one in found}, "", words)


def _fault(lake: Lake, name: str, version: int) -> str:
    """What keeps a version from being read as it was written: its log or a file is gone, or a file has another size."""
    try:
        files = pa.table(DeltaTable(lake.path(name), version=version).get_add_actions()).to_pydict()
    except (DeltaError, OSError):
        return f"{name} version {version}"
    for path, size in zip(files["path"], files["size_bytes"], strict=True):
        file = Path(lake.path(name)) / unquote(path)
        if not file.exists():
            return f"{name} version {version}: its file {path} is gone"
        if file.stat().st_size != size:
            return f"{name} version {version}: its file {path} was altered after it was written"
    return ""


def _records(
    lake: Lake, spec: TargetSpec, day: date, served: Served, subjects: Sequence[Subject]
) -> dict[Subject, dict[str, Any]]:
    scored = score.score(lake, spec, day, served)
    asked = set(subjects)
    wanted = [
        (row["subject_id"], row["sku_id"] or "") in asked for row in scored.select(["subject_id", "sku_id"]).to_pylist()
    ]
    chosen = scored.filter(pa.array(wanted, pa.bool_()))
    rows = score.told(lake, spec, as_of(day), served, chosen).to_pylist()
    found = [decide.candidate(spec.name, row) for row in rows]
    return {(one.subject_id, one.sku_id): json.loads(json.dumps(one.evidence)) for one in found}


def _features(lake: Lake, spec: TargetSpec, day: date, subjects: Sequence[Subject]) -> dict[Subject, str]:
    """The first feature of each subject that the tables no longer give as it was recorded; none where all agree.

    Features that were added or dropped since are left out: the model of then takes its own by name.
    """
    moment = as_of(day)
    recorded = lake.day(f"features_{spec.name}", day).drop("day")
    built = frames.features_of(lake, spec, spec.subjects_at(lake, moment))
    names = [name for name in spec.features if name in recorded.columns and name in built.columns]
    now, then = (
        _by_subject(rows.select(*frames.SUBJECT_COLUMNS, *names).toArrow().to_pandas(), subjects)
        for rows in (built, recorded)
    )
    found: dict[Subject, str] = {}
    for subject in subjects:
        if subject not in now.index or subject not in then.index:
            found[subject] = f"{spec.name} has no features of it in " + (
                "the tables" if subject in then.index else "the lake"
            )
            continue
        difference = _first(then.loc[[subject]].iloc[0], now.loc[[subject]].iloc[0], names)
        if difference:
            found[subject] = difference
    return found


def _by_subject(frame: pd.DataFrame, subjects: Sequence[Subject]) -> pd.DataFrame:
    frame["sku_id"] = frame["sku_id"].fillna("")
    indexed = frame.set_index(["subject_id", "sku_id"])
    return indexed[indexed.index.isin(list(subjects))]


def _first(then: pd.Series, now: pd.Series, features: Sequence[str]) -> str:
    for name in features:
        old, new = then[name], now[name]
        if pd.isna(old) and pd.isna(new):
            continue
        if pd.isna(old) != pd.isna(new) or abs(float(old) - float(new)) > CLOSE * max(1.0, abs(float(old))):
            return f"feature {name}: recorded {old}, the tables give {new}"
    return ""
