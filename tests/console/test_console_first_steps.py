"""Before the first run, and when something is missing, a page teaches instead of failing."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from console_day import DAY, many

from notices import state

LISTS = ("/", "/alerts", "/notices")


@pytest.mark.parametrize("path", [*LISTS, "/mailbox", "/cases/x"])
def test_without_a_state_db_a_page_says_where_it_should_be_and_how_to_make_it(tmp_path, client_of, path):
    answer = client_of(tmp_path).get(path)
    assert answer.status_code == 503
    assert f"There is no state DB at {tmp_path / 'state.db'} yet." in answer.text
    assert "make demo" in answer.text
    assert not (tmp_path / "state.db").exists()


@pytest.mark.parametrize("path", LISTS)
def test_before_the_first_run_a_page_says_how_to_begin(tmp_path, client_of, path):
    state.open_state(f"sqlite:///{tmp_path / 'state.db'}").dispose()
    answer = client_of(tmp_path).get(path)
    assert answer.status_code == 200
    assert "No run yet" in answer.text
    assert "make day DAY=" in answer.text


def test_an_empty_mailbox_says_where_mails_go(tmp_path, client_of):
    state.open_state(f"sqlite:///{tmp_path / 'state.db'}").dispose()
    text = client_of(tmp_path).get("/mailbox").text
    assert "No mail yet" in text
    assert str(tmp_path / "mailbox") in text
    assert "BEFOREHAND_SMTP_URL" in text


def test_a_state_db_without_its_tables_is_told_plainly(tmp_path, client_of):
    sqlite3.connect(tmp_path / "state.db").close()
    (tmp_path / "state.db").write_bytes(b"")
    answer = client_of(tmp_path).get("/")
    assert answer.status_code == 503
    assert "no such table: runs" in answer.text
    assert "Nothing was changed" in answer.text


def test_a_file_that_is_no_database_is_told_plainly(tmp_path, client_of):
    (tmp_path / "state.db").write_text("this is a letter, not a database" * 50)
    answer = client_of(tmp_path).get("/")
    assert answer.status_code == 503
    assert "file is not a database" in answer.text


MISSING = ("/nowhere", "/cases/x", "/decisions/x", "/runs/x", "/mailbox/x", "/mailbox/x/body", "/data-docs/x")


@pytest.mark.parametrize("path", MISSING)
def test_what_does_not_exist_leads_back_to_the_lists(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert 'href="/alerts"' in answer.text


@pytest.mark.parametrize("path", ["/?day=yesterday", "/alerts?page=0", "/alerts?page=x", "/mailbox?page=-1"])
def test_an_address_that_makes_no_sense_says_what_would(client, path):
    answer = client.get(path)
    assert answer.status_code == 400
    assert "A day is written 2026-03-01" in answer.text


def test_a_day_with_decisions_but_no_steps_can_still_be_read(tmp_path, client_of):
    many(f"sqlite:///{tmp_path / 'state.db'}", 60)
    client = client_of(tmp_path)
    assert "Nothing ran for this day" in client.get("/").text
    assert f"day={DAY}" in client.get("/alerts").text


def test_a_step_that_still_runs_has_no_end(tmp_path, client_of):
    engine = state.open_state(f"sqlite:///{tmp_path / 'state.db'}")
    at = datetime(2026, 3, 2, 6, tzinfo=UTC)
    row = {"run_id": "r", "day": DAY, "step": "ingest", "target": None, "status": "running", "counts": {}}
    state.record_run(engine, **row, started_at=at, ended_at=None)
    engine.dispose()
    text = client_of(tmp_path).get("/").text
    assert "Running" in text
    assert "Ingest has not run for this day" in text
