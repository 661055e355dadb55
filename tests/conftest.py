"""Fixtures that every folder's tests share: one embedded engine for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from xdist.scheduler import LoadScopeScheduling

from lake import engine
from lake.store import Lake

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as jobs.run does: threads that wait must not spin

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


LONGEST_FIRST = "demo"  # begun last, one worker would finish long after the others


class ByFolder(LoadScopeScheduling):
    """A folder's tests go to one worker, because they share what took long to make: a world, a demo, a model."""

    def _split_scope(self, nodeid: str) -> str:
        return folder_of(nodeid)


def folder_of(nodeid: str) -> str:
    """``tests/<folder>/...`` -> ``<folder>``; files that lie in tests/ itself are a folder, too."""
    parts = nodeid.split("::", 1)[0].split("/")
    return parts[1] if len(parts) > len(("tests", "a_folder")) else ""


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Workers by folder."""
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest folder first; the order within each stays."""
    items.sort(key=lambda item: folder_of(item.nodeid) != LONGEST_FIRST)


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
