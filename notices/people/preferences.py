"""What a person asked for: mute, snooze, quiet hours, digest hour; and addresses that must not be written to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select, update

from notices.keys import Keys
from notices.people.address import canonical
from notices.state import chunks, preferences, suppressions

ALL_KINDS = "*"
QUIET_START = 21
QUIET_END = 8
DIGEST_HOUR = 9


@dataclass(frozen=True, slots=True)
class Preference:
    """One person's wishes for one kind. Hours are local, 0 to 23; quiet_start == quiet_end: no quiet hours."""

    muted: bool = False
    snoozed_until: datetime | None = None
    quiet_start: int = QUIET_START
    quiet_end: int = QUIET_END
    digest_hour: int = DIGEST_HOUR


DEFAULT = Preference()


def load(db: Connection, person_ids: Iterable[str]) -> dict[tuple[str, str], Preference]:
    """Wishes by (person_id, kind); kind ``*`` holds what was said for all kinds. Nobody who said nothing is here."""
    found: dict[tuple[str, str], Preference] = {}
    for chunk in chunks(dict.fromkeys(person_ids)):
        for row in db.execute(select(preferences).where(preferences.c.person_id.in_(chunk))):
            found[(row.person_id, row.kind)] = Preference(
                muted=row.muted,
                snoozed_until=row.snoozed_until,
                quiet_start=QUIET_START if row.quiet_start is None else row.quiet_start,
                quiet_end=QUIET_END if row.quiet_end is None else row.quiet_end,
                digest_hour=DIGEST_HOUR if row.digest_hour is None else row.digest_hour,
            )
    return found


def of(wishes: dict[tuple[str, str], Preference], person_id: str, kind: str) -> Preference:
    """What holds for this kind: its own row's hours if there is one, and the stricter of both for mute and snooze."""
    general = wishes.get((person_id, ALL_KINDS))
    special = wishes.get((person_id, kind))
    if general is None or special is None:
        return special or general or DEFAULT
    snoozes = [until for until in (general.snoozed_until, special.snoozed_until) if until is not None]
    return Preference(
        muted=general.muted or special.muted,
        snoozed_until=max(snoozes, default=None),
        quiet_start=special.quiet_start,
        quiet_end=special.quiet_end,
        digest_hour=special.digest_hour,
    )


def save(db: Connection, person_id: str, kind: str, wish: Preference) -> None:
    """Replace what the person said for this kind (``*`` for all)."""
    db.execute(delete(preferences).where(preferences.c.person_id == person_id, preferences.c.kind == kind))
    db.execute(
        insert(preferences).values(
            person_id=person_id,
            kind=kind,
            muted=wish.muted,
            snoozed_until=wish.snoozed_until,
            quiet_start=wish.quiet_start,
            quiet_end=wish.quiet_end,
            digest_hour=wish.digest_hour,
        )
    )


def mute(db: Connection, person_id: str, kind: str, *, muted: bool) -> bool:
    """Stop or allow this kind (``*`` for all); every other wish stays. Returns whether that changed anything.

    A row that says nothing any more goes: its hours would stand before those that the person set for all kinds.
    """
    said = and_(preferences.c.person_id == person_id, preferences.c.kind == kind)
    changed = db.execute(update(preferences).where(said, preferences.c.muted != muted).values(muted=muted)).rowcount
    known = db.execute(select(preferences.c.kind).where(said)).first() is not None
    if muted and not known:
        db.execute(insert(preferences).values(person_id=person_id, kind=kind, muted=True))
        changed = 1
    if not muted:
        wishes = (preferences.c.snoozed_until, preferences.c.quiet_start, preferences.c.quiet_end)
        silent = [wish.is_(None) for wish in (*wishes, preferences.c.digest_hour)]
        db.execute(delete(preferences).where(said, preferences.c.muted.is_(False), *silent))
    return bool(changed)


def address_key(keys: Keys, address: str) -> str:
    """Under which an address stands in the suppression list: the list holds no address."""
    return keys.digest("suppression", canonical(address))


def suppress(db: Connection, keys: Keys, address: str, reason: str, at: datetime) -> None:
    """Never write to this address again. The first reason stays."""
    key = address_key(keys, address)
    known = db.execute(select(suppressions.c.address_key).where(suppressions.c.address_key == key)).first()
    if known is None:
        db.execute(insert(suppressions).values(address_key=key, reason=reason, at=at))


def suppressed(db: Connection, address_keys: Iterable[str]) -> dict[str, str]:
    """Which of these keys stand in the suppression list, with the reason."""
    found: dict[str, str] = {}
    for chunk in chunks(dict.fromkeys(address_keys)):
        query = select(suppressions.c.address_key, suppressions.c.reason).where(suppressions.c.address_key.in_(chunk))
        found.update((row.address_key, row.reason) for row in db.execute(query))
    return found
