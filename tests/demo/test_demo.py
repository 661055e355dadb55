"""The whole product once, through the real Airflow scheduler, as `make demo ONCE=1` runs it."""

from __future__ import annotations

import mailbox
import re
import sqlite3
from contextlib import closing

import pytest
from demo_run import DEMO_DAY, Demo, run_step


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_through_the_real_scheduler(demo: Demo) -> None:
    assert demo.ended.returncode == 0, demo.ended.stdout + demo.ended.stderr
    told = dict(re.findall(r"(?m)^  ([a-zA-Z ]+?)  +(.+)$", demo.ended.stdout))
    for line in ("rows in", "quarantined", "orders scored", "SKUs scored", "candidates", "sent", "held"):
        assert line in told, demo.ended.stdout
    for place in ("console", "Airflow", "MLflow", "mailbox"):
        assert place in told, demo.ended.stdout
    sent = int(told["sent"].split()[0].replace(",", ""))
    letters = mailbox.Maildir(demo.home / "simulator" / "mailbox", create=False)
    assert sent == len(letters) > 0
    assert len({letter["Message-ID"] for letter in letters}) == sent
    assert demo.left_running == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_demo_left_open_over_night_loads_no_day_that_it_does_not_have(demo: Demo) -> None:
    with closing(sqlite3.connect(demo.home / "simulator" / "airflow" / "airflow.db")) as db:
        is_paused = dict(db.execute("SELECT dag_id, is_paused FROM dag"))
    assert is_paused["ingest"]
    assert not is_paused["predict_and_notify"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_day_again_without_airflow_tells_nobody(demo: Demo) -> None:
    letters = mailbox.Maildir(demo.home / "simulator" / "mailbox", create=False)
    before = len(letters)
    again = run_step(demo.home, "day", "--day", DEMO_DAY)
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(letters) == before
