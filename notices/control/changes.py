"""What a person changes by hand: switches, pauses, rungs, budgets, rates, held batches. Every change is in the audit.

Each function runs inside the caller's writing transaction; the change and its audit entry stand or fall together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from notices.control import audit, outcomes
from notices.decide.limits import CARRIER
from notices.decide.policy import LADDER, Policy
from notices.keys import Keys
from notices.plan.history import KILL, ON, RATE, load_policy
from notices.state import chunks, control, deliveries, kinds, notices, rows

ALL = "all"
OFF = "off"


class ControlRefused(ValueError):
    """A change that cannot be meant, or that is not earned yet. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, when, and why. ``who`` is an account, never a name; ``note`` says nothing of a person."""

    who: str
    at: datetime
    note: str = ""


def switch(db: Connection, keys: Keys, what: str, by: By, *, stopped: bool) -> bool:
    """Stop or start sending: ``all``, a kind, or ``carrier:<name>``. Returns whether that changed anything."""
    if what != ALL and not what.startswith(CARRIER):
        _known(what)
    name = KILL if what == ALL else f"{KILL}:{what}"
    changed = _set(db, name, ON if stopped else OFF, by)
    if changed:
        _note(db, keys, by, "stop" if stopped else "start", {"what": what})
    return changed


def pause(db: Connection, keys: Keys, kind: str, by: By, *, reason: str = "") -> bool:
    """Hold what is new of a kind for a person until ``resume``. Returns whether it was not paused before."""
    if _known(kind, db).paused:
        return False
    _set_kind(db, kind, paused=True, pause_reason=(reason or f"paused by {by.who}")[:200])
    _note(db, keys, by, "pause", {"kind": kind, "reason": reason})
    return True


def resume(db: Connection, keys: Keys, kind: str, by: By) -> bool:
    """End a pause. Precision is measured anew from here on. Returns whether it was paused."""
    if not _known(kind, db).paused:
        return False
    _set_kind(db, kind, paused=False, pause_reason=None)
    _set(db, outcomes.RESUMED + kind, by.at.isoformat(), by)
    _note(db, keys, by, "resume", {"kind": kind})
    return True


def move(db: Connection, keys: Keys, kind: str, rung: str, by: By, *, force: bool = False) -> None:
    """Put a kind on a rung of the ladder: down at once, up one rung at a time and only with its floor kept.

    force: up without that, which the audit says. Raises ControlRefused.
    """
    known, rungs = _known(kind, db), list(LADDER)
    if rung not in LADDER:
        raise ControlRefused(f"{rung!r} is no rung. Allowed: {', '.join(LADDER)}. Nothing was changed.")
    steps = rungs.index(rung) - rungs.index(known.ladder)
    kept = outcomes.precision(db, known, by.at)
    if steps > 1 and not force:
        nearest = rungs[rungs.index(known.ladder) + 1]
        raise ControlRefused(
            f"{kind} is at {known.ladder}: the next rung is {nearest}, not {rung}. Nothing was changed. Move it there "
            "first, or say --force."
        )
    if steps > 0 and known.floor is not None and not force and (kept is None or kept.share < known.floor):
        found = "no outcome is known yet" if kept is None else f"it is {kept.share:.0%} of {kept.cases:,} cases"
        raise ControlRefused(
            f"{kind} must have kept a precision of {known.floor:.0%} in the last {outcomes.WINDOW_DAYS} days, and "
            f"{found}. Nothing was changed. Run learn for a later day, or say --force."
        )
    _set_kind(db, kind, ladder=rung)
    measured = None if kept is None else {"share": round(kept.share, 4), "cases": kept.cases}
    _note(
        db, keys, by, "ladder", {"kind": kind, "from": known.ladder, "to": rung, "precision": measured, "force": force}
    )


def budget(db: Connection, keys: Keys, kind: str, most: int | None, by: By) -> None:
    """At most so many notices of a kind a day; None: the policy's own."""
    _known(kind)
    if most is not None and most < 0:
        raise ControlRefused(f"a budget of {most} cannot be meant. Nothing was changed.")
    _set_kind(db, kind, budget=most)
    _note(db, keys, by, "budget", {"kind": kind, "most": most})


def rate(db: Connection, keys: Keys, currency: str, worth: float, by: By) -> None:
    """What one unit of a currency is worth in the money that the policy counts in."""
    if not worth > 0:
        raise ControlRefused(f"a rate of {worth} cannot be meant. Nothing was changed.")
    _set(db, RATE + currency, repr(worth), by)
    _note(db, keys, by, "rate", {"currency": currency, "worth": worth})


def release(
    db: Connection,
    keys: Keys,
    by: By,
    *,
    day: date | None = None,
    kind: str | None = None,
    notice_ids: Sequence[str] = (),
) -> int:
    """Let notices go that wait for a person: a day's of one kind (or of all), or those named. Returns how many.

    Only what is written, still waits and is not too late; it is looked at again before it goes, like any other.
    """
    if day is None and not notice_ids:
        raise ControlRefused("nothing is named to release: a day or notices. Nothing was changed.")
    joined = notices.join(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    wanted = [notices.c.state.in_(["HELD", "PROPOSED"]), notices.c.expires_at > by.at, deliveries.c.state == "READY"]
    wanted += [] if day is None else [notices.c.day == day]
    wanted += [] if kind is None else [notices.c.kind == kind]
    query = select(notices.c.notice_id).select_from(joined).where(and_(*wanted))
    if notice_ids:
        parts = [notices.c.notice_id.in_(chunk) for chunk in chunks(notice_ids)]
        query = query.where(or_(*parts))
    found = list(db.execute(query).scalars())
    for chunk in chunks(found):
        values = {"state": "APPROVED", "state_reason": f"released by {by.who}"[:200], "updated_at": by.at}
        db.execute(update(notices).where(notices.c.notice_id.in_(chunk)).values(**values))
    if found:
        what = {"day": day.isoformat() if day else None, "kind": kind, "notices": len(found), "named": list(notice_ids)}
        _note(db, keys, by, "release", what)
    return len(found)


def _known(kind: str, db: Connection | None = None) -> Any:
    """The kind as it stands (without a DB: as the policy has it). Raises ControlRefused for one that does not exist."""
    policy = Policy() if db is None else load_policy(db, Policy())
    if kind not in policy.kinds:
        raise ControlRefused(
            f"there is no kind {kind!r}. Allowed: {ALL}, {', '.join(sorted(policy.kinds))}, {CARRIER}NAME. "
            "Nothing was changed."
        )
    return policy.kinds[kind]


def _set_kind(db: Connection, kind: str, **values: Any) -> None:
    """Change the kind's row. A new one keeps the policy's rung: the column's own default would open it to all."""
    if db.execute(update(kinds).where(kinds.c.kind == kind).values(**values)).rowcount == 0:
        own = {"kind": kind, "ladder": Policy().kinds[kind].ladder, **values}
        db.execute(insert(kinds).values(**own))


def _set(db: Connection, name: str, value: str, by: By) -> bool:
    known = db.execute(select(control.c.value).where(control.c.name == name)).scalar()
    if (known or OFF) == value:
        return False
    rows.put(db, control, [{"name": name, "value": value, "changed_by": by.who, "changed_at": by.at}])
    return True


def _note(db: Connection, keys: Keys, by: By, action: str, detail: dict[str, Any]) -> None:
    said = {**detail, "note": by.note} if by.note else detail
    audit.append(db, keys, at=by.at, actor=by.who, action=action, detail=said)
