"""Sending: nothing lost, nobody told twice, whatever dies or says no on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import relay as server
from examples import DAY, KEYS, NOW, around, buyer, late
from relay import DROP, only
from sqlalchemy import Engine, func, select, update

from notices.people import directory, preferences
from notices.plan.day import decide_and_plan
from notices.relay.smtp import Timeouts, name_of
from notices.send import breaker, leases, outbox
from notices.send.run import Clock, Options, Report, send_due
from notices.state import attempts, control, deliveries, notices, open_state, suppressions, writing
from notices.state.db_clock import db_now, read_clock
from settings import Relay

CLOCK = Clock(NOW, NOW)
LATER = Clock(NOW + timedelta(hours=2), NOW + timedelta(hours=2))
# Nothing here waits for a time-out or a lease, so a machine that stalls for seconds changes no outcome.
PATIENT = Options(batch=8, lease_seconds=120.0, timeouts=Timeouts(60.0, 60.0, 60.0))


def queue(state: Engine, many: int) -> None:
    """Plan one notice each for so many buyers."""
    directory.put(state, KEYS, [buyer(f"b{n}") for n in range(many)])
    decide_and_plan(state, [late(f"o{n}", f"b{n}") for n in range(many)], around())


async def send(state: Engine, relay: Relay, clock: Clock = CLOCK, options: Options = PATIENT) -> Report:
    return await send_due(state, KEYS, relay, clock, lambda _ids: {}, options)


def standing(state: Engine) -> Counter[str]:
    with state.connect() as db:
        return Counter(db.execute(select(deliveries.c.state)).scalars())


async def test_a_relay_that_is_down_opens_the_breaker_within_three_tries_and_loses_nothing(state: Engine) -> None:
    queue(state, 12)
    with server.nobody() as relay, server.running() as (other, log):
        report = await send(state, relay)
        assert standing(state) == {"READY": 12}
        assert report.trouble is not None
        assert "connect" in report.relay_down
        with state.connect() as db:
            assert db.execute(select(func.count()).select_from(attempts)).scalar_one() <= 3 + PATIENT.pool
        assert (await send(state, relay, LATER)).counts.get("later", 0) == 0, "an open breaker asks nobody"
        assert (await send(state, other, LATER)).counts["accepted"] == 12
    assert len(set(log.accepted)) == len(log.accepted) == 12


async def test_a_breaker_closes_with_the_first_acceptance(state: Engine) -> None:
    queue(state, 8)
    with server.running(only("CONNECT", "421 busy", times=3)) as (relay, _log):
        one = replace(PATIENT, pool=1)
        report = await send(state, relay, options=one)
        assert report.trouble is not None
        assert report.counts["later"] == 3
        with writing(state) as db:
            past = db_now(db, -1.0)
            db.execute(update(breaker.breaker).values(retry_at=past))
        report = await send(state, relay, LATER, one)
        assert report.counts["accepted"] == 8
        assert report.trouble is None
    with state.connect() as db:
        assert breaker.open_trouble(db, name_of(relay)) is None


@pytest.mark.parametrize(
    ("verb", "said", "states", "copies"),
    [
        ("RCPT", "450 later", {"READY": 3}, 0),
        ("RCPT", "550 5.1.1 nobody", {"FAILED": 3}, 0),
        ("DATA", DROP, {"READY": 3}, 0),
        ("DOT", DROP, {"UNCERTAIN": 3}, 3),
        ("DOT", "452 full", {"READY": 3}, 3),
    ],
)
async def test_what_a_relay_says_is_what_the_outbox_shows(
    state: Engine, verb: str, said: str, states: dict[str, int], copies: int
) -> None:
    queue(state, 3)
    with server.running(only(verb, said)) as (relay, log):
        await send(state, relay)
    assert standing(state) == states
    assert len(log.taken) == copies
    with state.connect() as db:
        tried = db.execute(select(attempts.c.phase, attempts.c.ended_at)).all()
        assert len(tried) == 3
        assert all(row.ended_at is not None for row in tried)
        listed = db.execute(select(func.count()).select_from(suppressions)).scalar_one()
    assert listed == (3 if "5.1.1" in said else 0)


async def test_no_reply_to_the_dot_is_tried_once_more_with_the_same_id_and_then_parked(state: Engine) -> None:
    queue(state, 2)
    with server.running(only("DOT", DROP)) as (relay, log):
        for hours in (0, 2, 4, 6):
            at = NOW + timedelta(hours=hours)
            await send(state, relay, Clock(at, at))
    assert standing(state) == {"PARKED": 2}
    assert sorted(Counter(log.taken).values()) == [2, 2]


async def test_a_try_that_was_uncertain_can_still_end_well(state: Engine) -> None:
    queue(state, 1)
    with server.running(only("DOT", DROP, times=1)) as (relay, log):
        await send(state, relay)
        assert standing(state) == {"UNCERTAIN": 1}
        await send(state, relay, LATER)
    assert standing(state) == {"ACCEPTED": 1}
    assert len(set(log.taken)) == 1


async def test_backoff_waits_longer_with_each_try_and_is_the_same_for_the_same_seed(state: Engine) -> None:
    queue(state, 1)
    waits = []
    with server.running(only("RCPT", "450 later")) as (relay, _log):
        at = NOW
        for _ in range(3):
            await send(state, relay, Clock(at, at))
            with state.connect() as db:
                due = db.execute(select(deliveries.c.next_try_at)).scalar_one()
            waits.append((due - at).total_seconds())
            at = due
    assert [48 <= waits[0] <= 72, 96 <= waits[1] <= 144, 192 <= waits[2] <= 288] == [True] * 3


async def test_switches_wishes_and_consent_are_asked_again_just_before_sending(state: Engine) -> None:
    queue(state, 5)
    directory.put(state, KEYS, [buyer("b0", consent=False)])
    with writing(state) as db:
        preferences.suppress(db, KEYS, "B1@mail.example", "complaint", NOW)
        preferences.save(db, "b2", "late_delivery", preferences.Preference(muted=True))
        preferences.save(db, "b3", "*", preferences.Preference(snoozed_until=NOW + timedelta(hours=1)))
    with server.running() as (relay, log):
        report = await send(state, relay)
        assert (report.counts["suppressed"], report.counts["postponed"], report.counts["accepted"]) == (3, 1, 1)
        assert (await send(state, relay, LATER)).counts["accepted"] == 1
    assert len(log.accepted) == 2


@pytest.mark.parametrize("switch", ["kill", "kill:late_delivery"])
async def test_the_kill_switch_stops_everything_and_loses_nothing(state: Engine, switch: str) -> None:
    queue(state, 3)
    with writing(state) as db:
        db.execute(control.insert().values(name=switch, value="on", changed_by="test", changed_at=NOW))
    with server.running() as (relay, log):
        await send(state, relay)
        assert log.verbs["CONNECT"] == 0
        with writing(state) as db:
            db.execute(update(control).values(value="off"))
        assert (await send(state, relay)).counts["accepted"] == 3


async def test_what_is_too_late_expires_and_says_so(state: Engine) -> None:
    queue(state, 2)
    at = NOW + timedelta(hours=49)
    with server.running() as (relay, log):
        await send(state, relay, Clock(at, at))
    assert standing(state) == {"CANCELLED": 2}
    assert log.verbs["CONNECT"] == 0
    with state.connect() as db:
        assert set(db.execute(select(notices.c.state)).scalars()) == {"EXPIRED"}


async def test_what_cannot_be_checked_is_not_sent_and_not_lost(state: Engine) -> None:
    queue(state, 2)

    def broken(_ids: object) -> dict[str, str]:
        raise LookupError("the lake is away")

    with server.running() as (relay, log), pytest.raises(LookupError):
        await send_due(state, KEYS, relay, CLOCK, broken, PATIENT)
    assert standing(state) == {"READY": 2}
    assert log.verbs["MAIL"] == 0


async def test_two_senders_at_once_send_each_once(state: Engine, state_url: str) -> None:
    queue(state, 60)
    other = open_state(state_url)
    with server.running() as (relay, log):
        reports = await asyncio.gather(send(state, relay), send(other, relay))
    other.dispose()
    assert sum(report.counts.get("accepted", 0) for report in reports) == 60
    assert len(set(log.accepted)) == len(log.accepted) == 60
    assert standing(state) == {"ACCEPTED": 60}


async def test_an_acceptance_is_recorded_whoever_holds_the_delivery_now(state: Engine) -> None:
    queue(state, 1)
    with writing(state) as db:
        since = read_clock(db)
        [first] = outbox.claim(db, "first", NOW, since, 1, 0.0)
        assert not outbox.intend(db, first, 60.0), "its lease has run out"
        assert leases.expire_leases(db, leases.left_open(db)) == {"uncertain": 0, "returned": 1}
        [second] = outbox.claim(db, "second", NOW, since, 1, 60.0)
        assert second.epoch == first.epoch + 1
        assert outbox.intend(db, second, 60.0)
        late_word = outbox.Ending("failed", "rcpt", 550, "no", NOW, "r")
        outbox.settle(db, first, late_word)
        assert dict(outbox.states(db, DAY)) == {"SENDING": 1}
        outbox.settle(db, first, outbox.Ending("accepted", "done", 250, "ok", NOW, "r"))
        assert dict(outbox.states(db, DAY)) == {"ACCEPTED": 1}


async def test_a_notice_that_a_person_holds_meanwhile_does_not_go(state: Engine) -> None:
    queue(state, 1)
    with writing(state) as db:
        [claimed] = outbox.claim(db, "me", NOW, read_clock(db), 1, 60.0)
        db.execute(update(notices).values(state="HELD"))
        assert not outbox.intend(db, claimed, 60.0)
