"""The clock that a run goes by."""

from __future__ import annotations

from datetime import UTC, date, datetime

from jobs.context import clock


def test_a_live_day_goes_by_the_wall_clock() -> None:
    wall = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    assert clock(date(2026, 3, 1), wall) == wall


def test_a_past_day_goes_by_a_civil_hour_whenever_it_is_run() -> None:
    expected = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    assert clock(date(2026, 3, 1), datetime(2026, 9, 9, 3, 33, tzinfo=UTC)) == expected
    assert clock(date(2026, 3, 1), datetime(2026, 3, 3, 12, 0, tzinfo=UTC)) == expected
