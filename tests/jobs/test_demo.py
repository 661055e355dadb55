"""The whole product once, through the real Airflow scheduler, as `make demo ONCE=1` runs it."""

from __future__ import annotations

import mailbox
import os
import re
import subprocess
from pathlib import Path

import psutil
import pytest

from jobs import submit

ROOT = Path(__file__).resolve().parents[2]


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "BEFOREHAND_HOME": str(home), "COLUMNS": "200"}
    env.pop("BEFOREHAND_SOURCE", None)
    return subprocess.run(
        submit.command(*arguments), cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=900
    )


def processes_of(home: Path) -> list[psutil.Process]:
    """Processes that carry this home in their environment or on their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            seen = [*process.cmdline(), *process.environ().values()]
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(str(home) in word for word in seen):
            found.append(process)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_through_the_real_scheduler_and_again_without_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(home, "simulate", "--orders", "2500").returncode == 0
    demo = run(home, "demo", "--once")
    assert demo.returncode == 0, demo.stdout + demo.stderr

    told = dict(re.findall(r"(?m)^  ([a-zA-Z ]+?)  +(.+)$", demo.stdout))
    for line in ("rows in", "quarantined", "orders scored", "SKUs scored", "candidates", "sent", "held"):
        assert line in told, demo.stdout
    for place in ("console", "Airflow", "MLflow", "mailbox"):
        assert place in told, demo.stdout
    sent = int(told["sent"].split()[0].replace(",", ""))
    letters = mailbox.Maildir(home / "simulator" / "mailbox", create=False)
    assert sent == len(letters) > 0
    assert len({letter["Message-ID"] for letter in letters}) == sent
    assert processes_of(home) == []

    day = told["day"]
    again = run(home, "day", "--day", day)
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(mailbox.Maildir(home / "simulator" / "mailbox", create=False)) == sent
