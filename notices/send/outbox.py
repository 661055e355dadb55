"""All SQL of deliveries and attempts: the state machine of sending.

READY --claim(lease, epoch)--> LEASED --intent--> SENDING --250--> ACCEPTED
LEASED and the lease ran out: READY. SENDING and failed before the final dot, or 4xx: READY, later. SENDING and surely
not begun: LEASED again, as if the intent had never been noted.
SENDING and the end is not known (dot sent and no reply, or the lease ran out): UNCERTAIN, one more try with the same
Message-ID, then PARKED. 5xx for the recipient: FAILED. The notice's end before sending: CANCELLED.

Leases live by the DB's clock, never by a sender's. Permission is fenced by the epoch; facts are not: an acceptance is
recorded whatever the epoch. Every function runs inside the caller's writing transaction, for many rows at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from notices.send.run_log import Try
from notices.state import attempts, chunks, deliveries, mails, notices
from notices.state.db_clock import db_now, now_sql
from notices.state.prepared import run_many

LEASE_SECONDS = 60.0
MAX_UNCERTAIN = 2
REPLY_LENGTH = 500
WAITING = ("READY", "UNCERTAIN")


@dataclass(frozen=True, slots=True, eq=False)
class Claimed:
    """One delivery that this sender holds. ``due_at`` is when it was due; ``tries`` how often it was tried before."""

    delivery_id: str
    notice_id: str
    message_id: str
    recipient_id: str
    kind: str
    epoch: int
    token: str
    tries: int
    due_at: datetime
    expires_at: datetime
    envelope_from: str
    sealed_to: bytes
    sealed_mime: bytes


@dataclass(frozen=True, slots=True)
class Ending:
    """How one try ended. result: accepted, later, failed, uncertain; ``next_try_at`` for what is tried again."""

    result: str
    phase: str
    code: int | None
    reply: str
    next_try_at: datetime
    relay: str


def claim(
    db: Connection,
    token: str,
    due_until: datetime,
    untried_since: datetime,
    limit: int,
    lease_seconds: float,
    stopped: Collection[str] = (),
) -> list[Claimed]:
    """Take up to ``limit`` approved deliveries that are due, the longest waiting first; nobody else can hold them.

    due_until: by the day's clock. untried_since: by the DB's clock; what was tried since is left for a later run.
    stopped: kinds whose kill switch is on.
    """
    wanted = {"due": due_until, "since": untried_since, "most": limit, "stopped": list(stopped)}
    # one state at a time: an index then gives them in order, however many wait
    found = [row for state in WAITING for row in db.execute(_due(), {**wanted, "waiting": state}).all()]
    rows = sorted(found, key=lambda row: (row.next_try_at, row.delivery_id))[:limit]
    if not rows:
        return []
    tries = [{"id_": row.delivery_id, "epoch_": row.epoch + 1, "token_": token} for row in rows]
    mine = _moved(db, _taken(db.dialect.name, lease_seconds), tries, "LEASED")
    return [_claimed(row, token) for row in rows if row.delivery_id in mine]


@cache
def _due() -> Select[Any]:
    since = attempts.c.started_at >= bindparam("since")
    tried = exists().where(attempts.c.delivery_id == deliveries.c.delivery_id, since)
    joined = deliveries.join(notices, notices.c.notice_id == deliveries.c.notice_id).join(
        mails, mails.c.delivery_id == deliveries.c.delivery_id
    )
    kept = ("delivery_id", "notice_id", "message_id", "epoch", "tries", "next_try_at", "envelope_from", "sealed_to")
    told = (notices.c.recipient_id, notices.c.kind, notices.c.expires_at)
    return (
        select(*(deliveries.c[name] for name in kept), *told, mails.c.sealed_mime)
        .select_from(joined)
        .where(deliveries.c.state == bindparam("waiting"), deliveries.c.next_try_at <= bindparam("due"), ~tried)
        .where(notices.c.state == "APPROVED", notices.c.kind.not_in(bindparam("stopped", expanding=True)))
        .order_by(deliveries.c.next_try_at, deliveries.c.delivery_id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=deliveries)
    )


@cache
def _taken(dialect: str, lease_seconds: float) -> Update:
    this = and_(deliveries.c.delivery_id == bindparam("id_"), deliveries.c.epoch + 1 == bindparam("epoch_"))
    free = or_(*(deliveries.c.state == state for state in WAITING))
    held = {"state": "LEASED", "epoch": bindparam("epoch_"), "lease_token": bindparam("token_")}
    times = {"lease_until": now_sql(dialect, lease_seconds), "updated_at": now_sql(dialect)}
    return update(deliveries).where(this, free).values(**held, **times)


def _moved(db: Connection, statement: Update, tries: list[dict[str, Any]], state: str) -> set[str]:
    """Run a statement that moves deliveries to ``state``, for each try by its key. Returns the ids of those it moved.

    One row at a time: for a list of ids, SQLite walks through all that wait.
    """
    if run_many(db, statement, tries).rowcount == len(tries):
        return {row["id_"] for row in tries}
    keys, tokens = [(row["id_"], row["epoch_"]) for row in tries], list({row["token_"] for row in tries})
    return set(db.execute(_standing(), {"keys": keys, "tokens": tokens, "wanted": state}).scalars())


@cache
def _standing() -> Select[Any]:
    """Which of these tries stand in a state, under these tokens."""
    these = tuple_(deliveries.c.delivery_id, deliveries.c.epoch).in_(bindparam("keys", expanding=True))
    mine = deliveries.c.lease_token.in_(bindparam("tokens", expanding=True))
    return select(deliveries.c.delivery_id).where(these, mine, deliveries.c.state == bindparam("wanted"))


def _claimed(row: Row[Any], token: str) -> Claimed:
    return Claimed(
        delivery_id=row.delivery_id,
        notice_id=row.notice_id,
        message_id=row.message_id,
        recipient_id=row.recipient_id,
        kind=row.kind,
        epoch=row.epoch + 1,
        token=token,
        tries=row.tries,
        due_at=row.next_try_at,
        expires_at=row.expires_at,
        envelope_from=row.envelope_from,
        sealed_to=row.sealed_to,
        sealed_mime=row.sealed_mime,
    )


def intend(db: Connection, claimed: Claimed, lease_seconds: float) -> bool:
    """As ``intend_all``, for one. Returns whether it may be sent."""
    return bool(intend_all(db, [claimed], lease_seconds))


def intend_all(db: Connection, claimed: Sequence[Claimed], lease_seconds: float) -> set[str]:
    """LEASED to SENDING, durable before the first word to a relay. Returns the ids of those that may be sent.

    The others have lost the right: the lease ran out or was taken over, or the notice is no longer approved.
    """
    if not claimed:
        return set()
    tries = [{"id_": one.delivery_id, "epoch_": one.epoch, "token_": one.token} for one in claimed]
    going = _moved(db, _intent(db.dialect.name, lease_seconds), tries, "SENDING")
    begun = [{"delivery_id": one.delivery_id, "epoch": one.epoch} for one in claimed if one.delivery_id in going]
    if begun:
        run_many(db, _attempt_begun(db.dialect.name), begun)
    return going


@cache
def _intent(dialect: str, lease_seconds: float) -> Update:
    approved = exists().where(notices.c.notice_id == deliveries.c.notice_id, notices.c.state == "APPROVED")
    held = and_(_this_try(), deliveries.c.state == "LEASED", deliveries.c.lease_until > now_sql(dialect))
    values = {"state": "SENDING", "tries": deliveries.c.tries + 1, "updated_at": now_sql(dialect)}
    until = now_sql(dialect, lease_seconds)
    return update(deliveries).where(held, approved).values(**values, lease_until=until)


@cache
def _attempt_begun(dialect: str) -> Insert:
    return insert(attempts).values(started_at=now_sql(dialect))


def settle(db: Connection, claimed: Claimed, ending: Ending) -> None:
    """As ``settle_all``, for one."""
    settle_all(db, [(claimed, ending)])


def settle_all(db: Connection, ended: Sequence[tuple[Try, Ending]]) -> None:
    """Record how tries ended. Anything but an acceptance counts only while this sender still holds the delivery."""
    rows = [_bound(one, ending) for one, ending in ended]
    run_many(db, _attempt_ended(db.dialect.name), rows)
    for result in dict.fromkeys(ending.result for _, ending in ended):
        same = [row for row, (_, ending) in zip(rows, ended, strict=True) if ending.result == result]
        if result == "accepted":
            run_many(db, _ending(db.dialect.name, result), same)
        else:  # the others name a moment
            db.execute(_ending(db.dialect.name, result), same)


@cache
def _attempt_ended(dialect: str) -> Update:
    this = and_(attempts.c.delivery_id == bindparam("id_"), attempts.c.epoch == bindparam("epoch_"))
    said: dict[str, Any] = {"phase": bindparam("phase_"), "code": bindparam("code_"), "reply": bindparam("reply_")}
    return update(attempts).where(this).values(ended_at=now_sql(dialect), **said)


def _bound(one: Try, ending: Ending) -> dict[str, Any]:
    return {
        "id_": one.delivery_id, "epoch_": one.epoch, "token_": one.token, "phase_": ending.phase, "code_": ending.code,
        "reply_": ending.reply[:REPLY_LENGTH], "relay_": ending.relay, "next_": ending.next_try_at,
    }  # fmt: skip


@cache
def _ending(dialect: str, result: str) -> Update:
    """The statement for one way of ending, with the rows' values as parameters."""
    said: dict[str, Any] = {
        "last_code": bindparam("code_"),
        "last_reply": bindparam("reply_"),
        "relay": bindparam("relay_"),
    }
    free = {"lease_token": None, "lease_until": None, "updated_at": now_sql(dialect)}
    this = deliveries.c.delivery_id == bindparam("id_")
    if result == "accepted":
        # two comparisons: a list cannot be part of a statement that runs for many rows
        open_states = and_(deliveries.c.state != "BOUNCED", deliveries.c.state != "COMPLAINED")
        accepted = {"state": "ACCEPTED", "accepted_at": func.coalesce(deliveries.c.accepted_at, now_sql(dialect))}
        return update(deliveries).where(this, open_states).values(**accepted, **said, **free)
    held = update(deliveries).where(_this_try(), deliveries.c.state == "SENDING")
    if result == "failed":
        return held.values(state="FAILED", **said, **free)
    again: dict[str, Any] = {"next_try_at": bindparam("next_")}
    if result == "later":
        return held.values(state=waiting_again(), **again, **said, **free)
    return held.values(**one_more_uncertain(), **again, **said, **free)


