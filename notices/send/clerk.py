"""The clerk of a run: notes what will go and how it went, many mails in a transaction, and never keeps a relay waiting.

Intents are noted ahead of the connections, as many as go in a fifth of a second: whoever switches something off is
heard before a mail that waits. One that waited for a second, or since an address was found dead, is taken back and
asked again. What a relay took stands in the run's own file at once (notices.send.run_log), and in the DB soon.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from notices.relay.smtp import Reply
from notices.send import outbox
from notices.send.desk import Desk, Turn
from notices.send.ledger import Ledger
from notices.send.options import Options
from notices.send.pending import Checked, Pending, elapsed
from notices.send.permission import Refusal
from notices.send.run_log import RunLog

MOST_AHEAD = 128
AHEAD_SECONDS = 0.2
STALE_SECONDS = 1.0
SETTLE_SECONDS = 0.1
FIRST_GAP, LEAST_GAP = 0.05, 1e-4
PACE_SHARE = 0.25  # what the newest acceptance counts in the pace


@dataclass(slots=True, eq=False)
class Noted:
    """A mail whose intent is durable. last_moment: when its lease ends; noted_at: when it was asked (``elapsed``).

    suppressions: addresses that this run had found dead by then.
    """

    item: Checked
    noted_at: float
    last_moment: float
    suppressions: int


@dataclass(slots=True)
class Told:
    """Whom the clerk tells: of a refusal, and how a mail went (the second argument: the breaker is open)."""

    refused: Callable[[Checked, Refusal], Awaitable[None]]
    settled: Callable[[Checked, Reply, bool], Awaitable[None]]


class Clerk:
    """Between the mails that wait for their turn and the connections that send them."""

    def __init__(self, ledger: Ledger, desk: Desk, pending: Pending, options: Options, log: RunLog | None) -> None:
        self._ledger, self._desk, self._pending, self._options, self._log = ledger, desk, pending, options, log
        self._noted: deque[Noted] = deque()
        self._waiters: deque[asyncio.Future[Noted | None]] = deque()
        self._ended: list[tuple[Checked, Reply]] = []
        self._changed, self._idle = asyncio.Event(), asyncio.Event()
        self._is_over = False
        self._gap, self._accepted_at = FIRST_GAP, elapsed()  # seconds from one acceptance to the next

    def mails_in(self, seconds: float) -> int:
        """How many mails go in so many seconds, by the pace of the last ones."""
        return int(seconds / max(self._gap, LEAST_GAP))

    async def note_on(self, still_good: Callable[[Checked], Awaitable[Checked | None]], told: Told) -> None:
        """Note intents ahead until no more mails wait. still_good: the mail checked again if need be, or None."""
        self._told = told
        while await self._room():
            first = await self._pending.take()
            if first is None:
                break
            good = await still_good(first)
            if good is None:
                self._pending.done()
                continue
            batch = [good]
            since = elapsed() - self._options.fresh_seconds
            while len(batch) < self._wanted() and (one := self._pending.take_ready(since)) is not None:
                batch.append(one)
            await self._commit(batch)
        self.end()

    async def settle_on(self, told: Told) -> None:
        """Note acceptances, many in a transaction, until the end: soon, and at once where nothing else is to do."""
        self._told = told
        while not self._is_over:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), SETTLE_SECONDS)
            self._idle.clear()
            await self._commit([])

    def end(self) -> None:
        """No more mails: connections that wait for one hear it."""
        self._is_over = True
        self._changed.set()
        self._idle.set()
        while self._waiters:
            _hand(self._waiters.popleft(), None)

    async def close(self) -> None:
        """Note what has ended, take back what was noted and never began. The connections have ended before."""
        await self._commit([])
        rest = [one.item.claimed for one in self._noted]
        self._noted.clear()
        if rest:
            await self._ledger.commit(lambda db: outbox.release_noted(db, rest))
            self._pending.done(len(rest))

    async def next(self) -> Noted | None:
        """The next mail that may go; None once there are no more."""
        while not self._pending.is_closed and not self._is_over:
            if not self._noted:
                waiter: asyncio.Future[Noted | None] = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                self._changed.set()
                self._idle.set()
                return await waiter
            one = self._taken()
            if not self.is_stale(one):
                return one
            await self.give_back(one)
        return None

    def ready(self) -> Noted | None:
        """The next mail if it may go now; does not wait."""
        if not self._noted or self._pending.is_closed or self.is_stale(self._noted[0]):
            return None
        return self._taken()

    def is_stale(self, one: Noted) -> bool:
        """Whether this mail must be asked again before it goes."""
        return elapsed() - one.noted_at > STALE_SECONDS or one.suppressions != self._desk.suppressions

    async def give_back(self, one: Noted) -> None:
        """A mail that was not begun, and why is not its fault: to be sent by another connection, or asked again."""
        if not self._pending.is_closed and not self.is_stale(one):
            self._offer(one, first=True)
            return
        await self._ledger.commit(lambda db: outbox.take_back(db, [one.item.claimed]))
        if self._pending.is_closed:  # perhaps since then
            await self._ledger.commit(lambda db: outbox.release(db, [one.item.claimed]))
            self._pending.done()
        else:
            self._pending.put_back(one.item)

    def begin(self, one: Noted) -> None:
        """The body of this mail goes now."""
        if self._log is not None:
            self._log.begin(one.item.claimed)

    def accepted(self, one: Noted, reply: Reply) -> None:
        """A relay took this mail: in the run's file now, in the DB soon."""
        now = elapsed()
        self._gap += PACE_SHARE * (now - self._accepted_at - self._gap)
        self._accepted_at = now
        self._ended.append((one.item, reply))
        if self._log is not None:
            self._log.take(one.item.claimed, reply.code or 0, reply.text)

    async def settle(self, one: Noted, reply: Reply) -> None:
        """Note how this mail went; returns once that is durable."""
        self._ended.append((one.item, reply))
        await self._commit([])

    async def _room(self) -> bool:
        """Wait until more should be noted. False: there will be no more."""
        while not self._is_over and not self._pending.is_closed:
            if self._waiters or 2 * len(self._noted) < self._ahead():
                return True
            self._changed.clear()
            await self._changed.wait()
        return False

    def _ahead(self) -> int:
        return min(MOST_AHEAD, self.mails_in(AHEAD_SECONDS))

    def _wanted(self) -> int:
        return max(len(self._waiters), self._ahead() - len(self._noted))

    async def _commit(self, batch: list[Checked]) -> None:
        """One transaction: how mails went, and the intents of a batch."""
        asked_at, dead = elapsed(), self._desk.suppressions
        ended, self._ended = self._ended, []
        if not ended and not batch:
            return
        turns = [Turn(item, reply, None) for item, reply in ended] + [Turn(None, None, item) for item in batch]
        results = await self._ledger.commit_with_others(self._desk.turn, turns)
        for item, (_, refusal) in zip(batch, results[len(ended) :], strict=True):
            if refusal is not None:
                await self._told.refused(item, refusal)
                self._pending.done()
                continue
            self._options.at_point("intended", item.claimed.delivery_id)
            self._offer(Noted(item, asked_at, asked_at + self._options.lease_seconds, dead))
        for (item, reply), (is_open, _) in zip(ended, results, strict=False):
            self._options.at_point("settled", item.claimed.delivery_id)
            await self._told.settled(item, reply, is_open)
        self._pending.done(len(ended))

    def _offer(self, one: Noted, *, first: bool = False) -> None:
        """To who waits longest, else to who asks next."""
        while self._waiters:
            if _hand(self._waiters.popleft(), one):
                return
        (self._noted.appendleft if first else self._noted.append)(one)

    def _taken(self) -> Noted:
        self._changed.set()
        return self._noted.popleft()


def _hand(waiter: asyncio.Future[Noted | None], one: Noted | None) -> bool:
    """Whether somebody still waited there."""
    if waiter.done():
        return False
    waiter.set_result(one)
    return True
