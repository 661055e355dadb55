"""When history must come with the first day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from jobs import world
from notices import state
from settings import Settings
from sources.opened import open_source

FIRST = date(2026, 2, 1)
STOCK = """seller_id,sku_id,stock_day,on_hand,in_stock_share,units_sold,recorded_at
s1,k1,2026-02-01,5,1,1,2026-02-01T23:59:00Z
s1,k1,2026-02-02,4,1,1,2026-02-02T23:59:00Z
"""


def test_history_comes_until_an_ingest_has_ended_well(tmp_path: Path) -> None:
    """A killed run leaves tables and a row that still says running: what it did not reach must come with the next."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stock.csv").write_text(STOCK)
    settings = Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SOURCE": "csv"})
    source = open_source("csv", tmp_path / "data", settings.secret)
    engine = state.open_state(settings.state_url)
    assert world.history_from(settings, source) == FIRST
    for status, expected in (("running", FIRST), ("held", FIRST), ("done", None)):
        now = datetime(2026, 2, 3, tzinfo=UTC)
        state.record_run(
            engine, run_id=status, day=date(2026, 2, 2), step="ingest", target=None, status=status, counts={},
            started_at=now, ended_at=None if status == "running" else now,
        )  # fmt: skip
        assert world.history_from(settings, source) == expected
    engine.dispose()