def taken_before(db: Connection, claimed: Claimed) -> None:
    """A relay has this mail already, though this DB did not know: it is ACCEPTED, and never sent again."""
    accepted = {"state": "ACCEPTED", "accepted_at": func.coalesce(deliveries.c.accepted_at, db_now(db))}
    said = {"last_reply": "taken by a relay before this DB was restored", "updated_at": db_now(db)}
    free = {"lease_token": None, "lease_until": None}
    db.execute(update(deliveries).where(_held(claimed, "LEASED")).values(**accepted, **said, **free))


def release(db: Connection, claimed: Sequence[Claimed]) -> None:
    """Give back what was claimed and not begun."""
    for one in claimed:
        free = {"lease_token": None, "lease_until": None, "updated_at": db_now(db)}
        db.execute(update(deliveries).where(_held(one, "LEASED")).values(state=waiting_again(), **free))


def postpone(db: Connection, claimed: Claimed, until: datetime) -> None:
    """Give back what may not go before ``until``."""
    free = {"lease_token": None, "lease_until": None, "updated_at": db_now(db)}
    held = update(deliveries).where(_held(claimed, "LEASED"))
    db.execute(held.values(state=waiting_again(), next_try_at=until, **free))


def end_notice(db: Connection, claimed: Claimed, state: str, reason: str) -> bool:
    """Close the notice of a claimed delivery unsent: EXPIRED, SUPPRESSED or WITHDRAWN, with the reason."""
    free = {"lease_token": None, "lease_until": None, "updated_at": db_now(db)}
    held = update(deliveries).where(_held(claimed, "LEASED")).values(state=over(), **free)
    if db.execute(held).rowcount != 1:
        return False
    ended = {"state": state, "state_reason": reason[:200], "updated_at": db_now(db)}
    db.execute(update(notices).where(notices.c.notice_id == claimed.notice_id).values(**ended))
    return True


