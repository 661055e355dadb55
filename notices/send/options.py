"""How one run sends: by which clock, and with what."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from notices.relay import smtp
from notices.relay.signing import Signer
from notices.send import outbox
from notices.send.journal import Journal
from notices.send.outbox import Claimed

POOL = 4
BATCH = 128  # claimed at once: the queries of a claim cost as much for one mail as for many
FRESH_SECONDS = 30.0  # what was checked longer ago is checked again; a truth may itself be 30 s old (jobs.truth)


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
