"""A relay that is down for hours, and a password that goes wrong in the middle of a batch: nothing fails for good."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from bench.sending import relay as server
from bench.sending.relay import Manner
from bench.sending.world import KEYS, hours_later, let_breakers_rest, plan, states
from notices.send.run import Options, send_due
from notices.state import attempts
from settings import Relay

STEPS_AN_HOUR = 4
OPENS_AFTER = 3  # tries: the promise, whatever the product says
AUTH = ("AUTH PLAIN", "PIPELINING")


@dataclass(frozen=True)
class Figures:
    """How it went. ``faults`` must all be nothing."""

    notices: int
    runs_while_down: int
    tries_while_down: int
    most_tries_in_a_run: int
    states_while_down: dict[str, int]
    states: dict[str, int]
    copies: int
    faults: dict[str, int]


def down(engine: Engine, many: int, hours: int) -> Figures:
    """Nobody listens for so many simulated hours, a run every quarter of an hour; then the relay is back."""
    plan(engine, many)
    with server.nobody() as relay:
        tries = [_run(engine, relay, step / STEPS_AN_HOUR) for step in range(hours * STEPS_AN_HOUR)]
        meanwhile = states(engine)
    with server.running(manner=Manner(extensions=AUTH[1:])) as (relay, log):
        for later in (hours, hours + 2, hours + 4):
            _run(engine, relay, later)
    return _figures(engine, many, tries, meanwhile, log)


def wrong_password(engine: Engine, many: int) -> Figures:
    """The relay forgets the password when half the batch is through, and ends the connections it had."""
    plan(engine, many)
    tries = []
    away = {"since": many // 2, "until": False}

    def script(verb: str, _count: int) -> str | None:
        if away["until"]:
            return None
        if verb == "AUTH" and log.verbs["DOT"] >= away["since"]:
            return "535 5.7.8 wrong password"
        return "421 4.7.0 who are you" if verb == "MAIL" and log.verbs["DOT"] >= away["since"] else None

    with server.running(manner=Manner(script, extensions=AUTH), password="a password") as (relay, log):  # noqa: S106
        _run(engine, relay, 0)
        tries.extend(_run(engine, relay, 2 + step) for step in range(4))
        meanwhile = states(engine)
        away["until"] = True
        for later in (8, 10, 12):
            _run(engine, relay, later)
    return _figures(engine, many, tries, meanwhile, log)


def _run(engine: Engine, relay: Relay, hours: float) -> int:
    """One run, after the breaker has rested. Returns how many deliveries it tried."""
    let_breakers_rest(engine)
    before = _tries(engine)
    asyncio.run(send_due(engine, KEYS, relay, hours_later(hours), lambda _ids: {}, Options()))
    return _tries(engine) - before


def _tries(engine: Engine) -> int:
    with engine.connect() as db:
        return db.execute(select(func.count()).select_from(attempts)).scalar_one()


def _figures(engine: Engine, many: int, tries: list[int], meanwhile: Counter[str], log: server.Log) -> Figures:
    ended = states(engine)
    copies = Counter(mail.message_id for mail in log.transactions if mail.is_accepted)
    faults = {
        "failed for good": meanwhile["FAILED"] + ended["FAILED"] + meanwhile["PARKED"] + ended["PARKED"],
        "not delivered after": many - ended["ACCEPTED"] + many - len(copies),
        "tries beyond three before the breaker opens": sum(max(0, count - OPENS_AFTER) for count in tries),
        "repeated": copies.total() - len(copies),
    }
    return Figures(many, len(tries), sum(tries), max(tries), dict(meanwhile), dict(ended), copies.total(), faults)
