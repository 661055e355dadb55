"""What was claimed and checked and waits for its turn: by relay, and by recipient domain, at most so many a second.

Rates hold for one sender. Where a domain's turn is not yet, mails to other domains go first.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from notices.send.outbox import Claimed

BURST_SECONDS = 0.25
MOST_WAITING = 256


def elapsed() -> float:
    """Seconds on a clock that never jumps and that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Rate:
    """So many a second, evenly, in bursts of at most a quarter of a second's worth."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._slack = max(0.0, BURST_SECONDS - self._gap)
        self._due = float("-inf")

    def free_at(self, now: float) -> float:
        """When the next may go: ``now`` or later."""
        return max(now, self._due - self._slack)

    def take(self, now: float) -> None:
        """One goes now."""
        self._due = max(self._due, now) + self._gap


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """One claimed delivery that may go, as was last seen at ``checked_at`` (seconds of ``elapsed``).

    unchanged: what the DB's state was called then (notices.send.desk); None: not known.
    """

    claimed: Claimed
    recipient: str
    mime: bytes
    checked_at: float
    unchanged: object | None = None

    @property
    def domain(self) -> str:
        """Whose rate it counts against."""
        return self.recipient.rpartition("@")[2].lower()


class Pending:
    """A queue that gives each mail in its turn. One producer, many takers."""

    def __init__(self, relay_rate: float | None, domain_rate: float | None) -> None:
        self._relay = Rate(relay_rate) if relay_rate else None
        self._domain_rate = domain_rate
        self._domains: dict[str, Rate] = {}
        self._waiting: deque[Checked] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._out = 0

    def put(self, checked: list[Checked]) -> None:
        """Let these wait for their turn, after those that wait already."""
        self._waiting.extend(checked)
        self._changed.set()

    async def take(self) -> Checked | None:
        """The next one whose turn it is; None once there will be no more. Say ``done`` when it is settled."""
        while True:
            now = elapsed()
            relay_free = self._relay.free_at(now) if self._relay else now
            turns = []
            for one in self._waiting:
                turns.append(max(relay_free, self._free_at(one.domain, now)))
                if turns[-1] <= now:
                    return self._taken(one, now)
            if self._closed:
                return None
            await self._change(min(turns) - now if turns else None)

    def take_ready(self, checked_since: float) -> Checked | None:
        """The next one whose turn it is now, if it was checked since then; does not wait."""
        now = elapsed()
        if self._relay is not None and self._relay.free_at(now) > now:
            return None
        for one in self._waiting:
            if one.checked_at >= checked_since and self._free_at(one.domain, now) <= now:
                return self._taken(one, now)
        return None

    def put_back(self, one: Checked) -> None:
        """One that was taken and did not go waits again, before all others."""
        self._waiting.appendleft(one)
        self.done()

    def done(self, many: int = 1) -> None:
        """So many that were taken are settled."""
        self._out -= many
        self._changed.set()

    async def room(self, few: int) -> None:
        """Wait until fewer than ``few`` could go at once, so that more should be claimed; or until the end."""
        while not self._closed:
            if self._ready(few) < few and len(self._waiting) < MOST_WAITING:
                return
            await self._change(None)

    @property
    def is_closed(self) -> bool:
        """Whether there will be no more."""
        return self._closed

    @property
    def is_busy(self) -> bool:
        """Whether anything waits or is out."""
        return bool(self._waiting or self._out)

    async def settled(self) -> None:
        """Wait until nothing waits and nothing is out, or until the end."""
        while self.is_busy and not self._closed:
            await self._change(None)

    def close(self) -> list[Claimed]:
        """No more: takers get None. Returns what was never taken."""
        rest = [one.claimed for one in self._waiting]
        self._waiting.clear()
        self._closed = True
        self._changed.set()
        return rest

    def _ready(self, most: int) -> int:
        """How many could go at once, as far as domains' rates go; counted up to ``most``."""
        if not self._domain_rate:
            return len(self._waiting)
        now = elapsed()
        return sum(1 for _ in islice((one for one in self._waiting if self._free_at(one.domain, now) <= now), most))

    def _free_at(self, domain: str, now: float) -> float:
        rate = self._domains.get(domain)
        return now if rate is None else rate.free_at(now)

    def _taken(self, one: Checked, now: float) -> Checked:
        self._waiting.remove(one)
        self._out += 1
        if self._relay is not None:
            self._relay.take(now)
        if self._domain_rate:
            self._domains.setdefault(one.domain, Rate(self._domain_rate)).take(now)
        self._changed.set()
        return one

    async def _change(self, seconds: float | None) -> None:
        """Wait until something changes, or so long."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