def take_back(db: Connection, noted: Sequence[Try]) -> None:
    """SENDING to LEASED: intents of mails whose bodies were never begun. Nothing is left of such a try."""
    rows = [{"id_": one.delivery_id, "epoch_": one.epoch, "token_": one.token} for one in noted]
    back = _moved(db, _taken_back(db.dialect.name), rows, "LEASED") if rows else set()
    if back:
        db.execute(_attempt_forgotten(), [row for row in rows if row["id_"] in back])


def release_noted(db: Connection, noted: Sequence[Claimed]) -> None:
    """Give back what was claimed and noted, and not begun."""
    take_back(db, noted)
    release(db, noted)


@cache
def _taken_back(dialect: str) -> Update:
    held = and_(_this_try(), deliveries.c.state == "SENDING")
    values = {"state": "LEASED", "tries": deliveries.c.tries - 1, "updated_at": now_sql(dialect)}
    return update(deliveries).where(held).values(**values)


@cache
def _attempt_forgotten() -> Delete:
    this = and_(attempts.c.delivery_id == bindparam("id_"), attempts.c.epoch == bindparam("epoch_"))
    return delete(attempts).where(this)


def expire_notices(db: Connection, now: datetime) -> int:
    """Close approved, held and proposed notices whose time has passed and that nobody is sending. Returns how many."""
    joined = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    idle = or_(deliveries.c.delivery_id.is_(None), deliveries.c.state.in_(WAITING))
    open_ = notices.c.state.in_(["APPROVED", "HELD", "PROPOSED"])
    query = select(notices.c.notice_id).select_from(joined).where(open_, idle, notices.c.expires_at <= now)
    late = list(db.execute(query).scalars())
    for chunk in chunks(late):
        ended = {"state": "EXPIRED", "state_reason": "too late to be useful", "updated_at": db_now(db)}
        db.execute(update(notices).where(notices.c.notice_id.in_(chunk)).values(**ended))
        waiting = and_(deliveries.c.notice_id.in_(chunk), deliveries.c.state.in_(WAITING))
        db.execute(update(deliveries).where(waiting).values(state=over(), updated_at=db_now(db)))
    return len(late)


