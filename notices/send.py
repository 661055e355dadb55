"""Sending what is due: claim, look again whether it is true and allowed, note the intent, send, note the reply.

One run tries each delivery at most once. Nothing here knows a model or a lake: whether a notice is still true is asked
of a function that the caller gives.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from notices import breaker, history, outbox, smtp
from notices.db_clock import read_clock
from notices.desk import KNOWN_TO_JOURNAL, LEASE_LOST, NOT_THIS_RUN, Desk, Turn, said
from notices.keys import Keys
from notices.ledger import Ledger
from notices.options import Clock, Options
from notices.outbox import Claimed
from notices.pending import Checked, Pending, elapsed
from notices.permission import Refusal
from notices.smtp import Connection, Reply
from settings import Relay

__all__ = ["Clock", "Options", "Report", "Truth", "send_due"]

POLL_SECONDS = 0.5
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
        started = await self.ledger.commit(read_clock)
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
            claimed = await self.ledger.commit(lambda db: self.desk.claim(db, started))
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

    async def _others_hold(self, started: datetime) -> bool:
        """Whether another sender holds deliveries: alive, it will finish them; dead, its leases run out soon."""
        first = await self.ledger.commit(lambda db: outbox.next_foreign_lease(db, self.token))
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

    async def _work(self) -> None:
        """One connection: mail after mail, each in its turn."""
        connection = Connection(self.relay, timeouts=self.options.timeouts, tls_context=self.options.tls_context)
        while (item := await self.pending.take()) is not None:
            taken = [item]
            try:
                await self._series(connection, taken)
            except Exception as error:  # noqa: BLE001 - kept, and raised when the pool has come to rest
                connection.close()
                self.broken.append(error)
                await self._halt()
            finally:
                self.pending.done(len(taken))
        await connection.quit()

    async def _series(self, connection: Connection, taken: list[Checked]) -> None:
        """Send the one that was taken, and further ones (added to ``taken``) while they are ready and all goes well.

        A reply is noted together with the intent of the next mail: one transaction a mail, shared by the connections.
        """
        async with nullcontext() if connection.is_open else self.opening:
            item = await self._still_good(taken[0])
            last_moment = await self._turn(None, None, item) if item is not None else None
            following = await self._deliver(connection, item, last_moment, taken) if item and last_moment else None
        while following is not None:
            following = await self._deliver(connection, *following, taken)

    async def _still_good(self, item: Checked) -> Checked | None:
        """The mail if it may still go; checked again if it waited long."""
        if self.halted.is_set():
            await self._give_back([item.claimed])
            return None
        if elapsed() - item.checked_at <= self.options.fresh_seconds:
            return item
        again = await self._checked([item.claimed])
        return again[0] if again else None

    async def _deliver(
        self, connection: Connection, item: Checked, last_moment: float, taken: list[Checked]
    ) -> tuple[Checked, float] | None:
        """Send one whose intent is noted, and note the reply. Returns the next one whose intent is noted, if any.

        ``last_moment``: when the lease ends, by ``elapsed``; the final dot is not sent after it.
        """
        one = item.claimed
        with self.ledger.coming():
            reply = await connection.deliver(
                one.envelope_from,
                item.recipient,
                item.mime,
                lambda: elapsed() < last_moment,
                lambda point: self.options.at_point(point, one.delivery_id),
            )
        self.options.at_point("replied", one.delivery_id)
        following = None
        if connection.is_open and not self.halted.is_set():
            following = self.pending.take_ready(elapsed() - self.options.fresh_seconds)
        if following is not None:
            taken.append(following)
        next_moment = await self._turn(item, reply, following)
        return (following, next_moment) if following is not None and next_moment is not None else None

    async def _turn(self, item: Checked | None, reply: Reply | None, following: Checked | None) -> float | None:
        """Note the reply to ``item`` and the intent of ``following``. Returns when its lease ends; None: not now."""
        last_moment = elapsed() + self.options.lease_seconds
        turn = Turn(item, reply, following)
        is_open, refusal = await self.ledger.commit_with_others(self.desk.turn, turn)
        if item is not None and reply is not None:
            self.options.at_point("settled", item.claimed.delivery_id)
            self._count(reply)
        if is_open:
            await self._halt()
        if following is None:
            return None
        if refusal is not None:
            await self._refuse(following.claimed, refusal)
            return None
        self.options.at_point("intended", following.claimed.delivery_id)
        return last_moment

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
            await self.ledger.commit(lambda db: outbox.renew(db, self.token, self.options.lease_seconds))

    async def _halt(self) -> None:
        """Stop sending: what waits goes back, what is on its way ends."""
        self.halted.set()
        await self._give_back(self.pending.close())

    async def _give_back(self, claimed: Sequence[Claimed]) -> None:
        if claimed:
            await self.ledger.commit(lambda db: outbox.release(db, claimed))
