"""Notices of a real day are rebuilt from the lake as it was then; a changed table or model is named."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from demo_run import DEMO_DAY, Demo, environment, run_step
from sqlalchemy import Connection, Engine

from jobs.context import Context, open_lake
from jobs.replay import NoticeUnknown, chosen, origin_of, replay
from jobs.replay_evidence import Origin
from jobs.replay_message import Verdict
from notices import state
from settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),  # MLflow's
]
DAY = date.fromisoformat(DEMO_DAY)


@pytest.fixture(scope="module")
def home(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's home that may be damaged."""
    copy = tmp_path_factory.mktemp("replay") / "home"
    kept = shutil.ignore_patterns("airflow", "landing", "data_docs", "mailbox", "staging")
    shutil.copytree(demo.home, copy, ignore=kept)
    return copy


@pytest.fixture(scope="module")
def context(home: Path) -> Iterator[Context]:
    settings = Settings.from_environment(environment(home))
    context = Context(settings, DAY, datetime.now(UTC))
    with open_lake(settings):
        yield context


def verdicts(context: Context, kind: str = "late_delivery", settings: Settings | None = None) -> list[Verdict]:
    if settings is not None:
        context = dataclasses.replace(context, settings=settings)
    engine = state.open_state(context.settings.state_url)
    with engine.connect() as db:
        found = [row for row in chosen(db, None, DAY) if row["kind"] == kind]
        assert found, kind
        ended = list(replay(db, context, found))
    engine.dispose()
    return ended


def test_all_notices_of_a_day_are_the_same_again(demo: Demo) -> None:
    ended = run_step(demo.home, "replay", "--day", DEMO_DAY)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    same, _, rest = ended.stdout.partition(" of ")
    assert rest.startswith(f"{same} notices are the same, ")
    assert int(same.replace(",", "")) > 1


def test_one_notice_is_found_by_how_its_id_begins(context: Context) -> None:
    engine = state.open_state(context.settings.state_url)
    with engine.connect() as db:
        one = chosen(db, None, DAY)[0]
        assert chosen(db, one["notice_id"][:12], None) == [one]
        refused(db, "zz", "there is no notice whose id begins with 'zz'")
        refused(db, "", "say which")
        refused(db, "%", "there is no notice")
    engine.dispose()


def refused(db: Connection, notice: str, why: str) -> None:
    with pytest.raises(NoticeUnknown, match=why):
        chosen(db, notice, None)


def test_a_later_version_does_not_disturb_and_is_named_where_it_is_taken_for_the_recorded_one(context: Context) -> None:
    with open_lake(context.settings) as lake:
        rows = lake.read("orders").toArrow()
        place, a_day = rows.column_names.index("promised_at"), pa.scalar(86_400_000_000, pa.duration("us"))
        promised = pc.add(rows["promised_at"].combine_chunks(), a_day)
        days = sorted(set(rows["day"].to_pylist()))
        later = lake.frame(rows.set_column(place, "promised_at", promised))
        version = lake.replace_days("orders", later, days[0], days[-1])
    assert all(verdict.same for verdict in verdicts(context))
    engine = state.open_state(context.settings.state_url)
    recorded = scoring(engine)
    wrong = {**recorded.versions, "orders": version}
    with state.writing(engine) as db:
        db.execute(state.runs.update().where(state.runs.c.run_id == recorded.run_id).values(versions=wrong))
    try:
        for verdict in verdicts(context):
            assert "evidence: feature " in verdict.words()
            assert "evidence.promised_at: recorded" in verdict.words()
            assert "message line " in verdict.words()
    finally:
        with state.writing(engine) as db:
            kept = state.runs.update().where(state.runs.c.run_id == recorded.run_id)
            db.execute(kept.values(versions=recorded.versions))
        engine.dispose()


def scoring(engine: Engine) -> Origin:
    """The run whose candidates the day's late-delivery notices came from."""
    with engine.connect() as db:
        notice = next(row for row in chosen(db, None, DAY) if row["kind"] == "late_delivery")
        found = origin_of(db, notice)
    assert found is not None
    return found


def test_a_file_changed_in_place_is_named(context: Context) -> None:
    path = data_files(context, "orders")[0]
    raw = path.read_bytes()
    pq.write_table(pq.read_table(path).slice(1), path)
    try:
        for verdict in verdicts(context):
            assert "missing: orders version" in verdict.words()
            assert "was altered after it was written" in verdict.words()
    finally:
        path.write_bytes(raw)


def data_files(context: Context, table: str) -> list[Path]:
    """The files of the version that the day's scoring read."""
    engine = state.open_state(context.settings.state_url)
    version = scoring(engine).versions[table]
    engine.dispose()
    uris = DeltaTable(str(context.settings.lake / table), version=version).file_uris()
    return [Path(uri.removeprefix("file://")) for uri in uris]


def test_a_version_that_is_gone_is_named(context: Context) -> None:
    path = data_files(context, "shipments")[0]
    raw = path.read_bytes()
    path.unlink()
    try:
        for verdict in verdicts(context):
            assert "missing: shipments version" in verdict.words()
    finally:
        path.write_bytes(raw)


def test_another_model_is_not_taken_for_the_one_of_then(context: Context, tmp_path: Path) -> None:
    """The registry's own files are elsewhere by now: nothing else is put in their place."""
    other = dataclasses.replace(context.settings, mlflow_url=f"sqlite:///{tmp_path / 'mlflow.db'}")
    for verdict in verdicts(context, "stock_out", other):
        assert "missing: model" in verdict.words()
        assert "registry has no version" in verdict.words()
