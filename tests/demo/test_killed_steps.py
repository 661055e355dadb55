"""A step killed anywhere and run again ends in the same tables, and nobody is told twice."""

from __future__ import annotations

import mailbox
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from deltalake import DeltaTable
from demo_run import ROOT, Demo, environment, run_step

from jobs import submit
from settings import DEMO_TARGETS

DAY = "2026-03-01"  # the day after the demo's
STEPS = (
    ("ingest",),
    ("score", "--target", "late_delivery"),
    ("score", "--target", "stock_out"),
    ("decide",),
    ("send",),
)
KILLS_PER_STEP = 1


def run(home: Path, *arguments: str) -> None:
    done = run_step(home, *arguments)
    assert done.returncode in {submit.DONE, submit.NOTHING_TO_DO}, f"{arguments}: {done.stdout}{done.stderr}"


def kill_after(home: Path, seconds: float, *arguments: str) -> bool:
    """Start a step and kill it with no warning. Returns whether it was still at work."""
    child = subprocess.Popen(
        submit.command(*arguments), cwd=ROOT, env=environment(home),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    was_running = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    return was_running


def rows(home: Path, name: str) -> list[dict[str, Any]]:
    table = DeltaTable(home / "simulator" / "lake" / name).to_pyarrow_table()
    return sorted(table.to_pylist(), key=str)


def ended(home: Path) -> dict[str, Any]:
    """Everything that a day leaves behind, without clocks and attempt numbers."""
    with sqlite3.connect(home / "simulator" / "state.db") as db:
        decisions = db.execute(
            "SELECT day, kind, subject_id, sku_id, decision, reason, evidence FROM decisions ORDER BY 1, 2, 3, 4"
        ).fetchall()
        notices = db.execute("SELECT dedupe_key, kind, stage, state FROM notices ORDER BY 1").fetchall()
        deliveries = db.execute("SELECT message_id, state FROM deliveries ORDER BY 1").fetchall()
    names = [f"{table}_{target}" for table in ("scores", "candidates") for target in DEMO_TARGETS.split(",")]
    tables = {name: rows(home, name) for name in (*names, "pace_late_delivery", "coverage_late_delivery")}
    return {**tables, "decisions": decisions, "notices": notices, "deliveries": deliveries}


def letters(home: Path) -> list[str]:
    box = mailbox.Maildir(home / "simulator" / "mailbox", create=False)
    return sorted(str(letter["Message-ID"]) for letter in box)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_killed_at_every_step_ends_like_a_calm_one(demo: Demo, tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    shutil.copytree(demo.home, calm)
    shutil.copytree(demo.home, killed)
    times: Queue[float] = Queue()
    with ThreadPoolExecutor(1) as pool:
        living = pool.submit(lived_twice, calm, times)
        hits = killed_at_every_step(killed, times)
        once, twice = living.result()

    assert hits >= len(STEPS) - 1, "the kills came too late to prove anything"
    left, sent = ended(killed), letters(killed)
    assert left == once[0]
    assert set(sent) == set(once[1]) != set()
    assert len(sent) - len(set(sent)) <= KILLS_PER_STEP * 4, "more than the open transactions were repeated"
    assert twice == once, "the same day again changed something"


def lived_twice(home: Path, times: Queue[float]) -> tuple[Any, Any]:
    """The day's steps, each with the seconds it took, then all of them again: what each of the two left."""
    for step in STEPS:
        begun = time.monotonic()
        run(home, step[0], "--day", DAY, *step[1:])
        times.put(time.monotonic() - begun)
    once = ended(home), letters(home)
    for step in STEPS:
        run(home, step[0], "--day", DAY, *step[1:])
    return once, (ended(home), letters(home))


def killed_at_every_step(home: Path, times: Queue[float]) -> int:
    """The day's steps, each killed after a part of the time that it takes, then run to its end. Returns how many kills
    met a step at work.
    """
    moments = random.Random(7)
    hits = 0
    for step in STEPS:
        arguments = (step[0], "--day", DAY, *step[1:])
        usual = times.get(timeout=600)
        for _ in range(KILLS_PER_STEP):
            hits += kill_after(home, moments.uniform(0.2, 0.95) * usual, *arguments)
        run(home, *arguments)
    return hits
