"""Stop and undo: one wish of one person about one kind, with the use of the link and an entry in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from console.recipients.links import STOP, UNDO, Followed
from notices.control import audit
from notices.keys import Keys
from notices.people import preferences
from notices.people.preferences import ALL_KINDS
from notices.state import token_use

MOST_UNDOS = 20  # of one link: a person changes their mind a few times, a machine for ever
ACTOR = "recipient"


@dataclass(frozen=True, slots=True)
class Wish:
    """What holds for the kind of a notice. ``undoable``: the person stopped it, and the link may take that back."""

    stopped: bool
    undoable: bool


def wish(db: Connection, keys: Keys, followed: Followed) -> Wish:
    """What the person wishes now."""
    person_id, kind = followed.told.recipient_id, followed.told.kind
    wishes = preferences.load(db, [person_id])
    for_all, for_kind = (wishes.get((person_id, which), preferences.DEFAULT) for which in (ALL_KINDS, kind))
    undos = _times(db, _use_id(keys, followed, UNDO))
    return Wish(for_all.muted or for_kind.muted, for_kind.muted and not for_all.muted and undos < MOST_UNDOS)


def stop(db: Connection, keys: Keys, followed: Followed, *, by: str, at: datetime) -> bool:
    """Mute this kind for this person. ``by``: page, or one_click (RFC 8058). Returns whether that changed anything.

    Runs inside the caller's writing transaction, as does ``undo``. Asked again, it changes nothing and writes nothing.
    """
    audit.lock(db)  # the same button pressed twice at once is one change
    told = followed.told
    changed = preferences.mute(db, told.recipient_id, told.kind, muted=True)
    if changed or _times(db, _use_id(keys, followed, STOP)) == 0:
        _note_use(db, keys, followed, STOP, by, at)
    if changed:
        _note_change(db, keys, followed, "mute", by, at)
    return changed


def undo(db: Connection, keys: Keys, followed: Followed, *, at: datetime) -> bool:
    """Allow the kind again, at most MOST_UNDOS times a link. Returns whether that changed anything."""
    audit.lock(db)
    if not wish(db, keys, followed).undoable:
        return False
    preferences.mute(db, followed.told.recipient_id, followed.told.kind, muted=False)
    _note_use(db, keys, followed, UNDO, "page", at)
    _note_change(db, keys, followed, "unmute", "page", at)
    return True


def _use_id(keys: Keys, followed: Followed, purpose: str) -> str:
    """Under which a link's use stands: it cannot be turned back into the link."""
    return keys.digest("token_use", purpose, followed.token.notice_id, followed.token.expires.isoformat())


def _times(db: Connection, token_id: str) -> int:
    detail = db.execute(select(token_use.c.detail).where(token_use.c.token_id == token_id)).scalar()
    return int(detail["times"]) if detail else 0


def _note_use(db: Connection, keys: Keys, followed: Followed, purpose: str, by: str, at: datetime) -> None:
    token_id = _use_id(keys, followed, purpose)
    times = _times(db, token_id)
    row = {"used_at": at, "detail": {"kind": followed.told.kind, "by": by, "times": times + 1}}
    if times:
        db.execute(update(token_use).where(token_use.c.token_id == token_id).values(**row))
    else:
        db.execute(insert(token_use).values(token_id=token_id, purpose=purpose, **row))


def _note_change(db: Connection, keys: Keys, followed: Followed, action: str, by: str, at: datetime) -> None:
    told = followed.told
    detail = {"kind": told.kind, "recipient_id": told.recipient_id, "notice_id": told.notice_id, "by": by}
    audit.append(db, keys, at=at, actor=ACTOR, action=action, detail=detail)
