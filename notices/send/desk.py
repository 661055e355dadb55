"""What a run asks and notes in the state DB, for many mails at once: what may go, and how it went."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection as Db

from notices.keys import Keys
from notices.people.preferences import suppress
from notices.plan import history
from notices.relay import smtp
from notices.relay.smtp import Reply
from notices.send import breaker, journal, leases, outbox
from notices.send.options import Clock, Options
from notices.send.outbox import Claimed, Ending
from notices.send.pending import Checked
from notices.send.permission import Refusal, refusals
from notices.state.db_clock import read_clock

BACKOFF_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 3_600.0
JITTER = 0.2
UNKNOWN_MAILBOX = "5.1.1"
LEASE_LOST = Refusal("LEASED", "the lease ran out")
NOT_THIS_RUN = Refusal("APPROVED", "the relay's breaker is open")
KNOWN_TO_JOURNAL = Refusal("ACCEPTED", "a relay took it before the state DB was restored")


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One step of one connection: how its last mail went, and which it would send next. Either may be missing."""

    item: Checked | None
    reply: Reply | None
    following: Checked | None


@dataclass(slots=True)
class Desk:
    """The questions and notes of one run. Every method runs inside the caller's writing transaction."""

    keys: Keys
    relay_name: str
    clock: Clock
    options: Options
    token: str
    suppressions: int = 0  # noted by this run
    is_troubled: bool = True  # the relay, as far as this run knows
    seen: object | None = None  # what ``unchanged`` was when that was known

    def claim(self, db: Db, started: datetime, most: int) -> list[Claimed]:
        """Take what is due, but for what is switched off."""
        stopped = history.stopped_kinds(db)
        if "*" in stopped:
            return []
        return outbox.claim(db, self.token, self.clock.until, started, most, self.options.lease_seconds, stopped)

    def verdicts(self, db: Db, claimed: Mapping[Claimed, str], untrue: Mapping[str, str]) -> dict[str, Refusal]:
        """Those that may not go, by delivery id. ``claimed``: each with the address it goes to."""
        moments = {one.delivery_id: self.clock.moment(one) for one in claimed}
        found = refusals(db, self.keys, claimed, untrue, moments)
        if self.options.journal is not None:
            taken = journal.taken_before(db, [one.message_id for one in claimed])
            found |= {one.delivery_id: KNOWN_TO_JOURNAL for one in claimed if one.message_id in taken}
        return found

    def recover(self, db: Db) -> dict[str, int]:
        """Take back what dead senders held, by what their files say. Returns counts: accepted, uncertain, returned.

        What a relay took is accepted. What was never begun waits again. The rest may have been accepted.
        """
        journal = self.options.journal
        taken, unbegun, lost = [], [], []
        for row in leases.left_open(db):
            past = journal.past_of(row.token) if journal is not None else None
            found = past.taken.get((row.delivery_id, row.epoch)) if past is not None else None
            if found is not None:
                ending = Ending(smtp.ACCEPTED, "done", found.code, found.text, self.clock.now, self.relay_name)
                taken.append((row, ending))
            elif past is not None and past.never_began(row):
                unbegun.append(row)
            else:
                lost.append(row)
        if journal is not None and taken:
            journal.note(db, [row.message_id for row, _ in taken])
            outbox.settle_all(db, taken)
        outbox.take_back(db, unbegun)
        return {"accepted": len(taken), **leases.expire_leases(db, lost)}

    def turn(self, db: Db, turns: list[Turn]) -> list[tuple[bool, Refusal | None]]:
        """Note how mails went, then ask every permission of the next ones and note their intents.

        Returns for each turn whether the relay's breaker is open now, and why the next mail may not go (None: it may).
        """
        version = _version(db)
        is_open = self._settle(
            db, version, [(t.item, t.reply) for t in turns if t.item is not None and t.reply is not None]
        )
        wanted = [t.following for t in turns if t.following is not None]
        refused = self._intend(db, version, wanted) if wanted else {}
        return [(is_open, refused.get(t.following.claimed.delivery_id) if t.following else None) for t in turns]

    def unchanged(self, db: Db) -> object | None:
        """What stays equal as long as nobody else has written to the DB; None where the DB cannot tell (PostgreSQL).

        An answer that was given under it still holds: moments, by which wishes and quiet hours are judged, do not move
        within a run.
        """
        return self._since(_version(db))

    def _since(self, version: object | None) -> object | None:
        return (version, self.suppressions) if version is not None else None

    def _intend(self, db: Db, version: object | None, wanted: list[Checked]) -> dict[str, Refusal]:
        now = self._since(version)
        asks = now is None or now != self.seen or self.is_troubled
        if asks and breaker.open_trouble(db, self.relay_name) is not None:
            return {item.claimed.delivery_id: NOT_THIS_RUN for item in wanted}
        stale = [item for item in wanted if now is None or item.unchanged != now]
        refused = self.verdicts(db, {item.claimed: item.recipient for item in stale}, {}) if stale else {}
        allowed = [item.claimed for item in wanted if item.claimed.delivery_id not in refused]
        going = outbox.intend_all(db, allowed, self.options.lease_seconds)
        for item in wanted:
            self.options.at_point("intending", item.claimed.delivery_id)
        return refused | {one.delivery_id: LEASE_LOST for one in allowed if one.delivery_id not in going}

    def _settle(self, db: Db, version: object | None, ended: list[tuple[Checked, Reply]]) -> bool:
        if not ended:
            return False
        accepted = [item.claimed.message_id for item, reply in ended if reply.result == smtp.ACCEPTED]
        if self.options.journal is not None:
            self.options.journal.note(db, accepted)
        outbox.settle_all(db, [(item.claimed, self._ending(item.claimed, reply)) for item, reply in ended])
        now = self._since(version)
        if accepted and (self.is_troubled or now is None or now != self.seen):
            breaker.note_success(db, self.relay_name)
            self.is_troubled, self.seen = False, now
        is_open = False
        for item, reply in ended:
            self.options.at_point("settling", item.claimed.delivery_id)
            if reply.result == smtp.RELAY_DOWN:
                is_open = breaker.note_trouble(db, self.relay_name, said(reply))
                self.is_troubled = True
            if reply.result == smtp.REFUSED and reply.phase == "rcpt" and UNKNOWN_MAILBOX in reply.text:
                suppress(db, self.keys, item.recipient, "unknown mailbox (5.1.1)", read_clock(db))
                self.suppressions += 1
        return is_open

    def _ending(self, one: Claimed, reply: Reply) -> Ending:
        result = "later" if reply.result == smtp.RELAY_DOWN else reply.result
        again = self.clock.moment(one) + timedelta(seconds=self._backoff(one))
        return Ending(result, reply.phase, reply.code, reply.text, again, self.relay_name)

    def _backoff(self, one: Claimed) -> float:
        """Seconds to wait: doubled with each try, moved by up to a fifth so that a queue does not come back at once."""
        wait = min(BACKOFF_SECONDS * 2.0**one.tries, LONGEST_BACKOFF_SECONDS)
        drawn = hashlib.sha256(f"{self.options.seed}|{one.delivery_id}|{one.tries}".encode()).digest()[0] / 255
        return wait * (1 + JITTER * (2 * drawn - 1))


def _version(db: Db) -> object | None:
    """The DB's state as others left it. It stands still within a writing transaction."""
    if db.dialect.name != "sqlite":
        return None
    raw: Any = db.connection.dbapi_connection
    return id(raw), raw.execute("PRAGMA data_version").fetchone()[0]


def said(reply: Reply) -> str:
    """A reply in one line, for people."""
    return f"{reply.phase}: {reply.code or ''} {reply.text}".replace(":  ", ": ")
