"""Who has had how much in 7 days: from when a notice went, not from when it was planned; and two planners at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import relay as server
from examples import DAY, KEYS, NOW, around, buyer, late, seller, stock
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from notices.control.changes import By, switch
from notices.decide.decide import Candidate
from notices.people import directory
from notices.people.hours import good_moment, is_quiet, safe_moment
from notices.plan import day as planning
from notices.plan import plan_rows, told
from notices.plan.day import decide_and_plan
from notices.send.run import Clock, Options, send_due
from notices.state import decisions, deliveries, notices, writing

EARLIER = NOW - timedelta(days=6)


def told_on(engine: Engine, planned: datetime, **delivery: Any) -> None:
    """One notice to b1, planned at that moment; its delivery then stands as given."""
    directory.put(engine, KEYS, [buyer("b1")])
    decide_and_plan(engine, [late("o0")], around(planned.date() - timedelta(days=1), planned))
    if delivery:
        with writing(engine) as db:
            db.execute(update(deliveries).values(**delivery))


def counted(state: Engine, now: datetime = NOW) -> int:
    with state.connect() as db:
        return told.in_7_days(db, ["b1"], now, told.was_told()).get("b1", 0)


@pytest.mark.parametrize(
    ("planned", "delivery", "count"),
    [
        (timedelta(days=6), {"state": "ACCEPTED", "accepted_at": NOW - timedelta(days=6)}, 1),
        (timedelta(days=8), {"state": "ACCEPTED", "accepted_at": NOW - timedelta(days=8)}, 0),
        (timedelta(days=8), {"state": "ACCEPTED", "accepted_at": NOW - timedelta(days=6, hours=12)}, 1),  # it was late
        (timedelta(days=8), {"state": "PARKED", "uncertain": 2}, 1),  # it may have gone at its last moment
        (timedelta(days=6), {"state": "FAILED"}, 0),  # it reached nobody
        (timedelta(days=6), {"state": "BOUNCED", "accepted_at": NOW - timedelta(days=6)}, 1),
        (timedelta(days=8), {"state": "ACCEPTED", "accepted_at": NOW + timedelta(days=90)}, 0),  # a day lived again
        (timedelta(days=6), {"state": "ACCEPTED", "accepted_at": NOW + timedelta(days=90)}, 1),
        (timedelta(days=7, minutes=20), {"state": "ACCEPTED", "accepted_at": NOW - timedelta(days=7, minutes=20)}, 1),
    ],
)
def test_a_notice_counts_from_when_it_went(state: Engine, planned: timedelta, delivery: dict, count: int) -> None:
    told_on(state, NOW - planned, **delivery)
    assert counted(state) == count


def test_what_waits_for_a_person_counts_and_what_was_put_aside_does_not(state: Engine) -> None:
    told_on(state, EARLIER)
    for standing in ("HELD", "PROPOSED", "WITHDRAWN"):
        with writing(state) as db:
            db.execute(update(notices).values(state=standing, expires_at=EARLIER + timedelta(days=2)))
        assert counted(state, NOW + timedelta(days=5)) == 0, "too late to go, too long ago to count"
        assert counted(state, EARLIER + timedelta(hours=3)) == (standing != "WITHDRAWN")


def many(person: str, first: int) -> list[Candidate]:
    return [late(f"o{first + n}", person, value=100.0 * n) for n in range(3)]


def two_at_once(state: Engine, monkeypatch: pytest.MonkeyPatch) -> int:
    """A second planner plans other orders of the same person after the first has read what they were told."""
    directory.put(state, KEYS, [buyer("b1")])
    real, is_first = planning.decide, [True]

    def meanwhile(*args: Any) -> Any:
        if is_first and is_first.pop():
            decide_and_plan(state, many("b1", 10), around())
        return real(*args)

    monkeypatch.setattr(planning, "decide", meanwhile)
    decide_and_plan(state, many("b1", 20), around())
    with state.connect() as db:
        assert len(db.execute(select(decisions)).all()) == 6
        return len(db.execute(select(notices)).all())


def test_two_planners_at_once_keep_one_cap(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert two_at_once(state, monkeypatch) == 3


def test_without_the_second_look_two_planners_go_over_the_cap(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_rows, "_within_caps", lambda _db, units, *_rest: units)
    assert two_at_once(state, monkeypatch) == 6


def test_a_day_before_the_newest_is_recorded_and_nobody_is_told(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1"), seller("s1")])
    decide_and_plan(state, [late()], around())
    before = around(DAY - timedelta(days=1), NOW - timedelta(days=1))
    assert decide_and_plan(state, [late("o9"), stock()], before) == {"candidates": 2, "digest": 1, "send": 1}
    with state.connect() as db:
        old = notices.c.day < DAY
        assert set(db.execute(select(notices.c.state, notices.c.state_reason).where(old)).all()) == {
            ("SUPPRESSED", "disarmed")
        }
        assert db.execute(select(deliveries).join(notices).where(old)).all() == []


def test_the_breaker_looks_at_what_was_wanted_so_a_move_up_the_ladder_is_no_odd_day(state: Engine) -> None:
    directory.put(state, KEYS, [buyer(f"b{n}") for n in range(500)])
    base = around()
    kind = base.policy.kinds["late_delivery"]

    def live(n: int, rung: str, size: int) -> Counter[str]:
        kinds = {"late_delivery": replace(kind, ladder=rung)}
        s = replace(around(DAY + timedelta(days=n), NOW + timedelta(days=n)), policy=replace(base.policy, kinds=kinds))
        return Counter(decide_and_plan(state, [late(f"o{n}x{m}", f"b{n * 40 + m}") for m in range(size)], s))

    for n in range(8):
        assert live(n, "shadow", 30)["shadow"] == 30
    assert live(8, "all", 30)["send"] == 30, "ten times as many are told, and as many were wanted"
    assert live(9, "all", 120)["held"] == 120


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham"]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    st.integers(0, 23),
    st.integers(0, 23),
    st.integers(-10, 10),
)
def test_a_clock_that_is_ten_minutes_wrong_still_keeps_quiet_hours(
    at: datetime, names: list[str], start: int, end: int, wrong: int
) -> None:
    zones, margin = tuple(ZoneInfo(name) for name in names), timedelta(minutes=10)
    moment = at.replace(tzinfo=NOW.tzinfo)
    due = safe_moment(moment, zones, start, end, margin)
    if due is None:
        return
    assert due >= moment
    assert not any(is_quiet(due + timedelta(minutes=wrong), zone, start, end) for zone in zones)
    nominal = good_moment(moment, zones, start, end)
    assert nominal is not None
    assert nominal <= due


async def test_a_carrier_switched_off_between_planning_and_sending_holds_its_mails_and_loses_none(
    state: Engine,
) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2")])
    other = late("o2", "b2", evidence={**late("o2", "b2").evidence, "carrier": "Lento"})
    decide_and_plan(state, [late(), other], around())

    async def send(at: datetime) -> int:
        with server.running() as (relay, log):
            await send_due(state, KEYS, relay, Clock(at, at), lambda _ids: {}, Options())
        return len(log.accepted)

    with writing(state) as db:
        switch(db, KEYS, "carrier:Rápido", By("ana", NOW), stopped=True)
    assert await send(NOW) == 1
    with writing(state) as db:
        switch(db, KEYS, "carrier:Rápido", By("ana", NOW), stopped=False)
    assert await send(NOW + timedelta(hours=1)) == 1
