"""A target is one file: put beside the others it is fitted, serves and scores a day. Nothing else is told of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import models.targets
from jobs import backtest, score, train
from lake.store import Lake
from lake.store import as_of as end_of
from models import frames, shared, target
from models.registry import Registry
from sources.opened import open_source
from sources.simulator import WorldParameters, write_world

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # MLflow's
SECRET = b"a key for tests that has 32 bytes"
DAYS = 75
FIRST = date(2026, 1, 5)
DAY = FIRST + timedelta(days=DAYS - 1)
TOY = '''
"""A parcel of it comes within five days. Good news, and only here to show what a target takes."""

from datetime import timedelta

from pyspark.sql import functions as F

from features import catalog, subjects
from models import horizon
from models.target import TargetSpec, never, nothing_known

FEATURES = catalog.features_of("order_problems", "promise", "parcel")


def label(lake, rows, known_before):
    scans = horizon.scans_of(lake, known_before).where(F.col("event") == "delivered")
    came = scans.groupBy("order_id").agg(F.min("event_at").alias("happened_at"))
    until = horizon.after(F.col("as_of"), timedelta(days=5))
    return horizon.within(rows.select("order_id", "as_of"), came, until, wait=timedelta(hours=12))


def longest_wait(frame):
    return frame["approval_age_hours"]


SPEC = TargetSpec(
    name="quick_delivery", event="a parcel of it comes within five days", recipient="buyer", horizon="5 days",
    snapshots=subjects.ORDER_SNAPSHOTS, subject_table="orders", needs=("shipment_events",), keys=("order_id",),
    subjects_at=subjects.open_orders, subjects_between=subjects.order_snapshots, label=label,
    built_as="order_problems", features=tuple(feature.name for feature in FEATURES), rule=longest_wait,
    rule_says="longest wait first", abstain=nothing_known, known=never, template="quick_delivery", benefit=1.0,
    cost=0.5, threshold=0.5, warm_up=timedelta(days=5),
)
'''


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A small world in a lake: ten weeks, everything the simulator tells."""
    home = tmp_path_factory.mktemp("ninth")
    write_world(home / "world", WorldParameters(orders=2_000, first_day=FIRST, days=DAYS, seed=5), reactions=None)
    found = Lake(home / "lake", spark)
    backtest.fill(found, open_source("simulator", home / "world", SECRET), home)
    return found


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The toy target's file, in a folder that counts as part of ``models/targets``."""
    folder = tmp_path / "targets"
    folder.mkdir()
    (folder / "quick_delivery.py").write_text(TOY)
    monkeypatch.setattr(models.targets, "__path__", [*models.targets.__path__, str(folder)])
    yield "quick_delivery"
    sys.modules.pop("models.targets.quick_delivery", None)


@pytest.mark.slow
def test_a_target_is_one_file_from_its_spec_to_a_scored_row(lake: Lake, toy: str, tmp_path: Path) -> None:
    spec = target.spec(toy)
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlruns")
    trained = train.run(lake, spec, DAY, registry, None, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert trained.counts.get("promoted"), trained.message
    served = registry.champion(toy)
    assert served is not None
    scored = score.run(lake, spec, DAY, served, docs=tmp_path / "docs")
    assert scored.status == "done", scored.message
    rows = lake.day(f"scores_{toy}", DAY).toArrow().to_pylist()
    assert len(rows) == scored.counts["scored"] > 10
    assert {row["target"] for row in rows} == {toy}
    assert all(0 <= row["probability"] <= 1 for row in rows)
    told = lake.day(f"candidates_{toy}", DAY).toArrow().to_pylist()
    assert told
    records = [json.loads(row["evidence"]) for row in told]
    assert {record["kind"] for record in records} == {toy}
    assert any(record["reasons"] for record in records)


@pytest.mark.slow
def test_targets_about_the_same_orders_share_one_build(lake: Lake) -> None:
    first, second = target.spec("lost_parcel"), target.spec("bad_review")
    together = {spec.name for spec in shared.sharing(target.spec("late_delivery"))}
    assert {first.name, second.name, "late_delivery"} <= together
    assert "stock_out" not in together
    rows, made_from = shared.features_of_day(lake, first, DAY)
    built = lake.version("built_order_problems_watched_orders")
    others, _ = shared.features_of_day(lake, second, DAY)
    assert lake.version("built_order_problems_watched_orders") == built
    assert {name for name, version in made_from.items() if version == lake.version(name)} == set(made_from)
    alone = frames.features_of(lake, first, frames.of_snapshots(first, first.subjects_at(lake, end_of(DAY))))
    wanted = frames.to_pandas(alone.select(*frames.SUBJECT_COLUMNS, *first.features))
    assert frames.to_pandas(rows).equals(wanted)
    assert set(frames.to_pandas(others)["snapshot"]) == {"delivery"}


def test_a_source_without_its_tables_skips_a_target_and_says_why(tmp_path: Path, spark: SparkSession) -> None:
    empty = Lake(tmp_path / "lake", spark)
    spec = target.spec("bad_review")
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlruns")
    report = train.run(empty, spec, DAY, registry, None, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert report.status == "idle"
    assert "the source has no orders and no reviews" in report.message
