"""What a digest says of our last reminders, from the outcomes that are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from jobs import track_record
from notices import state
from notices.decide.decide import Candidate
from notices.state import database, open_state

NOW = datetime(2025, 3, 3, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path: Path) -> Engine:
    return open_state(f"sqlite:///{tmp_path / 'state.db'}")


def told(db: Engine, seller: str, number: int, *, came_true: bool, was_told: bool = True, days: float = 1) -> None:
    case_id = f"{seller}-{number}"
    at = NOW - timedelta(days=days)
    with database.writing(db) as writing:
        writing.execute(insert(state.cases).values(
            case_id=case_id, kind="stock_out", recipient_id=seller, object_id=f"{seller}/k{number}", episode="1",
            stage="heads_up", opened_at=at, updated_at=at, fact={},
        ))  # fmt: skip
        writing.execute(insert(state.outcomes).values(
            case_id=case_id, name="came_true", kind="stock_out", value=float(came_true),
            detail={"was_told": was_told}, at=at,
        ))  # fmt: skip


def candidate(seller: str, kind: str = "stock_out") -> Candidate:
    return Candidate(kind, seller, "k", seller, 0.9, False, None, 1.0, {"as_of": "2025-03-03"}, "1")


def test_the_last_ten_that_were_told_and_are_known_count(opened: Engine):
    for number in range(12):
        told(opened, "s1", number, came_true=number < 8, days=number + 1)
    told(opened, "s1", 50, came_true=False, was_told=False)
    told(opened, "s1", 51, came_true=False, days=-1)  # known tomorrow
    told(opened, "s2", 0, came_true=False)
    found = track_record.added(
        [candidate("s1"), candidate("s2"), candidate("s3"), candidate("s1", "dispute")], opened, NOW
    )
    assert [one.evidence.get("track_record") for one in found] == [
        {"reminders": 10, "came_true": 8}, {"reminders": 1, "came_true": 0}, None, None,
    ]  # fmt: skip


def test_nothing_is_asked_where_no_seller_is_told(opened: Engine):
    orders = [candidate("b1", "dispute")]
    assert track_record.added(orders, opened, NOW) == orders
