"""Sending what is due: claim, look again whether it is true and allowed, note the intent, send, note the reply.

One run tries each delivery at most once. Nothing here knows a model or a lake: whether a notice is still true is asked
of a function that the caller gives.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection as Db
from sqlalchemy import Engine

from notices.keys import Keys
from notices.plan import history
from notices.relay import smtp
from notices.relay.smtp import Connection, Reply
from notices.send import breaker, leases, outbox
from notices.send.clerk import Clerk, Noted, Told
from notices.send.desk import KNOWN_TO_JOURNAL, LEASE_LOST, NOT_THIS_RUN, Desk, said
from notices.send.ledger import Ledger
from notices.send.options import Clock, Options
from notices.send.outbox import Claimed
from notices.send.pending import Checked, Pending, elapsed
from notices.send.permission import Refusal
from notices.state.db_clock import read_clock
from settings import Relay

__all__ = ["Clock", "Options", "Report", "Truth", "send_due"]

POLL_SECONDS = 0.5
CLAIM_SECONDS = 0.2  # so many are claimed as go in this time: a claim keeps replies waiting
CLAIMS_A_CONNECTION = 4  # and at least so many
Truth = Callable[[Sequence[str]], Mapping[str, str]]


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
        self.desk = Desk(keys, self.relay_name, clock, options, self.token)
        self.pending = Pending(relay.rate, relay.domain_rate)
        self.log = options.journal.begin_run(self.token) if options.journal is not None else None
        self.clerk = Clerk(self.ledger, self.desk, self.pending, options, self.log)
        self.opening = asyncio.Lock()  # connections open one after the other: a relay that is away costs three tries
        self.is_trusted = False  # the relay took the last mail of which it said anything
        self.asking = asyncio.Lock()  # one question for the truth at a time
        self.counts: Counter[str] = Counter()
        self.halted = asyncio.Event()
        self.broken: list[Exception] = []
        self.relay_down = ""

    async def run(self) -> Report:
        is_settled = False
        try:
            report = await self._live()
            is_settled = True
            return report
        finally:
            await self.ledger.close()
            if self.log is not None:
                self.log.close(is_settled=is_settled)

    async def _live(self) -> Report:
        started = await self.ledger.commit(read_clock)
        stopped = await self.ledger.commit(history.stopped_kinds)
        trouble = await self.ledger.commit(lambda db: breaker.open_trouble(db, self.relay_name))
        self.counts["expired"] += await self.ledger.commit(lambda db: outbox.expire_notices(db, self.clock.now))
        if self.options.journal is not None:
            await self.ledger.commit(self.options.journal.reconcile)
            for path in await self.ledger.commit(self.options.journal.leftovers):
                path.unlink(missing_ok=True)
        if trouble is None and "*" not in stopped:
            await self._send(started)
        if self.broken:
            raise self.broken[0]
        trouble = await self.ledger.commit(lambda db: breaker.open_trouble(db, self.relay_name))
        return Report(dict(self.counts), self.relay_down or (trouble.reply if trouble else ""), trouble, stopped)

    async def _send(self, started: datetime) -> None:
        told = Told(self._refused, self._settled)
        tasks = [self._work() for _ in range(self.options.pool)]
        tasks += [self.clerk.note_on(self._still_good, told), self.clerk.settle_on(told)]
        working = [asyncio.create_task(self._kept(task)) for task in tasks]
        renewing = asyncio.create_task(self._renew())
        try:
            await self._produce(started)
        finally:
            await self._give_back(self.pending.close())
            self.clerk.end()
            await asyncio.gather(*working)
            await self.clerk.close()
            renewing.cancel()

    async def _kept(self, task: Coroutine[Any, Any, None]) -> None:
        """Run a task; what it raises ends the run when everything has come to rest."""
        try:
            await task
        except Exception as error:  # noqa: BLE001 - raised again by ``_live``
            self.broken.append(error)
            await self._halt()

    async def _produce(self, started: datetime) -> None:
        """Claim and check until nothing due is left; wait for a dead sender's leases rather than leave its work."""
        while not self.halted.is_set():
            most = min(
                self.options.batch, max(self.clerk.mails_in(CLAIM_SECONDS), CLAIMS_A_CONNECTION * self.options.pool)
            )
            found, claimed = await self.ledger.commit(partial(self._claim, started, most))
            self.counts["recovered"] += sum(found.values())
            if claimed:
                for one in claimed:
                    self.options.at_point("claimed", one.delivery_id)
                self.pending.put(await self._checked(claimed))
                await self.pending.room(max(self.options.pool, most // 2))
            elif self.pending.is_busy:
                await self.pending.settled()
            elif not await self._others_hold(started):
                return
            else:
                await asyncio.sleep(POLL_SECONDS)

    def _claim(self, started: datetime, most: int, db: Db) -> tuple[dict[str, int], list[Claimed]]:
        return self.desk.recover(db), self.desk.claim(db, started, most)

    async def _others_hold(self, started: datetime) -> bool:
        """Whether another sender holds deliveries: alive, it will finish them; dead, its leases run out soon."""
        first = await self.ledger.commit(lambda db: leases.next_foreign_lease(db, self.token))
        limit = started + timedelta(seconds=2 * self.options.lease_seconds)
        return first is not None and await self.ledger.commit(read_clock) < limit

    async def _checked(self, claimed: Sequence[Claimed]) -> list[Checked]:
        """Read truth and permission, close what may not go; returns what may."""
        asked_at = elapsed()
        try:
            async with self.asking:
                untrue = await asyncio.to_thread(self.truth, [one.notice_id for one in claimed])
        except Exception:
            await self._give_back(claimed)  # what cannot be checked is not sent
            raise
        addressed = {one: self.keys.unseal(one.sealed_to).decode() for one in claimed}
        unchanged, verdicts = await self.ledger.commit(
            lambda db: (self.desk.unchanged(db), self.desk.verdicts(db, addressed, untrue))
        )
        for one in claimed:
            if one.delivery_id in verdicts:
                await self._refuse(one, verdicts[one.delivery_id])
        may_go = {one: address for one, address in addressed.items() if one.delivery_id not in verdicts}
        for one in may_go:
            self.options.at_point("checked", one.delivery_id)
        return [Checked(one, address, self._opened(one), asked_at, unchanged) for one, address in may_go.items()]

    def _opened(self, one: Claimed) -> bytes:
        """The mail as it goes over the wire: signed where there is a key."""
        mime, signer = self.keys.unseal(one.sealed_mime), self.options.signer
        return signer.signed(mime) if signer is not None else mime

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

    async def _still_good(self, item: Checked) -> Checked | None:
        """The mail if it may still go; checked again if it waited long."""
        if self.halted.is_set():
            await self._give_back([item.claimed])
            return None
        if elapsed() - item.checked_at <= self.options.fresh_seconds:
            return item
        again = await self._checked([item.claimed])
        return again[0] if again else None

    async def _work(self) -> None:
        """One connection: mail after mail."""
        connection = Connection(self.relay, timeouts=self.options.timeouts, tls_context=self.options.tls_context)
        try:
            noted = await self.clerk.next()
            while noted is not None:
                noted = await self._through(connection, noted) or await self.clerk.next()
            await connection.quit()
        finally:
            connection.close()

    async def _through(self, connection: Connection, noted: Noted) -> Noted | None:
        """As ``_deliver``; while no mail has gone through, one connection after the other."""
        if not connection.is_open and not self.is_trusted:
            async with self.opening:
                if not self.is_trusted:
                    return await self._deliver(connection, noted)
        return await self._deliver(connection, noted)

    async def _deliver(self, connection: Connection, noted: Noted) -> Noted | None:
        """Send one mail. Returns the next one of this connection where its envelope is on its way already."""
        one, following = noted.item.claimed, None
        is_held = False

        def may_begin() -> bool:
            nonlocal is_held
            is_held = self.halted.is_set() or elapsed() >= noted.last_moment
            if not is_held:
                self.clerk.begin(noted)
            return not is_held

        def next_envelope() -> smtp.Envelope | None:
            nonlocal following
            following = self.clerk.ready()
            return (following.item.claimed.envelope_from, following.item.recipient) if following is not None else None

        if self.halted.is_set() or self.clerk.is_stale(noted):
            connection.close_if_ahead()
            await self.clerk.give_back(noted)
            return None
        reply = await connection.deliver(
            one.envelope_from,
            noted.item.recipient,
            noted.item.mime,
            lambda: elapsed() < noted.last_moment,
            lambda point: self.options.at_point(point, one.delivery_id),
            may_begin=may_begin,
            following=next_envelope,
        )
        self.options.at_point("replied", one.delivery_id)
        await self._heard(noted, reply, is_held=is_held)
        if following is not None and not connection.is_open:
            await self.clerk.give_back(following)
            return None
        return following

    async def _heard(self, noted: Noted, reply: Reply, *, is_held: bool) -> None:
        """Note how a mail went: an acceptance soon, whatever else now."""
        self.is_trusted = reply.result == smtp.ACCEPTED or (self.is_trusted and reply.result != smtp.RELAY_DOWN)
        if is_held:
            await self.clerk.give_back(noted)
        elif reply.result == smtp.ACCEPTED and self.log is not None:
            self.clerk.accepted(noted, reply)
        else:
            await self.clerk.settle(noted, reply)

    async def _refused(self, item: Checked, refusal: Refusal) -> None:
        await self._refuse(item.claimed, refusal)

    async def _settled(self, _item: Checked, reply: Reply, is_open: bool) -> None:
        self._count(reply)
        if is_open:
            await self._halt()

    def _count(self, reply: Reply) -> None:
        self.counts["later" if reply.result == smtp.RELAY_DOWN else reply.result] += 1
        if reply.result == smtp.RELAY_DOWN:
            self.relay_down = said(reply)
        elif reply.result == smtp.ACCEPTED:
            self.relay_down = ""

    async def _renew(self) -> None:
        """Keep the leases of what waits for its turn alive."""
        while True:
            await asyncio.sleep(self.options.lease_seconds / 3)
            await self.ledger.commit(lambda db: leases.renew(db, self.token, self.options.lease_seconds))

    async def _halt(self) -> None:
        """Stop sending: what waits goes back, what is on its way ends."""
        self.halted.set()
        rest = self.pending.close()
        self.clerk.end()
        await self._give_back(rest)

    async def _give_back(self, claimed: Sequence[Claimed]) -> None:
        if claimed:
            await self.ledger.commit(lambda db: outbox.release(db, claimed))
