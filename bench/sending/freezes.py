"""Several senders at once, each frozen (SIGSTOP) past its lease again and again: how many copies that costs."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.sending import relay as server
from bench.sending.relay import Manner
from bench.sending.sender import Order, Sender
from bench.sending.world import let_leases_run_out, plan, standing
from notices.state import open_state

POOL = 4
LEASE_SECONDS = 1.0
PAST_LEASE_SECONDS = 1.5  # long enough for others to take over and send what was held


@dataclass(frozen=True)
class Figures:
    """What the freezes cost. ``faults`` must all be nothing."""

    senders: int
    freezes: int
    notices: int
    copies: int
    repeated: int
    most_copies: int
    states: dict[str, int]
    faults: dict[str, int]


def trial(
    parents: Sequence[Sender],
    folder: Path,
    url: str,
    many: int,
    freezes: int,
    seed: int,
    sabotage: str = "",
) -> Figures:
    """Freeze one sender after the other while all send; then let them finish, and count.

    The relay takes its time, so that there is always something on its way.
    """
    engine = open_state(url)
    plan(engine, many)
    dice = random.Random(seed)  # noqa: S311 - which one to freeze is no secret
    manner = Manner(extensions=("PIPELINING",), delay=lambda verb: 0.15 if verb == "DOT" else 0.0)
    done = 0
    with server.running(manner=manner) as (relay, log):
        order = Order(url, relay.port, lease_seconds=LEASE_SECONDS, batch=32, sabotage=sabotage)
        order = replace(order, journal=str(folder / "sent.journal"))
        children = {at: parent.start(order) for at, parent in enumerate(parents)}
        time.sleep(1.0)
        while done < freezes and len(log.accepted) < many * 0.95:
            at = dice.randrange(len(parents))
            done += _frozen(children[at], LEASE_SECONDS + PAST_LEASE_SECONDS)
            time.sleep(dice.uniform(0.05, 0.4))
        for parent in parents:
            parent.ended()
        for hours in (0, 2, 4):
            let_leases_run_out(engine)
            parents[0].run(replace(order, sabotage="", lease_seconds=120.0, hours_later=hours))
    rows = list(standing(engine))
    engine.dispose()
    copies = Counter(mail.message_id for mail in log.transactions if mail.is_accepted)
    repeated = copies.total() - len(copies)
    faults = {
        "lost": sum(not copies[row.message_id] and row.state != "PARKED" for row in rows),
        "marked accepted without a copy": sum(row.state == "ACCEPTED" and not copies[row.message_id] for row in rows),
        "copies beyond four a freeze": max(0, repeated - POOL * done),
    }
    states = dict(Counter(row.state for row in rows))
    return Figures(len(parents), done, many, copies.total(), repeated, max(copies.values()), states, faults)


def _frozen(child: int, seconds: float) -> int:
    """Stop the process for so long. Returns 1; 0 where it had ended."""
    try:
        os.kill(child, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(child, signal.SIGCONT)
    except ProcessLookupError:
        return 0
    return 1
