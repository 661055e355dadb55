"""Every notice of a day, made again from what was recorded, is the same byte for byte."""

from __future__ import annotations

import pytest
from demo_run import DEMO_DAY, Demo, run_step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_all_notices_of_a_day_are_the_same_again(demo: Demo) -> None:
    ended = run_step(demo.home, "replay", "--day", DEMO_DAY)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    same, _, rest = ended.stdout.partition(" of ")
    assert rest.startswith(f"{same} notices are the same, ")
    assert int(same.replace(",", "")) > 1
