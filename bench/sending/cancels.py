"""Messages cancelled at random moments: no later message on that connection may get their reply."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from bench.sending import relay as server
from bench.sending.relay import Manner
from notices.relay.smtp import Connection, Reply, Timeouts

LONGEST_SECONDS = 0.012
SENDER = "a@x.example"
PATIENT = Timeouts(60.0, 60.0, 60.0)


@dataclass(frozen=True)
class Figures:
    """What the cancels met. ``faults`` must all be nothing."""

    cancels: int
    cut_short: int
    answered: int
    phases: dict[str, int]
    faults: dict[str, int]


async def trial(cancels: int, seed: int, *, pipelines: bool, timeouts: Timeouts = PATIENT) -> Figures:
    """On one connection: a message that is cancelled somewhere, then one that is not, and so on.

    The relay names in each reply the mail that it is about, refuses some, and takes a random while for every answer.
    Where it takes several commands at once, each message's envelope goes behind the dot of the one before.
    """
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    late = random.Random(seed + 1)  # noqa: S311 - the server's own: it lives in another thread

    def by_mail(verb: str, recipient: str) -> str | None:
        said = {"RCPT": "450", "DATA": "451", "DOT": "552"}
        number = int(recipient[1:].partition("@")[0]) if recipient else 0
        return said.get(verb) if number % 7 == "RCPT DATA DOT".find(verb) // 5 else None

    manner = Manner(
        by_mail=by_mail,
        extensions=("PIPELINING",) if pipelines else (),
        delay=lambda _verb: late.uniform(0.0, LONGEST_SECONDS / 4),
        names_mails=True,
    )
    replies: list[tuple[str, Reply]] = []
    cut_short = 0
    with server.running(manner=manner) as (relay, log):
        connection = Connection(relay, timeouts=timeouts)
        for n in range(2 * cancels):
            recipient = f"p{n}@mail.example"
            mime = f"Message-ID: <m{n}@x.example>\r\n\r\nhello\r\n".encode()
            comes = (SENDER, f"p{n + 1}@mail.example") if n + 1 < 2 * cancels else None
            offered = connection.deliver(SENDER, recipient, mime, lambda: True, following=lambda comes=comes: comes)
            sending = asyncio.create_task(offered)
            if n % 2 == 0:
                await asyncio.sleep(dice.uniform(0.0, LONGEST_SECONDS))
                cut_short += sending.cancel()
            with suppress(asyncio.CancelledError):
                replies.append((recipient, await sending))
        await connection.quit()
    return _figures(cancels, cut_short, replies, log)


def _figures(cancels: int, cut_short: int, replies: list[tuple[str, Reply]], log: server.Log) -> Figures:
    there = log.last_by_recipient()
    faults: Counter[str] = Counter({"reply of another mail": 0, "accepted, and the relay does not have it": 0,
                                    "not accepted, and the relay has it": 0, "no answer": 0})  # fmt: skip
    for recipient, reply in replies:
        mail = there.get(recipient)
        has_it = mail is not None and mail.is_accepted
        names_another = "@" in reply.text and recipient not in reply.text
        faults["reply of another mail"] += names_another
        faults["accepted, and the relay does not have it"] += reply.result == "accepted" and not has_it
        faults["not accepted, and the relay has it"] += reply.result in {"later", "failed"} and has_it
        faults["no answer"] += reply.result in {"uncertain", "relay_down"}
    phases = Counter(f"{reply.result} at {reply.phase}" for _, reply in replies)
    return Figures(cancels, cut_short, len(replies), dict(phases), dict(faults))
