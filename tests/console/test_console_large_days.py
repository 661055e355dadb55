"""A day of 100,000 decisions pages like a day of thirty: by structure, not by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_day import DAY, many
from sqlalchemy import Connection, text
from sqlalchemy.dialects import sqlite

from console import queries
from console.database import StateReader
from console.queries import PAGE_ROWS, AlertFilter

COUNT = 100_000


@pytest.fixture(scope="module")
def large_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("large")
    many(f"sqlite:///{home / 'state.db'}", COUNT)
    return home


@pytest.fixture
def db(large_home: Path) -> Iterator[Connection]:
    reader = StateReader(f"sqlite:///{large_home / 'state.db'}")
    with reader.reading() as connection:
        yield connection
    reader.engine.dispose()


def plan_of(db: Connection, wanted: AlertFilter) -> str:
    sql = str(queries.alert_ids(wanted).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    return " | ".join(row[3] for row in db.execute(text(f"EXPLAIN QUERY PLAN {sql}")))


@pytest.mark.parametrize(("sort", "index"), [("value", "ix_decisions_value"), ("chance", "ix_decisions_chance")])
@pytest.mark.parametrize("page", [1, 1900])
def test_a_page_walks_an_index_and_sorts_nothing(db, sort, index, page):
    plan = plan_of(db, AlertFilter(DAY, sort=sort, page=page))
    assert f"USING COVERING INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("wanted", [
    AlertFilter(DAY), AlertFilter(DAY, page=2000), AlertFilter(DAY, decision="send"), AlertFilter(DAY, sort="chance"),
])  # fmt: skip
def test_a_page_fetches_no_more_rows_than_it_shows(db, wanted):
    rows = queries.alerts(db, wanted)
    assert 0 < len(rows) <= PAGE_ROWS


def test_counting_decisions_reads_the_index_alone(db):
    sql = "SELECT kind, decision, count(*) FROM decisions WHERE day = '2026-03-01' GROUP BY kind, decision"
    plan = " | ".join(row[3] for row in db.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
    assert "USING COVERING INDEX ix_decisions_day" in plan
    assert sum(queries.decision_counts(db, DAY).values()) == COUNT


def test_the_pages_of_a_large_day_stay_small(large_home, client_of):
    client = client_of(large_home)
    for path in ("/alerts", "/alerts?page=2000", "/alerts?decision=send", "/alerts?q=order-00999"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.text.count("<tr>") <= PAGE_ROWS + 1
        assert len(answer.content) < 200_000
    assert "99,951 to 100,000 of 100,000 decisions" in client.get("/alerts?page=2000").text
