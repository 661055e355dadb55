"""The state DB: migrations equal the tables, times are aware, a writer locks from its start."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, select, text

from bench.sending.world import plan
from notices.state import StateError, control, metadata, open_state, record_run, runs, writing
from notices.state.migrations import apply

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_migrations_end_in_exactly_the_tables_that_the_code_uses(state: Engine) -> None:
    with state.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": False})
        differences = compare_metadata(context, metadata)
    assert differences == []
    assert set(inspect(state).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_a_mail_keeps_its_bytes_through_the_migrations_there_and_back(state: Engine) -> None:
    plan(state, 3)
    query = text("SELECT delivery_id, sealed_mime FROM mails ORDER BY delivery_id")
    with writing(state) as db:
        before = {row[0]: bytes(row[1]) for row in db.execute(query)}
        _migrate(db, command.downgrade, "0002")
        old = db.execute(text("SELECT delivery_id, sealed_mime FROM deliveries ORDER BY delivery_id"))
        assert {row[0]: bytes(row[1]) for row in old} == before
        assert not inspect(db).has_table("mails")
        _migrate(db, command.upgrade, "head")
        assert {row[0]: bytes(row[1]) for row in db.execute(query)} == before
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": False})
        assert compare_metadata(context, metadata) == []
    assert len(before) == 3


def _migrate(db: Connection, direction: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(apply.__file__).parent))
    config.attributes["connection"] = db
    direction(config, revision)


def test_opening_twice_and_at_once_migrates_once(state_url: str) -> None:
    engines: list[Engine] = []
    threads = [threading.Thread(target=lambda: engines.append(open_state(state_url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engines) == 3
    for engine in engines:
        engine.dispose()


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses the switch to its write-ahead log at once while another has begun to write, and does not wait."""
    file = tmp_path / "state.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE half_made (x)")
    other.execute("BEGIN IMMEDIATE")
    with closing(sqlite3.connect(file, timeout=30)) as third, pytest.raises(sqlite3.OperationalError, match="locked"):
        third.execute("PRAGMA journal_mode=WAL")
    done = threading.Timer(0.2, lambda: other.execute("COMMIT"))
    done.start()
    engine = open_state(f"sqlite:///{file}")
    with engine.connect() as db:
        assert db.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    done.join()
    engine.dispose()
    other.close()


def test_a_db_of_a_newer_version_is_refused_and_left_alone(state: Engine) -> None:
    with writing(state) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match=r"revision 9999.*Nothing was changed"):
        open_state(str(state.url.render_as_string(hide_password=False)))


def test_a_naive_time_is_refused_and_an_aware_one_comes_back_in_utc(state: Engine) -> None:
    insert = control.insert()
    with pytest.raises(Exception, match="no time zone"), writing(state) as db:
        db.execute(insert, {"name": "a", "value": "1", "changed_by": "t", "changed_at": datetime(2026, 1, 1)})  # noqa: DTZ001
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    with writing(state) as db:
        db.execute(insert, {"name": "a", "value": "1", "changed_by": "t", "changed_at": tokyo})
    with state.connect() as db:
        kept = db.execute(select(control.c.changed_at)).scalar_one()
    assert kept == NOON
    assert kept.tzinfo is UTC


def test_a_failed_block_leaves_nothing_behind(state: Engine) -> None:
    row = {"name": "a", "value": "1", "changed_by": "t", "changed_at": NOON}

    def fail_half_way() -> None:
        with writing(state) as db:
            db.execute(control.insert(), row)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with state.connect() as db:
        assert db.execute(select(control)).all() == []


def test_a_writer_on_sqlite_holds_the_lock_from_its_start(tmp_path) -> None:
    engine = open_state(f"sqlite:///{tmp_path / 's.db'}")
    other = sqlite3.connect(tmp_path / "s.db", timeout=0.05, isolation_level=None)
    with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()
    engine.dispose()


def test_a_run_is_one_row_from_running_to_done(state: Engine) -> None:
    run = {"run_id": "r1", "day": date(2026, 3, 1), "step": "decide", "target": None, "started_at": NOON}
    record_run(state, **run, status="running", counts={}, ended_at=None)
    record_run(state, **run, status="done", counts={"send": 3}, ended_at=NOON)
    with state.connect() as db:
        row = db.execute(select(runs)).one()
    assert (row.status, row.counts, row.ended_at) == ("done", {"send": 3}, NOON)
    with pytest.raises(StateError, match="status is one of"):
        record_run(state, **run, status="finished", counts={}, ended_at=None)


def test_a_db_that_cannot_be_opened_says_where_and_what(tmp_path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StateError, match=r"folder\.db cannot be opened"):
        open_state(f"sqlite:///{tmp_path / 'folder.db'}")
