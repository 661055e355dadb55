"""Whatever clocks, people and relays do: never in quiet hours, over a cap, to the holdout or to a suppressed address.

Each promise has a twin in which the product is broken on purpose; the same checker must find that.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from promise_world import STARTS, World, broken

import notices.send.run
from notices.decide import decide
from notices.plan import told
from notices.send import permission
from notices.state import open_state

DAYS = 7


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that finds nothing free looks again at once: here the other one is never away for long."""
    monkeypatch.setattr(notices.send.run, "POLL_SECONDS", 0.02)


def lived(seed: int, start: date, days: int = DAYS) -> World:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_state(f"sqlite:///{Path(folder) / 'state.db'}")
        world = World(engine, seed, start)
        world.live(days)
        engine.dispose()
        return world


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 1_000_000), st.sampled_from(STARTS))
def test_every_promise_is_kept(seed: int, start: date) -> None:
    world = lived(seed, start)
    assert broken(world) == Counter()
    assert len(world.went) >= 5, "a world in which nobody is told proves nothing"


BREAKS: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "no look at the clock before sending": (
        "in quiet hours",
        lambda patch: patch.setattr(permission, "safe_moment", lambda moment, *_rest: moment),
    ),
    "what a person was told is forgotten": (
        "over the cap",
        lambda patch: patch.setattr(told, "in_7_days", lambda *_args, **_more: {}),
    ),
    "nobody is held out": ("held out", lambda patch: patch.setattr(decide, "_held_out", lambda *_args: False)),
    "suppression is not asked again before sending": (
        "suppressed",
        lambda patch: patch.setattr(permission, "_unwanted", lambda *_args: None),
    ),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_product_that_is_broken_on_purpose_is_caught(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    promise, spoil = BREAKS[how]
    spoil(monkeypatch)
    assert any(broken(lived(seed, STARTS[0], days=5))[promise] for seed in range(8))
