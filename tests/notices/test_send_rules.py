"""Before a mail goes: truth that is not old, permission in the moment of the intent, a signature, a journal."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import relay as server
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from relay import only
from sqlalchemy import Engine, insert, select, update

from bench.sending.relay import Manner
from bench.sending.world import CLOCK, KEYS, NOW, address, hours_later, plan, states
from notices.people import preferences
from notices.relay.signing import Signer
from notices.relay.smtp import Timeouts
from notices.send import outbox
from notices.send.journal import Journal, key_of
from notices.send.ledger import Ledger
from notices.send.run import Clock, Options, Report, send_due
from notices.state import attempts, control, deliveries, sent_before, writing
from notices.state.db_clock import read_clock
from settings import Relay

PATIENT = Options(batch=8, lease_seconds=120.0, timeouts=Timeouts(60.0, 60.0, 60.0))


async def send(state: Engine, relay: Relay, truth=lambda _ids: {}, clock: Clock = CLOCK, **changed) -> Report:
    return await send_due(state, KEYS, relay, clock, truth, dataclasses.replace(PATIENT, **changed))


async def test_what_waited_for_its_turn_is_asked_again_and_withdrawn_if_it_is_no_longer_so(state: Engine) -> None:
    plan(state, 6)
    asked: Counter[str] = Counter()

    def truth(ids) -> dict[str, str]:
        asked.update(ids)
        return {one: "delivered meanwhile" for one in ids if asked[one] > 1}

    with server.running() as (relay, log):
        slow = dataclasses.replace(relay, rate=4.0)
        report = await send(state, slow, truth, fresh_seconds=0.3)
    assert report.counts["withdrawn"] == 6 - len(log.accepted) > 0
    assert max(asked.values()) == 2


async def test_a_switch_pulled_after_the_check_stops_the_mail(state: Engine) -> None:
    """The check of a batch is over; then the operator says stop, and a recipient too: the intent asks again."""
    plan(state, 3)
    pulled = threading.Event()

    def at_point(point: str, _delivery_id: str) -> None:
        if point == "checked" and not pulled.is_set():
            pulled.set()
            with writing(state) as db:
                preferences.suppress(db, KEYS, address(0), "complaint", NOW)
                row = {"name": "kill", "value": "on", "changed_by": "test", "changed_at": NOW}
                db.execute(insert(control).values(**row))

    with server.running() as (relay, log):
        report = await send(state, relay, at_point=at_point)
    assert log.accepted == []
    assert report.counts.get("accepted", 0) == 0
    with state.connect() as db:
        assert db.execute(select(attempts)).all() == [], "not one intent was noted"


async def test_a_mailbox_that_turns_out_not_to_exist_is_not_tried_again_a_moment_later(state: Engine) -> None:
    plan(state, 3)
    with writing(state) as db:  # three people, one mailbox
        db.execute(update(deliveries).values(sealed_to=KEYS.seal(address(0).encode())))
    with server.running(only("RCPT", "550 5.1.1 nobody")) as (relay, log):
        report = await send(state, relay, pool=1)
    assert log.verbs["RCPT"] == 1
    assert (report.counts["failed"], report.counts["suppressed"]) == (1, 2)


async def test_rates_of_a_relay_and_of_a_domain_are_kept(state: Engine) -> None:
    plan(state, 8)
    with server.running() as (relay, log):
        begun = asyncio.get_running_loop().time()
        await send(state, dataclasses.replace(relay, rate=10.0))
        took = asyncio.get_running_loop().time() - begun
    assert len(log.accepted) == 8
    assert took >= (8 - 1) / 10 - 0.3


async def test_mails_are_signed_where_there_is_a_key(state: Engine) -> None:
    dkim = pytest.importorskip("dkim", reason="dkimpy verifies what we sign; it is not installed")
    key = rsa.generate_private_key(65537, 2048)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    signer = Signer(pem, "beforehand.example", "k1")
    plan(state, 2)
    with server.running(manner=Manner(keeps=True)) as (relay, log):
        await send(state, relay, signer=signer)
    assert len(log.contents) == 2
    for content in log.contents:
        assert dkim.verify(content, dnsfunc=lambda _name, timeout=5: signer.dns_record().encode())


async def test_what_the_journal_knows_and_the_db_forgot_is_not_sent_again(state: Engine, tmp_path: Path) -> None:
    plan(state, 5)
    journal = Journal(tmp_path / "sent.journal")
    with server.running() as (relay, log):
        await send(state, relay, journal=journal)
        with writing(state) as db:  # what a restored snapshot looks like
            db.execute(attempts.delete())
            again = {"state": "READY", "tries": 0, "epoch": 0, "accepted_at": None}
            db.execute(update(deliveries).values(**again))
            for table in ("journals", "sent_before"):
                db.exec_driver_sql(f"DELETE FROM {table}")
        report = await send(state, relay, journal=journal, clock=hours_later(1))
    assert len(log.accepted) == 5
    assert report.counts["known"] == 5
    assert states(state) == {"ACCEPTED": 5}


async def test_an_acceptance_that_a_kill_kept_from_the_db_is_known_from_the_journal(
    state: Engine, tmp_path: Path
) -> None:
    plan(state, 1)
    journal = Journal(tmp_path / "sent.journal")
    with writing(state) as db:
        journal.reconcile(db)
        [claimed] = outbox.claim(db, "dead", NOW, read_clock(db), 1, 60.0)
        assert outbox.intend(db, claimed, -1.0)

    def killed_before_the_transaction_ends() -> None:
        with writing(state) as db:
            journal.note(db, [claimed.message_id])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        killed_before_the_transaction_ends()
    with server.running() as (relay, log):
        report = await send(state, relay, journal=journal)
    assert log.taken == []
    assert report.counts["known"] == 1
    assert states(state) == {"ACCEPTED": 1}


def test_a_journal_that_was_replaced_is_read_from_its_start(state: Engine, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "sent.journal")
    with writing(state) as db:
        assert journal.reconcile(db) == 0
        journal.note(db, [f"<{n}@x.example>" for n in range(5)])
        assert journal.reconcile(db) == 0
    (tmp_path / "sent.journal").write_text("seen\n")
    with writing(state) as db:
        assert journal.reconcile(db) == 1
        assert db.execute(select(sent_before.c.message_key)).scalars().all() == ["seen"]
    assert key_of("<abc@x.example>") == "abc"


async def test_steps_of_many_mails_share_statements_and_a_bad_one_sinks_nobody(
    state: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    plan(state, 30)
    with server.running() as (relay, log), caplog.at_level(logging.WARNING, "notices.send.ledger"):
        await send(state, relay, pool=8)
    assert len(log.accepted) == 30
    assert caplog.records == [], "a group of steps that fails together hides a fault in a statement"

    ledger = Ledger(state)

    def halves(_db: object, items: list[int]) -> list[int]:
        if any(item == 13 for item in items):
            raise ArithmeticError(items)
        return [item * 2 for item in items]

    results = await asyncio.gather(
        *(ledger.commit_with_others(halves, [item]) for item in (1, 13, 3)), return_exceptions=True
    )
    await ledger.close()
    assert (results[0], results[2]) == ([2], [6])
    assert isinstance(results[1], ArithmeticError)
    assert "each is tried alone" in caplog.text


@pytest.mark.parametrize("result", ["accepted", "failed", "later", "uncertain"])
def test_many_tries_settle_in_one_statement(state: Engine, result: str) -> None:
    plan(state, 3)
    with writing(state) as db:
        claimed = outbox.claim(db, "me", NOW, read_clock(db), 3, 60.0)
        assert len(outbox.intend_all(db, claimed, 60.0)) == 3
        again = NOW + timedelta(hours=1)
        outbox.settle_all(db, [(one, outbox.Ending(result, "dot", 250, "x", again, "r")) for one in claimed])
    expected = {"accepted": "ACCEPTED", "failed": "FAILED", "later": "READY", "uncertain": "UNCERTAIN"}
    assert states(state) == {expected[result]: 3}


async def test_three_tries_open_the_breaker_even_with_many_connections(state: Engine) -> None:
    plan(state, 20)
    with server.running(only("CONNECT", "421 busy")) as (relay, log):
        report = await send(state, relay, pool=8)
    assert log.verbs["CONNECT"] == 3
    assert report.trouble is not None
    assert states(state) == {"READY": 20}
