"""Sending what is due: claim, look again whether it is true and allowed, note the intent, send, note the reply.

One run tries each delivery at most once. Nothing here knows a model or a lake: whether a notice is still true is asked
of a function that the caller gives.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection as Db
from sqlalchemy import Engine

from notices import breaker, history, journal, outbox, smtp
from notices.journal import Journal
from notices.keys import Keys
from notices.ledger import Ledger
from notices.outbox import Claimed, Ending
from notices.pending import Checked, Pending, elapsed
from notices.permission import Refusal, refusals
from notices.preferences import suppress
from notices.signing import Signer
from notices.smtp import Connection, Reply
from settings import Relay

POOL = 4
BATCH = 32
BACKOFF_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 3_600.0
JITTER = 0.2
UNKNOWN_MAILBOX = "5.1.1"
POLL_SECONDS = 0.5
FRESH_SECONDS = 30.0  # what was checked longer ago is checked again; a truth may itself be 30 s old (jobs.truth)

LEASE_LOST = Refusal("LEASED", "the lease ran out")
NOT_THIS_RUN = Refusal("APPROVED", "the relay's breaker is open")
KNOWN_TO_JOURNAL = Refusal("ACCEPTED", "a relay took it before the state DB was restored")

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
    """How to send. ``seed`` moves the jitter; ``signer`` signs (DKIM); ``journal`` outlives a restored DB.

    at_point: hears how far a delivery is, in this order (tests end a process there): claimed, checked, intending,
    intended, opened, envelope, go_ahead, body, dot, replied, settling, settled.
    """

    pool: int = POOL
    batch: int = BATCH
    lease_seconds: float = outbox.LEASE_SECONDS
    timeouts: smtp.Timeouts = field(default_factory=smtp.Timeouts)
    tls_context: ssl.SSLContext | None = None
    fresh_seconds: float = FRESH_SECONDS
    signer: Signer | None = None
    journal: Journal | None = None
    seed: str = ""
    at_point: Callable[[str, str], None] = lambda _point, _delivery_id: None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. ``relay_down``: what the relay or network said last, if that was no; else empty. ``trouble``: its
    breaker, where that is open and sending stopped; ``stopped``: kinds switched off.

    counts: accepted, failed, later, uncertain, withdrawn, expired, suppressed, postponed, recovered, known (to the
    journal, after a restore).
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
        self.pending = Pending(relay.rate, relay.domain_rate)
        self.opening = asyncio.Lock()  # connections open one after the other: a relay that is away costs three tries
        self.asking = asyncio.Lock()  # one question for the truth at a time
        self.counts: Counter[str] = Counter()
        self.halted = asyncio.Event()
        self.broken: list[Exception] = []
        self.relay_down = ""

    async def run(self) -> Report:
        try:
            return await self._live()
        finally:
            await self.ledger.close()

    async def _live(self) -> Report:
        started = await self.ledger.commit(outbox.read_clock)
        stopped = await self.ledger.commit(history.stopped_kinds)
        trouble = await self.ledger.commit(lambda db: breaker.open_trouble(db, self.relay_name))
        self.counts["expired"] += await self.ledger.commit(lambda db: outbox.expire_notices(db, self.clock.now))
        if self.options.journal is not None:
            await self.ledger.commit(self.options.journal.reconcile)
        if trouble is None and "*" not in stopped:
            workers = [asyncio.create_task(self._work()) for _ in range(self.options.pool)]
            renewing = asyncio.create_task(self._renew())
            try:
                await self._produce(started)
            finally:
                await self._give_back(self.pending.close())
                await asyncio.gather(*workers)
                renewing.cancel()
        if self.broken:
            raise self.broken[0]
        trouble = await self.ledger.commit(lambda db: breaker.open_trouble(db, self.relay_name))
        return Report(dict(self.counts), self.relay_down or (trouble.reply if trouble else ""), trouble, stopped)

    async def _produce(self, started: datetime) -> None:
        """Claim and check until nothing due is left; wait for a dead sender's leases rather than leave its work."""
        while not self.halted.is_set():
            lost = await self.ledger.commit(outbox.expire_leases)
            self.counts["recovered"] += lost["uncertain"] + lost["returned"]
            claimed = await self.ledger.commit(lambda db: self._claim(db, started))
            if claimed:
                for one in claimed:
                    self.options.at_point("claimed", one.delivery_id)
                self.pending.put(await self._checked(claimed))
                await self.pending.room(self.options.pool)
            elif self.pending.is_busy:
                await self.pending.settled()
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

    async def _checked(self, claimed: Sequence[Claimed]) -> list[Checked]:
        """Read truth and permission, close what may not go; returns what may."""
        asked_at = elapsed()
        try:
            async with self.asking:
                untrue = await asyncio.to_thread(self.truth, [one.notice_id for one in claimed])
        except Exception:
            await self._give_back(claimed)  # what cannot be checked is not sent
            raise
        verdicts = await self.ledger.commit(lambda db: self._verdicts(db, claimed, untrue))
        for one in claimed:
            if one.delivery_id in verdicts:
                await self._refuse(one, verdicts[one.delivery_id])
        may_go = [one for one in claimed if one.delivery_id not in verdicts]
        for one in may_go:
            self.options.at_point("checked", one.delivery_id)
        return [Checked(one, self.keys.unseal(one.sealed_to).decode(), asked_at) for one in may_go]

    def _verdicts(self, db: Db, claimed: Sequence[Claimed], untrue: Mapping[str, str]) -> dict[str, Refusal]:
        """Those that may not go, by delivery id."""
        moments = {one.delivery_id: self.clock.moment(one) for one in claimed}
        found = refusals(db, self.keys, claimed, untrue, moments)
        if self.options.journal is not None:
            taken = journal.taken_before(db, [one.message_id for one in claimed])
            found |= {one.delivery_id: KNOWN_TO_JOURNAL for one in claimed if one.message_id in taken}
        return found

    async def _refuse(self, one: Claimed, refusal: Refusal) -> None:
        if refusal is LEASE_LOST:
            return  # whoever holds it now sends it
        if refusal is NOT_THIS_RUN:
            await self._halt()
            await self._give_back([one])
        elif refusal is KNOWN_TO_JOURNAL:
            await self.ledger.commit(lambda db: outbox.taken_before(db, one))
            self.counts["known"] += 1
        elif refusal.until is not None:
            until = refusal.until
            await self.ledger.commit(lambda db: outbox.postpone(db, one, until))
            self.counts["postponed"] += 1
        else:
            ended = await self.ledger.commit(lambda db: outbox.end_notice(db, one, refusal.state, refusal.reason))
            self.counts[refusal.state.lower()] += int(ended)

    async def _work(self) -> None:
        connection = Connection(self.relay, timeouts=self.options.timeouts, tls_context=self.options.tls_context)
        while (item := await self.pending.take()) is not None:
            try:
                await self._one(connection, item)
            except Exception as error:  # noqa: BLE001 - kept, and raised when the pool has come to rest
                connection.close()
                self.broken.append(error)
                await self._halt()
            finally:
                self.pending.done()
        await connection.quit()

    async def _one(self, connection: Connection, item: Checked) -> None:
        """Send one in its turn, checked again if it waited long."""
        if self.halted.is_set():
            await self._give_back([item.claimed])
            return
        if elapsed() - item.checked_at > self.options.fresh_seconds:
            again = await self._checked([item.claimed])
            if not again:
                return
            [item] = again
        if connection.is_open:
            await self._send(connection, item)
            return
        async with self.opening:
            if self.halted.is_set():
                await self._give_back([item.claimed])
            else:
                await self._send(connection, item)

    async def _send(self, connection: Connection, item: Checked) -> None:
        """Intent, message, reply: each durable before the next."""
        one, mime = item.claimed, self.keys.unseal(item.claimed.sealed_mime)
        if self.options.signer is not None:
            mime = self.options.signer.signed(mime)
        last_moment = elapsed() + self.options.lease_seconds
        refusal = await self.ledger.commit_with_others(self._intend, one)
        if refusal is not None:
            await self._refuse(one, refusal)
            return
        self.options.at_point("intended", one.delivery_id)
        reply = await connection.deliver(
            one.envelope_from,
            item.recipient,
            mime,
            lambda: elapsed() < last_moment,
            lambda point: self.options.at_point(point, one.delivery_id),
        )
        self.options.at_point("replied", one.delivery_id)
        is_open = await self.ledger.commit_with_others(self._settle, (item, reply))
        self.options.at_point("settled", one.delivery_id)
        self.counts["later" if reply.result == smtp.RELAY_DOWN else reply.result] += 1
        if reply.result == smtp.RELAY_DOWN:
            self.relay_down = _said(reply)
            if is_open:
                await self._halt()
        elif reply.result == smtp.ACCEPTED:
            self.relay_down = ""

    def _intend(self, db: Db, many: list[Claimed]) -> list[Refusal | None]:
        """Ask every permission again and note the intent, in one transaction. None: it may be sent now."""
        if breaker.open_trouble(db, self.relay_name) is not None:
            return [NOT_THIS_RUN] * len(many)
        verdicts = self._verdicts(db, many, {})
        allowed = [one for one in many if one.delivery_id not in verdicts]
        going = outbox.intend_all(db, allowed, self.options.lease_seconds)
        for one in many:
            self.options.at_point("intending", one.delivery_id)
        lost = {one.delivery_id: LEASE_LOST for one in allowed if one.delivery_id not in going}
        return [(verdicts | lost).get(one.delivery_id) for one in many]

    def _settle(self, db: Db, many: list[tuple[Checked, Reply]]) -> list[bool]:
        """Record what was answered. Returns, for each, whether the relay's breaker is open now."""
        accepted = [item.claimed.message_id for item, reply in many if reply.result == smtp.ACCEPTED]
        if self.options.journal is not None:
            self.options.journal.note(db, accepted)
        outbox.settle_all(db, [(item.claimed, self._ending(item.claimed, reply)) for item, reply in many])
        if accepted:
            breaker.note_success(db, self.relay_name)
        is_open = False
        for item, reply in many:
            self.options.at_point("settling", item.claimed.delivery_id)
            if reply.result == smtp.RELAY_DOWN:
                is_open = breaker.note_trouble(db, self.relay_name, _said(reply))
            if reply.result == smtp.REFUSED and reply.phase == "rcpt" and UNKNOWN_MAILBOX in reply.text:
                suppress(db, self.keys, item.recipient, "unknown mailbox (5.1.1)", outbox.read_clock(db))
        return [is_open] * len(many)

    def _ending(self, one: Claimed, reply: Reply) -> Ending:
        result = "later" if reply.result == smtp.RELAY_DOWN else reply.result
        again = self.clock.moment(one) + timedelta(seconds=self._backoff(one))
        return Ending(result, reply.phase, reply.code, reply.text, again, self.relay_name)

    def _backoff(self, one: Claimed) -> float:
        """Seconds to wait: doubled with each try, moved by up to a fifth so that a queue does not come back at once."""
        wait = min(BACKOFF_SECONDS * 2.0**one.tries, LONGEST_BACKOFF_SECONDS)
        drawn = hashlib.sha256(f"{self.options.seed}|{one.delivery_id}|{one.tries}".encode()).digest()[0] / 255
        return wait * (1 + JITTER * (2 * drawn - 1))

    async def _renew(self) -> None:
        """Keep the leases of what waits for its turn alive."""
        while True:
            await asyncio.sleep(self.options.lease_seconds / 3)
            await self.ledger.commit(lambda db: outbox.renew(db, self.token, self.options.lease_seconds))

    async def _halt(self) -> None:
        """Stop sending: what waits goes back, what is on its way ends."""
        self.halted.set()
        await self._give_back(self.pending.close())

    async def _give_back(self, claimed: Sequence[Claimed]) -> None:
        if claimed:
            await self.ledger.commit(lambda db: outbox.release(db, claimed))


def _said(reply: Reply) -> str:
    return f"{reply.phase}: {reply.code or ''} {reply.text}".replace(":  ", ": ")
