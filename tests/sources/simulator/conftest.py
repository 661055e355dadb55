"""One small world for all tests that only look at it: 2,000 orders over 60 days, with a festival in the middle."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from sources.simulator import WorldParameters, WorldSummary, write_world

SMALL = WorldParameters(seed=11, orders=2_000, first_day=date(2025, 11, 1), days=60)
TINY = WorldParameters(seed=3, orders=2_000, first_day=date(2025, 6, 1), days=30, festival_days=2)


@pytest.fixture(scope="session")
def summary(tmp_path_factory: pytest.TempPathFactory) -> WorldSummary:
    return write_world(tmp_path_factory.mktemp("world") / "small", SMALL)


@pytest.fixture(scope="session")
def world(summary: WorldSummary) -> Path:
    return summary.out


@pytest.fixture
def db(world: Path) -> duckdb.DuckDBPyConnection:
    """Every table of the small world as a view, and those of its truth with the prefix ``truth_``."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for folder in sorted(world.iterdir()):
        if folder.is_dir() and folder.name != "truth":
            connection.execute(f"CREATE VIEW {folder.name} AS SELECT * FROM read_parquet('{folder}/*.parquet')")
    for folder in sorted((world / "truth").iterdir()):
        files = f"{folder}/*.parquet" if folder.is_dir() else folder
        connection.execute(f"CREATE VIEW truth_{folder.stem} AS SELECT * FROM read_parquet('{files}')")
    return connection


@pytest.fixture
def tiny() -> WorldParameters:
    return TINY