def states(db: Connection, notice_day: Any = None) -> Mapping[str, int]:
    """How many deliveries stand in each state; of one day's notices if given."""
    joined = deliveries.join(notices, notices.c.notice_id == deliveries.c.notice_id)
    query = select(deliveries.c.state, func.count()).select_from(joined).group_by(deliveries.c.state)
    if notice_day is not None:
        query = query.where(notices.c.day == notice_day)
    return {row[0]: row[1] for row in db.execute(query)}


def _held(claimed: Claimed, state: str) -> ColumnElement[bool]:
    return and_(
        deliveries.c.delivery_id == claimed.delivery_id,
        deliveries.c.state == state,
        deliveries.c.lease_token == claimed.token,
        deliveries.c.epoch == claimed.epoch,
    )


def _this_try() -> ColumnElement[bool]:
    """The delivery of a row of parameters, as long as it is held under that token and epoch."""
    mine = and_(deliveries.c.lease_token == bindparam("token_"), deliveries.c.epoch == bindparam("epoch_"))
    return and_(deliveries.c.delivery_id == bindparam("id_"), mine)


def waiting_again() -> ColumnElement[str]:
    """What was once uncertain stays so: it may already have been accepted."""
    return case((deliveries.c.uncertain > 0, "UNCERTAIN"), else_="READY")


def over() -> ColumnElement[str]:
    """Not to be sent any more. What may have been accepted stays visible as such."""
    return case((deliveries.c.uncertain > 0, "PARKED"), else_="CANCELLED")


def one_more_uncertain() -> dict[str, Any]:
    parked = case((deliveries.c.uncertain + 1 >= MAX_UNCERTAIN, "PARKED"), else_="UNCERTAIN")
    return {"state": parked, "uncertain": deliveries.c.uncertain + 1}
