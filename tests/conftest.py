"""Fixtures that every folder's tests share: one embedded engine for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lake import engine
from lake.store import Lake

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as jobs.run does: threads that wait must not spin

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    with engine.session() as session:
        yield session


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", spark)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets. Tests that need it skip where it is absent: licences keep it out of the repo."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real data is not here ({REAL_DATA.name}); it is not part of the repository")
    return REAL_DATA
