"""How a DAG runs a step: the real command line in a real child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from jobs import submit
from jobs.steps import STEPS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEFOREHAND_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BEFOREHAND_SOURCE", raising=False)


def test_a_failed_step_hands_its_last_words_to_the_task() -> None:
    with pytest.raises(submit.StepFailed, match="Name it with --data DIR"):
        submit.run("check", "--source", "csv")


def test_days_to_do_are_none_while_no_model_is_in_service() -> None:
    assert submit.days_to_do(["2026-03-01"]) == []


def test_every_step_teaches_itself() -> None:
    done = subprocess.run(submit.command("--help"), cwd=ROOT, capture_output=True, text=True, check=True)
    for name in STEPS:
        assert name in done.stdout
        shown = subprocess.run(submit.command(name, "--help"), cwd=ROOT, capture_output=True, text=True, check=True)
        assert "Example: python -m jobs.run" in shown.stdout


def test_a_day_that_is_none_is_refused_with_the_way_to_write_it() -> None:
    done = subprocess.run(
        submit.command("ingest", "--day", "1.3.2026"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "write YYYY-MM-DD" in done.stderr


def test_a_task_that_is_killed_takes_its_step_with_it(tmp_path: Path) -> None:
    """What Airflow's execution_timeout relies on: TERM to the task ends the child too."""
    code = "from jobs import submit; submit.run('simulate', '--orders', '2000000')"
    task = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "BEFOREHAND_HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    children = _wait_for_children(task.pid)
    task.send_signal(signal.SIGINT)  # how Python sees an interrupt; Airflow raises in the same place
    task.wait(60)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def _wait_for_children(pid: int) -> list[psutil.Process]:
    for _ in range(200):
        children = psutil.Process(pid).children(recursive=True)
        if children:
            return children
        time.sleep(0.05)
    raise AssertionError("the step never started")
