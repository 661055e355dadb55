"""What a killed sender leaves open: its own file says which mails were begun, and which a relay took."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import relay as server
from sqlalchemy import Engine, select, text

from bench.sending.world import CLOCK, KEYS, NOW, let_leases_run_out, plan, states
from notices.relay.smtp import Timeouts
from notices.send import outbox, run_log
from notices.send.journal import Journal
from notices.send.outbox import Claimed
from notices.send.run import Options, Report, send_due
from notices.send.run_log import RunLog
from notices.state import attempts, deliveries, writing
from notices.state.db_clock import read_clock

DEAD = "dead"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "sent.journal")


@pytest.fixture
def left_open(state: Engine, journal: Journal) -> Iterator[list[Claimed]]:
    """Four mails of a sender that died: one taken, one begun, two noted ahead."""
    plan(state, 4)
    with writing(state) as db:
        journal.reconcile(db)
        claimed = outbox.claim(db, DEAD, NOW, read_clock(db), 4, 60.0)
        assert len(outbox.intend_all(db, claimed, 60.0)) == 4
    log = journal.begin_run(DEAD)
    for one in claimed[:2]:
        log.begin(one)
    log.take(claimed[0], 250, "2.0.0 queued\nas 17")
    log.close(is_settled=False)
    let_leases_run_out(state)
    return claimed


async def send(state: Engine, relay, journal: Journal) -> Report:
    options = Options(lease_seconds=120.0, timeouts=Timeouts(60.0, 60.0, 60.0), journal=journal)
    return await send_due(state, KEYS, relay, CLOCK, lambda _ids: {}, options)


async def test_what_was_taken_is_accepted_and_what_never_began_is_sent_as_if_nothing_had_been(
    state: Engine, journal: Journal, left_open: list[Claimed], tmp_path: Path
) -> None:
    with server.running() as (relay, log):
        report = await send(state, relay, journal)
    assert states(state) == {"ACCEPTED": 4}
    assert sorted(log.accepted) == sorted(one.message_id for one in left_open[1:])
    assert report.counts["recovered"] == 4
    with state.connect() as db:
        rows = {row.delivery_id: row for row in db.execute(select(deliveries))}
        tried = [row.delivery_id for row in db.execute(select(attempts.c.delivery_id))]
    taken, begun, ahead, _ = (rows[one.delivery_id] for one in left_open)
    assert (taken.last_reply, taken.uncertain, taken.tries) == ("2.0.0 queued as 17", 0, 1)
    assert (begun.uncertain, begun.tries, tried.count(begun.delivery_id)) == (1, 2, 2)
    assert (ahead.uncertain, ahead.tries, tried.count(ahead.delivery_id)) == (0, 1, 1)
    with server.running() as (relay, log):
        await send(state, relay, journal)
    assert list((tmp_path / "sent.runs").iterdir()) == [], "files of runs that are over, and known, go"
    assert log.accepted == []


def test_an_intent_is_taken_back_as_if_it_had_never_been_noted_by_who_still_holds_it(state: Engine) -> None:
    plan(state, 3)
    with writing(state) as db:
        mine = outbox.claim(db, "me", NOW, read_clock(db), 2, 60.0)
        others = outbox.claim(db, "other", NOW, read_clock(db), 1, 60.0)
        assert len(outbox.intend_all(db, [*mine, *others], 60.0)) == 3
        stolen = [replace(one, token="me") for one in others]
        outbox.take_back(db, stolen)
        assert dict(outbox.states(db)) == {"SENDING": 3}
        outbox.take_back(db, [*mine, *stolen])
        assert dict(outbox.states(db)) == {"LEASED": 2, "SENDING": 1}
        assert db.execute(select(attempts.c.delivery_id)).scalars().all() == [others[0].delivery_id]
        assert len(outbox.intend_all(db, mine, 60.0)) == 2, "it may be noted again"
        assert set(db.execute(select(deliveries.c.tries)).scalars()) == {1}


async def test_after_the_machine_itself_stopped_what_does_not_stand_there_proves_nothing(
    state: Engine, journal: Journal, left_open: list[Claimed], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "boot_id"
    other.write_text("another start")
    monkeypatch.setattr(run_log, "BOOT_ID", other)
    with server.running() as (relay, log):
        await send(state, relay, journal)
    assert states(state) == {"ACCEPTED": 4}
    assert left_open[0].message_id not in log.accepted
    with state.connect() as db:
        uncertain = db.execute(select(deliveries.c.uncertain).order_by(deliveries.c.delivery_id)).scalars().all()
    assert uncertain == [0, 1, 1, 1]


async def test_without_the_file_all_that_was_open_may_have_gone(
    state: Engine, journal: Journal, left_open: list[Claimed], tmp_path: Path
) -> None:
    (tmp_path / "sent.runs" / DEAD).unlink()
    with server.running() as (relay, log):
        await send(state, relay, journal)
    assert len(log.accepted) == len(left_open) == 4
    with state.connect() as db:
        assert set(db.execute(select(deliveries.c.uncertain)).scalars()) == {1}


async def test_a_db_restored_after_the_kill_learns_from_the_file_what_a_relay_took(
    state: Engine, journal: Journal, left_open: list[Claimed]
) -> None:
    with writing(state) as db:  # as it was before that run
        db.execute(attempts.delete())
        db.execute(text("UPDATE deliveries SET state = 'READY', epoch = 0, tries = 0, lease_token = NULL"))
    with server.running() as (relay, log):
        report = await send(state, relay, journal)
    assert report.counts["known"] == 1
    assert states(state) == {"ACCEPTED": 4}
    assert sorted(log.accepted) == sorted(one.message_id for one in left_open[1:])


async def test_the_file_of_a_run_that_goes_on_is_left_alone(state: Engine, journal: Journal, tmp_path: Path) -> None:
    plan(state, 1)
    living = journal.begin_run("living")
    with server.running() as (relay, _log):
        await send(state, relay, journal)
        assert [one.name for one in (tmp_path / "sent.runs").iterdir()] == ["living"]
        living.close(is_settled=True)
    assert list((tmp_path / "sent.runs").iterdir()) == []


def test_a_torn_last_line_and_lines_of_another_kind_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunLog(path).close(is_settled=False)
    with path.open("a") as file:
        file.write("> x1 1\nnonsense\n> x2\n+ x3 1 <m@x> y z\n+ x1 1 <m@x> 250 ok\n> x4 1")
    past = run_log.read(path)
    assert past is not None
    assert past.begun == {("x1", 1)}
    assert [*past.taken] == [("x1", 1)]
    assert past.is_whole
    assert run_log.read(tmp_path / "none") is None


def test_a_full_disk_stops_what_would_begin_and_tears_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, took = tmp_path / "run", os.write
    first, second = (Claimed(f"x{n}", "n", "<m@x>", "p", "k", n, "t", 0, NOW, NOW, "a@x", b"", b"") for n in (1, 2))
    log = RunLog(path)
    log.take(first, 250, "ok")

    def full(file: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "no space left")
        return took(file, data[:5])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="no space"):
            log.begin(first)
    log.begin(second)
    log.close(is_settled=False)
    past = run_log.read(path)
    assert past is not None
    assert (set(past.taken), past.begun) == ({("x1", 1)}, {("x1", 1), ("x2", 2)})
