"""An ingest that is killed while it writes, then run again, ends in the same tables as one that was left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import deliveries
from deliveries import FIRST, LAST

from jobs import ingest
from lake.store import Lake
from sources.csv import CsvSource

SECRET = b"0123456789abcdef0123456789abcdef"
ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys
from datetime import date
from pathlib import Path
from jobs import ingest
from lake import engine
from lake.store import Lake
from sources.csv import CsvSource
data, home = map(Path, sys.argv[1:])
source = CsvSource(data, b"0123456789abcdef0123456789abcdef")
with engine.session() as spark:
    lake = Lake(home / "lake", spark)
    days = date(2026, 3, 1), date(2026, 3, 4)
    ingest.run(lake, source, *days, home=home, progress=lambda name: print(name, flush=True))
"""


def test_a_killed_ingest_run_again_ends_in_the_same_tables(lake, spark, tmp_path):
    rows = deliveries.tables(40)
    rows["orders"][3]["value"] = "-1"
    folder = deliveries.write(tmp_path / "delivery", rows)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(tmp_path / "killed")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "shipments":
            break
    child.send_signal(signal.SIGKILL)
    child.communicate()
    source = CsvSource(folder, SECRET)

    killed = Lake(tmp_path / "killed" / "lake", spark)
    ingest.run(killed, source, FIRST, LAST, home=tmp_path / "killed")
    ingest.run(lake, source, FIRST, LAST, home=tmp_path / "whole")

    assert killed.names() == lake.names()
    for name in lake.names():
        assert sorted(map(str, killed.read(name).collect())) == sorted(map(str, lake.read(name).collect())), name
