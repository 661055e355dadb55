"""Sending what is due: claim, look again whether it is true and allowed, note the intent, send, note the reply.

One run tries each delivery at most once. Nothing here knows a model or a lake: whether a notice is still true is asked
of a function that the caller gives.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection as Db
from sqlalchemy import Engine

from notices import breaker, history, outbox, smtp
from notices.keys import Keys
from notices.ledger import Ledger
from notices.outbox import Claimed, Ending
from notices.permission import Refusal, refusals
from notices.preferences import suppress
from notices.smtp import Reply
from settings import Relay

POOL = 4
BATCH = 32
BACKOFF_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 3_600.0
JITTER = 0.2
UNKNOWN_MAILBOX = "5.1.1"
POLL_SECONDS = 0.5

Truth = Callable[[Sequence[str]], Mapping[str, str]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clock:
    """The day's clock. ``now``: the moment of this run; ``until``: deliveries due by then may go.

    For a live day both are the wall clock. A past day is lived in one go: each delivery at its own hour.
    """

    now: datetime
    until: datetime

    def moment(self, claimed: Claimed) -> datetime:
        """When this delivery goes, by the day's clock."""
        return max(self.now, min(claimed.due_at, self.until))


@dataclass(frozen=True, slots=True)
class Options:
    """How to send. ``seed`` moves the jitter; ``at_point`` hears how far a delivery is (tests end a process there)."""

    pool: int = POOL
    batch: int = BATCH
    lease_seconds: float = outbox.LEASE_SECONDS
    timeouts: smtp.Timeouts = field(default_factory=smtp.Timeouts)
    tls_context: ssl.SSLContext | None = None
    seed: str = ""
    at_point: Callable[[str, str], None] = lambda _point, _delivery_id: None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. ``relay_down``: what the relay or network said last, if that was no; else empty. ``trouble``: its
    breaker, where that is open and sending stopped; ``stopped``: kinds switched off.

    counts: accepted, failed, later, uncertain, withdrawn, expired, suppressed, postponed, recovered.
    """

    counts: Mapping[str, int]
    relay_down: str
    trouble: breaker.Trouble | None
    stopped: frozenset[str]


async def send_due(engine: Engine, keys: Keys, relay: Relay, clock: Clock, truth: Truth, options: Options) -> Report:
    """Send every approved notice that is due. ``truth``: of the given notice ids, those no longer true, and why.

    Whatever a relay does, nothing is lost: what was not surely accepted waits, is parked, or failed, and says so.
    """
    return await _Run(engine, keys, relay, clock, truth, options).run()


class _Run:
    """One run of the pipeline: a producer that claims and checks, and a pool of connections that send."""

    def __init__(self, engine: Engine, keys: Keys, relay: Relay, clock: Clock, truth: Truth, options: Options) -> None:
        self.engine, self.keys, self.relay, self.clock, self.truth, self.options = (
            engine, keys, smtp.allowed(relay), clock, truth, options,
        )  # fmt: skip
        self.relay_name = smtp.name_of(relay)
        self.token = uuid.uuid4().hex
        self.ledger = Ledger(engine)
        self.queue: asyncio.Queue[tuple[Claimed, float] | None] = asyncio.Queue(maxsize=options.pool)
        self.counts: Counter[str] = Counter()
        self.halted = asyncio.Event()
        self.broken: list[Exception] = []
        self.relay_down = ""

    async def run(self) -> Report:
        started = await self.ledger.commit(outbox.read_clock)
        stopped = await self.ledger.commit(history.stopped_kinds)
        trouble = await self.ledger.commit(lambda db: breaker.open_trouble(db, self.relay_name))
        self.counts["expired"] += await self.ledger.commit(lambda db: outbox.expire_notices(db, self.clock.now))
        if trouble is None and "*" not in stopped:
            workers = [asyncio.create_task(self._work()) for _ in range(self.options.pool)]
            renewing = asyncio.create_task(self._renew())
            try:
                await self._produce(started)
            finally:
                for _ in workers:
                    await self.queue.put(None)
                await asyncio.gather(*workers)
                renewing.cancel()
        trouble = await self.ledger.commit(lambda db: breaker.open_trouble(db, self.relay_name))
        await self.ledger.close()
        if self.broken:
            raise self.broken[0]
        return Report(dict(self.counts), self.relay_down or (trouble.reply if trouble else ""), trouble, stopped)

    async def _produce(self, started: datetime) -> None:
        """Claim and check until nothing due is left; wait for a dead sender's leases rather than leave its work."""
        while not self.halted.is_set():
            lost = await self.ledger.commit(outbox.expire_leases)
            self.counts["recovered"] += lost["uncertain"] + lost["returned"]
            leased_at = time.monotonic()
            claimed = await self.ledger.commit(lambda db: self._claim(db, started))
            if claimed:
                await self._offer(claimed, leased_at + self.options.lease_seconds)
            elif not await self._others_hold(started):
                return
            else:
                await asyncio.sleep(POLL_SECONDS)

    def _claim(self, db: Db, started: datetime) -> list[Claimed]:
        stopped = history.stopped_kinds(db)
        if "*" in stopped:
            return []
        lease, batch = self.options.lease_seconds, self.options.batch
        return outbox.claim(db, self.token, self.clock.until, started, batch, lease, stopped)

    async def _others_hold(self, started: datetime) -> bool:
        """Whether another sender holds deliveries: alive, it will finish them; dead, its leases run out soon."""
        first = await self.ledger.commit(lambda db: outbox.next_foreign_lease(db, self.token))
        limit = started + timedelta(seconds=2 * self.options.lease_seconds)
        return first is not None and await self.ledger.commit(outbox.read_clock) < limit

    async def _offer(self, claimed: list[Claimed], lease_end: float) -> None:
        """Read truth and permission for a batch, close what may not go, hand the rest to the pool."""
        for one in claimed:
            self.options.at_point("claimed", one.delivery_id)
        try:
            untrue = await asyncio.to_thread(self.truth, [one.notice_id for one in claimed])
        except Exception:
            await self.ledger.commit(lambda db: outbox.release(db, claimed))  # what cannot be checked is not sent
            raise
        verdicts = await self.ledger.commit(
            lambda db: refusals(
                db, self.keys, claimed, untrue, {one.delivery_id: self.clock.moment(one) for one in claimed}
            )
        )
        for index, one in enumerate(claimed):
            if self.halted.is_set():
                rest = claimed[index:]
                await self.ledger.commit(lambda db, rest=rest: outbox.release(db, rest))  # type: ignore[misc]
                return
            refusal = verdicts.get(one.delivery_id)
            if refusal is None:
                await self.queue.put((one, lease_end))
            else:
                await self._refuse(one, refusal)

    async def _refuse(self, one: Claimed, refusal: Refusal) -> None:
        if refusal.until is not None:
            until = refusal.until
            await self.ledger.commit(lambda db: outbox.postpone(db, one, until))
            self.counts["postponed"] += 1
            return
        ended = await self.ledger.commit(lambda db: outbox.end_notice(db, one, refusal.state, refusal.reason))
        self.counts[refusal.state.lower()] += int(ended)

    async def _work(self) -> None:
        connection = smtp.Connection(self.relay, timeouts=self.options.timeouts, tls_context=self.options.tls_context)
        while (item := await self.queue.get()) is not None:
            one, lease_end = item
            if self.halted.is_set():
                await self.ledger.commit(lambda db, one=one: outbox.release(db, [one]))  # type: ignore[misc]
                continue
            try:
                await self._send(connection, one, lease_end)
            except Exception as error:  # noqa: BLE001 - kept, and raised when the pool has come to rest
                connection.close()
                self.broken.append(error)
                self.halted.set()
        await connection.quit()

    async def _send(self, connection: smtp.Connection, one: Claimed, lease_end: float) -> None:
        """Intent, message, reply: each durable before the next."""
        begun = time.monotonic()
        if begun >= lease_end or not await self.ledger.commit(
            lambda db: outbox.intend(db, one, self.options.lease_seconds)
        ):
            return  # the lease ran out: whoever holds it now sends it
        self.options.at_point("intended", one.delivery_id)
        last_moment = begun + self.options.lease_seconds

        def may_finish() -> bool:
            self.options.at_point("body", one.delivery_id)
            return time.monotonic() < last_moment

        recipient, mime = self.keys.unseal(one.sealed_to).decode(), self.keys.unseal(one.sealed_mime)
        reply = await connection.deliver(one.envelope_from, recipient, mime, may_finish)
        self.options.at_point("replied", one.delivery_id)
        await self.ledger.commit(lambda db: self._settle(db, one, recipient, reply))
        self.options.at_point("settled", one.delivery_id)
        self.counts["later" if reply.result == smtp.RELAY_DOWN else reply.result] += 1
        if reply.result == smtp.RELAY_DOWN:
            self.relay_down = _said(reply)
            if await self._is_open():
                self.halted.set()
        elif reply.result == smtp.ACCEPTED:
            self.relay_down = ""

    async def _is_open(self) -> bool:
        return await self.ledger.commit(lambda db: breaker.open_trouble(db, self.relay_name)) is not None

    def _settle(self, db: Db, one: Claimed, recipient: str, reply: Reply) -> None:
        result = "later" if reply.result == smtp.RELAY_DOWN else reply.result
        again = self.clock.moment(one) + timedelta(seconds=self._backoff(one))
        ending = Ending(result, reply.phase, reply.code, reply.text, again, self.relay_name)
        outbox.settle(db, one, ending)
        if reply.result == smtp.RELAY_DOWN:
            breaker.note_trouble(db, self.relay_name, _said(reply))
        elif reply.result == smtp.ACCEPTED:
            breaker.note_success(db, self.relay_name)
        if result == "failed" and reply.phase == "rcpt" and UNKNOWN_MAILBOX in reply.text:
            suppress(db, self.keys, recipient, "unknown mailbox (5.1.1)", outbox.read_clock(db))

    def _backoff(self, one: Claimed) -> float:
        """Seconds to wait: doubled with each try, moved by up to a fifth so that a queue does not come back at once."""
        wait = min(BACKOFF_SECONDS * 2.0**one.tries, LONGEST_BACKOFF_SECONDS)
        drawn = hashlib.sha256(f"{self.options.seed}|{one.delivery_id}|{one.tries}".encode()).digest()[0] / 255
        return wait * (1 + JITTER * (2 * drawn - 1))

    async def _renew(self) -> None:
        """Keep the leases of what waits in the queue alive."""
        while True:
            await asyncio.sleep(self.options.lease_seconds / 3)
            await self.ledger.commit(lambda db: outbox.renew(db, self.token, self.options.lease_seconds))


def _said(reply: Reply) -> str:
    return f"{reply.phase}: {reply.code or ''} {reply.text}".replace(":  ", ": ")
