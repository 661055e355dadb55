"""``kill -9`` at named points and at random moments: nothing lost, nothing claimed that is not so, little repeated."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from bench.sending import relay as server
from bench.sending.relay import Manner
from bench.sending.sender import Order, Sender
from bench.sending.world import let_leases_run_out, plan, standing
from notices.state import open_state

POOL = 4
POINTS = (
    "claimed", "checked", "intending", "intended", "opened", "envelope", "go_ahead", "body", "dot", "replied",
    "settling", "settled",
)  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """One death: at the ``nth`` passing of ``point``, or ``seconds`` after the fork where no point is named."""

    point: str = ""
    nth: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Figures:
    """What became of the notices. The four that must be nothing are in ``faults``."""

    kills: int
    died: int
    notices: int
    copies: int
    repeated: int
    most_repeated_by_one_kill: int
    most_copies: int
    parked_without_a_copy: int
    states: dict[str, int]
    faults: dict[str, int]


def schedule(per_point: int, at_random: int, seed: int, furthest: int = 24) -> list[Kill]:
    """So many kills at each named point and at random moments, in random order."""
    dice = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    named = [Kill(point, dice.randint(1, furthest)) for point in POINTS for _ in range(per_point)]
    timed = [Kill(seconds=dice.uniform(0.02, 0.3)) for _ in range(at_random)]
    kills = named + timed
    dice.shuffle(kills)
    return kills


def trial(
    sender: Sender,
    folder: Path,
    url: str,
    many: int,
    kills: Iterable[Kill],
    sabotage: str = "",
    *,
    pipelines: bool = True,
) -> Figures:
    """Plan ``many`` notices, kill one sender after the other, let a last one finish, and count."""
    engine = open_state(url)
    plan(engine, many)
    manner = Manner(extensions=("PIPELINING",) if pipelines else ())
    with server.running(manner=manner) as (relay, log):
        order = Order(url, relay.port, sabotage=sabotage, journal=str(folder / "sent.journal"))
        ended, ends = [], []
        for kill in kills:
            ended.append(_killed(sender, order, kill))
            _settled(log)
            ends.append(len(log.transactions))
            let_leases_run_out(engine)
        for hours in (0, 2, 4):  # what is uncertain is tried once more, then left
            sender.run(replace(order, hours_later=hours))
            let_leases_run_out(engine)
        _settled(log)
        found = _figures(engine, log, ends, many)
    engine.dispose()
    return replace(found, kills=len(ended), died=sum(code == -signal.SIGKILL for code in ended))


def _killed(sender: Sender, order: Order, kill: Kill) -> int:
    if kill.point:
        return sender.run(replace(order, point=kill.point, nth=kill.nth))
    child = sender.start(order)
    time.sleep(kill.seconds)
    with suppress(ProcessLookupError):  # it may have finished
        os.kill(child, signal.SIGKILL)
    return sender.ended()


def _settled(log: server.Log) -> None:
    """Wait until the server has read what the dead sender still had on its way."""
    before = -1
    while before != (before := len(log.transactions) + len(log.taken) + log.verbs.total()):
        time.sleep(0.02)


def _figures(engine: Engine, log: server.Log, ends: list[int], many: int) -> Figures:
    copies: Counter[str] = Counter()
    noted_under: dict[str, set[str]] = {}
    by_kill: Counter[int] = Counter()
    first_run: dict[str, int] = {}
    for run, mail in _taken(log, ends):
        copies[mail.message_id] += 1
        noted_under.setdefault(mail.recipient, set()).add(mail.message_id)
        if mail.message_id in first_run:
            by_kill[first_run[mail.message_id]] += 1  # the kill of that run is why there is another copy
        first_run[mail.message_id] = run
    rows = list(standing(engine))
    faults = {
        "lost": sum(copies[row.message_id] == 0 and row.state != "PARKED" for row in rows) + many - len(rows),
        "marked accepted without a copy": sum(row.state == "ACCEPTED" and not copies[row.message_id] for row in rows),
        "copies without a noted intent": sum(max(0, copies[row.message_id] - row.tries) for row in rows),
        "more than two copies": sum(count > 2 for count in copies.values()),  # noqa: PLR2004 - the promise
        "more repeated by one kill than were open": sum(count > POOL for count in by_kill.values()),
        "another Message-ID for the same notice": sum(len(ids) > 1 for ids in noted_under.values()),
    }
    return Figures(
        kills=0, died=0, notices=many, copies=copies.total(), repeated=copies.total() - len(copies),
        most_repeated_by_one_kill=max(by_kill.values(), default=0), most_copies=max(copies.values(), default=0),
        parked_without_a_copy=sum(row.state == "PARKED" and copies[row.message_id] == 0 for row in rows),
        states=dict(Counter(row.state for row in rows)), faults=faults,
    )  # fmt: skip


def _taken(log: server.Log, ends: list[int]) -> Iterator[tuple[int, server.Transaction]]:
    """The accepted mails, each with the number of the run that sent it."""
    run = 0
    for at, mail in enumerate(log.transactions):
        while run < len(ends) and at >= ends[run]:
            run += 1
        if mail.is_accepted:
            yield run, mail
