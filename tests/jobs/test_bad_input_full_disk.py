"""A full disk: one clear error, the lake as it was, and the same step again finishes when there is space."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import deliveries
import pytest
from deliveries import FIRST, LAST

from jobs import disk, ingest
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
with engine.session() as spark:
    ingest.run(Lake(home / "lake", spark), CsvSource(data, b"0" * 32), date(2026, 3, 1), date(2026, 3, 4), home=home)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own with 400 kB; skipped where none can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    if mount("-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)):
        pytest.skip("no small disk can be mounted here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def mount(*arguments: str) -> int:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return 1


def test_a_full_disk_loses_nothing_and_the_next_run_finishes(spark, small_disk, tmp_path):
    rows = deliveries.tables(400)
    source = CsvSource(deliveries.write(tmp_path / "delivery", rows), SECRET)
    lake = Lake(small_disk / "lake", spark)

    with pytest.raises(OSError, match="the disk is full") as raised:
        ingest.run(lake, source, FIRST, LAST, home=small_disk)

    assert raised.value.errno == errno.ENOSPC
    assert f"Free some space under {small_disk}" in str(raised.value)
    left = [entry for entry in (small_disk / "staging").iterdir() if entry.is_dir()]
    assert not left, "what was half done is gone"
    for name in lake.names():
        assert lake.read(name).count() in {0, len(rows[name])}, "a table is written whole or not at all"
    assert mount("-o", "remount,size=100m", str(small_disk)) == 0
    report = ingest.run(lake, source, FIRST, LAST, home=small_disk)
    assert {name: table.rows_kept for name, table in report.tables.items()} == {n: len(r) for n, r in rows.items()}


def test_a_quota_is_told_like_a_full_disk(tmp_path):
    data, home = deliveries.write(tmp_path / "delivery", deliveries.tables(400)), tmp_path / "home"

    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(data), str(home)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert child.returncode != 0
    assert "the disk is full. Nothing that was there is lost" in child.stderr
    assert not (home / "lake" / "orders").exists()


def test_a_state_db_without_room_is_told_like_a_full_disk(tmp_path):
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        db.execute("CREATE TABLE filler (x BLOB)")
        db.execute("PRAGMA max_page_count = 4")
        with pytest.raises(disk.DiskFullError, match="the disk is full") as raised, disk.full_told(tmp_path):
            db.execute("INSERT INTO filler VALUES (zeroblob(100000))")
    assert raised.value.errno == errno.ENOSPC


def test_another_error_stays_what_it_was(tmp_path):
    with pytest.raises(ValueError, match="odd"), disk.full_told(tmp_path):
        raise ValueError("odd")
