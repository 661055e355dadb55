"""A home in which the demo has run, once for all tests that need models in service."""

from __future__ import annotations

import pytest
from demo_run import DEMO_DAY, Demo, processes_of, run_step


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """`make demo ONCE=1` for the day before the world's last: through the real scheduler."""
    home = tmp_path_factory.mktemp("demo") / "home"
    assert run_step(home, "simulate").returncode == 0
    ended = run_step(home, "demo", "--once", "--day", DEMO_DAY)
    return Demo(home, ended, processes_of(home))
