"""Send what is due, after reading each fact once more: to the configured relay, else to the mailbox on this machine."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from jobs.context import Context, StepReport, clock
from jobs.record import recorded
from jobs.truth import LakeTruth
from notices.keys import Keys
from notices.plan import redigest
from notices.relay import mailbox
from notices.relay.signing import Signer
from notices.relay.smtp import is_loopback, name_of
from notices.send import outbox
from notices.send.journal import Journal
from notices.send.run import Clock, Options, Report, send_due
from notices.state import notices
from notices.write.mime import Sender
from settings import Relay, Settings

LEASE_SECONDS = 30.0  # after a kill, a rerun waits at most this long for what the dead sender held
REPLAY_SPAN = timedelta(hours=24)
FAR = timedelta(days=365)


class RelayNotAnswering(RuntimeError):
    """The relay takes no mail at the moment. Nothing was lost."""


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Run the step. Raises RelayNotAnswering where sending had to stop early; the mails wait for the next run."""
    del options
    with recorded(context, "send") as box:
        with relay_of(context.settings) as relay, LakeTruth(context.settings, box.state, context.now) as truth:
            keys, times = Keys(context.settings.secret), clock_of(context, relay)
            how = options_of(context.settings)
            report = asyncio.run(send_due(box.state, keys, relay, times, truth, how))
            if redigest.replan(box.state, keys, truth.dropped, context.now):
                again = asyncio.run(send_due(box.state, keys, relay, times, truth, how))
                report = replace(again, counts=Counter(report.counts) + Counter(again.counts))
        counts = counted(box.state, report)
        if report.relay_down:
            raise RelayNotAnswering(_trouble(relay, report, counts))
        box.report = StepReport("done", _message(context, relay, report, counts), counts)
        return box.report


def options_of(settings: Settings) -> Options:
    """How this installation sends: signed if there is a key, with its journal beside the state DB.

    Raises SigningKeyUnusable for a key that cannot sign: nothing goes unsigned that should be signed.
    """
    dkim = settings.dkim
    signer = Signer(dkim.pem, Sender.parse(settings.mail_from).domain, dkim.selector) if dkim else None
    settings.home.mkdir(parents=True, exist_ok=True)
    return Options(lease_seconds=LEASE_SECONDS, signer=signer, journal=Journal(settings.home / "sent.journal"))


@contextmanager
def relay_of(settings: Settings) -> Iterator[Relay]:
    """The configured relay; without one, a mailbox server on this machine for as long as the block lasts."""
    if settings.relay is not None:
        yield settings.relay
        return
    with mailbox.running(settings.mailbox) as relay:
        yield relay


def clock_of(context: Context, relay: Relay) -> Clock:
    """A live day sends what is due now. A past day is lived in one go, quiet hours and digest hours included.

    A past day is lived like that only where mail stays on this machine: through a real relay its notices are too late,
    and expire.
    """
    is_replay = clock(context.day, context.now + FAR) == context.now
    if not is_replay:
        return Clock(context.now, context.now)
    if not is_loopback(relay.host):
        wall = datetime.now(UTC)
        return Clock(wall, wall)
    return Clock(context.now, context.now + REPLAY_SPAN)


def counted(engine: Engine, report: Report) -> dict[str, int]:
    """What the run did, and what stands in the outbox after it: ready, uncertain, parked, and held notices."""
    with engine.connect() as db:
        standing = outbox.states(db)
        held = select(func.count()).where(notices.c.state.in_(["HELD", "PROPOSED"]))
        waiting = {"held": db.execute(held).scalar_one()}
    names = ("accepted", "failed", "withdrawn", "expired", "suppressed", "postponed")
    done = {name: report.counts.get(name, 0) for name in names}
    stands = {name: standing.get(name.upper(), 0) for name in ("ready", "uncertain", "parked")}
    return {**done, **stands, **waiting}


def _trouble(relay: Relay, report: Report, counts: Mapping[str, Any]) -> str:
    waiting = counts["ready"] + counts["uncertain"]
    when = f"It is asked again after {report.trouble.retry_at:%H:%M:%S} UTC. " if report.trouble else ""
    return (
        f"the relay {name_of(relay)} takes no mail ({report.relay_down}). {counts['accepted']:,} mails were accepted "
        f"before, {waiting:,} wait in the outbox; none is lost and none has failed for good. {when}"
        "Check BEFOREHAND_SMTP_URL and the relay, then run send again."
    )


def _message(context: Context, relay: Relay, report: Report, counts: Mapping[str, int]) -> str:
    where = name_of(relay) if context.settings.relay else f"the local mailbox {context.settings.mailbox}"
    rest = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count and name != "accepted")
    stopped = f"; switched off: {', '.join(sorted(report.stopped))}" if report.stopped else ""
    return f"{counts['accepted']:,} mails accepted by {where}{f'; {rest}' if rest else ''}{stopped}"
