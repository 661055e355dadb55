"""The embedded engine and Apache Spark on the JVM give the same value for every feature."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import TARGETS, Built
from leak_check import differing
from world import World, as_arrow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS = 900


@pytest.fixture(scope="module")
def on_the_jvm(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the features of every target as Spark on the JVM computes them."""
    if shutil.which("java") is None:
        pytest.skip("no Java here: Apache Spark cannot run beside the embedded engine")
    folder = tmp_path_factory.mktemp("both")
    (folder / "out").mkdir()
    (folder / "tables").mkdir()
    for name, rows in world.items():
        if rows:
            pq.write_table(as_arrow(name, rows), folder / "tables" / f"{name}.parquet", coerce_timestamps="us")
    paths = os.pathsep.join(str(path) for path in (ROOT, ROOT / "tests", HERE))
    environ = {**os.environ, "PYTHONPATH": paths, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_DIRS": str(folder)}
    script = [sys.executable, str(HERE / "on_spark.py"), str(folder / "tables"), str(folder / "out")]
    done = subprocess.run(script, env=environ, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out"


@pytest.mark.parity
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("target", TARGETS)
def test_both_engines_give_the_same_features(built: dict[str, Built], on_the_jvm: Path, target: str) -> None:
    found = pd.read_parquet(on_the_jvm / f"{target}.parquet")
    ours = built[target].rows
    assert len(ours) == len(found) > 100
    assert set(ours.columns) == set(found.columns)
    assert differing(ours, found) == {}
