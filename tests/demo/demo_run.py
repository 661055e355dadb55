"""Running steps and the demo as a person would: real processes, an environment in which only the home is set."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from jobs import submit

ROOT = Path(__file__).resolve().parents[2]
DEMO_DAY = "2026-02-28"


@dataclass(frozen=True)
class Demo:
    """A finished demo: its home, and what it printed."""

    home: Path
    ended: subprocess.CompletedProcess[str]
    left_running: list[psutil.Process]


def environment(home: Path) -> dict[str, str]:
    """The environment of a person who set nothing but the home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BEFOREHAND_")}
    return {**kept, "BEFOREHAND_HOME": str(home), "COLUMNS": "200"}


def run_step(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one step to its end, whatever that is."""
    return subprocess.run(
        submit.command(*arguments),
        cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip


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
