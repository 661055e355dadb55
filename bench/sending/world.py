"""Notices that wait in a state DB, as many as a trial needs, and what became of them. Sent for real."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, func, insert, select, update

from notices.keys import Keys
from notices.people import directory
from notices.people.directory import Entry
from notices.send import outbox
from notices.send.run import Clock
from notices.state import attempts, breaker, chunks, decisions, deliveries, mails, notices, writing
from notices.state.db_clock import db_now
from notices.write.mime import Sender, envelope

KEYS = Keys(b"a secret of the trials, 32 characters or more")
SENDER = Sender.parse("Beforehand <notices@beforehand.example>")
DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)  # noon in Sao Paulo
CLOCK = Clock(NOW, NOW)
DOMAINS = 40
BODY = b"\r\nYour order will probably arrive later than promised, between 6 and 11 March.\r\n" * 12


def hours_later(hours: float) -> Clock:
    """The day's clock, moved: for what is to be tried again."""
    return Clock(NOW + timedelta(hours=hours), NOW + timedelta(hours=hours))


def plan(engine: Engine, many: int, first: int = 0) -> None:
    """That many approved notices, due now, each to a person of its own. ``first``: the number to begin with."""
    for chunk in chunks(range(first, first + many), 2_000):
        directory.put(engine, KEYS, [_person(n) for n in chunk])
        rows = [_rows(n) for n in chunk]
        with writing(engine) as db:
            for table in (decisions, notices, deliveries, mails):
                db.execute(insert(table), [row[table.name] for row in rows])


def address(n: int) -> str:
    """Where the notice of this number goes."""
    return f"p{n}@mail{n % DOMAINS}.example"


def _person(n: int) -> Entry:
    zone = "America/Sao_Paulo"
    return Entry(f"p{n}", "buyer", "Ana", address(n), "en", zone, "BR-SP", True)


def _rows(n: int) -> dict[str, dict[str, object]]:
    notice_id = KEYS.digest("notice", str(n))
    path = envelope(SENDER, address(n), notice_id, KEYS)
    mime = f"From: <{SENDER.address}>\r\nTo: <{address(n)}>\r\nSubject: s\r\nMessage-ID: {path.message_id}\r\n\r\n"
    shared = {"kind": "late_delivery", "recipient_id": f"p{n}", "day": DAY, "evidence": {}}
    return {
        "decisions": {
            **shared, "decision_id": f"d{n}", "subject_id": f"o{n}", "decision": "send", "reason": "",
            "model_version": "m", "decided_at": NOW,
        },
        "notices": {
            **shared, "notice_id": notice_id, "dedupe_key": f"k{n}", "decision_id": f"d{n}", "stage": "heads_up",
            "state": "APPROVED", "planned_at": NOW, "expires_at": NOW + timedelta(days=3), "updated_at": NOW,
        },
        "deliveries": {
            "delivery_id": f"x{n:06}", "notice_id": notice_id, "message_id": path.message_id,
            "envelope_from": path.sender, "sealed_to": KEYS.seal(path.recipient.encode()),
            "state": "READY", "next_try_at": NOW, "updated_at": NOW,
        },
        "mails": {"delivery_id": f"x{n:06}", "sealed_mime": KEYS.seal(mime.encode() + BODY)},
    }  # fmt: skip


def let_leases_run_out(engine: Engine) -> None:
    """What time does to the leases of a sender that is no more."""
    with writing(engine) as db:
        held = update(deliveries).where(deliveries.c.lease_until.is_not(None))
        db.execute(held.values(lease_until=db_now(db, -1.0)))


def let_breakers_rest(engine: Engine) -> None:
    """What time does to an open breaker: the relay may be asked again."""
    with writing(engine) as db:
        db.execute(update(breaker).where(breaker.c.state == "open").values(retry_at=db_now(db, -1.0)))


@dataclass(frozen=True)
class Standing:
    """One delivery as the DB has it. ``tries``: rows of attempts, which is how many intents were noted."""

    number: int
    message_id: str
    state: str
    tries: int


def standing(engine: Engine) -> Iterator[Standing]:
    """Every delivery."""
    tried = select(attempts.c.delivery_id, func.count().label("n")).group_by(attempts.c.delivery_id).subquery()
    joined = deliveries.outerjoin(tried, tried.c.delivery_id == deliveries.c.delivery_id)
    query = select(deliveries.c.delivery_id, deliveries.c.message_id, deliveries.c.state, tried.c.n)
    with engine.connect() as db:
        for row in db.execute(query.select_from(joined)):
            yield Standing(int(row.delivery_id[1:]), row.message_id, row.state, row.n or 0)


def states(engine: Engine) -> Counter[str]:
    """How many deliveries stand in each state."""
    with engine.connect() as db:
        return Counter(outbox.states(db))
