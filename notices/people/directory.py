"""Who people are: sealed in the state DB, opened only to decide for them and to write to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select

from notices.keys import Keys
from notices.state import chunks, directory, writing

_THESE = select(directory).where(directory.c.person_id.in_(bindparam("ids", expanding=True)))


class PersonLike(Protocol):
    """What a source knows about a person: sources.source.Person is one."""

    @property
    def person_id(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def email(self) -> str | None: ...
    @property
    def locale(self) -> str: ...
    @property
    def time_zone(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...
    @property
    def consent(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One person. ``time_zone``: IANA or None; ``region``: ISO 3166-2 or None; ``email`` None: cannot be written to."""

    person_id: str
    role: str
    name: str | None
    email: str | None
    locale: str
    time_zone: str | None
    region: str | None
    consent: bool

    def __repr__(self) -> str:  # names and addresses never reach a log
        return f"Entry({self.person_id!r}, {self.role!r})"


def put(engine: Engine, keys: Keys, people: Iterable[PersonLike]) -> int:
    """Write people who are new or of whom something changed. Returns how many. Holds at most one chunk in memory."""
    written = 0
    for chunk in chunks(people):
        entries = {person.person_id: _entry(person) for person in chunk}
        with engine.connect() as db:
            known = find(db, keys, entries)
        news = [entry for entry in entries.values() if known.get(entry.person_id) != entry]
        if not news:
            continue
        with writing(engine) as db:
            db.execute(delete(directory).where(directory.c.person_id.in_([entry.person_id for entry in news])))
            db.execute(insert(directory), [_row(keys, entry) for entry in news])
        written += len(news)
    return written


def find(db: Connection, keys: Keys, person_ids: Iterable[str]) -> dict[str, Entry]:
    """The entries of these people, by id; an unknown id is simply absent."""
    found: dict[str, Entry] = {}
    for chunk in chunks(dict.fromkeys(person_ids)):
        for row in db.execute(_THESE, {"ids": chunk}).all():
            known = json.loads(keys.unseal(row.sealed))
            found[row.person_id] = Entry(person_id=row.person_id, role=row.role, **known)
    return found


def _entry(person: PersonLike) -> Entry:
    return Entry(
        person_id=person.person_id,
        role=person.role,
        name=person.name,
        email=person.email,
        locale=person.locale,
        time_zone=person.time_zone,
        region=person.region,
        consent=person.consent,
    )


def _row(keys: Keys, entry: Entry) -> dict[str, object]:
    kept = asdict(entry)
    identity = {"person_id": kept.pop("person_id"), "role": kept.pop("role")}
    return {**identity, "sealed": keys.seal(json.dumps(kept, ensure_ascii=False).encode())}
