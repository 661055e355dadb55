"""Turns: at most so many a second, evenly, and a domain that has to wait holds nobody else up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.send import pending
from notices.send.outbox import Claimed
from notices.send.pending import Checked, Pending, Rate

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def mail(n: int, domain: str, checked_at: float = 0.0) -> Checked:
    claimed = Claimed(f"x{n}", f"n{n}", f"<{n}@x>", "p", "late_delivery", 1, "t", 0, NOW, NOW, "a@x", b"", b"")
    return Checked(claimed, f"p{n}@{domain}", b"", checked_at)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of turns: the test moves it."""
    now = [100.0]
    monkeypatch.setattr(pending, "elapsed", lambda: now[0])
    return now


@given(per_second=st.floats(0.1, 500), waits=st.lists(st.floats(0, 3), max_size=60))
def test_in_no_stretch_of_time_go_more_than_the_rate_and_its_burst(per_second: float, waits: list[float]) -> None:
    rate, now, went = Rate(per_second), 0.0, []
    for wait in waits:
        now = rate.free_at(now + wait)
        rate.take(now)
        went.append(now)
    for first in range(len(went)):
        for last in range(first, len(went)):
            span = went[last] - went[first]
            assert last - first + 1 <= per_second * (span + pending.BURST_SECONDS) + 1.001


def test_a_domain_whose_turn_is_not_yet_lets_others_by(time: list[float]) -> None:
    waiting = Pending(relay_rate=None, domain_rate=1.0)
    waiting.put([mail(1, "a.example"), mail(2, "a.example"), mail(3, "A.example"), mail(4, "b.example")])
    taken = [waiting.take_ready(0.0) for _ in range(3)]
    assert [one.claimed.delivery_id if one else None for one in taken] == ["x1", "x4", None]
    time[0] += 1.0
    second = waiting.take_ready(0.0)
    assert second is not None
    assert second.claimed.delivery_id == "x2"


def test_the_relay_has_a_rate_of_its_own(time: list[float]) -> None:
    waiting = Pending(relay_rate=2.0, domain_rate=None)
    waiting.put([mail(n, f"d{n}.example") for n in range(5)])
    went = 0
    for _ in range(40):
        went += waiting.take_ready(0.0) is not None
        time[0] += 0.05
    assert 4 <= went <= 5
    assert went < 5 or time[0] >= 102.0


def test_what_was_checked_too_long_ago_is_left_for_who_checks_again(time: list[float]) -> None:
    waiting = Pending(None, None)
    waiting.put([mail(1, "a.example", checked_at=10.0)])
    assert waiting.take_ready(checked_since=50.0) is None
    assert waiting.take_ready(checked_since=5.0) is not None


async def test_a_taker_waits_for_its_turn_and_hears_the_end() -> None:
    waiting = Pending(relay_rate=50.0, domain_rate=None)
    waiting.put([mail(n, "a.example") for n in range(30)])
    begun = pending.elapsed()
    for _ in range(30):
        assert await waiting.take() is not None
    assert pending.elapsed() - begun >= 30 / 50 - pending.BURST_SECONDS - 0.05, "the clock of turns was kept"
    waiting.done(30)
    await waiting.settled()
    taker = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    assert waiting.close() == []
    assert await taker is None


async def test_closing_gives_back_what_nobody_took() -> None:
    waiting = Pending(None, None)
    waiting.put([mail(1, "a.example"), mail(2, "b.example")])
    first = await waiting.take()
    assert first is not None
    assert [one.delivery_id for one in waiting.close()] == ["x2"]
    assert await waiting.take() is None
