"""Where rows wait to be checked: a folder of the run's own, that nothing outlives."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import staging

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys, time
from pathlib import Path
from jobs import staging
with staging.folder(Path(sys.argv[1]), "ingest") as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_folder_goes_with_its_run_even_when_that_fails(tmp_path):
    made: list[Path] = []

    def fail() -> None:
        with staging.folder(tmp_path, "ingest") as folder:
            made.append(folder)
            (folder / "orders.parquet").write_text("x")
            raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        fail()
    assert not made[0].exists()


def test_a_killed_run_s_folder_goes_with_the_next_and_a_living_run_s_stays(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        theirs = Path(child.stdout.readline().strip())
        with staging.folder(tmp_path, "ingest"):
            assert theirs.is_dir(), "its run is alive"
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert theirs.is_dir()
    with staging.folder(tmp_path, "ingest"):
        assert not theirs.exists()
